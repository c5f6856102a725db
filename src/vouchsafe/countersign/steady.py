"""An answer that is true of the files as they are when it is given, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from vouchsafe.countersign.state import Keeper, Ready, ready
from vouchsafe.errors import VouchsafeError
from vouchsafe.policy.verdict import Reason

TRIES = 2  # a policy that changes while it is judged is judged again, once
T = TypeVar("T")


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
