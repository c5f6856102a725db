"""A namespace's policy for CRI-O, with the clients that read the same library: there is no CRI-O in Debian."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli_lab import Ended, run
from tests.countersigning import Machine, Running, Skopeo
from vouchsafe.testing.pull_cases import layer
from vouchsafe.testing.registry import RegistryServer

pytestmark = pytest.mark.peers

NAMESPACE = "etc/crio/policies/team-a.json"


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A host in the form for CRI-O, that accepts acme/app in two repositories."""
    with RegistryServer() as registry:
        made = Machine(tmp_path, registry)
        made.form = "key"
        made.apply({made.name(): [made.keyless()], made.name("acme/other"): [made.keyless()]})
        yield made
        made.close()


def compiled(machine: Machine, *words: str) -> Ended:
    """The command on that machine."""
    return run("policy", "crio", "team-a", "--root", machine.folder, *words)


def test_what_a_namespace_may_pull(machine: Machine, skopeo: Path) -> None:
    """Signed images of its scope; not unsigned ones, nor those of another scope that the host accepts."""
    machine.sign(machine.image())
    machine.image(tag="unsigned", content=b"u")
    machine.sign(machine.image("acme/other"), "acme/other")
    assert compiled(machine, "--scope", machine.name(), "--write").code == 0
    host_policy = (machine.folder / "etc/containers/policy.json").read_bytes()
    with Running(machine):
        assert Skopeo(skopeo, machine).pull(f"{machine.name('acme/other')}:v1") == (0, "")
        pulls = Pulls(skopeo, machine)
        assert pulls.pull(f"{machine.name()}:v1")
        assert not pulls.pull(f"{machine.name()}:unsigned")
        assert not pulls.pull(f"{machine.name('acme/other')}:v1")
    assert (machine.folder / "etc/containers/policy.json").read_bytes() == host_policy


class Pulls:
    """A client under the namespace's policy; the host's own stays in force for the countersigner."""

    def __init__(self, program: Path, machine: Machine) -> None:
        self._program = program
        self._machine = machine
        self._made = 0

    def pull(self, image: str) -> bool:
        """Whether it is taken."""
        self._made += 1
        containers = self._machine.folder / "etc/containers"
        done = subprocess.run(
            [
                self._program,
                *(
                    "--policy",
                    self._machine.folder / NAMESPACE,
                    "--registries.d",
                    containers / "registries.d",
                ),
                *("--registries-conf", containers / "registries.conf"),
                *("copy", "--remove-signatures", "--src-tls-verify=false", f"docker://{image}"),
                f"dir:{self._machine.folder}/pulled-{self._made}",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0 or "ource image rejected" in done.stderr or "keyPath" in done.stderr, (
            done.stderr
        )
        return done.returncode == 0


def test_keys_change_with_the_policy(machine: Machine, skopeo: Path) -> None:
    """What was written for an older policy refuses, until it is compiled anew and pulled again."""
    machine.sign(machine.image())
    assert compiled(machine, "--write").code == 0
    pulls = Pulls(skopeo, machine)
    with Running(machine):
        assert pulls.pull(f"{machine.name()}:v1")
        machine.edit({machine.name(): [machine.keyless(), machine.keyless()]})
        assert compiled(machine, "--write").code == 78
        machine.apply()
        assert not pulls.pull(f"{machine.name()}:v1")
        assert compiled(machine, "--write").code == 0
        assert pulls.pull(f"{machine.name()}:v1")


def test_podman_reads_it_too(machine: Machine, podman: Path) -> None:
    """The same library, another client: into a storage of its own."""
    machine.sign(machine.image(content=layer(b"signed")))
    machine.image(tag="unsigned", content=layer(b"unsigned"))
    assert compiled(machine, "--write").code == 0
    home = machine.folder / "home"
    (home / ".config").mkdir(parents=True)
    (home / ".config/containers").symlink_to(machine.folder / "etc/containers")
    with Running(machine):
        ended = [
            subprocess.run(
                [
                    podman,
                    *("--root", machine.folder / "storage", "--runroot", machine.folder / "runroot"),
                    *("--storage-driver", "vfs", "pull", "--quiet", "--tls-verify=false"),
                    *("--signature-policy", machine.folder / NAMESPACE, f"{machine.name()}:{tag}"),
                ],
                capture_output=True,
                text=True,
                check=False,
                env={"PATH": "/usr/bin:/bin", "HOME": str(home)},
            )
            for tag in ("v1", "unsigned")
        ]
    assert [each.returncode == 0 for each in ended] == [True, False], ended
    assert "vouchsafe: rejected: unsigned" in ended[1].stderr


def test_what_is_written(machine: Machine) -> None:
    """Nothing without --write; a dry run shows it; somebody else's file stays until it is said otherwise."""
    printed = compiled(machine)
    assert (printed.code, (machine.folder / NAMESPACE).exists()) == (0, False)
    assert json.loads(printed.out)["default"] == [{"type": "reject"}]
    dry = compiled(machine, "--write", "--dry-run")
    assert (dry.code, (machine.folder / NAMESPACE).exists()) == (0, False)
    assert "create /etc/crio/policies/team-a.json" in dry.out
    machine.write(NAMESPACE, '{"default": [{"type": "insecureAcceptAnything"}]}')
    refused = compiled(machine, "--write", "-o", "json")
    assert (refused.code, json.loads(refused.out)["written"]) == (1, False)
    assert [each["code"] for each in json.loads(refused.out)["objections"]] == ["crio-foreign"]
    assert compiled(machine, "--write", "--overwrite-edits").code == 0
    assert (machine.folder / NAMESPACE).read_text() == printed.out
    assert (machine.folder / NAMESPACE).stat().st_mode & 0o777 == 0o644
    assert compiled(machine, "--write").out == "nothing to change\n"


@pytest.mark.parametrize("name", ["../../containers/policy", "A", "a/b", ""])
def test_a_name_that_is_no_namespace(machine: Machine, name: str) -> None:
    """64, and nothing is written."""
    ended = run("policy", "crio", name, "--write", "--root", machine.folder)
    assert (ended.code, (machine.folder / "etc/crio").exists()) == (64, False)


def test_a_host_in_another_form(machine: Machine) -> None:
    """Says what to do."""
    machine.form = "pki"
    machine.apply()
    ended = compiled(machine)
    assert (ended.code, "vouchsafe host enable --form key" in ended.err) == (78, True)
