"""Asks a plugin the questions of `conformance`, and holds what comes against the protocol."""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Iterator

from vouchsafe.errors import MalformedError, Unavailable, printable
from vouchsafe.machine import Runner
from vouchsafe.plugin.conformance import PLAIN, SECRET, Case
from vouchsafe.protocol import ALLOW
from vouchsafe.protocol import description as descriptions
from vouchsafe.protocol.decision import Decision, parse
from vouchsafe.protocol.exchange import contradiction
from vouchsafe.record import Record

SHELL = "/bin/sh"
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
_LONGEST = 300  # characters of what a plugin said


class Result(Record):
    """What came of a case. `wrong` is empty when it passed; `skipped` says what it needs."""

    case: Case
    said: str = ""
    wrong: str = ""
    skipped: str = ""

    @property
    def passed(self) -> bool:
        """Whether it was asked, and well answered."""
        return not self.wrong and not self.skipped


class Kit:
    """Asks one plugin."""

    def __init__(self, binary: str, runner: Runner) -> None:
        """`binary`: an absolute path."""
        self._binary = binary
        self._runner = runner
        self._words: dict[str, str] = {}

    def results(self, cases: Iterable[Case], only: frozenset[str]) -> Iterator[Result]:
        """Each as it ends; `only` these names, or all. What one is compared with is always asked."""
        questions = tuple(cases)
        wanted = only or frozenset(case.name for case in questions)
        asked = wanted | {PLAIN} | {case.like for case in questions if case.name in wanted}
        for case in questions:
            if case.name not in asked:
                continue
            if case.needs:
                yield Result(case=case, skipped=f"needs {case.needs}")
                continue
            result = self._ask(case)
            if case.name in wanted:
                yield result

    def _ask(self, case: Case) -> Result:
        shell = (SHELL, "-c", case.through, "sh") if case.through else ()
        secret = (case.secret,) if case.secret else ()
        try:
            ended = self._runner.run(
                (*shell, self._binary, *secret),
                given=case.sent,
                seconds=case.seconds,
                environment=ENVIRONMENT,
            )
        except Unavailable as error:
            return Result(case=case, wrong=error.message)
        said = _shown(ended.output) or f"nothing; on standard error: {_shown(ended.errors)}"
        if case.expect == "silent":
            wrong = "expected another exit than 0, got 0" if ended.status == ALLOW else ""
        elif case.expect == "described":
            wrong = _described(case, ended.status, ended.output)
        else:
            wrong = self._answered(case, ended.status, ended.output)
        if case.secret and _tells(ended.output + ended.errors):
            wrong = "expected nothing of the credentials on standard output and error, got it"
        return Result(case=case, said=said, wrong=wrong)

    def _answered(self, case: Case, status: int, output: bytes) -> str:
        """What is wrong with a response; empty when nothing is."""
        try:
            answered = parse(output)
        except MalformedError as error:
            return f"expected one response, got exit {status} and: {error.message}"
        decision = answered.decision
        self._words[case.name] = decision.word
        return contradiction(case.request, status, answered) or self._unexpected(case, decision)

    def _unexpected(self, case: Case, decision: Decision) -> str:
        allowed = {
            "allow": ("allow",),
            "deny": ("deny",),
            "error": ("error",),
            "refused": ("deny", "error"),
            "answered": ("allow", "deny", "error"),
            "same": tuple(filter(None, (self._words.get(case.like),))),
        }[case.expect]
        if decision.word in allowed:
            return ""
        return f"expected {' or '.join(allowed) or f'an answer to {case.like}'}, got {decision.word}"


def _described(case: Case, status: int, output: bytes) -> str:
    try:
        said_id, description = descriptions.parse(output)
    except MalformedError as error:
        return f"expected a description, got exit {status} and: {error.message}"
    if status != ALLOW:
        return f"expected exit 0, got {status}"
    if said_id != case.request.id:
        return f"expected the id {case.request.id!r}, got {said_id!r}"
    return "" if 1 in description.versions else f"expected version 1, got {description.versions}"


def _tells(said: bytes) -> bool:
    """Whether the secret can be read there, as it is or as an auth.json has it."""
    login = binascii.b2a_base64(f"conformance:{SECRET}".encode(), newline=False)
    return SECRET.encode() in said or login in said


def _shown(output: bytes) -> str:
    return printable(output.decode("utf-8", "replace").strip(), _LONGEST)
