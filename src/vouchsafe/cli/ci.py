"""`vouchsafe ci`: what a pipeline asks besides signing: would the registry's cleanup delete signatures, and reports."""

from __future__ import annotations

import argparse

from vouchsafe.cli import ci_cleanup, ci_report
from vouchsafe.cli.console import Console


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the actions."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, module in (("lint-cleanup", ci_cleanup), ("report", ci_report)):
        summary = module.SUMMARY
        module.configure(
            actions.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        )


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Do what was asked."""
    if arguments.action == "report":
        return ci_report.run(arguments, console)
    return ci_cleanup.run(arguments, console)
