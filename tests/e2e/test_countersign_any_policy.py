"""Policies, names and signatures by chance: a real client pulls nothing that `vouchsafe verify` refuses by that policy.

The client asks with a digest and judges the tag itself; the verdict that it is compared with is asked by tag. The
other way round it may be refused: evidence without a name says no tag.
"""

from __future__ import annotations

import random
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.countersigning import ISSUER, Machine, Running
from tests.pulls import Proxy, Pulls
from vouchsafe.admission import Question, admit
from vouchsafe.errors import ConfigurationError
from vouchsafe.image.reference import Reference
from vouchsafe.policy import document
from vouchsafe.policy.verdict import Accepted
from vouchsafe.testing.registry import RegistryServer
from vouchsafe.testing.workload import gitlab
from vouchsafe.wiring import countersign as wiring

pytestmark = pytest.mark.peers

WHO = [
    gitlab(project_path="acme/app"),
    gitlab(project_path="acme/app", ref="refs/heads/dev"),
    gitlab(project_path="acme/router"),
]
REPOSITORIES, TAGS = ("acme/app", "acme/router"), ("v1", "prod", "dev")
VENDOR = "vendor.example/product"
ROUNDS = 4  # policies for one registry


class Chance:
    """A registry full of images, and policies for it."""

    def __init__(self, seed: int, machine: Machine) -> None:
        self.any = random.Random(seed)
        self.machine = machine

    def fill(self) -> None:
        """Few contents under many names, signed by anybody as anything."""
        for repository in REPOSITORIES:
            for tag in TAGS:
                digest = self.machine.image(repository, tag, content=self.any.choice((b"a", b"b")))
                for _ in range(self.any.randint(1, 3)):
                    who = self.any.choice(WHO)
                    if self.any.random() < 0.3:
                        self.machine.bundle(digest, repository, who)
                    else:
                        self.machine.sign(digest, repository, who, reference=self.name(repository))

    def name(self, repository: str) -> str:
        """What a signer may say that it signed."""
        other, tag = self.any.choice(REPOSITORIES), self.any.choice(TAGS)
        own = self.machine.name(repository)
        return self.any.choice((own, own, f"{own}:{tag}", f"{self.machine.name(other)}:{tag}", VENDOR))

    def scopes(self) -> dict[str, Any]:
        """A few rules, each for more or less."""
        app = self.machine.name()
        possible = [
            self.machine.registry.address,
            self.machine.name("acme"),
            app,
            f"{app}:prod",
            f"{app}:dev",
        ]
        return {scope: self.rule() for scope in self.any.sample(possible, self.any.randint(1, 4))}

    def rule(self) -> list[dict[str, Any]]:
        """One signer, or two; compared by name in one of the ways that there are."""
        identity = self.identity()
        rule = []
        for _ in range(self.any.choice((1, 1, 1, 1, 2))):
            requirement = self.machine.keyless(self.any.choice(WHO).subject, signedIdentity=identity)
            if self.any.random() < 0.7:
                anybody = {"oidcIssuer": ISSUER, "subjectRegexp": r"https://gitlab\.example/acme/.*"}
                requirement["fulcio"]["identities"] = [anybody]
            rule.append(requirement)
        return rule

    def identity(self) -> dict[str, str]:
        """signedIdentity."""
        app = self.machine.name()
        return self.any.choice(
            (
                *3 * ({"type": "matchRepository"},),
                {"type": "matchExact"},
                {"type": "matchRepoDigestOrExact"},
                {"type": "exactRepository", "dockerRepository": app},
                {"type": "exactReference", "dockerReference": f"{app}:v1"},
                {"type": "remapIdentity", "prefix": app, "signedPrefix": VENDOR},
            )
        )


def verdicts(machine: Machine, references: list[str]) -> list[bool]:
    """What `vouchsafe verify` says of each, by the policy that stands there."""
    blob = (machine.folder / "etc/vouchsafe/policy.json").read_bytes()
    policy = document.parse(blob, dialect="vouchsafe", source="policy.json")
    around = wiring.surroundings({}, uid=0, places=machine.places, clock=machine.clock)
    world = around.upstream.world(1)
    found = []
    for text in references:
        question = Question(reference=Reference.parse(text), policy=policy)
        registry = around.upstream.registry(1)
        verdict = admit(question, registry=registry, clock=machine.clock, world=world, report=_fail)
        found.append(isinstance(verdict, Accepted))
    around.upstream.close()
    return found


def _fail(error: BaseException) -> None:
    raise AssertionError("expected a verdict, got an internal error") from error


@pytest.mark.parametrize("seed", range(2))
def test_nothing_is_pulled_that_the_policy_refuses(
    seed: int, tmp_path: Path, skopeo: Path, pulls: Pulls
) -> None:
    """Every tag under every policy."""
    with RegistryServer() as registry, closing(Machine(tmp_path, registry)) as machine:
        chance = Chance(seed, machine)
        chance.fill()
        machine.apply({machine.name(): chance.rule()})
        client = machine.client(Proxy, skopeo, pulls)
        references = [f"{machine.name(each)}:{tag}" for each in REPOSITORIES for tag in TAGS]
        with Running(machine):
            for _ in range(ROUNDS):
                try:
                    machine.apply(chance.scopes())
                except ConfigurationError:
                    continue  # what no client could enforce
                for reference, accepted in zip(references, verdicts(machine, references), strict=True):
                    pulled, said = client.pull(reference)
                    pulls.note(client.name, reference, said, pulled=pulled, allowed=pulled and accepted)
