"""`vouchsafe countersign init`: this machine's CA, made where it is missing or another's, and published."""

from __future__ import annotations

import argparse
import json
import os

from vouchsafe.cli import ACCEPTED
from vouchsafe.cli.console import Console
from vouchsafe.cli.countersign_tools import SCHEMA_VERSION, places_of
from vouchsafe.countersign.genesis import prepare
from vouchsafe.wiring import authority, clock

ROOT = "root"


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Root's oneshot at boot."""
    places = places_of(arguments)
    owner = None if arguments.account == ROOT else authority.owner_of(arguments.account)
    files = authority.KeptAuthority(places, owner, uid=os.geteuid())
    done = prepare(files, at=clock().now(), dry_run=arguments.dry_run)
    if arguments.output == "json":
        said = {
            "schemaVersion": SCHEMA_VERSION,
            "made": bool(done.why),
            "why": done.why or None,
            "certificate": places.published,
            "ends": f"{done.authority.not_after:%Y-%m-%dT%H:%M:%SZ}",
        }
        console.print(json.dumps(said, indent=2))
        return ACCEPTED
    if done.why:
        console.print(f"made      a CA for this machine: {done.why}")
    dry = " (would be)" if arguments.dry_run else ""
    console.print(f"published {places.published}{dry}, until {done.authority.not_after:%Y-%m-%d}")
    return ACCEPTED
