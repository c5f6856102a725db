"""Does what was verified satisfy what the scope demands? Pure: a table in, a Verdict out, never an exception.

`consider` holds one verified signature against one requirement and says everything that speaks against
it; `evaluate` joins what was looked at into a verdict. All requirements must be met, each by one
signature that nothing speaks against; somebody else's bad signature beside it counts for nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, assert_never

from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference
from vouchsafe.policy import binding, match
from vouchsafe.policy.identity import Mismatch
from vouchsafe.policy.requirement import (
    InsecureAcceptAnything,
    Reject,
    Requirement,
    SignedBaseLayer,
    SignedBy,
    Signer,
    SigstoreAttested,
    SigstoreSigned,
)
from vouchsafe.policy.scope import Selected
from vouchsafe.policy.verdict import Accepted, Looked, Reason, Rejected, Undecided, Verdict
from vouchsafe.record import Record
from vouchsafe.verification import VerifiedSignature
from vouchsafe.verification.pki import names_host

# Smaller is nearer to what was wanted: shown first.
_NEARNESS = {
    "too-old": 0,
    "repository-unbound": 0,
    "other-repository": 0,
    "identity": 1,
    "predicate-type": 2,
    "not-a-signature": 2,
    "other-digest": 3,
}
_NOT_NEAR = 4
_ATTESTED_ONLY = "an attestation is not a signature"


class Outcome(Record):
    """What the search found out, besides what it looked at. `troubles`: what could not be read, and why."""

    looked: tuple[Looked, ...] = ()
    unanswered: tuple[Reason, ...] = ()
    troubles: tuple[Reason, ...] = ()
    limit: Reason | None = None


def consider(
    requirement: Requirement,
    signature: VerifiedSignature,
    reference: Reference,
    digest: Digest,
    selected: Selected,
    at: datetime,
) -> tuple[Reason, ...]:
    """All that speaks against `signature` as an answer to `requirement`; nothing when it satisfies."""
    against = [
        *_of_kind(requirement, signature),
        *_of_digest(signature, digest),
        *_of_time(signature, selected, at),
    ]
    if isinstance(requirement, SigstoreSigned | SigstoreAttested):
        against += _of_signer(requirement, signature)
    if not against and isinstance(requirement, SignedBy | SigstoreSigned | SigstoreAttested):
        against += _of_repository(requirement, signature, reference, selected)
    return tuple(against)


def evaluate(selected: Selected, reference: Reference, digest: Digest, outcome: Outcome) -> Verdict:
    """Join everything into the verdict that `selected` (a scope and its requirements) leads to."""
    common: dict[str, Any] = {
        "reference": str(reference),
        "digest": digest,
        "scope": selected.where,
        "rules": tuple(describe(requirement) for requirement in selected.requirements),
        "looked": outcome.looked,
        "notes": outcome.troubles,
    }
    refusing = [r for r in selected.requirements if isinstance(r, Reject | SignedBaseLayer)]
    if refusing:
        reason = Reason(
            code="policy-rejects",
            message=f"the policy's scope {selected.where} says: {describe(refusing[0])}",
        )
        return Rejected(**common, reasons=(reason,))
    answers: list[VerifiedSignature] = []
    for index, requirement in enumerate(selected.requirements):
        if not requirement.verifies_signatures:
            continue
        good = [look.signature for look in outcome.looked if look.requirement == index and not look.against]
        if good and good[0] is not None:
            answers.append(good[0])
            continue
        if outcome.unanswered or outcome.limit:
            could_not = (*((outcome.limit,) if outcome.limit else ()), *outcome.unanswered)
            return Undecided(**common, reasons=(*could_not, *_nearest(index, outcome)))
        clocks = [
            r
            for look in outcome.looked
            if look.requirement == index
            for r in look.against
            if r.code == "clock"
        ]
        if clocks:
            return Undecided(**common, reasons=tuple(clocks))
        return Rejected(
            **common, reasons=_nearest(index, outcome) or (_nothing(requirement, digest, outcome),)
        )
    return Accepted(**common, signatures=tuple(answers), verified=bool(answers))


def describe(requirement: Requirement) -> str:
    """A requirement in words, for people."""
    match requirement:
        case InsecureAcceptAnything():
            return "accept anything (insecure)"
        case Reject():
            return "reject"
        case SignedBaseLayer():
            return "signed base layer (which nobody implements)"
        case SignedBy():
            return "signed by an OpenPGP key"
        case SigstoreSigned(signer=signer):
            return f"signed by {_in_words(signer)}"
        case SigstoreAttested(signer=signer, predicate_type=kind):
            return f"attested ({kind}) by {_in_words(signer)}"
        case _:
            assert_never(requirement)


def _in_words(signer: Signer) -> str:
    if signer.fulcio is not None:
        return " or ".join(str(pattern) for pattern in signer.fulcio.identities)
    if signer.pki is not None:
        return " and ".join(filter(None, (signer.pki.subject_email, signer.pki.subject_hostname)))
    keys = signer.keys
    return ", ".join(keys.paths) if keys and keys.paths else "a key that the policy holds"


def _of_kind(requirement: Requirement, signature: VerifiedSignature) -> list[Reason]:
    claim = signature.claim
    if isinstance(requirement, SigstoreAttested):
        if claim.predicate_type == requirement.predicate_type:
            return []
        got = claim.predicate_type or "a signature"
        return [
            Reason(
                code="predicate-type",
                message=f"expected an attestation {requirement.predicate_type}, got {got}",
            )
        ]
    if claim.role == "signature":
        return []
    message = f"expected a signature, got an attestation {claim.predicate_type}: {_ATTESTED_ONLY}"
    return [
        Reason(
            code="not-a-signature",
            message=message,
            hint="Sign the image too: attesting it is another command (`cosign sign`).",
        )
    ]


def _of_digest(signature: VerifiedSignature, digest: Digest) -> list[Reason]:
    if digest in signature.digests:
        return []
    got = ", ".join(sorted(str(each) for each in signature.digests))[:200]
    return [Reason(code="other-digest", message=f"expected a signature of {digest}, got one of {got}")]


def _of_time(signature: VerifiedSignature, selected: Selected, at: datetime) -> list[Reason]:
    """`notBefore` and `maxAge`, on verified time: an old release cannot come back as the newest."""
    if selected.rule.not_before is None and selected.rule.max_age is None:
        return []
    time = signature.time
    if time is None:
        return [Reason(code="too-old", message="expected a verified time, got a signature without one")]
    if selected.rule.not_before is not None and time < selected.rule.not_before:
        return [
            Reason(
                code="too-old",
                message=f"expected one made from {selected.rule.not_before:%F %T}, got one of {time:%F %T}",
            )
        ]
    if selected.rule.max_age is not None and at - time > selected.rule.max_age:
        return [
            Reason(
                code="too-old",
                message=f"expected one at most {selected.rule.max_age} old, got one of {time:%F %T}",
            )
        ]
    return []


def _of_signer(requirement: SigstoreSigned | SigstoreAttested, signature: VerifiedSignature) -> list[Reason]:
    signer = requirement.signer
    if signer.fulcio is not None:
        identity = signature.identity
        if identity is None:
            return [Reason(code="identity", message="expected a certificate's identity, got a key")]
        misses = [pattern.mismatches(identity) for pattern in signer.fulcio.identities]
        if not all(misses):
            return []
        nearest = min(misses, key=len)
        return [_identity_reason(miss) for miss in nearest]
    if signer.pki is not None:
        wanted = signer.pki
        names = signature.subjects
        if wanted.subject_email and wanted.subject_email not in names:
            return [
                Reason(
                    code="identity",
                    message=f"expected {wanted.subject_email}, got {', '.join(names) or 'nobody'}",
                )
            ]
        if wanted.subject_hostname and not names_host(names, wanted.subject_hostname):
            return [
                Reason(
                    code="identity",
                    message=f"expected {wanted.subject_hostname}, got {', '.join(names) or 'nobody'}",
                )
            ]
    return []


def _identity_reason(miss: Mismatch) -> Reason:
    if miss.field == "subject":
        return Reason(
            code="identity", message=f"signed by {miss.got}, expected {miss.expected}", about="subject"
        )
    return Reason(
        code="identity",
        message=f"signed with {miss.field} {miss.got}, expected {miss.expected}",
        about=miss.field,
    )


def _of_repository(
    requirement: SignedBy | SigstoreSigned | SigstoreAttested,
    signature: VerifiedSignature,
    reference: Reference,
    selected: Selected,
) -> list[Reason]:
    """Which repository a signature may speak for. Bundles name none, so the identity must."""
    wanted = requirement.signed_identity
    if wanted is None:  # asked on the command line: whom, not where
        return []
    named = signature.claim.docker_reference
    if named is not None:
        if match.accepts(wanted, reference, named):
            return []
        return [
            Reason(
                code="other-repository",
                message=f"expected a signature for {reference.identity}, got one for {named!r}",
            )
        ]
    if signature.identity is None or isinstance(requirement, SignedBy) or requirement.signer.fulcio is None:
        return []
    unbound = binding.unbound(
        requirement.signer.fulcio.identities,
        signature.identity,
        reference.repository,
        selected.rule.repository_of_project,
    )
    return [Reason(code="repository-unbound", message=unbound)] if unbound else []


def _nearest(index: int, outcome: Outcome) -> tuple[Reason, ...]:
    """Why what was looked at did not satisfy, the nearest miss first."""
    misses = [look for look in outcome.looked if look.requirement == index and look.against]
    misses.sort(
        key=lambda look: (max(_NEARNESS.get(r.code, _NOT_NEAR) for r in look.against), len(look.against))
    )
    return tuple(
        reason.replace(about=reason.about or look.origin) for look in misses for reason in look.against
    )


def _nothing(requirement: Requirement, digest: Digest, outcome: Outcome) -> Reason:
    if outcome.troubles:
        return outcome.troubles[0]
    what = (
        f"an attestation {requirement.predicate_type}"
        if isinstance(requirement, SigstoreAttested)
        else "a signature"
    )
    return Reason(
        code="unsigned",
        message=f"expected {what} of {digest}, found none",
        hint="Is it signed, and in this repository? `vouchsafe explain` shows where was looked.",
    )
