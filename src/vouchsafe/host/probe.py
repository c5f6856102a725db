"""What the clients on this host can do, asked by letting them pull, never by their versions.

Distributions patch: Debian 12's podman and skopeo have sigstore compiled out, and only a pull says so. Each
answer is dated and has its evidence. A client that cannot pull what a permissive policy allows is asked
nothing further: it would refuse everything, and every refusal would look like enforcement.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from vouchsafe.host import openpgp, which_files
from vouchsafe.host.laboratory import Laboratory
from vouchsafe.host.pullers import Outcome, Puller, Rules, Tools, attachments, lookaside, rules
from vouchsafe.host.which_files import ACCEPT, REJECT, Answer
from vouchsafe.policy.compile import Form
from vouchsafe.record import Record

QUESTIONS = {
    "evaluates-policy": "refuses what policy.json refuses",
    "etc-policy": "reads /etc/containers/policy.json, where nothing outranks it",
    "usr-policy": "reads /usr/share/containers/policy.json, where /etc has none",
    "home-outranks": "reads the user's own policy.json before the system's",
    "XDG_CONFIG_HOME": "reads the policy.json below this variable before the home's",
    "CONTAINERS_POLICY_JSON": "reads the policy that this variable names before all others",
    "sigstore-lookaside": "takes a sigstore signature by a key from a lookaside",
    "pki": "takes a sigstore signature by a CA's certificate from a lookaside",
    "openpgp-lookaside": "takes an OpenPGP signature from a lookaside",
    "says-why": "shows the reason that a lookaside gives for refusing",
    "subjectEmail": "judges a person's keyless signature itself",
    "subjectURI": "judges a pipeline's URI itself, by `subjectURI`",
    "buildSignerURI": "judges a pipeline's URI itself, by `buildSignerURI`",
    "plugin": "knows requirements of the type `plugin`",
    "bundle": "takes a Sigstore bundle beside an image, by a key",
}
_REPOSITORY = {"type": "matchRepository"}
# What `--form` of `host enable` asks of clients, the strongest first.
NEEDS: dict[Form, str] = {"pki": "pki", "key": "sigstore-lookaside", "openpgp": "openpgp-lookaside"}


class Finding(Record):
    """A question to one client, and its answer at a time."""

    client: str
    question: str
    answer: Answer
    evidence: str
    at: datetime


def probe(puller: Puller, laboratory: Laboratory, tools: Tools, *, at: datetime) -> tuple[Finding, ...]:
    """Everything about one client."""
    inquiry = Inquiry(puller, laboratory, tools)
    allowed = inquiry.under(ACCEPT)
    answers: Iterator[tuple[str, Answer, str]]
    if not allowed.pulled:
        why = f"cannot pull at all: {allowed.said}"
        answers = ((question, "unknown", why) for question in QUESTIONS)
    else:
        answers = inquiry.answers()
    return tuple(
        Finding(client=puller.name, question=question, answer=answer, evidence=evidence, at=at)
        for question, answer, evidence in answers
    )


def form(findings: Iterable[Finding]) -> Form | None:
    """The strongest form that every client takes which looks at a policy; None when there is none."""
    answers: dict[str, dict[str, Answer]] = {}
    for each in findings:
        answers.setdefault(each.client, {})[each.question] = each.answer
    looking = [found for found in answers.values() if found["evaluates-policy"] == "yes"]
    for made, question in NEEDS.items():
        if looking and all(found[question] == "yes" for found in looking):
            return made
    return None


def abilities(
    puller: Puller, laboratory: Laboratory, tools: Tools, asked: Sequence[str], *, at: datetime
) -> tuple[Finding, ...]:
    """Whether one client can do what upstream may bring: `key NAME` of a Fulcio requirement, `type NAME`, `bundle`.

    A client that cannot pull what is allowed, or pulls what is not, tells nothing.
    """
    inquiry = Inquiry(puller, laboratory, tools)
    allowed, refused = inquiry.under(ACCEPT), inquiry.under(REJECT)
    why = f"cannot pull at all: {allowed.said}" if not allowed.pulled else ""
    why = "it does not evaluate the policy" if refused.pulled and not why else why
    nothing: tuple[Answer, str] = ("unknown", why)
    found = []
    for each in asked:
        answer, evidence = nothing if why else inquiry.ability(each)
        found.append(
            Finding(
                client=puller.name, question=each, answer=answer, evidence=evidence or "it was pulled", at=at
            )
        )
    return tuple(found)


class Inquiry:
    """Asks one client."""

    def __init__(self, puller: Puller, laboratory: Laboratory, tools: Tools) -> None:
        self._puller = puller
        self._lab = laboratory
        self._probes = laboratory.probes
        self._tools = tools
        self._asked = 0

    def answers(self) -> Iterator[tuple[str, Answer, str]]:
        """(question, answer, evidence)."""
        refused = self.under(REJECT)
        yield "evaluates-policy", _yes(not refused.pulled), refused.said or "it was pulled"
        if refused.pulled:
            why = "it does not evaluate the policy"
            yield from ((question, "unknown", why) for question in list(QUESTIONS)[1:])
            return
        yield from which_files.answers(self._puller, self._probes.image, self._tools, self._rules)
        by_key = {"type": "sigstoreSigned", "keyPath": self._probes.key, "signedIdentity": _REPOSITORY}
        pki = {"caRootsPath": self._probes.ca, "subjectEmail": self._probes.email}
        by_certificate = {"type": "sigstoreSigned", "pki": pki, "signedIdentity": _REPOSITORY}
        yield "sigstore-lookaside", *self._takes(by_key, "key")
        yield "pki", *self._takes(by_certificate, "certificate")
        yield "openpgp-lookaside", *self._openpgp()
        yield "says-why", *self._says_why(by_key)
        probes = self._probes
        yield "subjectEmail", *self._judges("subjectEmail", probes.person, probes.voucher, "person")
        for key in ("subjectURI", "buildSignerURI"):
            yield key, *self.ability(f"key {key}")
        yield "plugin", *self.ability("type plugin")
        yield "bundle", *self.ability("bundle")

    def ability(self, asked: str) -> tuple[Answer, str]:
        """(answer, evidence) for one word of upstream's, known or guessed."""
        kind, _, name = asked.partition(" ")
        match kind:
            case "key":
                main = self._lab.main
                return self._judges(name, main.subject, main.issuer, "pipeline")
            case "type":
                return self._knows({"type": name}, f'Unknown policy requirement type "{name}"')
            case _:
                return self._bundle()

    def _bundle(self) -> tuple[Answer, str]:
        """Whether a bundle by a key counts, and one that is not there is missed."""
        requirement = {"type": "sigstoreSigned", "keyPath": self._probes.key, "signedIdentity": _REPOSITORY}
        beside = attachments(self._lab.registry)
        outcome = self._puller.pull(self._probes.bundled, self._rules(requirement, beside))
        if not outcome.pulled:
            return "no", outcome.said
        absent = self.under(requirement, beside)
        return _yes(not absent.pulled), absent.said or "it was pulled without one too"

    def under(self, requirement: dict[str, Any], registries: bytes = b"") -> Outcome:
        """Pull the image under a policy of one requirement."""
        return self._puller.pull(self._probes.image, self._rules(requirement, registries))

    def _rules(self, requirement: dict[str, Any], registries: bytes = b"") -> Rules:
        self._asked += 1
        policy = json.dumps({"default": [requirement]}).encode()
        name = f"{self._puller.name.split()[0]}-{self._asked}"
        return rules(self._tools.scratch, name, policy, registries)

    def _takes(self, requirement: dict[str, Any], form: str) -> tuple[Answer, str]:
        """Whether a signature is taken that is there, and missed when it is not."""
        there = self.under(
            requirement, lookaside(self._lab.registry, f"file://{self._probes.lookasides}/{form}")
        )
        if not there.pulled:
            return "no", there.said
        absent = self.under(
            requirement, lookaside(self._lab.registry, f"file://{self._probes.lookasides}/none")
        )
        return _yes(not absent.pulled), absent.said or "it was pulled without one too"

    def _openpgp(self) -> tuple[Answer, str]:
        made = openpgp.lookaside(self._probes, self._tools)
        if made is None:
            return "unknown", "there is no gpg to sign with"
        requirement = {
            "type": "signedBy",
            "keyType": "GPGKeys",
            "keyPath": made.key,
            "signedIdentity": _REPOSITORY,
        }
        return self._takes(requirement, made.name)

    def _says_why(self, requirement: dict[str, Any]) -> tuple[Answer, str]:
        refused = self.under(requirement, lookaside(self._lab.registry, self._probes.refusing))
        return _yes(self._probes.phrase in refused.said), refused.said or "it was pulled"

    def _judges(self, key: str, subject: str, issuer: str, folder: str) -> tuple[Answer, str]:
        """Whether it takes this subject's keyless signature, and nobody else's."""
        registries = lookaside(self._lab.registry, f"file://{self._probes.lookasides}/{folder}")
        right = self.under(self._fulcio({"oidcIssuer": issuer, key: subject}), registries)
        if not right.pulled:  # not even `fulcio` is known to the oldest
            return "no" if "Unknown key" in right.said else "unknown", right.said
        wrong = self.under(self._fulcio({"oidcIssuer": issuer, key: f"not-{subject}"}), registries)
        return _yes(not wrong.pulled), wrong.said or "it was pulled for another subject too"

    def _fulcio(self, more: dict[str, str]) -> dict[str, Any]:
        fulcio = {"caPath": self._probes.fulcio, **more}
        return {
            "type": "sigstoreSigned",
            "fulcio": fulcio,
            "rekorPublicKeyPath": self._probes.rekor,
            "signedIdentity": _REPOSITORY,
        }

    def _knows(self, requirement: dict[str, Any], complaint: str) -> tuple[Answer, str]:
        """Whether a policy that says this loads; what it does then is for upstream's watch to find out."""
        said = self.under(requirement).said
        if complaint in said:
            return "no", said
        return ("unknown" if "invalid policy" in said else "yes"), said


def _yes(answer: bool) -> Answer:  # what is asked is the function's name
    return "yes" if answer else "no"
