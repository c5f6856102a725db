"""Step and Runbook: what is checked, done and undone, as data; and what a step came to.

>>> step = Step(
...     name="look", title="Look", checks="that it is there", does="nothing", undoes="nothing", command="ls"
... )
>>> Runbook(name="tour", title="A tour", steps=(step,)).names
('look',)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from vouchsafe.errors import ConfigurationError, HostError, Unavailable, VerificationError, VouchsafeError
from vouchsafe.host.objection import Objection
from vouchsafe.record import Record

# What a step can come to. `waiting`: nobody has agreed to the change yet.
Outcome = Literal["passed", "rejected", "undecided", "configuration", "waiting"]
MOST_LINES = 200  # of one step, in a journal and in a log


class Step(Record):
    """One step, for people and for the run. `command` does the same by hand.

    `changes` the host, so that somebody must agree, and it is asked again at every run whether anything is to be
    changed. `always`: never taken from the journal. `proves`: when it has passed, the change before it stays.
    """

    name: str
    title: str
    checks: str
    does: str
    undoes: str
    command: str
    changes: bool = False
    always: bool = False
    proves: bool = False


class Runbook(Record):
    """Steps in their order."""

    name: str
    title: str
    steps: tuple[Step, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the steps."""
        return tuple(step.name for step in self.steps)

    def is_after_change(self, step: Step) -> bool:
        """Whether a step before this one changes the host."""
        return any(each.changes for each in self.steps[: self.steps.index(step)])


class Result(Record):
    """What a step found. `said` for people; `facts` for later steps, for the log and for other hosts.

    `unknown`: what speaks against it is that nobody could tell. `text` is to be sent to somebody.
    """

    said: tuple[str, ...] = ()
    objections: tuple[Objection, ...] = ()
    facts: Mapping[str, str] = {}
    unknown: bool = False
    changed: bool = False
    text: str = ""
    outcome: Outcome = "passed"

    def judged(self, *, strict: bool) -> Result:
        """With its outcome, where it has none but "passed". `strict`: what only warns stops too."""
        if self.outcome != "passed":
            return self
        refusing = [each for each in self.objections if strict or each.severity == "refuses"]
        if not refusing:
            return self
        return self.replace(outcome="undecided" if self.unknown else "rejected")

    def joined(self, other: Result) -> Result:
        """Both together; certain refusals outweigh what is unknown."""
        refuses = [each for each in (self, other) if any(o.severity == "refuses" for o in each.objections)]
        return Result(
            said=(*self.said, *other.said),
            objections=(*self.objections, *other.objections),
            facts={**self.facts, **other.facts},
            unknown=bool(refuses) and all(each.unknown for each in refuses),
        )


class Action(Record):
    """How a step is done. `pending`: what a changing step would change now, empty when it is done already.

    `foretell` stands in for it where nothing may be changed; a changing step without it is passed over then.
    """

    perform: Callable[[], Result]
    pending: Callable[[], tuple[str, ...]] = lambda: ()
    foretell: Callable[[], Result] | None = None
    undo: Callable[[], Result] | None = None


def failed(error: VouchsafeError) -> Result:
    """An error as what the step came to: it never passes."""
    objection = Objection(code=error.code, message=error.message, fix=error.hint)
    return Result(objections=(objection,), unknown=True, outcome=_outcome(error))


def _outcome(error: VouchsafeError) -> Outcome:
    match error:
        case ConfigurationError():
            return "configuration"
        case HostError(code="host-refused" | "host-proof") | VerificationError():
            return "rejected"
        case Unavailable() | _:
            return "undecided"


def shortened(lines: tuple[str, ...]) -> tuple[str, ...]:
    """At most MOST_LINES, and how many more there were."""
    if len(lines) <= MOST_LINES:
        return lines
    return (*lines[:MOST_LINES], f"… and {len(lines) - MOST_LINES} more")
