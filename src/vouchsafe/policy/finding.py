"""Finding: something legal but unwise in a policy, with its place, its code and what to write instead."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from vouchsafe.policy.reading import Document, Place, PolicyError
from vouchsafe.record import Record

Severity = Literal["error", "warning"]


class Suspicion(Record):
    """A finding that does not know its line yet. `key`: the member of the object that it is about."""

    code: str
    message: str
    fix: str
    severity: Severity = "warning"
    key: str = ""


class Finding(Record):
    """`code` is API (docs/policy-json.md); `line` counts from 1, 0 where there is none."""

    file: str
    line: int
    code: str
    message: str
    fix: str
    severity: Severity

    @classmethod
    def of(cls, error: PolicyError) -> Finding:
        """A policy that does not load, as a finding."""
        where = f" in {error.path}" if error.path else ""
        return cls(
            file=error.file,
            line=error.line,
            code=error.code,
            message=error.bare + where,
            fix=error.hint,
            severity="error",
        )

    def __str__(self) -> str:
        """One line, as compilers write it."""
        fix = f" Fix: {self.fix}" if self.fix else ""
        return f"{self.file}:{self.line}: {self.severity}: {self.message} [{self.code}]{fix}"


class Material(Record):
    """What was found in a file that a policy names: until when it serves, or why it cannot be used."""

    expires: datetime | None = None
    problem: str = ""


class Places:
    """Where everything stands in the files of a policy."""

    __slots__ = ("_by_file",)

    def __init__(self, documents: Iterable[Document]) -> None:
        """Walks every file once."""
        self._by_file = {document.source: document.places() for document in documents}

    def nearest(self, start: Place, *ends: str) -> Place:
        """The place of the first of `ends`, each a path that goes on from `start`, that is written; else `start`."""
        known = self._by_file.get(start.file, {})
        return next((known[start.path + end] for end in ends if start.path + end in known), start)


def placed(suspicion: Suspicion, place: Place) -> Finding:
    """The suspicion as a finding."""
    return Finding(
        file=place.file,
        line=place.line,
        code=suspicion.code,
        message=suspicion.message,
        fix=suspicion.fix,
        severity=suspicion.severity,
    )
