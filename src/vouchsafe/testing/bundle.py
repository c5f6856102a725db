"""Material written as a Sigstore bundle (protobuf JSON), in every version that is in the wild.

What differs: v0.1 and v0.2 carry an x509CertificateChain, v0.3 a single certificate; v0.3 has two media
types. 64-bit integers are strings; a field that is zero is left out, `logIndex` 0 as well.
"""

from __future__ import annotations

from typing import Any

from vouchsafe.testing.canonical import b64, compact, der
from vouchsafe.testing.material import InclusionProof, LogEntry, Material

MEDIA_TYPES = {
    "0.1": "application/vnd.dev.sigstore.bundle+json;version=0.1",
    "0.2": "application/vnd.dev.sigstore.bundle+json;version=0.2",
    "0.3-old": "application/vnd.dev.sigstore.bundle+json;version=0.3",
    "0.3": "application/vnd.dev.sigstore.bundle.v0.3+json",
}


def write_bundle(material: Material, version: str = "0.3", *, artifact_digest: bytes = b"") -> bytes:
    """The bundle's bytes; `artifact_digest` (SHA-256) goes into a bundle over bare content."""
    return compact(bundle_object(material, version, artifact_digest=artifact_digest))


def bundle_object(
    material: Material, version: str = "0.3", *, artifact_digest: bytes = b""
) -> dict[str, Any]:
    """The same as Python values, for tests that edit them."""
    verification: dict[str, Any] = _identity(material, version)
    verification["tlogEntries"] = [entry_object(material.entry)] if material.entry else []
    if material.timestamps:
        stamps = [{"signedTimestamp": b64(stamp)} for stamp in material.timestamps]
        verification["timestampVerificationData"] = {"rfc3161Timestamps": stamps}
    made: dict[str, Any] = {"mediaType": MEDIA_TYPES[version], "verificationMaterial": verification}
    if material.payload_type is None:
        digest = {"algorithm": "SHA2_256", "digest": b64(artifact_digest)}
        made["messageSignature"] = {"messageDigest": digest, "signature": b64(material.signature)}
    else:
        made["dsseEnvelope"] = {
            "payload": b64(material.payload),
            "payloadType": material.payload_type,
            "signatures": [{"sig": b64(signature)} for signature in material.signatures],
        }
    return made


def _identity(material: Material, version: str) -> dict[str, Any]:
    if material.certificate is None:
        return {"publicKey": {"hint": material.key_hint}}
    if version.startswith("0.3"):
        return {"certificate": {"rawBytes": b64(der(material.certificate))}}
    chain = (
        material.certificate,
        *material.chain[:-1],
    )  # a root in a bundle is forbidden by its specification
    return {"x509CertificateChain": {"certificates": [{"rawBytes": b64(der(link))} for link in chain]}}


def entry_object(entry: LogEntry) -> dict[str, Any]:
    """A TransparencyLogEntry as Python values; Rekor v2 answers with one."""
    made: dict[str, Any] = {
        **_index(entry.index),
        "logId": {"keyId": b64(entry.log_id)},
        "kindVersion": {"kind": entry.kind, "version": entry.version},
    }
    if entry.integrated_time is not None:
        made["integratedTime"] = str(entry.integrated_time)
    if entry.promise is not None:
        made["inclusionPromise"] = {"signedEntryTimestamp": b64(entry.promise)}
    if entry.proof is not None:
        made["inclusionProof"] = _proof(entry.proof)
    return made | {"canonicalizedBody": b64(entry.body)}


def _proof(proof: InclusionProof) -> dict[str, Any]:
    hashes = {"hashes": [b64(node) for node in proof.hashes]} if proof.hashes else {}
    return {
        **_index(proof.index),
        "rootHash": b64(proof.root),
        "treeSize": str(proof.size),
        **hashes,
        "checkpoint": {"envelope": proof.checkpoint},
    }


def _index(index: int) -> dict[str, str]:
    return {"logIndex": str(index)} if index else {}
