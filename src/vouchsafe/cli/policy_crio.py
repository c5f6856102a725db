"""`vouchsafe policy crio`: the policy in force, narrowed to Kubernetes namespaces for CRI-O."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from vouchsafe.cli import ACCEPTED, REJECTED, options
from vouchsafe.cli.console import Console
from vouchsafe.errors import MalformedError
from vouchsafe.policy import crio

if TYPE_CHECKING:
    from vouchsafe.host.crio import Namespaces

EPILOG = """Without --write the policy is printed. CRI-O judges by it what it pulls for pods of that namespace, and
again when a container starts. Its keys change whenever `vouchsafe host enable` puts another policy into force: run
this again then, and let pods pull again (imagePullPolicy: Always), because what was kept is refused.

examples:
  vouchsafe policy crio team-a
  vouchsafe policy crio team-a team-b --scope registry.example/team --write --dry-run

exit status: 0 printed or written, 1 somebody else's file is in the way, 64 usage, 78 the policy cannot be used so
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """The flags."""
    parser.add_argument(
        "names", metavar="NAMESPACE", type=_namespace, nargs="+", help="a Kubernetes namespace"
    )
    options.add_value(
        parser,
        "--scope",
        "SCOPE",
        "only images of this scope of the policy; repeat for several (default: all)",
        several=True,
    )
    parser.add_argument(
        "--dir",
        metavar="DIR",
        type=options.given,
        default=crio.FOLDER,
        help="CRI-O's signature_policy_dir (default: %(default)s)",
    )
    parser.add_argument("--write", action="store_true", help="write DIR/NAMESPACE.json")
    parser.add_argument("--dry-run", action="store_true", help="with --write: show what would change")
    parser.add_argument("--overwrite-edits", action="store_true", help="also a file of somebody else's")
    options.add_value(parser, "--root", "DIR", "of an image that is being built")
    options.add_output(parser, "text", "json")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Compile, print or write."""
    from vouchsafe.cli.host_wish import Target
    from vouchsafe.host import crio as namespaces
    from vouchsafe.host.objection import refusing

    target = Target(arguments.root)
    plan = namespaces.planned(
        target.policy(),
        target.files,
        arguments.names,
        scopes=arguments.scope,
        folder=arguments.dir,
        overwrite_edits=arguments.overwrite_edits,
    )
    if not arguments.write and arguments.output == "text":
        console.print(plan.content.decode().rstrip("\n"))
        return ACCEPTED
    refused = bool(refusing(plan.objections))
    writes = arguments.write and not arguments.dry_run and not refused
    if writes:
        namespaces.write(plan, target.files)
    _show(plan, arguments, console, written=writes)
    return REJECTED if refused else ACCEPTED


def _show(plan: Namespaces, arguments: argparse.Namespace, console: Console, *, written: bool) -> None:
    from vouchsafe.cli.edits import edits_json, objections_json, show_edits, show_objections

    if arguments.output == "json":
        document = {
            "policy": json.loads(plan.content),
            "written": written,
            "changes": edits_json(plan.changes),
            "objections": objections_json(plan.objections),
        }
        console.document(document)
        return
    show_edits(plan.changes, console)
    if not plan.changes:
        console.print("nothing to change")
    show_objections(plan.objections, console)


def _namespace(text: str) -> str:
    try:
        return crio.namespace(text)
    except MalformedError as error:
        raise argparse.ArgumentTypeError(error.message) from error
