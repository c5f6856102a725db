"""What a policy should decide, written down: the table that `vouchsafe policy test` goes through.

A case names an image and the verdict that is expected of it; with a fixture, an image on disk stands in
for it, so that the scopes of a registry can be tried without one.

>>> cases = parse(b'[{"image": "registry.example/app:v1", "expect": "rejected"}]', source="cases.json")
>>> cases[0].name
'registry.example/app:v1'
"""

from __future__ import annotations

from datetime import datetime

from vouchsafe import strictjson
from vouchsafe.errors import ConfigurationError, MalformedError
from vouchsafe.policy.window import instant
from vouchsafe.record import Record
from vouchsafe.strictjson import Fields

LARGEST_TABLE = 16 * 1024 * 1024  # bytes
MOST_CASES = 10_000
UNVERIFIED = "unverified"  # accepted by insecureAcceptAnything alone
_EXPECTATIONS = ("accepted", "rejected", "undecided", UNVERIFIED)


class Case(Record):
    """`expect` is a verdict's word or UNVERIFIED; `reason` the code of its first reason, "" for any.

    `at` is the time to judge at, None for now.
    """

    name: str
    image: str
    fixture: str = ""
    expect: str
    reason: str = ""
    at: datetime | None = None


def parse(blob: bytes, *, source: str) -> tuple[Case, ...]:
    """Read a table; ConfigurationError says which case is wrong."""
    try:
        table = strictjson.parse(blob, what=source, largest=LARGEST_TABLE)
        if not isinstance(table, list) or not 0 < len(table) <= MOST_CASES:
            raise MalformedError("json-type", f"expected an array of 1 to {MOST_CASES} cases in {source}")
        return tuple(_case(Fields(each, f"{source}[{index}]")) for index, each in enumerate(table))
    except MalformedError as error:
        raise ConfigurationError("policy-cases", error.message, hint=error.hint) from error


def _case(fields: Fields) -> Case:
    fields.only("image", "fixture", "expect", "reason", "at", "name")
    image, expect, written = fields.text("image"), fields.text("expect"), fields.text("at", "")
    if expect not in _EXPECTATIONS:
        message = f"expected one of {', '.join(_EXPECTATIONS)} in {fields.what}.expect, got {expect!r}"
        raise MalformedError("policy-cases", message)
    at = instant(written) if written else None
    if written and at is None:
        message = f"expected a time such as 2026-01-31T12:00:00Z in {fields.what}.at, got {written!r}"
        raise MalformedError("policy-cases", message)
    return Case(
        name=fields.text("name", "") or image,
        image=image,
        fixture=fields.text("fixture", ""),
        expect=expect,
        reason=fields.text("reason", ""),
        at=at,
    )
