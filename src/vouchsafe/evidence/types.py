"""The nouns of untrusted evidence. Nothing here has been checked but its shape."""

from __future__ import annotations

from vouchsafe.image.digest import Digest
from vouchsafe.record import Record


class SimpleSigning(Record):
    """The exact bytes of a simple-signing payload (cosign SIGNATURE_SPEC.md)."""

    payload: bytes


class Envelope(Record):
    """A DSSE envelope's type and payload; its one signature is `Evidence.signature` (DSSE protocol.md)."""

    payload_type: str
    payload: bytes


class MessageSignature(Record):
    """A signature over an artifact that the evidence does not hold (sigstore_bundle.proto)."""

    digest: Digest | None


Content = SimpleSigning | Envelope | MessageSignature


class InclusionProof(Record):
    """RFC 6962 §2.1.1, with the checkpoint (a signed note) that vouches for the root."""

    log_index: int
    tree_size: int
    root_hash: bytes
    hashes: tuple[bytes, ...]
    checkpoint: str | None


class LogEntry(Record):
    """What a transparency log is said to hold; `integrated_time` in Unix seconds, 0 when absent."""

    kind: str
    version: str
    log_id: bytes
    log_index: int
    body: bytes
    integrated_time: int = 0
    promise: bytes | None = None
    proof: InclusionProof | None = None


class Evidence(Record):
    """One claim. Either `certificate` (DER leaf) or neither: then a key must be known from elsewhere.

    `timestamps` are RFC 3161 tokens, DER, over `timestamped` (the signature's bytes; for `.att` the
    whole envelope, as cosign 2 does it).
    """

    origin: str
    media_type: str
    content: Content
    signature: bytes
    certificate: bytes | None
    key_hint: str = ""
    entries: tuple[LogEntry, ...] = ()
    timestamps: tuple[bytes, ...] = ()
    timestamped: bytes
    blob_digest: Digest
