"""The terminal: what goes to standard output, what to standard error, and when there is colour.

Results go to standard output, everything else to standard error. Colour only where a person looks
(a terminal, NO_COLOR not set: https://no-color.org). Text from outside is escaped before it comes here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from typing import TextIO

from vouchsafe.errors import Unavailable, printable

SCHEMA_VERSION = 1  # of every document; a change that is not an addition moves it
_LONGEST_CRASH = 500  # characters of a message that is not ours
_STYLES = {"good": "32", "bad": "31", "warn": "33", "dim": "2", "bold": "1"}


class Console:
    """Where a command's words go."""

    def __init__(
        self,
        *,
        verbose: bool = False,
        out: TextIO | None = None,
        err: TextIO | None = None,
        colour: bool | None = None,
    ) -> None:
        """`colour` None: decide by the terminal."""
        self.verbose = verbose
        self.out = out or sys.stdout or _nowhere()
        self.err = err or sys.stderr or _nowhere()
        if isinstance(self.out, TextIOWrapper):
            # A locale that lacks a character must not turn an answer into a crash; stderr does so by itself.
            self.out.reconfigure(errors="backslashreplace")
        self.is_terminal = bool(self.out.isatty())
        wanted = self.is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self.colour = wanted if colour is None else colour

    def style(self, text: str, name: str) -> str:
        """`text`, coloured where that is wanted."""
        return f"\x1b[{_STYLES[name]}m{text}\x1b[0m" if self.colour else text

    def print(self, text: str = "") -> None:
        """One line of the result. Unavailable `output` when it could not be written."""
        with self._writing():
            self.out.write(text + "\n")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """A full disk behind standard output is not an error of ours; that nobody reads any more is no error."""
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            _drop(self.out)  # what is left in the buffer would fail again at exit
            raise Unavailable("output", f"expected to write the answer, got: {error.strerror}") from error

    def document(self, content: Mapping[str, object]) -> None:
        """The result as the one JSON document of `-o json`: each command's schema is in docs (docs/cli.md)."""
        import json  # not where nobody asks for one

        self.print(json.dumps({"schemaVersion": SCHEMA_VERSION, **content}, indent=2))

    def _tell(self, text: str) -> None:
        """A full disk behind standard error changes no verdict, now or when what is buffered is written at exit."""
        try:
            self.err.write(text)
            self.err.flush()
        except OSError:
            _drop(self.err)

    def note(self, text: str) -> None:
        """One line for the person, beside the result."""
        self._tell(text + "\n")

    def patience(self, text: str) -> None:
        """One line for a person who watches, before something that takes longer than a breath."""
        if self.is_terminal:
            self.note(f"vouchsafe: {text}")

    def error(self, message: str, *, hint: str = "", code: str = "") -> None:
        """What went wrong, and the way out."""
        suffix = f" [{code}]" if code else ""
        self._tell(f"vouchsafe: {self.style('error', 'bad')}: {message}{suffix}\n")
        if hint:
            self._tell(f"vouchsafe: {self.style('hint', 'warn')}: {hint}\n")

    def crash(self, error: BaseException) -> None:
        """An error of ours: say so, and show the trace to whoever asked for it."""
        message = f"internal error: {type(error).__name__}: {error!s}"
        self.error(printable(message, _LONGEST_CRASH), code="internal")
        self.internal(error)

    def internal(self, error: BaseException) -> None:
        """The trace of an error of ours, to whoever asked for it."""
        if self.verbose:
            import traceback  # rarely needed

            lines = "".join(traceback.format_exception(error)).splitlines()
            self._tell("".join(printable(line) + "\n" for line in lines))
        else:
            self._tell("vouchsafe: hint: run it again with --verbose and report the trace\n")

    def drop_output(self) -> None:
        """The reader has gone: what is left in the buffer must not make the interpreter complain at exit."""
        _drop(self.out)

    def flush(self) -> None:
        """Write out what is buffered: BrokenPipeError here, not at exit. Unavailable as of `print`."""
        with self._writing():
            self.out.flush()


def _drop(stream: TextIO) -> None:
    """Let the stream lead nowhere, what it still holds too."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with suppress(OSError, ValueError):  # a stream that is no file
        os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _nowhere() -> TextIO:
    """For a stream that whoever started us has closed: the exit code still says it."""
    return open(os.devnull, "w", encoding="utf-8")  # as long as the process
