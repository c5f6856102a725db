"""JUnit XML, as GitLab and others show it beside a pipeline: one testcase a question.

A refusal is a `failure`, what could not be decided an `error`. Written by hand: four elements need no library,
and what XML cannot hold (control characters) is escaped like everything else from outside.
"""

from __future__ import annotations

from collections.abc import Sequence

from vouchsafe.errors import printable
from vouchsafe.policy.verdict import Accepted, Reason, Verdict
from vouchsafe.record import Record

_LONGEST = 100_000  # characters of one text


class Case(Record):
    """One testcase. `failure` and `error` are (code, message, details); at most one is there."""

    suite: str
    name: str
    failure: tuple[str, str, str] | None = None
    error: tuple[str, str, str] | None = None
    output: str = ""


def report(verdicts: Sequence[Verdict], *, allow_unverified: bool = False) -> str:
    """The document about verdicts."""
    return document("vouchsafe verify", [_case(verdict, allow_unverified) for verdict in verdicts])


def document(name: str, cases: Sequence[Case]) -> str:
    """One suite of cases."""
    failures = sum(case.failure is not None for case in cases)
    errors = sum(case.error is not None for case in cases)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites name="{attribute(name)}" tests="{len(cases)}" failures="{failures}" errors="{errors}">',
        f'  <testsuite name="{attribute(name)}" tests="{len(cases)}" failures="{failures}" errors="{errors}">',
        *(part for case in cases for part in _lines(case)),
        "  </testsuite>",
        "</testsuites>",
    ]
    return "\n".join(lines)


def _lines(case: Case) -> list[str]:
    lines = [f'    <testcase classname="{attribute(case.suite)}" name="{attribute(case.name)}">']
    for element, what in (("failure", case.failure), ("error", case.error)):
        if what is not None:
            code, message, details = what
            start = f'      <{element} type="{attribute(code)}" message="{attribute(message)}">'
            lines.append(f"{start}{content(details)}</{element}>")
    if case.output:
        lines.append(f"      <system-out>{content(case.output)}</system-out>")
    lines.append("    </testcase>")
    return lines


def attribute(text: str) -> str:
    """`text` between double quotes."""
    return content(text).replace('"', "&quot;").replace("\n", "&#10;")


def content(text: str) -> str:
    """`text` between tags; line ends stay."""
    safe = "\n".join(printable(line, _LONGEST) for line in text.split("\n"))
    return safe.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _case(verdict: Verdict, allow_unverified: bool) -> Case:
    suite = "vouchsafe.verify"
    if isinstance(verdict, Accepted):
        if verdict.verified or allow_unverified:
            said = "\n".join(f"signed by {_who(verdict, index)}" for index in range(len(verdict.signatures)))
            return Case(
                suite=suite, name=verdict.reference, output="\n".join((f"digest {verdict.digest}", said))
            )
        message = "accepted only because the policy accepts anything"
        return Case(suite=suite, name=verdict.reference, failure=("not-verified", message, ""))
    first = verdict.reasons[0] if verdict.reasons else Reason(code=verdict.word, message=verdict.word)
    what = (first.code, first.message, _details(verdict))
    if verdict.word == "rejected":
        return Case(suite=suite, name=verdict.reference, failure=what)
    return Case(suite=suite, name=verdict.reference, error=what)


def _who(verdict: Accepted, index: int) -> str:
    signature = verdict.signatures[index]
    return str(signature.identity or signature.key_id or "an OpenPGP key of the policy")


def _details(verdict: Verdict) -> str:
    lines = [] if verdict.digest is None else [f"digest {verdict.digest}"]
    lines += [f"{verdict.scope}: {rule}" for rule in verdict.rules]
    lines += [f"{reason.code}: {reason.message}" for reason in verdict.reasons]
    lines += [reason.hint for reason in verdict.reasons if reason.hint][:1]
    return "\n".join(lines)
