"""DSSE envelopes, and the bytes that their signature covers (DSSE protocol.md, "PAE")."""

from __future__ import annotations

from vouchsafe.errors import MalformedError
from vouchsafe.evidence.types import Envelope
from vouchsafe.strictjson import Fields

IN_TOTO = "application/vnd.in-toto+json"


def read_envelope(fields: Fields) -> tuple[Envelope, bytes]:
    """The envelope and its one signature: two would leave open which of them was logged."""
    signatures = fields.objects("signatures", 16)
    if len(signatures) != 1:
        raise MalformedError(
            "dsse-signatures", f"expected one signature in {fields.what}, got {len(signatures)}"
        )
    signature = signatures[0].data("sig")
    if not signature:
        raise MalformedError("dsse-signatures", f"expected a signature in {fields.what}, got an empty one")
    return Envelope(payload_type=fields.text("payloadType"), payload=fields.data("payload")), signature


def pre_authentication_encoding(envelope: Envelope) -> bytes:
    """The bytes that are signed: type and payload, each with its length."""
    kind = envelope.payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(envelope.payload), envelope.payload)
