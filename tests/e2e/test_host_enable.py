"""A host enforces after `vouchsafe host enable`: a real skopeo pulls what was countersigned and nothing else.

The machine dies by SIGKILL at every write of `enable`, and in the middle of each; a client then behaves as
before, or it enforces.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.hosts import ACCEPT, OPEN_POLICY, OURS, REJECT, Host
from tests.nursery import Ended, Nursery
from tests.pulls import Pulls, Skopeo
from vouchsafe.countersign.authority import Authority
from vouchsafe.countersign.signature import payload, sigstore_blob
from vouchsafe.image.digest import Digest
from vouchsafe.policy import document
from vouchsafe.policy.compile import Host as Points
from vouchsafe.policy.compile import compile_policy
from vouchsafe.testing.registry import RegistryServer, push_image

pytestmark = pytest.mark.peers

BEFORE, ENFORCING = {"signed": True, "unsigned": True}, {"signed": True, "unsigned": False}
MOST_WRITES = 80
FEWEST = {"write": 6, "rename": 2}  # steps on either side of the turn


class Machine(Host):
    """A host with a skopeo, a registry, and a countersignature for one of two images."""

    def __init__(self, folder: Path, registry: RegistryServer, client: Skopeo, nursery: Nursery) -> None:
        super().__init__(folder / "root")
        self.outside = folder
        self.registry = registry
        self.client = client
        self.nursery = nursery
        self.tried: dict[object, dict[str, bool]] = {}
        self.authority = Authority.make("machine", at=datetime.now(UTC))
        (folder / "ca.crt").write_bytes(self.authority.certificate_pem)
        self.images = {
            name: push_image(registry.store, f"acme/{name}", content=name.encode())
            for name in ("signed", "unsigned")
        }
        self.write("/etc/containers/policy.json", OPEN_POLICY)
        scopes = {f"{registry.address}/acme": [OURS], f"{registry.address}/open": [ACCEPT]}
        self.write(
            "/etc/vouchsafe/policy.json", json.dumps({"default": [REJECT], "transports": {"docker": scopes}})
        )
        self.countersign("signed", self.images["signed"])

    @property
    def flags(self) -> list[str]:
        """How the host is enabled: with a lookaside of files, because nothing is running."""
        where = ["--lookaside", f"file://{self.outside}/lookaside", "--ca", f"{self.outside}/ca.crt"]
        return ["--root", str(self.folder), "--without-units", *where]

    def countersign(self, name: str, digest: Digest) -> None:
        """What the countersigner would answer."""
        policy = document.parse(
            self.read("/etc/vouchsafe/policy.json").encode(), dialect="vouchsafe", source="policy.json"
        )
        points = Points(ca_path=f"{self.outside}/ca.crt", lookaside="file:///")
        (ours,) = compile_policy(policy, points).countersigned
        now = datetime.now(UTC)
        leaf = self.authority.issue((ours.marker,), at=now)
        repository = f"{self.registry.address}/acme/{name}"
        place = self.outside / "lookaside" / self.registry.address / f"acme/{name}@sha256={digest.hex}"
        place.mkdir(parents=True, exist_ok=True)
        blob = sigstore_blob(payload(digest, repository, now), leaf, self.authority.certificate_pem)
        (place / "signature-1").write_bytes(blob)

    def vouchsafe(self, *words: str) -> Ended:
        """The command, in a process of its own."""
        return self.nursery.run(*words)

    def dies(self, at: str, number: int, *words: str) -> bool:
        """Whether the command is killed before it is done: at which write or rename."""
        ended = self.nursery.run(*words, dies=(at, number))
        assert ended.was_killed or ended.status == 0, ended.errors
        return ended.was_killed

    def read_by_clients(self) -> object:
        """All that decides a pull, as a client reads it: through links, and what is not there."""
        containers = self.folder / "etc/containers"
        names = sorted(containers.glob("registries.d/*"))
        return tuple((path.name, _content(path)) for path in (containers / "policy.json", *names))

    def pulls(self) -> dict[str, bool]:
        """Which of the images `skopeo copy` takes by what /etc/containers says now; asked once for each state."""
        state = self.read_by_clients()
        if state not in self.tried:
            self.tried[state] = {name: self.pull(f"acme/{name}") for name in self.images}
        return self.tried[state]

    def pull(self, repository: str) -> bool:
        """Whether one image is taken."""
        image = self.registry.reference(repository)
        pulled, said = self.client.pull(image)
        assert pulled or self.client.blames_policy(said), said
        self.client.pulls.note(self.client.name, image, said, pulled=pulled, allowed=pulled)
        return pulled


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    """Forks commands."""
    with Nursery() as made:
        yield made


@pytest.fixture
def machine(tmp_path: Path, skopeo: Path, nursery: Nursery, pulls: Pulls) -> Iterator[Machine]:
    """A host that is about to enforce."""
    client = Skopeo(skopeo, tmp_path / "root/etc/containers", tmp_path, pulls)
    with RegistryServer() as registry:
        yield Machine(tmp_path, registry, client, nursery)


def test_enable_status_disable(machine: Machine) -> None:
    """Open, enforcing, open again; and the files are what they were."""
    before = machine.tree()
    assert machine.pulls() == BEFORE
    enabled = machine.vouchsafe("host", "enable", *machine.flags)
    assert (enabled.status, enabled.errors) == (0, "")
    assert machine.pulls() == ENFORCING
    assert machine.vouchsafe("host", "status", "--root", str(machine.folder)).status == 0
    assert machine.vouchsafe("host", "disable", "--root", str(machine.folder)).status == 0
    assert (machine.pulls(), machine.tree()) == (BEFORE, before)


def test_as_documents(machine: Machine) -> None:
    """What a program reads at each step; `Nursery.run` holds it against the schema."""

    def said(action: str, *words: str) -> Any:
        ended = machine.vouchsafe("host", action, *words, "-o", "json")
        assert ended.status == 0, ended.errors
        return json.loads(ended.output)

    root = ("--root", str(machine.folder))
    assert said("plan", *machine.flags)["possible"]
    assert said("enable", *machine.flags, "--dry-run")["possible"]
    assert said("enable", *machine.flags)["outcome"] == "enforcing"
    assert (said("status", *root)["status"], machine.pulls()) == ("enforcing", ENFORCING)
    assert said("recover", *root)["outcome"] == "nothing"
    assert said("disable", *root, "--dry-run")["outcome"] == "planned"
    assert said("disable", *root)["outcome"] == "disabled"


def test_other_names_of_a_host_are_refused(machine: Machine) -> None:
    """A scope is compared letter by letter; with a strict default another spelling is no way in."""
    push_image(machine.registry.store, "open/image")
    machine.vouchsafe("host", "enable", *machine.flags)
    machine.client.accepts(machine.registry.reference("open/image"))
    capitals = f"LOCALHOST:{machine.registry.port}/acme/unsigned:v1"
    machine.client.refuses(capitals, says="rejected by policy")


@pytest.mark.parametrize("at", ["write", "rename"])
@pytest.mark.parametrize("action", ["enable", "disable"])
def test_killed_at_every_write(machine: Machine, action: str, at: str) -> None:
    """At once it is as before or as after, for a real client; recovery makes the files so to the letter."""
    there = ["host", "enable", *machine.flags]
    back = ["host", "disable", "--root", str(machine.folder)]
    if action == "disable":
        machine.vouchsafe(*there)
        there, back = back, there
    before, start = machine.tree(), machine.pulls()
    other = ENFORCING if start == BEFORE else BEFORE
    seen = []
    for number in range(MOST_WRITES):
        died = machine.dies(at, number, *there)
        now = machine.pulls()
        assert now in (start, other)
        recovered = machine.vouchsafe("host", "recover", "--root", str(machine.folder))
        assert (recovered.status, machine.pulls()) == (0, now), recovered.errors
        seen.append(now)
        if now == other:
            assert machine.vouchsafe(*back).status == 0
        assert without_time(machine.tree()) == without_time(before)
        if not died:
            break
    assert not died
    assert min(seen.count(start), seen.count(other)) >= FEWEST[at]
    assert seen == sorted(seen, key=lambda pulls: pulls == other)


def without_time(tree: dict[str, tuple[int, bytes | str]]) -> dict[str, tuple[int, bytes | str]]:
    """Files but for since when they are in force."""
    return {name: found for name, found in tree.items() if not name.endswith("applied.json")}
