"""`vouchsafe host smoke`: the host's own clients pull what they must and refuse the rest, in a rehearsal."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from xml.sax.saxutils import quoteattr

from vouchsafe import wiring
from vouchsafe.cli import ACCEPTED, REJECTED, UNDECIDED
from vouchsafe.cli.console import Console
from vouchsafe.cli.host_tools import first_boot, tools_and_laboratory
from vouchsafe.cli.host_wish import applied_host
from vouchsafe.errors import printable
from vouchsafe.host import own_image, pullers, smoke
from vouchsafe.host.laboratory import Laboratory
from vouchsafe.host.leg import Leg
from vouchsafe.host.own_image import Own
from vouchsafe.host.pullers import Puller, Rules, Tools
from vouchsafe.host.rehearsal import ROOT, Script, rehearsal
from vouchsafe.image.reference import Reference
from vouchsafe.policy.compile import Form
from vouchsafe.wiring import machine
from vouchsafe.wiring.places import Places


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Rehearse, print each leg as it ends."""
    said = _say_leg(console) if arguments.output == "text" else _silent
    form = arguments.form or applied_host(machine.files()).form
    images = tuple(Reference.parse(each) for each in arguments.images)
    legs = rehearse(wiring.this_host(), said, form=form, images=images)
    problem = smoke.summary(legs)
    if arguments.output == "json":
        console.document(_json(legs, problem))
    elif arguments.output == "junit":
        console.print(_junit(legs))
    elif problem:
        console.print(f"{console.style('failed', 'bad')}: {printable(problem)}")
    else:
        console.print(f"{console.style('proven', 'good')}: {len(legs)} legs, all as they should be")
    return UNDECIDED if not legs else REJECTED if problem else ACCEPTED


def rehearse(
    host: wiring.Host,
    said: Callable[[Leg], None],
    *,
    form: Form = "pki",
    images: Sequence[Reference] = (),
) -> tuple[Leg, ...]:
    """Every leg with every client of this host, and those of images of the operator's own.

    HostError, ConfigurationError, Unavailable, MalformedError.
    """
    legs: list[Leg] = []
    with tools_and_laboratory(host) as (tools, laboratory):
        clients = pullers.used(pullers.found(tools), laboratory.probes.image, tools)
        files = machine.files(f"{tools.scratch.root}{ROOT}")

        def publish(root: str) -> None:
            # Its clients see the whole machine: paths in its policy are the machine's own.
            first_boot(Places.below(root).replace(root=""), host)

        with rehearsal(
            tools, laboratory, files, Script(publish=publish, form=form, now=host.clock.now)
        ) as stage:
            for leg in smoke.smoke(stage, clients, pause=machine.pause):
                legs.append(leg)
                said(leg)
        for leg in _own(images, clients, tools, laboratory, host):
            legs.append(leg)
            said(leg)
    return tuple(legs)


def _own(
    images: Sequence[Reference],
    clients: tuple[Puller, ...],
    tools: Tools,
    laboratory: Laboratory,
    host: wiring.Host,
) -> Iterator[Leg]:
    """By what this host says to whoever runs this: its files, its registries, its credentials."""
    live = Rules(
        policy="", registries="", home=host.settings.home, variables=machine.environment(), is_real=True
    )
    for image in images:
        manifest, beside = machine.image_manifest(host, image)
        shown = partial(machine.show, laboratory.registry)
        own = Own(reference=image, manifest=manifest, beside=beside, shown=shown)
        yield from own_image.legs(own, clients, tools, laboratory, machine.files(), live)


def _silent(leg: Leg) -> None:
    """Nothing until the end."""


def _say_leg(console: Console) -> Callable[[Leg], None]:
    def say(leg: Leg) -> None:
        mark = console.style("ok  ", "good") if leg.behaved else console.style("FAIL", "bad")
        came_to = "pulled " if leg.pulled else "refused"
        console.print(f"{mark} {leg.client:20} {came_to}  {leg.name}: {leg.why}")
        if leg.said and (console.verbose or not leg.behaved):
            console.print(f"         {printable(leg.said)}")
        console.flush()  # into a journal or a job's log too: it takes a while

    return say


def _json(legs: tuple[Leg, ...], problem: str) -> dict[str, object]:
    listed = [
        {
            "client": leg.client,
            "leg": leg.name,
            "why": leg.why,
            "expected": "pulled" if leg.allowed else "refused",
            "got": "pulled" if leg.pulled else "refused",
            "behaved": leg.behaved,
            "said": leg.said,
        }
        for leg in legs
    ]
    return {"proven": not problem, "problem": problem, "legs": listed}


def _junit(legs: tuple[Leg, ...]) -> str:
    failures = sum(not leg.behaved for leg in legs)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuite name="vouchsafe host smoke" tests="{len(legs)}" failures="{failures}">',
    ]
    for leg in legs:
        case = f"  <testcase classname={quoteattr(leg.client)} name={quoteattr(f'{leg.name}: {leg.why}')}"
        if leg.behaved:
            lines.append(f"{case}/>")
        else:
            got = "pulled" if leg.pulled else f"refused: {printable(leg.said)}"
            lines.append(f"{case}><failure message={quoteattr(got)}/></testcase>")
    return "\n".join([*lines, "</testsuite>"])
