"""A namespace's policy for CRI-O, with the clients that read the same library: there is no CRI-O in Debian."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli_lab import Ended, run
from tests.countersigning import Machine, Running
from tests.pulls import Client, Podman, Pulls, Skopeo
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


def namespace(client: Client) -> Path:
    """Its policy, on the host whose files the client reads."""
    containers = (client.home / ".config/containers").resolve()
    return containers.parent.parent / NAMESPACE


class OfNamespace(Skopeo):
    """A client under the namespace's policy; the host's own stays in force for the countersigner."""

    name = "skopeo copy, for a namespace"

    def command(self, image: str, *options: str) -> list[Any]:
        program, *words = super().command(image, *options)
        return [program, "--policy", namespace(self), *words]

    def blames_policy(self, said: str) -> bool:
        """Also for want of its key."""
        return super().blames_policy(said) or "keyPath" in said


class PodmanOfNamespace(Podman):
    """The same library, another client."""

    name = "podman pull, for a namespace"

    def command(self, image: str, *options: str) -> list[Any]:
        return super().command(image, "--signature-policy", str(namespace(self)), *options)


def test_what_a_namespace_may_pull(machine: Machine, skopeo: Path, pulls: Pulls) -> None:
    """Signed images of its scope; not unsigned ones, nor those of another scope that the host accepts."""
    machine.sign(machine.image())
    machine.image(tag="unsigned", content=b"u")
    machine.sign(machine.image("acme/other"), "acme/other")
    assert compiled(machine, "--scope", machine.name(), "--write").code == 0
    host_policy = (machine.folder / "etc/containers/policy.json").read_bytes()
    host = machine.client(Skopeo, skopeo, pulls)
    client = machine.client(OfNamespace, skopeo, pulls)
    with Running(machine):
        host.accepts(f"{machine.name('acme/other')}:v1")
        client.accepts(f"{machine.name()}:v1")
        client.refuses(f"{machine.name()}:unsigned")
        client.refuses(f"{machine.name('acme/other')}:v1")
    assert (machine.folder / "etc/containers/policy.json").read_bytes() == host_policy


def test_keys_change_with_the_policy(machine: Machine, skopeo: Path, pulls: Pulls) -> None:
    """What was written for an older policy refuses, until it is compiled anew and pulled again."""
    machine.sign(machine.image())
    assert compiled(machine, "--write").code == 0
    client = machine.client(OfNamespace, skopeo, pulls)
    with Running(machine):
        client.accepts(f"{machine.name()}:v1")
        machine.edit({machine.name(): [machine.keyless(), machine.keyless()]})
        assert compiled(machine, "--write").code == 78
        machine.apply()
        client.refuses(f"{machine.name()}:v1")
        assert compiled(machine, "--write").code == 0
        client.accepts(f"{machine.name()}:v1")


def test_podman_reads_it_too(machine: Machine, podman: Path, pulls: Pulls) -> None:
    """The same library, another client: into a storage of its own."""
    machine.sign(machine.image(content=b"signed"))
    machine.image(tag="unsigned", content=b"unsigned")
    assert compiled(machine, "--write").code == 0
    client = machine.client(PodmanOfNamespace, podman, pulls)
    with Running(machine):
        client.accepts(f"{machine.name()}:v1")
        client.refuses(f"{machine.name()}:unsigned", says="vouchsafe: rejected: unsigned")


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
