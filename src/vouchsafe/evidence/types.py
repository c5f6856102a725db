"""The nouns of untrusted evidence. Nothing here has been checked but its shape."""

from __future__ import annotations

from vouchsafe.image.digest import Digest
from vouchsafe.record import Record


class SimpleSigning(Record):
    """The exact bytes of a simple-signing payload (cosign SIGNATURE_SPEC.md)."""

    payload: bytes


class Envelope(Record):
    """A DSSE envelope's type and payload; its one signature is `Evidence.signature` (DSSE protocol.md).

    `stored` is the digest of the envelope's own JSON bytes where those were kept (`.att`), None in a bundle.
    """

    payload_type: str
    payload: bytes
    stored: Digest | None = None


class MessageSignature(Record):
    """A signature over an artifact that the evidence does not hold (sigstore_bundle.proto)."""

    digest: Digest | None


class OpenPGP(Record):
    """An OpenPGP simple-signing blob, checked by a program that can (containers-signature(5))."""

    blob: bytes


Content = SimpleSigning | Envelope | MessageSignature | OpenPGP


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
    """One claim that somebody signed something.

    `certificate` is the DER leaf; None means that a key must be known from elsewhere. `chain` are DER
    certificates that came along: hints for building a path, never trusted. `timestamps` are RFC 3161
    tokens (DER) over `timestamped`: the signature, or for `.att` the whole envelope, as cosign 2 does it.
    """

    origin: str
    media_type: str
    content: Content
    signature: bytes
    certificate: bytes | None = None
    chain: tuple[bytes, ...] = ()
    key_hint: str = ""
    entries: tuple[LogEntry, ...] = ()
    timestamps: tuple[bytes, ...] = ()
    timestamped: bytes = b""
    blob_digest: Digest
