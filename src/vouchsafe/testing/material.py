"""One signature and all that goes with it, before it is written as annotations or as a bundle.

Everything here is plain data: a wrong thing is a right Material with a field replaced.
"""

from __future__ import annotations

from cryptography import x509

from vouchsafe.record import Record
from vouchsafe.testing.keys import PublicKey

IN_TOTO = "application/vnd.in-toto+json"
SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
DSSE_ENVELOPE = "application/vnd.dsse.envelope.v1+json"


class InclusionProof(Record):
    """RFC 6962 audit path, and the checkpoint (a signed note) of the tree it leads to."""

    index: int
    size: int
    root: bytes
    hashes: tuple[bytes, ...]
    checkpoint: str


class LogEntry(Record):
    """What a log answers; `integrated_time` in seconds of the epoch, None from Rekor v2."""

    kind: str
    version: str
    body: bytes
    log_id: bytes
    index: int
    integrated_time: int | None = None
    promise: bytes | None = None  # the SignedEntryTimestamp
    proof: InclusionProof | None = None


class Material(Record):
    """`payload_type` is None for bare content (simple signing, a file), or the DSSE envelope's type."""

    payload: bytes
    payload_type: str | None = None
    signatures: tuple[bytes, ...]
    certificate: x509.Certificate | None = None
    chain: tuple[x509.Certificate, ...] = ()
    public_key: PublicKey | None = None
    key_hint: str = ""
    hash_name: str = ""  # when it is not the hash that suits the key
    entry: LogEntry | None = None
    timestamps: tuple[bytes, ...] = ()
    envelope: bytes | None = None  # a DSSE envelope whose bytes somebody else wrote

    @property
    def signature(self) -> bytes:
        """The first signature."""
        return self.signatures[0]
