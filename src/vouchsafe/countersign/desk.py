"""Takes a question at the counter: answers what is at hand at once, and hands the rest to threads, in two lanes.

Root has a lane of its own, so that no other user's slow registry stands in front of a host's update. After
`answer_seconds` the answer is "could not tell"; the judgement goes on, and is there for the next question.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from vouchsafe.countersign import answer as answers
from vouchsafe.countersign.answer import Answer
from vouchsafe.countersign.countersigner import Countersigner, Given
from vouchsafe.countersign.fairness import ROOT, Budgets, Limits
from vouchsafe.countersign.request import Asked, parse
from vouchsafe.errors import MalformedError
from vouchsafe.policy.verdict import Reason
from vouchsafe.record import Record

ROOTS, OTHERS = "root", "others"  # lanes


class Told(Record):
    """One answer that was given: to what, to whom, how fast, and whether it was at hand."""

    asked: Asked | None
    uid: int | None
    answer: Answer
    seconds: float
    remembered: bool


class Observer(Protocol):
    """Is told of every answer."""

    def given(self, told: Told) -> None:
        """One answer. Must not block."""


class Lane:
    """Threads, and how many questions wait for them."""

    def __init__(self, name: str, limits: Limits) -> None:
        """Threads start when they are needed."""
        self._threads = ThreadPoolExecutor(limits.threads, thread_name_prefix=name)
        self._most = limits.most_waiting
        self._under_way: dict[Hashable, asyncio.Future[Given]] = {}

    def under_way(self, key: Hashable) -> asyncio.Future[Given] | None:
        """What somebody asked already; it will be true when it comes, whenever it was asked."""
        return self._under_way.get(key)

    def take(self, key: Hashable, work: Callable[[], Given]) -> asyncio.Future[Given] | None:
        """The answer to come; None when too many wait already."""
        if len(self._under_way) >= self._most:
            return None
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        self._under_way[key] = future
        future.add_done_callback(lambda done: self._done(key, done))
        return future

    def close(self) -> None:
        """Begin nothing more; what is under way is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _done(self, key: Hashable, future: asyncio.Future[Given]) -> None:
        del self._under_way[key]
        if not future.cancelled():
            future.exception()  # looked at, so that nobody warns: a countersigner does not raise


class Desk:
    """Answers targets."""

    def __init__(
        self,
        countersigner: Countersigner,
        observer: Observer,
        limits: Limits,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`monotonic` is the world's but for tests."""
        self._countersigner = countersigner
        self._observer = observer
        self._limits = limits
        self._monotonic = monotonic
        self._budgets = Budgets(limits, monotonic)
        self._lanes = {name: Lane(name, limits) for name in (ROOTS, OTHERS)}

    async def answer(self, target: str, uid: int | None) -> Answer:
        """The answer to a request's target, by a process of this uid."""
        began = self._monotonic()
        asked: Asked | None = None
        remembered = False
        try:
            asked = parse(target)
        except MalformedError as error:
            answer = answers.malformed(error.code, error.message)
        else:
            at_hand = self._countersigner.remembered(asked, _lane(uid))
            remembered = at_hand is not None
            answer = at_hand if at_hand is not None else await self._judged(asked, uid)
        self._observer.given(
            Told(
                asked=asked,
                uid=uid,
                answer=answer,
                seconds=self._monotonic() - began,
                remembered=remembered,
            )
        )
        return answer

    def close(self) -> None:
        """Begin nothing more."""
        for lane in self._lanes.values():
            lane.close()

    async def _judged(self, asked: Asked, uid: int | None) -> Answer:
        lane = self._lanes[_lane(uid)]
        key = (asked.repository.name, asked.digest)
        future = lane.under_way(key)
        if future is None:
            if not self._budgets.spend(uid):
                return _could_not("budget", "expected fewer new questions of one user, got more")
            future = lane.take(key, lambda: self._countersigner.given(asked, _lane(uid)))
        if future is None:
            return _could_not("busy", "expected fewer questions at a time, got more")
        try:
            given = await asyncio.wait_for(asyncio.shield(future), self._limits.answer_seconds)
        except TimeoutError:
            seconds = self._limits.answer_seconds
            return _could_not(
                "deadline", f"expected an answer within {seconds:g} seconds, got no further yet"
            )
        return given.to(asked.number)


def _lane(uid: int | None) -> str:
    return ROOTS if uid == ROOT else OTHERS


def _could_not(code: str, message: str) -> Answer:
    return answers.undecided(Reason(code=code, message=message))
