"""`vouchsafe upstream check`: ask, judge, compare, tell; then remember."""

from __future__ import annotations

import argparse
import os
from contextlib import ExitStack
from datetime import UTC, date, datetime, time

from vouchsafe import wiring
from vouchsafe.cli import ACCEPTED, UNDECIDED
from vouchsafe.cli.console import Console
from vouchsafe.cli.upstream_host import HostClients
from vouchsafe.cli.upstream_output import as_json, as_text
from vouchsafe.cli.usage import UsageError
from vouchsafe.errors import Unavailable, printable
from vouchsafe.machine import HostEdits
from vouchsafe.ports import Forge
from vouchsafe.upstream import issue, markdown
from vouchsafe.upstream.check import Check, check
from vouchsafe.upstream.inquiry import Inquiry, recalled
from vouchsafe.upstream.issue import Published
from vouchsafe.upstream.memory import LOCK, Memory
from vouchsafe.upstream.others import HostAbility
from vouchsafe.upstream.question import Question
from vouchsafe.upstream.questions import QUESTIONS
from vouchsafe.wiring import upstream as wired

MOVED = 10
UNBLOCKED = 11
CODES = {"nothing-new": ACCEPTED, "could-not-ask": UNDECIDED, "moved": MOVED, "unblocked": UNBLOCKED}


def run(arguments: argparse.Namespace, console: Console) -> int:
    """The exit code says the weightiest thing."""
    project = _project(arguments)
    urls = _urls(arguments.service)
    files = wired.folder(os.environ, uid=os.getuid(), cache_dir=arguments.cache_dir or "")
    if arguments.offline or arguments.at:
        done = _again(arguments, Memory.load(files))
        _show(done, None, arguments, console)
        return CODES[done.outcome]
    with ExitStack() as held:
        if not arguments.dry_run:
            held.enter_context(files.only_one(LOCK))
        return _anew(arguments, files, urls, project, console)


def _anew(
    arguments: argparse.Namespace, files: HostEdits, urls: dict[str, str], project: str, console: Console
) -> int:
    host = wiring.this_host()
    memory = Memory.load(files)
    if memory.is_example:
        raise UsageError("expected a cache of answers, got an example", hint="Add --offline to read it.")
    questions = tuple(q for q in QUESTIONS if not (arguments.without_host and isinstance(q, HostAbility)))
    at = host.clock.now()
    with wired.services(os.environ, uid=os.getuid(), urls=urls) as services:
        every: dict[str, Forge] = {**services}
        if not arguments.without_host:
            every["host"] = HostClients(host)
        if not console.verbose:
            console.patience("asking; a first check takes a minute")
        report = (
            (lambda each: console.note(f"asking {printable(each)}")) if console.verbose else (lambda _: None)
        )
        answers = Inquiry(memory, every, at=at, report=report).ask(questions)
    done = check(questions, answers, memory, at=at)
    if not arguments.dry_run:
        memory.save(files)  # the answers, whatever comes of telling them
    published = _publish(done, project, arguments) if project else None
    if not arguments.dry_run:
        memory.checked(at)
        memory.save(files)
    _show(done, published, arguments, console)
    return CODES[done.outcome]


def _again(arguments: argparse.Namespace, memory: Memory) -> Check:
    """A check that was made, anew; nobody is asked."""
    until = _moment(arguments.at) if arguments.at else datetime.max.replace(tzinfo=UTC)
    runs = [run for run in memory.runs if run <= until]
    if not runs:
        since = f" until {arguments.at}" if arguments.at else ""
        raise Unavailable(
            "upstream-not-asked",
            f"expected a check that was made{since}, got none",
            hint="Run `vouchsafe upstream check` where there is a network, or name its --cache-dir.",
        )
    answers = recalled(_asked_then(arguments, memory, runs[-1]), memory, at=runs[-1], strict=True)
    return check(_asked_then(arguments, memory, runs[-1]), answers, memory, at=runs[-1])


def _asked_then(arguments: argparse.Namespace, memory: Memory, at: datetime) -> tuple[Question, ...]:
    """Without the host where it was not asked then."""
    asked_host = any(
        query.service == "host" and (kept := memory.kept(query, at=at)) is not None and kept.last >= at
        for query in memory.queries()
    )
    with_host = asked_host and not arguments.without_host
    return tuple(q for q in QUESTIONS if with_host or not isinstance(q, HostAbility))


def _publish(done: Check, project: str, arguments: argparse.Namespace) -> Published:
    with wired.board(
        os.environ,
        uid=os.getuid(),
        project=project,
        base_url=arguments.base_url or "",
        token_file=arguments.token_file or "",
    ) as (forge, asked):
        return issue.Board(forge, asked).publish(done, dry_run=arguments.dry_run)


def _show(done: Check, published: Published | None, arguments: argparse.Namespace, console: Console) -> None:
    match arguments.output:
        case "json":
            console.document(as_json(done, published))
        case "markdown":
            console.print(markdown.document(done).removesuffix("\n"))
        case _:
            as_text(done, console)
    if published is not None:
        where = f" {printable(published.url)}" if published.url else ""
        console.note(f"vouchsafe: issue{where}: {', '.join(published.did) or 'as it was'}")
        if arguments.dry_run and arguments.output == "text":
            console.print(issue.description(done).removesuffix("\n"))
            if done.news:
                console.print(issue.comment(done).removesuffix("\n"))


def _project(arguments: argparse.Namespace) -> str:
    if arguments.issue is None:
        for flag in ("base_url", "token_file"):
            if getattr(arguments, flag):
                raise UsageError(f"expected --issue beside --{flag.replace('_', '-')}, got none")
        return ""
    kind, _, project = str(arguments.issue).partition(":")
    if kind != "gitlab" or not project:
        raise UsageError(f"expected --issue gitlab:GROUP/PROJECT, got {arguments.issue!r}")
    if arguments.offline or arguments.at:
        raise UsageError("expected --issue with a check that asks, got --offline or --at")
    return project


def _urls(written: list[str]) -> dict[str, str]:
    found = {}
    for each in written:
        name, _, url = each.partition("=")
        if name not in wired.URLS or not url.startswith(("https://", "http://")):
            raise UsageError(
                f"expected --service NAME=URL with NAME of {', '.join(wired.URLS)}, got {each!r}"
            )
        found[name] = url
    return found


def _moment(text: str) -> datetime:
    """The end of that second, or of that day: documents show whole seconds."""
    try:
        found = datetime.fromisoformat(text)
        if len(text) == len("2026-06-15"):
            return datetime.combine(date.fromisoformat(text), time.max, tzinfo=UTC)
    except ValueError as error:
        raise UsageError(f"expected a date or an RFC 3339 time as --at, got {text!r}") from error
    if found.tzinfo is None:
        raise UsageError(f"expected a time with its zone as --at, got {text!r}")
    return found if found.microsecond else found.replace(microsecond=999_999)
