"""Writes the help of every command into docs/cli.md, so that the page and the command say the same.

What stands before the heading `## Help` is written by people and stays. tests/test_cli_help.py compares.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

from vouchsafe.cli import build_parser

PAGE = Path(__file__).resolve().parent.parent / "docs" / "cli.md"
HEADING = "## Help\n"
COLUMNS = "100"


def helps(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    """(command, help) of a parser and all below it, in the order of the help."""
    yield parser.prog, parser.format_help()
    for action in parser._actions:  # noqa: SLF001  # argparse has no other way to look at a parser
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for sub in action.choices.values():
                yield from helps(sub)


def manual() -> argparse.ArgumentParser:
    """The parser as `make docs` writes the manual page from it, which has its own examples."""
    parser = build_parser()
    parser.epilog = None
    return parser


def rewritten(page: str) -> str:
    """The page with the help as it is now."""
    before, heading, after = page.partition(HEADING)
    introduction = after.strip("\n").split("\n\n")[0]
    sections = [f"### {command}\n\n```text\n{text}```\n" for command, text in helps(build_parser())]
    return "\n".join((before + heading, introduction + "\n", *sections))


if __name__ == "__main__":
    os.environ["COLUMNS"] = COLUMNS
    PAGE.write_text(rewritten(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
