"""Keys that come out the same for the same seed, and signatures by the scheme that suits each key.

Two runs with one seed and one clock make the same bytes, so a failure can be looked at twice. RSA is
the exception: it has no cheap way from a seed to a key, and is the same only within a process.

>>> KeySource("a").ec("x").private_numbers() == KeySource("a").ec("x").private_numbers()
True
"""

from __future__ import annotations

import hashlib
from collections import Counter
from functools import lru_cache

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey

CURVES: dict[str, type[ec.EllipticCurve]] = {
    "p256": ec.SECP256R1,
    "p384": ec.SECP384R1,
    "p521": ec.SECP521R1,
}
KEY_KINDS = (*CURVES, "rsa", "ed25519")
_RSA_BITS = 2048
_MOST_KEPT = 512  # keys
Sha2 = hashes.SHA256 | hashes.SHA384 | hashes.SHA512
_HASH_BY_BITS: dict[int, type[Sha2]] = {
    256: hashes.SHA256,
    384: hashes.SHA384,
    521: hashes.SHA512,
}


class KeySource:
    """Keys by name, derived from one seed; `fresh` numbers them."""

    def __init__(self, seed: str) -> None:
        """Anything that knows `seed` knows the keys: never sign what is meant to be believed."""
        self.seed = seed
        self._made: Counter[str] = Counter()

    def stream(self, name: str, size: int) -> bytes:
        """`size` bytes that depend on the seed and `name` only."""
        return hashlib.shake_256(f"{self.seed}\0{name}".encode()).digest(size)

    def number(self, name: str) -> int:
        """A positive 159-bit serial number (RFC 5280 4.1.2.2 allows 20 octets)."""
        return int.from_bytes(self.stream(name, 20), "big") >> 1 | 1

    def fresh(self, kind: str) -> str:
        """A name that was not given out before: `leaf-1`, `leaf-2`."""
        self._made[kind] += 1
        return f"{kind}-{self._made[kind]}"

    def ec(self, name: str, curve: str = "p256") -> ec.EllipticCurvePrivateKey:
        """An ECDSA key; `curve` is p256, p384 or p521."""
        return _derived(curve, self.stream(f"ec/{curve}/{name}", 80))

    def ed25519(self, name: str) -> ed25519.Ed25519PrivateKey:
        """An Ed25519 key."""
        return ed25519.Ed25519PrivateKey.from_private_bytes(self.stream(f"ed25519/{name}", 32))

    def key(self, name: str, kind: str = "p256") -> PrivateKey:
        """A key of one of KEY_KINDS."""
        if kind == "rsa":
            return _generated(self.stream(f"rsa/{name}", 32))
        return self.ed25519(name) if kind == "ed25519" else self.ec(name, kind)


@lru_cache(maxsize=_MOST_KEPT)  # a Sigstore is set up for each test, from the same few seeds
def _derived(curve: str, stream: bytes) -> ec.EllipticCurvePrivateKey:
    group = CURVES[curve]()
    return ec.derive_private_key(int.from_bytes(stream, "big") % (group.group_order - 1) + 1, group)


@lru_cache(maxsize=_MOST_KEPT)
def _generated(seed: bytes) -> rsa.RSAPrivateKey:  # noqa: ARG001  # what is kept is kept for this seed
    return rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)


def natural_hash(key: PrivateKey | PublicKey) -> Sha2:
    """The hash of Sigstore's `PKIX_ECDSA_P384_SHA_384` kind of names; SHA-256 for RSA."""
    if isinstance(key, (ec.EllipticCurvePrivateKey, ec.EllipticCurvePublicKey)):
        return _HASH_BY_BITS[key.key_size]()
    return hashes.SHA256()


def sign(key: PrivateKey, data: bytes, algorithm: hashes.HashAlgorithm | None = None) -> bytes:
    """A signature over `data`: ECDSA (RFC 6979) in DER, RSA PKCS #1 v1.5, or Ed25519."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(data)
    chosen = algorithm or natural_hash(key)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), chosen)
    return key.sign(data, ec.ECDSA(chosen, deterministic_signing=True))


def spki(key: PublicKey) -> bytes:
    """SubjectPublicKeyInfo in DER."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def public_pem(key: PublicKey) -> bytes:
    """SubjectPublicKeyInfo in PEM."""
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def private_pem(key: PrivateKey) -> bytes:
    """PKCS #8 in PEM, unencrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def key_details(key: PublicKey) -> str:
    """The name Sigstore's protobuf (PublicKeyDetails) has for keys of this kind."""
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "PKIX_ED25519"
    if isinstance(key, rsa.RSAPublicKey):
        return f"PKIX_RSA_PKCS1V15_{key.key_size}_SHA256"
    hash_bits = natural_hash(key).digest_size * 8
    return f"PKIX_ECDSA_P{key.key_size}_SHA_{hash_bits}"


def log_id(key: PublicKey) -> bytes:
    """SHA-256 of the key's SPKI: how RFC 6962 and Rekor v1 name a log."""
    return hashlib.sha256(spki(key)).digest()
