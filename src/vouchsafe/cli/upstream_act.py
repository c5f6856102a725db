"""`vouchsafe upstream act`: can this host do without the countersigner? It asks and proves, and changes nothing."""

from __future__ import annotations

import argparse
import os
from datetime import UTC, datetime

from vouchsafe import wiring
from vouchsafe.admission.material import root_of
from vouchsafe.cli import ACCEPTED, REJECTED, UNDECIDED
from vouchsafe.cli.console import Console
from vouchsafe.cli.host_tools import tools_and_laboratory
from vouchsafe.cli.host_wish import Target, applied_host
from vouchsafe.cli.upstream_act_output import as_json, as_text
from vouchsafe.host import pullers
from vouchsafe.host.unaided import Stage, examine
from vouchsafe.policy.native import NativePolicy, Wish, compile_natively
from vouchsafe.policy.scope import Policy
from vouchsafe.upstream.inquiry import recalled
from vouchsafe.upstream.memory import Memory
from vouchsafe.upstream.others import CANDIDATE_KEYS
from vouchsafe.upstream.policies import new_words
from vouchsafe.upstream.questions import QUESTIONS
from vouchsafe.wiring import upstream as wired

CODES = {"possible": ACCEPTED, "not-yet": REJECTED, "could-not-tell": UNDECIDED}


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
        console.document(as_json(done))
    else:
        as_text(done, console, written=arguments.write or "")
    return CODES[done.outcome]


def candidates(cache_dir: str) -> tuple[str, ...]:
    """The words we guess, and those that the last check found upstream."""
    memory = Memory.load(wired.folder(os.environ, uid=os.getuid(), cache_dir=cache_dir))
    now = datetime.max.replace(tzinfo=UTC)
    found = new_words(recalled(QUESTIONS, memory, at=now, strict=False), "keys")
    return tuple(dict.fromkeys((*CANDIDATE_KEYS, *found)))


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
