"""Takes questions at two counters: answers what is at hand at once, and hands the rest to threads, in two lanes.

Clients ask for signatures, policy plugins for verdicts; lanes and budgets are the same for both. Root has a
lane of its own, so that no other user's slow registry stands in front of a host's update. After
`answer_seconds` the answer is "could not tell"; the judgement goes on, and is there for the next question.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from vouchsafe.countersign import answer as answers
from vouchsafe.countersign.answer import Answer
from vouchsafe.countersign.countersigner import Countersigner
from vouchsafe.countersign.fairness import ROOT, Budgets, Limits
from vouchsafe.countersign.inquiry import Inquiry
from vouchsafe.countersign.inquiry import parse as parse_inquiry
from vouchsafe.countersign.request import Asked, parse
from vouchsafe.countersign.verdicts import Verdicts, could_not
from vouchsafe.errors import MalformedError
from vouchsafe.policy.verdict import Reason
from vouchsafe.protocol.decision import Decision
from vouchsafe.record import Record

T = TypeVar("T")


class Told(Record):
    """One answer that was given: to what, to whom, how fast, and whether it was at hand."""

    asked: Asked | Inquiry | None
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
        self._under_way: dict[Hashable, asyncio.Future[Any]] = {}

    def under_way(self, key: Hashable) -> asyncio.Future[Any] | None:
        """What somebody asked already; it will be true when it comes, whenever it was asked."""
        return self._under_way.get(key)

    def take(self, key: Hashable, work: Callable[[], T]) -> asyncio.Future[T] | None:
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

    def _done(self, key: Hashable, future: asyncio.Future[Any]) -> None:
        del self._under_way[key]
        if not future.cancelled():
            future.exception()  # looked at, so that nobody warns: a countersigner does not raise


class Desk:
    """Answers targets."""

    def __init__(
        self,
        countersigner: Countersigner,
        verdicts: Verdicts,
        observer: Observer,
        limits: Limits,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`monotonic` is the world's but for tests."""
        self._countersigner = countersigner
        self._verdicts = verdicts
        self._observer = observer
        self._limits = limits
        self._monotonic = monotonic
        self._budgets = Budgets(limits, monotonic)
        self._lanes = {True: Lane("root", limits), False: Lane("others", limits)}

    async def answer(self, target: str, uid: int | None) -> Answer:
        """The answer to a client's target, by a process of this uid."""
        began = self._monotonic()
        try:
            asked = parse(target)
        except MalformedError as error:
            answer = answers.malformed(error.code, error.message)
            self._tell(None, uid, answer, began)
            return answer
        at_hand = self._countersigner.remembered(asked)
        if at_hand is not None:
            self._tell(asked, uid, at_hand, began, remembered=True)
            return at_hand
        key = (asked.repository.name, asked.digest)
        given = await self._judged(key, uid, lambda: self._countersigner.given(asked))
        answer = answers.undecided(given) if isinstance(given, Reason) else given.to(asked.number)
        self._tell(asked, uid, answer, began)
        return answer

    async def verdict(self, target: str, uid: int | None) -> Decision | Answer:
        """The decision that a plugin's target asks for; an Answer (malformed) when it asks for nothing.

        Others than root are told what the lookaside would tell them: whether and why, not who signed.
        """
        began = self._monotonic()
        try:
            asked = parse_inquiry(target)
        except MalformedError as error:
            malformed = answers.malformed(error.code, error.message)
            self._tell(None, uid, malformed, began)
            return malformed
        decision = self._verdicts.remembered(asked)
        remembered = decision is not None
        if decision is None:
            judged = await self._judged(asked, uid, lambda: self._verdicts.decide(asked))
            decision = could_not(asked, judged) if isinstance(judged, Reason) else judged
        self._tell(asked, uid, answers.of_decision(decision), began, remembered=remembered)
        return decision if uid == ROOT else decision.replace(signers=(), evidence=())

    def close(self) -> None:
        """Begin nothing more."""
        for lane in self._lanes.values():
            lane.close()

    async def _judged(self, key: Hashable, uid: int | None, work: Callable[[], T]) -> T | Reason:
        """What `work` finds, or why it is not known yet."""
        lane = self._lanes[uid == ROOT]
        future: asyncio.Future[T] | None = lane.under_way(key)
        if future is None:
            if not self._budgets.spend(uid):
                return Reason(code="budget", message="expected fewer new questions of one user, got more")
            future = lane.take(key, work)
        if future is None:
            return Reason(code="busy", message="expected fewer questions at a time, got more")
        try:
            return await asyncio.wait_for(asyncio.shield(future), self._limits.answer_seconds)
        except TimeoutError:
            seconds = self._limits.answer_seconds
            message = f"expected an answer within {seconds:g} seconds, got no further yet"
            return Reason(code="deadline", message=message)

    def _tell(
        self,
        asked: Asked | Inquiry | None,
        uid: int | None,
        answer: Answer,
        began: float,
        *,
        remembered: bool = False,
    ) -> None:
        seconds = self._monotonic() - began
        self._observer.given(
            Told(asked=asked, uid=uid, answer=answer, seconds=seconds, remembered=remembered)
        )
