"""`vouchsafe host probe`: what the clients on this host can do, by letting them pull; and what is past them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from vouchsafe import wiring
from vouchsafe.cli import ACCEPTED, UNDECIDED
from vouchsafe.cli.console import Console
from vouchsafe.cli.edits import objections_json, show_objections
from vouchsafe.cli.host_tools import tools_and_laboratory
from vouchsafe.cli.host_wish import Target, applied_host, homes_of
from vouchsafe.errors import ConfigurationError, printable
from vouchsafe.host import inventory, pullers, surroundings
from vouchsafe.host.objection import Objection
from vouchsafe.host.probe import QUESTIONS, Finding, form, probe
from vouchsafe.machine import HostEdits
from vouchsafe.wiring import machine

_STYLES = {"yes": "good", "no": "warn", "unknown": "dim"}
_SHORT = {
    "skopeo copy": "skopeo",
    "image proxy (bootc)": "bootc",
    "podman pull": "podman",
    "buildah pull": "buildah",
}
_COLUMN = 9


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Ask every client every question."""
    host = wiring.this_host()
    target = Target()
    console.patience("letting each client pull; some seconds for each")
    findings = ask(host)
    notes = (*notes_of(host, target.files), *(() if arguments.offline else _registries(target)))
    if arguments.output == "json":
        console.document(_json(findings, notes))
    else:
        show(findings, notes, console, verbose=arguments.verbose)
    return ACCEPTED if findings else UNDECIDED


def ask(host: wiring.Host, *, only_used: bool = False) -> tuple[Finding, ...]:
    """Everything about each client. `only_used`: not about an image proxy that nothing here speaks to."""
    findings: list[Finding] = []
    with tools_and_laboratory(host) as (tools, laboratory):
        clients = pullers.found(tools)
        for puller in pullers.used(clients, laboratory.probes.image, tools) if only_used else clients:
            findings += probe(puller, laboratory, tools, at=host.clock.now())
    return tuple(findings)


def notes_of(host: wiring.Host, files: HostEdits) -> tuple[Objection, ...]:
    """What files say, in place of behaviour: what pulls images past the policy, or may."""
    programs = machine.programs(host)
    return (
        *inventory.out_of_reach(programs),
        *inventory.crio(programs, files),
        *surroundings.outranking(files, homes_of(host)),
        *surroundings.unprivileged_port(applied_host(files).lookaside, files),
        *inventory.shadows(files),
        *inventory.settings(files),
    )


def _registries(target: Target) -> Iterator[Objection]:
    """Those that the policy names and that keep signatures themselves; a policy that does not load names none."""
    try:
        policy = target.policy()
        found = machine.claims(target.host, policy)
    except ConfigurationError:
        return
    for registry, claims in found.items():
        if claims is True:
            yield Objection(
                code="registry-claims-signatures",
                message=f"expected clients to ask us about images of {registry}, got a registry that keeps signatures"
                " itself (X-Registry-Supports-Signatures): they ask it alone, and refuse",
                fix="turn that extension off at the registry, or pull through a mirror without it",
                severity="warns",
            )
        elif claims is not False:
            yield Objection(
                code="registry-not-asked",
                message=f"expected {registry} to say whether it keeps signatures itself, got: {claims}",
                severity="warns",
            )


def show(findings: Sequence[Finding], notes: Sequence[Objection], console: Console, *, verbose: bool) -> None:
    """A table, clients side by side; below it what is not known and why, or all that they said."""
    clients = list(dict.fromkeys(finding.client for finding in findings))
    if not clients:
        console.print("no client that pulls images by policy.json was found")
    else:
        width = max(map(len, QUESTIONS.values())) + 2
        names = "".join(f"{_SHORT.get(each, each):{_COLUMN}}" for each in clients)
        console.print(console.style(f"{'this client':{width}}{names}".rstrip(), "bold"))
        answers = {(each.client, each.question): each.answer for each in findings}
        for question, words in QUESTIONS.items():
            cells = [answers[client, question] for client in clients]
            said = "".join(console.style(f"{cell:{_COLUMN}}", _STYLES[cell]) for cell in cells)
            console.print(f"{words:{width}}{said}".rstrip())
        made = form(findings)
        console.print(f"for `host enable`: {'--form ' + made if made else 'no form that all of them take'}")
    for client in clients:
        _evidence([each for each in findings if each.client == client], console, verbose=verbose)
    show_objections(notes, console)


def _evidence(findings: Sequence[Finding], console: Console, *, verbose: bool) -> None:
    """What a client said, each thing once: where it is not known, or all of it."""
    last = ""
    for finding in findings:
        if (verbose or finding.answer == "unknown") and finding.evidence != last:
            words = QUESTIONS[finding.question]
            console.print(f"{finding.client}: {finding.answer}, {words}: {printable(finding.evidence)}")
            last = finding.evidence


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
    return {
        "form": form(findings),
        "findings": listed,
        "notes": objections_json(notes),
    }
