"""Carries a plan out: under a lock, after what a crash left was settled, and with a way back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from vouchsafe.errors import HostError, VouchsafeError
from vouchsafe.host import change
from vouchsafe.host.change import Outcome
from vouchsafe.host.objection import Objection, refusing
from vouchsafe.host.places import LOCK
from vouchsafe.host.plan import Plan, disabling, putting_back
from vouchsafe.host.state import ABSENT, State
from vouchsafe.machine import HostEdits
from vouchsafe.policy import applied

Proof = Callable[[], str]  # why what was enabled does not hold; empty when it does


class Activation(Protocol):
    """What runs beside the files: the countersigner's port."""

    def start(self) -> None:
        """Before clients are told to ask it. HostError."""

    def applied(self) -> None:
        """After each change of what they are told: what the new policy names is published. HostError."""

    def stop(self) -> None:
        """After they are told no more. HostError."""


class Nothing:
    """An image that is being built runs nothing."""

    def start(self) -> None:
        """Nothing."""

    def applied(self) -> None:
        """Nothing."""

    def stop(self) -> None:
        """Nothing."""


def recover(files: HostEdits) -> Outcome:
    """Finish or undo what a crash left."""
    with files.only_one(LOCK):
        return change.recover(files)


def enable(
    make_plan: Callable[[], Plan],
    files: HostEdits,
    *,
    activation: Activation = Nothing(),
    prove: Proof | None = None,
) -> Plan:
    """Put a plan into force, and take it back when `prove` says that it does not hold.

    `make_plan` is called under the lock, so that nothing changes between the plan and the change.
    HostError `host-refused` when something speaks against it, `host-proof` when it did not hold.
    """
    with files.only_one(LOCK):
        change.recover(files)
        plan = make_plan()
        _must_not_be_refused(plan.objections)
        if not plan.changes:
            return plan
        activation.start()
        change.carry_out(plan.changes, files)
        if why := _proof(activation, prove):
            change.undo(plan.changes, files)
            _as_before(activation, plan)
            raise HostError(
                "host-proof", f"expected every leg of the proof to hold, got: {why}", hint="All is as it was."
            )
        return plan


def _as_before(activation: Activation, plan: Plan) -> None:
    if plan.was_enabled:
        activation.applied()
    else:
        activation.stop()


def _proof(activation: Activation, prove: Proof | None) -> str:
    try:
        activation.applied()
        return "" if prove is None else prove()
    except VouchsafeError as error:
        return error.message


def disable(files: HostEdits, *, activation: Activation = Nothing(), overwrite_edits: bool = False) -> None:
    """Put back what was there before the first change. HostError, ConfigurationError."""
    with files.only_one(LOCK):
        change.recover(files)
        edits, objections = disabling(files, overwrite_edits=overwrite_edits)
        _must_not_be_refused(objections)
        change.carry_out(edits, files)
        activation.stop()


def put_back(
    kept: Mapping[str, State],
    files: HostEdits,
    *,
    activation: Activation = Nothing(),
    overwrite_edits: bool = False,
) -> tuple[str, ...]:
    """Make these files what they were before one change; the paths that were not so. HostError, ConfigurationError."""
    with files.only_one(LOCK):
        change.recover(files)
        edits, objections = putting_back(kept, files, overwrite_edits=overwrite_edits)
        edits = tuple(edit for edit in edits if edit.changes)
        if not edits:
            return ()
        _must_not_be_refused(objections)
        change.carry_out(edits, files)
        if kept.get(applied.PATH, ABSENT) == ABSENT:
            activation.stop()
        else:
            activation.applied()
        return tuple(edit.path for edit in edits)


def _must_not_be_refused(objections: tuple[Objection, ...]) -> None:
    refused = refusing(objections)
    if refused:
        first = refused[0]
        more = f", and {len(refused) - 1} more" if len(refused) > 1 else ""
        raise HostError("host-refused", f"{first.message}{more}", hint=first.fix)
