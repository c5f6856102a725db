"""Semantic versions, and ranges of them. What is no version of semver.org 2.0.0 is in no range.

Compared by precedence (§11): numbers as numbers, a pre-release before its release, build metadata not at all.
Never as text: "5.10.0" is newer than "5.9.0". A version that is attested may begin with one `v`, as tags do.

>>> newer = Versions.parse(">=5.2.0 <6.0.0-0")
>>> [newer.has(each) for each in ("5.10.0", "v5.2.0", "5.2.0-rc.1", "6.0.0", "5.2", "main")]
[True, True, False, False, False, False]
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Self

from vouchsafe.errors import ConfigurationError
from vouchsafe.record import Record

LONGEST = 256  # characters of one version
MOST_BOUNDS = 8  # of one range
_NUMBER = r"(?:0|[1-9][0-9]*)"
_PRE = rf"(?:{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_VERSION = re.compile(
    rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER})(?:-({_PRE}(?:\.{_PRE})*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?",
    re.ASCII,
)
_BOUND = r"(>=|<=|>|<|=) ?([^ <>=]+)"
_RANGE = re.compile(rf"{_BOUND}(?: {_BOUND})*", re.ASCII)
_HOLDS: dict[str, Callable[[Key, Key], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}
_HINT = "Such as >=5.2.0, or >=5.2.0 <6.0.0-0: an operator (>=, >, <=, <, =) and a whole semantic version."

# What orders like the version: its numbers, whether it is a release, and what stands after the dash.
Key = tuple[int, int, int, bool, tuple[tuple[bool, int, str], ...]]


class Bound(Record):
    """One comparison. `key` is that of `version`, which is as it was written."""

    operator: str
    version: str
    key: Key

    @property
    def is_open(self) -> bool:
        """Whether it lets pre-releases in of the very release that it keeps out: 6.0.0-rc.1 is less than 6.0.0."""
        return self.operator == "<" and self.key[3]


class Versions(Record):
    """A range: every bound must hold. `text` is how it was written."""

    text: str
    bounds: tuple[Bound, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Bounds with one space between them. ConfigurationError `policy-version`."""
        if not _RANGE.fullmatch(text):
            raise _wrong(f"expected a range of versions, got {text!r}")
        bounds = tuple(_bound(*found) for found in re.findall(_BOUND, text))
        if len(bounds) > MOST_BOUNDS:
            raise _wrong(f"expected at most {MOST_BOUNDS} bounds of a version, got {len(bounds)}")
        return cls(text=text, bounds=bounds)

    def has(self, untrusted_text: str) -> bool:
        """Whether this is a version, and in the range."""
        key = precedence(_bare(untrusted_text))
        return key is not None and all(_HOLDS[each.operator](key, each.key) for each in self.bounds)

    @property
    def is_empty(self) -> bool:
        """Whether the bounds exclude each other. False is no promise that there is such a version."""
        exact = next((each.key for each in self.bounds if each.operator == "="), None)
        if exact is not None:
            return not all(_HOLDS[each.operator](exact, each.key) for each in self.bounds)
        lows = [each for each in self.bounds if each.operator in {">=", ">"}]
        highs = [each for each in self.bounds if each.operator in {"<=", "<"}]
        return any(
            low.key > high.key or (low.key == high.key and (low.operator, high.operator) != (">=", "<="))
            for low in lows
            for high in highs
        )


def is_version(untrusted_text: str) -> bool:
    """Whether this is a semantic version, with or without the `v` of a tag."""
    return precedence(_bare(untrusted_text)) is not None


def _bare(text: str) -> str:
    return text.removeprefix("v")


def precedence(text: str) -> Key | None:
    """What two versions are compared by; None for what is no semantic version."""
    found = _VERSION.fullmatch(text) if len(text) <= LONGEST else None
    if found is None:
        return None
    major, minor, patch, pre = found.groups()
    parts = pre.split(".") if pre else []
    return int(major), int(minor), int(patch), not parts, tuple(_part(each) for each in parts)


def _part(text: str) -> tuple[bool, int, str]:
    """Numbers before words (§11.4.3), numbers by value, words by ASCII."""
    return (False, int(text), "") if text.isdigit() else (True, 0, text)


def _bound(comparison: str, text: str) -> Bound:
    key = precedence(text)
    if key is None:
        raise _wrong(f"expected a semantic version after {comparison}, got {text!r}")
    if "+" in text:
        raise _wrong(f"expected a version without build metadata, which is not compared, got {text!r}")
    return Bound(operator=comparison, version=text, key=key)


def _wrong(message: str) -> ConfigurationError:
    return ConfigurationError("policy-version", message, hint=_HINT)
