"""What stands at a path before a change, and what shall stand there after it."""

from __future__ import annotations

import hashlib

from vouchsafe.errors import HostError, MalformedError
from vouchsafe.host.places import LARGEST_FILE
from vouchsafe.machine import HostEdits, HostFiles
from vouchsafe.record import Record
from vouchsafe.strictjson import LARGEST, Fields

VERSION = 1  # of what is kept in /etc/vouchsafe/host


class State(Record):
    """`kind`: absent, file or link. A link's `content` is what it led to when it was looked at."""

    kind: str
    content: bytes = b""
    mode: int = 0
    owner: tuple[int, int] | None = None
    target: str = ""

    @property
    def hash(self) -> str:
        """SHA-256 of the content; empty when there is none."""
        return "" if self.kind == "absent" else sha256(self.content)


ABSENT = State(kind="absent")


def file(content: bytes, mode: int) -> State:
    """A file of whoever writes it."""
    return State(kind="file", content=content, mode=mode)


def link(target: str) -> State:
    """A symbolic link."""
    return State(kind="link", target=target)


def sha256(content: bytes) -> str:
    """In hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def state_of(files: HostFiles, path: str) -> State:
    """What is there now. HostError `host-file-kind` for a folder or a device."""
    seen = files.look(path)
    if seen.kind == "absent":
        return ABSENT
    if seen.kind not in {"file", "link"}:
        raise HostError("host-file-kind", f"expected a file at {path}, got something else")
    content = files.read(path, largest=LARGEST_FILE) or b""
    if seen.kind == "link":
        return State(kind="link", content=content, target=seen.target)
    return State(kind="file", content=content, mode=seen.mode, owner=(seen.uid, seen.gid))


def put(files: HostEdits, path: str, state: State) -> None:
    """Make it so, in one step."""
    match state.kind:
        case "absent":
            files.remove(path)
        case "link":
            files.link(path, state.target)
        case _:
            files.put(path, state.content, mode=state.mode, owner=state.owner)


def kept(blob: bytes, *, what: str, largest: int = LARGEST) -> Fields:
    """What a release of this version kept. MalformedError: another one's means something else."""
    fields = Fields.parse(blob, what=what, largest=largest)
    if fields.integer("schemaVersion") != VERSION:
        raise MalformedError("json-type", f"expected schemaVersion {VERSION} in {what}, got another")
    return fields
