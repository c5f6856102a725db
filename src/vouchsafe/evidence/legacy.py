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
    bare = Evidence(
        origin=origin,
        media_type=SIMPLE_SIGNING,
        content=SimpleSigning(payload=blob),
        signature=signature,
        timestamped=signature,
        blob_digest=Digest.of(blob),
    )
    return _with_proofs(bare, annotations)


def attestation(blob: bytes, annotations: Mapping[str, str], origin: str) -> Evidence:
    """Read one layer of an `.att` manifest; its time-stamp covers the whole envelope."""
    envelope, signature = read_envelope(Fields.parse(blob, what="envelope"))
    stored = Digest.of(blob)
    bare = Evidence(
        origin=origin,
        media_type=DSSE_ENVELOPE,
        content=envelope.replace(stored=stored),
        signature=signature,
        timestamped=blob,
        blob_digest=stored,
    )
    return _with_proofs(bare, annotations)


def _with_proofs(bare: Evidence, annotations: Mapping[str, str]) -> Evidence:
    found = {name: _text(annotations, name) for name in (CERTIFICATE, CHAIN, PROMISE, TIMESTAMP)}
    return bare.replace(
        certificate=_certificate(found[CERTIFICATE]) if found[CERTIFICATE] else None,
        chain=pem.certificates(found[CHAIN], CHAIN) if found[CHAIN].strip() else (),
        entries=_promise(found[PROMISE]) if found[PROMISE] else (),
        timestamps=_timestamps(found[TIMESTAMP]),
    )


def _text(annotations: Mapping[str, str], name: str) -> bytes:
    try:
        return annotations.get(name, "").encode()
    except UnicodeEncodeError as error:
        raise MalformedError(
            "annotation", f"expected Unicode text in {name}, got a lone surrogate"
        ) from error


def _certificate(text: bytes) -> bytes:
    label, der = pem.single(text, CERTIFICATE)
    if label != "CERTIFICATE":
        raise MalformedError("pem", f"expected a certificate in {CERTIFICATE}, got {label}")
    return der


def _promise(text: bytes) -> tuple[LogEntry, ...]:
    outer = Fields.parse(text, what=PROMISE)
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


def _timestamps(text: bytes) -> tuple[bytes, ...]:
    if text in (b"", b"null"):
        return ()
    return (Fields.parse(text, what=TIMESTAMP).data("SignedRFC3161Timestamp"),)
