"""Signed Certificate Timestamps: one by a log that we know, in its window, of this certificate and issuer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.judging import code
from vouchsafe.errors import MalformedError, VerificationError
from vouchsafe.testing.canonical import der
from vouchsafe.testing.ctlog import CtLog
from vouchsafe.testing.keys import KeySource, PublicKey, sign, spki
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.verification import certificate, sct
from vouchsafe.verification.trust import Window, parse_trusted_root

SIGSTORE = VirtualSigstore()
NOW = SIGSTORE.clock.now()
LOGS = parse_trusted_root(SIGSTORE.trusted_root()).ct_logs
ISSUER = certificate.load(der(SIGSTORE.ca.signer))
OTHER = CtLog(KeySource("other").ec("ctlog"), url="https://other.example")
Maker = Callable[[bytes, PublicKey, datetime], tuple[bytes, ...]]


def leaf(maker: Maker) -> certificate.Leaf:
    """A certificate with these SCTs."""
    plan = SIGSTORE.leaf_plan().replace(scts=maker)
    key = SIGSTORE.keys.ec("leaf").public_key()
    return certificate.Leaf(der(SIGSTORE.ca.issue(key, SIGSTORE.workload, NOW, plan)))


def at(moment: int, extensions: bytes = b"") -> Maker:
    """One SCT of our log with that time in milliseconds."""

    def maker(tbs: bytes, issuer: PublicKey, _now: datetime) -> tuple[bytes, ...]:
        head = moment.to_bytes(8, "big")
        said = len(extensions).to_bytes(2, "big") + extensions
        entry = hashlib.sha256(spki(issuer)).digest() + len(tbs).to_bytes(3, "big") + tbs
        signature = sign(SIGSTORE.ct_log.key, b"\0\0" + head + b"\0\1" + entry + said)
        tail = b"\x04\x03" + len(signature).to_bytes(2, "big") + signature
        return (b"\0" + SIGSTORE.ct_log.id + head + said + tail,)

    return maker


MILLISECONDS = int(NOW.timestamp() * 1000)


def ours(tbs: bytes, issuer: PublicKey, now: datetime) -> tuple[bytes, ...]:
    """By our log."""
    return (SIGSTORE.ct_log.sct(tbs, issuer, now),)


def theirs(tbs: bytes, issuer: PublicKey, now: datetime) -> tuple[bytes, ...]:
    """By a log that we do not know."""
    return (OTHER.sct(tbs, issuer, now),)


def broken(tbs: bytes, issuer: PublicKey, now: datetime) -> tuple[bytes, ...]:
    """By our log, of another certificate."""
    return (SIGSTORE.ct_log.sct(tbs + b"x", issuer, now),)


def none(tbs: bytes, issuer: PublicKey, now: datetime) -> tuple[bytes, ...]:
    """No list."""
    return ()


def both(*makers: Maker) -> Maker:
    """Several in one list."""
    return lambda *said: tuple(each for maker in makers for each in maker(*said))


GOOD: dict[str, Maker] = {
    "ours": ours,
    "ours-after-theirs": both(theirs, ours),
    "ours-before-theirs": both(ours, theirs),
    "ours-after-broken": both(broken, ours),
    "with-extensions": at(MILLISECONDS, b"\0\0\5\0\0\0\0\7"),
    "odd-milliseconds": at(MILLISECONDS + 123),
    "last-millisecond": at(MILLISECONDS + 999),
}


@pytest.mark.parametrize("which", GOOD)
def test_one_suffices(which: str) -> None:
    """By a log that we know, wherever it stands in the list."""
    sct.verify(leaf(GOOD[which]), ISSUER, LOGS)


BAD: dict[str, tuple[Maker, str]] = {
    "none": (none, "sct"),
    "theirs": (theirs, "sct"),
    "broken": (broken, "signature"),
    "broken-beside-theirs": (both(broken, theirs), "signature"),
    "before-1970-is-none": (at(0), "sct-window"),
    "after-9999": (at(2**63), "sct"),
    "end-of-time": (at(2**64 - 1), "sct"),
}


@pytest.mark.parametrize("which", BAD)
def test_nobody_we_know(which: str) -> None:
    """By nobody, by strangers, or of something else; far times are malformed, not a crash."""
    maker, expected = BAD[which]
    logs = tuple(log.replace(window=Window(start=NOW - timedelta(days=1))) for log in LOGS)
    assert code(lambda: sct.verify(leaf(maker), ISSUER, logs)) == expected


@pytest.mark.parametrize(
    "window, inside",
    [
        (Window(start=NOW, end=NOW), True),
        (Window(start=NOW + timedelta(milliseconds=1)), False),
        (Window(end=NOW - timedelta(milliseconds=1)), False),
    ],
)
def test_windows(window: Window, inside: bool) -> None:
    """Both ends inside, to the millisecond."""
    logs = tuple(log.replace(window=window) for log in LOGS)
    if inside:
        sct.verify(leaf(ours), ISSUER, logs)
    else:
        assert code(lambda: sct.verify(leaf(ours), ISSUER, logs)) == "sct-window"


def test_a_log_that_is_listed_for_each_window() -> None:
    """One of them holds."""
    early = LOGS[0].replace(window=Window(end=NOW - timedelta(days=1)))
    sct.verify(leaf(ours), ISSUER, (early, *LOGS, early))


def test_bound_to_the_issuer_not_to_its_name() -> None:
    """RFC 6962 §3.2: the hash of the issuer's key."""
    stranger = VirtualSigstore("stranger", name=SIGSTORE.name)
    other = certificate.load(der(stranger.ca.signer))
    assert other.subject == ISSUER.subject
    assert code(lambda: sct.verify(leaf(ours), other, LOGS)) == "signature"


def test_known_by_id() -> None:
    """Another id, the same key: not the log that the SCT names."""
    renamed = tuple(log.replace(key_id=bytes(32)) for log in LOGS)
    assert code(lambda: sct.verify(leaf(ours), ISSUER, renamed)) == "sct"


def test_list_that_is_no_list() -> None:
    """Malformed when the certificate is read, before anybody asks for the SCT."""
    whole = leaf(ours).der
    start = whole.index(SIGSTORE.ct_log.id) - 5  # length of the list, length of the SCT, version
    spoiled = whole[:start] + b"\xff\xff" + whole[start + 2 :]
    with pytest.raises((MalformedError, VerificationError)):
        sct.verify(certificate.Leaf(spoiled), ISSUER, LOGS)


class TwoLists:
    """What the library says of a certificate whose precertificate it cannot make."""

    @property
    def tbs_precertificate_bytes(self) -> bytes:
        """As the library."""
        raise ValueError("Could not find pre-certificate SCT list extension")


def test_precertificate_that_cannot_be_made() -> None:
    """An error of ours."""
    made: Any = leaf(ours)
    made.certificate = TwoLists()
    assert code(lambda: sct.verify(made, ISSUER, LOGS)) == "sct"
