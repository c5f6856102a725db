"""One question at a time for each thing: who asks what is being found out already waits for that answer.

The key holds everything that the answer depends on. With less in it, one repository would be answered with
another's verdict.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

Result = TypeVar("Result")


class Flights(Generic[Result]):
    """Runs work once for each key at a time. Thread-safe."""

    def __init__(self) -> None:
        """Nothing is under way."""
        self._lock = threading.Lock()
        self._under_way: dict[Hashable, Future[Result]] = {}

    def run(self, key: Hashable, work: Callable[[], Result]) -> Result:
        """The result of `work`, ours or that of whoever began it before us; what it raises is raised to all."""
        with self._lock:
            joined = self._under_way.get(key)
            if joined is None:
                mine: Future[Result] = Future()
                self._under_way[key] = mine
        if joined is not None:
            return joined.result()
        try:
            mine.set_result(work())
        except BaseException as error:
            mine.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._under_way[key]
        return mine.result()
