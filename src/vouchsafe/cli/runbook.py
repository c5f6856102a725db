"""`vouchsafe runbook`: an operator's list, step by step, with a journal, a log and a way back."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from vouchsafe import wiring
from vouchsafe.cli import ACCEPTED, options, runbook_about, runbook_output
from vouchsafe.cli.console import Console
from vouchsafe.cli.host import add_wish
from vouchsafe.cli.host_wish import Target
from vouchsafe.cli.runbook_output import CODES, Screen
from vouchsafe.cli.usage import UsageError
from vouchsafe.errors import ConfigurationError
from vouchsafe.host import change, enforce
from vouchsafe.record import Record
from vouchsafe.runbook import log
from vouchsafe.runbook.actions import ReEnable, Wanted
from vouchsafe.runbook.journal import LOCK, Book, read
from vouchsafe.runbook.re_enable import NAME, RUNBOOK
from vouchsafe.runbook.running import Asked, Report, Run, recovered
from vouchsafe.runbook.step import Runbook

_RE_ENABLE = """examples:
  vouchsafe runbook re-enable --list
        the steps: what each checks, does and undoes
  vouchsafe runbook re-enable --image registry.example/os/base:stable --until plan
        everything that changes nothing, and the text to send beforehand
  vouchsafe runbook re-enable --image registry.example/os/base:stable --log ticket.md
        all of it; asks before it changes this host, and takes it back when the proof fails
  vouchsafe runbook re-enable --images images.txt --yes --like canary.json -o json
        on each further host of a fleet
  vouchsafe runbook re-enable --roll-back

Run it again after a stop or a crash: what was checked within the hour on the same policy and machine is not
checked again. Every run may be repeated; `changed` in the JSON says whether it changed anything.

exit status: 0 passed as far as asked, 1 a step refuses (what was changed is taken back), 2 a step could not
tell, 64 usage, or nobody agreed to the change, 78 the policy cannot be used
"""
_LOG = """examples:
  vouchsafe runbook log > ticket.md

Markdown that reads as plain text, with versions, times, each step's command and all that it found.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the runbooks, and `log`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    run_it = options.add_action(
        actions, NAME, "refuse what the policy does not accept, step by step", _RE_ENABLE
    )
    _add_steps(run_it)
    _add_images(run_it)
    add_wish(run_it)
    logged = options.add_action(actions, "log", "print what is known of the runs on this host", _LOG)
    for each in (run_it, logged):
        options.add_value(each, "--root", "DIR", "of an image that is being built")
    options.add_output(run_it, "text", "json", "junit")


def _add_steps(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("which steps")
    group.add_argument("--list", action="store_true", help="show the steps and do nothing")
    group.add_argument(
        "--until", metavar="STEP", choices=RUNBOOK.names, default="", help="stop after this step"
    )
    group.add_argument(
        "--from",
        dest="again_from",
        metavar="STEP",
        choices=RUNBOOK.names,
        default="",
        help="make this step and all after it again, whatever the journal knows; those before it only where "
        "what is known of them does not hold any more",
    )
    group.add_argument("--yes", action="store_true", help="agree beforehand to what changes this host")
    group.add_argument("--dry-run", action="store_true", help="make every check, change and keep nothing")
    group.add_argument("--strict", action="store_true", help="stop at what only warns, too")
    group.add_argument("--roll-back", action="store_true", help="undo in reverse what this runbook changed")
    options.add_value(group, "--log", "FILE", "write the log there, for a ticket")
    options.add_value(group, "--contact", "TEXT", "whom the announcement tells people to ask")


def _add_images(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "what is checked", "Without an image: those in /etc/vouchsafe/track, and what bootc tracks."
    )
    for flag, metavar, text in (
        ("--image", "IMAGE", "what this host must be able to pull; repeat for several, one for each scope"),
        ("--images", "FILE", "the same, one a line"),
    ):
        options.add_value(group, flag, metavar, text, several=True)
    options.add_value(
        group,
        "--like",
        "FILE",
        "what the host that went first printed with -o json: stop where policy or trust differ",
    )


class _Prepared(Record):
    runbook: Runbook
    target: Target
    book: Book
    about: dict[str, str]
    basis: str
    images: tuple[str, ...]


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Do what was asked."""
    if arguments.action == "log":
        return _log(arguments, console)
    if arguments.list:
        _list(arguments, console)
        return ACCEPTED
    if arguments.roll_back and (arguments.until or arguments.again_from or arguments.dry_run):
        raise UsageError("expected --roll-back alone, got it beside --until, --from or --dry-run")
    with _prepared(arguments) as prepared:
        report = _perform(prepared, arguments, console)
        if arguments.log:
            said = log.markdown(prepared.runbook, prepared.book.journal)
            wiring.write_file(arguments.log, said.encode())
    _say(report, prepared, arguments, console)
    return CODES[report.outcome]


@contextmanager
def _prepared(arguments: argparse.Namespace) -> Iterator[_Prepared]:
    """All that a run begins with; nobody else runs it on this host meanwhile."""
    target = Target(arguments.root)
    images = () if arguments.roll_back else runbook_about.images(arguments, target)
    about = runbook_about.about(arguments, target)

    def prepared() -> _Prepared:
        book = Book(
            target.files,
            machine=runbook_about.machine_name(runbook_about.places_of(arguments)),
            writes=not arguments.dry_run,
        )
        return _Prepared(
            runbook=runbook_about.by_hand(RUNBOOK, arguments, target, images),
            target=target,
            book=book,
            about=about,
            basis=runbook_about.basis(arguments, target, about, images),
            images=images,
        )

    if arguments.dry_run:
        yield prepared()
        return
    with target.files.only_one(LOCK):
        yield prepared()


def _perform(prepared: _Prepared, arguments: argparse.Namespace, console: Console) -> Report:
    from vouchsafe.cli.runbook_site import ThisHost

    book, clock = prepared.book, prepared.target.host.clock
    _settle(prepared, arguments)
    book.replace(about=prepared.about)
    site = ThisHost(arguments, prepared.target, console)
    wanted = Wanted(
        images=prepared.images,
        facts=prepared.about,
        like=runbook_about.like(arguments.like),
        insecure_default=arguments.insecure_default,
    )
    actions = ReEnable(site, book, clock, wanted).actions()
    screen = Screen(console, prepared.runbook, shows=arguments.output == "text")
    run_of = Run(prepared.runbook, actions, book, screen, clock)
    asked = Asked(
        until=arguments.until,
        again_from=arguments.again_from,
        yes=arguments.yes,
        dry_run=arguments.dry_run,
        strict=arguments.strict,
    )
    try:
        go = run_of.back if arguments.roll_back else run_of.go
        return go(asked, basis=prepared.basis)
    except BaseException:
        if book.journal.is_unproven:
            console.note("vouchsafe: this host is changed, unproven: run it again, or --roll-back")
        raise
    finally:
        site.close()


def _settle(prepared: _Prepared, arguments: argparse.Namespace) -> None:
    """What a crash left half done is finished or undone before anybody looks."""
    files = prepared.target.files
    if not change.is_unfinished(files):
        return
    if arguments.dry_run:
        raise ConfigurationError(
            "host-unfinished",
            "expected no unfinished change, got one that a crash left",
            hint="vouchsafe host recover",
        )
    outcome = enforce.recover(files)
    recovered(
        prepared.book,
        prepared.runbook,
        basis=prepared.basis,
        at=prepared.target.now(),
        said=f"a change that a crash left was {outcome}",
    )


def _say(report: Report, prepared: _Prepared, arguments: argparse.Namespace, console: Console) -> None:
    match arguments.output:
        case "json":
            about = prepared.about
            console.document(
                runbook_output.document(report, prepared.runbook, about, dry_run=arguments.dry_run)
            )
        case "junit":
            console.print(runbook_output.report_junit(report, prepared.runbook))
        case _:
            asked = "rolled back" if arguments.roll_back else "dry run" if arguments.dry_run else "passed"
            console.print(runbook_output.last_line(report, asked, console))


def _list(arguments: argparse.Namespace, console: Console) -> None:
    if arguments.output == "json":
        console.document(runbook_output.steps_json(RUNBOOK))
    else:
        runbook_output.steps(RUNBOOK, console)


def _log(arguments: argparse.Namespace, console: Console) -> int:
    target = Target(arguments.root)
    machine_name = runbook_about.machine_name(runbook_about.places_of(arguments))
    journal = read(target.files, machine_name)
    if not journal.entries:
        raise ConfigurationError("runbook-none", "expected a runbook that was run on this host, got none")
    console.print(log.markdown(RUNBOOK, journal).rstrip())
    return ACCEPTED
