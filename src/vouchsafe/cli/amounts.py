"""Numbers of bytes as people read them."""

from __future__ import annotations

_UNITS = ("kB", "MB", "GB", "TB")
_ROUNDS_UP = 999.95  # would be shown as 1000.0


def amount(size: int) -> str:
    """Three digits or so: 999 B, 61.3 MB.

    >>> amount(0), amount(1234), amount(61_300_000)
    ('0 B', '1.2 kB', '61.3 MB')
    """
    if size < 1000:
        return f"{size} B"
    value, units = size / 1000, iter(_UNITS)
    unit = next(units)
    while value >= _ROUNDS_UP and unit != _UNITS[-1]:
        value, unit = value / 1000, next(units)
    return f"{value:.1f} {unit}"


def count(number: int, one: str, many: str = "") -> str:
    """1 blob, 2 blobs."""
    return f"{number} {one if number == 1 else many or one + 's'}"
