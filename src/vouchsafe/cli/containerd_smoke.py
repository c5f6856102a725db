"""`vouchsafe containerd smoke`: does the containerd that runs now refuse, because of us, what nobody vouches for?"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from vouchsafe import wiring
from vouchsafe.cli import ACCEPTED, REJECTED, UNDECIDED
from vouchsafe.cli.console import Console
from vouchsafe.cli.host_tools import tools_and_laboratory
from vouchsafe.errors import printable
from vouchsafe.host.containerd.smoke import Leg, Outcome, pulls

_MARKS: dict[Outcome, tuple[str, str]] = {
    "refused": ("ok  ", "good"),
    "pulled": ("FAIL", "bad"),
    "unclear": ("?   ", "warn"),
}


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Pull, print."""
    with tools_and_laboratory(wiring.this_host()) as (tools, laboratory):
        legs = tuple(pulls(tools.runner, laboratory.probes.image, arguments.address))
    if arguments.output == "json":
        listed = [{"way": leg.way, "outcome": leg.outcome, "said": leg.said} for leg in legs]
        console.document({"legs": listed})
    else:
        _show(legs, console)
    outcomes = {leg.outcome for leg in legs}
    return REJECTED if "pulled" in outcomes else ACCEPTED if outcomes == {"refused"} else UNDECIDED


def _show(legs: Sequence[Leg], console: Console) -> None:
    if not legs:
        console.print("neither ctr nor crictl is here to pull with")
    for leg in legs:
        mark, style = _MARKS[leg.outcome]
        console.print(f"{console.style(mark, style)} {leg.way}: {leg.outcome}")
        if leg.outcome != "refused" or console.verbose:
            console.print(f"     {printable(leg.said)}")
    if not any("CRI" in leg.way for leg in legs):
        console.print("not tried: CRI, which a kubelet uses, because crictl is not here; see `check` for it")
