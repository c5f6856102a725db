"""Public keys and what they signed: ECDSA on NIST's curves, RSA PKCS#1 v1.5, Ed25519; nothing else.

ECDSA keys are tried with SHA-256, which cosign always uses, and with the hash that fits the curve, which
the Sigstore algorithm registry asks for.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from vouchsafe.errors import MalformedError, VerificationError
from vouchsafe.image.digest import SHA2, Digest

SMALLEST_RSA = 2048  # bits
LARGEST_RSA = 16_384  # bits, as OpenSSL
KEYS_KEPT = 64  # parsed keys of logs and authorities
_HASHES: dict[str, Any] = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
_TRIED = {"secp256r1": ("sha256",), "secp384r1": ("sha256", "sha384"), "secp521r1": ("sha256", "sha512")}
_ECDSA = {name: ec.ECDSA(Prehashed(algorithm)) for name, algorithm in _HASHES.items()}

# What stands before the point in the one DER form that a key on these curves has (RFC 5480). All of Sigstore's
# own are such; cryptography's module for any key imports SSH, ciphers and dataclasses: 10 ms of each start.
_BEFORE_POINT = {
    "secp256r1": bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200"),
    "secp384r1": bytes.fromhex("3076301006072a8648ce3d020106052b81040022036200"),
}
_CURVES: dict[str, ec.EllipticCurve] = {"secp256r1": ec.SECP256R1(), "secp384r1": ec.SECP384R1()}

Key = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey


@lru_cache(maxsize=KEYS_KEPT)
def load(der: bytes) -> Key:
    """A public key from DER SubjectPublicKeyInfo (RFC 5280 §4.1.2.7)."""
    try:
        key = _load(der)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise MalformedError("public-key", f"expected a public key, got {error}") from error
    return supported(key)


def _load(der: bytes) -> object:
    for name, before in _BEFORE_POINT.items():
        if der.startswith(before) and len(der) == len(before) + 1 + 2 * _width(_CURVES[name]):
            return ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[name], der[len(before) :])
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    return load_der_public_key(der)


def encoded(key: Any) -> bytes:
    """A key as DER SubjectPublicKeyInfo."""
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _BEFORE_POINT:
        numbers, width = key.public_numbers(), _width(key.curve)
        point = b"\x04" + numbers.x.to_bytes(width, "big") + numbers.y.to_bytes(width, "big")
        return _BEFORE_POINT[key.curve.name] + point
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    whole: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return whole


def _width(curve: ec.EllipticCurve) -> int:
    """Bytes of one coordinate."""
    return (curve.key_size + 7) // 8


def supported(key: object) -> Key:
    """The key, if it is of a kind that we use."""
    if isinstance(key, rsa.RSAPublicKey) and not SMALLEST_RSA <= key.key_size <= LARGEST_RSA:
        raise MalformedError(
            "public-key", f"expected RSA of {SMALLEST_RSA} to {LARGEST_RSA} bits, got {key.key_size}"
        )
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name not in _TRIED:
        raise MalformedError("public-key", f"expected P-256, P-384 or P-521, got {key.curve.name}")
    if not isinstance(key, Key):
        raise MalformedError("public-key", f"expected an ECDSA, RSA or Ed25519 key, got {type(key).__name__}")
    return key


def verify(key: Key, signature: bytes, signed: bytes | Digest, what: str) -> None:
    """Check `signature` over the bytes, or over bytes of which only the digest is known.

    Raises VerificationError. Ed25519 needs the bytes.
    """
    if not holds(key, signature, signed):
        raise VerificationError(
            "signature", f"expected a valid signature of {what}, got one that does not verify"
        )


def holds(key: Key, signature: bytes, signed: bytes | Digest) -> bool:
    """Whether `signature` is one by `key`; VerificationError where only the bytes themselves could tell."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return any(
            checks(key.verify, signature, digest, _ECDSA[algorithm])
            for algorithm, digest in _digests(signed, _TRIED[key.curve.name])
        )
    if isinstance(key, rsa.RSAPublicKey):
        return any(
            checks(key.verify, signature, digest, padding.PKCS1v15(), Prehashed(_HASHES[algorithm]))
            for algorithm, digest in _digests(signed, ("sha256",))
        )
    if isinstance(signed, Digest):
        raise VerificationError("signature", "expected the artifact itself to check an Ed25519 signature")
    return checks(key.verify, signature, signed)


def _digests(signed: bytes | Digest, algorithms: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    """(algorithm, hash) of what was signed, as far as it is known."""
    for algorithm in algorithms:
        if not isinstance(signed, Digest):
            yield algorithm, SHA2[algorithm](signed).digest()
        elif signed.algorithm == algorithm:
            yield algorithm, signed.raw


def checks(check: Any, *arguments: object) -> bool:
    """Whether one of the library's `verify` methods returns."""
    try:
        check(*arguments)
    except (InvalidSignature, ValueError):
        return False
    return True
