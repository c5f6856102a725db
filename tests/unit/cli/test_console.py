"""Where words go, when there is colour, and how a crash ends."""

from __future__ import annotations

import argparse
import contextlib
import io
from collections.abc import Callable

import pytest

from vouchsafe.cli import exit_code, main
from vouchsafe.cli.console import Console
from vouchsafe.cli.usage import UsageError
from vouchsafe.errors import (
    ConfigurationError,
    HostError,
    MalformedError,
    Refused,
    Unavailable,
    VerificationError,
    VouchsafeError,
)


class Failing:
    """A command that fails in its own way."""

    def __init__(self, fail: Callable[[], int]) -> None:
        self._fail = fail

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Takes -v."""
        parser.add_argument("-v", "--verbose", action="store_true")

    def run(self, arguments: argparse.Namespace, console: Console) -> int:
        """Fails."""
        return self._fail()


def ended(error: BaseException, *words: str) -> tuple[int, str]:
    """Exit code and standard error of a command that raises."""

    def fail() -> int:
        raise error

    with contextlib.redirect_stderr(io.StringIO()) as err:
        code = main(["trust", *words], load=lambda _: Failing(fail))
    return code, err.getvalue()


ERRORS: list[tuple[VouchsafeError, int]] = [
    (ConfigurationError("x", "m"), 78),
    (UsageError("m"), 64),
    (MalformedError("reference", "m"), 64),
    (MalformedError("reference-path", "m"), 64),
    (MalformedError("digest", "m"), 64),
    (MalformedError("digest-mismatch", "m"), 2),
    (MalformedError("json-syntax", "m"), 2),
    (Unavailable("x", "m"), 2),
    (VerificationError("x", "m"), 2),
    (HostError("x", "m"), 2),
    (Refused("x", "m"), 1),
]


@pytest.mark.parametrize("error, code", ERRORS, ids=lambda part: getattr(part, "code", part))
def test_exit_codes(error: VouchsafeError, code: int) -> None:
    """None of them is 0."""
    assert exit_code(error) == code
    assert ended(error) == (code, f"vouchsafe: error: m [{error.code}]\n")


def test_a_hint_follows() -> None:
    """On its own line."""
    assert ended(Unavailable("dns", "no address", hint="ask the resolver"))[1].splitlines() == [
        "vouchsafe: error: no address [dns]",
        "vouchsafe: hint: ask the resolver",
    ]


def test_a_crash_is_undecided() -> None:
    """Never 0, never 1; the trace is for whoever asks."""
    code, quiet = ended(RuntimeError("boom \x1b[2J"))
    assert (code, "Traceback" in quiet, "\x1b" in quiet) == (2, False, False)
    assert "internal error: RuntimeError: boom \\x1b[2J [internal]" in quiet
    loud = ended(RuntimeError("boom \x1b[2J"), "-v")[1]
    assert ("Traceback" in loud, "\x1b" in loud) == (True, False)


def test_an_interrupt_is_130() -> None:
    """As shells expect it."""
    assert ended(KeyboardInterrupt())[0] == 130


class Terminal(io.StringIO):
    """Text that says it is a terminal."""

    def isatty(self) -> bool:
        """Yes."""
        return True


def test_only_a_person_is_asked_for_patience() -> None:
    """A log is told results."""
    said = io.StringIO()
    Console(out=io.StringIO(), err=said).patience("asking")
    assert said.getvalue() == ""
    Console(out=Terminal(), err=said).patience("asking")
    assert said.getvalue() == "vouchsafe: asking\n"


@pytest.mark.parametrize(
    "variables, coloured",
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colour(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], coloured: bool) -> None:
    """Only on a terminal, and not where NO_COLOR is set to something."""
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert Console(out=Terminal(), err=io.StringIO()).colour is coloured
    assert Console(out=io.StringIO(), err=Terminal()).colour is False


def test_a_poor_locale_is_no_crash() -> None:
    """What latin-1 lacks is escaped."""
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="latin-1")
    console = Console(out=out, err=io.StringIO())
    console.print("…")
    console.flush()
    assert raw.getvalue() == b"\\u2026\n"
