"""Rows of the database as values, read with suspicion: what is not what we write is passed over."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from vouchsafe.errors import MalformedError
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import Manifest
from vouchsafe.image.reference import Repository
from vouchsafe.record import Record

ADMITTED = "admit"  # the source of what the operator put in; everything else may be evicted
SERVICE = "service"

Row = tuple[object, ...]


class Piece(Record):
    """One piece of evidence, as a registry served it."""

    media_type: str
    annotations: dict[str, str]
    blob: bytes

    def read(self) -> bytes:
        """The content."""
        return self.blob


class Memory(Record):
    """Evidence about one image. `checked` when a registry (or an archive) gave it, `until` when it must again."""

    repository: Repository
    digest: Digest
    checked: datetime
    until: datetime
    source: str
    evidence: tuple[Piece, ...]


class Line(Record):
    """One line of the log: a verdict, and who asked (-1: nobody knows)."""

    at: datetime
    uid: int
    repository: str
    digest: str
    scope: str
    outcome: str
    code: str = ""
    message: str = ""


THROUGH = "through the index "  # and its digest: who speaks for an image that nobody signed by itself


class Noted(Record):
    """What was found last for one image and scope, for `list`. Nothing is decided by it."""

    repository: str
    digest: str
    scope: str
    epoch: str
    trust: str
    version: str
    outcome: str
    code: str
    message: str
    signers: tuple[str, ...]
    at: datetime
    until: datetime

    @property
    def speaker(self) -> str:
        """The digest whose evidence was accepted: an index's, or its own."""
        through = (each.removeprefix(THROUGH) for each in self.signers if each.startswith(THROUGH))
        return next(through, self.digest)


def moment(value: object) -> datetime:
    """Unix seconds. TypeError, ValueError, OverflowError for what is no time."""
    return datetime.fromtimestamp(number(value), UTC)


def times(row: Row) -> tuple[datetime, datetime]:
    """When evidence was checked, and until when it stands."""
    return moment(row[0]), moment(row[1])


def number(value: object) -> float:
    """TypeError for what is no number; NaN is one, and neither a time nor a uid: ValueError there."""
    if not isinstance(value, int | float):
        raise TypeError(f"expected a number, got {type(value).__name__}")
    return float(value)


def text(value: object) -> str:
    """TypeError for what is no text."""
    if not isinstance(value, str):
        raise TypeError(f"expected text, got {type(value).__name__}")
    return value


def piece(row: Row) -> Piece:
    """A piece of evidence."""
    media_type, annotations, blob = row
    read = json.loads(text(annotations))
    strings = isinstance(read, dict) and all(isinstance(value, str) for value in read.values())
    if not strings or not isinstance(blob, bytes):
        raise ValueError("expected evidence, got something else")
    return Piece(media_type=text(media_type), annotations=read, blob=blob)


def noted(row: Row) -> Noted:
    """What was found for an image and scope."""
    signers = json.loads(text(row[9]))
    if not isinstance(signers, list):
        raise TypeError("expected names, got something else")
    names = ("repository", "digest", "scope", "epoch", "trust", "version", "outcome", "code", "message")
    said = {name: text(value) for name, value in zip(names, row, strict=False)}
    return Noted(**said, signers=tuple(map(text, signers)), at=moment(row[10]), until=moment(row[11]))


def index(row: Row) -> Manifest:
    """An index whose bytes are those of its digest. MalformedError."""
    digest, raw = row
    if not isinstance(raw, bytes):
        raise TypeError("expected a manifest, got something else")
    read = Manifest.parse(raw)
    if read.digest != Digest.parse(text(digest)) or not read.is_index:
        raise MalformedError("digest-mismatch", f"expected the index {digest}, got another")
    return read


def parent(row: Row) -> tuple[Manifest, bool]:
    """An index, and whether its entry was confirmed. MalformedError."""
    return index(row[:2]), row[2] == 1


def line(row: Row) -> Line:
    """A line of the log."""
    at, uid, *rest = row
    names = ("repository", "digest", "scope", "outcome", "code", "message")
    said = {name: text(value) for name, value in zip(names, rest, strict=True)}
    return Line(at=moment(at), uid=int(number(uid)), **said)
