"""What a log entry says, compared with the evidence: the entry must be about *this* signature.

A valid entry of somebody else's signature proves nothing (GHSA-whqx-f9j3-ch6m, GHSA-8gw7-4j42-w388).
Kinds: Rekor's hashedrekord 0.0.1 and 0.0.2, dsse 0.0.1 and 0.0.2, intoto 0.0.1 and 0.0.2 (schemas in
sigstore/rekor pkg/types and rekor-tiles).
"""

from __future__ import annotations

from collections.abc import Callable

from vouchsafe.errors import MalformedError, VerificationError
from vouchsafe.evidence import pem
from vouchsafe.evidence.types import Envelope, Evidence, LogEntry
from vouchsafe.image.digest import SHA2, Digest
from vouchsafe.record import Record
from vouchsafe.strictjson import Fields, base64_bytes

_V2_HASHES = {"SHA2_256": "sha256", "SHA2_384": "sha384", "SHA2_512": "sha512"}


class Signed(Record):
    """What the evidence says, in the form that entries are compared with.

    `signer` is the DER certificate, or the DER key; `message` what was signed, or its digest alone.
    """

    evidence: Evidence
    signer: bytes
    message: bytes | Digest


def check(entry: LogEntry, signed: Signed) -> None:
    """Compare; raises VerificationError on any difference, MalformedError on an unreadable entry."""
    body = Fields.parse(entry.body, what="log entry")
    kind, version = body.text("kind"), body.text("apiVersion")
    if (kind, version) != (entry.kind, entry.version):
        raise VerificationError(
            "log-entry-kind", f"expected an entry {entry.kind} {entry.version}, got {kind} {version}"
        )
    compare = _KINDS.get((kind, version))
    if compare is None:
        raise VerificationError(
            "log-entry-kind", f"expected a kind of entry that we know, got {kind} {version}"
        )
    compare(body.fields("spec"), signed)


def _hashedrekord_1(spec: Fields, signed: Signed) -> None:
    recorded = spec.fields("data").fields("hash")
    _same_digest(recorded.text("algorithm"), recorded.text("value"), signed.message)
    signature = spec.fields("signature")
    _same_signature(signature.data("content"), signed)
    _same_signer(_pem_der(signature.fields("publicKey").data("content")), signed)


def _hashedrekord_2(spec: Fields, signed: Signed) -> None:
    record = spec.fields("hashedRekordV002")
    data = record.fields("data")
    _same_digest(_V2_HASHES.get(data.text("algorithm"), ""), data.data("digest").hex(), signed.message)
    _same_signature_2(record.fields("signature"), signed)


def _dsse_1(spec: Fields, signed: Signed) -> None:
    envelope = _envelope(signed)
    payload = spec.fields("payloadHash")
    _same_digest(payload.text("algorithm"), payload.text("value"), envelope.payload)
    signature = _only(spec.objects("signatures", 16), "signatures")
    _same_signature(signature.data("signature"), signed)
    _same_signer(_pem_der(signature.data("verifier")), signed)


def _dsse_2(spec: Fields, signed: Signed) -> None:
    record = spec.fields("dsseV002")
    payload = record.fields("payloadHash")
    algorithm = _V2_HASHES.get(payload.text("algorithm"), "")
    _same_digest(algorithm, payload.data("digest").hex(), _envelope(signed).payload)
    _same_signature_2(_only(record.objects("signatures", 16), "signatures"), signed)


def _intoto_1(spec: Fields, signed: Signed) -> None:
    """Holds the hash of the whole envelope as it was uploaded, so only `.att` can be compared."""
    envelope = _envelope(signed)
    content = spec.fields("content").fields("hash")
    if envelope.stored is None or content.text("algorithm") != envelope.stored.algorithm:
        raise VerificationError(
            "log-entry-kind", "expected the envelope's own bytes for an intoto 0.0.1 entry"
        )
    if content.text("value") != envelope.stored.hex:
        raise VerificationError("log-entry-payload", "expected an entry of this envelope, got one of another")
    _same_signer(_pem_der(spec.data("publicKey")), signed)


def _intoto_2(spec: Fields, signed: Signed) -> None:
    content = spec.fields("content")
    envelope = _envelope(signed)
    payload = content.fields("payloadHash")
    _same_digest(payload.text("algorithm"), payload.text("value"), envelope.payload)
    recorded = content.fields("envelope")
    if recorded.text("payloadType") != envelope.payload_type:
        raise VerificationError("log-entry-payload", "expected an entry of this payload type, got another")
    signature = _only(recorded.objects("signatures", 16), "signatures")
    inner = signature.data("sig")  # base64 twice: the type's schema says so
    _same_signature(base64_bytes(inner.decode("ascii", "replace"), "signatures.sig"), signed)
    _same_signer(_pem_der(signature.data("publicKey")), signed)


_KINDS: dict[tuple[str, str], Callable[[Fields, Signed], None]] = {
    ("hashedrekord", "0.0.1"): _hashedrekord_1,
    ("hashedrekord", "0.0.2"): _hashedrekord_2,
    ("dsse", "0.0.1"): _dsse_1,
    ("dsse", "0.0.2"): _dsse_2,
    ("intoto", "0.0.1"): _intoto_1,
    ("intoto", "0.0.2"): _intoto_2,
}


def _same_signature_2(signature: Fields, signed: Signed) -> None:
    _same_signature(signature.data("content"), signed)
    verifier = signature.fields("verifier")
    kind = "x509Certificate" if "x509Certificate" in verifier else "publicKey"
    _same_signer(verifier.fields(kind).data("rawBytes"), signed)


def _envelope(signed: Signed) -> Envelope:
    content = signed.evidence.content
    if not isinstance(content, Envelope):
        raise VerificationError(
            "log-entry-kind", "expected an entry of a plain signature, got one of an attestation"
        )
    return content


def _only(found: list[Fields], what: str) -> Fields:
    if len(found) != 1:
        raise VerificationError("log-entry-signature", f"expected one entry in {what}, got {len(found)}")
    return found[0]


def _pem_der(text: bytes) -> bytes:
    return pem.single(text, "the log entry")[1]


def _same_digest(algorithm: str, hexadecimal: str, message: bytes | Digest) -> None:
    if algorithm not in SHA2:
        raise MalformedError("log-entry-hash", f"expected SHA-2 in the log entry, got {algorithm!r}")
    if isinstance(message, Digest):
        same = (message.algorithm, message.hex) == (algorithm, hexadecimal)
    else:
        same = SHA2[algorithm](message).hexdigest() == hexadecimal
    if not same:
        raise VerificationError("log-entry-payload", "expected an entry of this content, got one of another")


def _same_signature(recorded: bytes, signed: Signed) -> None:
    if recorded != signed.evidence.signature:
        raise VerificationError(
            "log-entry-signature", "expected an entry of this signature, got one of another"
        )


def _same_signer(recorded: bytes, signed: Signed) -> None:
    if recorded != signed.signer:
        raise VerificationError(
            "log-entry-certificate", "expected an entry with this certificate or key, got one with another"
        )
