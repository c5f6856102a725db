"""`vouchsafe break-glass`: accept one digest without a signature, for a while, with a reason."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import datetime, timedelta

from vouchsafe.cli import ACCEPTED, options
from vouchsafe.cli.console import Console
from vouchsafe.cli.host_wish import Target
from vouchsafe.cli.usage import UsageError
from vouchsafe.errors import printable
from vouchsafe.host import break_glass
from vouchsafe.host.break_glass import Glass
from vouchsafe.host.change import Edit
from vouchsafe.image.reference import Reference
from vouchsafe.policy.window import duration
from vouchsafe.wiring import machine

BROKEN_ID = "5f2a8b3c76e94d5db6b7a1f0c92d4e18"  # journalctl MESSAGE_ID=…
ENDED_ID = "c1d37e0a94f84b2e8d5566a30b7f9e42"
WARNING, INFORMATION = 4, 6  # syslog's priorities
_EPILOG = """examples:
  vouchsafe break-glass registry.example/os/base@sha256:… --reason "INC-4711" --for 2h
  vouchsafe break-glass registry.example/os/base@sha256:… --reason "INC-4711" --dry-run
        every file that it would change, as a diff
  vouchsafe break-glass
        what is broken now, until when, and why
  vouchsafe break-glass --end

Works while the countersigner is down. It ends by itself: when its time is over, and at the next boot.
Until then `vouchsafe host status` says open.
Without vouchsafe the same is done by typing two files: see docs/host.md.

exit status: 0 done, 64 usage, 78 not one digest, no reason, too long
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = _EPILOG
    parser.add_argument(
        "image", metavar="IMAGE@DIGEST", nargs="?", type=options.given, help="one digest, no tag"
    )
    parser.add_argument(
        "--reason", metavar="TEXT", type=options.given, help="why; it is written to the journal"
    )
    parser.add_argument(
        "--for",
        dest="lasting",
        metavar="TIME",
        type=_time,
        default=timedelta(hours=1),
        help="30m, 2h, 1d; default: 1h",
    )
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--end", action="store_true", help="end it now: that of IMAGE@DIGEST, or all")
    group.add_argument("--expire", action="store_true", help="end what is over (its timer does this)")
    parser.add_argument("--dry-run", action="store_true", help="show what would change, and change nothing")
    options.add_value(parser, "--root", "DIR", argparse.SUPPRESS)
    options.add_output(parser, "text", "json")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Break, end, or show."""
    target = Target(arguments.root)
    if arguments.dry_run:
        _plan(arguments, target, console)
        return ACCEPTED
    over: Sequence[Glass] = ()
    if arguments.expire or arguments.end:
        over = break_glass.end(target.files, scopes=_scopes(arguments, target))
    elif arguments.image is not None:
        _break(_glass(arguments, target), target)
    ended(over, target)
    standing = break_glass.broken(target.files)
    if arguments.output == "json":
        console.document(_document(standing, over))
    else:
        _show(arguments, standing, over, console)
    return ACCEPTED


def _plan(arguments: argparse.Namespace, target: Target, console: Console) -> None:
    from vouchsafe.cli.edits import edits_json, show_edits

    edits: Sequence[Edit] = ()
    if arguments.expire or arguments.end:
        _, edits = break_glass.ending(target.files, scopes=_scopes(arguments, target))
    elif arguments.image is not None:
        edits = break_glass.breaking(_glass(arguments, target), target.files)
    changes = [edit for edit in edits if edit.changes]
    if arguments.output == "json":
        console.document({"changes": edits_json(changes)})
        return
    show_edits(changes, console)
    if not changes:
        console.print("nothing to change")


def _show(
    arguments: argparse.Namespace, standing: Sequence[Glass], over: Sequence[Glass], console: Console
) -> None:
    """What was just done, or what there is."""
    for glass in over:
        console.print(f"ended: {printable(glass.scope)}")
    if arguments.end or arguments.expire:
        if not over and arguments.end:
            console.note("vouchsafe: there was nothing to end")
        return
    for glass in standing:
        if arguments.image is None or glass.scope == _scope(arguments.image):
            console.print(_sentence(glass))
    if not standing:
        console.note("vouchsafe: no glass is broken: nothing is accepted unjudged")


def _document(standing: Sequence[Glass], over: Sequence[Glass]) -> dict[str, object]:
    broken = [
        {"scope": each.scope, "reason": each.reason, "at": _time_of(each.at), "until": _time_of(each.until)}
        for each in standing
    ]
    return {"broken": broken, "ended": [each.scope for each in over]}


def _glass(arguments: argparse.Namespace, target: Target) -> Glass:
    if arguments.reason is None:
        raise UsageError("expected a reason, got none", hint="--reason TEXT")
    reference = Reference.parse(arguments.image)
    glass = break_glass.wanted(reference, arguments.reason, arguments.lasting, target.now())
    return glass.replace(places=machine.places(target.host, glass.scope))


def _break(glass: Glass, target: Target) -> None:
    break_glass.break_it(glass, target.files)
    _journal(target, f"image policy broken: {_sentence(glass)}", BROKEN_ID, WARNING, glass)


def ended(over: Sequence[Glass], target: Target) -> None:
    """Say to the journal what was ended."""
    for glass in over:
        _journal(target, f"image policy mended: {printable(glass.scope)}", ENDED_ID, INFORMATION, glass)


def _journal(target: Target, message: str, message_id: str, priority: int, glass: Glass) -> None:
    """Of this machine only: what is done to an image happens to no host yet."""
    if target.is_live:
        machine.journal().write(message, message_id, priority, VOUCHSAFE_SCOPE=glass.scope)


def _sentence(glass: Glass) -> str:
    return f"{printable(glass.scope)} is accepted unjudged until {_time_of(glass.until)}: {printable(glass.reason)}"


def _time_of(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _scopes(arguments: argparse.Namespace, target: Target) -> Sequence[str] | None:
    """Which to end; None for all."""
    if arguments.expire:
        return break_glass.over(target.files, target.now())
    return None if arguments.image is None else [_scope(arguments.image)]


def _scope(image: str) -> str:
    """As it is recorded."""
    return str(Reference.parse(image)).removeprefix("docker://")


def _time(text: str) -> timedelta:
    lasting = duration(text)
    if lasting is None:
        raise argparse.ArgumentTypeError(f"expected a time such as 30m, 2h or 1d, got {text!r}")
    return lasting
