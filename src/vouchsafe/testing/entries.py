"""The bodies of log entries, canonical as each Rekor writes them.

Every kind says: this signature, by this certificate or key, over this hash. Formats: rekor
pkg/types/{hashedrekord,dsse,intoto}, rekor-tiles' protobuf.
"""

from __future__ import annotations

import hashlib
from typing import Any

from vouchsafe.testing.canonical import b64, canonical, compact, der, pae, pem
from vouchsafe.testing.keys import key_details, natural_hash, public_pem, spki
from vouchsafe.testing.material import Material

KINDS = (
    "hashedrekord/0.0.1",
    "dsse/0.0.1",
    "intoto/0.0.1",
    "intoto/0.0.2",
    "hashedrekord/0.0.2",
    "dsse/0.0.2",
)
_SHA2_NAMES = {32: "SHA2_256", 48: "SHA2_384", 64: "SHA2_512"}  # protobuf HashAlgorithm by size in bytes


def body(kind: str, material: Material) -> bytes:
    """The entry of `kind` (one of KINDS) about a material."""
    return canonical(
        {"apiVersion": kind.partition("/")[2], "kind": kind.partition("/")[0], "spec": _spec(kind, material)}
    )


def envelope(material: Material) -> bytes:
    """The DSSE envelope in JSON, as cosign writes and Rekor hashes it."""
    if material.envelope is not None:
        return material.envelope
    signatures = [{"sig": b64(signature)} for signature in material.signatures]
    return compact(
        {"payloadType": material.payload_type, "payload": b64(material.payload), "signatures": signatures}
    )


def verifier_pem(material: Material) -> bytes:
    """The certificate, or the bare key, in PEM."""
    if material.certificate is not None:
        return pem(material.certificate)
    if material.public_key is None:
        raise ValueError("expected a certificate or a public key, got neither")
    return public_pem(material.public_key)


def signed_bytes(material: Material) -> bytes:
    """What the signature covers: the content, or the envelope's pre-authentication encoding."""
    return material.payload if material.payload_type is None else pae(material.payload_type, material.payload)


def _spec(kind: str, material: Material) -> dict[str, Any]:
    match kind:
        case "hashedrekord/0.0.1":
            return _hashedrekord1(material)
        case "dsse/0.0.1":
            return _dsse1(material)
        case "intoto/0.0.1":
            return {
                "content": {"hash": _hash(envelope(material)), "payloadHash": _hash(material.payload)},
                "publicKey": b64(verifier_pem(material)),
            }
        case "intoto/0.0.2":
            return _intoto2(material)
        case "hashedrekord/0.0.2":
            return {"hashedRekordV002": _hashedrekord2(material)}
        case "dsse/0.0.2":
            return {"dsseV002": _dsse2(material)}
        case _:
            raise ValueError(f"expected one of {', '.join(KINDS)}, got {kind}")


def _hash(content: bytes) -> dict[str, str]:
    return {"algorithm": "sha256", "value": hashlib.sha256(content).hexdigest()}


def _hashedrekord1(material: Material) -> dict[str, Any]:
    digest = hashlib.new(_algorithm(material).lower(), signed_bytes(material)).hexdigest()
    return {
        "data": {"hash": {"algorithm": _algorithm(material).lower(), "value": digest}},
        "signature": {
            "content": b64(material.signature),
            "publicKey": {"content": b64(verifier_pem(material))},
        },
    }


def _dsse1(material: Material) -> dict[str, Any]:
    verifier = b64(verifier_pem(material))
    return {
        "envelopeHash": _hash(envelope(material)),
        "payloadHash": _hash(material.payload),
        "signatures": [{"signature": b64(made), "verifier": verifier} for made in material.signatures],
    }


def _intoto2(material: Material) -> dict[str, Any]:
    """`sig` and `publicKey` are base64 of what is base64 already: rekor's strfmt does that."""
    key = b64(verifier_pem(material))
    signatures = [{"publicKey": key, "sig": b64(b64(made).encode())} for made in material.signatures]
    return {
        "content": {
            "envelope": {"payloadType": material.payload_type, "signatures": signatures},
            "hash": _hash(envelope(material)),
            "payloadHash": _hash(material.payload),
        }
    }


def _hashedrekord2(material: Material) -> dict[str, Any]:
    digest = hashlib.new(_algorithm(material).lower(), signed_bytes(material)).digest()
    return {
        "data": {"algorithm": _SHA2_NAMES[len(digest)], "digest": b64(digest)},
        "signature": {"content": b64(material.signature), "verifier": verifier2(material)},
    }


def _dsse2(material: Material) -> dict[str, Any]:
    digest = hashlib.sha256(material.payload).digest()
    signatures = [{"content": b64(made), "verifier": verifier2(material)} for made in material.signatures]
    return {"payloadHash": {"algorithm": "SHA2_256", "digest": b64(digest)}, "signatures": signatures}


def verifier2(material: Material) -> dict[str, Any]:
    """Rekor v2's `verifier`: key details beside a certificate or a key."""
    if material.certificate is not None:
        key: Any = material.certificate.public_key()
        return {
            "keyDetails": key_details(key),
            "x509Certificate": {"rawBytes": b64(der(material.certificate))},
        }
    if material.public_key is None:
        raise ValueError("expected a certificate or a public key, got neither")
    return {
        "keyDetails": key_details(material.public_key),
        "publicKey": {"rawBytes": b64(spki(material.public_key))},
    }


def _algorithm(material: Material) -> str:
    """The name of the hash that the signature was made with."""
    if material.hash_name:
        return material.hash_name
    key: Any = material.certificate.public_key() if material.certificate else material.public_key
    return natural_hash(key).name
