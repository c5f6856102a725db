"""`vouchsafe host enable`, `disable` and `recover`: change a host, or put it back."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping

from vouchsafe.cli import ACCEPTED, REJECTED, break_glass
from vouchsafe.cli.console import Console
from vouchsafe.cli.edits import edits_json, objections_json, show_edits, show_objections
from vouchsafe.cli.host_plan import show
from vouchsafe.cli.host_wish import Target, applied_host, planned
from vouchsafe.errors import HostError
from vouchsafe.host import change, enforce, units
from vouchsafe.host.break_glass import end
from vouchsafe.host.plan import disabling
from vouchsafe.host.smoke import summary
from vouchsafe.machine import Runner
from vouchsafe.wiring import machine


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Do what was asked; what speaks against it is a no, not a doubt."""
    try:
        return _run(arguments, console)
    except HostError as error:
        if error.code != "host-refused":
            raise
        console.error(error.message, hint=error.hint, code=error.code)
        return REJECTED


def _run(arguments: argparse.Namespace, console: Console) -> int:
    target = Target(arguments.root)
    match arguments.action:
        case "enable":
            return _enable(arguments, target, console)
        case "disable" if arguments.dry_run or _is_refused(arguments, target):
            return _would_disable(arguments, target, console)
        case "disable":
            enforce.disable(
                target.files,
                activation=activation(arguments, target, console, verb="stop"),
                overwrite_edits=arguments.overwrite_edits,
            )
            _say({"outcome": "disabled"}, "disabled: every file is as it was", arguments, console)
            return ACCEPTED
        case _:
            outcome = enforce.recover(target.files)
            if arguments.at_boot:
                break_glass.ended(end(target.files), target)
            _say({"outcome": outcome}, f"recovered: {outcome}", arguments, console)
            return ACCEPTED


def _is_refused(arguments: argparse.Namespace, target: Target) -> bool:
    """Whether something speaks against disabling, as far as can be seen without the lock."""
    if change.is_unfinished(target.files):
        return False  # what a crash left is settled first, and then it is looked at
    return bool(disabling(target.files, overwrite_edits=arguments.overwrite_edits)[1])


def _would_disable(arguments: argparse.Namespace, target: Target, console: Console) -> int:
    edits, objections = disabling(target.files, overwrite_edits=arguments.overwrite_edits)
    changes = tuple(edit for edit in edits if edit.changes)
    outcome = "planned" if arguments.dry_run else "refused"
    if arguments.output == "json":
        said = {
            "outcome": outcome,
            "changes": edits_json(changes),
            "objections": objections_json(objections),
            "possible": not objections,
        }
        console.document(said)
    else:
        show_edits(changes if arguments.dry_run else (), console)
        show_objections(objections, console)
    return REJECTED if objections else ACCEPTED


def _enable(arguments: argparse.Namespace, target: Target, console: Console) -> int:
    plan = planned(arguments, target)
    if arguments.dry_run or plan.refusals:
        show(plan, arguments, console)
        why = "dry run" if arguments.dry_run else "refused"
        console.note(f"vouchsafe: {why}: nothing was changed")
        return REJECTED if plan.refusals else ACCEPTED
    beside = activation(arguments, target, console)
    done = enforce.enable(
        lambda: planned(arguments, target),
        target.files,
        activation=beside,
        prove=_proof(
            target,
            console,
            answers=isinstance(beside, _Systemd),
            smoke=target.is_live and not arguments.without_smoke,
        ),
    )
    if arguments.output == "text":
        show_objections(done.objections, console)
    scopes = [each.scope for each in done.containers.compiled.countersigned]
    said = {"outcome": "enforcing", "epoch": done.epoch, "countersigned": scopes}
    counted = "1 countersigned scope" if len(scopes) == 1 else f"{len(scopes)} countersigned scopes"
    _say(said, f"enforcing policy {done.epoch}: {counted}", arguments, console)
    return ACCEPTED


class _Systemd:
    """Implements `enforce.Activation` on a running machine."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def start(self) -> None:
        units.start(self._runner)

    def applied(self) -> None:
        units.publish(self._runner)

    def stop(self) -> None:
        units.stop(self._runner)


def activation(
    arguments: argparse.Namespace, target: Target, console: Console, *, verb: str = "start"
) -> enforce.Activation:
    """systemd's, where it runs and is meant; `verb`: what somebody must do where it does not."""
    without = getattr(arguments, "without_units", False) or bool(units.missing(target.files))
    if not target.is_live or without:
        return enforce.Nothing()
    if not units.systemd_runs(target.files):
        console.note(f"systemd does not run here: {verb} `vouchsafe countersign serve` yourself")
        return enforce.Nothing()
    return _Systemd(machine.programs(target.host))


def _proof(target: Target, console: Console, *, answers: bool, smoke: bool) -> Callable[[], str]:
    """That the countersigner which systemd runs answers, and the smoke test, in one sentence."""

    def prove() -> str:
        host = applied_host(target.files)
        if answers and (why := machine.countersigner_problem(host.lookaside)):
            return f"the countersigner at {host.lookaside}: {why}"
        if not smoke:
            return ""
        from vouchsafe.cli.host_smoke import rehearse

        console.patience("proving it with this host's own clients; half a minute")
        legs = rehearse(target.host, lambda _: None, form=host.form)
        console.note(f"smoke: {sum(leg.behaved for leg in legs)} of {len(legs)} legs as they should be")
        return summary(legs)

    return prove


def _say(
    document: Mapping[str, object], sentence: str, arguments: argparse.Namespace, console: Console
) -> None:
    if arguments.output == "json":
        console.document(document)
    else:
        console.print(sentence)
