"""A registry that keeps what was read as evidence, so that the same can be judged again without asking."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from vouchsafe.admission.discovery import Candidate
from vouchsafe.countersign.rows import Piece
from vouchsafe.evidence import is_evidence_type
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import Descriptor, Manifest
from vouchsafe.image.reference import Reference
from vouchsafe.policy.verdict import Verdict
from vouchsafe.ports import Registry

MOST_BYTES = 4 * 1024 * 1024  # of evidence kept for one image
MOST_PIECES = 16


class Recording:
    """Implements `ports.Registry` by another, and remembers the evidence that passes. Thread-safe."""

    def __init__(self, registry: Registry) -> None:
        """Nothing has passed yet."""
        self._registry = registry
        self._lock = threading.Lock()
        self._pieces: list[Piece] = []

    def manifest(self, reference: Reference, wanted: str | Digest | None) -> Manifest | None:
        """See the port."""
        return self._registry.manifest(reference, wanted)

    def blob(self, reference: Reference, descriptor: Descriptor, *, largest: int) -> bytes:
        """See the port."""
        content = self._registry.blob(reference, descriptor, largest=largest)
        if is_evidence_type(descriptor.media_type):
            piece = Piece(
                media_type=descriptor.media_type, annotations=dict(descriptor.annotations), blob=content
            )
            with self._lock:
                self._pieces.append(piece)
        return content

    def referrers(self, reference: Reference, digest: Digest) -> tuple[Descriptor, ...]:
        """See the port."""
        return self._registry.referrers(reference, digest)

    def signatures(self, reference: Reference, digest: Digest) -> tuple[bytes, ...]:
        """See the port."""
        return self._registry.signatures(reference, digest)

    def pieces(self, verdict: Verdict) -> tuple[Piece, ...]:
        """What to keep, what satisfied first: bounded in number and bytes."""
        good = {look.signature.blob_digest for look in verdict.looked if look.signature and not look.against}
        with self._lock:
            ordered = sorted(self._pieces, key=lambda piece: Digest.of(piece.blob) not in good)
        kept: list[Piece] = []
        size = 0
        for piece in ordered[:MOST_PIECES]:
            size += len(piece.blob) + sum(map(len, piece.annotations.values()))
            if size > MOST_BYTES:
                break
            kept.append(piece)
        return tuple(kept)


def candidates(pieces: Iterable[Piece]) -> tuple[Candidate, ...]:
    """Kept evidence as something to be judged."""
    return tuple(
        Candidate(
            origin=f"kept evidence {number}",
            media_type=piece.media_type,
            annotations=piece.annotations,
            read=piece.read,
        )
        for number, piece in enumerate(pieces, 1)
    )
