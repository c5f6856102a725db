"""What is known about a runbook on a host: each step with what it found, and what the host was before the change.

One file, replaced in one step, for root alone, beside the policy that it speaks of. It spares a check that was
made a moment ago on the same policy and machine, it never spares a change, and what another machine wrote (an
image's build, a disk that was cloned) is not read as ours.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from vouchsafe.errors import HostError, MalformedError
from vouchsafe.host import originals
from vouchsafe.host.objection import Objection
from vouchsafe.host.places import SECRET_MODE, STATE
from vouchsafe.host.state import State
from vouchsafe.machine import HostEdits
from vouchsafe.policy.window import instant
from vouchsafe.record import Record
from vouchsafe.runbook.step import MOST_LINES, Result, shortened
from vouchsafe.strictjson import Fields

PATH = f"{STATE}/runbook.json"
LOCK = f"{STATE}/runbook.lock"
LARGEST = 32 * 1024 * 1024  # bytes
MOST_ENTRIES = 200  # kept; older ones go
_MOST_VALUES = 1_000_000
_VERSION = 1
# `begun`: no end was written. `undone`: taken back. `recovered`: a change that a crash left was settled.
Mark = Literal["begun", "passed", "rejected", "undecided", "configuration", "waiting", "undone", "recovered"]
_MARKS: tuple[Mark, ...] = (
    *("begun", "passed", "rejected", "undecided", "configuration", "waiting"),
    *("undone", "recovered"),
)


class Entry(Record):
    """One step at one time. `basis` names all that it rests on: another basis, and it counts no more."""

    step: str
    mark: Mark
    basis: str
    began: datetime
    ended: datetime
    command: str = ""
    result: Result = Result()

    @property
    def beginning(self) -> Entry:
        """What was written when it began."""
        return self.replace(mark="begun", ended=self.began, result=Result())


class Journal(Record):
    """`before`: what the files of the last change were, None when none was made; `proven`: it may stay.

    `epochs`: the policies that the change may have left in force. `about`: host, versions and flags, for people.
    """

    entries: tuple[Entry, ...] = ()
    about: Mapping[str, str] = {}
    before: Mapping[str, State] | None = None
    proven: bool = False
    epochs: tuple[str, ...] = ()

    def last(self, step: str) -> Entry | None:
        """The newest entry of a step."""
        return next((each for each in reversed(self.entries) if each.step == step), None)

    @property
    def is_unproven(self) -> bool:
        """Whether a change was made that nothing has proven yet."""
        return self.before is not None and not self.proven


class Book:
    """The journal of this machine, written at each change of it. `writes` False: kept in memory only."""

    def __init__(self, files: HostEdits, *, machine: str, writes: bool = True) -> None:
        """Read. `machine` names the one that we are on. HostError when it is damaged."""
        self._files = files
        self._machine = machine
        self._writes = writes
        self.journal = read(files, machine)

    def add(self, entry: Entry) -> None:
        """One entry more; it takes the place of its own beginning."""
        entries = self.journal.entries
        if entry.mark != "begun" and entries and entries[-1] == entry.beginning:
            entries = entries[:-1]
        self.replace(entries=(*entries, entry)[-MOST_ENTRIES:])

    def replace(self, **changes: object) -> None:
        """The journal with other fields."""
        self.journal = self.journal.replace(**changes)
        if self._writes:
            self._files.put(PATH, _written(self.journal, self._machine), mode=SECRET_MODE)


def read(files: HostEdits, machine: str) -> Journal:
    """What this machine wrote; nothing when another did, or nobody. HostError."""
    blob = files.read(PATH, largest=LARGEST)
    if blob is None:
        return Journal()
    try:
        fields = Fields.parse(blob, what=PATH, largest=LARGEST, most=_MOST_VALUES)
        if fields.integer("schemaVersion") != _VERSION or fields.text("machine") != machine:
            return Journal()
        return Journal(
            entries=tuple(_entry(each) for each in fields.objects("entries", MOST_ENTRIES)),
            about=fields.texts("about"),
            before=originals.states(fields, "before") if "before" in fields else None,
            proven=fields.boolean("proven"),
            epochs=fields.words("epochs", MOST_ENTRIES),
        )
    except MalformedError as error:
        raise HostError(
            "runbook-journal", error.message, hint=f"Remove {PATH}: every step is done again then."
        ) from error


def _written(journal: Journal, machine: str) -> bytes:
    document = {
        "schemaVersion": _VERSION,
        "machine": machine,
        "about": dict(journal.about),
        "proven": journal.proven,
        "epochs": list(journal.epochs[-MOST_ENTRIES:]),
        "before": None if journal.before is None else originals.as_json(journal.before),
        "entries": [_said(each) for each in journal.entries],
    }
    return (json.dumps(document, indent=2) + "\n").encode()


def _said(entry: Entry) -> dict[str, object]:
    result = entry.result
    return {
        "step": entry.step,
        "mark": entry.mark,
        "basis": entry.basis,
        "began": _moment(entry.began),
        "ended": _moment(entry.ended),
        "command": entry.command,
        "said": list(shortened(result.said)),
        "objections": [
            {"code": each.code, "message": each.message, "fix": each.fix, "severity": each.severity}
            for each in result.objections[:MOST_LINES]
        ],
        "facts": dict(result.facts),
        "text": result.text,
        "changed": result.changed,
    }


def _entry(fields: Fields) -> Entry:
    return Entry(
        step=fields.text("step"),
        mark=_mark(fields.text("mark"), fields.what),
        basis=fields.text("basis"),
        began=_time(fields, "began"),
        ended=_time(fields, "ended"),
        command=fields.text("command"),
        result=Result(
            said=fields.words("said", MOST_LINES + 1),
            objections=tuple(_objection(each) for each in fields.objects("objections", MOST_LINES)),
            facts=fields.texts("facts"),
            text=fields.text("text"),
            changed=fields.boolean("changed"),
        ),
    )


def _objection(fields: Fields) -> Objection:
    return Objection(
        code=fields.text("code"),
        message=fields.text("message"),
        fix=fields.text("fix"),
        severity="warns" if fields.text("severity") == "warns" else "refuses",
    )


def _mark(text: str, what: str) -> Mark:
    for mark in _MARKS:
        if mark == text:
            return mark
    raise MalformedError("json-type", f"expected one of {', '.join(_MARKS)} in {what}.mark, got {text!r}")


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _time(fields: Fields, key: str) -> datetime:
    found = instant(fields.text(key))
    if found is None:
        raise MalformedError("json-type", f"expected a time in {fields.what}.{key}")
    return found
