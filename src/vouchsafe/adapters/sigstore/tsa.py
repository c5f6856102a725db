"""A time-stamping authority (RFC 3161 §2.4, §3.4): a digest goes in, a signed time comes out.

The request has one shape and is written out here; the answer is read by `vouchsafe.verification`.
"""

from __future__ import annotations

import hashlib
import os

from vouchsafe.adapters.sigstore.exchange import Exchange
from vouchsafe.errors import SigningError
from vouchsafe.signing.der import INTEGER, OCTETS, SEQUENCE, element

QUERY = "application/timestamp-query"
REPLY = "application/timestamp-reply"
NONCE_BYTES = 8
# SEQUENCE { OID 2.16.840.1.101.3.4.2.1, NULL }
_SHA256 = bytes.fromhex("300d06096086480165030402010500")
_VERSION_1 = bytes.fromhex("020101")
_WANTS_CERTIFICATE = bytes.fromhex("0101ff")


class Tsa:
    """Implements `ports.TimestampAuthority`; the exchange's URL is the whole address."""

    def __init__(self, exchange: Exchange) -> None:
        """Asks through `exchange`."""
        self._exchange = exchange

    def stamp(self, content: bytes) -> bytes:
        """See the port."""
        question = request(hashlib.sha256(content).digest(), os.urandom(NONCE_BYTES))
        response = self._exchange.post("", question, content_type=QUERY, accept=REPLY)
        if response.status not in {200, 201}:
            raise self._exchange.refusal(response, "timestamp-refused")
        if response.content_type != REPLY:
            raise SigningError(
                "service-answer",
                f"expected a time-stamp of {self._exchange.name}, got {response.content_type or 'no type'}",
                hint="The URL of a time-stamping authority has a path, such as /api/v1/timestamp.",
            )
        return response.body


def request(imprint: bytes, nonce: bytes) -> bytes:
    """A TimeStampReq in DER: version 1, SHA-256, a nonce, and the authority's certificate wanted."""
    positive = nonce.lstrip(b"\0") or b"\0"
    number = b"\0" + positive if positive[0] & 0x80 else positive
    message = element(SEQUENCE, _SHA256 + element(OCTETS, imprint))
    return element(SEQUENCE, _VERSION_1 + message + element(INTEGER, number) + _WANTS_CERTIFICATE)
