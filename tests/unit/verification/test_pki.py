"""An operator's own CA, and OpenPGP: what comes out says no more than was checked."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509

from tests.judging import code
from tests.own_ca import DAY, LEAF, MIDDLE, NAMES, NOON, ROOT, certificate, written_beside
from vouchsafe import evidence
from vouchsafe.evidence import legacy
from vouchsafe.evidence.containers import SIGNATURE_BLOB
from vouchsafe.evidence.types import Evidence
from vouchsafe.image.digest import Digest
from vouchsafe.testing.annotations import simple_signing
from vouchsafe.testing.canonical import der, pem
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.verification import pki

IMAGE = Digest.of(b"image")
PAYLOAD = simple_signing(str(IMAGE), "registry.example/app")


def layer(leaf: Any, *, chain: bytes = b"", payload: bytes = PAYLOAD) -> Evidence:
    """What `cosign sign --cert` writes."""
    return evidence.parse(
        payload, written_beside(payload, leaf, chain), legacy.SIMPLE_SIGNING, origin="a test"
    )


def verified(found: Evidence, *, intermediates: Any = (der(MIDDLE),), at: datetime = NOON) -> Any:
    """By the operator's CA."""
    return pki.verify(found, roots=(der(ROOT),), intermediates=intermediates, at=at)


def test_accepted() -> None:
    """Names of the certificate, no identity, no time, no log."""
    made = verified(layer(LEAF))
    assert made.subjects == ("release@example.com", "build.example.com")
    assert (made.identity, made.times, made.logged, made.key_id) == (None, (), (), "")
    assert (made.sct, made.role, made.digests) == ("not checked", "signature", frozenset({IMAGE}))
    assert (made.origin, made.time) == ("a test", None)


def test_intermediates_may_come_along() -> None:
    """From the operator, or with the evidence."""
    assert verified(layer(LEAF, chain=pem(MIDDLE)), intermediates=()).subjects
    assert code(lambda: verified(layer(LEAF), intermediates=())) == "certificate-authority"


def test_a_certificate_without_names() -> None:
    """Speaks for nobody, and its SCT was not checked either."""
    made = verified(layer(certificate("leaf", "middle", is_ca=False)))
    assert (made.subjects, made.sct) == ((), "not checked")


def test_a_name_of_the_wrong_kind_is_none() -> None:
    """A host that looks like an address, an address that looks like a host: neither speaks for anybody."""
    names = (x509.DNSName("release@example.com"), x509.RFC822Name("build.example.com"))
    assert verified(layer(certificate("leaf", "middle", is_ca=False, names=names))).subjects == ()
    assert pki.names_email(("release@example.com",), "release@example.com")
    assert not pki.names_email(("release@example.com",), "Release@example.com")
    assert not pki.names_email(("release",), "release")


def test_checked_now() -> None:
    """There is no verified time: the path holds at the moment of asking, or not."""
    expired = certificate("leaf", "middle", is_ca=False, names=NAMES, end=NOON - timedelta(hours=1))
    assert code(lambda: verified(layer(expired))) == "certificate-expired"
    assert code(lambda: verified(layer(LEAF), at=NOON + 2 * DAY)) == "certificate-expired"


def test_refused() -> None:
    """Another signature, no certificate, something else than a payload."""
    found = layer(LEAF)
    assert code(lambda: verified(found.replace(signature=b"x"))) == "signature"
    assert code(lambda: verified(found.replace(certificate=None))) == "no-certificate"
    bundle = VirtualSigstore().bundle(IMAGE)
    statement = evidence.parse(bundle, {}, "application/vnd.dev.sigstore.bundle.v0.3+json")
    assert code(lambda: verified(statement)) == "no-certificate"
    assert code(lambda: verified(layer(LEAF, payload=b"{}"))) == "json-type"


def test_openpgp() -> None:
    """What a program gave back is read as strictly as the rest."""
    found = evidence.parse(b"\x88packet", {}, SIGNATURE_BLOB)
    atomic = PAYLOAD.replace(b"cosign container image", b"atomic container")
    made = pki.openpgp(found, atomic)
    assert (made.digests, made.claim.docker_reference) == (frozenset({IMAGE}), "registry.example/app")
    assert (made.sct, made.subjects, made.identity) == ("no certificate", (), None)
    assert code(lambda: pki.openpgp(found, PAYLOAD)) == "payload-type"


@pytest.mark.parametrize(
    "name, wanted, expected",
    [
        ("build.example.com", "build.example.com", True),
        ("Build.Example.com", "build.example.COM", True),
        ("build.example.com", "build.example.com.", True),
        ("*.example.com", "build.example.com", True),
        ("*.example.com", "a.build.example.com", False),
        ("*.example.com", "example.com", False),
        ("*.com", "example.com", True),
        ("b*.example.com", "build.example.com", False),
        ("*", "build", False),
        ("*.", "build", False),
        ("*.", "build.", False),
        ("", "", False),
        ("", "build", False),
        ("build.example.com", "example.com", False),
        ("xbuild.example.com", "build.example.com", False),
        ("192.0.2.1", "192.0.2.1", False),
        ("a@example.com", "a@example.com", False),
    ],
)
def test_host_names(name: str, wanted: str, expected: bool) -> None:
    """RFC 6125: one wildcard for one whole label, and something behind it."""
    assert pki.names_host((name,), wanted) is expected
    assert not pki.names_host((), wanted)
