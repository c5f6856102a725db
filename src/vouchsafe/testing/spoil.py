"""Small ways to spoil bytes and windows, for `wrong_…`."""

from __future__ import annotations

from datetime import datetime, timedelta

from vouchsafe.testing.ca import Window

LONG_AGO = timedelta(days=100)
A_DAY = timedelta(days=1)


def flipped(data: bytes, index: int = -1) -> bytes:
    """One bit changed, in the last byte unless said otherwise."""
    changed = bytearray(data)
    changed[index] ^= 1
    return bytes(changed)


def over(moment: datetime) -> Window:
    """A window that closed a day before `moment`."""
    return Window(start=moment - LONG_AGO, end=moment - A_DAY)


def ahead(moment: datetime) -> Window:
    """A window that opens a day after `moment`."""
    return Window(start=moment + A_DAY, end=moment + LONG_AGO)
