"""Whom a certificate names: issuer, subject and claims, DER read exactly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509 import ObjectIdentifier

from tests.judging import code
from vouchsafe.testing import der
from vouchsafe.testing.workload import EXTENSIONS, FULCIO_ARC, github, gitlab
from vouchsafe.verification.identity import Identity
from vouchsafe.verification.identity_reading import CLAIM_NAMES, read_identity, utf8_string

URI = x509.UniformResourceIdentifier("https://gitlab.example/group/project//.gitlab-ci.yml@refs/heads/main")
ISSUER = "https://gitlab.example"
Extensions = Mapping[ObjectIdentifier, x509.Extension[x509.ExtensionType]]


def fulcio(arc: int, value: bytes) -> dict[ObjectIdentifier, Any]:
    """One of Fulcio's extensions."""
    identifier = ObjectIdentifier(f"{FULCIO_ARC}.{arc}")
    return {identifier: x509.Extension(identifier, False, x509.UnrecognizedExtension(identifier, value))}


def san(*names: x509.GeneralName) -> dict[ObjectIdentifier, Any]:
    """Alternative names."""
    value = x509.SubjectAlternativeName(names)
    return {value.oid: x509.Extension(value.oid, True, value)}


RAW, DER = fulcio(1, ISSUER.encode()), fulcio(8, der.utf8(ISSUER))
FOREIGN = ObjectIdentifier("1.2.3.4")


def test_both_issuers() -> None:
    """Extensions .1 and .8, either or both."""
    for issuers in (RAW, DER, RAW | DER, DER | RAW):
        found = read_identity(san(URI) | issuers)
        assert (found.issuer, found.subject, found.subject_kind) == (ISSUER, URI.value, "uri")
        assert found.claims == {}


ISSUERS: dict[str, tuple[dict[ObjectIdentifier, Any], str]] = {
    "none": ({}, "certificate-issuer"),
    "empty-raw": (fulcio(1, b""), "certificate-issuer"),
    "empty-der": (fulcio(8, der.utf8("")), "certificate-issuer"),
    "empty-raw-beside-der": (fulcio(1, b"") | DER, "certificate-issuer"),
    "differ": (RAW | fulcio(8, der.utf8("https://evil.example")), "certificate-issuer"),
    "differ-by-slash": (RAW | fulcio(8, der.utf8(ISSUER + "/")), "certificate-issuer"),
    "differ-by-case": (RAW | fulcio(8, der.utf8(ISSUER.upper())), "certificate-issuer"),
    "raw-not-utf-8": (fulcio(1, b"\xff"), "certificate-claim"),
    "der-in-raw": (fulcio(1, der.utf8(ISSUER)) | DER, "certificate-issuer"),
    "raw-in-der": (fulcio(8, ISSUER.encode()), "certificate-claim"),
    "printable-string": (fulcio(8, der.tlv(0x13, ISSUER.encode())), "certificate-claim"),
}


@pytest.mark.parametrize("name", ISSUERS)
def test_issuer(name: str) -> None:
    """Both equal where both are there, and not empty."""
    issuers, expected = ISSUERS[name]
    assert code(lambda: read_identity(san(URI) | issuers)) == expected


OTHER_NAME = ObjectIdentifier(f"{FULCIO_ARC}.7")
SUBJECTS: dict[str, tuple[tuple[x509.GeneralName, ...], tuple[str, str] | str]] = {
    "uri": ((URI,), (URI.value, "uri")),
    "nil": ((x509.UniformResourceIdentifier("https://<nil>"),), ("https://<nil>", "uri")),
    "email": ((x509.RFC822Name("a@example.com"),), ("a@example.com", "email")),
    "other": ((x509.OtherName(OTHER_NAME, der.utf8("a!b")),), ("a!b", "other")),
    "none": ((), "certificate-subject"),
    "two": ((URI, x509.RFC822Name("a@example.com")), "certificate-subject"),
    "twice": ((URI, URI), "certificate-subject"),
    "uri-empty": ((x509.UniformResourceIdentifier(""),), "certificate-subject"),
    "email-empty": ((x509.RFC822Name._init_without_validation(""),), "certificate-subject"),
    "other-empty": ((x509.OtherName(OTHER_NAME, der.utf8("")),), "certificate-subject"),
    "other-of-other-type": ((x509.OtherName(FOREIGN, der.utf8("a!b")),), "certificate-subject"),
    "other-no-utf8-string": ((x509.OtherName(OTHER_NAME, der.octet_string(b"a")),), "certificate-claim"),
    "dns": ((x509.DNSName("example.com"),), "certificate-subject"),
    "directory": ((x509.DirectoryName(x509.Name([])),), "certificate-subject"),
    "registered": ((x509.RegisteredID(FOREIGN),), "certificate-subject"),
}


@pytest.mark.parametrize("name", SUBJECTS)
def test_subject(name: str) -> None:
    """One name, of a kind that Fulcio gives."""
    names, expected = SUBJECTS[name]
    extensions = (san(*names) if names else {}) | DER
    if isinstance(expected, str):
        assert code(lambda: read_identity(extensions)) == expected
    else:
        found = read_identity(extensions)
        assert (found.subject, found.subject_kind) == expected


@pytest.mark.parametrize("workload", [gitlab(), github()], ids=["gitlab", "github"])
def test_claims_have_words(workload: Any) -> None:
    """Every extension by its documented name, raw up to .6 and DER after."""
    extensions: dict[ObjectIdentifier, Any] = san(URI)
    for name, text in workload.extensions.items():
        arc = EXTENSIONS[name]
        extensions |= fulcio(arc, text.encode() if arc < 7 else der.utf8(text))
    found = read_identity(extensions)
    assert found.claims == dict(workload.claims)
    assert found.claims.keys() <= CLAIM_NAMES
    assert str(found) == f"{URI.value} (issuer {workload.issuer})"


def test_every_documented_claim_is_read() -> None:
    """The names of oid-info.md, but for the issuers."""
    assert EXTENSIONS.keys() - {"issuer", "issuer-v2"} == CLAIM_NAMES


def test_claims_are_exact() -> None:
    """A claim that is not what its number says is malformed, wherever it stands."""
    for wrong in (fulcio(15, b"42"), fulcio(2, b"\xff"), fulcio(24, der.utf8("x") + b"\0")):
        assert code(lambda added=wrong: read_identity(san(URI) | DER | added)) == "certificate-claim"  # type: ignore[misc]


def test_other_extensions_are_let_be() -> None:
    """Of Fulcio's arc and of others."""
    strange = x509.UnrecognizedExtension(FOREIGN, b"\x05\x00")
    added = fulcio(99, b"junk") | {FOREIGN: x509.Extension(FOREIGN, False, strange)}
    assert read_identity(san(URI) | DER | added).claims == {}


def test_nothing_is_normalised() -> None:
    """Two spellings of one text are two identities."""
    composed, decomposed = "https://example/é", "https://example/e\u0301"
    found = [read_identity(san(URI) | fulcio(8, der.utf8(text))).issuer for text in (composed, decomposed)]
    assert found == [composed, decomposed]


UTF8: dict[str, tuple[bytes, str | None]] = {
    "empty": (b"\x0c\x00", ""),
    "short": (der.utf8("text"), "text"),
    "127": (der.utf8("x" * 127), "x" * 127),
    "128": (der.utf8("x" * 128), "x" * 128),
    "256": (der.utf8("x" * 256), "x" * 256),
    "65536": (der.utf8("x" * 65_536), "x" * 65_536),
    "accents": (der.utf8("é😀"), "é😀"),
    "nothing": (b"", None),
    "tag-only": (b"\x0c", None),
    "other-tag": (b"\x13\x01x", None),
    "constructed": (b"\x2c\x03\x0c\x01x", None),
    "cut-short": (der.utf8("text")[:-1], None),
    "trailing": (der.utf8("text") + b"\0", None),
    "indefinite": (b"\x0c\x80x\0\0", None),
    "long-form-of-short": (b"\x0c\x81\x01x", None),
    "long-form-of-127": (b"\x0c\x81\x7f" + b"x" * 127, None),
    "leading-zero": (b"\x0c\x82\x00\x80" + b"x" * 128, None),
    "length-cut-short": (b"\x0c\x82\x01", None),
    "length-of-length-cut": (b"\x0c\x81", None),
    "length-huge": (b"\x0c\xff" + b"\xff" * 200, None),
    "reserved": (b"\x0c\xff", None),
    "not-utf-8": (b"\x0c\x01\xff", None),
    "surrogate": (b"\x0c\x03\xed\xa0\x80", None),
    "overlong": (b"\x0c\x02\xc0\x80", None),
}


@pytest.mark.parametrize("name", UTF8)
def test_utf8_string(name: str) -> None:
    """Definite, shortest length, nothing after it (X.690)."""
    blob, expected = UTF8[name]
    if expected is None:
        assert code(lambda: utf8_string(blob, "it")) == "certificate-claim"
    else:
        assert utf8_string(blob, "it") == expected


def test_identity_is_a_value() -> None:
    """Printed for people as subject and issuer."""
    made = Identity(issuer="i", subject="s", subject_kind="email", claims={})
    assert str(made) == "s (issuer i)"
