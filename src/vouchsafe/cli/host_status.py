"""`vouchsafe host status`: enforcing, open or broken, and why."""

from __future__ import annotations

import argparse

from vouchsafe.cli import ACCEPTED, REJECTED, UNDECIDED
from vouchsafe.cli.console import Console
from vouchsafe.cli.edits import objections_json, show_objections
from vouchsafe.cli.host_wish import Target
from vouchsafe.errors import ConfigurationError, HostError
from vouchsafe.host.last_audit import LastAudit, against, is_stale, last, summary
from vouchsafe.host.objection import Objection
from vouchsafe.host.status import BROKEN, ENFORCING, OPEN, Status, status
from vouchsafe.policy.scope import Policy
from vouchsafe.wiring import machine

CODES = {ENFORCING: ACCEPTED, OPEN: REJECTED, BROKEN: UNDECIDED}
_STYLES = {ENFORCING: "good", OPEN: "bad", BROKEN: "bad"}


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Look, say."""
    target = Target(arguments.root)
    found = look(target)
    audited, objections = _audited(target, found)
    notes = (*found.notes, *objections)
    if arguments.output == "json":
        document = {
            "status": found.word,
            "epoch": found.epoch,
            "since": found.since,
            "countersigned": list(found.scopes),
            "reasons": objections_json(found.reasons),
            "notes": objections_json(notes),
            "audit": None if audited is None else _audit_json(audited, found, target),
        }
        console.document(document)
        return CODES[found.word]
    since = f" policy {found.epoch} since {found.since}" if found.epoch else ""
    console.print(f"{console.style(found.word, _STYLES[found.word])}{since}")
    for scope in found.scopes:
        console.print(f"    countersigned: {scope}")
    if found.epoch and target.is_live:
        console.print(f"    {_audit_sentence(audited)}")
    show_objections((*found.reasons, *notes), console)
    return CODES[found.word]


def _audited(target: Target, found: Status) -> tuple[LastAudit | None, tuple[Objection, ...]]:
    """The last audit of what is in storage, and what it speaks against; nothing where nothing is in force."""
    if not found.epoch or not target.is_live:
        return None, ()
    try:
        audit = last(target.files)
    except HostError as error:  # that of another user
        note = Objection(code=error.code, message=error.message, fix=error.hint, severity="warns")
        return None, (note,)
    return audit, () if audit is None else tuple(against(audit, epoch=found.epoch, at=target.now()))


def _audit_json(audit: LastAudit, found: Status, target: Target) -> dict[str, object]:
    return {
        **summary(audit),
        "stale": is_stale(audit, epoch=found.epoch, at=target.now()),
    }


def _audit_sentence(audit: LastAudit | None) -> str:
    if audit is None:
        return "in storage: never looked at (vouchsafe host audit)"
    return (
        f"in storage: {audit.accepted} accepted, {audit.rejected} rejected, {audit.undecided} undecided"
        f" on {audit.at:%Y-%m-%d %H:%M} UTC"
    )


def look(target: Target) -> Status:
    """The status of a host, whether its policy loads or not."""
    loaded: Policy | ConfigurationError
    try:
        loaded = target.policy()
    except ConfigurationError as error:
        loaded = error
    return status(
        loaded,
        target.files,
        is_live=target.is_live,
        homes=target.homes(),
        problem=machine.countersigner_problem,
    )
