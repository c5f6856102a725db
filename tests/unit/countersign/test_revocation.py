"""A tombstone outranks everything, covers an index's instances, and is lost with nothing but its own file."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.countersigning import MAIN, Counter, Machine
from vouchsafe.errors import HostError
from vouchsafe.image.digest import Digest
from vouchsafe.policy.revocation import Tombstone, Tombstones, read
from vouchsafe.testing.clock import VIRTUAL_NOON, VirtualClock
from vouchsafe.testing.workload import gitlab

DIGEST = Digest.of(b"an image")
DEV = "https://gitlab.example/acme/app//.gitlab-ci.yml@refs/heads/dev"


def revoke(machine: Machine, **stone: Any) -> None:
    """As the command does."""
    made = Tombstone(at=machine.clock.now(), reason="leaked", **stone)
    path = machine.folder / "state/revoked"
    machine.write("state/revoked", (path.read_bytes() if path.exists() else b"") + made.line())


@pytest.mark.parametrize(
    "stone",
    [
        Tombstone(at=VIRTUAL_NOON, digest=DIGEST),
        Tombstone(at=VIRTUAL_NOON, digest=DIGEST, covers=frozenset({Digest.of(b"1"), Digest.of(b"2")})),
        Tombstone(at=VIRTUAL_NOON, identity=MAIN, reason='the "key"\n leaked – twice'),
        Tombstone(at=VIRTUAL_NOON, before=VIRTUAL_NOON),
        Tombstone(at=VIRTUAL_NOON, identity=MAIN, before=VIRTUAL_NOON),
    ],
)
def test_a_tombstone_is_read_as_it_was_written(stone: Tombstone) -> None:
    """One line each."""
    assert (stone, stone) == read(stone.line() * 2).stones


@pytest.mark.parametrize(
    "blob",
    [
        b"{}\n",
        b"\n",
        b"[]\n",
        b'{"at":"2026-11-01T00:00:00Z","reason":""}\n',
        b'{"at":"yesterday","identity":"x","reason":""}\n',
        b'{"at":"2026-11-01T00:00:00Z","identity":"x","surprise":1}\n',
        b'{"at":"2026-11-01T00:00:00Z","digest":"sha256:short"}\n',
        b'{"at":"2026-11-01T00:00:00Z","digest":7}\n',
        Tombstone(at=VIRTUAL_NOON, digest=DIGEST).line()[:-1],
        Tombstone(at=VIRTUAL_NOON, digest=DIGEST).line()[:-9],
        b"\0" * 40,
    ],
)
def test_what_cannot_be_read_stops_everything(blob: bytes) -> None:
    """A line that nobody understands named somebody."""
    with pytest.raises(HostError) as refused:
        read(blob)
    assert refused.value.code == "revocations"


def test_a_tombstone_without_a_name_is_refused() -> None:
    """It would revoke nothing, or everything."""
    with pytest.raises(HostError):
        Tombstone(at=VIRTUAL_NOON)


def test_no_file_revokes_nobody() -> None:
    """Most hosts."""
    assert (Tombstones(), None) == (read(b""), read(b"").of_digest(DIGEST))


def test_a_revoked_digest_stays_revoked(machine: Machine, counter: Counter, clock: VirtualClock) -> None:
    """From the next question on, over cache, prune, restart and the loss of the database."""
    digest = machine.image()
    machine.sign(digest)
    assert counter.said(digest) == "accepted"
    revoke(machine, digest=digest)
    assert counter.said(digest) == "rejected revoked"
    counter.service.store.prune(clock.now() + timedelta(days=400))
    assert counter.said(digest) == "rejected revoked"
    counter.service.close()
    (machine.folder / "state/countersign.db").unlink()
    with Counter(machine) as again:
        assert again.said(digest) == "rejected revoked"


def test_a_revoked_identity_counts_no_more(machine: Machine, counter: Counter) -> None:
    """Its signatures, and nobody else's: one by another accepted signer beside it still counts."""
    rule = machine.keyless()
    rule["fulcio"]["identities"] += [machine.keyless(DEV)["fulcio"]["identities"][0]]
    machine.apply({machine.name(): [rule]})
    one, both = machine.image(), machine.image(content=b"both")
    machine.sign(one)
    machine.sign(both)
    machine.sign(both, identity=gitlab(project_path="acme/app", ref="refs/heads/dev"))
    assert [counter.said(one), counter.said(both)] == ["accepted", "accepted"]
    revoke(machine, identity=MAIN)
    assert [counter.said(one), counter.said(both)] == ["rejected revoked", "accepted"]


def test_what_was_signed_before_counts_no_more(
    machine: Machine, counter: Counter, clock: VirtualClock
) -> None:
    """Judged on verified time."""
    old, new = machine.image(), machine.image(content=b"new")
    machine.sign(old)
    clock.advance(minutes=10)
    revoke(machine, before=clock.now())
    clock.advance(minutes=10)
    machine.sign(new)
    assert [counter.said(old), counter.said(new)] == ["rejected revoked", "accepted"]


def test_identity_and_time_together_name_both(
    machine: Machine, counter: Counter, clock: VirtualClock
) -> None:
    """What that signer made before that time, and nothing else."""
    digest = machine.image()
    machine.sign(digest)
    clock.advance(minutes=10)
    revoke(machine, identity=DEV, before=clock.now())
    assert counter.said(digest) == "accepted"
    revoke(machine, identity=MAIN, before=clock.now() - timedelta(minutes=20))
    assert counter.said(digest) == "accepted"
    revoke(machine, identity=MAIN, before=clock.now())
    assert counter.said(digest) == "rejected revoked"
