"""Whether a signature holds: what Fulcio asks of a requester and Rekor of an entry."""

from __future__ import annotations

import hashlib

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

from vouchsafe.testing.answers import Rejected
from vouchsafe.testing.keys import PublicKey

_BY_SIZE: dict[int, hashes.HashAlgorithm] = {32: hashes.SHA256(), 48: hashes.SHA384(), 64: hashes.SHA512()}


def read_public_key(blob: bytes) -> PublicKey:
    """A key in PEM or DER, or of a certificate in PEM or DER."""
    key: object
    try:
        if blob.startswith(b"-----BEGIN CERTIFICATE"):
            key = x509.load_pem_x509_certificate(blob).public_key()
        elif blob.startswith(b"-----BEGIN"):
            key = serialization.load_pem_public_key(blob)
        else:
            key = _read_der(blob)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Rejected(400, f"expected a public key or a certificate, got {error}") from error
    if not isinstance(key, (ec.EllipticCurvePublicKey, rsa.RSAPublicKey, ed25519.Ed25519PublicKey)):
        raise Rejected(400, f"expected an EC, RSA or Ed25519 key, got {type(key).__name__}")
    return key


def _read_der(blob: bytes) -> object:
    try:
        return serialization.load_der_public_key(blob)
    except ValueError:
        return x509.load_der_x509_certificate(blob).public_key()


def holds(key: PublicKey, signature: bytes, content: bytes) -> bool:
    """Whether `key` signed `content`, with any of the SHA-2 hashes."""
    digests = [hashlib.new(name, content).digest() for name in ("sha256", "sha384", "sha512")]
    if isinstance(key, ed25519.Ed25519PublicKey):
        return _ed25519(key, signature, content)
    return any(holds_over_digest(key, signature, digest) for digest in digests)


def holds_over_digest(key: PublicKey, signature: bytes, digest: bytes) -> bool:
    """Whether `key` signed what hashes to `digest`; Ed25519 cannot say."""
    scheme = utils.Prehashed(_BY_SIZE[len(digest)])
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, digest, ec.ECDSA(scheme))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, digest, padding.PKCS1v15(), scheme)
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _ed25519(key: ed25519.Ed25519PublicKey, signature: bytes, content: bytes) -> bool:
    try:
        key.verify(signature, content)
    except InvalidSignature:
        return False
    return True
