"""Evidence: one untrusted claim that somebody signed something, read from bytes and believed in nothing.

`parse` turns a layer, a bundle or a `signature-N` blob into an Evidence or raises MalformedError. Three
formats lead here: cosign's simple signing (`.sig`), DSSE attestations (`.att`) and Sigstore bundles.

>>> parse(b"{}", {}, "application/vnd.dev.sigstore.bundle.v0.3+json")
Traceback (most recent call last):
vouchsafe.errors.MalformedError: expected a string in bundle.mediaType, got nothing
"""

from __future__ import annotations

from collections.abc import Mapping

from vouchsafe.errors import MalformedError
from vouchsafe.evidence import bundle, containers, legacy
from vouchsafe.evidence.types import (
    Content,
    Envelope,
    Evidence,
    InclusionProof,
    LogEntry,
    MessageSignature,
    OpenPGP,
    SimpleSigning,
)

__all__ = [
    "Content",
    "Envelope",
    "Evidence",
    "InclusionProof",
    "LogEntry",
    "MessageSignature",
    "OpenPGP",
    "SimpleSigning",
    "is_evidence_type",
    "parse",
]

MEDIA_TYPES = frozenset((legacy.SIMPLE_SIGNING, legacy.DSSE_ENVELOPE)) | bundle.MEDIA_TYPES


def is_evidence_type(untrusted_media_type: str) -> bool:
    """Whether a layer of this media type claims to be something `parse` reads."""
    return untrusted_media_type in MEDIA_TYPES or untrusted_media_type.startswith(bundle.FAMILY)


def parse(blob: bytes, annotations: Mapping[str, str], media_type: str, *, origin: str = "") -> Evidence:
    """Read one piece of evidence. `origin` says for people where it came from. MalformedError only."""
    if media_type == legacy.SIMPLE_SIGNING:
        return legacy.simple_signing(blob, annotations, origin)
    if media_type == legacy.DSSE_ENVELOPE:
        return legacy.attestation(blob, annotations, origin)
    if media_type in bundle.MEDIA_TYPES or media_type.startswith(bundle.FAMILY):
        return bundle.parse(blob, origin)
    if media_type == containers.SIGNATURE_BLOB:
        return containers.parse(blob, origin)
    raise MalformedError(
        "evidence-media-type", f"expected a signature, attestation or bundle, got {media_type!r}"
    )
