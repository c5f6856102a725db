"""What one verdict may cost, wherever its bytes come from: a registry answers slowly, a folder may be endless too."""

from __future__ import annotations

import time
from collections.abc import Callable

from vouchsafe.errors import Unavailable

_HINT = "Something that was asked is slow or does not answer. Commands take --timeout SECONDS."


class Budget:
    """What one verdict may cost in all: seconds and bytes. Shared by everything read for it."""

    def __init__(
        self, seconds: float, *, largest: int = 1 << 30, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """`seconds` from now; `largest` bytes of bodies together."""
        self._monotonic = monotonic
        self._ends = monotonic() + seconds
        self._bytes = largest

    def left(self) -> float:
        """Seconds that remain; Unavailable `deadline` when there are none."""
        seconds = self._ends - self._monotonic()
        if seconds <= 0:
            raise Unavailable(
                "deadline", "expected to be done in time, got no further", hint=_HINT, retryable=True
            )
        return seconds

    def spend(self, size: int) -> None:
        """Count a body; Unavailable `limit-bytes` when there were too many."""
        self._bytes -= size
        if self._bytes < 0:
            raise Unavailable("limit-bytes", "expected less to read for one verdict, got more than the limit")
