"""`vouchsafe host plan`: every file with its diff, every consequence, and what speaks against it."""

from __future__ import annotations

import argparse

from vouchsafe.cli import ACCEPTED, REJECTED
from vouchsafe.cli.console import Console
from vouchsafe.cli.edits import edits_json, objections_json, show_edits, show_objections
from vouchsafe.cli.host_wish import Target, planned
from vouchsafe.errors import printable
from vouchsafe.host.plan import Plan


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Plan, print."""
    plan = planned(arguments, Target(arguments.root))
    show(plan, arguments, console)
    return REJECTED if plan.refusals else ACCEPTED


def show(plan: Plan, arguments: argparse.Namespace, console: Console) -> None:
    """Print a plan."""
    if arguments.output == "json":
        console.document(as_json(plan))
        return
    show_edits(plan.changes, console)
    if not plan.changes:
        console.print("nothing to change: this policy is in force")
    console.print(console.style("what follows", "bold"))
    for each in plan.consequences:
        console.print(f"    {printable(each.subject)}: {each.effect}")
    show_objections(plan.objections, console)


def as_json(plan: Plan) -> dict[str, object]:
    """The plan as one document."""
    return {
        "epoch": plan.epoch,
        "changes": edits_json(plan.changes),
        "consequences": [{"subject": each.subject, "effect": each.effect} for each in plan.consequences],
        "objections": objections_json(plan.objections),
        "possible": not plan.refusals,
    }
