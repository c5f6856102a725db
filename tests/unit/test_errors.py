"""Errors: codes, sentences, and nothing in them that drives a terminal."""

from __future__ import annotations

import pytest

from vouchsafe.errors import (
    LONGEST_MESSAGE,
    ConfigurationError,
    HostError,
    MalformedError,
    Refused,
    SigningError,
    Unavailable,
    VerificationError,
    VouchsafeError,
    printable,
)

ESCAPED = {
    "plain": ("expected X, got Y", "expected X, got Y"),
    "accents": ("café – naïve", "café – naïve"),
    "escape": ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
    "newline": ("one\ntwo\r", r"one\ntwo\r"),
    "bidi": ("a\u202eb\u2066c", r"a\u202eb\u2066c"),
    "zero-width": ("a\u200bb\ufeff", r"a\u200bb\ufeff"),
    "c1": ("\x9b31m", r"\x9b31m"),
    "surrogate": ("\ud800", r"\ud800"),
    "no-break-space": ("a\u00a0b", r"a\xa0b"),
    "private-use": ("\ue000\U000f0000", r"\ue000\U000f0000"),
}


@pytest.mark.parametrize("name", ESCAPED)
def test_what_is_not_printable_is_escaped(name: str) -> None:
    """Whatever a registry sends comes out as visible characters."""
    text, expected = ESCAPED[name]
    assert printable(text) == expected
    assert printable(text).isprintable()


def test_messages_are_cut() -> None:
    """A person reads them; what was cut is marked."""
    assert printable("x" * LONGEST_MESSAGE) == "x" * LONGEST_MESSAGE
    cut = printable("x" * (LONGEST_MESSAGE + 1))
    assert (len(cut), cut[-1]) == (LONGEST_MESSAGE, "…")
    assert printable("\n" * 50, limit=10) == r"\n" * 9 + "…"


def test_anything_can_be_printed() -> None:
    """Not only text."""
    assert printable(None) == "None"
    assert printable(ValueError("a\0b")) == r"a\x00b"


def test_message_and_hint_are_escaped_at_birth() -> None:
    """An error is safe to print wherever it ends up."""
    error = MalformedError("some-code", "got \x1b", hint="try \x07")
    assert (error.code, error.message, error.hint, str(error)) == (
        "some-code",
        r"got \x1b",
        r"try \x07",
        r"got \x1b",
    )


@pytest.mark.parametrize(
    "kind",
    [
        MalformedError,
        VerificationError,
        ConfigurationError,
        Unavailable,
        SigningError,
        HostError,
        Refused,
    ],
)
def test_every_error_is_ours(kind: type[VouchsafeError]) -> None:
    """One class to catch at an edge; none is an OSError or ValueError that other code would swallow."""
    error = kind("a-code", "a message")
    assert isinstance(error, VouchsafeError)
    assert not isinstance(error, (OSError, ValueError, TypeError))
    assert error.hint == ""


def test_unavailable_says_whether_to_ask_again() -> None:
    """By default not."""
    assert Unavailable("down", "down").retryable is False
    assert Unavailable("down", "down", retryable=True).retryable is True


def test_refused_holds_its_verdict() -> None:
    """So that whoever catches it can say why."""
    verdict = object()
    assert Refused("rejected", "no", verdict=verdict).verdict is verdict
    assert Refused("rejected", "no").verdict is None
