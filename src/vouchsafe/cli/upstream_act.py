"""`vouchsafe upstream act`: can this host do without the countersigner? It asks and proves, and changes nothing."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

from vouchsafe import wiring
from vouchsafe.admission.material import root_of
from vouchsafe.cli import ACCEPTED, REJECTED, UNDECIDED
from vouchsafe.cli.console import Console
from vouchsafe.cli.host_tools import tools_and_laboratory
from vouchsafe.cli.host_wish import Target, applied_host
from vouchsafe.cli.upstream_act_output import as_json, as_text
from vouchsafe.errors import Unavailable
from vouchsafe.host import clients as loading
from vouchsafe.host import pullers, smoke, unaided
from vouchsafe.host.laboratory import Laboratory
from vouchsafe.host.leg import Leg
from vouchsafe.host.probe import abilities
from vouchsafe.host.pullers import Puller, Tools
from vouchsafe.host.unaided import Ability
from vouchsafe.policy.native import NativePolicy, Wish, compile_natively
from vouchsafe.policy.scope import Policy
from vouchsafe.record import Record
from vouchsafe.upstream.inquiry import recalled
from vouchsafe.upstream.memory import Memory
from vouchsafe.upstream.others import CANDIDATE_KEYS
from vouchsafe.upstream.policies import new_words
from vouchsafe.upstream.questions import QUESTIONS
from vouchsafe.wiring import upstream as wired

Compiling = Callable[[str], NativePolicy]  # by a key
Outcome = Literal["possible", "not-yet", "could-not-tell"]
CODES = {"possible": ACCEPTED, "not-yet": REJECTED, "could-not-tell": UNDECIDED}


class Examined(Record):
    """What was found out, as far as it got. `why` says what stands in the way; `policy` is what it would be."""

    outcome: Outcome
    why: str
    ability: Ability
    key: str = ""
    policy: NativePolicy | None = None
    legs: tuple[Leg, ...] = ()


class Stage(Record):
    """With what it is found out."""

    tools: Tools
    laboratory: Laboratory
    clients: tuple[Puller, ...]
    at: datetime


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Find out, print, and write the files where that is wanted."""
    host = wiring.this_host()
    keys = (arguments.key,) if arguments.key else candidates(arguments.cache_dir or "")
    with tools_and_laboratory(host) as (tools, laboratory):
        clients = pullers.used(pullers.found(tools), laboratory.probes.image, tools)
        stage = Stage(tools=tools, laboratory=laboratory, clients=clients, at=host.clock.now())
        done = examine(stage, keys, lambda key: _compiled(arguments, host, key, stage.at))
    if arguments.write and done.outcome == "possible" and done.policy is not None:
        _write(arguments.write, done.policy)
    if arguments.output == "json":
        console.print(as_json(done))
    else:
        as_text(done, console, written=arguments.write or "")
    return CODES[done.outcome]


def candidates(cache_dir: str) -> tuple[str, ...]:
    """The words we guess, and those that the last check found upstream."""
    memory = Memory.load(wired.folder(os.environ, uid=os.getuid(), cache_dir=cache_dir))
    now = datetime.max.replace(tzinfo=UTC)
    found = new_words(recalled(QUESTIONS, memory, at=now, strict=False), "keys")
    return tuple(dict.fromkeys((*CANDIDATE_KEYS, *found)))


def examine(stage: Stage, keys: tuple[str, ...], compiled: Compiling) -> Examined:
    """Each step only when the one before it held. ConfigurationError, HostError."""
    findings = tuple(
        finding
        for client in stage.clients
        for finding in abilities(
            client, stage.laboratory, stage.tools, [f"key {key}" for key in keys], at=stage.at
        )
    )
    able = unaided.ability(findings)
    if not able.keys:
        return _unable(able)
    key = able.keys[0]
    policy = compiled(key)
    examined = Examined(outcome="not-yet", why="", ability=able, key=key, policy=policy)
    if not policy.moved:
        return examined.replace(why="every countersigned scope would lose something, or there is none")
    problem = _problem(policy, stage.tools)
    if problem:
        return examined.replace(why=f"this host's client does not load what it would be: {problem}")
    legs = tuple(unaided.legs(stage.clients, stage.laboratory, stage.tools, key))
    wrong = smoke.summary(legs)
    if wrong:
        return examined.replace(legs=legs, why=f"it does not hold: {wrong}")
    return examined.replace(outcome="possible", legs=legs)


def _unable(able: Ability) -> Examined:
    if not able.findings:
        return Examined(outcome="could-not-tell", ability=able, why="there is no client on this host to ask")
    if able.unknown:
        first = able.unknown[0]
        return Examined(outcome="could-not-tell", ability=able, why=f"{first.client}: {first.evidence}")
    why = "no key for a pipeline's URI is judged by every client on this host"
    return Examined(outcome="not-yet", ability=able, why=why)


def _problem(policy: NativePolicy, tools: Tools) -> str:
    """Why it does not load. Without skopeo the legs alone must do."""
    skopeo = tools.runner.find("skopeo")
    if skopeo is None:
        return ""
    try:
        return loading.policy_problem(policy.compiled.policy, skopeo, tools.runner, tools.scratch)
    except Unavailable as error:
        return error.message


def _compiled(arguments: argparse.Namespace, host: wiring.Host, key: str, at: datetime) -> NativePolicy:
    target = Target()
    policy: Policy = wiring.policy_of_files([arguments.policy]) if arguments.policy else target.policy()
    wish = Wish(
        key=key,
        trust=lambda signer: root_of(signer, host.world),
        at=at,
        drop_claims=arguments.insecure_drop_claims,
    )
    return compile_natively(policy, applied_host(target.files), wish)


def _write(folder: str, policy: NativePolicy) -> None:
    wiring.write_file(os.path.join(folder, "policy.json"), policy.compiled.policy)
    wiring.write_file(os.path.join(folder, "vouchsafe.yaml"), policy.compiled.registries)
