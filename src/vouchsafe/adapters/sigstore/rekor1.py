"""Rekor v1 (openapi.yaml): `hashedrekord` for plain signatures, `dsse` for envelopes.

It answers at once with a promise (SET) and a proof. 409 means that it has this very entry, as when its first
answer was lost: then that entry is fetched.
"""

from __future__ import annotations

import binascii
import re

from vouchsafe.adapters.http import Response
from vouchsafe.adapters.sigstore.exchange import Exchange, json_body
from vouchsafe.errors import MalformedError, SigningError, Unavailable
from vouchsafe.evidence.pem import written
from vouchsafe.evidence.types import InclusionProof, LogEntry
from vouchsafe.ports import Submission
from vouchsafe.strictjson import Fields

ENTRIES = "/api/v1/log/entries"
MOST_HASHES = 64  # of one inclusion proof: a tree of 2^64 leaves
TOO_LARGE = 413
LARGE = 1024 * 1024  # bytes of a request; from there on a dropped one is likely to have been too large
# How public logs refuse what is too large: they, or a proxy before them, close the connection (rekor#2808, #2915).
_DROPPED = frozenset(("connection-reset", "truncated", "service-status", "http-status", "http-protocol"))
_UUID = re.compile(r"\b[0-9a-f]{64,80}\b", re.ASCII)
_LARGE_HINT = (
    "Rekor v1 is sent all that is attested, up to its operator's limit. Make the predicate smaller; of an SBOM attest "
    "the digest (--by-reference); or sign with a Rekor v2, which is sent a digest (--rekor-version 2, --format bundle)."
)


class Rekor1:
    """Implements `ports.TransparencyLog`."""

    def __init__(self, exchange: Exchange) -> None:
        """Asks through `exchange`."""
        self._exchange = exchange

    def add(self, submission: Submission) -> LogEntry:
        """See the port."""
        body = json_body(_proposal(submission))
        try:
            response = self._exchange.post(ENTRIES, body)
        except Unavailable as error:
            if len(body) < LARGE or error.code not in _DROPPED:
                raise
            raise _too_large(self._exchange.name, len(body), error) from error
        if response.status == 409:
            response = self._exchange.get(self._location(response))
        if response.status not in {200, 201}:
            large = response.status == TOO_LARGE or b"too large" in response.body
            code = "log-too-large" if large else "log-refused"
            raise self._exchange.refusal(response, code, hint=_LARGE_HINT if large else "")
        answer = self._exchange.fields(response)
        try:
            return _entry(answer)
        except MalformedError as error:
            raise self._exchange.malformed(error) from error

    def _location(self, conflict: Response) -> str:
        location = conflict.headers.get("location", "")
        if location:
            return location
        found = _UUID.search(conflict.body.decode("utf-8", "replace"))
        if found is None:
            raise self._exchange.refusal(conflict, "log-refused")
        return f"{ENTRIES}/{found[0]}"


def _too_large(name: str, size: int, error: Unavailable) -> SigningError:
    return SigningError(
        "log-too-large",
        f"expected {name} to take {size} bytes, got none of its answers ({error.message})",
        hint=f"Public logs drop what is too large, without a word. {_LARGE_HINT}",
    )


def _proposal(submission: Submission) -> dict[str, object]:
    verifier = _base64(_pem(submission).encode())
    if submission.envelope:
        proposed = {"envelope": submission.envelope.decode(), "verifiers": [verifier]}
        return {"apiVersion": "0.0.1", "kind": "dsse", "spec": {"proposedContent": proposed}}
    stated = {"algorithm": submission.message.algorithm, "value": submission.message.hex}
    signature = {"content": _base64(submission.signature), "publicKey": {"content": verifier}}
    spec = {"data": {"hash": stated}, "signature": signature}
    return {"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": spec}


def _entry(answer: Fields) -> LogEntry:
    """The one entry in an answer, which is keyed by its UUID."""
    uuids = sorted(answer.keys())
    if len(uuids) != 1:
        raise MalformedError("log-entry", f"expected one log entry, got {len(uuids)}")
    entry = answer.fields(uuids[0])
    body = entry.data("body")
    kept = Fields.parse(body, what="log entry")
    verification = entry.fields("verification")
    return LogEntry(
        kind=kept.text("kind"),
        version=kept.text("apiVersion"),
        log_id=_unhex(entry, "logID"),
        log_index=entry.integer("logIndex"),
        body=body,
        integrated_time=entry.integer("integratedTime"),
        promise=verification.data("signedEntryTimestamp"),
        proof=_proof(verification.fields("inclusionProof")) if "inclusionProof" in verification else None,
    )


def _proof(proof: Fields) -> InclusionProof:
    hashes = proof.items("hashes", MOST_HASHES, ())
    return InclusionProof(
        log_index=proof.integer("logIndex"),
        tree_size=proof.integer("treeSize"),
        root_hash=_unhex(proof, "rootHash"),
        hashes=tuple(_unhex(Fields({"hash": value}, proof.what), "hash") for value in hashes),
        checkpoint=proof.text("checkpoint"),
    )


def _unhex(fields: Fields, key: str) -> bytes:
    text = fields.text(key)
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise MalformedError(
            "hex", f"expected hexadecimal in {fields.what}.{key}, got {text[:80]!r}"
        ) from error


def _pem(submission: Submission) -> str:
    label = "CERTIFICATE" if submission.is_certificate else "PUBLIC KEY"
    return written(label, submission.signer).decode("ascii")


def _base64(content: bytes) -> str:
    return binascii.b2a_base64(content, newline=False).decode("ascii")
