"""Private keys: every kind and encryption that is read, every wrong one named, no secret shown."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from vouchsafe.errors import ConfigurationError, MalformedError
from vouchsafe.signing import cosign_key
from vouchsafe.signing.key import SigningKey, from_pem
from vouchsafe.testing.keys import KEY_KINDS, KeySource
from vouchsafe.verification import keys

SOURCE = KeySource("private keys")
PASSWORD = "correct horse"


def pem(kind: str = "p256", encryption: KeySerializationEncryption | None = None) -> bytes:
    """PKCS #8."""
    return SOURCE.key("x", kind).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption()
    )


@pytest.mark.parametrize("kind", KEY_KINDS)
@pytest.mark.parametrize("password", ["", PASSWORD])
@pytest.mark.parametrize("natural", [True, False])
def test_signs(kind: str, password: str, natural: bool) -> None:
    """What the key signs, its public half verifies."""
    blob = pem(kind, BestAvailableEncryption(password.encode()) if password else None)
    key = from_pem(blob, password=password, source="key.pem")
    signature, digest = key.sign(b"message", natural=natural)
    assert keys.holds(keys.load(key.public), signature, b"message")
    assert digest.matches(b"message")
    assert digest.algorithm == "sha256" or (kind in {"p384", "p521"} and natural)


def test_sec1() -> None:
    """OpenSSL's older form of EC keys."""
    old = SOURCE.ec("x").private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    assert from_pem(old, source="key.pem").public == from_pem(pem(), source="key.pem").public


@pytest.mark.parametrize(
    "blob, password, code",
    [
        (b"", "", "key-file"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "", "key-file"),
        (pem("p256", BestAvailableEncryption(PASSWORD.encode())), "", "key-password"),
        (pem("p256", BestAvailableEncryption(PASSWORD.encode())), "wrong", "key-password"),
        (pem(), "needless", "key-password"),
        (
            rsa.generate_private_key(65537, 1024).private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
            ),
            "",
            "key-file",
        ),
        (
            ec.generate_private_key(ec.SECP256K1()).private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
            ),
            "",
            "key-file",
        ),
        (
            dsa.generate_private_key(1024).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            "",
            "key-file",
        ),
    ],
)
def test_wrong(blob: bytes, password: str, code: str) -> None:
    """Named, with the file; the password in no message."""
    with pytest.raises(ConfigurationError) as raised:
        from_pem(blob, password=password, source="key.pem")
    assert raised.value.code == code
    assert "key.pem" in raised.value.message
    assert not password or password not in raised.value.message + raised.value.hint


# cosign's `generate-key-pair`, here sealed by the reference construction of NaCl's secretbox.
def sealed(content: bytes, key: bytes, nonce: bytes) -> bytes:
    """A secretbox around `content`."""
    from cryptography.hazmat.primitives.poly1305 import Poly1305

    stream = cosign_key._salsa20(cosign_key._hsalsa20(key, nonce[:16]), nonce[16:], 32 + len(content))
    covered = bytes(a ^ b for a, b in zip(content, stream[32:], strict=True))
    return Poly1305.generate_tag(stream[:32], covered) + covered


def cosign_file(plain: bytes, *, n: int = 4096, name: str = "nacl/secretbox", cut: int = 0) -> bytes:
    """A key file as cosign writes it, but with cheaper scrypt."""
    import hashlib

    salt, nonce = bytes(range(32)), bytes(range(24))
    key = hashlib.scrypt(PASSWORD.encode(), salt=salt, n=n, r=8, p=1, maxmem=1 << 28, dklen=32)
    box = sealed(plain, key, nonce)
    document = {
        "kdf": {
            "name": "scrypt",
            "params": {"N": n, "r": 8, "p": 1},
            "salt": base64.b64encode(salt).decode(),
        },
        "cipher": {"name": name, "nonce": base64.b64encode(nonce).decode()},
        "ciphertext": base64.b64encode(box[cut:]).decode(),
    }
    body = base64.b64encode(json.dumps(document).encode()).decode()
    label = "ENCRYPTED SIGSTORE PRIVATE KEY"
    return f"-----BEGIN {label}-----\n{body}\n-----END {label}-----\n".encode()


def der() -> bytes:
    """PKCS #8 in DER."""
    return SOURCE.ec("x").private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def test_salsa20() -> None:
    """The secretbox of NaCl's own test (tests/secretbox.c), its first 32 bytes."""
    key = bytes.fromhex("1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389")
    nonce = bytes.fromhex("69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37")
    box = bytes.fromhex(
        "f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1186a"
        "c0dfc17c98dce87b4da7f011ec48c97271d2c20f9b928fe2270d6fb863d51738b48eeee314a7cc8ab932164548e526ae"
        "90224368517acfeabd6bb3732bc0e9da99832b61ca01b6de56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74"
        "e355a5"
    )
    plain = cosign_key.opened(box, nonce=nonce, key=key)
    assert plain is not None
    assert plain[:32].hex() == "be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffc"


def test_cosign_key() -> None:
    """Opened with its password."""
    key = from_pem(cosign_file(der()), password=PASSWORD, source="cosign.key")
    assert key.public == SigningKey(SOURCE.ec("x")).public


@pytest.mark.parametrize(
    "blob, password, code",
    [
        (cosign_file(der()), "wrong", "key-password"),
        (cosign_file(der()), "", "key-password"),
        (cosign_file(b"not a key"), PASSWORD, "key-file"),
        (cosign_file(der(), name="aes"), PASSWORD, "key-file"),
        (cosign_file(der(), cut=200), PASSWORD, "key-file"),
        (cosign_file(der()).replace(b"\n", b"\n!", 1), PASSWORD, "key-file"),
    ],
)
def test_wrong_cosign_key(blob: bytes, password: str, code: str) -> None:
    """The wrong password, another cipher, no key inside."""
    with pytest.raises(ConfigurationError) as raised:
        from_pem(blob, password=password, source="cosign.key")
    assert raised.value.code == code
    assert not password or password not in raised.value.message + raised.value.hint


def test_scrypt_is_bounded() -> None:
    """A file cannot ask for all memory."""
    document = {"name": "scrypt", "params": {"N": 1 << 30, "r": 8, "p": 1}, "salt": "AAAA"}
    from vouchsafe.strictjson import Fields

    with pytest.raises(MalformedError):
        cosign_key._derived(Fields(document, "kdf"), PASSWORD)
