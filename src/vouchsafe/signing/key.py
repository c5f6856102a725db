"""Private keys that sign: one made for a run and never stored, or one that the operator keeps in a file.

ECDSA on P-256, P-384 and P-521, RSA (PKCS #1 v1.5) and Ed25519, in PKCS #8 or SEC 1 PEM, encrypted or
not. What leaves this module is a signature or a public key.
"""

from __future__ import annotations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from vouchsafe.errors import ConfigurationError
from vouchsafe.image.digest import Digest
from vouchsafe.signing.content import pem
from vouchsafe.verification.keys import encoded

SMALLEST_RSA = 2048  # bits
LARGEST_PEM = 64 * 1024  # bytes
_COSIGN_LABELS = (b"BEGIN ENCRYPTED COSIGN PRIVATE KEY", b"BEGIN ENCRYPTED SIGSTORE PRIVATE KEY")
Sha2 = hashes.SHA256 | hashes.SHA384 | hashes.SHA512
_CURVES = {"secp256r1": 256, "secp384r1": 384, "secp521r1": 521}
_NATURAL = {256: "sha256", 384: "sha384", 521: "sha512"}  # Sigstore's algorithm registry
_HASHES: dict[str, Sha2] = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}

Private = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


class SigningKey:
    """A private key that signs. `public` is its SubjectPublicKeyInfo in DER, `details` Sigstore's name of its kind."""

    def __init__(self, private: Private) -> None:
        """Made by `ephemeral` and `from_pem`."""
        self.private = private
        self.public: bytes = encoded(private.public_key())
        self.public_pem: bytes = pem("PUBLIC KEY", self.public).encode("ascii")
        self.details = _details(private)

    @property
    def can_be_logged(self) -> bool:
        """Logs keep digests, and an Ed25519 signature cannot be checked with one."""
        return not isinstance(self.private, ed25519.Ed25519PrivateKey)

    def sign(self, message: bytes, *, natural: bool = False) -> tuple[bytes, Digest]:
        """The signature over `message`, and the digest of `message` that it covers.

        SHA-256 whatever the curve, because cosign and containers/image verify with nothing else; `natural`:
        the hash that Sigstore's algorithm registry has for the curve, which Rekor v2 insists on.
        """
        name = "sha256"
        if natural and isinstance(self.private, ec.EllipticCurvePrivateKey):
            name = _NATURAL[self.private.key_size]
        digest = Digest.of(message, name)
        chosen = _HASHES[name]
        match self.private:
            case ec.EllipticCurvePrivateKey():
                return self.private.sign(message, ec.ECDSA(chosen)), digest
            case rsa.RSAPrivateKey():
                return self.private.sign(message, padding.PKCS1v15(), chosen), digest
            case _:
                return self.private.sign(message), digest

    def __repr__(self) -> str:
        """Without the secret."""
        return f"SigningKey({self.details})"


def ephemeral() -> SigningKey:
    """A new P-256 key, which dies with the process."""
    return SigningKey(ec.generate_private_key(ec.SECP256R1()))


def from_pem(content: bytes, *, password: str = "", source: str) -> SigningKey:
    """Read a private key; ConfigurationError names `source`, never the password."""
    if any(label in content for label in _COSIGN_LABELS):
        from vouchsafe.signing import cosign_key  # rarely: it carries a cipher that nothing else uses

        private: object = cosign_key.decrypt(content, password, source=source)
    else:
        private = _load(content, password, source)
    if isinstance(private, rsa.RSAPrivateKey) and private.key_size < SMALLEST_RSA:
        raise ConfigurationError(
            "key-file",
            f"expected an RSA key of at least {SMALLEST_RSA} bits in {source}, got {private.key_size}",
        )
    if isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.name not in _CURVES:
        raise ConfigurationError(
            "key-file", f"expected P-256, P-384 or P-521 in {source}, got {private.curve.name}"
        )
    if not isinstance(private, Private):
        kind = type(private).__name__
        raise ConfigurationError("key-file", f"expected an ECDSA, RSA or Ed25519 key in {source}, got {kind}")
    return SigningKey(private)


def _load(content: bytes, password: str, source: str) -> object:
    from cryptography.hazmat.primitives.serialization import (
        load_pem_private_key,  # 10 ms that keyless never needs
    )

    try:
        return load_pem_private_key(content, password.encode() if password else None)
    except TypeError as error:  # a password for a key that has none, or none for one that has
        wanted = "a password for the encrypted key" if not password else "an encrypted key for the password"
        hint = "Set VOUCHSAFE_KEY_PASSWORD." if not password else "Unset VOUCHSAFE_KEY_PASSWORD."
        raise ConfigurationError("key-password", f"expected {wanted} in {source}", hint=hint) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        if password:
            raise ConfigurationError(
                "key-password", f"expected the password of the key in {source}"
            ) from error
        raise ConfigurationError(
            "key-file",
            f"expected a private key in PEM in {source}, got something else",
            hint="PKCS #8, as `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256` writes it.",
        ) from error


def _details(private: Private) -> str:
    match private:
        case ec.EllipticCurvePrivateKey():
            size = private.key_size
            return f"PKIX_ECDSA_P{size}_SHA_{_NATURAL[size].removeprefix('sha')}"
        case rsa.RSAPrivateKey():
            return f"PKIX_RSA_PKCS1V15_{private.key_size}_SHA256"
        case _:
            return "PKIX_ED25519"
