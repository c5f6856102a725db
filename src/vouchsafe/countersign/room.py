"""Keeps what is remembered within its bounds: what was used least goes first, never what was admitted in advance.

How much there is takes a look through a whole table, four milliseconds of a full one: it is taken once in a
while, so the bounds may be passed by what was written since. A process begins with a look.
"""

from __future__ import annotations

import sqlite3

from vouchsafe.countersign.rows import ADMITTED

MOST_SUBJECTS = 20_000
MOST_BYTES = 256 * 1024 * 1024  # of evidence
UNSEEN_ROWS = 64  # written between two looks
UNSEEN_BYTES = 1024 * 1024


class Room:
    """Used within a transaction, by one thread at a time."""

    def __init__(self, *, most_subjects: int = MOST_SUBJECTS, most_bytes: int = MOST_BYTES) -> None:
        """The first look is due."""
        self._most = most_subjects
        self._most_bytes = most_bytes
        self._subjects = self._verdicts = UNSEEN_ROWS
        self._bytes = UNSEEN_BYTES

    def for_subject(self, connection: sqlite3.Connection, kept: tuple[str, str], size: int) -> None:
        """After `kept` was written, with so many bytes of evidence: never it is what goes."""
        self._subjects += 1
        self._bytes += size
        if self._subjects < UNSEEN_ROWS and self._bytes < UNSEEN_BYTES:
            return
        self._subjects = self._bytes = 0
        count, total = connection.execute("SELECT COUNT(*), TOTAL(bytes) FROM subjects").fetchone()
        if count <= self._most and total <= self._most_bytes:
            return
        # A tenth at a time, so that not every look makes room.
        victims = connection.execute(
            "SELECT repository, digest FROM subjects WHERE source != ? AND NOT (repository = ? AND digest = ?)"
            " ORDER BY used LIMIT ?",
            (ADMITTED, *kept, max(1, count // 10)),
        ).fetchall()
        for key in victims:
            forget(connection, key)

    def for_verdict(self, connection: sqlite3.Connection) -> None:
        """After one was written: the oldest go."""
        self._verdicts += 1
        if self._verdicts < UNSEEN_ROWS:
            return
        self._verdicts = 0
        (count,) = connection.execute("SELECT COUNT(*) FROM verdicts").fetchone()
        if count > 2 * self._most:
            connection.execute(
                "DELETE FROM verdicts WHERE at <= (SELECT at FROM verdicts ORDER BY at LIMIT 1 OFFSET ?)",
                (self._most // 10,),
            )


def forget(connection: sqlite3.Connection, key: tuple[object, object]) -> None:
    """An image's evidence."""
    connection.execute("DELETE FROM subjects WHERE repository = ? AND digest = ?", key)
    connection.execute("DELETE FROM evidence WHERE repository = ? AND digest = ?", key)
