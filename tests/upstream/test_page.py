"""docs/upstream.md says what the command says of the recorded answers, and those are what the notes give."""

from __future__ import annotations

from tests.cli_lab import plain_terminal, run
from tools.upstream_page import DAYS, HEADING, PAGE, RECORDED, recorded, rewritten
from vouchsafe.upstream.questions import MATTERS

__all__ = ["plain_terminal"]


def test_the_page_is_current() -> None:
    """If not: python -m tools.upstream_page."""
    page = PAGE.read_text(encoding="utf-8")
    assert page == rewritten(page)
    assert page.count(HEADING) == 1
    assert [each.title for each in MATTERS if f"| {each.title} |" not in page] == []


def test_the_answers_are_those_of_the_notes() -> None:
    """If not: python -m tools.upstream_page --record."""
    assert (RECORDED / "upstream.json").read_bytes() == recorded()


def test_an_example_is_not_asked_further() -> None:
    """Its numbers are made up: it is read, and nothing is asked or written with it."""
    assert run("upstream", "check", "--offline", "--cache-dir", RECORDED, "--at", DAYS[-1]).code == 10
    ended = run("upstream", "check", "--cache-dir", RECORDED, "--dry-run")
    assert (ended.code, "--offline" in ended.err) == (64, True)
