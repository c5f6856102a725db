"""PredicateField: what an attestation must say at one place of its predicate, and what it says instead.

Exact in every respect. A place that is not there, or holds another kind of value, matches nothing; text is
never a number, 1 is not 1.0 and not true. An array is entered by an item's position alone: "any item" would let
one item have the right name and another the right version.

>>> field = PredicateField.parse("/component/version", versions=Versions.parse(">=5.2.0"))
>>> field.mismatch({"component": {"version": "5.10.0"}}) is None
True
>>> str(field.mismatch({"component": {"version": "5.1.9"}}))
"expected /component/version >=5.2.0, got '5.1.9'"
"""

from __future__ import annotations

import re
from typing import Self

from vouchsafe.errors import ConfigurationError
from vouchsafe.policy.identity import ABSENT, Mismatch
from vouchsafe.policy.version import Versions, is_version
from vouchsafe.record import Record

MOST_STEPS = 64  # of one pointer; no document that is read is deeper
LONGEST_TOLD = 200  # characters of what a stranger wrote that a message shows
_POINTER = re.compile(r"(?:/(?:[^~/]|~[01])*)+")
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)
_NOWHERE = object()

Scalar = str | int | bool


class PredicateField(Record):
    """One place, as a JSON pointer (RFC 6901), and either exact `values`, of which one must be there, or `versions`."""

    pointer: str
    steps: tuple[str, ...]
    values: tuple[Scalar, ...] = ()
    versions: Versions | None = None

    @classmethod
    def parse(
        cls, pointer: str, *, values: tuple[Scalar, ...] = (), versions: Versions | None = None
    ) -> Self:
        """Read the pointer; the whole predicate (the pointer "") is no place. ConfigurationError `policy-predicate`."""
        steps = pointer.split("/")[1:]
        if not _POINTER.fullmatch(pointer) or len(steps) > MOST_STEPS:
            raise ConfigurationError(
                "policy-predicate",
                f"expected a JSON pointer such as /buildDefinition/buildType, got {pointer!r}",
                hint="Each step begins with a slash; in a step ~1 stands for a slash and ~0 for a tilde (RFC 6901).",
            )
        unescaped = tuple(step.replace("~1", "/").replace("~0", "~") for step in steps)
        return cls(pointer=pointer, steps=unescaped, values=values, versions=versions)

    def mismatch(self, predicate: object) -> Mismatch | None:
        """What differs; None when the predicate says what is wanted."""
        found = self._find(predicate)
        if self.versions is None:
            same = any(type(found) is type(value) and found == value for value in self.values)
        else:
            same = type(found) is str and self.versions.has(found)
        if same:
            return None
        got = _told(found)
        if self.versions is not None and type(found) is str and not is_version(found):
            got += ", which is no semantic version"
        return Mismatch(field=self.pointer, expected=self.wanted, got=got)

    @property
    def wanted(self) -> str:
        """For people: a value, or any of several, or a range."""
        if self.versions is not None:
            return self.versions.text
        return " or ".join(_told(value) for value in self.values)

    @property
    def parent(self) -> tuple[str, ...]:
        """Where the field stands."""
        return self.steps[:-1]

    def __str__(self) -> str:
        """For people."""
        return f"{self.pointer} {self.wanted}"

    def _find(self, predicate: object) -> object:
        value = predicate
        for step in self.steps:
            if isinstance(value, dict) and step in value:
                value = value[step]
            elif isinstance(value, list) and _INDEX.fullmatch(step) and int(step) < len(value):
                value = value[int(step)]
            else:
                return _NOWHERE
        return value


def _told(value: object) -> str:
    """A value for a message, or the beginning of it."""
    if value is _NOWHERE:
        return ABSENT
    if isinstance(value, bool):
        return str(value).lower()
    kinds = {dict: "an object", list: "a list", type(None): "null"}
    if type(value) in kinds:
        return kinds[type(value)]
    text = repr(value[: LONGEST_TOLD + 1] if isinstance(value, str) else value)
    return text if len(text) <= LONGEST_TOLD else f"{text[:LONGEST_TOLD]}…"
