"""Blobs of one repository, each sent once in a run, by whoever needs it first.

A blob to which nothing refers is nobody's: it may go up while a log is still being asked, and if the run ends there,
the registry forgets it.
"""

from __future__ import annotations

import threading

from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference
from vouchsafe.ports import PushRegistry


class Uploads:
    """Remembers what it has sent. Thread-safe."""

    def __init__(self, registry: PushRegistry, reference: Reference) -> None:
        """`reference` names the repository."""
        self._registry = registry
        self._reference = reference
        self._sent: set[Digest] = set()
        self._turns: dict[Digest, threading.Lock] = {}
        self._guard = threading.Lock()
        self.slowest = 0.0  # seconds from reading a tag to having written it; others may be as slow

    def took(self, seconds: float) -> None:
        """A tag of this repository was read and written in so much time."""
        with self._guard:
            self.slowest = max(self.slowest, seconds)

    def push(self, content: bytes) -> bool:
        """Have the blob in the repository; whether that took any asking. Unavailable."""
        digest = Digest.of(content)
        with self._guard:
            turn = self._turns.setdefault(digest, threading.Lock())
        with turn:
            if digest in self._sent:
                return False
            self._registry.push_blob(self._reference, content)
            self._sent.add(digest)
            return True
