"""`vouchsafe plugin` as a process: one request in, one response out, and an exit code that says the same.

Whatever happens, what leaves is one whole response or none, and 0 only after an `allow` that was written to its
last byte. /usr/lib/containers/policy-plugins.d/vouchsafe calls `main`; it has to be quick, so nothing is imported
here that the resident countersigner can answer without.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from vouchsafe import __version__
from vouchsafe.errors import MalformedError, printable
from vouchsafe.plugin.deciding import CAPABILITIES, decide
from vouchsafe.protocol import ALLOW, ERROR, LARGEST_REQUEST
from vouchsafe.protocol.decision import Decision
from vouchsafe.protocol.description import Description
from vouchsafe.protocol.request import Describe, identifier, parse

NAME = "vouchsafe"
READING_SECONDS = 10.0  # for the request, from the start
SPARE_SECONDS = 0.25  # of the host's patience, kept for the answer
_OBJECTS = 50_000  # as in vouchsafe.cli: a process of one question
_PIECE = 1024 * 1024  # bytes read at a time
_IN, _OUT, _ERR = 0, 1, 2


class Late(BaseException):
    """The time is over. Not an Exception, so that nobody on the way takes it for an answer."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """The process: it ends here, at once, whatever threads still wait for."""
    gc.set_threshold(_OBJECTS, 20, 100)
    code = ERROR
    try:
        code = run(sys.argv[1:] if arguments is None else arguments)
    finally:
        os._exit(code)


def run(arguments: Sequence[str]) -> int:
    """Read, decide, write; the exit code."""
    if not all(is_open(descriptor) for descriptor in (_IN, _OUT)):
        return ERROR  # what we open would take its number
    heard: list[bytes] = []
    try:
        said = _thought(arguments, heard)
    except MalformedError as error:
        said = Decision(word="error", code=error.code, message=error.message, hint=error.hint)
    except Late:
        said = Decision(word="error", code="deadline", message="expected an answer in time, got no further")
    except Exception as error:  # noqa: BLE001  # an edge: a crash denies
        message = f"expected an answer, got an internal error ({type(error).__name__})"
        said = Decision(word="error", code="internal", message=message)
    return _answer(said, identifier(b"".join(heard)))


def _thought(arguments: Sequence[str], heard: list[bytes]) -> Decision | Description:
    """What there is to say, in time. MalformedError, Late."""
    signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, READING_SECONDS)
    try:
        root = _root(arguments)
        read(heard, LARGEST_REQUEST)
        request = parse(b"".join(heard))
        if isinstance(request, Describe):
            return Description(name=NAME, version=__version__, capabilities=CAPABILITIES)
        signal.setitimer(signal.ITIMER_REAL, max(request.seconds - SPARE_SECONDS, request.seconds / 2))
        return decide(request, root=root)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def over(*_: object) -> NoReturn:
    """What SIGALRM does."""
    raise Late


def _root(arguments: Sequence[str]) -> str:
    """By hand: argparse costs as much as everything else here."""
    match arguments:
        case []:
            return "/"
        case ["--root", folder] if folder.startswith("/"):
            return folder
        case _:
            raise MalformedError(
                "usage", f"expected no arguments, or --root DIR, got {printable(' '.join(arguments), 200)}"
            )


def read(heard: list[bytes], largest: int) -> None:
    """Standard input to its end, at most so many bytes. MalformedError."""
    size = 0
    while piece := os.read(_IN, _PIECE):
        heard.append(piece)
        size += len(piece)
        if size > largest:
            heard.clear()
            raise MalformedError(
                "json-too-large", f"expected at most {largest} bytes on standard input, got more"
            )


def _answer(said: Decision | Description, said_id: str) -> int:
    """The response, whole, and a line for people; else an exit code that allows nothing."""
    if isinstance(said, Description):
        return ALLOW if written(_OUT, said.document(said_id)) else ERROR
    if said.exit_code != ALLOW:
        written(_ERR, f"vouchsafe: {said.word}: {printable(said.sentence)}\n".encode("utf-8", "replace"))
    blob = said.document(said_id, name=NAME, version=__version__)
    return said.exit_code if written(_OUT, blob) else ERROR


def written(descriptor: int, content: bytes) -> bool:
    """Whether every byte went out."""
    left = memoryview(content)
    try:
        while left:
            left = left[os.write(descriptor, left) :]
    except OSError:
        return False
    return True


def is_open(descriptor: int) -> bool:
    """Whether there is such a file descriptor."""
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
