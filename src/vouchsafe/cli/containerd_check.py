"""`vouchsafe containerd check`: everything that lets containerd pull without asking, each with its way out."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from vouchsafe.cli import ACCEPTED, REJECTED
from vouchsafe.cli.console import Console
from vouchsafe.cli.edits import objections_json, show_objections
from vouchsafe.cli.host_wish import Target
from vouchsafe.errors import ConfigurationError, printable
from vouchsafe.host.containerd import bindir, guard, settings
from vouchsafe.host.containerd.settings import Settings
from vouchsafe.host.objection import Objection, refusing
from vouchsafe.wiring import machine


class Checked:
    """A containerd's settings and all that speaks against them."""

    def __init__(self, arguments: argparse.Namespace, target: Target) -> None:
        """Look. ConfigurationError, HostError, Unavailable."""
        self.settings = settings_of(arguments, target)
        self.objections = tuple(_objections(self.settings, target))

    @property
    def holds(self) -> bool:
        """Whether containerd asks."""
        return not refusing(self.objections)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Look, print."""
    checked = Checked(arguments, Target(arguments.root))
    if arguments.output == "json":
        document = {
            "source": checked.settings.source,
            "asks": checked.holds,
            "objections": objections_json(checked.objections),
        }
        console.document(document)
    else:
        show(checked, console)
    return ACCEPTED if checked.holds else REJECTED


def show(checked: Checked, console: Console) -> None:
    """For people."""
    word = console.style("asks", "good") if checked.holds else console.style("open", "bad")
    said = "before it pulls" if checked.holds else "it can pull without asking, or not at all"
    console.print(f"{word}  {said}, by {printable(checked.settings.source)}")
    show_objections(checked.objections, console)


def settings_of(arguments: argparse.Namespace, target: Target) -> Settings:
    """In containerd's own words, or by its files. ConfigurationError."""
    path = arguments.config or settings.CONFIG
    if arguments.config and target.files.look(path).kind == "absent":
        raise ConfigurationError("containerd-config", f"expected a file at {path}, got none")
    programs = machine.programs(target.host)
    program = arguments.containerd or programs.find("containerd")
    if not target.files.root and program is not None:
        return settings.ask(programs, program, path)
    if target.is_live and target.files.look(path).kind == "absent":
        raise ConfigurationError(
            "containerd-config",
            f"expected containerd, or its configuration at {path}, got neither",
            hint="--containerd PROGRAM and --config FILE name them.",
        )
    return settings.read(target.files, path)


def _objections(found: Settings, target: Target) -> Iterator[Objection]:
    against = tuple(guard.objections(found, target.files))
    yield from against
    if target.is_live:
        programs = machine.programs(target.host)
        if found.verifier is not None and not refusing(against):
            yield from bindir.tried(programs, found.verifier.text("bin_dir", settings.DEFAULT_BIN_DIR))
        yield from guard.past_it(programs)
    yield from guard.policy_objections(machine.policy(target.files.root), found)
