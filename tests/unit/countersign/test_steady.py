"""An answer is true of the files as they are when it is given, or says why there is none."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.countersigning import Counter, Machine
from vouchsafe.countersign.state import Ready
from vouchsafe.countersign.steady import steady
from vouchsafe.errors import Unavailable
from vouchsafe.policy.verdict import Reason


def unavailable(now: Ready) -> str:
    """A failure of ours, by name."""
    raise Unavailable("timeout", "expected an answer")


def crash(now: Ready) -> str:
    """One without a name."""
    raise ZeroDivisionError


def test_what_stands_still(counter: Counter) -> None:
    """Is answered."""
    assert steady(counter.service.keeper, lambda _: None, lambda now: now.in_force.epoch)


@pytest.mark.parametrize("work, code, reported", [(unavailable, "timeout", 0), (crash, "internal", 1)])
def test_what_goes_wrong(counter: Counter, work: Callable[[Ready], str], code: str, reported: int) -> None:
    """Is a reason; what is our own fault is reported."""
    seen: list[BaseException] = []
    found = steady(counter.service.keeper, seen.append, work)
    assert isinstance(found, Reason)
    assert (found.code, len(seen)) == (code, reported)


def test_what_does_not_stand_still(machine: Machine, counter: Counter) -> None:
    """Twice judged, and twice the policy was another by then."""
    judged: list[str] = []

    def work(now: Ready) -> str:
        judged.append(now.in_force.epoch)
        machine.apply({machine.name(): [machine.keyless()] * (len(judged) + 1)})
        return "an answer"

    found = steady(counter.service.keeper, lambda _: None, work)
    assert isinstance(found, Reason)
    assert (found.code, len(set(judged))) == ("changing", 2)
