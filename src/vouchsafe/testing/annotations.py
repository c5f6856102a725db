"""Material written as cosign's older format: a layer's blob and its annotations.

`sha256-<hex>.sig` holds simple signing payloads, `sha256-<hex>.att` DSSE envelopes; what proves them is in
the annotations.
"""

from __future__ import annotations

from typing import Any

from vouchsafe.testing.canonical import b64, compact, pem
from vouchsafe.testing.entries import envelope
from vouchsafe.testing.material import LogEntry, Material

SIGNATURE = "dev.cosignproject.cosign/signature"
CERTIFICATE = "dev.sigstore.cosign/certificate"
CHAIN = "dev.sigstore.cosign/chain"
BUNDLE = "dev.sigstore.cosign/bundle"
TIMESTAMP = "dev.sigstore.cosign/rfc3161timestamp"
PREDICATE_TYPE = "predicateType"
SIGNATURE_TYPE = "cosign container image signature"


def simple_signing(digest: str, docker_reference: str, *, optional: dict[str, Any] | None = None) -> bytes:
    """The payload that a `.sig` layer holds; `digest` as `sha256:…`."""
    critical = {
        "identity": {"docker-reference": docker_reference},
        "image": {"docker-manifest-digest": digest},
        "type": SIGNATURE_TYPE,
    }
    return compact({"critical": critical, "optional": optional})


def write_signature(material: Material) -> tuple[bytes, dict[str, str]]:
    """Blob and annotations of a layer of `.sig`."""
    return material.payload, {SIGNATURE: b64(material.signature), **_proofs(material)}


def write_attestation(material: Material, predicate_type: str) -> tuple[bytes, dict[str, str]]:
    """Blob and annotations of a layer of `.att`."""
    return envelope(material), {SIGNATURE: "", **_proofs(material), PREDICATE_TYPE: predicate_type}


def log_annotation(entry: LogEntry) -> dict[str, Any]:
    """The value of the bundle annotation, before it is JSON."""
    return {
        "SignedEntryTimestamp": b64(entry.promise or b""),
        "Payload": {
            "body": b64(entry.body),
            "integratedTime": entry.integrated_time,
            "logIndex": entry.index,
            "logID": entry.log_id.hex(),
        },
    }


def _proofs(material: Material) -> dict[str, str]:
    made: dict[str, str] = {}
    if material.entry is not None:
        made[BUNDLE] = compact(log_annotation(material.entry)).decode()
    if material.certificate is not None:
        made[CERTIFICATE] = pem(material.certificate).decode()
        made[CHAIN] = pem(*material.chain).decode()
    if material.timestamps:
        made[TIMESTAMP] = compact({"SignedRFC3161Timestamp": b64(material.timestamps[0])}).decode()
    return made
