"""`vouchsafe countersign init`: this machine's CA, made where it is missing or another's, and published."""

from __future__ import annotations

import argparse
import os

from vouchsafe.cli import ACCEPTED
from vouchsafe.cli.console import Console
from vouchsafe.cli.countersign_tools import places_of, workbench
from vouchsafe.countersign.genesis import prepare, publish_keys
from vouchsafe.countersign.state import InForce, in_force
from vouchsafe.errors import VouchsafeError
from vouchsafe.wiring import authority, clock

ROOT = "root"


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Root's oneshot at boot, and after a policy was applied for clients that want a key of each scope's own."""
    places = places_of(arguments).with_credentials(os.environ)
    owner = None if arguments.account == ROOT else authority.owner_of(arguments.account)
    files = authority.KeptAuthority(places, owner, uid=os.geteuid())
    done = prepare(files, at=clock().now(), dry_run=arguments.dry_run)
    keys: tuple[str, ...] = ()
    if not arguments.dry_run:
        keys = publish_keys(files, done.authority, _in_force(arguments, console), rotate=arguments.rotate)
    if arguments.output == "json":
        said = {
            "made": bool(done.why),
            "why": done.why or None,
            "certificate": places.published,
            "keys": list(keys),
            "ends": f"{done.authority.not_after:%Y-%m-%dT%H:%M:%SZ}",
        }
        console.document(said)
        return ACCEPTED
    if done.why:
        console.print(f"made      a CA for this machine: {done.why}")
    dry = " (would be)" if arguments.dry_run else ""
    console.print(f"published {places.published}{dry}, until {done.authority.not_after:%Y-%m-%d}")
    for path in keys:
        console.print(f"published {path}")
    return ACCEPTED


def _in_force(arguments: argparse.Namespace, console: Console) -> InForce | None:
    """The policy in force; a host that has none yet gets its CA all the same."""
    with workbench(arguments, console) as bench:
        try:
            return in_force(bench.standing())
        except VouchsafeError as error:
            console.note(f"vouchsafe: no keys of single scopes: {error.message}")
            return None
