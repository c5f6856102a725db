"""What a tombstone says, whom it ends, and what of an acceptance stands beside it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vouchsafe.errors import HostError
from vouchsafe.evidence import parse
from vouchsafe.image.digest import Digest
from vouchsafe.policy.reading import Place
from vouchsafe.policy.requirement import (
    InsecureAcceptAnything,
    MatchRepository,
    Requirement,
    Signer,
    SigstoreSigned,
    Source,
)
from vouchsafe.policy.revocation import Tombstone, Tombstones, is_told_all, read, standing
from vouchsafe.policy.scope import Rule
from vouchsafe.policy.verdict import Accepted, Looked, Reason
from vouchsafe.testing.clock import VIRTUAL_NOON
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.verification import VerifiedSignature, verify
from vouchsafe.verification.trust import parse_trusted_root

DIGEST = Digest.of(b"an image")
MAIN = "https://gitlab.example/group/project//.gitlab-ci.yml@refs/heads/main"
SIGSTORE = VirtualSigstore()
SIGNATURE = verify(
    parse(SIGSTORE.bundle(DIGEST), {}, "application/vnd.dev.sigstore.bundle.v0.3+json"),
    parse_trusted_root(SIGSTORE.trusted_root()),
    at=datetime(2026, 11, 2, 12, 30, tzinfo=UTC),
)
MADE = SIGNATURE.time or VIRTUAL_NOON
LATER = MADE + timedelta(seconds=1)
BY_KEY = SigstoreSigned(signer=Signer(keys=Source(paths=("/a.pub",))), signed_identity=MatchRepository())
REVOKED = Tombstones(stones=(Tombstone(at=VIRTUAL_NOON, identity=MAIN),))


def rule(*requirements: Requirement) -> Rule:
    """A scope's."""
    return Rule(requirements=requirements, place=Place(file="policy.json", line=1))


def look(requirement: int, signature: VerifiedSignature | None = SIGNATURE, *against: Reason) -> Looked:
    """One signature that was looked at."""
    return Looked(requirement=requirement, origin="tag", media_type="x", against=against, signature=signature)


def accepted(*looked: Looked, **changes: Any) -> Accepted:
    """By the signature."""
    made = Accepted(reference="docker://x", digest=DIGEST, signatures=(SIGNATURE,), looked=looked)
    return made.replace(**changes)


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


def test_a_tombstone_names_something() -> None:
    """One without a name would revoke nothing, or everything."""
    with pytest.raises(HostError, match="got none"):
        Tombstone(at=VIRTUAL_NOON)


def test_no_file_revokes_nobody() -> None:
    """Most hosts."""
    assert (Tombstones(), None) == (read(b""), read(b"").of_digest(DIGEST))


@pytest.mark.parametrize(
    "stone, ends",
    [
        (Tombstone(at=VIRTUAL_NOON, digest=DIGEST), False),  # ends an image, whoever signed it
        (Tombstone(at=VIRTUAL_NOON, identity=MAIN), True),
        (Tombstone(at=VIRTUAL_NOON, identity=f"{MAIN}x"), False),
        (Tombstone(at=VIRTUAL_NOON, before=MADE), False),
        (Tombstone(at=VIRTUAL_NOON, before=LATER), True),
        (Tombstone(at=VIRTUAL_NOON, identity=MAIN, before=MADE), False),
        (Tombstone(at=VIRTUAL_NOON, identity=MAIN, before=LATER), True),
        (Tombstone(at=VIRTUAL_NOON, identity="other", before=LATER), False),
    ],
)
def test_whose_signature_is_ended(stone: Tombstone, ends: bool) -> None:
    """Both that are named must hold, and the time is the verified one."""
    assert stone.against(SIGNATURE) is ends


def test_a_key_and_a_subject_are_names_too() -> None:
    """And what has no verified time is older than any."""
    fields = {name: getattr(SIGNATURE, name) for name in VerifiedSignature._fields}
    key = VerifiedSignature(**(fields | {"identity": None, "key_id": "00ff", "times": ()}))
    owned = VerifiedSignature(**(fields | {"identity": None, "subjects": ("a@b.example",)}))
    assert Tombstone(at=VIRTUAL_NOON, identity="sha256:00ff", before=VIRTUAL_NOON).against(key)
    assert Tombstone(at=VIRTUAL_NOON, identity="a@b.example").against(owned)
    assert not Tombstone(at=VIRTUAL_NOON, identity=MAIN).against(owned)


def test_a_key_that_signed_before_cannot_be_logged_after() -> None:
    """Anybody can put an old signature by a key into a log once more, and so bring it past a time."""
    fields = {name: getattr(SIGNATURE, name) for name in VerifiedSignature._fields}
    key = VerifiedSignature(**(fields | {"identity": None, "key_id": "00ff"}))
    assert key.time == MADE
    assert Tombstone(at=VIRTUAL_NOON, identity="sha256:00ff", before=MADE - timedelta(days=1)).against(key)
    assert Tombstone(at=VIRTUAL_NOON, before=MADE - timedelta(days=1)).against(key)
    assert not Tombstone(at=VIRTUAL_NOON, identity="sha256:aa", before=MADE - timedelta(days=1)).against(key)


def test_what_covers_an_instance() -> None:
    """The index that was revoked; and the reason carries its own words only where there are any."""
    instance = Digest.of(b"1")
    stones = read(Tombstone(at=VIRTUAL_NOON, digest=DIGEST, covers=frozenset({instance})).line())
    found = stones.of_digest(instance)
    assert found is not None
    assert (found.code, found.message.rpartition("on ")[2]) == ("revoked", f"{VIRTUAL_NOON:%F}")


def test_what_stands() -> None:
    """Every requirement that asks for a signature has one that is not revoked."""
    two = rule(BY_KEY, InsecureAcceptAnything(), BY_KEY)
    verdict = accepted(
        look(0), look(0), look(2), look(2, None), look(0, SIGNATURE, Reason(code="x", message="x"))
    )
    assert standing(verdict, two, Tombstones()) == {0: (SIGNATURE, SIGNATURE), 2: (SIGNATURE,)}
    assert is_told_all(verdict, Tombstones())


def test_what_does_not_stand() -> None:
    """Nothing verified, a requirement without a signature, or only revoked ones: each with its reason."""

    def code(verdict: Accepted, tombstones: Tombstones = Tombstones()) -> str:
        found = standing(verdict, rule(BY_KEY, BY_KEY), tombstones)
        assert isinstance(found, Reason)
        return found.code

    whole = (look(0), look(1))
    assert code(accepted(*whole, verified=False)) == "countersign-unverified"
    assert code(accepted(*whole, signatures=())) == "countersign-unverified"
    assert code(accepted(look(0))) == "countersign-unverified"
    assert code(accepted(*whole), REVOKED) == "revoked"
    assert not is_told_all(accepted(*whole), REVOKED)
