"""`vouchsafe plugin conform`: asks a plugin every question of the kit, and prints what came of it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

from vouchsafe import wiring
from vouchsafe.cli import ACCEPTED, REJECTED, UNDECIDED, junit
from vouchsafe.cli.console import Console
from vouchsafe.cli.usage import UsageError
from vouchsafe.errors import printable
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference, parse_named
from vouchsafe.plugin.conformance import Case, Subjects, cases
from vouchsafe.plugin.kit import Kit, Result
from vouchsafe.wiring import machine


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Ask, print each result as it comes."""
    subjects = Subjects(accepted=_image(arguments.accepted), refused=_image(arguments.refused))
    questions = cases(subjects)
    only = frozenset(arguments.cases)
    if unknown := only - {case.name for case in questions}:
        raise UsageError(f"expected the name of a case, got {min(unknown)!r}", hint="--list shows them")
    if arguments.list:
        return _list(questions, console)
    if not arguments.binary:
        raise UsageError("expected a plugin to ask, got none")
    if not os.access(arguments.binary, os.X_OK):
        # Or each of sixty questions would fail for the same reason, and those that want a refusal would pass.
        raise UsageError(f"expected a program that can be run, got {arguments.binary!r}")
    said = _sayer(console) if arguments.output == "text" else _silent
    kit = Kit(os.path.abspath(arguments.binary), machine.programs(wiring.this_host()))
    results: list[Result] = []
    for result in kit.results(questions, only):
        results.append(result)
        said(result)
    _show(results, arguments, console)
    if any(result.wrong for result in results):
        return REJECTED
    return ACCEPTED if results and all(result.passed for result in results) else UNDECIDED


def _image(text: str | None) -> tuple[Reference, Digest] | None:
    """The name as somebody would ask for it, and the digest. UsageError."""
    if text is None:
        return None
    repository, tag, digest = parse_named(text)
    if digest is None:
        raise UsageError(f"expected an image with its digest, got {text!r}")
    pinned = None if tag else digest
    return Reference(transport="docker", repository=repository, tag=tag, digest=pinned), digest


def _list(questions: tuple[Case, ...], console: Console) -> int:
    width = max(len(case.name) for case in questions)
    for case in questions:
        console.print(f"{case.name:<{width}}  {case.expect:<9}  {case.why}")
    return ACCEPTED


def _silent(result: Result) -> None:
    """Nothing until the end."""


def _sayer(console: Console) -> Callable[[Result], None]:
    def say(result: Result) -> None:
        marks = {"passed": ("ok  ", "good"), "failed": ("FAIL", "bad"), "skipped": ("skip", "warn")}
        word, style = marks[_outcome(result)]
        console.print(f"{console.style(word, style)} {result.case.name}: {result.case.why}")
        if not result.passed:
            console.print(f"       {printable(result.wrong or result.skipped)}")
        if result.said and (result.wrong or console.verbose):
            console.print(f"       it said {result.said}")

    return say


def _show(results: list[Result], arguments: argparse.Namespace, console: Console) -> None:
    counts = {
        word: sum(_outcome(each) == word for each in results) for word in ("passed", "failed", "skipped")
    }
    if arguments.output == "json":
        listed = [
            {
                "name": each.case.name,
                "why": each.case.why,
                "outcome": _outcome(each),
                "message": each.wrong or each.skipped,
                "said": each.said,
            }
            for each in results
        ]
        said = {"plugin": arguments.binary, **counts, "cases": listed}
        console.document(said)
    elif arguments.output == "junit":
        console.print(
            junit.document(f"vouchsafe plugin conform {arguments.binary}", [_case(each) for each in results])
        )
    else:
        console.print(", ".join(f"{count} {word}" for word, count in counts.items()))


def _case(result: Result) -> junit.Case:
    name = f"{result.case.name}: {result.case.why}"
    suite = "vouchsafe.plugin.conform"
    if result.wrong:
        return junit.Case(suite=suite, name=name, failure=("protocol", result.wrong, result.said))
    if result.skipped:
        return junit.Case(suite=suite, name=name, error=("not-asked", result.skipped, ""))
    return junit.Case(suite=suite, name=name)


def _outcome(result: Result) -> str:
    return "passed" if result.passed else "failed" if result.wrong else "skipped"
