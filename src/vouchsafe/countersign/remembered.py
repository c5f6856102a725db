"""A bounded memory: what was used least goes first, and everything ends at its own time. Thread-safe."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from datetime import datetime
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Remembered(Generic[Key, Value]):
    """At most `most` values by key."""

    def __init__(self, most: int) -> None:
        """Empty."""
        self._most = most
        self._values: OrderedDict[Key, tuple[Value, datetime, datetime]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key, at: datetime) -> Value | None:
        """The value, if it was put before `at` and has not ended: a clock that was set back ends it too."""
        with self._lock:
            found = self._values.get(key)
            if found is None:
                return None
            value, start, end = found
            if not start <= at < end:
                del self._values[key]
                return None
            self._values.move_to_end(key)
            return value

    def put(self, key: Key, value: Value, *, start: datetime, end: datetime) -> None:
        """Keep it from `start` until `end`."""
        with self._lock:
            self._values[key] = (value, start, end)
            self._values.move_to_end(key)
            while len(self._values) > self._most:
                self._values.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._values.clear()

    def __len__(self) -> int:
        """How many there are, ended or not."""
        return len(self._values)
