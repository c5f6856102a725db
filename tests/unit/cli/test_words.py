"""Requirements in words: every kind has some."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from vouchsafe.cli.words import age, bound_lines, requirement_lines, signed_identity
from vouchsafe.policy.identity import IdentityPattern
from vouchsafe.policy.reading import Place
from vouchsafe.policy.requirement import (
    PKI,
    ExactReference,
    ExactRepository,
    Fulcio,
    InsecureAcceptAnything,
    MatchExact,
    MatchRepoDigestOrExact,
    MatchRepository,
    Reject,
    RemapIdentity,
    Requirement,
    SignedBaseLayer,
    SignedBy,
    SignedIdentity,
    Signer,
    SigstoreAttested,
    SigstoreSigned,
    Source,
)
from vouchsafe.policy.scope import Rule

PATTERN = IdentityPattern(
    issuer="https://i",
    subject="s",
    subject_uri="u",
    subject_email="e",
    subject_regexp=".*",
    claims={"build-trigger": ("push", "web")},
    claim_regexps={"source-repository-ref": "refs/.*"},
)
REQUIREMENTS: list[tuple[Requirement, list[str]]] = [
    (InsecureAcceptAnything(), []),
    (Reject(), []),
    (SignedBaseLayer(base_layer_identity=MatchExact()), []),
    (SignedBy(key_type="GPGKeys", keys=Source(paths=("/k",))), ["keys", "name"]),
    (SigstoreSigned(signer=Signer(keys=Source(data=(b"x",)))), ["keys", "name"]),
    (
        SigstoreSigned(signer=Signer(keys=Source(paths=("/k",)), rekor=Source(paths=("/r",)))),
        ["keys", "log", "name"],
    ),
    (
        SigstoreSigned(signer=Signer(pki=PKI(roots=Source(paths=("/c",)), subject_email="e"))),
        ["trust", "name"],
    ),
    (
        SigstoreAttested(predicate_type="p", signer=Signer(fulcio=Fulcio(identities=(PATTERN,)))),
        ["subject", "URI", "e-mail", "pattern", "issuer", "claim", "claim", "trust", "name"],
    ),
    (
        SigstoreSigned(
            signer=Signer(
                fulcio=Fulcio(
                    ca=Source(paths=("/c",)), identities=(IdentityPattern(issuer="i", subject="s"),)
                )
            )
        ),
        ["subject", "issuer", "trust", "name"],
    ),
    (
        SigstoreSigned(
            signer=Signer(
                fulcio=Fulcio(trusted_root="/t", identities=(IdentityPattern(issuer="i", subject="s"),))
            )
        ),
        ["subject", "issuer", "trust", "name"],
    ),
]


@pytest.mark.parametrize("requirement, labels", REQUIREMENTS, ids=lambda part: type(part).__name__)
def test_requirements(requirement: Requirement, labels: list[str]) -> None:
    """Its kind first, then all that it says."""
    lines = list(requirement_lines(requirement))
    assert [label for label, _ in lines] == ["", *labels]
    assert all(words for _, words in lines)


IDENTITIES: list[tuple[SignedIdentity | None, str]] = [
    (None, "any name in the signature"),
    (MatchExact(), "exactly this reference"),
    (MatchRepoDigestOrExact(), "or by digest its repository"),
    (MatchRepository(), "this repository"),
    (ExactReference(reference="a/b:c"), "a/b:c"),
    (ExactRepository(repository="a/b"), "the repository a/b"),
    (RemapIdentity(prefix="here", signed_prefix="there"), "there in place of here"),
]


@pytest.mark.parametrize("kind, words", IDENTITIES, ids=lambda part: type(part).__name__)
def test_signed_identities(kind: SignedIdentity | None, words: str) -> None:
    """Every kind."""
    assert words in signed_identity(kind)


@pytest.mark.parametrize(
    "length, written",
    [
        (timedelta(days=90), "90d"),
        (timedelta(hours=36), "36h"),
        (timedelta(minutes=90), "90m"),
        (timedelta(seconds=90), "90s"),
    ],
)
def test_ages(length: timedelta, written: str) -> None:
    """As a policy writes them."""
    assert age(length) == written


def test_bounds() -> None:
    """What a rule demands beside its requirements."""
    rule = Rule(
        requirements=(Reject(),),
        not_before=datetime(2026, 1, 1, tzinfo=UTC),
        max_age=timedelta(days=1),
        repository_of_project={"https://p": ("a/b", "c/d")},
        place=Place(file="f", line=1),
    )
    assert [words for _, words in bound_lines(rule)] == [
        "signatures made before 2026-01-01 00:00:00 UTC do not count",
        "signatures older than 1d do not count",
        "https://p may sign for a/b, c/d",
    ]
