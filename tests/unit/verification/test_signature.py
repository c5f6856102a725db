"""A VerifiedSignature is what was verified, or nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.judging import judge
from vouchsafe.testing.specimens import Draft
from vouchsafe.verification import VerifiedSignature, VerifiedTime

VERIFIED = judge(Draft("bundle-rekor1").specimen("usual"))
FIELDS: dict[str, Any] = {name: getattr(VERIFIED, name) for name in VerifiedSignature._fields}


def test_nobody_else_makes_one() -> None:
    """Not by its constructor, with whatever one thinks of."""
    assert VerifiedSignature(**FIELDS) == VERIFIED
    for made_here in (None, object(), True, "made_here"):
        with pytest.raises(TypeError, match=r"only vouchsafe\.verification makes"):
            VerifiedSignature(**(FIELDS | {"made_here": made_here}))


def test_nobody_changes_one() -> None:
    """Another identity or claim is not what was verified."""
    with pytest.raises(TypeError, match="what was verified"):
        VERIFIED.replace(identity=None)
    with pytest.raises(AttributeError, match="frozen"):
        VERIFIED.identity = None  # type: ignore[misc]


def test_what_it_tells() -> None:
    """The claim's digests and role, and the earliest time that somebody vouched for."""
    noon = datetime(2026, 11, 2, 12, tzinfo=UTC)
    times = tuple(
        VerifiedTime(time=noon + timedelta(minutes=minutes), source="log", authority="x")
        for minutes in (5, 1)
    )
    made = VerifiedSignature(**(FIELDS | {"times": times}))
    assert (made.digests, made.role, made.time) == (
        VERIFIED.claim.digests,
        "signature",
        times[1].time,
    )
    assert VerifiedSignature(**(FIELDS | {"times": ()})).time is None


def test_who_signed() -> None:
    """In words, whatever kind of name there is."""
    nobody = FIELDS | {"identity": None, "subjects": (), "key_id": ""}
    assert VERIFIED.identity is not None
    assert VERIFIED.signer == VERIFIED.identity.subject
    assert VerifiedSignature(**(nobody | {"subjects": ("a", "b")})).signer == "a, b"
    assert VerifiedSignature(**(nobody | {"key_id": "00ff"})).signer == "the key sha256:00ff"
    assert VerifiedSignature(**nobody).signer == "an OpenPGP key"
