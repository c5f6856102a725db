"""Did this authority issue that certificate? Names, algorithms, signature."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, padding
from cryptography.x509.oid import NameOID

from vouchsafe.testing import der as writing
from vouchsafe.testing.canonical import der
from vouchsafe.testing.keys import KeySource, sign
from vouchsafe.testing.spoil import flipped
from vouchsafe.verification.issued import is_issued

SOURCE = KeySource("issued")
KEYS: dict[str, Any] = {
    kind: SOURCE.key("an authority", kind) for kind in ("p256", "p384", "p521", "rsa", "ed25519")
}
PSS = padding.PSS(padding.MGF1(hashes.SHA384()), 48)
ECDSA_SHA256 = writing.sequence(writing.oid("1.2.840.10045.4.3.2"))
ECDSA_SHA384 = writing.sequence(writing.oid("1.2.840.10045.4.3.3"))
RSA_SHA256 = writing.sequence(writing.oid("1.2.840.113549.1.1.11"), b"\x05\x00")


def name(text: str) -> x509.Name:
    """A common name."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def builder(key: Any, *, issuer: str = "authority", subject: str = "leaf") -> x509.CertificateBuilder:
    """A certificate's content."""
    return (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(datetime(2024, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2034, 1, 1, tzinfo=UTC))
    )


def parent(key: Any, subject: str = "authority") -> x509.Certificate:
    """An authority's certificate; nobody asks here who signed it."""
    return builder(key, subject=subject).sign(KEYS["p256"], hashes.SHA256())


def issued(key: Any, algorithm: Any, **options: Any) -> x509.Certificate:
    """A leaf by that authority."""
    return builder(KEYS["p256"]).sign(key, algorithm, **options)


def holds(child: x509.Certificate, by: x509.Certificate) -> bool:
    """Of a certificate as the library encodes it."""
    return is_issued(child, der(child), by)


SCHEMES: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "p256": ("p256", hashes.SHA256(), {}),
    "p256-sha384": ("p256", hashes.SHA384(), {}),
    "p384": ("p384", hashes.SHA384(), {}),
    "p521": ("p521", hashes.SHA512(), {}),
    "rsa": ("rsa", hashes.SHA256(), {}),
    "rsa-pss": ("rsa", hashes.SHA384(), {"rsa_padding": PSS}),
    "ed25519": ("ed25519", None, {}),
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme(scheme: str) -> None:
    """What a CA may sign with; the same answer as the library's own check."""
    kind, algorithm, options = SCHEMES[scheme]
    child = issued(KEYS[kind], algorithm, **options)
    assert holds(child, parent(KEYS[kind]))
    child.verify_directly_issued_by(parent(KEYS[kind]))
    assert not holds(child, parent(SOURCE.key("another", kind)))


@pytest.mark.parametrize("kind", KEYS)
def test_key_of_other_kind(kind: str) -> None:
    """A scheme that does not fit the key is no signature."""
    algorithm = None if kind == "ed25519" else hashes.SHA256()
    child = issued(KEYS[kind], algorithm)
    for other in KEYS.keys() - {kind}:
        assert not holds(child, parent(KEYS[other]))


def test_other_name() -> None:
    """The signature holds, the name does not."""
    child = issued(KEYS["p384"], hashes.SHA384())
    assert not holds(child, parent(KEYS["p384"], subject="Authority"))


@pytest.mark.parametrize("hash_name", ["SHA224", "SHA3_256"])
def test_other_hashes_are_refused(hash_name: str) -> None:
    """SHA-2 of at least 256 bits."""
    child = issued(KEYS["p384"], getattr(hashes, hash_name)())
    assert not holds(child, parent(KEYS["p384"]))


def handmade(inner: bytes, outer: bytes) -> bytes:
    """A certificate by the P-256 authority with each algorithm as given."""
    right = builder(KEYS["p256"]).sign(KEYS["p256"], hashes.SHA256()).tbs_certificate_bytes
    head = writing.context(0, writing.integer(2)) + writing.integer(7)
    _, _, rest = right.partition(head + ECDSA_SHA256)
    covered = writing.sequence(head, inner, rest)
    signature = sign(KEYS["p256"], covered, hashes.SHA256())
    return writing.sequence(covered, outer, writing.tlv(0x03, b"\0" + signature))


def test_algorithms_must_agree() -> None:
    """RFC 5280 §4.1.1.2: what stands outside of the signature must be what was signed."""
    by = parent(KEYS["p256"])
    cases = {
        (ECDSA_SHA256, ECDSA_SHA256): True,
        (ECDSA_SHA384, ECDSA_SHA256): False,
        (ECDSA_SHA256, ECDSA_SHA384): False,
        (RSA_SHA256, RSA_SHA256): False,  # it is not signed as it says, although its authority signed it
    }
    for (inner, outer), expected in cases.items():
        whole = handmade(inner, outer)
        assert is_issued(x509.load_der_x509_certificate(whole), whole, by) is expected


def test_flipped_signature() -> None:
    """One bit is enough, in the signature or in what it covers."""
    child = issued(KEYS["p384"], hashes.SHA384())
    by = parent(KEYS["p384"])
    whole = der(child)
    assert is_issued(child, whole, by)
    for index in (-1, whole.index(b"leaf")):
        spoiled = flipped(whole, index)
        assert not is_issued(x509.load_der_x509_certificate(spoiled), spoiled, by)


def test_authorities_whose_key_is_no_key() -> None:
    """DSA signs nothing here; a curve that the library does not know cannot be read."""
    numbers = dsa.DSAPublicNumbers(5, dsa.DSAParameterNumbers((1 << 2047) | 1, (1 << 255) | 1, 2))

    class Holder:
        def public_key(self) -> dsa.DSAPublicKey:
            return numbers.public_key()

    child = issued(KEYS["p256"], hashes.SHA256())
    assert not holds(child, parent(Holder()))
    known = der(parent(KEYS["p256"]))
    curve = writing.oid("1.2.840.10045.3.1.7")
    strange = known.replace(curve, writing.oid("1.2.840.10045.3.1.9"))
    assert not holds(child, x509.load_der_x509_certificate(strange))
