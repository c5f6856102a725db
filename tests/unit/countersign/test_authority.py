"""The host's CA: bound to its machine, issuing leaves of minutes that name scopes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from vouchsafe.countersign.authority import CLOCK_SLACK, LEAF_LIFETIME, LONGEST_LEAF, Authority
from vouchsafe.errors import HostError
from vouchsafe.evidence.pem import single
from vouchsafe.verification import certificate
from vouchsafe.verification.trust import CertificateAuthority, Window

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MARKERS = ("0011.2233@vouchsafe.invalid", "0011.4455@vouchsafe.invalid")


def test_a_leaf_names_every_scope_and_lives_for_minutes() -> None:
    """And our own path check takes it, now and not ten minutes later."""
    authority = Authority.make("machine", at=NOW)
    leaf = authority.issue(MARKERS, at=NOW)
    made = x509.load_pem_x509_certificate(leaf.certificate)
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert tuple(names.get_values_for_type(x509.RFC822Name)) == MARKERS
    assert (made.not_valid_before_utc, made.not_valid_after_utc) == (NOW - CLOCK_SLACK, NOW + LEAF_LIFETIME)
    root = CertificateAuthority(
        chain=(single(authority.certificate_pem, "CA")[1],), window=Window(), open_path=True
    )
    parsed = certificate.Leaf(single(leaf.certificate, "leaf")[1])
    assert certificate.path(parsed, (), (root,), [NOW]).subject == made.issuer


def test_a_ca_survives_its_files_and_belongs_to_one_machine() -> None:
    """Written and read again; another machine's is not ours."""
    made = Authority.make("machine", at=NOW)
    read = Authority.load(made.certificate_pem, made.key_pem)
    assert (read.certificate_pem, read.belongs_to("machine"), read.belongs_to("clone")) == (
        made.certificate_pem,
        True,
        False,
    )
    assert b"machine" not in made.certificate_pem


class Token(ec.EllipticCurvePrivateKey):
    """A key that never leaves its device: it signs, and shows its public half."""

    curve, key_size = ec.SECP256R1(), 256

    def __init__(self, inside: ec.EllipticCurvePrivateKey) -> None:
        self._inside = inside
        self.signed = 0

    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self._inside.public_key()

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        self.signed += 1
        return self._inside.sign(data, signature_algorithm)

    def exchange(self, *_: object) -> bytes:
        pytest.fail("a token does not do that")

    def private_numbers(self) -> ec.EllipticCurvePrivateNumbers:
        pytest.fail("a token does not do that")

    def private_bytes(self, *_: object) -> bytes:
        pytest.fail("a token does not do that")

    def __copy__(self) -> ec.EllipticCurvePrivateKey:
        return self

    def __deepcopy__(self, memo: object) -> ec.EllipticCurvePrivateKey:
        return self


def test_the_key_may_be_a_tokens() -> None:
    """cryptography's own interface is the port: a TPM or PKCS#11 key need only sign."""
    made = Authority.make("machine", at=NOW)
    kept = load_pem_private_key(made.key_pem, password=None)
    assert isinstance(kept, ec.EllipticCurvePrivateKey)
    token = Token(kept)
    authority = Authority(x509.load_pem_x509_certificate(made.certificate_pem), token)
    leaf = x509.load_pem_x509_certificate(authority.issue(MARKERS, at=NOW).certificate)
    leaf.verify_directly_issued_by(x509.load_pem_x509_certificate(made.certificate_pem))
    assert token.signed == 1


def test_files_that_do_not_belong_together_are_refused() -> None:
    """Another CA's key, no key at all, a key of another kind."""
    one, other = Authority.make("a", at=NOW), Authority.make("b", at=NOW)
    foreign = rsa.generate_private_key(65537, 2048).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    for key in (other.key_pem, b"nothing", foreign):
        with pytest.raises(HostError) as refused:
            Authority.load(one.certificate_pem, key)
        assert refused.value.code == "authority-key"


@pytest.mark.parametrize(
    "markers, lifetime",
    [((), LEAF_LIFETIME), (MARKERS, timedelta(0)), (MARKERS, LONGEST_LEAF + timedelta(seconds=1))],
)
def test_a_leaf_without_names_or_end_is_refused(markers: tuple[str, ...], lifetime: timedelta) -> None:
    """A leaf that names nobody, never ends or never begins."""
    with pytest.raises(HostError) as refused:
        Authority.make("machine", at=NOW).issue(markers, at=NOW, lifetime=lifetime)
    assert refused.value.code == "authority-leaf"
