"""Evidence, written: as a Sigstore bundle v0.3, or as the annotations of cosign's older layers.

The counterpart of `vouchsafe.evidence`, which reads both. The bundle's JSON is protobuf's (64-bit numbers
as strings, zeros left out); the annotations are cosign SIGNATURE_SPEC.md's.
"""

from __future__ import annotations

from vouchsafe.errors import SigningError
from vouchsafe.evidence import legacy
from vouchsafe.evidence.bundle import FAMILY
from vouchsafe.evidence.types import Envelope, Evidence, InclusionProof, LogEntry, MessageSignature
from vouchsafe.signing.content import base64_text, compact, pem

BUNDLE = f"{FAMILY}.v0.3+json"
PREDICATE_TYPE = "predicateType"  # cosign's annotation of an `.att` layer
_HASHES = {"sha256": "SHA2_256", "sha384": "SHA2_384", "sha512": "SHA2_512"}

Json = dict[str, object]


def bundle(evidence: Evidence) -> bytes:
    """A bundle v0.3: one certificate without its chain, or the hint of a key."""
    material: Json = (
        {"publicKey": {"hint": evidence.key_hint}}
        if evidence.certificate is None
        else {"certificate": {"rawBytes": base64_text(evidence.certificate)}}
    )
    material["tlogEntries"] = [_entry(entry) for entry in evidence.entries]
    if evidence.timestamps:
        stamps = [{"signedTimestamp": base64_text(stamp)} for stamp in evidence.timestamps]
        material["timestampVerificationData"] = {"rfc3161Timestamps": stamps}
    return compact({"mediaType": BUNDLE, "verificationMaterial": material, **_content(evidence)})


def layer_annotations(evidence: Evidence, *, predicate_type: str = "") -> dict[str, str]:
    """What stands beside the payload in a `.sig` layer, or beside the envelope in an `.att` layer."""
    is_attestation = isinstance(evidence.content, Envelope)
    written = {legacy.SIGNATURE: "" if is_attestation else base64_text(evidence.signature)}
    if evidence.entries:
        written[legacy.PROMISE] = compact(_promise(evidence.entries[0])).decode()
    if evidence.certificate is not None:
        written[legacy.CERTIFICATE] = pem("CERTIFICATE", evidence.certificate)
        written[legacy.CHAIN] = pem("CERTIFICATE", *evidence.chain)
    if evidence.timestamps:
        stamp = {"SignedRFC3161Timestamp": base64_text(evidence.timestamps[0])}
        written[legacy.TIMESTAMP] = compact(stamp).decode()
    if is_attestation:
        written[PREDICATE_TYPE] = predicate_type
    return written


def _content(evidence: Evidence) -> Json:
    match evidence.content:
        case Envelope(payload_type=kind, payload=payload):
            signed = {"payload": base64_text(payload), "payloadType": kind}
            return {"dsseEnvelope": signed | {"signatures": [{"sig": base64_text(evidence.signature)}]}}
        case MessageSignature(digest=digest) if digest is not None:
            digest_json = {"algorithm": _HASHES[digest.algorithm], "digest": base64_text(digest.raw)}
            signature = base64_text(evidence.signature)
            return {"messageSignature": {"messageDigest": digest_json, "signature": signature}}
        case other:
            raise SigningError(
                "bundle-content", f"expected an envelope or a message, got {type(other).__name__}"
            )


def _entry(entry: LogEntry) -> Json:
    """A TransparencyLogEntry (sigstore_rekor.proto)."""
    written: Json = {
        **_number("logIndex", entry.log_index),
        "logId": {"keyId": base64_text(entry.log_id)},
        "kindVersion": {"kind": entry.kind, "version": entry.version},
        **_number("integratedTime", entry.integrated_time),
    }
    if entry.promise is not None:
        written["inclusionPromise"] = {"signedEntryTimestamp": base64_text(entry.promise)}
    if entry.proof is not None:
        written["inclusionProof"] = _proof(entry.proof)
    return written | {"canonicalizedBody": base64_text(entry.body)}


def _proof(proof: InclusionProof) -> Json:
    written: Json = {
        **_number("logIndex", proof.log_index),
        "rootHash": base64_text(proof.root_hash),
        "treeSize": str(proof.tree_size),
    }
    if proof.hashes:
        written["hashes"] = [base64_text(each) for each in proof.hashes]
    if proof.checkpoint is not None:
        written["checkpoint"] = {"envelope": proof.checkpoint}
    return written


def _number(name: str, value: int) -> Json:
    return {name: str(value)} if value else {}


def _promise(entry: LogEntry) -> Json:
    """What cosign calls the bundle: the promise over exactly these four fields."""
    if entry.promise is None:
        raise SigningError(
            "log-promise",
            "expected a signed entry timestamp from the log, got none",
            hint="Only Rekor v1 gives one, and `.sig` needs it.",
        )
    payload = {
        "body": base64_text(entry.body),
        "integratedTime": entry.integrated_time,
        "logIndex": entry.log_index,
        "logID": entry.log_id.hex(),
    }
    return {"SignedEntryTimestamp": base64_text(entry.promise), "Payload": payload}
