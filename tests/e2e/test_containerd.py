"""A real containerd pulls what our policy accepts and refuses the rest, because of us, by both ways to pull.

`ctr images pull` goes through the transfer service, and CRI's PullImage is what a kubelet sends.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from tests.containerd_lab import Containerd, Pulled
from tests.countersigning import Machine, Running
from tests.hosts import ACCEPT
from vouchsafe import wiring
from vouchsafe.host.containerd import guard, settings
from vouchsafe.image.digest import Digest
from vouchsafe.policy.revocation import Tombstone
from vouchsafe.testing.pull_cases import layer
from vouchsafe.testing.registry import RegistryServer, push_index
from vouchsafe.testing.workload import gitlab
from vouchsafe.wiring import machine as machines

pytestmark = pytest.mark.peers

FEATURE = gitlab(project_path="acme/app", ref="refs/heads/feature")
Pull = Callable[[str], Pulled]


class Node:
    """A host with a policy for `acme`, and a containerd that is told to ask it by the file that we ship."""

    def __init__(self, machine: Machine, containerd: Containerd) -> None:
        self.machine = machine
        self.containerd = containerd

    def image(self, repository: str) -> Digest:
        """An unsigned image that can be unpacked."""
        return self.machine.image(repository, content=layer(repository.encode()))

    def name(self, repository: str) -> str:
        """As somebody asks for it."""
        return f"{self.machine.name(repository)}:v1"

    def ways(self) -> tuple[Pull, ...]:
        """Both ways to pull."""
        return (self.containerd.transfer, self.containerd.cri)

    def pulls(self, repository: str) -> list[Pulled]:
        """By both ways."""
        return [pull(self.name(repository)) for pull in self.ways()]


@pytest.fixture(scope="session")
def booted(tmp_path_factory: pytest.TempPathFactory, containerd_program: Path) -> Iterator[Node]:
    """One containerd for all."""
    folder = tmp_path_factory.mktemp("containerd")
    with RegistryServer() as registry, Containerd(folder / "node", containerd_program) as containerd:
        machine = Machine(folder / "host", registry, below_root=True)
        yield Node(machine, containerd)
        machine.close()


@pytest.fixture
def node(booted: Node) -> Node:
    """With our verifier, and a policy that accepts acme's main branch."""
    shutil.rmtree(booted.containerd.bin_dir)
    booted.containerd.bin_dir.mkdir()
    booted.containerd.ask_vouchsafe(booted.machine.folder)
    (booted.machine.folder / "etc/vouchsafe/host/applied.json").unlink(missing_ok=True)
    booted.machine.edit({f"{booted.machine.registry.address}/acme": [booted.machine.keyless()]})
    return booted


def refused(pulls: list[Pulled], code: str) -> bool:
    """Each of them, by us, with this code where a person sees it."""
    return all(not each.ok and f"vouchsafe: {code}: " in each.said for each in pulls)


def test_what_is_signed_is_pulled_and_the_rest_is_not(node: Node) -> None:
    """A bundle, a `.sig`; nothing, somebody else's, and what no scope names."""
    node.machine.bundle(node.image("acme/bundle"), "acme/bundle")
    assert [each.ok for each in node.pulls("acme/bundle")] == [True, True]
    node.machine.sign(node.image("acme/legacy"), "acme/legacy")
    assert node.containerd.cri(node.name("acme/legacy")).ok
    node.image("acme/unsigned")
    assert refused(node.pulls("acme/unsigned"), "rejected: unsigned")
    node.machine.bundle(node.image("acme/feature"), "acme/feature", FEATURE)
    assert refused([node.containerd.cri(node.name("acme/feature"))], "rejected: identity")
    node.image("elsewhere/app")
    assert refused([node.containerd.transfer(node.name("elsewhere/app"))], "rejected: policy-rejects")


def test_a_list_is_judged_as_what_it_is(node: Node) -> None:
    """Signed it speaks for its instances, which containerd takes by their digests; not the other way round."""
    store = node.machine.registry.store
    signed, _ = push_index(store, "acme/list", contents=layer)
    node.machine.bundle(signed, "acme/list")
    assert [each.ok for each in node.pulls("acme/list")] == [True, True]
    _, instances = push_index(store, "acme/parts", contents=lambda name: layer(b"p" + name))
    for digest in instances.values():
        node.machine.bundle(digest, "acme/parts")
    assert refused([node.containerd.cri(node.name("acme/parts"))], "rejected: unsigned")
    by_digest = f"{node.machine.name('acme/parts')}@{instances['amd64']}"
    assert node.containerd.cri(by_digest).ok


def test_names_that_containerd_reads_otherwise(node: Node, tmp_path: Path) -> None:
    """The first word is a host to containerd: `group/app` is not what a policy calls docker.io/group/app."""
    node.machine.edit({"docker.io": [node.machine.keyless()], node.machine.registry.address: [ACCEPT]})
    node.machine.bundle(node.image("app"), "app")
    (tmp_path / "group").mkdir()
    (tmp_path / "group/hosts.toml").write_text(f'server = "http://{node.machine.registry.address}"\n')
    pulled = node.containerd.transfer("group/app:v1", "--hosts-dir", str(tmp_path))
    assert refused([pulled], "rejected: containerd-question")
    port = node.machine.registry.port
    pulled = node.containerd.transfer(f"LOCALHOST:{port}/app:v1", "--plain-http")
    assert refused([pulled], "rejected: policy-rejects")
    assert node.containerd.transfer(node.name("app")).ok


def test_by_the_countersigner_or_without_it(node: Node) -> None:
    """Resident it answers; gone, the verifier judges by itself; a policy that is edited and not applied is no yes."""
    scope = f"{node.machine.registry.address}/acme"
    node.machine.apply({scope: [node.machine.keyless()]})
    node.machine.bundle(node.image("acme/resident"), "acme/resident")
    node.image("acme/stranger")
    signed, unsigned = node.name("acme/resident"), node.name("acme/stranger")
    with Running(node.machine, verdicts=True) as service:
        assert node.containerd.transfer(signed).ok
        assert refused([node.containerd.cri(unsigned)], "rejected: unsigned")
        outcomes = [each.get("VOUCHSAFE_OUTCOME") for each in service.journal.entries]
        assert [each for each in outcomes if each] == ["accepted", "rejected"]
    assert node.containerd.cri(signed).ok
    assert refused([node.containerd.cri(unsigned)], "rejected: unsigned")
    node.machine.edit({node.machine.registry.address: [node.machine.keyless()]})
    assert refused([node.containerd.cri(signed)], "undecided: not-applied")


@pytest.mark.parametrize("is_resident", [False, True], ids=["alone", "resident"])
def test_a_scope_that_accepts_anything(node: Node, is_resident: bool) -> None:
    """An exemption must name the image: a default, or docker:"", is where another spelling would lead to."""
    address = node.machine.registry.address
    digest = node.image("open/app")
    cases: tuple[tuple[dict[str, Any], dict[str, Any], str], ...] = (
        ({f"{address}/open": [ACCEPT]}, {}, ""),
        ({f"{address}/open": [ACCEPT, node.machine.keyless()]}, {}, "rejected: unsigned"),
        ({"": [ACCEPT]}, {}, "rejected: "),
        ({}, {"default": [ACCEPT]}, "rejected: "),
    )
    for scopes, more, code in cases:
        node.machine.apply({f"{address}/acme": [node.machine.keyless()], **scopes}, **more)
        with Running(node.machine, verdicts=True) if is_resident else nullcontext():
            pulled = node.containerd.transfer(node.name("open/app"))
        assert pulled.ok is not bool(code), pulled.said
        assert f"vouchsafe: {code}" in pulled.said or not code
    node.machine.apply({f"{address}/open": [ACCEPT]})
    stone = Tombstone(at=node.machine.clock.now(), reason="leaked", digest=digest)
    tombstones = Path(node.machine.places.tombstones)
    tombstones.write_bytes(stone.line())
    assert refused([node.containerd.cri(node.name("open/app"))], "rejected: revoked")
    tombstones.unlink()


@pytest.mark.parametrize(
    "spoil, code",
    [
        (lambda host: (host / "etc/vouchsafe/policy.json").unlink(), "policy-missing"),
        (lambda host: (host / "etc/vouchsafe/policy.json").write_text("{"), "policy-"),
        (lambda host: (host / "etc/vouchsafe/policy.json").chmod(0o666), "file-writable"),
    ],
    ids=["absent", "broken", "writable"],
)
def test_without_a_policy_nothing_is_pulled(node: Node, spoil: Callable[[Path], None], code: str) -> None:
    """Not even what is signed."""
    node.machine.bundle(node.image("acme/policy"), "acme/policy")
    spoil(node.machine.folder)
    pulled = node.containerd.transfer(node.name("acme/policy"))
    assert not pulled.ok
    assert f"vouchsafe: undecided: {code}" in pulled.said
    (node.machine.folder / "etc/vouchsafe/policy.json").unlink(missing_ok=True)


@pytest.mark.parametrize(
    "script",
    [
        "#!/bin/sh\nkill -9 $$\n",
        "#!/bin/sh\nexit 2\n",
        "#!/nowhere/python\n",
        "not a program",
    ],
    ids=["killed", "undecided", "no-interpreter", "garbage"],
)
def test_a_verifier_that_breaks_refuses(node: Node, script: str) -> None:
    """By both ways."""
    node.image("acme/broken")
    node.containerd.verifier(script)
    assert [each.ok for each in node.pulls("acme/broken")] == [False, False]


def test_vouchsafe_that_is_gone_or_was_not_told_refuses(node: Node) -> None:
    """The program that we ship says that it cannot find the other one."""
    node.image("acme/gone")
    (node.containerd.folder / "python").unlink()
    assert refused(node.pulls("acme/gone"), "undecided: internal")


def test_what_the_verifier_is_given(node: Node, tmp_path: Path) -> None:
    """containerd's libraries come first in what it hands on; the program that we ship takes that back."""
    node.image("acme/given")
    seen = tmp_path / "seen"
    record = f'{{ printf "%s\\n" "$@"; env; }} > {seen}\necho refused\nexit 1\n'
    node.containerd.verifier(f"#!/bin/sh\n{record}")
    assert not node.containerd.transfer(node.name("acme/given")).ok
    said = seen.read_text().splitlines()
    assert said[:5:2] == ["-name", "-digest", "-stdin-media-type"]
    assert f"LD_LIBRARY_PATH={node.containerd.folder}/opt/lib:" in said
    node.containerd.ask_vouchsafe(node.machine.folder)
    (node.containerd.folder / "python").write_text(f"#!/bin/sh\n{record}")
    assert not node.containerd.transfer(node.name("acme/given")).ok
    said = seen.read_text().splitlines()
    assert said[:4] == ["-I", "-c", "from vouchsafe.plugin.verifier import main; main()", "-name"]
    assert not [line for line in said if line.startswith("LD_LIBRARY_PATH=") or "/opt/bin" in line]


def test_an_empty_folder_allows_and_the_guard_says_so(node: Node, containerd_program: Path) -> None:
    """The hole that everything else stands on: with ours in it the guard has nothing to say."""
    node.image("acme/empty")
    assert not node.containerd.transfer(node.name("acme/empty")).ok
    assert guarded(node.containerd, containerd_program) == []
    (node.containerd.bin_dir / "vouchsafe").unlink()
    assert [each.ok for each in node.pulls("acme/empty")] == [True, True]
    assert guarded(node.containerd, containerd_program) == ["containerd-bin-dir-empty"]
    node.containerd.bin_dir.rmdir()
    node.image("acme/none")
    assert node.containerd.transfer(node.name("acme/none")).ok
    assert guarded(node.containerd, containerd_program) == ["containerd-bin-dir-missing"]


def guarded(containerd: Containerd, program: Path) -> list[str]:
    """What the guard refuses, asking the real program."""
    host = wiring.host({"PATH": "/usr/bin:/bin"}, uid=0)
    found = settings.ask(machines.programs(host), str(program), str(containerd.main))
    objections = guard.objections(found, machines.files())
    return [each.code for each in objections if each.severity == "refuses"]
