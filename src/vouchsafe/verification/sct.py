"""Signed Certificate Timestamps: was this certificate logged where CAs must show what they issue?

RFC 6962 §3.2, for certificates with embedded SCTs: the CT log signed the precertificate, which is the
certificate without its SCT list, bound to the issuer's key.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import lru_cache

from cryptography import x509

from vouchsafe.errors import MalformedError, VerificationError
from vouchsafe.verification import keys
from vouchsafe.verification.certificate import CERTIFICATES_KEPT, Leaf, find
from vouchsafe.verification.trust import Log

_VERSION_1 = 0
_CERTIFICATE_TIMESTAMP = 0
_PRECERT_ENTRY = 1


def verify(leaf: Leaf, issuer: x509.Certificate, logs: tuple[Log, ...]) -> None:
    """Check that at least one of `logs` timestamped `leaf`. Raises VerificationError."""
    found = find(leaf.extensions, x509.PrecertificateSignedCertificateTimestamps)
    if found is None:
        raise VerificationError("sct", "expected a signed certificate timestamp, got a certificate without")
    nearest = VerificationError("sct", "expected a timestamp by a trusted CT log, got none of such")
    for timestamp in found:
        for log in logs:
            if timestamp.log_id != log.key_id:
                continue
            try:
                _verify_one(leaf, issuer, timestamp, log)
            except VerificationError as error:
                nearest = error
            else:
                return
    raise nearest


def _verify_one(
    leaf: Leaf,
    issuer: x509.Certificate,
    sct: x509.certificate_transparency.SignedCertificateTimestamp,
    log: Log,
) -> None:
    at = _time(sct)
    if at not in log.window:
        raise VerificationError(
            "sct-window", f"expected a timestamp while the CT log was trusted, got {at:%F %T}"
        )
    covered = _signed(leaf, issuer, sct, at)
    keys.verify(keys.load(log.key), sct.signature, covered, "the certificate by the CT log")


def _time(sct: x509.certificate_transparency.SignedCertificateTimestamp) -> datetime:
    try:
        return sct.timestamp.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:  # 64 bits of milliseconds go on after the year 9999
        raise MalformedError("sct", f"expected a time in the SCT, got {error}") from error


def _signed(
    leaf: Leaf,
    issuer: x509.Certificate,
    sct: x509.certificate_transparency.SignedCertificateTimestamp,
    at: datetime,
) -> bytes:
    try:
        precertificate = leaf.certificate.tbs_precertificate_bytes
    except ValueError as error:
        raise MalformedError("sct", f"expected a certificate with one SCT list, got {error}") from error
    milliseconds = round(at.timestamp() * 1000)
    return b"".join(
        (
            bytes((_VERSION_1, _CERTIFICATE_TIMESTAMP)),
            milliseconds.to_bytes(8, "big"),
            _PRECERT_ENTRY.to_bytes(2, "big"),
            _key_hash(issuer),
            len(precertificate).to_bytes(3, "big"),
            precertificate,
            len(sct.extension_bytes).to_bytes(2, "big"),
            sct.extension_bytes,
        )
    )


@lru_cache(maxsize=CERTIFICATES_KEPT)
def _key_hash(issuer: x509.Certificate) -> bytes:
    """What binds the timestamp to the CA that issued, not to its name."""
    return hashlib.sha256(keys.encoded(issuer.public_key())).digest()
