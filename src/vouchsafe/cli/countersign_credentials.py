"""`vouchsafe countersign credentials`: root's auth files for the service, over one connection of systemd's."""

from __future__ import annotations

import argparse

from vouchsafe.cli import ACCEPTED
from vouchsafe.cli.console import Console
from vouchsafe.wiring import authority

STANDARD_INPUT = 0


def run(arguments: argparse.Namespace, console: Console) -> int:
    """For one caller."""
    count = authority.hand_over_credentials(STANDARD_INPUT, authority.owner_of(arguments.account))
    if console.verbose:
        console.note(f"vouchsafe: {count} auth files")
    return ACCEPTED
