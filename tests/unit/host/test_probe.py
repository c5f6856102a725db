"""What is concluded from pulls: only what a client can show, and nothing of one that cannot pull at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.hosts import Host, Script
from vouchsafe.adapters.children import Children
from vouchsafe.adapters.hosttree import scratch
from vouchsafe.host import inventory, laboratory
from vouchsafe.host.laboratory import Identity, Laboratory, Probes
from vouchsafe.host.probe import QUESTIONS, abilities, probe
from vouchsafe.host.pullers import Outcome, Rules, Tools

AT = datetime(2026, 11, 22, tzinfo=UTC)
LAB = Laboratory(
    registry="127.0.0.1:1",
    trusted_root="/root.json",
    project="a",
    elsewhere="b",
    main=Identity(issuer="i", subject="s", project_id="1"),
    other=Identity(issuer="i", subject="t", project_id="1"),
    pulls=(),
    probes=Probes(
        image="127.0.0.1:1/a/b:v1",
        bundled="127.0.0.1:1/a/bundled:v1",
        path=f"a/b@sha256={64 * '0'}",
        lookasides="/lookaside",
        key="/key",
        ca="/ca",
        email="e",
        fulcio="/fulcio.pem",
        rekor="/rekor.pub",
        refusing="http://127.0.0.1:2",
        phrase="because",
    ),
)
Judge = Callable[[dict[str, Any], str], Outcome]


class Client:
    """Decides by the first requirement of its policy, and the text of its registries.d with the image's name."""

    name = "a client"

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    def pull(self, reference: str, rules: Rules) -> Outcome:
        containers = Path(rules.home, ".config/containers")
        policy = json.loads((containers / "policy.json").read_text(encoding="utf-8"))
        registries = (containers / "registries.d/vouchsafe.yaml").read_text(encoding="utf-8")
        return self._judge(policy["default"][0], f"{registries} {reference}")


@pytest.fixture
def tools() -> Iterator[Tools]:
    """A machine without programs."""
    with scratch() as place:
        yield Tools(runner=Script({}), starter=Children(), scratch=place, environment={}, is_root=True)


def answers(judge: Judge, tools: Tools) -> dict[str, str]:
    """By question; every question has one answer, at this time, with evidence."""
    findings = probe(Client(judge), LAB, tools, at=AT)
    assert [each.question for each in findings] == list(QUESTIONS)
    assert all(each.evidence and each.at == AT for each in findings)
    return {each.question: each.answer for each in findings}


def honest(requirement: dict[str, Any], registries: str) -> Outcome:
    """A client that knows everything and demands what it should."""
    match requirement:
        case {"type": "insecureAcceptAnything"}:
            return Outcome(pulled=True)
        case {"keyPath": _} | {"pki": _} if any(form in registries for form in ("/key", "/certificate")):
            return Outcome(pulled=True)
        case {"keyPath": _} if '"use-sigstore-attachments": true' in registries:
            return Outcome(pulled=LAB.probes.bundled in registries, said="no signature exists")
        case _ if LAB.probes.refusing in registries:
            return Outcome(pulled=False, said=f"reading signature: {LAB.probes.phrase}")
        case _:
            return Outcome(pulled=False, said="Source image rejected")


def test_a_client_that_can(tools: Tools) -> None:
    """Without gpg, OpenPGP is nobody's question; a variable that is ignored is a no."""
    expected = dict.fromkeys(QUESTIONS, "yes") | {
        "openpgp-lookaside": "unknown",
        "CONTAINERS_POLICY_JSON": "no",
    }
    assert answers(honest, tools) == expected


def test_a_client_that_takes_anything(tools: Tools) -> None:
    """Evaluates nothing, so nothing is concluded from what it takes."""
    found = answers(lambda *_: Outcome(pulled=True), tools)
    assert found == dict.fromkeys(QUESTIONS, "unknown") | {"evaluates-policy": "no"}


def test_a_client_that_refuses_everything(tools: Tools) -> None:
    """A broken client looks as if it enforced; it is asked nothing."""
    found = answers(lambda *_: Outcome(pulled=False, said="no such runtime"), tools)
    assert found == dict.fromkeys(QUESTIONS, "unknown")


def test_a_signature_must_be_missed_when_it_is_not_there(tools: Tools) -> None:
    """A client that takes signed and unsigned alike does not read signatures."""

    def credulous(requirement: dict[str, Any], registries: str) -> Outcome:
        if "keyPath" in requirement or "pki" in requirement:
            return Outcome(pulled=True)
        return honest(requirement, registries)

    found = answers(credulous, tools)
    assert (found["sigstore-lookaside"], found["pki"], found["evaluates-policy"]) == ("no", "no", "yes")


def test_unknown_keys(tools: Tools) -> None:
    """A complaint about the key is a no; one about something else says nothing."""

    def old(requirement: dict[str, Any], registries: str) -> Outcome:
        fulcio = requirement.get("fulcio", {})
        if "subjectURI" in fulcio:
            return Outcome(pulled=False, said='invalid policy in "x": Unknown key "subjectURI"')
        if fulcio:
            return Outcome(pulled=False, said='invalid policy in "x": Unknown key "fulcio"')
        return honest(requirement, registries)

    found = answers(old, tools)
    assert (found["subjectURI"], found["buildSignerURI"], found["plugin"]) == ("no", "no", "yes")


def test_abilities(tools: Tools) -> None:
    """Words of upstream's, known or guessed; nothing of a client that takes everything or cannot pull."""
    asked = ("key subjectURI", "key somethingNew", "type plugin", "bundle")

    def able(judge: Judge) -> dict[str, str]:
        found = abilities(Client(judge), LAB, tools, asked, at=AT)
        assert all(each.evidence and each.at == AT for each in found)
        return {each.question: each.answer for each in found}

    def knows_one(requirement: dict[str, Any], registries: str) -> Outcome:
        if "somethingNew" not in requirement.get("fulcio", {"somethingNew": 1}):
            return Outcome(pulled=False, said='invalid policy in "x": Unknown key "subjectURI"')
        return honest(requirement, registries)

    assert able(honest) == dict.fromkeys(asked, "yes")
    assert able(knows_one) == dict.fromkeys(asked, "yes") | {"key subjectURI": "no"}
    assert able(lambda *_: Outcome(pulled=True)) == dict.fromkeys(asked, "unknown")
    assert able(lambda *_: Outcome(pulled=False, said="broken")) == dict.fromkeys(asked, "unknown")


def test_the_laboratory_is_read_strictly() -> None:
    """What is no description is our error."""
    with pytest.raises(Exception, match="laboratory"):
        laboratory.parse('{"registry": 1}')


@pytest.mark.parametrize(
    "path, content, codes",
    [
        ("/etc/containers/systemd/a.container", "[Container]\nImage=x\nPull=newer\n", ["host-pull-lenient"]),
        ("/etc/containers/systemd/b/a.container", "[Container]\nPull = missing\n", ["host-pull-lenient"]),
        ("/etc/containers/systemd/a.container", "[Container]\nPull=always\n# Pull=newer\n", []),
        ("/etc/systemd/system/a.service", "ExecStart=podman run --pull=newer x\n", ["host-pull-lenient"]),
        (
            "/etc/systemd/system/a.service.d/b.conf",
            "Environment=CONTAINERS_POLICY_JSON=/x\n",
            ["host-bypassed"],
        ),
        (
            "/etc/systemd/system/a.service",
            "ExecStart=podman pull --signature-policy /x y\n",
            ["host-bypassed"],
        ),
        ("/etc/environment", "BOOTC_EXP_EXTERNAL_CONTAINER_TOOL=/x\n", ["host-bypassed"]),
        ("/etc/environment", "#CONTAINERS_POLICY_JSON=/x\n", []),
        ("/etc/systemd/system/a.txt", "CONTAINERS_POLICY_JSON=/x\n", []),
    ],
)
def test_settings_that_lead_past_the_policy(
    tmp_path: Path, path: str, content: str, codes: list[str]
) -> None:
    """Named with their file."""
    host = Host(tmp_path)
    host.write(path, content)
    found = list(inventory.settings(host.files))
    assert [each.code for each in found] == codes
    assert all(path in each.message for each in found)


def test_programs_out_of_reach() -> None:
    """Those that are there."""
    runner = Script({"docker": lambda _: pytest.fail("not run"), "podman": lambda _: pytest.fail("not run")})
    assert ["docker" in each.message for each in inventory.out_of_reach(runner)] == [True]
