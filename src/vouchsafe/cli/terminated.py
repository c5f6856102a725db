"""SIGTERM, by which a CI job is cancelled, ends a command that starts programs as ^C does.

Those programs have sessions of their own: whoever ends this process and its group does not reach them, nor the
folders with credentials that were made for them.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from vouchsafe.cli import Terminated


@contextmanager
def terminable() -> Iterator[None]:
    """Within this, SIGTERM raises Terminated: what was begun is cleaned up, and the exit code is 143."""
    if threading.current_thread() is not threading.main_thread():  # nobody's signals come here
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated
