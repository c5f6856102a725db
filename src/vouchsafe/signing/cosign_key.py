"""cosign's own encrypted private keys (`cosign generate-key-pair`): scrypt and NaCl's secretbox around PKCS #8.

`cryptography` has no XSalsa20, and a key is a few hundred bytes: the cipher is written out here, its
authenticator is not. Formats: go-securesystemslib encrypted, NaCl secretbox (XSalsa20-Poly1305).
"""

from __future__ import annotations

import hashlib
import struct

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.poly1305 import Poly1305
from cryptography.hazmat.primitives.serialization import load_der_private_key

from vouchsafe.errors import ConfigurationError, MalformedError
from vouchsafe.evidence import pem
from vouchsafe.strictjson import Fields

LARGEST_N = 1 << 17  # scrypt's cost, cosign's is 65536: more would fill the memory
LARGEST_R = 8
LARGEST_P = 4
KEY_BYTES = 32
NONCE_BYTES = 24
TAG_BYTES = 16
_SIGMA = struct.unpack("<4I", b"expand 32-byte k")
_ROUNDS = 10  # double rounds of Salsa20/20
_QUARTERS = (
    *((0, 4, 8, 12), (5, 9, 13, 1), (10, 14, 2, 6), (15, 3, 7, 11)),
    *((0, 1, 2, 3), (5, 6, 7, 4), (10, 11, 8, 9), (15, 12, 13, 14)),
)
_MASK = 0xFFFFFFFF


def decrypt(content: bytes, password: str, *, source: str) -> object:
    """The private key in a cosign key file. ConfigurationError names `source`, never the password."""
    try:
        _, body = pem.single(content, source)
        fields = Fields.parse(body, what=source)
        key = _derived(fields.fields("kdf"), password)
        cipher = fields.fields("cipher")
        if cipher.text("name") != "nacl/secretbox":
            raise MalformedError("key-file", f"expected nacl/secretbox, got {cipher.text('name')!r}")
        plain = opened(fields.data("ciphertext"), nonce=cipher.data("nonce"), key=key)
    except MalformedError as error:
        raise ConfigurationError("key-file", f"{source}: {error.message}") from error
    if plain is None:
        raise ConfigurationError(
            "key-password",
            f"expected the password of the key in {source}, got another",
            hint="Set VOUCHSAFE_KEY_PASSWORD, or COSIGN_PASSWORD.",
        )
    try:
        return load_der_private_key(plain, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigurationError("key-file", f"expected a PKCS #8 key inside {source}") from error


def opened(sealed: bytes, *, nonce: bytes, key: bytes) -> bytes | None:
    """The content of a secretbox, None when it was sealed with another key or changed since."""
    if len(nonce) != NONCE_BYTES or len(sealed) < TAG_BYTES:
        raise MalformedError("key-file", "expected a nonce of 24 bytes and a tag of 16, got others")
    subkey = _hsalsa20(key, nonce[:16])
    stream = _salsa20(subkey, nonce[16:], KEY_BYTES + len(sealed) - TAG_BYTES)
    tag, content = sealed[:TAG_BYTES], sealed[TAG_BYTES:]
    try:
        Poly1305.verify_tag(stream[:KEY_BYTES], content, tag)
    except InvalidSignature:
        return None
    return bytes(left ^ right for left, right in zip(content, stream[KEY_BYTES:], strict=True))


def _derived(kdf: Fields, password: str) -> bytes:
    params = kdf.fields("params")
    cost, size, lanes = params.integer("N"), params.integer("r"), params.integer("p")
    if kdf.text("name") != "scrypt" or cost > LARGEST_N or size > LARGEST_R or lanes > LARGEST_P:
        raise MalformedError("key-file", "expected scrypt with a cost that fits into memory, got another")
    memory = 128 * size * (cost + lanes + 2)
    try:
        return hashlib.scrypt(
            password.encode(), salt=kdf.data("salt"), n=cost, r=size, p=lanes, maxmem=memory, dklen=KEY_BYTES
        )
    except ValueError as error:
        raise MalformedError("key-file", f"expected parameters of scrypt, got {error}") from error


def _doubled(state: list[int]) -> list[int]:
    """Salsa20's ten double rounds."""
    x = list(state)
    for _ in range(_ROUNDS):
        for a, b, c, d in _QUARTERS:
            x[b] ^= _rotated(x[a] + x[d], 7)
            x[c] ^= _rotated(x[b] + x[a], 9)
            x[d] ^= _rotated(x[c] + x[b], 13)
            x[a] ^= _rotated(x[d] + x[c], 18)
    return x


def _rotated(value: int, by: int) -> int:
    value &= _MASK
    return ((value << by) | (value >> (32 - by))) & _MASK


def _state(key: bytes, block: bytes) -> list[int]:
    k, n = struct.unpack("<8I", key), struct.unpack("<4I", block)
    return [_SIGMA[0], *k[:4], _SIGMA[1], *n, _SIGMA[2], *k[4:], _SIGMA[3]]


def _hsalsa20(key: bytes, block: bytes) -> bytes:
    x = _doubled(_state(key, block))
    return struct.pack("<8I", x[0], x[5], x[10], x[15], x[6], x[7], x[8], x[9])


def _salsa20(key: bytes, nonce: bytes, length: int) -> bytes:
    stream = b""
    counter = 0
    while len(stream) < length:
        state = _state(key, nonce + struct.pack("<Q", counter))
        x = _doubled(state)
        stream += struct.pack("<16I", *((x[i] + state[i]) & _MASK for i in range(16)))
        counter += 1
    return stream[:length]
