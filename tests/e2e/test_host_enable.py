"""A host enforces after `vouchsafe host enable`: a real skopeo pulls what was countersigned and nothing else.

The machine dies by SIGKILL at every write of `enable`; a client then behaves as before, or it enforces.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.hosts import ACCEPT, OPEN_POLICY, OURS, REJECT, Host
from vouchsafe.countersign.authority import Authority
from vouchsafe.countersign.signature import payload, sigstore_blob
from vouchsafe.image.digest import Digest
from vouchsafe.policy import document
from vouchsafe.policy.compile import Host as Points
from vouchsafe.policy.compile import compile_policy
from vouchsafe.testing.registry import RegistryServer, push_image

pytestmark = pytest.mark.peers

ROOT = Path(__file__).resolve().parents[2]
BEFORE, ENFORCING = {"signed": True, "unsigned": True}, {"signed": True, "unsigned": False}
MOST_WRITES = 80

# `vouchsafe host …` in a process that kills itself in place of its Nth write.
DYING = """
import os, signal, sys
from tests.hosts import DyingDisk
from vouchsafe import cli
from vouchsafe.cli import host_wish

class Fatal(DyingDisk):
    def _spend(self):
        if self._left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1

class Target(host_wish.Target):
    def __init__(self, root):
        super().__init__(root)
        self.files = Fatal(self.files, int(sys.argv[1]))

from vouchsafe.cli import host_enable
host_enable.Target = Target
sys.exit(cli.main(sys.argv[2:]))
"""


class Machine(Host):
    """A host with a skopeo, a registry, and a countersignature for one of two images."""

    def __init__(self, folder: Path, registry: RegistryServer, skopeo: Path) -> None:
        super().__init__(folder / "root")
        self.outside = folder
        self.registry = registry
        self.skopeo = skopeo
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

    def vouchsafe(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The command, in a process of its own."""
        return subprocess.run(
            [sys.executable, "-m", "vouchsafe.cli", *words], capture_output=True, text=True, check=False
        )

    def dies(self, writes: int, *words: str) -> bool:
        """The command on a disk that dies after so many writes; whether it did."""
        done = subprocess.run(
            [sys.executable, "-c", DYING, str(writes), *words],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert done.returncode in {0, -signal.SIGKILL}, done.stderr
        return done.returncode != 0

    def pulls(self) -> dict[str, bool]:
        """Which of the images `skopeo copy` takes by what /etc/containers says now."""
        return {name: self.pull(f"acme/{name}") for name in self.images}

    def pull(self, repository: str) -> bool:
        """Whether one image is taken."""
        target = self.outside / "pulled"
        command: list[str | Path] = [
            self.skopeo,
            "--policy",
            self.folder / "etc/containers/policy.json",
            "--registries.d",
            self.folder / "etc/containers/registries.d",
            "copy",
            "--remove-signatures",
            "--src-tls-verify=false",
            f"docker://{self.registry.reference(repository)}",
            f"dir:{target}",
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0 or "ource image rejected" in done.stderr, done.stderr
        return done.returncode == 0


@pytest.fixture
def machine(tmp_path: Path, skopeo: Path) -> Iterator[Machine]:
    """A host that is about to enforce."""
    with RegistryServer() as registry:
        (tmp_path / "root").mkdir()
        yield Machine(tmp_path, registry, skopeo)


def test_enable_status_disable(machine: Machine) -> None:
    """Open, enforcing, open again; and the files are what they were."""
    before = machine.tree()
    assert machine.pulls() == BEFORE
    enabled = machine.vouchsafe("host", "enable", *machine.flags)
    assert (enabled.returncode, enabled.stderr) == (0, "")
    assert machine.pulls() == ENFORCING
    assert machine.vouchsafe("host", "status", "--root", str(machine.folder)).returncode == 0
    assert machine.vouchsafe("host", "disable", "--root", str(machine.folder)).returncode == 0
    assert (machine.pulls(), machine.tree()) == (BEFORE, before)


def test_other_names_of_a_host_are_refused(machine: Machine) -> None:
    """A scope is compared letter by letter; with a strict default another spelling is no way in."""
    push_image(machine.registry.store, "open/image")
    machine.vouchsafe("host", "enable", *machine.flags)
    port = machine.registry.port
    assert machine.pull("open/image")
    done = subprocess.run(
        [
            machine.skopeo,
            "--policy",
            machine.folder / "etc/containers/policy.json",
            "copy",
            "--src-tls-verify=false",
            f"docker://LOCALHOST:{port}/acme/unsigned:v1",
            f"dir:{machine.outside}/other",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "rejected by policy" in done.stderr) == (1, True), done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("action", ["enable", "disable"])
def test_killed_at_every_write(machine: Machine, action: str) -> None:
    """At once it is as before or as after, for a real client; recovery makes the files so to the letter."""
    there = ["host", "enable", *machine.flags]
    back = ["host", "disable", "--root", str(machine.folder)]
    if action == "disable":
        machine.vouchsafe(*there)
        there, back = back, there
    before, start = machine.tree(), machine.pulls()
    other = ENFORCING if start == BEFORE else BEFORE
    seen = []
    for writes in range(MOST_WRITES):
        died = machine.dies(writes, *there)
        now = machine.pulls()
        assert now in (start, other)
        recovered = machine.vouchsafe("host", "recover", "--root", str(machine.folder))
        assert (recovered.returncode, machine.pulls()) == (0, now), recovered.stderr
        seen.append(now)
        if now == other:
            assert machine.vouchsafe(*back).returncode == 0
        assert without_time(machine.tree()) == without_time(before)
        if not died:
            break
    assert not died
    assert min(seen.count(start), seen.count(other)) > 5
    assert seen == sorted(seen, key=lambda pulls: pulls == other)


def without_time(tree: dict[str, tuple[int, bytes | str]]) -> dict[str, tuple[int, bytes | str]]:
    """Files but for since when they are in force."""
    return {name: found for name, found in tree.items() if not name.endswith("applied.json")}
