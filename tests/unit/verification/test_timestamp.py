"""RFC 3161: who stamped, when, over what; and which certificate of several that came along signed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.judging import code
from vouchsafe.testing import der as writing
from vouchsafe.testing.ca import Window as Life
from vouchsafe.testing.canonical import der
from vouchsafe.testing.keys import KeySource
from vouchsafe.testing.spoil import flipped
from vouchsafe.testing.tsa import HASHES, StampPlan, TimestampAuthority
from vouchsafe.verification import timestamp
from vouchsafe.verification.timestamp import LARGEST_TOKEN
from vouchsafe.verification.trust import CertificateAuthority, Window

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)
LIFE = Life(start=NOON - 9 * DAY, end=NOON + 9 * DAY)
KEYS = KeySource("stamps")
TSA = TimestampAuthority(KEYS, "tsa.example", LIFE)
CONTENT = b"a signature"


def authority(*chain: x509.Certificate, window: Window | None = None) -> CertificateAuthority:
    """What the trust root says of it."""
    links = chain or TSA.chain
    return CertificateAuthority(
        chain=tuple(der(link) for link in links), window=window or Window(), uri="https://tsa.example"
    )


def verified(
    token: bytes, *authorities: CertificateAuthority, content: bytes = CONTENT
) -> tuple[datetime, str]:
    """The time and who vouched for it."""
    return timestamp.verify(token, content, authorities or (authority(),))


STAMP = TSA.stamp(CONTENT, NOON)
EMBEDDED = TSA.stamp(CONTENT, NOON, StampPlan(embed=True))
ROOT_ONLY = authority(TSA.root)


@pytest.mark.parametrize("algorithm", HASHES)
@pytest.mark.parametrize("embed", [False, True])
def test_accepted(algorithm: str, embed: bool) -> None:
    """With certificates or without, over each hash of SHA-2."""
    token = TSA.stamp(CONTENT, NOON, StampPlan(algorithm=algorithm, embed=embed, nonce=7))
    assert verified(token) == (NOON, "https://tsa.example")


def test_a_chain_may_begin_with_the_issuer() -> None:
    """Then the stamp must bring its certificate; one that does not is by nobody."""
    assert verified(EMBEDDED, ROOT_ONLY)[0] == NOON
    assert code(lambda: verified(STAMP, ROOT_ONLY)) == "timestamp-authority"


def test_authorities_are_tried_in_turn() -> None:
    """Strangers and those whose window is over do not hide the one that holds."""
    stranger = authority(*TimestampAuthority(KEYS, "stranger.example", LIFE).chain)
    over = authority(window=Window(end=NOON - DAY))
    unreadable = CertificateAuthority(chain=(b"junk",), window=Window())
    for others in ((stranger,), (over,), (unreadable,), (stranger, over, unreadable)):
        assert verified(STAMP, *others, authority())[0] == NOON
        assert verified(STAMP, authority(), *others)[0] == NOON
    assert code(lambda: verified(STAMP, stranger, over)) == "timestamp-window"
    assert code(lambda: verified(STAMP, over, stranger)) == "timestamp-window"
    assert code(lambda: verified(STAMP, stranger, unreadable)) == "timestamp-authority"
    assert code(lambda: timestamp.verify(STAMP, CONTENT, ())) == "timestamp-authority"


@pytest.mark.parametrize(
    "window, inside",
    [
        (Window(start=NOON, end=NOON), True),
        (Window(start=NOON + timedelta(seconds=1)), False),
        (Window(end=NOON - timedelta(seconds=1)), False),
    ],
)
def test_windows(window: Window, inside: bool) -> None:
    """Both ends inside."""
    if inside:
        assert verified(STAMP, authority(window=window))[0] == NOON
    else:
        assert code(lambda: verified(STAMP, authority(window=window))) == "timestamp-window"


def tsa(**options: object) -> TimestampAuthority:
    """Another authority of the same name."""
    return TimestampAuthority(KeySource("else"), "tsa.example", LIFE, **options)  # type: ignore[arg-type]


def test_ghsa_xm5m_wgh2_rrg3_the_stamping_certificate() -> None:
    """CVE-2026-39984: its extended key usage, its life, its chain."""
    wrong = {
        "no-use": tsa(usages=()),
        "code-signing": tsa(usages=(ExtendedKeyUsageOID.CODE_SIGNING,)),
        "expired": tsa(leaf_window=Life(start=NOON - 9 * DAY, end=NOON - DAY)),
        "not-yet": tsa(leaf_window=Life(start=NOON + DAY, end=NOON + 2 * DAY)),
    }
    for made in wrong.values():
        for embed in (False, True):
            token = made.stamp(CONTENT, NOON, StampPlan(embed=embed))
            for by in (authority(*made.chain), authority(made.root)):
                assert code(lambda one=token, held=by: verified(one, held)) == "timestamp-authority"  # type: ignore[misc]


class Doubled(TimestampAuthority):
    """Embeds, beside its own certificate, one of the same issuer and number that somebody else made."""

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """Code signing in the one that signs, time-stamping in the one that does not."""
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.leaf.subject)
            .issuer_name(self.leaf.issuer)
            .public_key(KEYS.ec("forger").public_key())
            .serial_number(self.leaf.serial_number)
            .not_valid_before(LIFE.start)
            .not_valid_after(LIFE.end)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        )
        return (self.leaf, builder.sign(KEYS.ec("forger"), hashes.SHA256()), self.root)


def test_ghsa_xm5m_wgh2_rrg3_two_certificates_of_one_number() -> None:
    """The library may check the signature with one and the usage of the other: none may be there twice."""
    doubled = Doubled(KEYS, "doubled.example", LIFE, usages=(ExtendedKeyUsageOID.CODE_SIGNING,))
    token = doubled.stamp(CONTENT, NOON, StampPlan(embed=True))
    for by in (authority(doubled.root), authority(doubled.leaf, doubled.root)):
        assert code(lambda held=by: verified(token, held)) == "timestamp-certificate"  # type: ignore[misc]


def test_other_content() -> None:
    """A stamp of something else, or under a hash that nobody should use."""
    assert code(lambda: verified(STAMP, content=b"another")) == "timestamp-imprint"
    sha1 = STAMP.replace(writing.oid(HASHES["sha256"]), writing.oid("1.2.840.113549.2.5"), 2)
    assert code(lambda: verified(sha1)) in {"timestamp-imprint", "timestamp"}


REFUSED = writing.sequence(writing.sequence(writing.integer(2)))
MALFORMED = {
    "empty": b"",
    "text": b"a stamp",
    "cut": STAMP[:-1],
    "trailing": STAMP + b"\0",
    "refusal": REFUSED,
    "large": STAMP + bytes(LARGEST_TOKEN),
    "bare-token": STAMP[STAMP.index(writing.oid("1.2.840.113549.1.7.2")) - 4 :],
}


@pytest.mark.parametrize("which", MALFORMED)
def test_malformed(which: str) -> None:
    """A response, whole, of bounded size, with a token in it."""
    assert code(lambda: verified(MALFORMED[which])) == "timestamp"


def test_other_statuses_are_no_stamps() -> None:
    """What the authority says it did not grant as asked."""
    granted = writing.sequence(writing.integer(0))
    for status in (1, 2, 3, 9):
        token = STAMP.replace(granted, writing.sequence(writing.integer(status)), 1)
        assert code(lambda one=token: verified(one)) in {"timestamp-authority", "timestamp"}  # type: ignore[misc]


def test_flipped() -> None:
    """One bit of the signature."""
    assert code(lambda: verified(flipped(STAMP))) == "timestamp-authority"


def test_embedded_certificates_are_read_strictly() -> None:
    """One that cannot be read makes the stamp unreadable."""
    number = writing.integer(TSA.root.serial_number)
    spoiled = EMBEDDED.replace(number, number[:2] + b"\xff" + number[3:])
    assert code(lambda: verified(spoiled)) in {"certificate", "timestamp"}


def test_times_are_utc() -> None:
    """Aware, whatever the library says."""
    assert verified(STAMP)[0].tzinfo is UTC


def test_a_hash_that_nobody_uses() -> None:
    """Is compared with nothing, whatever it hashes to."""
    sha256, sha224 = (writing.oid(f"2.16.840.1.101.3.4.2.{number}") for number in (1, 4))
    assert code(lambda: verified(STAMP.replace(sha256, sha224))) == "timestamp-imprint"
