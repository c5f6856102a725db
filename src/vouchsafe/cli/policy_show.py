"""`vouchsafe policy show`: which scope and demands apply to an image, and why. Nothing is fetched."""

from __future__ import annotations

import argparse

from vouchsafe import wiring
from vouchsafe.cli import ACCEPTED, selection
from vouchsafe.cli.console import Console
from vouchsafe.cli.selection import Selection
from vouchsafe.cli.usage import UsageError
from vouchsafe.errors import printable
from vouchsafe.image.reference import Reference
from vouchsafe.policy.scope import Policy


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Look up and print."""
    reference = wiring.located(Reference.parse(arguments.image))
    chosen = Selection.of(policy_of(arguments.policy), reference)
    if arguments.output == "json":
        document = {"selection": selection.as_json(chosen)}
        console.document(document)
        return ACCEPTED
    console.print(console.style(printable(reference), "bold"))
    for line in selection.text(chosen, console):
        console.print(line)
    return ACCEPTED


def policy_of(path: str | None) -> Policy:
    """The policy at a path, or this host's."""
    if path:
        return wiring.policy_of_files((path,))
    policy = wiring.policy_of_host(wiring.this_host())
    if policy is None:
        raise UsageError(
            "expected a policy, got none: this host has no /etc/vouchsafe/policy.json", hint="give --policy"
        )
    return policy
