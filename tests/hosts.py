"""A host below a folder, for tests: its files, its policy, and a disk that dies after so many writes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vouchsafe.adapters.hosttree import HostTree
from vouchsafe.machine import HostEdits, Seen

ACCEPT: dict[str, Any] = {"type": "insecureAcceptAnything"}
REJECT: dict[str, Any] = {"type": "reject"}
OURS: dict[str, Any] = {
    "type": "sigstoreSigned",
    "fulcio": {
        "identities": [{"gitlab": {"project": "acme/app", "projectID": "1", "ref": "refs/heads/main"}}]
    },
    "signedIdentity": {"type": "matchRepository"},
}
OPEN_POLICY = json.dumps({"default": [ACCEPT]})


def policy(*, default: Any = REJECT, **scopes: Any) -> str:
    """A policy of ours; underscores in names of scopes are dots and slashes: see `DOCKER`."""
    return json.dumps({"default": [default], "transports": {"docker": scopes}})


class Died(BaseException):
    """What the machine does in place of a write."""


class DyingDisk:
    """Does so many writes and then dies, as `kill -9` would: nothing is cleaned up after it."""

    def __init__(self, files: HostEdits, writes: int) -> None:
        self._files = files
        self._left = writes

    def _spend(self) -> None:
        if self._left <= 0:
            raise Died
        self._left -= 1

    @property
    def root(self) -> str:
        return self._files.root

    def look(self, path: str) -> Seen:
        return self._files.look(path)

    def read(self, path: str, *, largest: int) -> bytes | None:
        return self._files.read(path, largest=largest)

    def names(self, path: str) -> tuple[str, ...]:
        return self._files.names(path)

    def put(self, path: str, content: bytes, *, mode: int, owner: tuple[int, int] | None = None) -> None:
        self._spend()
        self._files.put(path, content, mode=mode, owner=owner)

    def link(self, path: str, target: str, *, below: str = "") -> None:
        self._spend()
        self._files.link(path, target, below=below)

    def remove(self, path: str) -> None:
        self._spend()
        self._files.remove(path)

    @contextmanager
    def only_one(self, path: str) -> Iterator[None]:
        with self._files.only_one(path):
            yield


class Host:
    """Everything below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = HostTree(str(folder))

    def write(self, path: str, content: str | bytes, mode: int = 0o644) -> Path:
        """A file, by its path on the host."""
        target = self.folder / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        target.chmod(mode)
        return target

    def read(self, path: str) -> str:
        """What stands there."""
        return (self.folder / path.lstrip("/")).read_text(encoding="utf-8")

    def tree(self) -> dict[str, tuple[int, bytes | str]]:
        """Every file and link with mode and content; the lock's file, which stays, is left out."""
        found: dict[str, tuple[int, bytes | str]] = {}
        for path in sorted(self.folder.rglob("*")):
            name = str(path.relative_to(self.folder))
            if path.is_symlink():
                found[name] = (0, str(path.readlink()))
            elif path.is_file() and not name.endswith("host/lock"):
                found[name] = (path.stat().st_mode & 0o7777, path.read_bytes())
        return found


class Said:
    """How a program ended."""

    def __init__(self, status: int = 0, output: bytes = b"", errors: bytes = b"") -> None:
        self.status = status
        self.output = output
        self.errors = errors


class Script:
    """Programs that answer by a function of their words; what was run is kept."""

    def __init__(self, answers: Mapping[str, Callable[[Sequence[str]], Said]]) -> None:
        """`answers`: by the program's name."""
        self._answers = answers
        self.ran: list[tuple[str, ...]] = []

    def find(self, name: str) -> str | None:
        return f"/usr/bin/{name}" if name in self._answers else None

    def run(
        self,
        command: Sequence[str],
        *,
        given: bytes = b"",
        seconds: float = 30.0,
        environment: dict[str, str] | None = None,
    ) -> Said:
        self.ran.append(tuple(command))
        return self._answers[command[0].rpartition("/")[2]](command)
