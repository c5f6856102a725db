"""`vouchsafe host enable`, `disable` and `recover`: change a host, or put it back."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping

from vouchsafe.cli import ACCEPTED, REJECTED, break_glass
from vouchsafe.cli.console import Console
from vouchsafe.cli.host_plan import show, show_objections
from vouchsafe.cli.host_wish import Target, planned
from vouchsafe.host import enforce
from vouchsafe.host.break_glass import end


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Do what was asked."""
    target = Target(arguments.root)
    match arguments.action:
        case "enable":
            return _enable(arguments, target, console)
        case "disable":
            enforce.disable(target.files, overwrite_edits=arguments.overwrite_edits)
            _say({"outcome": "disabled"}, "disabled: every file is as it was", arguments, console)
            return ACCEPTED
        case _:
            outcome = enforce.recover(target.files)
            if arguments.at_boot:
                break_glass.ended(end(target.files))
            _say({"outcome": outcome}, f"recovered: {outcome}", arguments, console)
            return ACCEPTED


def _enable(arguments: argparse.Namespace, target: Target, console: Console) -> int:
    plan = planned(arguments, target)
    if arguments.dry_run or plan.refusals:
        show(plan, arguments, console)
        return REJECTED if plan.refusals else ACCEPTED
    done = enforce.enable(lambda: planned(arguments, target), target.files)
    if arguments.output == "text":
        show_objections(done.objections, console)
    scopes = [each.scope for each in done.containers.compiled.countersigned]
    said = {"outcome": "enforcing", "epoch": done.epoch, "countersigned": scopes}
    _say(said, f"enforcing policy {done.epoch}: {len(scopes)} countersigned scopes", arguments, console)
    return ACCEPTED


def _say(
    document: Mapping[str, object], sentence: str, arguments: argparse.Namespace, console: Console
) -> None:
    console.print(json.dumps(document, indent=2) if arguments.output == "json" else sentence)
