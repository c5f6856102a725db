"""Answers a client: which scopes could have led to its question, what each says, and what is signed of that.

An answer that was given is given again for minutes without another look at evidence, as long as no file
has changed, and a refusal for a second. Everything else is judged.
"""

from __future__ import annotations

from collections.abc import Hashable
from datetime import datetime

from vouchsafe.countersign import answer as answers
from vouchsafe.countersign.acceptance import Acceptance, Refusal
from vouchsafe.countersign.answer import Answer
from vouchsafe.countersign.judge import Subject
from vouchsafe.countersign.request import Asked
from vouchsafe.countersign.signer import REUSED, Accepting, Signer
from vouchsafe.countersign.state import Ready
from vouchsafe.countersign.steady import EVERY_LANE, REFUSED_FOR, Means, Steady
from vouchsafe.policy.verdict import Reason
from vouchsafe.record import Record


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


class Countersigner(Steady[Given]):
    """Answers. Thread-safe; never raises."""

    def __init__(self, means: Means) -> None:
        """Nothing was signed yet."""
        super().__init__(means)
        self._signer = Signer(means.clock)

    def remembered(self, asked: Asked, lane: str = "") -> Answer | None:
        """The answer, if it is at hand and no file has changed."""
        given = self._recalled(_question(asked), lane, self._clock.now())
        return None if given is None else given.to(asked.number)

    def answer(self, asked: Asked) -> Answer:
        """The answer, judged where it is not at hand."""
        return self.given(asked).to(asked.number)

    def given(self, asked: Asked, lane: str = "") -> Given:
        """The answer to every number; true of the files as they are when it is given."""
        found = self._steadily(lambda now: self._judged(now, asked, lane))
        return _undecided(found) if isinstance(found, Reason) else found

    def _judged(self, now: Ready, asked: Asked, lane: str) -> Given:
        at = self._clock.now()
        return self._at_hand(now.generation, _question(asked), lane, at) or self._found_out(
            now, asked, lane, at
        )

    def _found_out(self, now: Ready, asked: Asked, lane: str, at: datetime) -> Given:
        judgements = self._judgements(now, asked, lane)
        accepting = [each for each in judgements if isinstance(each, Accepting)]
        refusals = [each for each in judgements if isinstance(each, Refusal)]
        could_not_tell = any(each.outcome == "undecided" for each in refusals)
        whose, end = EVERY_LANE, at + REUSED
        if not judgements:
            given = Given(refusal=answers.not_ours())
        elif accepting:
            signed = self._signer.sign(now, asked.digest, accepting)
            given = Given(blobs=signed.blobs)
            end = min(signed.again_until, *(each.acceptance.until for each in accepting))
        else:
            given = Given(refusal=_refusal(refusals))
        if could_not_tell or (refusals and not accepting):
            # Who could not tell may be able to, soon; and for whoever asks in another lane.
            whose, end = lane, min(end, at + REFUSED_FOR)
        self._keep(now, _question(asked), whose, given, start=at, end=end)
        return given

    def _judgements(self, now: Ready, asked: Asked, lane: str) -> list[Accepting | Refusal]:
        """What each scope says that could have led to this question."""
        errand = self._errand(now, lane)
        found: list[Accepting | Refusal] = []
        for subject in self._subjects(now, asked):
            judgement = self._means.bench.judge(errand, subject)
            if isinstance(judgement, Acceptance):
                marker = now.in_force.markers[subject.scope]
                found.append(Accepting(repository=subject.repository, marker=marker, acceptance=judgement))
            else:
                found.append(judgement)
        return found

    def _subjects(self, now: Ready, asked: Asked) -> list[Subject]:
        """Every logical name of the place, under every scope of ours that could select it."""
        markers = now.in_force.markers
        domains = sorted({scope.partition("/")[0] for scope in markers})
        return [
            Subject(repository=repository, digest=asked.digest, scope=scope)
            for repository in self._means.upstream.logical(now.generation, asked.repository, domains)
            for scope in now.in_force.table.could_select(repository.name, str(asked.digest))
            if scope in markers
        ]


def _undecided(reason: Reason) -> Given:
    return Given(refusal=answers.undecided(reason))


def _question(asked: Asked) -> Hashable:
    """Whatever the number: all are answered at once."""
    return (asked.repository.name, str(asked.digest))


def _refusal(refusals: list[Refusal]) -> Answer:
    """Undecided if any scope could not tell, because asking again may help."""
    could_not = [each for each in refusals if each.outcome == "undecided"]
    first = (could_not or refusals)[0]
    return answers.undecided(first.reason) if could_not else answers.rejected(first.reason)
