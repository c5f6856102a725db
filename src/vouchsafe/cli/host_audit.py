"""`vouchsafe host audit`: what is in storage already, judged by the policy of today."""

from __future__ import annotations

import argparse

from vouchsafe import wiring
from vouchsafe.admission import Question, admit
from vouchsafe.cli import ACCEPTED, REJECTED, UNDECIDED, options
from vouchsafe.cli.console import Console
from vouchsafe.cli.host_wish import Target, applied_host
from vouchsafe.cli.json_output import reason
from vouchsafe.errors import ConfigurationError, HostError, printable
from vouchsafe.host.audit import BOOTC_STORAGE, Audited, audit, kept
from vouchsafe.host.last_audit import keep, summed
from vouchsafe.image.reference import Reference
from vouchsafe.policy.compile import compile_policy
from vouchsafe.policy.scope import Policy
from vouchsafe.policy.verdict import Accepted, Rejected, Verdict
from vouchsafe.wiring import machine

_STYLES = {"accepted": "good", "rejected": "bad", "undecided": "warn"}


def run(arguments: argparse.Namespace, console: Console) -> int:
    """List, judge, say."""
    host = options.host_of(arguments)
    target = Target()
    policy = wiring.policy_of_files((arguments.policy,)) if arguments.policy else target.policy()
    images = kept(machine.programs(host), _storages(arguments))
    with wiring.Sources(host) as sources:

        def judge(reference: Reference, alone: Policy) -> Verdict:
            question = Question(reference=reference, policy=alone, longest=host.timeout)
            return admit(question, registry=sources.for_one(), clock=host.clock, world=host.world)

        found = tuple(audit(images, policy, judge))
    if not (arguments.policy or arguments.storage):  # else it says nothing about this host as it stands
        _keep(found, policy, target, console)
    if arguments.output == "json":
        console.document({"images": [*map(_json, found)]})
    else:
        _print(found, console)
    return _code(found)


def _keep(found: tuple[Audited, ...], policy: Policy, target: Target, console: Console) -> None:
    """For `status`. Who may not write it has still been told what was found."""
    try:
        epoch = compile_policy(policy, applied_host(target.files)).epoch
    except ConfigurationError:
        epoch = ""
    try:
        keep(summed(found, epoch=epoch, at=target.now()), target.files)
    except HostError as error:
        console.note(f"vouchsafe: not kept for `vouchsafe host status`: {error.message}")


def _storages(arguments: argparse.Namespace) -> tuple[str, ...]:
    if arguments.storage:
        return tuple(arguments.storage)
    bootc = machine.files().look(BOOTC_STORAGE).kind != "absent"
    return ("", BOOTC_STORAGE) if bootc else ("",)


def _print(found: tuple[Audited, ...], console: Console) -> None:
    for each in found:
        word = each.verdict.word
        console.print(
            f"{console.style(f'{word:9}', _STYLES[word])} {printable(each.kept.name)}@{each.kept.digest}"
        )
        if not isinstance(each.verdict, Accepted) and each.verdict.reasons:
            first = each.verdict.reasons[0]
            console.print(f"          {printable(first.message)} [{first.code}]")
    console.print(f"{len(found)} images under names that the policy protects")


def _json(each: Audited) -> dict[str, object]:
    return {
        "storage": each.kept.storage or None,
        "name": each.kept.name,
        "digest": each.kept.digest,
        "scope": each.scope,
        "verdict": each.verdict.word,
        "reasons": [reason(one) for one in each.verdict.reasons],
    }


def _code(found: tuple[Audited, ...]) -> int:
    if any(isinstance(each.verdict, Rejected) for each in found):
        return REJECTED
    return ACCEPTED if all(isinstance(each.verdict, Accepted) for each in found) else UNDECIDED
