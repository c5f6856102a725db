"""Rekor v2 (rekor-tiles): a `hashedrekord` of whatever was signed, an envelope too.

It answers when the entry is in a checkpoint, a second or two later, with a proof and no promise. It keeps a
digest only, so what is attested may be of any size.
"""

from __future__ import annotations

import binascii

from vouchsafe.adapters.sigstore.exchange import Exchange, json_body
from vouchsafe.errors import MalformedError
from vouchsafe.evidence.bundle import read_entry
from vouchsafe.evidence.types import LogEntry
from vouchsafe.ports import Submission

ENTRIES = "/api/v2/log/entries"
_VERSION = (0, 3)  # of the bundle that its answer is a part of: a checkpoint must be there


class Rekor2:
    """Implements `ports.TransparencyLog`."""

    def __init__(self, exchange: Exchange) -> None:
        """Asks through `exchange`."""
        self._exchange = exchange

    def add(self, submission: Submission) -> LogEntry:
        """See the port."""
        response = self._exchange.post(ENTRIES, json_body(_request(submission)))
        if response.status not in {200, 201}:
            raise self._exchange.refusal(response, "log-refused")
        answer = self._exchange.fields(response)
        try:
            return read_entry(answer, _VERSION)
        except MalformedError as error:
            raise self._exchange.malformed(error) from error


def _request(submission: Submission) -> dict[str, object]:
    kind = "x509Certificate" if submission.is_certificate else "publicKey"
    verifier = {kind: {"rawBytes": _base64(submission.signer)}, "keyDetails": submission.key_details}
    signature = {"content": _base64(submission.signature), "verifier": verifier}
    return {"hashedRekordRequestV002": {"digest": _base64(submission.message.raw), "signature": signature}}


def _base64(content: bytes) -> str:
    return binascii.b2a_base64(content, newline=False).decode("ascii")
