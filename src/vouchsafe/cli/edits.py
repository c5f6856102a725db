"""Edits to a host's files, and what speaks against them: for people, and as the documents have them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

from vouchsafe.cli.console import Console
from vouchsafe.errors import printable
from vouchsafe.host import units
from vouchsafe.host.change import Edit
from vouchsafe.host.objection import Objection
from vouchsafe.host.places import STATE
from vouchsafe.host.state import State


def show_edits(edits: Sequence[Edit], console: Console) -> None:
    """Each file with its diff; our own records only by name."""
    for edit in edits:
        console.print(console.style(edit.headline, "bold"))
        if not edit.path.startswith(STATE):
            for line in diff(edit):
                console.print(f"    {line}")


def edits_json(edits: Sequence[Edit]) -> list[dict[str, object]]:
    """The same as data."""
    return [
        {"path": edit.path, "change": edit.headline.partition(" ")[0], "diff": list(diff(edit))}
        for edit in edits
    ]


def show_objections(objections: Sequence[Objection], console: Console) -> None:
    """What speaks against it, and the way out."""
    for each in objections:
        style = "bad" if each.severity == "refuses" else "warn"
        console.print(f"{console.style(each.code, style)}: {printable(each.message)}")
        if each.fix:
            console.print(f"    fix: {printable(each.fix)}")


def objections_json(objections: Sequence[Objection]) -> list[dict[str, str]]:
    """Each with its code."""
    return [
        {"code": each.code, "severity": each.severity, "message": each.message, "fix": each.fix}
        for each in objections
    ]


def diff(edit: Edit) -> Iterator[str]:
    """The lines of a file that change; of a unit's link nothing: the unit stays as it is."""
    if edit.after.kind == "link" or (edit.before.kind == "link" and edit.path.startswith(units.FOLDERS)):
        return
    for line in difflib.unified_diff(_lines(edit.before), _lines(edit.after), "before", "after", lineterm=""):
        yield printable(line)


def _lines(state: State) -> list[str]:
    return state.content.decode("utf-8", "backslashreplace").splitlines()
