"""Did this authority issue that certificate? Names, algorithms and the signature over the whole.

A certificate's own signature may use any scheme that X.509 names; the hash must be SHA-2.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from vouchsafe.image.digest import SHA2
from vouchsafe.verification.keys import checks

X509_ERRORS = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
_VERSION_3 = bytes.fromhex("a003020102")  # [0] EXPLICIT INTEGER 2


def is_issued(child: x509.Certificate, der: bytes, parent: x509.Certificate) -> bool:
    """Whether `parent` names itself as the issuer of `child` (whose DER is `der`) and signed it, with SHA-2.

    The library's own check reads the parent's key anew each time: a fifth of a P-384 verification.
    """
    if child.issuer != parent.subject:
        return False
    try:
        covered = child.tbs_certificate_bytes
        scheme, algorithm = child.signature_algorithm_parameters, child.signature_hash_algorithm
        key = parent.public_key()
    except X509_ERRORS:
        return False
    return _algorithms_agree(der, covered) and _is_signed(key, child.signature, covered, scheme, algorithm)


def _algorithms_agree(der: bytes, covered: bytes) -> bool:
    """The algorithm stands beside what is signed and inside of it, twice the same (RFC 5280 §4.1.1.2)."""
    start = der.find(covered) + len(covered)
    beside = der[start : start + 2 + der[start + 1]]
    serial = _serial(covered, 0)
    return serial > 0 and covered.startswith(beside, serial + 2 + covered[serial + 1])


def has_positive_serial(der: bytes) -> bool:
    """RFC 5280 §4.1.2.2; True as well for what is no certificate of version 3, which others will tell."""
    serial = _serial(der, _header(der, 0))
    if serial < 0:
        return True
    length, first = der[serial + 1], der[serial + 2]
    return 0 < first < 0x80 or (first == 0 and length > 1)


def _serial(der: bytes, start: int) -> int:
    """Where the serial number of a TBSCertificate of version 3 is; -1 when that is none."""
    version = start + _header(der, start)
    serial = version + len(_VERSION_3)
    return serial if der.startswith(_VERSION_3, version) and len(der) > serial + 2 else -1


def _header(der: bytes, start: int) -> int:
    """Bytes of tag and length."""
    length = der[start + 1] if len(der) > start + 1 else 0
    return 2 + (length & 0x7F if length & 0x80 else 0)


def _is_signed(
    key: object, signature: bytes, covered: bytes, scheme: object, algorithm: hashes.HashAlgorithm | None
) -> bool:
    """Whether `key` signed `covered`, under the scheme and hash that the certificate names."""
    if isinstance(key, ed25519.Ed25519PublicKey):
        return scheme is None and checks(key.verify, signature, covered)
    if algorithm is None or algorithm.name not in SHA2:
        return False
    digest, prehashed = SHA2[algorithm.name](covered).digest(), Prehashed(algorithm)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return isinstance(scheme, ec.ECDSA) and checks(key.verify, signature, digest, ec.ECDSA(prehashed))
    return (
        isinstance(key, rsa.RSAPublicKey)
        and isinstance(scheme, (padding.PKCS1v15, padding.PSS))
        and checks(key.verify, signature, digest, scheme, prehashed)
    )
