"""A check: how far each matter is, what is new since the last one, and what could not be asked.

Only what changed is news. What could not be asked keeps the state that it had, is named, and is never "nothing new".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal

from vouchsafe.record import Record
from vouchsafe.upstream.inquiry import Home, homes, moves, recalled
from vouchsafe.upstream.memory import Memory
from vouchsafe.upstream.question import (
    Answers,
    Fact,
    Judgement,
    Matter,
    Question,
    State,
    Unasked,
    judged,
)
from vouchsafe.upstream.questions import KNOWN_AS_OF, MATTERS

Outcome = Literal["nothing-new", "could-not-ask", "moved", "unblocked"]
Kind = Literal["state", "new", "changed", "gone", "moved"]


class News(Record):
    """One thing that changed. `was` is what stood there before, where something did."""

    kind: Kind
    matter: str = ""
    question: str = ""
    text: str
    was: str = ""
    at: str = ""
    url: str = ""


class Row(Record):
    """A question and its answer; `last` is the last one that was an answer, where this one is none."""

    question: Question
    now: Judgement | Unasked
    last: Judgement | None = None

    @property
    def state(self) -> State:
        """By this answer, or else by the last."""
        known = self.now if isinstance(self.now, Judgement) else self.last
        return State.NOT_STARTED if known is None else known.state


class Standing(Record):
    """How far a matter is: as far as its furthest question."""

    matter: Matter
    state: State
    was: State
    rows: tuple[Row, ...]

    @property
    def means(self) -> str:
        """For the operator."""
        return self.matter.means.get(self.state) or self.matter.means[max(self.matter.means)]


class Check(Record):
    """All of it. `compared_with`: the check before, None where this is the first."""

    at: datetime
    compared_with: datetime | None
    standings: tuple[Standing, ...]
    news: tuple[News, ...]
    homes: Mapping[str, Home]

    @property
    def unasked(self) -> tuple[tuple[Question, Unasked], ...]:
        """What could not be asked, and why."""
        rows = [row for standing in self.standings for row in standing.rows]
        return tuple((row.question, row.now) for row in rows if isinstance(row.now, Unasked))

    @property
    def unblocked(self) -> tuple[Matter, ...]:
        """What this host's clients can do by now, by their own answers of this check."""
        return tuple(
            standing.matter
            for standing in self.standings
            if standing.matter.unblocks
            and any(
                isinstance(row.now, Judgement) and row.now.state == State.ON_MY_HOSTS for row in standing.rows
            )
        )

    @property
    def outcome(self) -> Outcome:
        """The weightiest thing that there is to say."""
        if self.unblocked:
            return "unblocked"
        if self.news:
            return "moved"
        return "could-not-ask" if self.unasked else "nothing-new"

    @property
    def digest(self) -> str:
        """A name of the news: the same whoever found it, and whenever."""
        said = sorted(f"{each.kind}\0{each.question}\0{each.text}\0{each.was}" for each in self.news)
        return hashlib.sha256("\n".join((f"{self.compared_with}", *said)).encode()).hexdigest()[:16]


def check(questions: Sequence[Question], answers: Answers, memory: Memory, *, at: datetime) -> Check:
    """Judge the answers of a check at `at`, and compare with the one before."""
    runs = [run for run in memory.runs if run < at]
    before = recalled(questions, memory, at=runs[-1], strict=False) if runs else None
    was = {question.id: _known(question, before) for question in questions}
    rows = [
        Row(question=question, now=judged(question, answers), last=was[question.id]) for question in questions
    ]
    standings = tuple(_standing(matter, rows, was) for matter in MATTERS)
    here = homes(answers)
    moved = moves(homes(before) if before else {}, here)
    news = [News(kind="moved", text=fact.text) for fact in moved]
    for standing in standings:
        news += _news(standing, was)
    return Check(
        at=at,
        compared_with=runs[-1] if runs else None,
        standings=standings,
        news=tuple(news),
        homes=here,
    )


def _known(question: Question, before: Answers | None) -> Judgement | None:
    if before is None:
        return None
    known = judged(question, before)
    return known if isinstance(known, Judgement) else None


def _standing(matter: Matter, rows: Sequence[Row], was: Mapping[str, Judgement | None]) -> Standing:
    ours = tuple(row for row in rows if row.question.matter == matter.id)
    earlier = [known.state for row in ours if (known := was[row.question.id]) is not None]
    state = max((row.state for row in ours), default=State.NOT_STARTED)
    if any(row.last is None and isinstance(row.now, Unasked) for row in ours):
        state = max(state, matter.known)  # what was never asked has not gone back
    if len(earlier) < len(ours):  # nor has it come forward
        earlier.append(matter.known)
    return Standing(matter=matter, state=state, was=max(earlier, default=State.NOT_STARTED), rows=ours)


def _news(standing: Standing, was: Mapping[str, Judgement | None]) -> Iterator[News]:
    matter = standing.matter
    if standing.state != standing.was and any(isinstance(row.now, Judgement) for row in standing.rows):
        yield News(kind="state", matter=matter.id, text=standing.state.words, was=standing.was.words)
    for row in standing.rows:
        before = was[row.question.id]
        if before is not None and isinstance(row.now, Judgement):
            for kind, fact, old in _differences(before.facts, row.now.facts):
                yield News(
                    kind=kind,
                    matter=matter.id,
                    question=row.question.id,
                    text=fact.text,
                    was=old,
                    at=fact.at,
                    url=fact.url,
                )


def _differences(before: Sequence[Fact], now: Sequence[Fact]) -> Iterator[tuple[Kind, Fact, str]]:
    known = {fact.key: fact for fact in before}
    for fact in now:
        old = known.pop(fact.key, None)
        if fact.is_quiet:
            continue
        if old is None:
            yield "new", fact, ""
        elif old.text != fact.text:
            yield "changed", fact, old.text
    for fact in known.values():
        if not fact.is_quiet:
            yield "gone", fact, fact.text


def first_compared_with() -> str:
    """What a first check is compared with, for people."""
    return f"what this version knew on {KNOWN_AS_OF}"
