"""One SQLite file that may be anything: right, torn, forged, older, read-only, gone. It is used, made anew or refused.

Nothing in it is believed: what it holds is verified again before anything is signed. So a file that is
not exactly ours (another schema, a trigger, a page that does not fit) is set aside and an empty one begun.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from typing import Protocol, TypeVar

from vouchsafe.errors import HostError

VERSION = 1  # of SCHEMA; another version's file is begun anew
SCHEMA = tuple(
    statement.strip()
    for statement in """
CREATE TABLE subjects (repository TEXT, digest TEXT, checked REAL, until REAL, source TEXT, used REAL,
    bytes INTEGER, PRIMARY KEY (repository, digest)) WITHOUT ROWID;
CREATE TABLE evidence (repository TEXT, digest TEXT, position INTEGER, media_type TEXT, annotations TEXT,
    blob BLOB, PRIMARY KEY (repository, digest, position));
CREATE TABLE verdicts (repository TEXT, digest TEXT, scope TEXT, epoch TEXT, trust TEXT, version TEXT,
    outcome TEXT, code TEXT, message TEXT, signers TEXT, at REAL, until REAL,
    PRIMARY KEY (repository, digest, scope)) WITHOUT ROWID;
CREATE TABLE indexes (repository TEXT, digest TEXT, raw BLOB, used REAL, PRIMARY KEY (repository, digest));
CREATE TABLE entries (repository TEXT, instance TEXT, parent TEXT, confirmed INTEGER,
    PRIMARY KEY (repository, instance, parent)) WITHOUT ROWID;
CREATE TABLE log (number INTEGER PRIMARY KEY, at REAL, uid INTEGER, repository TEXT, digest TEXT,
    scope TEXT, outcome TEXT, code TEXT, message TEXT);
CREATE TABLE meta (name TEXT PRIMARY KEY, value REAL) WITHOUT ROWID;
""".split(";")  # noqa: SIM905  # SQL reads as SQL
    if statement.strip()
)
BUSY_SECONDS = 3.0  # for which another process may hold the file
LARGEST_VALUE = 8 * 1024 * 1024  # bytes of one text or blob
LARGEST_FILE = 1024 * 1024 * 1024  # bytes
PAGE = 4096  # bytes

T = TypeVar("T")
# What says that the file itself is wrong; other errors are the disk's or the permissions'.
_UNUSABLE = frozenset(
    (
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_SCHEMA,
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_MISMATCH,
    )
)


class File(Protocol):
    """The file; `vouchsafe.adapters.databasefile` is one."""

    path: str

    def prepare(self) -> None:
        """Make it, empty, if it is not there."""

    def stamp(self) -> object:
        """Which file it is."""

    def set_aside(self) -> None:
        """Put away what cannot be used."""


class InMemory:
    """A File that is none: for what shall leave no trace."""

    path = ":memory:"

    def prepare(self) -> None:
        """Nothing to make."""

    def stamp(self) -> object:
        """Always the same."""
        return self.path

    def set_aside(self) -> None:
        """It is gone when it is closed."""


class Database:
    """Runs transactions. Thread-safe: one at a time."""

    def __init__(self, file: File, *, changed: Callable[[str], None] = lambda _: None) -> None:
        """Nothing is opened yet; `changed` is told when a file had to be begun anew, and why."""
        self._file = file
        self._changed = changed
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._stamp: object = None

    def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """`work` in one transaction; HostError `store-…`. A file that turns out unusable is begun anew, once."""
        with self._lock:
            try:
                return self._attempt(work)
            except sqlite3.Error as error:
                if _code(error) not in _UNUSABLE:
                    raise _failed(error) from error
                self._begin_anew(str(error))
            try:
                return self._attempt(work)
            except sqlite3.Error as error:
                raise _failed(error) from error

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _attempt(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._open()
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return result

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None and self._stamp == self._file.stamp():
            return self._connection
        self.close()
        self._file.prepare()
        connection = sqlite3.connect(
            self._file.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            _settle(connection)
        except BaseException:
            connection.close()
            raise
        self._connection, self._stamp = connection, self._file.stamp()
        return connection

    def _begin_anew(self, why: str) -> None:
        self.close()
        self._file.set_aside()
        self._changed(why)


def _settle(connection: sqlite3.Connection) -> None:
    """Limits first; then either our schema to the letter, or an empty file that gets it."""
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LARGEST_VALUE)
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute(f"PRAGMA max_page_count = {LARGEST_FILE // PAGE}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("BEGIN IMMEDIATE")
    try:
        _demand_schema(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _demand_schema(connection: sqlite3.Connection) -> None:
    found = [row[0] for row in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if not found and version == 0:
        for statement in SCHEMA:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
    elif sorted(found) != sorted(SCHEMA) or version != VERSION:
        raise Unusable("expected our schema, got another")


class Unusable(sqlite3.DatabaseError):
    """The file is not ours."""


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; what came without one is the file's fault."""
    if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
        return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _failed(error: sqlite3.Error) -> HostError:
    return HostError(
        "store-write",
        f"expected to use the countersigner's database, got: {error}",
        hint="Is the disk full, or the state folder read-only?",
    )
