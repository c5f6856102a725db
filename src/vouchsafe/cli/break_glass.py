"""`vouchsafe break-glass`: accept one digest without a signature, for a while, with a reason."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import timedelta

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
    options.add_value(parser, "--reason", "TEXT", "why; it is written to the journal")
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
    parser.add_argument("-v", "--verbose", action="store_true", help="a trace where we fail")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Break, end, or show."""
    target = Target(arguments.root)
    if arguments.expire:
        _end(break_glass.over(target.files, target.now()), arguments, target, console)
    elif arguments.end:
        _end(None if arguments.image is None else [_scope(arguments.image)], arguments, target, console)
    elif arguments.image is None:
        listed = break_glass.broken(target.files)
        for glass in listed:
            console.print(_sentence(glass))
        if not listed:
            console.note("vouchsafe: no glass is broken: nothing is accepted unjudged")
    else:
        _break(arguments, target, console)
    return ACCEPTED


def _break(arguments: argparse.Namespace, target: Target, console: Console) -> None:
    if arguments.reason is None:
        raise UsageError("expected a reason, got none", hint="--reason TEXT")
    reference = Reference.parse(arguments.image)
    glass = break_glass.wanted(reference, arguments.reason, arguments.lasting, target.now())
    glass = glass.replace(places=machine.places(target.host, glass.scope))
    if arguments.dry_run:
        _show(break_glass.breaking(glass, target.files), console)
        return
    break_glass.break_it(glass, target.files)
    _journal(target, f"image policy broken: {_sentence(glass)}", BROKEN_ID, WARNING, glass)
    console.print(_sentence(glass))


def _end(
    scopes: Sequence[str] | None, arguments: argparse.Namespace, target: Target, console: Console
) -> None:
    if not arguments.dry_run:
        ended(break_glass.end(target.files, scopes=scopes), target, console)
        return
    _, edits = break_glass.ending(target.files, scopes=scopes)
    _show(edits, console)


def _show(edits: Sequence[Edit], console: Console) -> None:
    from vouchsafe.cli.host_plan import show_edits

    changes = [edit for edit in edits if edit.changes]
    show_edits(changes, console)
    if not changes:
        console.print("nothing to change")


def ended(over: Sequence[Glass], target: Target, console: Console | None = None) -> None:
    """Say what was ended, to the journal and to whoever asks."""
    for glass in over:
        _journal(target, f"image policy mended: {printable(glass.scope)}", ENDED_ID, INFORMATION, glass)
        if console is not None:
            console.print(f"ended: {printable(glass.scope)}")


def _journal(target: Target, message: str, message_id: str, priority: int, glass: Glass) -> None:
    """Of this machine only: what is done to an image happens to no host yet."""
    if target.is_live:
        machine.journal().write(message, message_id, priority, VOUCHSAFE_SCOPE=glass.scope)


def _sentence(glass: Glass) -> str:
    until = f"{glass.until:%Y-%m-%dT%H:%M:%SZ}"
    return f"{printable(glass.scope)} is accepted unjudged until {until}: {printable(glass.reason)}"


def _scope(image: str) -> str:
    """As it is recorded."""
    return str(Reference.parse(image)).removeprefix("docker://")


def _time(text: str) -> timedelta:
    lasting = duration(text)
    if lasting is None:
        raise argparse.ArgumentTypeError(f"expected a time such as 30m, 2h or 1d, got {text!r}")
    return lasting
