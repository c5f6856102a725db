r"""A countersignature as containers/image reads it from a lookaside: `\0sigstore-json\n{…}`.

Made only of an `Acceptance`, which only an accepted verdict that holds verified signatures becomes.
Payload: containers/image signature/internal/sigstore_payload.go, which takes these keys and no others.
"""

from __future__ import annotations

import base64
import json
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from vouchsafe.countersign.authority import Leaf
from vouchsafe.errors import MalformedError
from vouchsafe.evidence import containers, legacy
from vouchsafe.image.digest import Digest
from vouchsafe.verification.claim import SIMPLE_SIGNING_TYPE

CREATOR = "vouchsafe"


def payload(digest: Digest, docker_reference: str, at: datetime, *, kind: str = SIMPLE_SIGNING_TYPE) -> bytes:
    """The bytes that are signed; `kind` is another for OpenPGP (containers-signature(5))."""
    return json.dumps(
        {
            "critical": {
                "type": kind,
                "image": {"docker-manifest-digest": str(digest)},
                "identity": {"docker-reference": docker_reference},
            },
            "optional": {"creator": CREATOR, "timestamp": int(at.timestamp())},
        },
        separators=(",", ":"),
    ).encode()


def sigstore_blob(signed: bytes, leaf: Leaf, authority_pem: bytes) -> bytes:
    """The file `signature-N`. The chain is there because clients drop its last certificate as the root."""
    return _sigstore(
        signed,
        {
            legacy.SIGNATURE: base64.b64encode(leaf.sign(signed)).decode(),
            legacy.CERTIFICATE: leaf.certificate.decode(),
            legacy.CHAIN: authority_pem.decode(),
        },
    )


def bare_blob(signed: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    """The same, by a key without a certificate."""
    made = key.sign(signed, ec.ECDSA(hashes.SHA256()))
    return _sigstore(signed, {legacy.SIGNATURE: base64.b64encode(made).decode()})


def _sigstore(signed: bytes, annotations: dict[str, str]) -> bytes:
    document = {
        "mimeType": legacy.SIMPLE_SIGNING,
        "payload": base64.b64encode(signed).decode(),
        "annotations": annotations,
    }
    return b"\0sigstore-json\n" + json.dumps(document, separators=(",", ":")).encode()


def ends(blob: bytes) -> datetime | None:
    """When a countersignature's leaf ends; None for a signature that has no leaf of ours."""
    try:
        evidence = containers.parse(blob, "a countersignature")
    except MalformedError:
        return None
    if evidence.certificate is None:
        return None
    try:
        return x509.load_der_x509_certificate(evidence.certificate).not_valid_after_utc
    except ValueError:
        return None
