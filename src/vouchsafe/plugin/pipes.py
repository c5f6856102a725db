"""What a process of one question needs of the system: its pipes, a clock that interrupts it, nothing else.

For the plugin and for containerd's verifier. Nothing is imported here that an answer would have to wait for.
"""

from __future__ import annotations

import os
import signal
from typing import NoReturn

from vouchsafe.errors import MalformedError

IN, OUT, ERR = 0, 1, 2
_PIECE = 1024 * 1024  # bytes read at a time


class Late(BaseException):
    """The time is over. Not an Exception, so that nobody on the way takes it for an answer."""


def limit(seconds: float) -> None:
    """From now on `Late` is raised after so many seconds; 0: never."""
    signal.signal(signal.SIGALRM, _over)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _over(*_: object) -> NoReturn:
    raise Late


def read(what: str, largest: int) -> bytes:
    """Standard input to its end. MalformedError when that is beyond `largest` bytes."""
    heard = bytearray()
    while piece := os.read(IN, _PIECE):
        heard += piece
        if len(heard) > largest:
            raise MalformedError("json-too-large", f"expected {what} of at most {largest} bytes, got more")
    return bytes(heard)


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
