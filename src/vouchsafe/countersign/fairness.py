"""Who may hold how many connections, and cause how much work. Root is never kept waiting by anybody else.

Any local user may ask. What costs nothing is unlimited; a judgement that asks a registry spends that
registry's patience with this host, so it is counted by uid.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from vouchsafe.record import Record

ROOT = 0
MOST_UIDS = 1_024  # whose budgets are remembered


class Limits(Record):
    """Seconds, connections, and judgements. The defaults suit a host with a few users."""

    header_seconds: float = 2.0  # from connecting, or the last answer, to the end of a request's head
    answer_seconds: float = 20.0  # clients have no time-out here: they would wait for ever
    send_seconds: float = 5.0
    most_connections: int = 512
    most_of_others: int = 256  # the rest is root's
    most_of_one: int = 64
    most_waiting: int = 128  # judgements of one lane
    threads: int = 8  # of one lane
    burst: float = 60.0  # judgements that a user may cause at once
    each_seconds: float = 2.0  # and another one after this time


class Gate:
    """Counts connections by uid; None is a caller whom nobody knows."""

    def __init__(self, limits: Limits) -> None:
        """Nobody is connected."""
        self._limits = limits
        self._of: dict[int | None, int] = {}

    @property
    def connections(self) -> int:
        """How many there are."""
        return sum(self._of.values())

    def enter(self, uid: int | None) -> bool:
        """Whether this caller may stay; `leave` must follow."""
        total, own = self.connections, self._of.get(uid, 0)
        others = total - self._of.get(ROOT, 0)
        limits = self._limits
        if total >= limits.most_connections:
            return False
        if uid != ROOT and (others >= limits.most_of_others or own >= limits.most_of_one):
            return False
        self._of[uid] = own + 1
        return True

    def leave(self, uid: int | None) -> None:
        """One connection less."""
        self._of[uid] -= 1
        if not self._of[uid]:
            del self._of[uid]


class Budgets:
    """Judgements that each uid may cause: a bucket that refills. Root's is bottomless."""

    def __init__(self, limits: Limits, monotonic: Callable[[], float]) -> None:
        """Everybody's bucket is full."""
        self._limits = limits
        self._monotonic = monotonic
        self._left: OrderedDict[int | None, tuple[float, float]] = OrderedDict()

    def spend(self, uid: int | None) -> bool:
        """Whether this caller may cause one more."""
        if uid == ROOT:
            return True
        now = self._monotonic()
        left, since = self._left.pop(uid, (self._limits.burst, now))
        left = min(self._limits.burst, left + (now - since) / self._limits.each_seconds)
        may = left >= 1
        self._left[uid] = (left - 1 if may else left, now)
        while len(self._left) > MOST_UIDS:
            self._left.popitem(last=False)
        return may
