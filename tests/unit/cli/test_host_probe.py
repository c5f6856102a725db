"""The table of `vouchsafe host probe`: clients side by side, reasons below, and the form that all of them take."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest

from vouchsafe.cli.console import Console
from vouchsafe.cli.host_probe import show
from vouchsafe.host.objection import Objection
from vouchsafe.host.probe import QUESTIONS, Finding
from vouchsafe.host.which_files import Answer

AT = datetime(2026, 11, 22, tzinfo=UTC)
NOTE = Objection(code="host-out-of-reach", message="got docker", severity="warns")


def of(client: str, answer: Answer, evidence: str = "it said so", **others: Answer) -> list[Finding]:
    """One client's answers."""
    return [
        Finding(client=client, question=each, answer=others.get(each, answer), evidence=evidence, at=AT)
        for each in QUESTIONS
    ]


def shown(findings: list[Finding], *, verbose: bool = False) -> list[str]:
    """The lines."""
    out = io.StringIO()
    show(findings, (NOTE,), Console(out=out, colour=False), verbose=verbose)
    return out.getvalue().splitlines()


def test_side_by_side() -> None:
    """A row a question, a column a client, the weakest form of them at the end."""
    lines = shown(of("skopeo copy", "yes") + of("podman pull", "yes", pki="no"))
    assert lines[0].split() == ["this", "client", "skopeo", "podman"]
    rows = dict(zip(QUESTIONS, (line.split()[-2:] for line in lines[1:]), strict=False))
    assert rows["pki"] == ["yes", "no"]
    assert {tuple(row) for question, row in rows.items() if question != "pki"} == {("yes", "yes")}
    assert "for `host enable`: --form key" in lines
    assert lines[-1] == "host-out-of-reach: got docker"
    assert not any("it said so" in line for line in lines)


@pytest.mark.parametrize("verbose", [False, True])
def test_what_is_not_known_has_a_reason(verbose: bool) -> None:
    """Once for a client that cannot be asked anything; each thing that was said, for who wants to know."""
    findings = of("skopeo copy", "unknown", "no such\x1b runtime") + of("podman pull", "yes", pki="no")
    lines = [line for line in shown(findings, verbose=verbose) if "unknown, " in line or "it said" in line]
    assert lines[0] == f"skopeo copy: unknown, {QUESTIONS['evaluates-policy']}: no such\\x1b runtime"
    assert len(lines) == (2 if verbose else 1)


def test_nobody_to_ask() -> None:
    """Said, and the rest of the page stands."""
    assert shown([])[0] == "no client that pulls images by policy.json was found"
