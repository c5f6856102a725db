"""PEM: whole blocks or an error, in a time that grows with the text and not with its square."""

from __future__ import annotations

import pytest

from tests.judging import code
from vouchsafe.evidence import pem
from vouchsafe.evidence.pem import LARGEST_PEM, LONGEST_LABEL, MOST_BLOCKS

KEY = b"-----BEGIN PUBLIC KEY-----\nAQID\n-----END PUBLIC KEY-----\n"
CERTIFICATE = b"-----BEGIN CERTIFICATE-----\nBAUG\nBwg=\n-----END CERTIFICATE-----\n"
LONG_LABEL = b"A" * LONGEST_LABEL

READ: dict[str, tuple[bytes, tuple[tuple[str, bytes], ...]]] = {
    "one": (KEY, (("PUBLIC KEY", b"\x01\x02\x03"),)),
    "two": (KEY + CERTIFICATE, (("PUBLIC KEY", b"\x01\x02\x03"), ("CERTIFICATE", b"\x04\x05\x06\x07\x08"))),
    "text-around": (b"subject=x\n" + KEY + b"the end", (("PUBLIC KEY", b"\x01\x02\x03"),)),
    "windows-lines": (KEY.replace(b"\n", b"\r\n"), (("PUBLIC KEY", b"\x01\x02\x03"),)),
    "indented": (KEY.replace(b"\n", b"\n  "), (("PUBLIC KEY", b"\x01\x02\x03"),)),
    "one-line": (b"-----BEGIN X----- AQID -----END X-----", (("X", b"\x01\x02\x03"),)),
    "no-last-newline": (KEY[:-1], (("PUBLIC KEY", b"\x01\x02\x03"),)),
    "long-label": (KEY.replace(b"PUBLIC KEY", LONG_LABEL), ((LONG_LABEL.decode(), b"\x01\x02\x03"),)),
}


@pytest.mark.parametrize("name", READ)
def test_read(name: str) -> None:
    """Labels and content of every block; text around them is a remark (RFC 7468 §2)."""
    text, expected = READ[name]
    assert pem.blocks(text, "it") == expected


REFUSED = {
    "empty": b"",
    "no-block": b"MIIB",
    "no-end": KEY.partition(b"-----END")[0],
    "other-end": KEY.replace(b"END PUBLIC", b"END PRIVATE"),
    "end-only": b"-----END PUBLIC KEY-----",
    "lower-case-label": KEY.replace(b"PUBLIC KEY", b"public key"),
    "no-label": KEY.replace(b"PUBLIC KEY", b""),
    "label-too-long": KEY.replace(b"PUBLIC KEY", LONG_LABEL + b"A"),
    "not-base64": KEY.replace(b"AQID", b"AQI!"),
    "bad-padding": KEY.replace(b"AQID", b"AQI"),
    "no-content": KEY.replace(b"AQID", b""),
    "no-line": KEY.replace(b"-----\nAQID", b"-----AQID"),
    "headers": KEY.replace(b"AQID", b"Proc-Type: 4,ENCRYPTED\n\nAQID"),
    "block-inside": b"-----BEGIN A-----\n" + KEY + b"-----END A-----\n",
    "second-broken": KEY + CERTIFICATE.partition(b"-----END")[0],
    "first-broken": CERTIFICATE.partition(b"-----END")[0] + KEY,
    "not-ascii": KEY.replace(b"AQID", "ÄQID".encode()),
    "begin-only": b"-----BEGIN ",
    "too-many": KEY * (MOST_BLOCKS + 1),
    "too-large": b" " * LARGEST_PEM + KEY,
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    """Nothing is hidden: a block that begins is whole, or the text is no PEM."""
    assert code(lambda: pem.blocks(REFUSED[name], "it")) == "pem"


@pytest.mark.parametrize(
    "text",
    [
        b"-----BEGIN A-----" + b"\n" * (LARGEST_PEM - 100),
        b"-----BEGIN A-----\n" + b"A" * (LARGEST_PEM - 100),
        b"-----BEGIN A-----\n" * (LARGEST_PEM // 18),
        b"-----BEGIN " * (LARGEST_PEM // 11),
        b"-" * LARGEST_PEM,
        b"-----BEGIN A-----\n" + b"\nA" * ((LARGEST_PEM - 100) // 2),
    ],
    ids=["blank-lines", "one-line", "begins", "bare-begins", "dashes", "short-lines"],
)
def test_hostile_text_is_read_once(text: bytes) -> None:
    """The largest text that wastes a backtracking expression's time: with one, this test does not end."""
    assert code(lambda: pem.blocks(text, "it")) == "pem"


def test_as_many_as_allowed() -> None:
    """The limit itself is inside."""
    assert len(pem.blocks(KEY * MOST_BLOCKS, "it")) == MOST_BLOCKS


def test_single() -> None:
    """Several certificates where one is the leaf would leave open which."""
    assert pem.single(KEY, "it") == ("PUBLIC KEY", b"\x01\x02\x03")
    assert code(lambda: pem.single(KEY + KEY, "it")) == "pem"


def test_certificates() -> None:
    """All of them, and nothing else."""
    assert pem.certificates(CERTIFICATE * 2, "it") == (b"\x04\x05\x06\x07\x08",) * 2
    assert code(lambda: pem.certificates(CERTIFICATE + KEY, "it")) == "pem"
