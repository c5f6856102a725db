"""Two clocks (ports.Clock): one that moves only when told, and the machine's.

>>> clock = VirtualClock(datetime(2026, 11, 2, 12, tzinfo=UTC))
>>> clock.advance(minutes=5)
>>> clock.now().isoformat()
'2026-11-02T12:05:00+00:00'
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

VIRTUAL_NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)  # where a virtual clock starts when nobody says


class VirtualClock:
    """Stands still until `advance` or `set`."""

    def __init__(self, start: datetime = VIRTUAL_NOON) -> None:
        """`start` is aware."""
        self._now = start

    def now(self) -> datetime:
        """Where it stands."""
        return self._now

    def advance(self, *, seconds: float = 0, minutes: float = 0, days: float = 0) -> None:
        """Move forward, or back with a negative number."""
        self._now += timedelta(days=days, minutes=minutes, seconds=seconds)

    def set(self, moment: datetime) -> None:
        """Jump."""
        self._now = moment


class RealClock:
    """The machine's clock, for servers that real programs talk to."""

    def now(self) -> datetime:
        """Now, to the second: what certificates and log entries can hold."""
        return datetime.now(UTC).replace(microsecond=0)
