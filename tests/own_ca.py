"""Certificates of an operator's own CA (`pki` in a policy), and what such a signer writes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from vouchsafe.evidence import legacy
from vouchsafe.testing.ca import key_usage
from vouchsafe.testing.canonical import b64, pem
from vouchsafe.testing.clock import VIRTUAL_NOON
from vouchsafe.testing.keys import KeySource, sign

NOON = VIRTUAL_NOON
DAY = timedelta(days=1)
KEYS = KeySource("pki")
NAMES = (x509.RFC822Name("release@example.com"), x509.DNSName("build.example.com"))


def certificate(
    subject: str, issuer: str, *, is_ca: bool, names: Any = (), end: datetime = NOON + DAY
) -> Any:
    """One of the operator's certificates."""

    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    builder = (
        x509.CertificateBuilder()
        .subject_name(named(subject))
        .issuer_name(named(issuer))
        .public_key(KEYS.ec(subject).public_key())
        .serial_number(7)
        .not_valid_before(NOON - DAY)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(key_usage(certificates=is_ca), critical=True)
    )
    if not is_ca:
        use = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
        builder = builder.add_extension(use, critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(KEYS.ec(issuer), hashes.SHA256())


ROOT = certificate("root", "root", is_ca=True)
MIDDLE = certificate("middle", "root", is_ca=True)
LEAF = certificate("leaf", "middle", is_ca=False, names=NAMES)


def written_beside(payload: bytes, leaf: Any = LEAF, chain: bytes = b"") -> dict[str, str]:
    """Of the `.sig` layer that `cosign sign --cert` writes."""
    return {
        legacy.SIGNATURE: b64(sign(KEYS.ec("leaf"), payload)),
        legacy.CERTIFICATE: pem(leaf).decode(),
        legacy.CHAIN: chain.decode(),
    }
