"""docs/cli.md shows the help that the command prints, and every command has an example."""

from __future__ import annotations

import re

import pytest

from tests.cli_lab import plain_terminal, run
from tools.cli_help import COLUMNS, PAGE, helps, rewritten
from vouchsafe.cli import (
    ACCEPTED,
    COMMANDS,
    CONFIGURATION,
    INTERRUPTED,
    REJECTED,
    TERMINATED,
    UNDECIDED,
    USAGE,
    build_parser,
)
from vouchsafe.cli.upstream_check import MOVED, UNBLOCKED

__all__ = ["plain_terminal"]
LONGEST_LINE = 110  # of an example; argparse wraps the rest


def test_the_page_is_current(monkeypatch: pytest.MonkeyPatch) -> None:
    """If not: python -m tools.cli_help."""
    monkeypatch.setenv("COLUMNS", COLUMNS)
    page = PAGE.read_text(encoding="utf-8")
    assert page == rewritten(page)


@pytest.mark.parametrize(
    "words", [[], *([name] for name in COMMANDS), ["policy", "check"], ["policy", "test"]]
)
def test_help(words: list[str]) -> None:
    """Goes to standard output, exits 0, and its examples fit a wide terminal."""
    ended = run(*words, "--help")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(" ".join(["usage: vouchsafe", *words]))
    assert max(len(line) for line in ended.out.splitlines()) <= LONGEST_LINE


def test_every_command_has_an_example() -> None:
    """Where something is named, not where only an action is chosen."""
    without = [
        command
        for command, text in helps(build_parser())
        if "positional arguments:" in text and "  ACTION" not in text and "examples:" not in text
    ]
    assert without == []


def test_exit_codes() -> None:
    """docs/cli.md has each of them in one place; no help speaks of another."""
    rows = re.findall(r"^\| ([0-9, ]+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    documented = {int(code) for row in rows for code in row.split(", ")}
    ours = {ACCEPTED, REJECTED, UNDECIDED, USAGE, CONFIGURATION, INTERRUPTED, TERMINATED}
    assert documented == ours | {MOVED, UNBLOCKED}
    for command, text in helps(build_parser()):
        told = text.partition("exit status: ")[2]
        codes = {int(code) for code in re.findall(r"(?:^|[,;·] |\n)(\d+) (?=\w)", told)}
        assert codes <= documented, command


def test_version() -> None:
    """Says which."""
    assert run("--version") == (0, "vouchsafe 0.1.0\n", "")
