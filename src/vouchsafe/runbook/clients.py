"""Whether this host's clients can do what the policy needs of them, by what they answered when they were asked."""

from __future__ import annotations

from collections.abc import Iterator

from vouchsafe.host.leg import Leg
from vouchsafe.host.objection import Objection, refusing
from vouchsafe.host.probe import NEEDS, QUESTIONS, Finding
from vouchsafe.host.smoke import summary
from vouchsafe.policy.compile import FORMS, Form
from vouchsafe.runbook.site import Probed
from vouchsafe.runbook.step import Result

_EVALUATES, _SAYS_WHY = "evaluates-policy", "says-why"
_NO_CLIENT = Objection(
    code="runbook-no-client",
    message="expected a client that pulls images by policy.json, got none",
    fix="install skopeo or podman: what cannot be tried cannot be proven",
)


def probed(found: Probed, form: Form) -> Result:
    """Every client must look at the policy and read the form of countersignature that it will be asked to demand."""
    clients = tuple(dict.fromkeys(each.client for each in found.findings))
    if not clients:
        return Result(objections=(_NO_CLIENT, *found.notes), unknown=True)
    said: list[str] = []
    objections: list[Objection] = []
    unknown = not refusing(found.notes)
    for client in clients:
        answers = {each.question: each for each in found.findings if each.client == client}
        for question in (_EVALUATES, NEEDS[form]):
            if answers[question].answer != "yes":
                objections.append(_cannot(answers[question], form, found.findings))
                unknown = unknown and answers[question].answer == "unknown"
                break
        else:
            said.append(f"{client}: looks at the policy, reads countersignatures of the form {form}")
            if answers[_SAYS_WHY].answer != "yes":
                said.append(f"{client}: does not show why it is refused; journalctl -u vouchsafe-countersign")
    return Result(said=tuple(said), objections=(*objections, *found.notes), unknown=unknown)


def _cannot(finding: Finding, form: Form, findings: tuple[Finding, ...]) -> Objection:
    others = [other for other in FORMS if other != form and _all_can(NEEDS[other], findings)]
    fix = f"--form {others[0]}, which every client here reads" if others else "another release of the client"
    return Objection(
        code="runbook-client-cannot",
        message=f"expected a client that {QUESTIONS[finding.question]}, got {finding.client}: {finding.evidence}",
        fix=fix if finding.question != _EVALUATES else "another release: this one pulls whatever there is",
    )


def _all_can(question: str, findings: tuple[Finding, ...]) -> bool:
    return all(each.answer == "yes" for each in findings if each.question == question)


def proven(legs: tuple[Leg, ...]) -> Result:
    """Every leg of the proof must have behaved, and there must have been some."""
    if not legs:
        return Result(objections=(_NO_CLIENT,), unknown=True)
    return Result(said=tuple(_counts(legs)), objections=tuple(_wrong(legs)))


def _counts(legs: tuple[Leg, ...]) -> Iterator[str]:
    for client in dict.fromkeys(leg.client for leg in legs):
        good = [leg for leg in legs if leg.client == client and leg.behaved]
        pulled = sum(leg.pulled for leg in good)
        yield f"{client}: {pulled} pulled, {len(good) - pulled} refused, each as it should be"


def _wrong(legs: tuple[Leg, ...]) -> Iterator[Objection]:
    wrong = summary(legs)
    if wrong:
        yield Objection(
            code="runbook-proof",
            message=f"expected every leg of the proof to hold, got: {wrong}",
            fix="vouchsafe host smoke --verbose",
        )
