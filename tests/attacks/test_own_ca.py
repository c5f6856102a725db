"""An operator's CA of which somebody holds a part: an intermediate, or the right to names of one kind."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from tests.judging import code
from tests.own_ca import KEYS, NOON, certificate
from tests.unit.verification.test_pki import layer
from vouchsafe.testing.ca import key_usage
from vouchsafe.testing.canonical import der
from vouchsafe.verification import pki

CONSTRAINED = x509.NameConstraints(
    permitted_subtrees=[x509.DNSName("team.example.com")], excluded_subtrees=None
)


@pytest.mark.parametrize("critical", [True, False])
def test_name_constraints(critical: bool) -> None:
    """They must be critical and are not always written so; we do not judge them, so we believe no such CA."""
    plain = certificate("root", "root", is_ca=True)
    root = (
        x509.CertificateBuilder()
        .subject_name(plain.subject)
        .issuer_name(plain.issuer)
        .public_key(plain.public_key())
        .serial_number(7)
        .not_valid_before(plain.not_valid_before_utc)
        .not_valid_after(plain.not_valid_after_utc)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(key_usage(certificates=True), critical=True)
        .add_extension(CONSTRAINED, critical=critical)
        .sign(KEYS.ec("root"), hashes.SHA256())
    )
    leaf = certificate("leaf", "root", is_ca=False, names=(x509.DNSName("build.example.com"),))
    refused = code(lambda: pki.verify(layer(leaf), roots=(der(root),), intermediates=(), at=NOON))
    assert refused == ("certificate-critical" if critical else "certificate-use")


def test_names_of_another_kind() -> None:
    """Whoever gets mail certificates has no host by them, and the other way round."""
    names = (
        x509.RFC822Name("build.example.com"),
        x509.DNSName("release@example.com"),
        x509.DNSName("other.example.com"),
    )
    leaf = certificate("leaf", "root", is_ca=False, names=names)
    root = der(certificate("root", "root", is_ca=True))
    assert pki.verify(layer(leaf), roots=(root,), intermediates=(), at=NOON).subjects == (
        "other.example.com",
    )
