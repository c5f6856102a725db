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
    burst_of_others: float = 240.0  # of all users but root: one may have sixty-five thousand (subuid(5))
    others_each_seconds: float = 0.5


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


class Bucket:
    """So many at once, and another one after a time."""

    def __init__(self, burst: float, each_seconds: float, now: float) -> None:
        """Full."""
        self._burst = burst
        self._each = each_seconds
        self._left = burst
        self._since = now

    def has_one(self, now: float) -> bool:
        """Whether there is one; refills."""
        self._left = min(self._burst, self._left + (now - self._since) / self._each)
        self._since = now
        return self._left >= 1

    def take(self) -> None:
        """One less."""
        self._left -= 1


class Budgets:
    """Judgements that each uid may cause, and all of them together. Root's are not counted."""

    def __init__(self, limits: Limits, monotonic: Callable[[], float]) -> None:
        """Everybody's bucket is full."""
        self._limits = limits
        self._monotonic = monotonic
        self._of: OrderedDict[int | None, Bucket] = OrderedDict()
        self._of_all = Bucket(limits.burst_of_others, limits.others_each_seconds, monotonic())

    def spend(self, uid: int | None) -> bool:
        """Whether this caller may cause one more."""
        if uid == ROOT:
            return True
        now = self._monotonic()
        own = self._of.pop(uid, None) or Bucket(self._limits.burst, self._limits.each_seconds, now)
        self._of[uid] = own
        while len(self._of) > MOST_UIDS:
            self._of.popitem(last=False)
        if not (own.has_one(now) and self._of_all.has_one(now)):
            return False
        own.take()
        self._of_all.take()
        return True
