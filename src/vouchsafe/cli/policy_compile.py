"""`vouchsafe policy compile`: our policy in upstream's words, printed or written; nothing comes into force."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from vouchsafe.cli import ACCEPTED, REJECTED, compiling
from vouchsafe.cli.console import Console
from vouchsafe.cli.edits import objections_json, show_objections
from vouchsafe.cli.host_wish import DEFAULT_HOST
from vouchsafe.cli.policy_show import policy_of
from vouchsafe.cli.usage import UsageError
from vouchsafe.errors import printable
from vouchsafe.host import containers
from vouchsafe.host.containers import Containers
from vouchsafe.host.objection import Consequence, Objection
from vouchsafe.host.places import NO_REGISTRIES, POLICY, PUBLIC_MODE
from vouchsafe.wiring import machine, this_host

NAMES = ("policy.json", "registries.d/vouchsafe.yaml")
IN_FORCE = POLICY.rpartition("/")[0]


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Compile; print or write."""
    policy = policy_of(arguments.policy)
    host = compiling.host_of(arguments, DEFAULT_HOST)
    made = containers.written(policy, host.replace(physical=machine.physical(this_host(), policy)))
    objections = () if arguments.insecure_default else tuple(containers.open_bottom(made.as_read))
    written = _write(made, arguments.to) if arguments.to and not objections else ()
    consequences = containers.consequences(policy, made)
    if arguments.output == "json":
        document = _json(made, consequences, objections, written)
        console.document(document)
    else:
        _print(made, consequences, written, console, quiet=bool(arguments.to))
        show_objections(objections, console)
    return REJECTED if objections else ACCEPTED


def _write(made: Containers, folder: str) -> tuple[str, ...]:
    """Both files below a folder that is not what clients read. UsageError, HostError."""
    files = machine.files(folder)
    if files.root in {IN_FORCE, machine.files(IN_FORCE).root}:
        raise UsageError(
            f"expected a folder to write to, got {folder}, which clients read",
            hint="`vouchsafe host enable` puts a policy into force, with a proof and a way back.",
        )
    contents = dict(zip(NAMES, (made.compiled.policy, made.compiled.registries), strict=True))
    for name, content in contents.items():
        files.put(f"/{name}", content or NO_REGISTRIES, mode=PUBLIC_MODE)
    return tuple(f"{files.root}/{name}" for name in contents)


def _print(
    made: Containers,
    consequences: Sequence[Consequence],
    written: Sequence[str],
    console: Console,
    *,
    quiet: bool,
) -> None:
    if not quiet:
        for name, content in zip(NAMES, (made.compiled.policy, made.compiled.registries), strict=True):
            console.print(console.style(name, "bold"))
            console.print(content.decode("ascii").rstrip() or "(nothing: no scope needs a countersignature)")
    for path in written:
        console.print(f"wrote {path}")
    console.print(console.style("what follows", "bold"))
    for each in consequences:
        console.print(f"    {printable(each.subject)}: {each.effect}")


def _json(
    made: Containers,
    consequences: Sequence[Consequence],
    objections: Sequence[Objection],
    written: Sequence[str],
) -> dict[str, object]:
    return {
        "epoch": made.compiled.epoch,
        "policy": json.loads(made.compiled.policy),
        "registries": made.compiled.registries.decode("ascii"),
        "countersigned": [
            {"scope": each.scope, "marker": each.marker} for each in made.compiled.countersigned
        ],
        "consequences": [{"subject": each.subject, "effect": each.effect} for each in consequences],
        "objections": objections_json(objections),
        "written": list(written),
    }
