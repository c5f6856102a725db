"""`vouchsafe host status`: enforcing, open or broken, and why."""

from __future__ import annotations

import argparse

from vouchsafe.cli import ACCEPTED, REJECTED, UNDECIDED
from vouchsafe.cli.console import Console
from vouchsafe.cli.host_plan import objections_json, show_objections
from vouchsafe.cli.host_wish import Target
from vouchsafe.errors import ConfigurationError
from vouchsafe.host.status import BROKEN, ENFORCING, OPEN, Status, status
from vouchsafe.policy.scope import Policy
from vouchsafe.wiring import machine

CODES = {ENFORCING: ACCEPTED, OPEN: REJECTED, BROKEN: UNDECIDED}
_STYLES = {ENFORCING: "good", OPEN: "bad", BROKEN: "bad"}


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Look, say."""
    found = look(Target(arguments.root))
    if arguments.output == "json":
        document = {
            "status": found.word,
            "epoch": found.epoch,
            "since": found.since,
            "countersigned": list(found.scopes),
            "reasons": objections_json(found.reasons),
            "notes": objections_json(found.notes),
        }
        console.document(document)
        return CODES[found.word]
    since = f" policy {found.epoch} since {found.since}" if found.epoch else ""
    console.print(f"{console.style(found.word, _STYLES[found.word])}{since}")
    for scope in found.scopes:
        console.print(f"    countersigned: {scope}")
    show_objections((*found.reasons, *found.notes), console)
    return CODES[found.word]


def look(target: Target) -> Status:
    """The status of a host, whether its policy loads or not."""
    loaded: Policy | ConfigurationError
    try:
        loaded = target.policy()
    except ConfigurationError as error:
        loaded = error
    return status(
        loaded,
        target.files,
        is_live=target.is_live,
        homes=target.homes(),
        problem=machine.countersigner_problem,
    )
