"""cosign's layers of old: `.sig` (simple signing) and `.att` (DSSE), with their proofs in annotations.

Formats: cosign specs/SIGNATURE_SPEC.md, in-toto attestation spec; the Rekor promise ("bundle") is the
Signed Entry Timestamp over canonical JSON of its four fields.
"""

from __future__ import annotations

from collections.abc import Mapping

from vouchsafe.errors import MalformedError
from vouchsafe.evidence import pem
from vouchsafe.evidence.dsse import read_envelope
from vouchsafe.evidence.types import Evidence, LogEntry, SimpleSigning
from vouchsafe.image.digest import Digest
from vouchsafe.strictjson import Fields, base64_bytes

SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
DSSE_ENVELOPE = "application/vnd.dsse.envelope.v1+json"
SIGNATURE = "dev.cosignproject.cosign/signature"
CERTIFICATE = "dev.sigstore.cosign/certificate"
CHAIN = "dev.sigstore.cosign/chain"
PROMISE = "dev.sigstore.cosign/bundle"
TIMESTAMP = "dev.sigstore.cosign/rfc3161timestamp"
LARGEST_PAYLOAD = 4 * 1024 * 1024  # bytes, as containers/image


def simple_signing(blob: bytes, annotations: Mapping[str, str], origin: str) -> Evidence:
    """Read one layer of a `.sig` manifest."""
    if len(blob) > LARGEST_PAYLOAD:
        raise MalformedError(
            "payload-too-large", f"expected at most {LARGEST_PAYLOAD} bytes, got {len(blob)}"
        )
    signature = base64_bytes(annotations.get(SIGNATURE, ""), SIGNATURE)
    if not signature:
        raise MalformedError("no-signature", f"expected a signature in {SIGNATURE}, got nothing")
    return _evidence(
        origin=origin,
        media_type=SIMPLE_SIGNING,
        content=SimpleSigning(payload=blob),
        signature=signature,
        timestamped=signature,
        blob=blob,
        annotations=annotations,
    )


def attestation(blob: bytes, annotations: Mapping[str, str], origin: str) -> Evidence:
    """Read one layer of an `.att` manifest; its time-stamp covers the whole envelope."""
    envelope, signature = read_envelope(Fields.parse(blob, what="envelope"))
    return _evidence(
        origin=origin,
        media_type=DSSE_ENVELOPE,
        content=envelope.replace(stored=Digest.of(blob)),
        signature=signature,
        timestamped=blob,
        blob=blob,
        annotations=annotations,
    )


def _evidence(*, annotations: Mapping[str, str], blob: bytes, **known: object) -> Evidence:
    certificate = None
    if annotations.get(CERTIFICATE):
        label, certificate = pem.single(annotations[CERTIFICATE].encode(), CERTIFICATE)
        if label != "CERTIFICATE":
            raise MalformedError("pem", f"expected a certificate in {CERTIFICATE}, got {label}")
    chain = annotations.get(CHAIN, "").strip()
    return Evidence(
        **known,
        certificate=certificate,
        chain=pem.certificates(chain.encode(), CHAIN) if chain else (),
        entries=_promise(annotations),
        timestamps=_timestamps(annotations),
        blob_digest=Digest.of(blob),
    )


def _promise(annotations: Mapping[str, str]) -> tuple[LogEntry, ...]:
    if not annotations.get(PROMISE):
        return ()
    outer = Fields.parse(annotations[PROMISE].encode(), what=PROMISE)
    payload = outer.fields("Payload")
    body = payload.data("body")
    inner = Fields.parse(body, what=f"{PROMISE}.Payload.body")
    return (
        LogEntry(
            kind=inner.text("kind"),
            version=inner.text("apiVersion"),
            log_id=_hex(payload.text("logID")),
            log_index=payload.integer("logIndex"),
            body=body,
            integrated_time=payload.integer("integratedTime"),
            promise=outer.data("SignedEntryTimestamp"),
        ),
    )


def _hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise MalformedError(
            "hex", f"expected hexadecimal in {PROMISE}.Payload.logID, got {text[:80]!r}"
        ) from error


def _timestamps(annotations: Mapping[str, str]) -> tuple[bytes, ...]:
    text = annotations.get(TIMESTAMP, "")
    if not text or text == "null":
        return ()
    return (Fields.parse(text.encode(), what=TIMESTAMP).data("SignedRFC3161Timestamp"),)
