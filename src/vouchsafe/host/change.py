"""A change of several files of a host that a crash leaves undone or done, never half.

Clients read policy.json and registries.d in one pull, so both must turn at the same moment. While a change
is under way they are links through one folder; renaming that folder's link turns them all at once:

    policy.json -> /etc/vouchsafe/host/change/current/0,   current -> before | after

Before that moment everything reads as it did, after it as it shall; then the links become files again.
`recover` finishes or undoes what a crash left, by where `current` leads. All of it can be repeated.
"""

from __future__ import annotations

import json
import posixpath
import re
from typing import Any, Literal

from vouchsafe.errors import HostError, MalformedError
from vouchsafe.host.places import CHANGE, LARGEST_FILE, SECRET_MODE
from vouchsafe.host.state import VERSION, State, kept, put
from vouchsafe.machine import HostEdits, HostFiles
from vouchsafe.record import Record
from vouchsafe.strictjson import Fields

JOURNAL = f"{CHANGE}/journal.json"
CURRENT = f"{CHANGE}/current"
MOST_EDITS = 1000
_PUBLIC_COPY = 0o644  # clients of every user read through the links
_BEFORE, _AFTER = "before", "after"
_HALF = re.compile(r"\..+\.[0-9]+(\.[0-9a-f]{8})?", re.ASCII)

When = Literal["first", "together", "last"]
Outcome = Literal["nothing", "undone", "finished"]


class Edit(Record):
    """One path. `when`: before the turn, at the turn, or after it.

    `neutral`: what reads like no file at all, where a dangling link would not.
    """

    path: str
    before: State
    after: State
    when: When
    neutral: bytes | None = None

    @property
    def changes(self) -> bool:
        """Whether anything is to be done."""
        return self.before != self.after

    @property
    def headline(self) -> str:
        """What happens to the path, in words."""
        if self.after.kind == "absent":
            return f"remove {self.path}"
        if self.after.kind == "link":
            return f"link {self.path} -> {self.after.target}"
        return f"{'create' if self.before.kind == 'absent' else 'replace'} {self.path}"

    def reversed(self) -> Edit:
        """The way back."""
        opposite: dict[When, When] = {"first": "last", "together": "together", "last": "first"}
        return self.replace(before=self.after, after=self.before, when=opposite[self.when])


def carry_out(edits: tuple[Edit, ...], files: HostEdits) -> None:
    """Make every change, or leave a journal that says how far it came. HostError."""
    if files.look(JOURNAL).kind != "absent":
        raise HostError("host-unfinished", "expected no unfinished change, got one", hint="Run it again.")
    _clear(files)
    for number, edit in enumerate(edits):
        _copy(edit.before, f"{CHANGE}/{_BEFORE}/{number}", edit, files)
        _copy(edit.after, f"{CHANGE}/{_AFTER}/{number}", edit, files)
    files.link(CURRENT, _BEFORE)
    files.put(JOURNAL, _journal(edits), mode=SECRET_MODE)
    for edit in edits:
        if edit.when == "first":
            put(files, edit.path, edit.after)
    for number, edit in enumerate(edits):
        if edit.when == "together":
            files.link(edit.path, f"current/{number}", below=CHANGE)
    files.link(CURRENT, _AFTER)  # the turn
    _finish(edits, files)


def undo(edits: tuple[Edit, ...], files: HostEdits) -> None:
    """Take a change back that was carried out, in the same way."""
    carry_out(tuple(edit.reversed() for edit in reversed(edits)), files)


def recover(files: HostEdits) -> Outcome:
    """Finish or undo what a crash left."""
    journal = files.read(JOURNAL, largest=LARGEST_FILE)
    if journal is None:
        _clear(files)
        return "nothing"
    edits = _read(journal, files)
    if files.look(CURRENT).target == _AFTER:
        _finish(edits, files)
        return "finished"
    for edit in reversed(edits):
        put(files, edit.path, edit.before)
    _end(edits, files)
    return "undone"


def is_unfinished(files: HostFiles) -> bool:
    """Whether a crash left a change half done."""
    return files.look(JOURNAL).kind != "absent"


def _finish(edits: tuple[Edit, ...], files: HostEdits) -> None:
    """After the turn: each of these can be repeated."""
    for when in ("first", "together", "last"):
        for edit in edits:
            if edit.when == when:
                put(files, edit.path, edit.after)
    _end(edits, files)


def _end(edits: tuple[Edit, ...], files: HostEdits) -> None:
    for folder, names in _places(edits).items():
        for name in files.names(folder):
            if any(_is_half(name, of) for of in names):
                files.remove(f"{folder}/{name}")
    files.remove(JOURNAL)  # from here on there is nothing to recover
    _clear(files)


def _places(edits: tuple[Edit, ...]) -> dict[str, list[str]]:
    """The names that are edited, by folder."""
    found: dict[str, list[str]] = {}
    for edit in edits:
        found.setdefault(posixpath.dirname(edit.path), []).append(posixpath.basename(edit.path))
    return found


def _is_half(name: str, of: str) -> bool:
    """Whether a file is what a crash left of writing another (adapters: `.NAME.PID` or `.NAME.PID.RANDOM`)."""
    return bool(_HALF.fullmatch(name)) and name.startswith(f".{of}.")


def _clear(files: HostEdits) -> None:
    """Copies that nobody reads any more, and what a crash left of writing them."""
    for folder in (_BEFORE, _AFTER):
        for name in files.names(f"{CHANGE}/{folder}"):
            files.remove(f"{CHANGE}/{folder}/{name}")
    for name in files.names(CHANGE):
        files.remove(f"{CHANGE}/{name}")
    files.remove(CHANGE)


def _copy(state: State, path: str, edit: Edit, files: HostEdits) -> None:
    if state.kind != "absent":
        files.put(path, state.content, mode=_PUBLIC_COPY if edit.when == "together" else SECRET_MODE)
    elif edit.when == "together" and edit.neutral is not None:
        files.put(path, edit.neutral, mode=_PUBLIC_COPY)


def _journal(edits: tuple[Edit, ...]) -> bytes:
    listed = [
        {
            "path": edit.path,
            "when": edit.when,
            _BEFORE: _said(edit.before),
            _AFTER: _said(edit.after),
        }
        for edit in edits
    ]
    return json.dumps({"schemaVersion": VERSION, "edits": listed}, indent=2).encode()


def _said(state: State) -> dict[str, Any]:
    return {
        "kind": state.kind,
        "mode": state.mode,
        "owner": list(state.owner) if state.owner else None,
        "target": state.target,
        "sha256": state.hash,
    }


def _read(journal: bytes, files: HostEdits) -> tuple[Edit, ...]:
    try:
        listed = kept(journal, what=JOURNAL).objects("edits", MOST_EDITS)
        return tuple(_edit(fields, number, files) for number, fields in enumerate(listed))
    except MalformedError as error:
        raise HostError(
            "host-journal", error.message, hint=f"See {CHANGE}; copies are kept there."
        ) from error


def _edit(fields: Fields, number: int, files: HostEdits) -> Edit:
    when = fields.text("when")
    if when not in {"first", "together", "last"}:
        raise MalformedError("json-type", f"expected first, together or last in {fields.what}.when")
    return Edit(
        path=fields.text("path"),
        before=_state(fields.fields(_BEFORE), f"{CHANGE}/{_BEFORE}/{number}", files),
        after=_state(fields.fields(_AFTER), f"{CHANGE}/{_AFTER}/{number}", files),
        when=when,  # type: ignore[arg-type]  # compared above
    )


def _state(fields: Fields, copy: str, files: HostEdits) -> State:
    kind = fields.text("kind")
    content = b"" if kind == "absent" else files.read(copy, largest=LARGEST_FILE) or b""
    numbers = [each for each in fields.items("owner", 2, ()) if isinstance(each, int)]
    state = State(
        kind=kind,
        content=content,
        mode=fields.integer("mode"),
        owner=(numbers[0], numbers[1]) if len(numbers) == 2 else None,
        target=fields.text("target"),
    )
    if state.hash != fields.text("sha256"):
        raise HostError("host-journal", f"expected {copy} as the journal knows it, got something else")
    return state
