"""`vouchsafe explain`: everything that was looked at, rule by rule, the near misses, and what to do.

Reads all evidence there is, where `verify` stops at the first that suffices. Its exit code is the verdict's.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from vouchsafe import wiring
from vouchsafe.admission import admit
from vouchsafe.cli import options, render, selection
from vouchsafe.cli.console import Console
from vouchsafe.cli.selection import Selection
from vouchsafe.cli.verify import exit_code, questions_of
from vouchsafe.cli.witness import Place, Witness
from vouchsafe.errors import printable
from vouchsafe.policy.verdict import Looked, Verdict

EPILOG = """examples:
  vouchsafe explain registry.example/group/app:v1
        why this host's policy accepts or refuses it
  vouchsafe explain -o json --key cosign.pub oci:/srv/layout:v1

exit status: as of `vouchsafe verify`.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """The flags of `verify` for one image."""
    parser.epilog = EPILOG
    parser.add_argument(
        "images", metavar="IMAGE", nargs=1, help="[docker://]NAME[:TAG|@DIGEST], oci:PATH[:TAG] or dir:PATH"
    )
    options.add_signer(parser)
    options.add_sources(parser)
    options.add_output(parser, "text", "json")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Judge thoroughly, and show all of it."""
    host = options.host_of(arguments)
    (question,) = questions_of(arguments, host, thorough=True)
    chosen = Selection.of(question.policy, question.reference)
    with wiring.Sources(host) as sources:
        witness = Witness(sources.for_one())
        verdict = admit(
            question, registry=witness, clock=host.clock, world=host.world, report=console.internal
        )
    if arguments.output == "json":
        from vouchsafe.cli.json_output import explanation

        console.document(explanation(verdict, selection.as_json(chosen), witness.places))
    else:
        for line in _text(verdict, chosen, witness.places, console):
            console.print(line)
    return exit_code(verdict)


def _text(verdict: Verdict, chosen: Selection, places: list[Place], console: Console) -> Iterator[str]:
    yield render.text(verdict, console, everything=True)
    yield from ("", console.style("the policy", "bold"))
    yield from selection.text(chosen, console)
    for index in range(len(verdict.rules)):
        looked = [look for look in verdict.looked if look.requirement == index]
        good = sum(not look.against for look in looked)
        count = f"{good} of {len(looked)} will do" if looked else "none"
        title = f"evidence for demand {index + 1}: {count}"
        yield from ("", console.style(title, "bold"))
        yield from _evidence(looked, console)
    yield from ("", console.style("where was looked", "bold"))
    for place in places:
        yield f"  {printable(place.what)}: {printable(place.answer)}"
    if not places:
        yield "  nowhere but in what was handed over"


def _evidence(looked: list[Looked], console: Console) -> Iterator[str]:
    for number, look in enumerate(looked, 1):
        mark = console.style("no ", "bad") if look.against else console.style("yes", "good")
        yield f"  {number:>3}. {mark} {printable(look.origin)} ({printable(look.media_type)})"
        lines = list(render.reason_lines(look.against, everything=True))
        if look.signature is not None:
            found = render.signature_lines(look.signature, everything=console.verbose)
            lines += [line for line in found if line[0] != "found in"]
        for label, value in lines:
            yield "     " + render.line(label, value)
