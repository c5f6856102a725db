"""Answers that are true of the files as they are when they are given, and given again for as long as they stand.

What speaks for an image is at hand for everybody. What others could not find out is no answer for root: it is at hand
in the lane that it was given in, and there for a second alone, the rest of podman's three tries.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from vouchsafe.countersign.judge import Errand
from vouchsafe.countersign.remembered import Remembered
from vouchsafe.countersign.state import Keeper, Ready, ready
from vouchsafe.countersign.through import Bench
from vouchsafe.countersign.upstream import Upstream
from vouchsafe.errors import VouchsafeError
from vouchsafe.policy.verdict import Reason
from vouchsafe.ports import Clock
from vouchsafe.record import Record

TRIES = 2  # a policy that changes while it is judged is judged again, once
MOST_ANSWERS = 2_048  # kept in memory, a few kilobytes each
REFUSED_FOR = timedelta(seconds=1)
EVERY_LANE = "*"  # an answer for whoever asks
T = TypeVar("T")


class Means(Record):
    """By which files, by whom and of what is judged; `report` is told of errors that are our own fault."""

    keeper: Keeper
    bench: Bench
    upstream: Upstream
    clock: Clock
    report: Callable[[BaseException], None]


class Steady(Generic[T]):
    """What those who answer share: their means, and what was answered. Thread-safe."""

    def __init__(self, means: Means) -> None:
        """Nothing was answered yet."""
        self._means = means
        self._clock = means.clock
        self._answered: Remembered[tuple[int, Hashable, str], T] = Remembered(MOST_ANSWERS)

    def _recalled(self, question: Hashable, lane: str, at: datetime) -> T | None:
        """What is at hand while no file has changed; cheap enough for every question."""
        state = self._means.keeper.peek()
        if state is None or state.problem is not None:
            return None
        return self._at_hand(state.generation, question, lane, at)

    def _at_hand(self, generation: int, question: Hashable, lane: str, at: datetime) -> T | None:
        """What was answered to anybody, or in this lane."""
        for whose in (EVERY_LANE, lane):
            found = self._answered.get((generation, question, whose), at)
            if found is not None:
                return found
        return None

    def _keep(
        self, now: Ready, question: Hashable, lane: str, answer: T, *, start: datetime, end: datetime
    ) -> None:
        self._answered.put((now.generation, question, lane), answer, start=start, end=end)

    def _errand(self, now: Ready, lane: str, **where: Any) -> Errand:
        """Judging by this state, for this lane; `where` to look besides: see Errand."""
        upstream = self._means.upstream
        registry, world = upstream.registry(now.generation), upstream.world(now.generation)
        return Errand(grounds=now, registry=registry, world=world, lane=lane, **where)

    def _steadily(self, work: Callable[[Ready], T]) -> T | Reason:
        return steady(self._means.keeper, self._means.report, work)


def steady(keeper: Keeper, report: Callable[[BaseException], None], work: Callable[[Ready], T]) -> T | Reason:
    """What `work` makes of the state. Never raises; `report` is told of errors that are our own fault."""
    try:
        for _ in range(TRIES):
            state = keeper.now()
            if state.problem is not None:
                return Reason.of(state.problem)
            now = ready(state)
            found = None if now is None else work(now)
            if found is not None and keeper.now().generation == state.generation:
                return found
    except VouchsafeError as error:
        return Reason.of(error)
    except Exception as error:  # noqa: BLE001  # an edge: a crash denies
        report(error)
        message = f"expected an answer, got an internal error ({type(error).__name__})"
        return Reason(code="internal", message=message)
    return Reason(code="changing", message="expected a policy that stands still, got one that changes")
