"""What clients answered, and what their proof came to."""

from __future__ import annotations

import pytest

from tests.unit.runbook.site import GOOD, REFUSED, answers
from vouchsafe.host.objection import Objection
from vouchsafe.host.probe import Finding
from vouchsafe.host.which_files import Answer
from vouchsafe.policy.compile import Form
from vouchsafe.runbook import clients
from vouchsafe.runbook.site import Probed
from vouchsafe.runbook.step import Result

PAST = Objection(code="host-out-of-reach", message="docker", severity="warns")


def probed(form: Form = "pki", *findings: Finding, notes: tuple[Objection, ...] = ()) -> Result:
    """Judged."""
    found = Probed(findings=findings or answers(), notes=notes)
    return clients.probed(found, form).judged(strict=False)


@pytest.mark.parametrize("form", ["pki", "key", "openpgp"])
def test_a_client_that_can(form: Form) -> None:
    """Looks at the policy and reads the form; what leads past it is shown."""
    result = probed(form, notes=(PAST,))
    assert (result.outcome, result.objections) == ("passed", (PAST,))
    assert f"of the form {form}" in result.said[0]


@pytest.mark.parametrize(
    "question, form, answer, outcome, fix",
    [
        ("evaluates-policy", "pki", "no", "rejected", "pulls whatever there is"),
        ("evaluates-policy", "pki", "unknown", "undecided", "pulls whatever there is"),
        ("pki", "pki", "no", "rejected", "--form key"),
        ("pki", "pki", "unknown", "undecided", "--form key"),
        ("openpgp-lookaside", "openpgp", "no", "rejected", "--form pki"),
    ],
)
def test_a_client_that_cannot(question: str, form: Form, answer: Answer, outcome: str, fix: str) -> None:
    """With what to do instead; what is unknown is no yes."""
    result = probed(form, *answers(**{question.replace("-", "_"): answer}))
    assert (result.outcome, result.objections[0].code) == (outcome, "runbook-client-cannot")
    assert fix in result.objections[0].fix


def test_debian_12() -> None:
    """OpenPGP is what is left, and every client must read it."""
    old = answers(pki="no", sigstore_lookaside="no")
    assert "--form openpgp" in probed("pki", *old).objections[0].fix
    none = answers(pki="no", sigstore_lookaside="no", openpgp_lookaside="no")
    assert "another release" in probed("pki", *none).objections[0].fix


def test_one_of_two_clients_cannot() -> None:
    """It is enough for a hole."""
    other = tuple(each.replace(client="podman pull") for each in answers(evaluates_policy="no"))
    result = probed("pki", *answers(), *other)
    assert (result.outcome, len(result.objections)) == ("rejected", 1)


def test_a_client_that_does_not_say_why() -> None:
    """Is fine, and people are told where to look."""
    result = probed("pki", *answers(says_why="no"))
    assert (result.outcome, "journalctl" in result.said[1]) == ("passed", True)


def test_roots_own_policy_outranks() -> None:
    """What refuses among the notes is no unknown."""
    refusing = PAST.replace(code="host-outranked", severity="refuses")
    assert probed("pki", notes=(refusing,)).outcome == "rejected"


def test_the_proof() -> None:
    """Counted for each client; one leg that did not behave is none."""
    good = clients.proven((GOOD, REFUSED))
    assert (good.objections, good.said) == ((), ("skopeo copy: 1 pulled, 1 refused, each as it should be",))
    bad = clients.proven((GOOD, REFUSED.replace(pulled=True))).judged(strict=False)
    assert (bad.outcome, bad.objections[0].code) == ("rejected", "runbook-proof")
    assert clients.proven(()).judged(strict=False).outcome == "undecided"
