"""Keys are read and written as cryptography's own reader has them, also on the shorter way."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from vouchsafe.errors import MalformedError
from vouchsafe.testing.keys import KeySource
from vouchsafe.verification import keys

KINDS = ("p256", "p384", "p521", "rsa", "ed25519")
SHORT = ("p256", "p384")


def der(kind: str) -> bytes:
    """SubjectPublicKeyInfo as the library writes it."""
    return (
        KeySource("keys")
        .key("one", kind)
        .public_key()
        .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_loads_what_the_library_loads(kind: str) -> None:
    """The same key, whichever way it was read."""
    written = der(kind)
    assert keys.load(written) == load_der_public_key(written)


@pytest.mark.parametrize("kind", KINDS)
def test_encodes_what_the_library_encodes(kind: str) -> None:
    """The same bytes: an SCT is bound to their hash."""
    written = der(kind)
    assert keys.encoded(load_der_public_key(written)) == written


def test_leading_zeroes_of_a_coordinate_are_kept() -> None:
    """A coordinate has its width, also when its first bytes are 0 (one key in 256)."""
    source = KeySource("zeroes")
    found = (source.ec(f"key {number}").public_key() for number in range(5_000))
    short = next(key for key in found if key.public_numbers().x >> 248 == 0)
    whole = short.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert whole == keys.encoded(keys.load(whole))


@pytest.mark.parametrize("kind", SHORT)
@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(lambda good: good[:-1] + bytes((good[-1] ^ 1,)), id="not on the curve"),
        pytest.param(lambda good: good[:-1], id="one byte short"),
        pytest.param(lambda good: good + b"\0", id="one byte more"),
        pytest.param(lambda good: good.replace(b"\x00\x04", b"\x00\x02", 1), id="said to be compressed"),
        pytest.param(lambda good: good.replace(b"\x00\x04", b"\x00\x06", 1), id="hybrid"),
        pytest.param(lambda good: good.replace(b"\x00\x04", b"\x00\x00", 1), id="infinity"),
        pytest.param(lambda good: good[:8] + bytes((good[8] ^ 1,)) + good[9:], id="of no elliptic curve"),
    ],
)
def test_refuses_what_is_no_point(kind: str, broken: object) -> None:
    """RFC 5480 §2.2 has one form for what must be understood; OpenSSL would take a hybrid one, too."""
    assert callable(broken)
    with pytest.raises(MalformedError):
        keys.load(broken(der(kind)))


def test_refuses_a_curve_that_nobody_uses() -> None:
    """secp256k1 is as long as P-256."""
    key = ec.derive_private_key(7, ec.SECP256K1()).public_key()
    with pytest.raises(MalformedError):
        keys.load(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
