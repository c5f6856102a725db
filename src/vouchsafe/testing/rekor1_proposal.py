"""What a client proposes to Rekor v1, turned into the body that the log keeps, or refused.

A real Rekor checks the signature before it logs anything; so does this one, which makes it an oracle for
signers too.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from cryptography import x509

from vouchsafe.testing.answers import Rejected
from vouchsafe.testing.canonical import canonical, pae
from vouchsafe.testing.entries import body
from vouchsafe.testing.material import Material
from vouchsafe.testing.proof import holds, holds_over_digest, read_public_key


def proposed_body(proposal: dict[str, Any]) -> tuple[str, bytes]:
    """Kind (as `dsse/0.0.1`) and canonical body."""
    kind = f"{proposal.get('kind')}/{proposal.get('apiVersion')}"
    spec = proposal.get("spec") or {}
    try:
        match kind:
            case "hashedrekord/0.0.1":
                return kind, _hashedrekord(spec)
            case "dsse/0.0.1":
                return kind, _dsse(spec)
            case "intoto/0.0.1" | "intoto/0.0.2":
                return kind, _intoto(kind, spec)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise Rejected(400, f"error processing entry: {error!r}") from error
    raise Rejected(400, f"expected an entry of a known kind, got {kind}")


def _hashedrekord(spec: dict[str, Any]) -> bytes:
    signature = base64.b64decode(spec["signature"]["content"])
    verifier = spec["signature"]["publicKey"]["content"]
    stated = spec["data"]["hash"]
    key = read_public_key(base64.b64decode(verifier))
    if not holds_over_digest(key, signature, bytes.fromhex(stated["value"])):
        raise Rejected(400, "error processing entry: verifying signature: invalid signature")
    kept = {
        "data": {"hash": {"algorithm": stated["algorithm"], "value": stated["value"]}},
        "signature": {"content": spec["signature"]["content"], "publicKey": {"content": verifier}},
    }
    return canonical({"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": kept})


def _dsse(spec: dict[str, Any]) -> bytes:
    proposed = spec["proposedContent"]
    return _enveloped("dsse/0.0.1", proposed["envelope"].encode(), base64.b64decode(proposed["verifiers"][0]))


def _intoto(kind: str, spec: dict[str, Any]) -> bytes:
    envelope = spec["content"]["envelope"]
    if isinstance(envelope, str):
        return _enveloped(kind, envelope.encode(), base64.b64decode(spec["publicKey"]))
    first = envelope["signatures"][0]
    inner = {
        "payloadType": envelope["payloadType"],
        "payload": base64.b64decode(envelope["payload"]).decode(),
        "signatures": [{"sig": base64.b64decode(first["sig"]).decode()}],
    }
    return _enveloped(kind, json.dumps(inner).encode(), base64.b64decode(first["publicKey"]))


def _enveloped(kind: str, raw: bytes, verifier: bytes) -> bytes:
    """The body about a DSSE envelope; its `envelopeHash` is over the bytes as they came."""
    parsed = json.loads(raw)
    payload = base64.b64decode(parsed["payload"])
    signatures = tuple(base64.b64decode(entry["sig"]) for entry in parsed["signatures"])
    key = read_public_key(verifier)
    if not holds(key, signatures[0], pae(parsed["payloadType"], payload)):
        raise Rejected(400, "error processing entry: verifying signature: invalid signature")
    is_certificate = verifier.startswith(b"-----BEGIN CERTIFICATE")
    material = Material(
        payload=payload,
        payload_type=parsed["payloadType"],
        signatures=signatures,
        certificate=x509.load_pem_x509_certificate(verifier) if is_certificate else None,
        public_key=key,
        envelope=raw,
    )
    return body(kind, material)
