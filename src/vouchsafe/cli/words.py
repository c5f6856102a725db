"""Requirements in words: whom they accept, whom they trust for it, and which name must be signed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import assert_never

from vouchsafe.policy.evaluate import describe
from vouchsafe.policy.identity import IdentityPattern
from vouchsafe.policy.requirement import (
    ExactReference,
    ExactRepository,
    Fulcio,
    MatchExact,
    MatchRepoDigestOrExact,
    MatchRepository,
    RemapIdentity,
    Requirement,
    SignedBy,
    SignedIdentity,
    Signer,
    SigstoreAttested,
    SigstoreSigned,
    Source,
)
from vouchsafe.policy.scope import Rule

Line = tuple[str, str]  # label, text


def requirement_lines(requirement: Requirement) -> Iterator[Line]:
    """All that a requirement says, its kind first."""
    yield "", describe(requirement)
    if isinstance(requirement, SigstoreAttested):
        for field in requirement.predicate_fields:
            kind = "a version" if field.versions is not None else "exactly"
            yield "says", f"{field.pointer}: {kind} {field.wanted}"
    match requirement:
        case (
            SigstoreSigned(signer=signer, signed_identity=name)
            | SigstoreAttested(signer=signer, signed_identity=name)
        ):
            yield from _signer_lines(signer)
            yield "name", signed_identity(name)
        case SignedBy(keys=keys, signed_identity=name):
            yield "keys", _source(keys)
            yield "name", signed_identity(name)
        case _:
            return


def bound_lines(rule: Rule) -> Iterator[Line]:
    """What a rule demands of every signature beside its requirements."""
    if rule.not_before is not None:
        yield "not before", f"signatures made before {rule.not_before:%F %T} UTC do not count"
    if rule.max_age is not None:
        yield "max age", f"signatures older than {age(rule.max_age)} do not count"
    for project, repositories in rule.repository_of_project.items():
        yield "mapping", f"{project} may sign for {', '.join(repositories)}"


def age(length: timedelta) -> str:
    """A length of time as a policy writes it: 90d, 12h, 90s."""
    seconds = int(length.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def signed_identity(kind: SignedIdentity | None) -> str:
    """Which name a signature must carry."""
    match kind:
        case None:
            return "any name in the signature"
        case MatchExact():
            return "the signature must name exactly this reference"
        case MatchRepoDigestOrExact():
            return "the signature must name exactly this reference, or by digest its repository"
        case MatchRepository():
            return "the signature must name this repository"
        case ExactReference(reference=reference):
            return f"the signature must name {reference}"
        case ExactRepository(repository=repository):
            return f"the signature must name the repository {repository}"
        case RemapIdentity(prefix=prefix, signed_prefix=signed_prefix):
            return f"the signature must name this reference with {signed_prefix} in place of {prefix}"
        case _:
            assert_never(kind)


def _signer_lines(signer: Signer) -> Iterator[Line]:
    if signer.fulcio is not None:
        for pattern in signer.fulcio.identities:
            yield from _pattern_lines(pattern)
        yield "trust", _trust(signer.fulcio)
    if signer.keys is not None:
        yield "keys", _source(signer.keys)
    if signer.pki is not None:
        yield "trust", f"certificates of {_source(signer.pki.roots)}"
    if signer.rekor is not None:
        yield "log", f"an entry signed by {_source(signer.rekor)}"


def _pattern_lines(pattern: IdentityPattern) -> Iterator[Line]:
    for label, value in (
        ("subject", pattern.subject),
        ("URI", pattern.subject_uri),
        ("e-mail", pattern.subject_email),
        ("pattern", pattern.subject_regexp and f"/{pattern.subject_regexp}/"),
        ("issuer", pattern.issuer),
    ):
        if value:
            yield label, value
    for name, values in pattern.claims.items():
        yield "claim", f"{name}: {' or '.join(values)}"
    for name, regexp in pattern.claim_regexps.items():
        yield "claim", f"{name}: /{regexp}/"


def _trust(fulcio: Fulcio) -> str:
    if fulcio.ca is not None:
        return f"certificates of {_source(fulcio.ca)}; SCTs are not checked"
    if fulcio.trusted_root:
        return f"the trusted root {fulcio.trusted_root}"
    return "the public-good Sigstore"


def _source(source: Source) -> str:
    parts = list(source.paths)
    if source.data:
        parts.append("what the policy holds")
    return ", ".join(parts) or "nobody"
