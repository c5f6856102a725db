r"""Signature blobs as containers/image keeps them beside an image (`dir:`'s signature-N, the lookaside).

First byte 0: `\0<format>\n<data>` with format `simple-signing` or `sigstore-json`. Otherwise an OpenPGP
packet is a bare simple signing. Source: containers/image internal/signature.
"""

from __future__ import annotations

from vouchsafe.errors import MalformedError
from vouchsafe.evidence import legacy
from vouchsafe.evidence.types import Evidence, OpenPGP
from vouchsafe.image.digest import Digest
from vouchsafe.strictjson import Fields

SIGNATURE_BLOB = "application/vnd.containers.signature"  # our name for the container of both formats
LARGEST_BLOB = 4 * 1024 * 1024  # bytes
_OPENPGP_PACKETS = frozenset(
    (*range(0xA0, 0xA4), 0xC8, *range(0x90, 0x93), 0x3D, 0xC4, *range(0x88, 0x8C), 0xC2)
)


def parse(blob: bytes, origin: str) -> Evidence:
    """Read one signature blob."""
    if not blob or len(blob) > LARGEST_BLOB:
        raise MalformedError(
            "signature-blob", f"expected 1 to {LARGEST_BLOB} bytes of signature, got {len(blob)}"
        )
    if blob[0] in _OPENPGP_PACKETS:
        return _openpgp(blob, blob, origin)
    kind, newline, data = blob[1:].partition(b"\n")
    if blob[0] != 0 or not newline:
        raise MalformedError(
            "signature-blob", f"expected a signature blob of a known format, got {blob[:16]!r}"
        )
    if kind == b"simple-signing":
        return _openpgp(data, blob, origin)
    if kind != b"sigstore-json":
        raise MalformedError("signature-blob", f"expected simple-signing or sigstore-json, got {kind[:40]!r}")
    fields = Fields.parse(data, what="signature")
    media_type = fields.text("mimeType")
    if media_type != legacy.SIMPLE_SIGNING:
        raise MalformedError("evidence-media-type", f"expected {legacy.SIMPLE_SIGNING}, got {media_type!r}")
    return legacy.simple_signing(fields.data("payload"), fields.texts("annotations"), origin)


def _openpgp(data: bytes, blob: bytes, origin: str) -> Evidence:
    return Evidence(
        origin=origin,
        media_type=SIGNATURE_BLOB,
        content=OpenPGP(blob=data),
        signature=b"",
        blob_digest=Digest.of(blob),
    )
