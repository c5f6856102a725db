"""DER for the few documents that signing sends (X.690 §8, §10.1): a request for a certificate, one for a time-stamp.

Written out here, because cryptography's own writer imports SSH, ciphers, dataclasses and inspect: a tenth of a start.
"""

from __future__ import annotations

SEQUENCE, INTEGER, BITS, OCTETS, ATTRIBUTES = 0x30, 0x02, 0x03, 0x04, 0xA0
_LONG_FORM = 0x80
# SEQUENCE { OID 1.2.840.10045.4.3.2 }: ECDSA with SHA-256 (RFC 5758)
_ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
_VERSION_0 = bytes.fromhex("020100")


def element(tag: int, content: bytes) -> bytes:
    """Tag, shortest definite length, content.

    >>> element(OCTETS, b"ab").hex(), element(OCTETS, bytes(200))[:3].hex()
    ('04026162', '0481c8')
    """
    size = len(content)
    if size < _LONG_FORM:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, _LONG_FORM | len(length))) + length + content


def is_sequence(content: bytes) -> bool:
    """Whether this is one SEQUENCE of definite, shortest length and nothing after it, whatever is inside."""
    if len(content) < 2 or content[0] != SEQUENCE:
        return False
    digits = content[1] - _LONG_FORM if content[1] >= _LONG_FORM else 0
    inside = len(content) - 2 - digits
    return inside >= 0 and element(SEQUENCE, bytes(inside))[: 2 + digits] == content[: 2 + digits]


def to_be_signed(public_key: bytes) -> bytes:
    """CertificationRequestInfo (RFC 2986 §4.1) for a DER SubjectPublicKeyInfo: nobody's name, no attributes."""
    nobody = element(SEQUENCE, b"")
    return element(SEQUENCE, _VERSION_0 + nobody + public_key + element(ATTRIBUTES, b""))


def certificate_request(signed: bytes, signature: bytes) -> bytes:
    """CertificationRequest (RFC 2986 §4.2): what `to_be_signed` gave, and an ECDSA signature with SHA-256 over it."""
    return element(SEQUENCE, signed + _ECDSA_SHA256 + element(BITS, b"\0" + signature))
