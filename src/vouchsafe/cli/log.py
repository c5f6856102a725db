"""`vouchsafe log`: what clients were answered lately, and why."""

from __future__ import annotations

import argparse

from vouchsafe.cli import ACCEPTED, options
from vouchsafe.cli.console import Console
from vouchsafe.cli.countersign_tools import workbench
from vouchsafe.cli.usage import UsageError
from vouchsafe.countersign.ledger import REFUSED_ID
from vouchsafe.countersign.rows import Line
from vouchsafe.errors import printable

MOST = 10_000  # lines; no more are kept
_EPILOG = f"""What was said again within minutes is not repeated here. The journal has the same:
journalctl MESSAGE_ID={REFUSED_ID} shows refusals.

examples:
  vouchsafe log
  vouchsafe log --outcome rejected
  vouchsafe log -n 500 -o json
"""
_STYLES = {"accepted": "good", "rejected": "bad", "undecided": "warn"}


def configure(parser: argparse.ArgumentParser) -> None:
    """The flags of `log`."""
    parser.epilog = _EPILOG
    parser.add_argument("-n", "--lines", metavar="N", type=int, default=20, help="default: %(default)s")
    parser.add_argument("--outcome", choices=tuple(_STYLES), default="", help="only these answers")
    parser.add_argument(
        "--root", metavar="DIR", type=options.given, default="/", help="of another machine's files"
    )
    options.add_value(parser, "--state-dir", "DIR", "default: /var/lib/vouchsafe")
    options.add_output(parser, "text", "json")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """The newest last, as a log is read."""
    if not 0 < arguments.lines <= MOST:
        raise UsageError(f"expected 1 to {MOST} lines, got {arguments.lines}")
    with workbench(arguments, console) as bench:
        lines = bench.store.lines(arguments.lines, arguments.outcome)[::-1]
    if arguments.output == "json":
        said = [_as_json(line) for line in lines]
        console.document({"lines": said})
        return ACCEPTED
    for line in lines:
        outcome = console.style(f"{line.outcome:<9}", _STYLES.get(line.outcome, "dim"))
        who = "" if line.uid < 0 else f", asked by uid {line.uid}"
        console.print(
            f"{line.at:%Y-%m-%d %H:%M:%S}  {outcome}  {printable(line.repository)}@{line.digest}{who}"
        )
        if line.code:
            console.print(f"                     {printable(line.message)} [{line.code}]")
    if not lines:
        console.note("vouchsafe: nobody was answered yet")
    return ACCEPTED


def _as_json(line: Line) -> dict[str, object]:
    return {
        "at": f"{line.at:%Y-%m-%dT%H:%M:%SZ}",
        "uid": line.uid if line.uid >= 0 else None,
        "repository": line.repository,
        "digest": line.digest,
        "outcome": line.outcome,
        "code": line.code or None,
        "message": line.message or None,
    }
