"""How a runbook goes on, stops, goes on again after a crash, and goes back. Knows no step by name.

The rules: a check that passed within FRESH on the same basis is not made again, and everything after the first
step that is made again is. A step that changes the host is never taken from the journal: it is asked what it
would change, and somebody must agree to that. What stops before the change leaves the host alone; what stops
after it, while the change is unproven, takes it back.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal, Protocol

from vouchsafe.errors import VouchsafeError
from vouchsafe.host.objection import Objection
from vouchsafe.ports import Clock
from vouchsafe.record import Record
from vouchsafe.runbook.journal import Book, Entry, Mark
from vouchsafe.runbook.step import Action, Outcome, Result, Runbook, Step, failed

FRESH = timedelta(hours=1)  # a check is believed for so long
CONSENT = "runbook-consent"

# `held`: taken from the journal. `foretold`: what would have been done. `passed over`: not without the change.
How = Literal["done", "held", "foretold", "passed over", "undone"]


class Asked(Record):
    """What the operator wants. `again_from`: this step and all after it are made again whatever is known."""

    until: str = ""
    again_from: str = ""
    yes: bool = False
    dry_run: bool = False
    strict: bool = False


class Shown(Record):
    """A step of this run and how it came about."""

    step: Step
    how: How
    entry: Entry


class Report(Record):
    """`outcome` of the run. `changed`: the host is another than before it; `taken_back`: because of what stopped.

    `unproven`: the host is changed, and what would prove it has not passed.
    """

    shown: tuple[Shown, ...] = ()
    outcome: Outcome = "passed"
    changed: bool = False
    taken_back: bool = False
    unproven: bool = False

    @property
    def facts(self) -> dict[str, str]:
        """All that the steps found."""
        return {name: fact for each in self.shown for name, fact in each.entry.result.facts.items()}


class Desk(Protocol):
    """The operator."""

    def agrees(self, step: Step, changes: tuple[str, ...]) -> bool | None:
        """Whether this may be done now; None when there is nobody to ask."""

    def begins(self, step: Step) -> None:
        """A step begins."""

    def ends(self, shown: Shown) -> None:
        """It has ended."""


class Run:
    """One run of a runbook."""

    def __init__(
        self, runbook: Runbook, actions: Mapping[str, Action], book: Book, desk: Desk, clock: Clock
    ) -> None:
        """`actions` by the names of the steps."""
        self._runbook = runbook
        self._actions = actions
        self._book = book
        self._desk = desk
        self._clock = clock
        self._shown: list[Shown] = []
        self._sparing = True
        self._foretelling = False

    def go(self, asked: Asked, *, basis: str) -> Report:
        """Every step up to the one that is asked for, or to the first that does not pass."""
        for step in self._runbook.steps:
            if step.name == asked.again_from:
                self._sparing = False
            self._show(self._next(step, asked, basis))
            outcome = self._outcome()
            if outcome != "passed":
                took_back = self._runbook.is_after_change(step) and self._book.journal.is_unproven
                return self._take_back(asked, basis) if took_back else self._report(outcome)
            if step.proves and self._book.journal.is_unproven and not self._foretelling:
                self._book.replace(proven=True)
            if step.name == asked.until:
                break
        return self._report("passed")

    def back(self, asked: Asked, *, basis: str) -> Report:
        """Undo what can be undone, in reverse, but the host first: nobody is told of what is not so yet.

        All of it or a HostError's outcome.
        """
        steps = self._runbook.steps[::-1]
        for step in (
            *(each for each in steps if each.changes),
            *(each for each in steps if not each.changes),
        ):
            undo = self._actions[step.name].undo
            if undo is None:
                continue
            entry = self._begin(
                step.replace(command=f"vouchsafe runbook {self._runbook.name} --roll-back"), basis
            )
            if step.changes and not (refused := self._consent(step, asked, self._undoing(step))).passed:
                self._show(self._end(step, entry, refused.result, "undone"))
                return self._report(self._outcome())
            try:
                result = undo()
            except VouchsafeError as error:
                self._show(self._end(step, entry, failed(error), "undone"))
                return self._report(self._outcome())
            self._show(self._end(step, entry, result, "undone"))
        return self._report("passed")

    def _undoing(self, step: Step) -> tuple[str, ...]:
        return (step.undoes,) if self._book.journal.before is not None else ()

    def _next(self, step: Step, asked: Asked, basis: str) -> Shown:
        known = self._book.journal.last(step.name)
        if known is not None and self._holds(step, known, basis):
            return Shown(step=step, how="held", entry=known)
        if not step.always:
            self._sparing = False
        entry = self._begin(step, basis)
        self._desk.begins(step)
        result, how = self._done(step, asked)
        if result.changed:
            self._sparing = False
        return self._end(step, entry, result.judged(strict=asked.strict), how)

    def _holds(self, step: Step, known: Entry, basis: str) -> bool:
        if not self._sparing or step.always or known.mark != "passed" or known.basis != basis:
            return False
        age = self._clock.now() - known.ended
        return timedelta(0) <= age < FRESH and self._stands_after_change(step, known)

    def _stands_after_change(self, step: Step, known: Entry) -> bool:
        """Whether no change that this step comes after was begun since."""
        changing = {each.name for each in self._runbook.steps if each.changes}
        if not self._runbook.is_after_change(step):
            return True
        since = self._book.journal.entries[self._book.journal.entries.index(known) + 1 :]
        return not any(
            each.step in changing and (each.mark != "passed" or each.result.changed) for each in since
        )

    def _done(self, step: Step, asked: Asked) -> tuple[Result, How]:
        action = self._actions[step.name]
        try:
            if step.changes:
                return self._change(step, action, asked)
            if self._foretelling and self._runbook.is_after_change(step):
                told = action.foretell
                return (Result(), "passed over") if told is None else (told(), "foretold")
            return action.perform(), "done"
        except VouchsafeError as error:
            return failed(error), "done"

    def _change(self, step: Step, action: Action, asked: Asked) -> tuple[Result, How]:
        pending = action.pending()
        if asked.dry_run:
            self._foretelling = bool(pending)
            return Result(said=pending or ("nothing would be changed",)), "foretold"
        consent = self._consent(step, asked, pending)
        return (action.perform() if consent.passed else consent.result), "done"

    def _consent(self, step: Step, asked: Asked, changes: tuple[str, ...]) -> _Consent:
        agreed = True if asked.yes or not changes else self._desk.agrees(step, changes)
        if agreed:
            return _Consent(passed=True)
        got = "no" if agreed is False else "nobody to ask: this is no terminal"
        objection = Objection(
            code=CONSENT,
            message=f"expected somebody to agree to `{step.name}`, got {got}",
            fix="--yes agrees to it beforehand",
        )
        return _Consent(passed=False, result=Result(said=changes, objections=(objection,), outcome="waiting"))

    def _take_back(self, asked: Asked, basis: str) -> Report:
        """What stopped after the change decides how the run came out, if it could be taken back."""
        outcome = self._outcome()
        undone = self.back(asked.replace(yes=True), basis=basis)
        failed_too = undone.outcome != "passed"
        return undone.replace(outcome="undecided" if failed_too else outcome, taken_back=not failed_too)

    def _begin(self, step: Step, basis: str) -> Entry:
        now = self._clock.now()
        entry = Entry(step=step.name, mark="begun", basis=basis, began=now, ended=now, command=step.command)
        self._book.add(entry)
        return entry

    def _end(self, step: Step, entry: Entry, result: Result, how: How) -> Shown:
        mark: Mark = "undone" if how == "undone" and result.outcome == "passed" else result.outcome
        if how in {"foretold", "passed over"}:
            mark = "begun"  # of a dry run, which keeps nothing
        ended = entry.replace(mark=mark, ended=self._clock.now(), result=result)
        self._book.add(ended)
        return Shown(step=step, how=how, entry=ended)

    def _show(self, shown: Shown) -> None:
        self._shown.append(shown)
        self._desk.ends(shown)

    def _outcome(self) -> Outcome:
        return self._shown[-1].entry.result.outcome

    def _report(self, outcome: Outcome) -> Report:
        changed = any(each.entry.result.changed and each.how != "held" for each in self._shown)
        return Report(
            shown=tuple(self._shown),
            outcome=outcome,
            changed=changed,
            unproven=self._book.journal.is_unproven,
        )


class _Consent(Record):
    passed: bool
    result: Result = Result()


def recovered(book: Book, runbook: Runbook, *, basis: str, at: datetime, said: str) -> None:
    """Note that a change which a crash left was settled."""
    changing = next(step for step in runbook.steps if step.changes)
    book.add(
        Entry(
            step=changing.name,
            mark="recovered",
            basis=basis,
            began=at,
            ended=at,
            command="vouchsafe host recover",
            result=Result(said=(said,)),
        )
    )
