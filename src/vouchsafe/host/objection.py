"""What speaks against a change, and what follows from it."""

from __future__ import annotations

from typing import Literal

from vouchsafe.record import Record


class Objection(Record):
    """`refuses`: the change is not made. Codes are API (docs/reason-codes.md)."""

    code: str
    message: str
    fix: str = ""
    severity: Literal["refuses", "warns"] = "refuses"


class Consequence(Record):
    """What will happen to some kind of image, for people."""

    subject: str
    effect: str


def refusing(objections: tuple[Objection, ...]) -> tuple[Objection, ...]:
    """Those that stop a change."""
    return tuple(each for each in objections if each.severity == "refuses")
