"""Answers a client: which scopes could have led to its question, what each says, and what is signed of that.

An answer that was given is given again for minutes without another look at evidence, as long as no file
has changed; the first refusal of podman's three tries is remembered for a second. Everything else is judged.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from vouchsafe.countersign import answer as answers
from vouchsafe.countersign.acceptance import Acceptance, Judgement, Refusal
from vouchsafe.countersign.answer import Answer
from vouchsafe.countersign.judge import Errand, Subject
from vouchsafe.countersign.remembered import Remembered
from vouchsafe.countersign.request import Asked
from vouchsafe.countersign.signer import REUSED, Accepting, Signer
from vouchsafe.countersign.state import Keeper, Ready
from vouchsafe.countersign.steady import steady
from vouchsafe.countersign.through import Bench
from vouchsafe.countersign.upstream import Upstream
from vouchsafe.policy.verdict import Reason
from vouchsafe.ports import Clock
from vouchsafe.record import Record

MOST_ANSWERS = 2_048  # kept in memory, a few kilobytes each
REFUSED_FOR = timedelta(seconds=1)


class Given(Record):
    """An answer to every `signature-N`: signatures, or one refusal."""

    blobs: tuple[bytes, ...] = ()
    refusal: Answer | None = None

    def to(self, number: int) -> Answer:
        """The answer to one of them."""
        if self.refusal is not None:
            return self.refusal
        return (
            answers.signed(self.blobs[number - 1]) if number <= len(self.blobs) else answers.past_the_last()
        )


class Countersigner:
    """Answers. Thread-safe; never raises."""

    def __init__(
        self,
        keeper: Keeper,
        bench: Bench,
        upstream: Upstream,
        *,
        clock: Clock,
        report: Callable[[BaseException], None],
    ) -> None:
        """`report` is told of errors that are our own fault."""
        self._keeper = keeper
        self._bench = bench
        self._upstream = upstream
        self._clock = clock
        self._report = report
        self._signer = Signer(clock)
        self._given: Remembered[tuple[int, str, str], Given] = Remembered(MOST_ANSWERS)

    def remembered(self, asked: Asked) -> Answer | None:
        """The answer, if it is at hand and no file has changed; cheap enough for every question."""
        state = self._keeper.peek()
        if state is None or state.problem is not None:
            return None
        given = self._given.get(_key(state.generation, asked), self._clock.now())
        return None if given is None else given.to(asked.number)

    def answer(self, asked: Asked) -> Answer:
        """The answer, judged where it is not at hand."""
        return self.given(asked).to(asked.number)

    def given(self, asked: Asked) -> Given:
        """The answer to every number; true of the files as they are when it is given."""
        found = steady(self._keeper, self._report, lambda now: self._judged(now, asked))
        return _undecided(found) if isinstance(found, Reason) else found

    def _judged(self, now: Ready, asked: Asked) -> Given:
        at = self._clock.now()
        key = _key(now.generation, asked)
        given = self._given.get(key, at)
        if given is not None:
            return given
        subjects = self._subjects(now, asked)
        if not subjects:
            given = Given(refusal=answers.not_ours())
            self._given.put(key, given, start=at, end=at + REUSED)
            return given
        errand = Errand(
            grounds=now,
            registry=self._upstream.registry(now.generation),
            world=self._upstream.world(now.generation),
        )
        judgements = [(subject, self._bench.judge(errand, subject)) for subject in subjects]
        accepting = [
            Accepting(
                repository=subject.repository,
                marker=now.in_force.markers[subject.scope],
                acceptance=judgement,
            )
            for subject, judgement in judgements
            if isinstance(judgement, Acceptance)
        ]
        if not accepting:
            given = Given(refusal=_refusal([judgement for _, judgement in judgements]))
            end = at + REFUSED_FOR
        else:
            signed = self._signer.sign(now, asked.digest, accepting)
            given = Given(blobs=signed.blobs)
            end = min(signed.again_until, *(each.acceptance.until for each in accepting))
            if any(isinstance(each, Refusal) and each.outcome == "undecided" for _, each in judgements):
                end = min(end, at + REFUSED_FOR)  # a scope that could not tell may be able to, soon
        self._given.put(key, given, start=at, end=end)
        return given

    def _subjects(self, now: Ready, asked: Asked) -> list[Subject]:
        """Every logical name of the place, under every scope of ours that could select it."""
        markers = now.in_force.markers
        domains = sorted({scope.partition("/")[0] for scope in markers})
        return [
            Subject(repository=repository, digest=asked.digest, scope=scope)
            for repository in self._upstream.logical(now.generation, asked.repository, domains)
            for scope in now.in_force.table.could_select(repository.name, str(asked.digest))
            if scope in markers
        ]


def _undecided(reason: Reason) -> Given:
    return Given(refusal=answers.undecided(reason))


def _key(generation: int, asked: Asked) -> tuple[int, str, str]:
    return (generation, asked.repository.name, str(asked.digest))


def _refusal(judgements: list[Judgement]) -> Answer:
    """Undecided if any scope could not tell, because asking again may help."""
    refusals = [each for each in judgements if isinstance(each, Refusal)]
    could_not = [each for each in refusals if each.outcome == "undecided"]
    first = (could_not or refusals)[0]
    return answers.undecided(first.reason) if could_not else answers.rejected(first.reason)
