"""Which keys are used, and what they have signed."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.judging import code
from vouchsafe.errors import VerificationError
from vouchsafe.image.digest import Digest
from vouchsafe.testing.keys import KEY_KINDS, KeySource, PrivateKey, sign, spki
from vouchsafe.verification import keys

SOURCE = KeySource("keys")
KEYS: dict[str, PrivateKey] = {kind: SOURCE.key("a key", kind) for kind in KEY_KINDS}
SHA2 = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
# Which hashes a key's signature may be over: SHA-256 always, and the curve's own.
ACCEPTED = {
    "p256": {"sha256"},
    "p384": {"sha256", "sha384"},
    "p521": {"sha256", "sha512"},
    "rsa": {"sha256"},
}
CONTENT = b"content"


@pytest.mark.parametrize("kind", KEY_KINDS)
def test_loaded(kind: str) -> None:
    """Each kind of key that Sigstore uses, from SubjectPublicKeyInfo."""
    der = spki(KEYS[kind].public_key())
    assert keys.load(der).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == der


def der_of(key: object) -> bytes:
    """SubjectPublicKeyInfo of any key."""
    made: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
    return made


def rsa_of(bits: int) -> rsa.RSAPublicKey:
    """A key of that size, which nobody can sign with."""
    return rsa.RSAPublicNumbers(65537, (1 << bits - 1) | 1).public_key()


OTHERS = {
    "p224": ec.generate_private_key(ec.SECP224R1()).public_key(),
    "k256": ec.generate_private_key(ec.SECP256K1()).public_key(),
    "brainpool": ec.generate_private_key(ec.BrainpoolP256R1()).public_key(),
    "ed448": ed448.Ed448PrivateKey.generate().public_key(),
    "x25519": x25519.X25519PrivateKey.generate().public_key(),
    "dsa": dsa.DSAPublicNumbers(5, dsa.DSAParameterNumbers((1 << 2047) | 1, (1 << 255) | 1, 2)).public_key(),
    "rsa-1024": rsa_of(1024),
    "rsa-2047": rsa_of(2047),
    "rsa-17000": rsa_of(17_000),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_keys_are_refused(name: str) -> None:
    """Other curves and schemes, and RSA too small to be safe or too large to be cheap."""
    assert code(lambda: keys.load(der_of(OTHERS[name]))) == "public-key"


@pytest.mark.parametrize("size", [2048, 4096, 16_384])
def test_rsa_sizes(size: int) -> None:
    """The limits themselves are inside."""
    assert isinstance(keys.load(der_of(rsa_of(size))), rsa.RSAPublicKey)


def test_not_a_key() -> None:
    """Garbage, an empty string, and bytes after the key."""
    der = spki(KEYS["p256"].public_key())
    off_curve = der[:-1] + bytes((der[-1] ^ 1,))
    for blob in (b"", b"key", der[:-1], der + b"\0", off_curve):
        assert code(lambda text=blob: keys.load(text)) == "public-key"  # type: ignore[misc]


@pytest.mark.parametrize("algorithm", SHA2)
@pytest.mark.parametrize("kind", ACCEPTED)
def test_hashes(kind: str, algorithm: str) -> None:
    """Over the bytes, or over a digest of the same algorithm; over nothing else."""
    key = KEYS[kind]
    signature = sign(key, CONTENT, SHA2[algorithm])
    public = keys.load(spki(key.public_key()))
    is_accepted = algorithm in ACCEPTED[kind]
    assert keys.holds(public, signature, CONTENT) is is_accepted
    assert keys.holds(public, signature, Digest.of(CONTENT, algorithm)) is is_accepted
    for other in SHA2.keys() - {algorithm}:
        assert not keys.holds(public, signature, Digest.of(CONTENT, other))
    assert not keys.holds(public, signature, CONTENT + b"!")


@pytest.mark.parametrize("kind", KEY_KINDS)
def test_nonsense_is_no_signature(kind: str) -> None:
    """Nothing that is not a signature makes the check fail in another way."""
    public = keys.load(spki(KEYS[kind].public_key()))
    right = sign(KEYS[kind], CONTENT)
    for signature in (b"", b"\0", b"\x30\x00", b"\xff" * 9000, right[:-1], right + b"\0", right[::-1]):
        assert not keys.holds(public, signature, CONTENT)
    assert code(lambda: keys.verify(public, b"", CONTENT, "it")) == "signature"


def test_other_key_of_same_kind() -> None:
    """A signature belongs to one key."""
    for kind in ("p256", "p384", "p521", "ed25519"):
        other = keys.load(spki(SOURCE.key("another", kind).public_key()))
        assert not keys.holds(other, sign(KEYS[kind], CONTENT), CONTENT)


def test_rsa_padding_is_pkcs1() -> None:
    """A PSS signature is another scheme."""
    key = KEYS["rsa"]
    assert isinstance(key, rsa.RSAPrivateKey)
    signature = key.sign(CONTENT, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    assert not keys.holds(keys.load(spki(key.public_key())), signature, CONTENT)


def test_ed25519_needs_the_bytes() -> None:
    """It signs no hash: with a digest alone one cannot tell, and says so."""
    key = KEYS["ed25519"]
    public = keys.load(spki(key.public_key()))
    assert isinstance(public, ed25519.Ed25519PublicKey)
    signature = sign(key, CONTENT)
    assert keys.holds(public, signature, CONTENT)
    with pytest.raises(VerificationError) as caught:
        keys.holds(public, signature, Digest.of(CONTENT))
    assert caught.value.message == "expected the artifact itself to check an Ed25519 signature"


def test_message_says_whose() -> None:
    """A signature of what."""
    public = keys.load(spki(KEYS["p256"].public_key()))
    with pytest.raises(VerificationError) as caught:
        keys.verify(public, b"", CONTENT, "the letter")
    assert caught.value.message == "expected a valid signature of the letter, got one that does not verify"
