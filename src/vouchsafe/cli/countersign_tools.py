"""What the actions of `vouchsafe countersign` share: the workbench, lengths of time, how judgements are shown."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from vouchsafe.cli import ACCEPTED, REJECTED, UNDECIDED
from vouchsafe.cli.console import Console
from vouchsafe.cli.usage import UsageError
from vouchsafe.countersign.acceptance import Acceptance
from vouchsafe.countersign.advance import Admitted
from vouchsafe.countersign.database import InMemory
from vouchsafe.countersign.workbench import Workbench
from vouchsafe.errors import printable
from vouchsafe.policy.window import duration
from vouchsafe.wiring import countersign as wiring
from vouchsafe.wiring.countersign import Places


def places_of(arguments: argparse.Namespace) -> Places:
    """Where things stand on the host that is meant."""
    return Places.below(getattr(arguments, "root", "/"), state=arguments.state_dir or "")


@contextmanager
def workbench(
    arguments: argparse.Namespace, console: Console, *, judges_nothing: bool = False
) -> Iterator[Workbench]:
    """The files of this host, and its database; with --dry-run one that is gone.

    `judges_nothing`: what is kept is all that matters. It is the real one then, also with --dry-run, and what an
    operator wants tracked is not even looked at.
    """
    places = places_of(arguments)
    around = wiring.surroundings(os.environ, uid=os.geteuid(), places=places)
    made = Workbench(
        around.configuration,
        around.upstream,
        InMemory() if getattr(arguments, "dry_run", False) and not judges_nothing else around.file,
        around.clock,
        report=console.internal,
        tracked=() if judges_nothing else wiring.tracked(places),
    )
    if getattr(arguments, "dry_run", False):
        console.note("vouchsafe: dry run: nothing is kept")
    try:
        yield made
    finally:
        made.close()


def length_of(arguments: argparse.Namespace) -> timedelta:
    """--for. UsageError."""
    length = duration(arguments.length)
    if length is None:
        raise UsageError(f"expected a length such as 30d, 12h or 90m with --for, got {arguments.length!r}")
    return length


def show(found: Iterable[Admitted], console: Console) -> int:
    """Each judgement; the worst of them as exit code."""
    worst = ACCEPTED
    for each in found:
        name = f"{each.repository}@{each.digest}"
        where = f" ({each.platform})" if each.platform else ""
        if isinstance(each.judgement, Acceptance):
            through = (
                "" if each.judgement.through is None else f", through the index {each.judgement.through}"
            )
            console.print(f"{console.style('accepted', 'good')}  {name}{where}")
            console.print(f"          {each.scope}: {printable(', '.join(each.judgement.signers))}{through}")
            continue
        refused = each.judgement
        worst = max(worst, REJECTED if refused.outcome == "rejected" else UNDECIDED)
        console.print(f"{console.style(f'{refused.outcome:<9}', 'bad')} {name}{where}")
        console.print(f"          {each.scope}: {refused.reason.message} [{refused.reason.code}]")
        if refused.reason.hint:
            console.print(f"          {refused.reason.hint}")
    return worst


def exit_code(found: Iterable[Admitted]) -> int:
    """The worst of them."""
    worst = ACCEPTED
    for each in found:
        if not isinstance(each.judgement, Acceptance):
            worst = max(worst, REJECTED if each.judgement.outcome == "rejected" else UNDECIDED)
    return worst


def as_json(each: Admitted) -> dict[str, object]:
    """A judgement as data."""
    said: dict[str, object] = {
        "repository": each.repository.name,
        "digest": str(each.digest),
        "platform": each.platform or None,
        "scope": each.scope,
    }
    if isinstance(each.judgement, Acceptance):
        through = each.judgement.through
        return said | {
            "outcome": "accepted",
            "signers": list(each.judgement.signers),
            "through": None if through is None else str(through),
        }
    reason = each.judgement.reason
    return said | {
        "outcome": each.judgement.outcome,
        "reason": {"code": reason.code, "message": reason.message, "hint": reason.hint},
    }
