"""What the countersigner remembers between two questions, and between two starts: evidence, indexes, the log.

Everything here is a hint. Evidence is verified again, an index is hashed and judged again, before anything
is signed; `until` only says how long a registry need not be asked. Bounded: what was used least goes first,
except what the operator admitted in advance.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TypeVar

from vouchsafe.countersign import rows
from vouchsafe.countersign.database import Database
from vouchsafe.countersign.room import Room, forget
from vouchsafe.countersign.rows import ADMITTED, Line, Memory, Noted, Row
from vouchsafe.errors import MalformedError
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import Manifest
from vouchsafe.image.reference import Repository

MOST_PIECES = 16  # of evidence kept for one image
MOST_INDEXES = 64  # of one repository
MOST_LINES = 10_000  # of the log
MOST_PARENTS = 16  # indexes looked at for one instance


T = TypeVar("T")


class Store:
    """Reads and writes the database. HostError `store-…`."""

    def __init__(self, database: Database, room: Room | None = None) -> None:
        """Nothing is opened yet; `room` says how much is kept."""
        self._database = database
        self._room = Room() if room is None else room

    def recall(self, repository: Repository, digest: Digest, at: datetime) -> Memory | None:
        """The evidence of an image; None when there is none, or it is not what we write."""
        key = (repository.name, str(digest))

        def work(connection: sqlite3.Connection) -> Memory | None:
            found = connection.execute(
                "SELECT checked, until, source FROM subjects WHERE repository = ? AND digest = ?", key
            ).fetchone()
            if found is None:
                return None
            connection.execute(
                "UPDATE subjects SET used = ? WHERE repository = ? AND digest = ?", (at.timestamp(), *key)
            )
            pieces = connection.execute(
                "SELECT media_type, annotations, blob FROM evidence WHERE repository = ? AND digest = ?"
                " ORDER BY position LIMIT ?",
                (*key, MOST_PIECES),
            ).fetchall()
            evidence = tuple(readable(pieces, rows.piece))
            times = next(readable([found], rows.times), None)
            if times is None:
                return None
            return Memory(
                repository=repository,
                digest=digest,
                checked=times[0],
                until=times[1],
                source=str(found[2]),
                evidence=evidence,
            )

        return self._database.run(work)

    def remember(self, memory: Memory) -> None:
        """Keep the evidence of an image in place of what was kept; what was admitted keeps its later end."""
        key = (memory.repository.name, str(memory.digest))
        pieces = memory.evidence[:MOST_PIECES]
        size = sum(len(piece.blob) for piece in pieces)

        def work(connection: sqlite3.Connection) -> None:
            before = connection.execute(
                "SELECT checked, until FROM subjects WHERE repository = ? AND digest = ? AND source = ?",
                (*key, ADMITTED),
            ).fetchall()
            until, source = memory.until.timestamp(), memory.source
            for _, admitted in readable(before, rows.times):
                if admitted.timestamp() > until:
                    until, source = admitted.timestamp(), ADMITTED
            forget(connection, key)
            at = memory.checked.timestamp()
            connection.execute(
                "INSERT INTO subjects VALUES (?, ?, ?, ?, ?, ?, ?)", (*key, at, until, source, at, size)
            )
            connection.executemany(
                "INSERT INTO evidence VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (*key, number, piece.media_type, json.dumps(piece.annotations), piece.blob)
                    for number, piece in enumerate(pieces)
                ],
            )
            self._room.for_subject(connection, key, size)

        self._database.run(work)

    def note(self, verdict: Noted) -> None:
        """Keep what was found, for people."""
        row = (
            *(verdict.repository, verdict.digest, verdict.scope, verdict.epoch, verdict.trust),
            *(verdict.version, verdict.outcome, verdict.code, verdict.message, json.dumps(verdict.signers)),
            *(verdict.at.timestamp(), verdict.until.timestamp()),
        )
        insert = "INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(insert, row)
            self._room.for_verdict(connection)

        self._database.run(work)

    def verdicts(self) -> tuple[Noted, ...]:
        """All that was found, by image."""
        query = "SELECT * FROM verdicts ORDER BY repository, digest, scope"
        return tuple(self._rows(query, (), rows.noted))

    def subjects(self) -> tuple[tuple[str, str, str, datetime], ...]:
        """(repository, digest, source, until) of all evidence that is kept."""
        query = "SELECT repository, digest, source, until FROM subjects ORDER BY repository, digest"
        return tuple(self._rows(query, (), lambda r: (str(r[0]), str(r[1]), str(r[2]), rows.moment(r[3]))))

    def asked_before(self, repository: Repository, most: int) -> tuple[Digest, ...]:
        """Images of this repository that evidence is kept of, the last used first."""
        query = "SELECT digest FROM subjects WHERE repository = ? ORDER BY used DESC LIMIT ?"
        return tuple(self._rows(query, (repository.name, most), lambda r: Digest.parse(rows.text(r[0]))))

    def learn(self, repository: Repository, index: Manifest, at: datetime) -> None:
        """Keep an index that was accepted, with the instances it names."""
        key = (repository.name, str(index.digest))

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT OR REPLACE INTO indexes VALUES (?, ?, ?, ?)", (*key, index.raw, at.timestamp())
            )
            connection.executemany(
                "INSERT OR IGNORE INTO entries VALUES (?, ?, ?, 0)",
                [(key[0], str(entry.digest), key[1]) for entry in index.entries],
            )
            old = connection.execute(
                "SELECT digest FROM indexes WHERE repository = ? ORDER BY used DESC LIMIT -1 OFFSET ?",
                (key[0], MOST_INDEXES),
            ).fetchall()
            for (digest,) in old:
                connection.execute(
                    "DELETE FROM indexes WHERE repository = ? AND digest = ?", (key[0], digest)
                )
                connection.execute(
                    "DELETE FROM entries WHERE repository = ? AND parent = ?", (key[0], digest)
                )

        self._database.run(work)

    def index(self, digest: Digest) -> Manifest | None:
        """An index that was accepted in any repository."""
        query = "SELECT digest, raw FROM indexes WHERE digest = ? LIMIT 1"
        return next(self._rows(query, (str(digest),), rows.index), None)

    def parents(self, repository: Repository, instance: Digest) -> tuple[tuple[Manifest, bool], ...]:
        """Indexes that name `instance`, hashed and parsed; and whether the instance itself was looked at."""
        query = (
            "SELECT indexes.digest, raw, confirmed FROM entries JOIN indexes"
            " ON indexes.repository = entries.repository AND indexes.digest = parent"
            " WHERE entries.repository = ? AND instance = ? ORDER BY used DESC LIMIT ?"
        )
        return tuple(self._rows(query, (repository.name, str(instance), MOST_PARENTS), rows.parent))

    def confirm(self, repository: Repository, parent: Digest, instance: Digest) -> None:
        """The instance was looked at and is what the index says of it."""
        key = (repository.name, str(parent), str(instance))
        update = "UPDATE entries SET confirmed = 1 WHERE repository = ? AND parent = ? AND instance = ?"
        self._database.run(lambda connection: connection.execute(update, key))

    def log(self, lines: list[Line]) -> None:
        """Add to the log, and cut its beginning off."""
        values = [
            (
                line.at.timestamp(),
                line.uid,
                line.repository,
                line.digest,
                line.scope,
                line.outcome,
                line.code,
                line.message,
            )
            for line in lines
        ]

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany("INSERT INTO log VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)", values)
            connection.execute(
                "DELETE FROM log WHERE number <= (SELECT MAX(number) FROM log) - ?", (MOST_LINES,)
            )

        self._database.run(work)

    def lines(self, most: int, outcome: str = "") -> tuple[Line, ...]:
        """The last lines of the log, or those of one outcome, the newest first."""
        query = (
            "SELECT at, uid, repository, digest, scope, outcome, code, message FROM log"
            " WHERE ? IN ('', outcome) ORDER BY number DESC LIMIT ?"
        )
        return tuple(self._rows(query, (outcome, most), rows.line))

    def newest_seen(self) -> datetime | None:
        """The newest verified time that this host knows of: its clock cannot be before it."""
        found = list(
            self._rows("SELECT value FROM meta WHERE name = 'newest'", (), lambda r: rows.moment(r[0]))
        )
        return found[0] if found else None

    def see(self, newest: datetime) -> None:
        """Remember the newest verified time."""
        self._database.run(
            lambda c: c.execute(
                "INSERT INTO meta VALUES ('newest', ?1) ON CONFLICT (name) DO UPDATE SET value = MAX(value, ?1)",
                (newest.timestamp(),),
            )
        )

    def prune(self, at: datetime, *, dry_run: bool = False) -> int:
        """Forget what has ended; how many images that was, or would be. Tombstones are not here."""

        def work(connection: sqlite3.Connection) -> int:
            ended = connection.execute(
                "SELECT repository, digest FROM subjects WHERE until < ?", (at.timestamp(),)
            ).fetchall()
            if not dry_run:
                for key in ended:
                    forget(connection, key)
                connection.execute("DELETE FROM verdicts WHERE until < ?", (at.timestamp(),))
            return len(ended)

        return self._database.run(work)

    def forget(self, repository: Repository, digest: Digest) -> None:
        """Drop the evidence of an image."""
        key = (repository.name, str(digest))
        self._database.run(lambda connection: forget(connection, key))

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def _rows(self, query: str, values: Row, read: Callable[[Row], T]) -> Iterator[T]:
        """Rows that are what we write; others are passed over."""
        found = self._database.run(lambda connection: connection.execute(query, values).fetchall())
        return readable(found, read)


def readable(found: list[Row], read: Callable[[Row], T]) -> Iterator[T]:
    """Rows that are what we write; others are passed over."""
    for row in found:
        try:
            yield read(row)
        except (MalformedError, ValueError, TypeError, OverflowError, OSError):
            continue
