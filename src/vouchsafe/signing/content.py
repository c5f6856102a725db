"""What is signed, byte for byte: the simple-signing payload, the in-toto statement and its DSSE envelope.

The same as cosign writes (SIGNATURE_SPEC.md, in-toto Statement v1), but that a statement names the
repository as its subject: without it, a bundle says nothing about where an image may be used.

>>> simple_signing(Digest.of(b"image"), "registry.example/app")[:36]
b'{"critical":{"identity":{"docker-ref'
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Mapping

from vouchsafe.evidence.dsse import IN_TOTO
from vouchsafe.evidence.pem import written
from vouchsafe.image.digest import Digest
from vouchsafe.verification.claim import SIGN_PREDICATE, SIMPLE_SIGNING_TYPE

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"


def simple_signing(digest: Digest, name: str, *, optional: Mapping[str, str] | None = None) -> bytes:
    """The payload of a `.sig` layer. `name` is the repository, `optional` the signer's own annotations."""
    critical = {
        "identity": {"docker-reference": name},
        "image": {"docker-manifest-digest": str(digest)},
        "type": SIMPLE_SIGNING_TYPE,
    }
    return compact({"critical": critical, "optional": dict(optional) if optional else None})


def statement(
    digest: Digest,
    name: str,
    *,
    predicate_type: str = SIGN_PREDICATE,
    predicate: object = None,
    annotations: Mapping[str, str] | None = None,
) -> bytes:
    """An in-toto statement about one image, by default that it was signed."""
    subject: dict[str, object] = {"name": name, "digest": {digest.algorithm: digest.hex}}
    if annotations:
        subject["annotations"] = dict(annotations)
    return compact(
        {
            "_type": STATEMENT_TYPE,
            "subject": [subject],
            "predicateType": predicate_type,
            "predicate": {} if predicate is None else predicate,
        }
    )


def envelope(payload: bytes, signature: bytes) -> bytes:
    """A DSSE envelope with its one signature, as it is logged and stored."""
    return compact(
        {
            "payloadType": IN_TOTO,
            "payload": base64_text(payload),
            "signatures": [{"sig": base64_text(signature)}],
        }
    )


def compact(value: object) -> bytes:
    """JSON without spaces, keys in the order that they were given."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def base64_text(content: bytes) -> str:
    """Standard base64 without line ends."""
    return binascii.b2a_base64(content, newline=False).decode("ascii")


def pem(label: str, *ders: bytes) -> str:
    """PEM blocks (RFC 7468)."""
    return written(label, *ders).decode("ascii")
