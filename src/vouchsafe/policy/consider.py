"""One verified signature held against one requirement: everything that speaks against it, and what to do.

Whom it is by, what it is about, which kind of statement it is, how old, and for which repository. All of
it must fit; nothing that is written in a policy goes unused.
"""

from __future__ import annotations

from datetime import datetime

from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference
from vouchsafe.policy import binding, match
from vouchsafe.policy.identity import Mismatch
from vouchsafe.policy.requirement import Requirement, SignedBy, SigstoreAttested, SigstoreSigned
from vouchsafe.policy.scope import Selected
from vouchsafe.policy.verdict import Reason
from vouchsafe.verification import VerifiedSignature

# What to do about it, said with the reason.
_SIGN_IT = "Sign the image too: attesting it is another command (`vouchsafe sign`, `cosign sign`)."
_OTHER_SIGNER = "If that signer should count, the policy must say so: `vouchsafe identity explain IMAGE`."
_OTHER_DIGEST = "It changed after it was signed, or the signature was copied here. Sign this digest."
_UNBOUND = "Pin the project (projectID), or write which repositories are its own: repositoryOfProject."
_OTHER_REPOSITORY = "Sign it under this name, or say in signedIdentity which name is meant."
_NO_TAG = 'cosign signs the repository without a tag: write "signedIdentity": {"type": "matchRepository"}.'
_ON_DISK = 'An image on disk has no name: say which is meant, with exactRepository in "signedIdentity".'
_OTHER_PREDICATE = "The right signer says something else: have it attested anew, or correct the policy."
_TOO_OLD = "An older release than the policy allows: is the tag what it should be?"


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
    if not against and isinstance(requirement, SigstoreAttested) and requirement.predicate_fields:
        against += _of_predicate(requirement, signature)
    return tuple(against)


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
    message = (
        f"expected a signature, got an attestation {claim.predicate_type}: an attestation is not a signature"
    )
    return [
        Reason(
            code="not-a-signature",
            message=message,
            hint=_SIGN_IT,
        )
    ]


def _of_digest(signature: VerifiedSignature, digest: Digest) -> list[Reason]:
    if digest in signature.digests:
        return []
    got = ", ".join(sorted(str(each) for each in signature.digests))[:200]
    message = f"expected a signature of {digest}, got one of {got}"
    return [Reason(code="other-digest", message=message, hint=_OTHER_DIGEST)]


def _of_time(signature: VerifiedSignature, selected: Selected, at: datetime) -> list[Reason]:
    """`notBefore` and `maxAge`, on verified time: an old release cannot come back as the newest."""
    if selected.rule.not_before is None and selected.rule.max_age is None:
        return []
    time = signature.made
    if time is None:
        return [_too_old("expected a signature whose age can be proven, got one by a key")]
    if selected.rule.not_before is not None and time < selected.rule.not_before:
        return [_too_old(f"expected one made from {selected.rule.not_before:%F %T}, got one of {time:%F %T}")]
    if selected.rule.max_age is not None and at - time > selected.rule.max_age:
        return [_too_old(f"expected one at most {selected.rule.max_age} old, got one of {time:%F %T}")]
    return []


def _too_old(message: str) -> Reason:
    return Reason(code="too-old", message=message, hint=_TOO_OLD)


def _of_signer(requirement: SigstoreSigned | SigstoreAttested, signature: VerifiedSignature) -> list[Reason]:
    signer = requirement.signer
    if signer.fulcio is not None:
        identity = signature.identity
        if identity is None:
            return [Reason(code="identity", message="expected a certificate's identity, got a key")]
        nearest = min((pattern.mismatches(identity) for pattern in signer.fulcio.identities), key=len)
        return [_identity_reason(miss) for miss in nearest]
    if signer.pki is not None:
        from vouchsafe.verification import pki  # X.509: there already where a certificate was verified

        wanted = signer.pki
        names = signature.subjects
        if wanted.subject_email and not pki.names_email(names, wanted.subject_email):
            return [
                Reason(
                    code="identity",
                    message=f"expected {wanted.subject_email}, got {', '.join(names) or 'nobody'}",
                )
            ]
        if wanted.subject_hostname and not pki.names_host(names, wanted.subject_hostname):
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
            code="identity",
            message=f"signed by {miss.got}, expected {miss.expected}",
            hint=_OTHER_SIGNER,
            about="subject",
        )
    return Reason(
        code="identity",
        message=f"signed with {miss.field} {miss.got}, expected {miss.expected}",
        hint=_OTHER_SIGNER,
        about=miss.field,
    )


def _name_hint(reference: Reference, named: str) -> str:
    if reference.repository is None:
        return _ON_DISK
    return _NO_TAG if match.lacks_tag(reference, named) else _OTHER_REPOSITORY


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
                hint=_name_hint(reference, named),
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
    return [Reason(code="repository-unbound", message=unbound, hint=_UNBOUND)] if unbound else []


def _of_predicate(requirement: SigstoreAttested, signature: VerifiedSignature) -> list[Reason]:
    """Last: only what the right signer says of this image is worth reading, and all of it must be in one predicate."""
    predicate = signature.claim.predicate
    misses = (field.mismatch(predicate) for field in requirement.predicate_fields)
    return [
        Reason(
            code="predicate-field",
            message=f"expected an attestation with {miss.field} {miss.expected}, got {miss.got}",
            hint=_OTHER_PREDICATE,
            about=miss.field,
        )
        for miss in misses
        if miss is not None
    ]
