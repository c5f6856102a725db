"""The log of a runbook, to attach to a ticket: Markdown that reads as plain text.

What a registry, a client or an operator said stands in indented blocks, a line each, so that nothing in it is
markup. No content of a file is in it but what the steps say of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from vouchsafe.errors import printable
from vouchsafe.runbook.journal import Entry, Journal
from vouchsafe.runbook.step import Runbook

_BLOCK = "    "
_MARKS = {"begun": "begun, and no end is known", "waiting": "waiting for somebody to agree"}


def markdown(runbook: Runbook, journal: Journal) -> str:
    """Everything that the journal knows, oldest first."""
    lines = [f"# Runbook {runbook.name}", "", *_block(_about(journal.about)), ""]
    for entry in journal.entries:
        lines += _entry(entry)
    lines += [_standing(journal), ""]
    return "\n".join(lines)


def _about(about: Mapping[str, str]) -> Iterator[str]:
    width = max((len(name) for name in about), default=0)
    for name, value in about.items():
        yield f"{name:{width}}  {value}"


def _entry(entry: Entry) -> Iterator[str]:
    result = entry.result
    seconds = round((entry.ended - entry.began).total_seconds())
    yield f"## {entry.began:%Y-%m-%d %H:%M:%S} UTC, {entry.step}: {_MARKS.get(entry.mark, entry.mark)}"
    yield ""
    yield from _block([f"$ {entry.command}", f"({seconds} s)", *result.said])
    for each in result.objections:
        yield from _block([f"{each.severity} [{each.code}]: {each.message}"])
        yield from _block([f"  fix: {each.fix}"] if each.fix else [])
    yield ""
    if result.text:
        yield "To send:"
        yield ""
        yield from _block(result.text.splitlines())
        yield ""


def _standing(journal: Journal) -> str:
    if journal.before is None:
        return "No change of this runbook stands."
    if journal.proven:
        return "The change stands and is proven. `vouchsafe runbook re-enable --roll-back` takes it back."
    return "The change stands and is NOT proven: run it again, or `--roll-back`."


def _block(lines: Iterator[str] | list[str]) -> Iterator[str]:
    for line in lines:
        yield f"{_BLOCK}{printable(line)}".rstrip()
