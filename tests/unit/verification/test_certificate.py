"""The leaf and its path: names, signatures, uses, windows, and work that an attacker cannot multiply."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.judging import code
from vouchsafe.testing import der as writing
from vouchsafe.testing.ca import key_usage
from vouchsafe.testing.canonical import der
from vouchsafe.testing.keys import KeySource
from vouchsafe.verification import certificate, issued
from vouchsafe.verification.certificate import LONGEST_PATH, Leaf, is_authority, load, path, refuse_roots
from vouchsafe.verification.trust import CertificateAuthority, Window

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)
KEYS = KeySource("certificates")
CODE_SIGNING = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
TLS = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
ANY = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE])
SAN = x509.SubjectAlternativeName([x509.RFC822Name("somebody@example.com")])
CA_USE = (key_usage(certificates=True), True)
CA = (x509.BasicConstraints(ca=True, path_length=None), True)
Extension = tuple[x509.ExtensionType, bool]


def name(text: str) -> x509.Name:
    """A common name."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def key(of: str) -> ec.EllipticCurvePrivateKey:
    """A key by name."""
    return KEYS.ec(of)


def make(
    subject: str,
    issuer: str,
    *extensions: Extension,
    start: datetime = NOON - DAY,
    end: datetime = NOON + DAY,
    signer: str = "",
    public_key: Any = None,
) -> bytes:
    """A certificate; keys go by the names of subject and issuer."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(public_key or key(subject).public_key())
        .serial_number(7)
        .not_valid_before(start)
        .not_valid_after(end)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return der(builder.sign(key(signer or issuer), hashes.SHA256()))


def leaf(*extensions: Extension, issuer: str = "middle", signer: str = "", **life: datetime) -> bytes:
    """A signer's certificate."""
    return make("leaf", issuer, *(extensions or ((CODE_SIGNING, False), (SAN, True))), signer=signer, **life)


def ca(subject: str, issuer: str = "root", *more: Extension, **options: Any) -> bytes:
    """An authority's."""
    return make(subject, issuer, *(more or (CA, CA_USE)), **options)


ROOT, MIDDLE = ca("root"), ca("middle")


def authority(*chain: bytes, **changes: Any) -> CertificateAuthority:
    """Of the trust root."""
    made = CertificateAuthority(chain=chain or (MIDDLE, ROOT), window=Window())
    return made.replace(**changes)


def issuer_of(
    whole: bytes, *authorities: CertificateAuthority, hints: tuple[bytes, ...] = (), times: Any = (NOON,)
) -> str:
    """The common name of the certificate that issued it."""
    found = path(Leaf(whole), hints, authorities or (authority(),), list(times))
    return str(found.subject.rfc4514_string())


def test_closed_path() -> None:
    """A trusted root names every certificate, the issuer first."""
    assert issuer_of(leaf()) == "CN=middle"
    assert issuer_of(leaf(issuer="root"), authority(ROOT)) == "CN=root"


LEAVES: dict[str, tuple[tuple[Extension, ...], str]] = {
    "no-extended-use": (((SAN, True),), "certificate-use"),
    "tls": (((TLS, False), (SAN, True)), "certificate-use"),
    "any-use": (((ANY, False), (SAN, True)), "certificate-use"),
    "authority": (((CODE_SIGNING, False), CA), "certificate-use"),
    "no-signing": (((CODE_SIGNING, False), CA_USE), "certificate-use"),
    "unknown-critical": (
        ((CODE_SIGNING, False), (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b""), True)),
        "certificate-critical",
    ),
    "precertificate": (((CODE_SIGNING, False), (x509.PrecertPoison(), True)), "certificate-critical"),
    "critical-constraints": (
        ((CODE_SIGNING, False), (x509.NameConstraints([x509.DNSName("x")], None), True)),
        "certificate-critical",
    ),
}


@pytest.mark.parametrize("which", LEAVES)
def test_leaf_use(which: str) -> None:
    """Code signing, digital signatures, no authority, nothing critical that we do not understand."""
    extensions, expected = LEAVES[which]
    assert code(lambda: Leaf(leaf(*extensions))) == expected


def test_leaf_that_says_it_is_no_authority() -> None:
    """Constraints and key usage may be there."""
    said = x509.BasicConstraints(ca=False, path_length=None)
    signs = (key_usage(certificates=False), True)
    assert issuer_of(leaf((CODE_SIGNING, True), (said, True), signs, (SAN, False))) == "CN=middle"


NUMBERS = dsa.DSAPublicNumbers(5, dsa.DSAParameterNumbers((1 << 2047) | 1, (1 << 255) | 1, 2))
MALFORMED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "certificate"),
    "text": (b"certificate", "certificate"),
    "cut": (leaf()[:-1], "certificate"),
    "trailing": (leaf() + b"\0", "certificate"),
    "dsa": (make("leaf", "middle", (CODE_SIGNING, False), public_key=NUMBERS.public_key()), "public-key"),
    "k256": (
        make(
            "leaf",
            "middle",
            (CODE_SIGNING, False),
            public_key=ec.derive_private_key(7, ec.SECP256K1()).public_key(),
        ),
        "public-key",
    ),
    "unknown-curve": (
        leaf().replace(writing.oid("1.2.840.10045.3.1.7"), writing.oid("1.2.840.10045.3.1.9")),
        "certificate",
    ),
    "point-off-curve": (
        leaf().replace(b"\x03\x42\x00\x04", b"\x03\x42\x00\x05"),
        "certificate",
    ),
    "issuer-no-name": (
        leaf().replace(writing.tlv(0x0C, b"middle"), writing.tlv(0x0C, b"midd\xff\xff")),
        "certificate",
    ),
    "extension-broken": (
        leaf().replace(der_eku := CODE_SIGNING.public_bytes(), b"\x31" + der_eku[1:]),
        "certificate",
    ),
    "serial-zero": (leaf().replace(b"\x02\x01\x07", b"\x02\x01\x00", 1), "certificate"),
    "serial-negative": (leaf().replace(b"\x02\x01\x07", b"\x02\x01\xff", 1), "certificate"),
}


@pytest.mark.parametrize("which", MALFORMED)
def test_malformed_leaves(which: str) -> None:
    """Whatever of it cannot be read, it is an error of ours."""
    whole, expected = MALFORMED[which]
    assert code(lambda: Leaf(whole)) == expected


def test_serial_numbers() -> None:
    """RFC 5280 §4.1.2.2: positive, up to twenty bytes; what is no certificate is told by others."""
    for number in (1, 127, 128, 255, 1 << 158):
        builder = x509.CertificateBuilder().subject_name(name("x")).issuer_name(name("x"))
        builder = builder.public_key(key("x").public_key()).serial_number(number)
        builder = builder.not_valid_before(NOON).not_valid_after(NOON)
        assert issued.has_positive_serial(der(builder.sign(key("x"), hashes.SHA256())))
    for blob in (b"", b"\x30", b"\x30\x80", b"\x30\x03\x30\x01\xa0", b"\x30\x07\x30\x05\xa0\x03\x02\x01\x02"):
        assert issued.has_positive_serial(blob)


AUTHORITIES: dict[str, tuple[tuple[Extension, ...], str]] = {
    "no-constraints": ((CA_USE,), "certificate-use"),
    "not-an-authority": (
        ((x509.BasicConstraints(ca=False, path_length=None), True), CA_USE),
        "certificate-use",
    ),
    "may-not-sign": ((CA, (key_usage(certificates=False), True)), "certificate-use"),
    "for-tls": ((CA, CA_USE, (TLS, False)), "certificate-use"),
    "for-some-names": (
        (CA, CA_USE, (x509.NameConstraints([x509.DNSName("x")], None), False)),
        "certificate-use",
    ),
    "unknown-critical": (
        (CA, CA_USE, (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b""), True)),
        "certificate-critical",
    ),
}


@pytest.mark.parametrize("is_open", [False, True])
@pytest.mark.parametrize("which", AUTHORITIES)
def test_authority_use(which: str, is_open: bool) -> None:
    """A CA that restricts its use must allow code signing; also when it came with the evidence."""
    extensions, expected = AUTHORITIES[which]
    middle = ca("middle", "root", *extensions)
    if is_open:
        anchor = authority(ROOT, open_path=True)
        assert code(lambda: issuer_of(leaf(), anchor, hints=(middle,))) == expected
    else:
        assert code(lambda: issuer_of(leaf(), authority(middle, ROOT))) == expected


@pytest.mark.parametrize("use", [CODE_SIGNING, ANY])
def test_authorities_for_code_signing(use: x509.ExtendedKeyUsage) -> None:
    """Restricted to it, or to anything; key usage may be absent."""
    assert issuer_of(leaf(), authority(ca("middle", "root", CA, (use, False)), ROOT)) == "CN=middle"


def test_path_length() -> None:
    """How many CAs may stand below (RFC 5280 §4.2.1.9)."""
    none_below = (x509.BasicConstraints(ca=True, path_length=0), True)
    assert issuer_of(leaf(), authority(ca("middle", "root", none_below), ROOT)) == "CN=middle"
    assert (
        code(lambda: issuer_of(leaf(), authority(MIDDLE, ca("root", "root", none_below))))
        == "certificate-use"
    )


def test_windows_of_the_authority() -> None:
    """Both ends inside, at every time."""
    for window, inside in (
        (Window(start=NOON, end=NOON), True),
        (Window(start=NOON + timedelta(seconds=1)), False),
        (Window(end=NOON - timedelta(seconds=1)), False),
    ):
        held = authority(window=window)
        if inside:
            assert issuer_of(leaf(), held) == "CN=middle"
        else:
            assert code(lambda by=held: issuer_of(leaf(), by)) == "authority-window"  # type: ignore[misc]


EARLY: dict[str, Any] = {"start": NOON - 9 * DAY, "end": NOON - DAY}


def test_ghsa_wfqv_66vq_46rm_the_whole_chain_at_every_time() -> None:
    """CVE-2026-24122: leaf, intermediate and root, each of them, at each verified time."""
    chains = {
        "leaf": (leaf(**EARLY), authority()),
        "intermediate": (leaf(), authority(ca("middle", **EARLY), ROOT)),
        "root": (leaf(), authority(MIDDLE, ca("root", "root", **EARLY))),
    }
    for whole, by in chains.values():
        assert code(lambda found=whole, held=by: issuer_of(found, held)) == "certificate-expired"  # type: ignore[misc]
        assert issuer_of(whole, by, times=(NOON - DAY,)) == "CN=middle"
        assert (
            code(lambda found=whole, held=by: issuer_of(found, held, times=(NOON - DAY, NOON)))  # type: ignore[misc]
            == "certificate-expired"
        )


def test_authorities_are_tried_in_turn() -> None:
    """One whose window is over, one of the same name, one that is broken: the good one is found, and named."""
    stranger = ca("middle", signer="stranger", public_key=key("stranger").public_key())
    unreadable = authority(b"junk", ROOT)
    good = authority()
    for others in (
        (authority(window=Window(end=NOON - DAY)),),
        (authority(stranger, ROOT),),
        (authority(MIDDLE, ca("root", "root", signer="stranger")),),
        (unreadable,),
        (authority(MIDDLE, b"junk"),),
    ):
        assert issuer_of(leaf(), *others, good) == "CN=middle"
        assert issuer_of(leaf(), good, *others) == "CN=middle"
    assert code(lambda: issuer_of(leaf(), unreadable)) == "trusted-chain"


def test_chains_of_the_trust_root_hold_together() -> None:
    """An intermediate that the next one did not sign is nobody's."""
    broken = authority(ca("middle", signer="stranger"), ROOT)
    assert code(lambda: issuer_of(leaf(), broken)) == "trusted-chain"


def test_nobody() -> None:
    """By another key, of another name, or with no authority at all."""
    for whole in (leaf(signer="stranger"), leaf(issuer="other"), leaf(issuer="root")):
        assert code(lambda found=whole: issuer_of(found)) == "certificate-authority"  # type: ignore[misc]
    assert code(lambda: path(Leaf(leaf()), (), (), [NOON])) == "certificate-authority"


ANCHOR = authority(ROOT, open_path=True)


def test_open_path() -> None:
    """PEM files name anchors; what stands between may come with the evidence, in any order."""
    second = ca("second", "middle")
    assert issuer_of(leaf(issuer="root"), ANCHOR) == "CN=root"
    assert issuer_of(leaf(), ANCHOR, hints=(MIDDLE,)) == "CN=middle"
    assert issuer_of(leaf(issuer="second"), ANCHOR, hints=(MIDDLE, second)) == "CN=second"
    assert issuer_of(leaf(issuer="second"), ANCHOR, hints=(ROOT, second, MIDDLE)) == "CN=second"
    assert issuer_of(leaf(), authority(MIDDLE, open_path=True)) == "CN=middle"


def test_hints_are_only_hints() -> None:
    """A chain of the attacker's own ends nowhere; in a closed path hints are not looked at."""
    theirs = (ca("middle", "their-root"), ca("their-root", "their-root"))
    assert code(lambda: issuer_of(leaf(), ANCHOR, hints=theirs)) == "certificate-authority"
    assert code(lambda: issuer_of(leaf(), ANCHOR)) == "certificate-authority"
    assert code(lambda: issuer_of(leaf(), ANCHOR, hints=(b"junk",))) == "certificate"
    assert issuer_of(leaf(), authority(), hints=(b"junk",)) == "CN=middle"
    signers = make("middle", "root", (CODE_SIGNING, False))
    assert code(lambda: issuer_of(leaf(), ANCHOR, hints=(signers,))) == "certificate-use"


def test_every_path_is_tried() -> None:
    """A cross-signed intermediate that has expired does not hide the one that has not."""
    expired = ca("middle", **EARLY)
    for hints in ((expired, MIDDLE), (MIDDLE, expired)):
        assert issuer_of(leaf(), ANCHOR, hints=hints) == "CN=middle"
    assert code(lambda: issuer_of(leaf(), ANCHOR, hints=(expired,))) == "certificate-expired"


def test_paths_are_bounded() -> None:
    """Hints past the limit are not looked at."""
    junk = tuple(ca(f"junk-{number}") for number in range(LONGEST_PATH))
    assert code(lambda: issuer_of(leaf(), ANCHOR, hints=(*junk, MIDDLE))) == "certificate-authority"
    assert issuer_of(leaf(), ANCHOR, hints=(*junk[1:], MIDDLE)) == "CN=middle"


def test_crossed_hints_cost_each_signature_once() -> None:
    """Five certificates that all signed one another make 325 ways; each pair is checked once."""
    crossed = tuple(
        make("middle", "middle", CA, CA_USE, end=NOON + number * DAY) for number in range(1, LONGEST_PATH + 1)
    )
    candidates = certificate._Candidates(leaf(), crossed)
    assert candidates.under(ANCHOR) == []
    assert len(candidates._issued) <= LONGEST_PATH * (LONGEST_PATH + 1)
    assert code(lambda: issuer_of(leaf(), ANCHOR, hints=crossed)) == "certificate-authority"


def test_roots_in_a_bundle() -> None:
    """A certificate that names itself as its issuer is a root, whoever signed it."""
    refuse_roots(())
    refuse_roots((MIDDLE,))
    for chain in ((ROOT,), (MIDDLE, ROOT), (ca("x", "x", signer="stranger"),)):
        assert code(lambda made=chain: refuse_roots(made)) == "bundle-root"  # type: ignore[misc]
    assert code(lambda: refuse_roots((b"junk",))) == "certificate"


def test_authorities_by_constraint() -> None:
    """What tells a stamping certificate from its issuer."""
    assert is_authority(load(MIDDLE))
    assert not is_authority(load(leaf()))
    assert not is_authority(load(leaf((x509.BasicConstraints(ca=False, path_length=None), True))))


def test_authority_whose_extensions_cannot_be_read() -> None:
    """Malformed, also in the middle of a path."""
    broken = MIDDLE.replace(writing.oid("2.5.29.15"), writing.oid("2.5.29.19"))  # constraints twice
    resigned = x509.load_der_x509_certificate(broken)
    assert resigned.subject == name("middle")
    with pytest.raises(x509.DuplicateExtension):
        _ = resigned.extensions
    found = certificate._check_authorities_use
    assert code(lambda: found((resigned,))) == "certificate"
