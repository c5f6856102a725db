"""Does what was verified satisfy what the scope demands? Pure: a table in, a Verdict out, never an exception.

All requirements must be met, each by one signature that nothing speaks against (`consider`); somebody
else's bad signature beside it counts for nothing.
"""

from __future__ import annotations

from typing import Any, assert_never

from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference
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

# Smaller is nearer to what was wanted: shown first.
_NEARNESS = {
    "too-old": 0,
    "repository-unbound": 0,
    "other-repository": 0,
    "predicate-field": 0,
    "identity": 1,
    "predicate-type": 2,
    "not-a-signature": 2,
    "other-digest": 3,
}
_NOT_NEAR = 4
_NO_SCOPE = "No scope of the policy holds this image: write one, or is the name what it should be?"


class Outcome(Record):
    """What the search found out, besides what it looked at. `troubles`: what could not be read, and why."""

    looked: tuple[Looked, ...] = ()
    unanswered: tuple[Reason, ...] = ()
    troubles: tuple[Reason, ...] = ()
    limit: Reason | None = None


def refusal(selected: Selected, reference: Reference, digest: Digest | None = None) -> Rejected | None:
    """The verdict of a scope that no signature could satisfy; nothing needs to be asked for it."""
    refusing = [r for r in selected.requirements if isinstance(r, Reject | SignedBaseLayer)]
    if not refusing:
        return None
    message = f"the policy's scope {selected.where} says: {describe(refusing[0])}"
    reason = Reason(code="policy-rejects", message=message, hint="" if selected.transport else _NO_SCOPE)
    return Rejected(**_frame(selected, reference, digest), reasons=(reason,))


def evaluate(selected: Selected, reference: Reference, digest: Digest, outcome: Outcome) -> Verdict:
    """Join everything into the verdict that `selected` (a scope and its requirements) leads to."""
    refused = refusal(selected, reference, digest)
    if refused is not None:
        return refused
    frame = _frame(selected, reference, digest) | {"looked": outcome.looked, "notes": outcome.troubles}
    answers: list[VerifiedSignature] = []
    for index, requirement in enumerate(selected.requirements):
        if not requirement.verifies_signatures:
            continue
        looked = [look for look in outcome.looked if look.requirement == index]
        good = [look.signature for look in looked if not look.against and look.signature is not None]
        if not good:
            return _unmet(frame, requirement, digest, looked, outcome)
        answers.append(good[0])
    return Accepted(**frame, signatures=tuple(answers), verified=bool(answers))


def _frame(selected: Selected, reference: Reference, digest: Digest | None) -> dict[str, Any]:
    """What every verdict says."""
    rules = tuple(describe(requirement) for requirement in selected.requirements)
    return {"reference": str(reference), "digest": digest, "scope": selected.where, "rules": rules}


def _unmet(
    frame: dict[str, Any], requirement: Requirement, digest: Digest, looked: list[Looked], outcome: Outcome
) -> Verdict:
    """Why a requirement has no answer: could not tell, or looked and refused."""
    doubts = (*((outcome.limit,) if outcome.limit else ()), *outcome.unanswered)
    if doubts:
        return Undecided(**frame, reasons=(*doubts, *_nearest(looked)))
    clocks = tuple(reason for look in looked for reason in look.against if reason.code == "clock")
    if clocks:
        return Undecided(**frame, reasons=clocks)
    return Rejected(**frame, reasons=_nearest(looked) or (_nothing(requirement, digest, outcome),))


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
        case SigstoreAttested(signer=signer, predicate_type=kind, predicate_fields=fields):
            said = "".join(f", {field}" for field in fields)
            return f"attested ({kind}{said}) by {_in_words(signer)}"
        case _:
            assert_never(requirement)


def _in_words(signer: Signer) -> str:
    if signer.fulcio is not None:
        return " or ".join(str(pattern) for pattern in signer.fulcio.identities)
    if signer.pki is not None:
        return " and ".join(filter(None, (signer.pki.subject_email, signer.pki.subject_hostname)))
    keys = signer.keys
    return ", ".join(keys.paths) if keys and keys.paths else "a key that the policy holds"


def _nearest(looked: list[Looked]) -> tuple[Reason, ...]:
    """Why what was looked at did not satisfy, the nearest miss first."""
    misses = sorted(
        looked,
        key=lambda look: (max(_NEARNESS.get(r.code, _NOT_NEAR) for r in look.against), len(look.against)),
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
