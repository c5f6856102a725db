"""What a runbook shows: to the person who runs it, to a fleet's tools (JSON), and to a pipeline (JUnit)."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TextIO

from vouchsafe.cli import ACCEPTED, CONFIGURATION, REJECTED, UNDECIDED, USAGE, junit
from vouchsafe.cli.console import Console
from vouchsafe.cli.edits import objections_json, show_objections
from vouchsafe.errors import printable
from vouchsafe.runbook.running import Report, Shown
from vouchsafe.runbook.step import Outcome, Runbook, Step

CODES: dict[Outcome, int] = {
    "passed": ACCEPTED,
    "rejected": REJECTED,
    "undecided": UNDECIDED,
    "configuration": CONFIGURATION,
    "waiting": USAGE,
}
_STYLES = {"passed": "good", "undone": "warn", "recovered": "warn", "begun": "dim"}
_HELD = "held"


class Screen:
    """Implements `running.Desk`: shows each step as it ends, and asks where somebody is there."""

    def __init__(
        self, console: Console, runbook: Runbook, *, shows: bool, answers: TextIO | None = None
    ) -> None:
        """`shows`: text is wanted; else only questions are asked. `answers`: where a person types."""
        self._console = console
        self._answers = answers or sys.stdin  # None where whoever started us has closed it
        self._names = runbook.names
        self._shows = shows

    def agrees(self, step: Step, changes: tuple[str, ...]) -> bool | None:
        """See the port."""
        answers = self._answers
        if answers is None or not answers.isatty() or not self._console.err.isatty():
            return None
        self._console.note(f"`{step.name}` changes this host:")
        for change in changes:
            self._console.note(f"    {printable(change)}")
        self._console.note("Go on? [y/N]")
        return answers.readline().strip().lower() in {"y", "yes"}

    def begins(self, step: Step) -> None:
        """See the port."""
        if self._console.err.isatty():
            self._console.note(self._console.style(f"… {step.name}: {step.title}", "dim"))

    def ends(self, shown: Shown) -> None:
        """See the port."""
        if not self._shows:
            return
        console, entry = self._console, shown.entry
        number = f"{self._names.index(shown.step.name) + 1}/{len(self._names)}"
        word = shown.how if shown.how in {"foretold", "passed over"} else entry.mark
        style = _STYLES.get(entry.mark, "bad")
        since = ""
        if shown.how == _HELD:
            warned = f", with {len(entry.result.objections)} warnings" if entry.result.objections else ""
            since = f"  at {entry.ended:%H:%M} UTC, on the same policy and machine{warned}"
        console.print(f"{number} {shown.step.name:10} {console.style(word, style)}{since}")
        if shown.how == _HELD and not console.verbose:
            return
        for line in entry.result.said:
            console.print(f"    {printable(line)}")
        show_objections(entry.result.objections, console)
        if entry.result.text:
            console.print(f"\n{entry.result.text}")


def steps(runbook: Runbook, console: Console) -> None:
    """The list itself."""
    console.print(console.style(f"{runbook.name}: {runbook.title}", "bold"))
    for number, step in enumerate(runbook.steps, 1):
        console.print(f"{number}. {console.style(step.name, 'bold')}: {step.title}")
        for label, text in (("checks", step.checks), ("does", step.does), ("undoes", step.undoes)):
            console.print(f"   {label:7} {text}")
        console.print(f"   by hand {step.command}")


def steps_json(runbook: Runbook) -> dict[str, object]:
    """The list as data."""
    listed = [
        {
            "name": step.name,
            "title": step.title,
            "checks": step.checks,
            "does": step.does,
            "undoes": step.undoes,
            "command": step.command,
            "changes": step.changes,
        }
        for step in runbook.steps
    ]
    return {"runbook": runbook.name, "steps": listed}


def document(
    report: Report, runbook: Runbook, about: Mapping[str, str], *, dry_run: bool
) -> dict[str, object]:
    """A run as data, for a fleet's tools and for `--like`."""
    return {
        "runbook": runbook.name,
        "outcome": report.outcome,
        "changed": report.changed,
        "takenBack": report.taken_back,
        "unproven": report.unproven,
        "dryRun": dry_run,
        "about": dict(about),
        "facts": report.facts,
        "steps": [_step_json(each) for each in report.shown],
    }


def _step_json(shown: Shown) -> dict[str, object]:
    entry = shown.entry
    return {
        "name": shown.step.name,
        "how": shown.how,
        "outcome": entry.result.outcome,
        "began": f"{entry.began:%Y-%m-%dT%H:%M:%SZ}",
        "ended": f"{entry.ended:%Y-%m-%dT%H:%M:%SZ}",
        "command": entry.command,
        "changed": entry.result.changed and shown.how != _HELD,
        "said": list(entry.result.said),
        "objections": objections_json(entry.result.objections),
        "text": entry.result.text or None,
    }


def report_junit(report: Report, runbook: Runbook) -> str:
    """Each step a case; one that could not be decided is an error, a refusal a failure."""
    cases = []
    for shown in report.shown:
        result = shown.entry.result
        details = "\n".join(f"{each.code}: {each.message}" for each in result.objections)
        first = result.objections[0] if result.objections else None
        what = (first.code, first.message, details) if first is not None else ("", "", "")
        case = junit.Case(suite=f"vouchsafe.runbook.{runbook.name}", name=_case_name(shown))
        match result.outcome:
            case "passed":
                cases.append(case.replace(output="\n".join((*result.said, details)).strip()))
            case "rejected":
                cases.append(case.replace(failure=what))
            case _:
                cases.append(case.replace(error=what))
    return junit.document(f"vouchsafe runbook {runbook.name}", cases)


def _case_name(shown: Shown) -> str:
    return f"{shown.step.name} (undone)" if shown.how == "undone" else shown.step.name


def last_line(report: Report, asked: str, console: Console) -> str:
    """How it came out, and what to do."""
    if report.taken_back:
        return f"{console.style('taken back', 'bad')}: the host is as it was before"
    if report.outcome == "passed":
        return _passed(report, asked, console)
    stopped = report.shown[-1].step.name
    still = " The change stands, unproven: run it again, or --roll-back." if report.unproven else ""
    return f"{console.style(report.outcome, 'bad')}: stopped at {stopped}; run it again and it goes on there.{still}"


def _passed(report: Report, asked: str, console: Console) -> str:
    changed = "changed" if report.changed else "nothing was changed"
    still = " The change stands, unproven until `status` has passed." if report.unproven else ""
    return f"{console.style(asked, 'good')}: {changed}.{still}"
