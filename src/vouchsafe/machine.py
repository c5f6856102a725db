"""Ports to a machine: its files below a root, and its programs. What enforcing on a host needs of the world.

Beside `vouchsafe.ports`, which is what judging an image needs. `adapters` implements them; every method
raises VouchsafeError subclasses only.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from vouchsafe.record import Record


class Seen(Record):
    """What stands at a path. `kind`: absent, file, link, folder or other; a link is not followed."""

    kind: str
    mode: int = 0
    uid: int = 0
    gid: int = 0
    target: str = ""


class HostFiles(Protocol):
    """Reads the files of a host, by absolute paths below its root; no link leads out of that root."""

    def look(self, path: str) -> Seen:
        """What stands there. HostError when even that cannot be said."""

    def read(self, path: str, *, largest: int) -> bytes | None:
        """The content of a regular file, links followed; None when absent. HostError."""

    def names(self, path: str) -> tuple[str, ...]:
        """What a folder holds, sorted; empty when there is no such folder. HostError."""


class HostEdits(HostFiles, Protocol):
    """Changes them too. Each change is whole: a crash leaves the old thing or the new one. HostError."""

    @property
    def root(self) -> str:
        """Where on this machine the root is; empty for the machine itself."""

    def put(self, path: str, content: bytes, *, mode: int, owner: tuple[int, int] | None = None) -> None:
        """A regular file in place of whatever file or link is there; its folder is made if need be."""

    def link(self, path: str, target: str, *, below: str = "") -> None:
        """A symbolic link in place of whatever file or link is there.

        `target` word for word; or, with the folder `below`, what `target` is there, wherever the root is.
        """

    def remove(self, path: str) -> None:
        """No file, link or empty folder is there any more."""

    def only_one(self, path: str) -> AbstractContextManager[None]:
        """While this is held nobody else holds it; HostError when somebody does. Ends with the process."""


class Ended(Protocol):
    """How a program ended. `status` is negative for a signal."""

    @property
    def status(self) -> int:
        """Exit status."""

    @property
    def output(self) -> bytes:
        """Standard output."""

    @property
    def errors(self) -> bytes:
        """Standard error."""


class Runner(Protocol):
    """Finds and runs programs."""

    def find(self, name: str) -> str | None:
        """The absolute path of a program, None when there is none."""

    def run(
        self,
        command: Sequence[str],
        *,
        given: bytes = b"",
        seconds: float = 30.0,
        environment: dict[str, str] | None = None,
    ) -> Ended:
        """Run `command` (absolute path first) with `given` on stdin. Unavailable when it does not end well."""


class Started(Protocol):
    """A program that runs beside us."""

    def line(self, *, seconds: float) -> str:
        """The next line of its standard output. Unavailable when none comes in time, or ever."""

    def end(self) -> None:
        """It ends: its standard input is closed, and what does not end by that is killed. Its children too."""


class Starter(Protocol):
    """Starts programs that go on beside us, and asks one that speaks in packets."""

    def start(
        self, command: Sequence[str], *, environment: dict[str, str] | None = None, errors: bool = False
    ) -> Started:
        """Start `command` (absolute path first). `errors`: lines of its standard error are heard too. Unavailable."""

    def open_image(
        self,
        command: Sequence[str],
        reference: str,
        *,
        seconds: float,
        environment: dict[str, str] | None = None,
    ) -> str:
        """What an image proxy (`skopeo experimental-image-proxy`, as bootc runs it) says against an image.

        Empty when it opened it: by then the policy has allowed it. Unavailable when it does not answer.
        """


class Journal(Protocol):
    """Takes structured lines that administrators search."""

    def write(self, message: str, message_id: str, priority: int, **fields: str) -> None:
        """One entry. `priority` is syslog's, 0 to 7. Never raises."""
