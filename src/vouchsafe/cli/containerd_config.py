"""`vouchsafe containerd config`: the file that makes containerd ask, printed, or written and checked."""

from __future__ import annotations

import argparse

from vouchsafe.cli import ACCEPTED, REJECTED
from vouchsafe.cli.console import Console
from vouchsafe.cli.containerd_check import Checked
from vouchsafe.cli.edits import edits_json, objections_json, show_edits, show_objections
from vouchsafe.cli.host_wish import Target
from vouchsafe.cli.usage import UsageError
from vouchsafe.host.change import Edit
from vouchsafe.host.containerd import dropin, settings

RESTART = "restart containerd: it reads its configuration when it starts"


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Print, plan or write."""
    if not arguments.write:
        if arguments.dry_run:
            raise UsageError("expected --dry-run with --write, got it alone: nothing is written anyway")
        said = dropin.text(arguments.bin_dir)
        if arguments.output == "json":
            console.document({"path": dropin.PATH, "content": said})
        else:
            console.print(said.rstrip("\n"))
        return ACCEPTED
    target = Target(arguments.root)
    wanted = dropin.edits(target.files, arguments.config or settings.CONFIG, arguments.bin_dir)
    if arguments.dry_run:
        _show(wanted, None, arguments, console)
        return ACCEPTED
    return _write(wanted, target, arguments, console)


def _write(wanted: tuple[Edit, ...], target: Target, arguments: argparse.Namespace, console: Console) -> int:
    """Write, look whether it holds, and take it back if it does not."""
    dropin.make(wanted, target.files)
    try:
        checked = Checked(arguments, target)
    except BaseException:
        dropin.undo(wanted, target.files)
        raise
    if not checked.holds:
        dropin.undo(wanted, target.files)
    _show(wanted, checked, arguments, console)
    main = arguments.config or settings.CONFIG
    if not (checked.holds or dropin.may_be_imported(target.files, main)):
        console.note(f"{main} imports nothing from {dropin.FOLDER}: it needs imports = {dropin.IMPORTS}")
    return ACCEPTED if checked.holds else REJECTED


def _show(
    wanted: tuple[Edit, ...], checked: Checked | None, arguments: argparse.Namespace, console: Console
) -> None:
    kept = checked is None or checked.holds
    if arguments.output == "json":
        document = {
            "written": bool(wanted) and checked is not None and kept,
            "changes": edits_json(wanted),
            "objections": objections_json(checked.objections if checked else ()),
        }
        console.document(document)
        return
    show_edits(wanted, console)
    if not wanted:
        console.print("nothing to change")
    if checked is not None:
        show_objections(checked.objections, console)
        console.print(RESTART if kept else "taken back: every file is as it was")
