"""Can this host do without the countersigner? Its clients are asked for a key that upstream brought, and put to proof.

The laboratory's images, which stock clients of that day must pull or refuse by what is signed in their `.sig`. A
client that cannot pull at all refuses too, so each has a leg of both kinds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Literal

from vouchsafe.errors import Unavailable
from vouchsafe.host import smoke
from vouchsafe.host.clients import policy_problem
from vouchsafe.host.laboratory import Laboratory
from vouchsafe.host.leg import Leg, leg
from vouchsafe.host.probe import Finding, abilities
from vouchsafe.host.pullers import Puller, Rules, Tools, attachments, rules
from vouchsafe.policy.native import NativePolicy, demand
from vouchsafe.record import Record

Compiling = Callable[[str], NativePolicy]  # by a key
Outcome = Literal["possible", "not-yet", "could-not-tell"]
# Of the laboratory's images, those that say the same to us and to a client that reads `.sig` alone.
SIGNED = "legacy"
REFUSED = ("unsigned", "mutant", "stranger", "moved", "tampered")


class Ability(Record):
    """What the clients know: keys that each knows, and what was asked of each."""

    keys: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def unknown(self) -> tuple[Finding, ...]:
        """What a client would not tell."""
        return tuple(each for each in self.findings if each.answer == "unknown")


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


def ability(findings: tuple[Finding, ...]) -> Ability:
    """From answers about `key NAME`."""
    known = dict.fromkeys(each.question for each in findings)
    lacking = {each.question for each in findings if each.answer != "yes"}
    keys = tuple(question.removeprefix("key ") for question in known if question not in lacking)
    return Ability(keys=keys, findings=findings)


def examine(stage: Stage, keys: tuple[str, ...], compiled: Compiling) -> Examined:
    """Each step only when the one before it held. ConfigurationError, HostError."""
    findings = tuple(
        finding
        for client in stage.clients
        for finding in abilities(
            client, stage.laboratory, stage.tools, [f"key {key}" for key in keys], at=stage.at
        )
    )
    able = ability(findings)
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
    proven = tuple(legs(stage.clients, stage.laboratory, stage.tools, key))
    wrong = smoke.summary(proven)
    if wrong:
        return examined.replace(legs=proven, why=f"it does not hold: {wrong}")
    return examined.replace(outcome="possible", legs=proven)


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
        return policy_problem(policy.compiled.policy, skopeo, tools.runner, tools.scratch)
    except Unavailable as error:
        return error.message


def legs(clients: tuple[Puller, ...], laboratory: Laboratory, tools: Tools, key: str) -> Iterator[Leg]:
    """Every client with every image, under a policy of one requirement that uses the key.

    Then the image that is signed, under a URI with one character more, and one less: a key that matches a part
    of a URI is not what we wait for.
    """
    uri = laboratory.main.subject
    told = _rules(laboratory, tools, key, uri, "native")
    longer = _rules(laboratory, tools, key, f"{uri}x", "native-longer")
    shorter = _rules(laboratory, tools, key, uri[:-1], "native-shorter")
    signed = laboratory.pull(SIGNED).reference
    for client in clients:
        for name in (SIGNED, *REFUSED):
            pull = laboratory.pull(name)
            yield leg(client, name, pull.why, pull.reference, told, allowed=name == SIGNED)
        yield leg(client, "longer", "the policy's URI is longer", signed, longer, allowed=False)
        yield leg(client, "shorter", "the policy's URI is shorter", signed, shorter, allowed=False)


def _rules(laboratory: Laboratory, tools: Tools, key: str, uri: str, name: str) -> Rules:
    requirement = demand(
        key,
        uri=uri,
        issuer=laboratory.main.issuer,
        ca={"caPath": laboratory.probes.fulcio},
        log={"rekorPublicKeyPath": laboratory.probes.rekor},
    )
    scopes = {f"{laboratory.registry}/{laboratory.project}": [requirement]}
    policy = {"default": [{"type": "reject"}], "transports": {"docker": scopes}}
    return rules(tools.scratch, name, json.dumps(policy).encode(), attachments(laboratory.registry))
