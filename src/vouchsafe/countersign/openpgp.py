"""OpenPGP simple signing, for clients that have Sigstore compiled out (Debian 12's podman and skopeo).

One key (ECDSA on P-256, which GnuPG and Go's library both read), its self-signature, and signed messages
that carry their own end. Packets: RFC 4880 §4 and §5, RFC 6637 for the curve. No program and no agent: the
key is derived like that of every other form, and signing it is a hundred lines.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_PUBLIC_KEY, _USER_ID, _SIGNATURE, _ONE_PASS, _LITERAL = 6, 13, 2, 4, 11  # packet tags, §4.3
_ECDSA, _SHA256 = 19, 8  # RFC 6637 §5, §9.4
_P256 = bytes.fromhex("2a8648ce3d030107")  # RFC 6637 §11
_POINT_BITS = 515  # 0x04, x and y
_BINARY, _POSITIVE_CERTIFICATION = 0x00, 0x13  # §5.2.1
_CREATED, _EXPIRES, _ISSUER, _PREFERRED_HASH, _KEY_FLAGS, _FINGERPRINT = 2, 3, 16, 21, 27, 33  # §5.2.3.1
_MAY_CERTIFY_AND_SIGN = b"\x03"


class SigningKey:
    """One key and the name that it goes by; `created` is part of its fingerprint."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, name: str, created: datetime) -> None:
        """`created` to the second."""
        self._key = key
        self._name = name.encode()
        self._created = int(created.timestamp())
        point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self._body = (
            b"\x04"
            + self._created.to_bytes(4, "big")
            + bytes((_ECDSA, len(_P256)))
            + _P256
            + _POINT_BITS.to_bytes(2, "big")
            + point
        )
        # SHA-1 is what a version 4 fingerprint is (§12.2); nothing rests on its strength here.
        self.fingerprint = hashlib.sha1(_hashed_key(self._body), usedforsecurity=False).digest()

    def public(self) -> bytes:
        """What clients are given: the key, its name, and its own signature over both."""
        over = _hashed_key(self._body) + b"\xb4" + len(self._name).to_bytes(4, "big") + self._name
        extra = _subpacket(_KEY_FLAGS, _MAY_CERTIFY_AND_SIGN) + _subpacket(_PREFERRED_HASH, bytes((_SHA256,)))
        certification = self._signature(_POSITIVE_CERTIFICATION, over, self._created, extra)
        return _packet(_PUBLIC_KEY, self._body) + _packet(_USER_ID, self._name) + certification

    def sign(self, payload: bytes, at: datetime, lifetime: timedelta) -> bytes:
        """A signed message; after `lifetime` clients refuse it (`signature expired`)."""
        created = int(at.timestamp())
        one_pass = bytes((3, _BINARY, _SHA256, _ECDSA)) + self.fingerprint[-8:] + b"\x01"
        literal = b"b\x00" + created.to_bytes(4, "big") + payload
        seconds = max(1, int(lifetime.total_seconds()))  # 0 would mean for ever (§5.2.3.10)
        signature = self._signature(
            _BINARY, payload, created, _subpacket(_EXPIRES, seconds.to_bytes(4, "big"))
        )
        return _packet(_ONE_PASS, one_pass) + _packet(_LITERAL, literal) + signature

    def _signature(self, kind: int, over: bytes, created: int, extra: bytes) -> bytes:
        """A version 4 signature packet (§5.2.3, §5.2.4)."""
        hashed = (
            _subpacket(_FINGERPRINT, b"\x04" + self.fingerprint)
            + _subpacket(_CREATED, created.to_bytes(4, "big"))
            + extra
            + _subpacket(_ISSUER, self.fingerprint[-8:])
        )
        head = bytes((4, kind, _ECDSA, _SHA256)) + len(hashed).to_bytes(2, "big") + hashed
        digest = hashlib.sha256(over + head + b"\x04\xff" + len(head).to_bytes(4, "big")).digest()
        r, s = utils.decode_dss_signature(self._key.sign(digest, ec.ECDSA(utils.Prehashed(hashes.SHA256()))))
        return _packet(_SIGNATURE, head + b"\x00\x00" + digest[:2] + _number(r) + _number(s))


def _hashed_key(body: bytes) -> bytes:
    return b"\x99" + len(body).to_bytes(2, "big") + body


def _packet(tag: int, body: bytes) -> bytes:
    """In the old format with a length of four bytes: what every reader takes, containers/image's sniffing too."""
    return bytes((0x80 | tag << 2 | 2,)) + len(body).to_bytes(4, "big") + body


def _subpacket(kind: int, content: bytes) -> bytes:
    return bytes((len(content) + 1, kind)) + content


def _number(value: int) -> bytes:
    """A multiprecision integer (§3.2)."""
    return value.bit_length().to_bytes(2, "big") + value.to_bytes((value.bit_length() + 7) // 8, "big")
