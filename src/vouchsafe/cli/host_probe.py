"""`vouchsafe host probe`: what the clients on this host can do, by letting them pull; and what is past them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from vouchsafe import wiring
from vouchsafe.cli import ACCEPTED, UNDECIDED
from vouchsafe.cli.console import Console
from vouchsafe.cli.host_plan import objections_json, show_objections
from vouchsafe.cli.host_tools import tools_and_laboratory
from vouchsafe.errors import printable
from vouchsafe.host import inventory, pullers, surroundings
from vouchsafe.host.objection import Objection
from vouchsafe.host.probe import QUESTIONS, Finding, probe
from vouchsafe.machine import HostFiles
from vouchsafe.wiring import machine

SCHEMA_VERSION = 1
_STYLES = {"yes": "good", "no": "warn", "unknown": "dim"}


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Ask every client every question."""
    host = wiring.this_host()
    findings = ask(host)
    notes = notes_of(host, machine.files())
    if arguments.output == "json":
        console.print(json.dumps(_json(findings, notes), indent=2))
    else:
        _print(findings, notes, console, verbose=arguments.verbose)
    return ACCEPTED if findings else UNDECIDED


def ask(host: wiring.Host, *, only_used: bool = False) -> tuple[Finding, ...]:
    """Everything about each client. `only_used`: not about an image proxy that nothing here speaks to."""
    findings: list[Finding] = []
    with tools_and_laboratory(host) as (tools, laboratory):
        clients = pullers.found(tools)
        for puller in pullers.used(clients, laboratory.probes.image, tools) if only_used else clients:
            findings += probe(puller, laboratory, tools, at=host.clock.now())
    return tuple(findings)


def notes_of(host: wiring.Host, files: HostFiles) -> tuple[Objection, ...]:
    """What pulls images past the policy."""
    return (
        *inventory.out_of_reach(machine.programs(host)),
        *surroundings.outranking(files),
        *inventory.settings(files),
    )


def _print(
    findings: Sequence[Finding], notes: Sequence[Objection], console: Console, *, verbose: bool
) -> None:
    if not findings:
        console.print("no client that pulls images by policy.json was found")
    for client in dict.fromkeys(finding.client for finding in findings):
        console.print(console.style(client, "bold"))
        last = ""
        for finding in (each for each in findings if each.client == client):
            answer = console.style(f"{finding.answer:7}", _STYLES[finding.answer])
            console.print(f"    {answer} {QUESTIONS[finding.question]}")
            if (verbose or finding.answer == "unknown") and finding.evidence != last:
                console.print(f"            {printable(finding.evidence)}")
            last = finding.evidence
    show_objections(notes, console)


def _json(findings: Sequence[Finding], notes: Sequence[Objection]) -> dict[str, object]:
    listed = [
        {
            "client": each.client,
            "question": each.question,
            "answer": each.answer,
            "evidence": each.evidence,
            "at": f"{each.at:%Y-%m-%dT%H:%M:%SZ}",
        }
        for each in findings
    ]
    return {"schemaVersion": SCHEMA_VERSION, "findings": listed, "notes": objections_json(notes)}
