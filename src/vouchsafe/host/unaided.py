"""Proof without a countersigner: each client judges a pipeline's signature by itself, by a key that upstream brought.

The laboratory's images, which stock clients of that day must pull or refuse by what is signed in their `.sig`. A
client that cannot pull at all refuses too, so each has a leg of both kinds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from vouchsafe.host.laboratory import Laboratory
from vouchsafe.host.leg import Leg, leg
from vouchsafe.host.probe import Finding
from vouchsafe.host.pullers import Puller, Rules, Tools, attachments, rules
from vouchsafe.policy.native import demand
from vouchsafe.record import Record

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


def ability(findings: tuple[Finding, ...]) -> Ability:
    """From answers about `key NAME`."""
    known = dict.fromkeys(each.question for each in findings)
    lacking = {each.question for each in findings if each.answer != "yes"}
    keys = tuple(question.removeprefix("key ") for question in known if question not in lacking)
    return Ability(keys=keys, findings=findings)


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
