"""A tombstone outranks everything, covers an index's instances, and is lost with nothing but its own file."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.countersigning import MAIN, Counter, Machine
from vouchsafe.policy.revocation import Tombstone
from vouchsafe.testing.clock import VirtualClock
from vouchsafe.testing.workload import gitlab

DEV = "https://gitlab.example/acme/app//.gitlab-ci.yml@refs/heads/dev"


def revoke(machine: Machine, **stone: Any) -> None:
    """As the command does."""
    made = Tombstone(at=machine.clock.now(), reason="leaked", **stone)
    path = machine.folder / "state/revoked"
    machine.write("state/revoked", (path.read_bytes() if path.exists() else b"") + made.line())


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
