"""Without the countersigner the plugin judges by the same files, and is never broader than a countersignature."""

from __future__ import annotations

from typing import Any

from tests.countersigning import Machine
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference
from vouchsafe.plugin.deciding import decide
from vouchsafe.protocol.decision import Decision
from vouchsafe.protocol.request import Request


def ask(machine: Machine, digest: Digest, name: str = "", **more: Any) -> Decision:
    """The decision about an image, by its tag v1 unless another name is given."""
    reference = Reference.parse(name or f"{machine.name()}:v1")
    return decide(Request(reference=reference, digest=digest, **more), root=str(machine.folder))


def said(decision: Decision) -> str:
    """`allow`, or the word and its code."""
    return decision.word if decision.word == "allow" else f"{decision.word} {decision.code}"


def test_what_the_policy_accepts_is_allowed(machine: Machine) -> None:
    """With the digest, the scope, the signer and the evidence that it stands on."""
    digest = machine.image()
    machine.sign(digest)
    decision = ask(machine, digest)
    assert said(decision) == "allow"
    assert decision.digest == digest
    assert decision.verified
    assert machine.name() in decision.scope
    assert len(decision.evidence) == 1
    assert decision.signers == ("https://gitlab.example/acme/app//.gitlab-ci.yml@refs/heads/main",)
    assert len(decision.epoch) == 16
