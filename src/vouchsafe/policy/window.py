"""`notBefore` and `maxAge`: how old a signature may be, so that an old release cannot come back as the newest.

Judged by evaluate on verified time only. `notBefore` is RFC 3339 with its offset, `maxAge` a number of
days, hours, minutes or seconds.

>>> duration("90d")
datetime.timedelta(days=90)
>>> instant("2026-01-01T00:00:00Z").isoformat()
'2026-01-01T00:00:00+00:00'
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_DURATION = re.compile(r"([1-9][0-9]{0,8})([dhms])", re.ASCII)
_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)
LONGEST_AGE = timedelta(days=36_500)


def duration(text: str) -> timedelta | None:
    """A length of time of at most a hundred years; None when it is not one."""
    found = _DURATION.fullmatch(text)
    if not found:
        return None
    length = timedelta(**{_UNITS[found[2]]: int(found[1])})
    return length if length <= LONGEST_AGE else None


def instant(text: str) -> datetime | None:
    """A moment with an offset (RFC 3339 §5.6), in UTC; None when it is not one."""
    if not _INSTANT.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):  # the 30th of February; the year 1 east of Greenwich
        return None
