"""A certificate-transparency log (RFC 6962): it promises a precertificate a place, by an SCT.

The signature covers what the certificate is without its SCTs (section 3.2), and the hash of the issuer's
key, so a promise cannot be carried to another certificate or another CA.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ec

from vouchsafe.testing.der import octet_string
from vouchsafe.testing.keys import PublicKey, log_id, sign, spki

SCT_LIST = "1.3.6.1.4.1.11129.2.4.2"
_SHA256_ECDSA = b"\x04\x03"  # TLS 1.2 SignatureAndHashAlgorithm
_V1_CERTIFICATE_TIMESTAMP = b"\x00\x00"  # version v1, signature_type certificate_timestamp
_PRECERT_ENTRY = b"\x00\x01"


class CtLog:
    """One log and its key."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, *, url: str) -> None:
        """A P-256 key, as public logs have."""
        self.key = key
        self.url = url

    @property
    def public_key(self) -> PublicKey:
        """The log's key."""
        return self.key.public_key()

    @property
    def id(self) -> bytes:
        """SHA-256 of the key."""
        return log_id(self.public_key)

    def sct(self, tbs_without_sct: bytes, issuer: PublicKey, at: datetime) -> bytes:
        """A SignedCertificateTimestamp in TLS encoding."""
        milliseconds = int(at.timestamp() * 1000).to_bytes(8, "big")
        entry = (
            hashlib.sha256(spki(issuer)).digest() + len(tbs_without_sct).to_bytes(3, "big") + tbs_without_sct
        )
        no_extensions = b"\x00\x00"
        signed = _V1_CERTIFICATE_TIMESTAMP + milliseconds + _PRECERT_ENTRY + entry + no_extensions
        signature = _opaque(sign(self.key, signed))
        return b"\x00" + self.id + milliseconds + no_extensions + _SHA256_ECDSA + signature


def sct_list(*scts: bytes) -> bytes:
    """The value of the embedded extension: an OCTET STRING around the TLS list (section 3.3)."""
    return octet_string(_opaque(b"".join(_opaque(sct) for sct in scts)))


def _opaque(content: bytes) -> bytes:
    return len(content).to_bytes(2, "big") + content
