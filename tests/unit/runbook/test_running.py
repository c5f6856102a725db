"""How a run goes on, stops, goes on again and goes back: with steps that only say what they are told to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.hosts import Died, Host
from vouchsafe.errors import (
    ConfigurationError,
    HostError,
    Unavailable,
    VerificationError,
    VouchsafeError,
)
from vouchsafe.host.objection import Objection
from vouchsafe.host.state import ABSENT
from vouchsafe.runbook.journal import PATH, Book
from vouchsafe.runbook.running import FRESH, Asked, Report, Run, Shown
from vouchsafe.runbook.step import Action, Result, Runbook, Step
from vouchsafe.testing.clock import VirtualClock

REFUSES = Objection(code="no", message="expected yes, got no")
WARNS = REFUSES.replace(severity="warns")
YES, NO, MAYBE = Result(), Result(objections=(REFUSES,)), Result(objections=(WARNS,))


def step(name: str, **more: bool) -> Step:
    """A step of that name."""
    return Step(name=name, title=name, checks="", does="", undoes="puts it back", command=name, **more)


RUNBOOK = Runbook(
    name="tour",
    title="A tour",
    steps=(
        step("look"),
        step("think"),
        step("turn", changes=True, always=True),
        step("try"),
        step("see", always=True, proves=True),
    ),
)


class Desk:
    """Says the same to every question; keeps what was asked and shown."""

    def __init__(self, answer: bool | None = True) -> None:
        self.answer = answer
        self.asked: list[tuple[str, tuple[str, ...]]] = []
        self.shown: list[Shown] = []

    def agrees(self, step: Step, changes: tuple[str, ...]) -> bool | None:
        self.asked.append((step.name, changes))
        return self.answer

    def begins(self, step: Step) -> None:
        """Nothing to see."""

    def ends(self, shown: Shown) -> None:
        self.shown.append(shown)


class Tour:
    """A host that can be turned, and the answers of the other steps by name."""

    def __init__(self, folder: Path) -> None:
        self.host = Host(folder)
        self.clock = VirtualClock()
        self.desk = Desk()
        self.turned = False
        self.answers: dict[str, Result | VouchsafeError | BaseException] = {}
        self.done: list[str] = []
        self.book = self.opened()

    def opened(self, *, machine: str = "m", writes: bool = True) -> Book:
        """The journal as it lies on the disk."""
        return Book(self.host.files, machine=machine, writes=writes)

    def go(self, *, basis: str = "b", book: Book | None = None, **asked: Any) -> Report:
        """One run, in a process of its own."""
        self.book = book or self.opened()
        self.done = []
        return self._run().go(Asked(**asked), basis=basis)

    def back(self, **asked: Any) -> Report:
        """The way back."""
        self.book = self.opened()
        return self._run().back(Asked(**asked), basis="b")

    def _run(self) -> Run:
        actions = {name: Action(perform=self._answer(name)) for name in RUNBOOK.names}
        actions["turn"] = Action(perform=self._turn, pending=self._pending, undo=self._undo)
        actions["try"] = actions["try"].replace(foretell=self._answer("foretold"))
        return Run(RUNBOOK, actions, self.book, self.desk, self.clock)

    def _answer(self, name: str) -> Callable[[], Result]:
        def answer() -> Result:
            self.done.append(name)
            found = self.answers.get(name, YES)
            if isinstance(found, BaseException):
                raise found
            return found

        return answer

    def _pending(self) -> tuple[str, ...]:
        return () if self.turned else ("turn it",)

    def _turn(self) -> Result:
        answer = self._answer("turn")()
        if self.turned:
            return answer
        self.book.replace(before={"/x": ABSENT}, proven=False)
        self.turned = True
        return answer.replace(changed=True)

    def _undo(self) -> Result:
        was, self.turned = self.turned, False
        self._answer("undo")()
        self.book.replace(before=None, proven=False)
        return Result(changed=was)


@pytest.fixture
def tour(tmp_path: Path) -> Tour:
    """Nothing done yet."""
    return Tour(tmp_path)


def hows(report: Report) -> list[tuple[str, str]]:
    """Each step and how it came about."""
    return [(each.step.name, each.how) for each in report.shown]


def test_all_pass(tour: Tour) -> None:
    """In their order; the change is agreed to once, proven at the end."""
    report = tour.go()
    assert (report.outcome, report.changed, report.unproven, report.taken_back) == (
        "passed",
        True,
        False,
        False,
    )
    assert tour.done == list(RUNBOOK.names)
    assert tour.desk.asked == [("turn", ("turn it",))]
    assert [each.mark for each in tour.opened().journal.entries] == ["passed"] * 5


def test_again(tour: Tour) -> None:
    """What is known is not asked again; the change and what always looks are; nobody has to agree to nothing."""
    tour.go()
    report = tour.go()
    assert hows(report) == [
        ("look", "held"),
        ("think", "held"),
        ("turn", "done"),
        ("try", "held"),
        ("see", "done"),
    ]
    assert (report.outcome, report.changed, len(tour.desk.asked)) == ("passed", False, 1)


def test_a_stop_before_the_change(tour: Tour) -> None:
    """Leaves the host alone; the next run goes on there."""
    tour.answers["think"] = NO
    report = tour.go()
    assert (report.outcome, report.changed, tour.done) == ("rejected", False, ["look", "think"])
    tour.answers.clear()
    assert hows(tour.go())[:3] == [("look", "held"), ("think", "done"), ("turn", "done")]


@pytest.mark.parametrize("failing", ["try", "see"])
def test_a_stop_after_the_change(tour: Tour, failing: str) -> None:
    """Takes it back, whoever would have to agree; the outcome is what stopped it."""
    tour.answers[failing] = NO
    report = tour.go(yes=True)
    assert (report.outcome, report.taken_back, report.unproven, tour.turned) == (
        "rejected",
        True,
        False,
        False,
    )
    assert hows(report)[-2:] == [(failing, "done"), ("turn", "undone")]
    assert tour.desk.asked == []
    tour.answers.clear()
    again = tour.go()
    assert (again.outcome, tour.turned, "try" in tour.done) == ("passed", True, True)


def test_what_cannot_be_taken_back_is_said(tour: Tour) -> None:
    """The change stands, unproven, and nobody claims otherwise."""
    tour.answers |= {"try": NO, "undo": HostError("host-files", "expected to write, got a full disk")}
    report = tour.go()
    assert (report.outcome, report.taken_back, report.unproven) == ("undecided", False, True)


def test_a_proven_change_is_not_taken_back(tour: Tour) -> None:
    """A check that fails later opens nothing."""
    tour.go()
    tour.answers["see"] = NO
    report = tour.go()
    assert (report.outcome, report.taken_back, report.unproven, tour.turned) == (
        "rejected",
        False,
        False,
        True,
    )


def test_a_check_that_fails_beside_an_unproven_change(tour: Tour) -> None:
    """Is no proof against it: the change stands, and is said to be unproven."""
    tour.go(until="turn")
    tour.answers["look"] = Result(objections=(REFUSES,), unknown=True)
    report = tour.go(basis="another")
    assert (report.outcome, report.unproven, tour.turned) == ("undecided", True, True)


def test_until(tour: Tour) -> None:
    """The step is the last; what is unproven is said to be."""
    assert hows(tour.go(until="think")) == [("look", "done"), ("think", "done")]
    report = tour.go(until="turn")
    assert (report.outcome, report.unproven, tour.done) == ("passed", True, ["turn"])
    assert hows(tour.go())[-2:] == [("try", "done"), ("see", "done")]
    assert not tour.book.journal.is_unproven


def test_from(tour: Tour) -> None:
    """That step and all after it, whatever is known."""
    tour.go()
    tour.go(again_from="think")
    assert tour.done == ["think", "turn", "try", "see"]


@pytest.mark.parametrize(
    "basis, machine, seconds",
    [("another", "m", 0), ("b", "other", 0), ("b", "m", FRESH.total_seconds()), ("b", "m", -1)],
)
def test_what_is_known_no_longer_holds(tour: Tour, basis: str, machine: str, seconds: float) -> None:
    """Another policy, another machine, too long ago, a clock that went back: everything is asked again."""
    tour.go()
    tour.clock.advance(seconds=seconds)
    assert tour.go(basis=basis, book=tour.opened(machine=machine)).outcome == "passed"
    assert tour.done == list(RUNBOOK.names)


def test_what_follows_a_stale_step_is_asked_again(tour: Tour) -> None:
    """It was found on other ground."""
    tour.go(until="look")
    tour.clock.advance(seconds=FRESH.total_seconds() - 1)
    tour.go(until="think")
    tour.clock.advance(seconds=2)
    tour.go(until="think")
    assert tour.done == ["look", "think"]


def test_an_old_proof_does_not_prove_a_new_change(tour: Tour) -> None:
    """Turned, proven, taken back, turned again: it is tried again."""
    tour.go()
    tour.back(yes=True)
    tour.go()
    assert tour.done == ["turn", "try", "see"]


@pytest.mark.parametrize("answer, says", [(False, "got no"), (None, "no terminal")])
def test_nobody_agrees(tour: Tour, answer: bool | None, says: str) -> None:
    """Nothing is changed, and what would have been is said."""
    tour.desk.answer = answer
    report = tour.go()
    last = report.shown[-1].entry
    assert (report.outcome, report.changed, tour.turned, last.mark) == ("waiting", False, False, "waiting")
    assert last.result.said == ("turn it",)
    assert says in last.result.objections[0].message


def test_agreed_beforehand(tour: Tour) -> None:
    """Nobody is asked."""
    tour.desk.answer = None
    assert (tour.go(yes=True).outcome, tour.desk.asked) == ("passed", [])


def test_a_dry_run(tour: Tour) -> None:
    """Checks, and foretells; changes nothing and keeps nothing."""
    report = tour.go(dry_run=True, yes=True, book=tour.opened(writes=False))
    assert hows(report) == [
        ("look", "done"),
        ("think", "done"),
        ("turn", "foretold"),
        ("try", "foretold"),
        ("see", "passed over"),
    ]
    assert (tour.turned, report.changed, report.unproven, tour.desk.asked) == (False, False, False, [])
    assert tour.host.files.look(PATH).kind == "absent"


def test_a_dry_run_where_it_is_done(tour: Tour) -> None:
    """Looks at what is there."""
    tour.go()
    kept = tour.host.read(PATH)
    report = tour.go(dry_run=True, book=tour.opened(writes=False), again_from="look")
    assert tour.done == ["look", "think", "try", "see"]
    assert (report.outcome, tour.host.read(PATH)) == ("passed", kept)


def test_strict(tour: Tour) -> None:
    """What only warns stops too."""
    tour.answers["look"] = MAYBE
    assert tour.go().outcome == "passed"
    assert tour.go(strict=True, again_from="look").outcome == "rejected"


@pytest.mark.parametrize(
    "error, outcome",
    [
        (ConfigurationError("x", "x"), "configuration"),
        (Unavailable("x", "x"), "undecided"),
        (HostError("host-files", "x"), "undecided"),
        (HostError("host-refused", "x"), "rejected"),
        (VerificationError("x", "x"), "rejected"),
    ],
)
def test_errors(tour: Tour, error: VouchsafeError, outcome: str) -> None:
    """Never pass, and are kept."""
    tour.answers["look"] = error
    assert tour.go().outcome == outcome
    assert tour.opened().journal.entries[-1].mark == outcome


@pytest.mark.parametrize("where", [*RUNBOOK.names])
def test_killed_in_a_step(tour: Tour, where: str) -> None:
    """The beginning is known; the step is made again, and the run ends as if nothing had happened."""
    tour.answers[where] = Died()
    with pytest.raises(Died):
        tour.go()
    assert (tour.opened().journal.entries[-1].step, tour.opened().journal.entries[-1].mark) == (
        where,
        "begun",
    )
    tour.answers.clear()
    report = tour.go()
    assert (report.outcome, where in tour.done, tour.turned, report.unproven) == ("passed", True, True, False)


def test_back(tour: Tour) -> None:
    """Undone once; the second time there is nothing to undo and nothing to agree to."""
    tour.go()
    report = tour.back()
    assert (report.outcome, report.changed, tour.turned) == ("passed", True, False)
    assert tour.desk.asked[-1] == ("turn", ("puts it back",))
    tour.desk.answer = None
    again = tour.back()
    assert (again.outcome, again.changed) == ("passed", False)


def test_nobody_agrees_to_go_back(tour: Tour) -> None:
    """It stays."""
    tour.go()
    tour.desk.answer = None
    report = tour.back()
    assert (report.outcome, tour.turned, tour.book.journal.before is None) == ("waiting", True, False)
