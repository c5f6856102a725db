"""docs/cli.md shows the help that the command prints, and every command has an example."""

from __future__ import annotations

import pytest

from tests.cli_lab import plain_terminal, run
from tools.cli_help import COLUMNS, PAGE, helps, rewritten
from vouchsafe.cli import COMMANDS, build_parser

__all__ = ["plain_terminal"]


def test_the_page_is_current(monkeypatch: pytest.MonkeyPatch) -> None:
    """If not: python -m tools.cli_help."""
    monkeypatch.setenv("COLUMNS", COLUMNS)
    page = PAGE.read_text(encoding="utf-8")
    assert page == rewritten(page)


@pytest.mark.parametrize(
    "words", [[], *([name] for name in COMMANDS), ["policy", "check"], ["policy", "test"]]
)
def test_help(words: list[str]) -> None:
    """Goes to standard output, exits 0, and fits 100 columns."""
    ended = run(*words, "--help")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(" ".join(["usage: vouchsafe", *words]))
    assert max(len(line) for line in ended.out.splitlines()) <= 104


def test_every_command_has_an_example() -> None:
    """Where something is done, not where only a choice of actions is shown."""
    without = [
        command for command, text in helps(build_parser()) if "ACTION" not in text and "examples:" not in text
    ]
    assert without == []


def test_version() -> None:
    """Says which."""
    assert run("--version") == (0, "vouchsafe 0.1.0\n", "")
