"""What both readers need: a program, the way to the registry, and files that it is given for one question."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from vouchsafe.adapters import process
from vouchsafe.adapters.process import Finished, Programs
from vouchsafe.adapters.settings import Settings
from vouchsafe.errors import HostError, printable
from vouchsafe.record import Record

SECONDS = 120.0  # for one look
LONGEST_WORDS = 400  # characters of what a program says
_VERSION = re.compile(r"\bv?(\d+\.\d+\.\d+\S*)")
# What no other program needs to know. The token was removed when it was read.
_SECRETS = re.compile(r"ID_TOKEN|PASSWORD|PRIVATE|SECRET", re.ASCII)


class Program(Record):
    """An installed program, and the registry settings to hand on to it."""

    path: str
    programs: Programs
    settings: Settings
    environ: Mapping[str, str]

    @classmethod
    def find(
        cls, name: str, programs: Programs, settings: Settings, environ: Mapping[str, str]
    ) -> Program | None:
        """The program in PATH; None when there is none."""
        path = programs.find(name)
        if path is None:
            return None
        return cls(path=path, programs=programs, settings=settings, environ=environ)

    def version(self, argument: str) -> str:
        """The version it says it is, "" where it does not (Debian's cosign says `devel`)."""
        finished = self.run([argument], {})
        found = _VERSION.search((finished.output + finished.errors).decode("utf-8", "replace"))
        return found[1] if found is not None else ""

    def run(self, arguments: Sequence[str], more: Mapping[str, str]) -> Finished:
        """Run it; `more` are variables on top of ours without its secrets."""
        environment = harmless(self.environ) | dict(more)
        return self.programs.run((self.path, *arguments), seconds=SECONDS, environment=environment)


def harmless(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without what looks like a secret."""
    return {name: value for name, value in environ.items() if not _SECRETS.search(name.upper())}


def words(finished: Finished) -> str:
    """The last of what a program said, on one line."""
    lines = [line.strip() for line in finished.errors.decode("utf-8", "replace").splitlines() if line.strip()]
    return printable(" ".join(lines)[-LONGEST_WORDS:] or f"exit status {finished.status}")


@contextmanager
def folder(files: Mapping[str, bytes]) -> Iterator[str]:
    """A folder with these files, gone afterwards. HostError."""
    try:
        with process.folder("") as path:
            for name, content in files.items():
                place = os.path.join(path, name)
                os.makedirs(os.path.dirname(place), exist_ok=True)
                with open(place, "wb") as file:
                    file.write(content)
            yield path
    except OSError as error:
        raise HostError("temporary", f"expected to write temporary files, got: {error.strerror}") from error
