"""What is concluded from pulls: only what a client can show, and nothing of one that cannot pull at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.hosts import ACCEPT, OURS, REJECT, Host, Said, Script
from vouchsafe.adapters.children import Children
from vouchsafe.adapters.hosttree import scratch
from vouchsafe.cli import main
from vouchsafe.host import inventory, laboratory, surroundings
from vouchsafe.host.laboratory import Identity, Laboratory, Probes
from vouchsafe.host.probe import QUESTIONS, Finding, abilities, form, probe
from vouchsafe.host.pullers import Outcome, Rules, Tools, found

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
        fulcio="/fulcio",
        rekor="/rekor",
        person="p",
        voucher="v",
        refusing="http://127.0.0.1:2",
        phrase="because",
    ),
)
Judge = Callable[[dict[str, Any], str], Outcome]


class Client:
    """Decides by the first requirement of the policy that it reads, and its registries.d with the image's name."""

    def __init__(self, judge: Judge, name: str = "a client") -> None:
        self.name = name
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
        case {"fulcio": {"buildSignerURI": _}}:
            return Outcome(pulled=False, said='invalid policy in "x": Unknown key "buildSignerURI"')
        case {"fulcio": fulcio}:
            right = bool({"p", "s"} & set(fulcio.values()))
            return Outcome(pulled=right, said="" if right else "not that subject")
        case {"keyPath": _} if '"use-sigstore-attachments": true' in registries:
            return Outcome(pulled=LAB.probes.bundled in registries, said="no signature exists")
        case _ if LAB.probes.refusing in registries:
            return Outcome(pulled=False, said=f"reading signature: {LAB.probes.phrase}")
        case _:
            return Outcome(pulled=False, said="Source image rejected")


def test_a_client_that_can(tools: Tools) -> None:
    """Without gpg, OpenPGP is nobody's question; a variable that is ignored is a no."""
    expected = dict.fromkeys(QUESTIONS, "yes") | {
        "etc-policy": "unknown",
        "usr-policy": "unknown",
        "openpgp-lookaside": "unknown",
        "XDG_CONFIG_HOME": "no",
        "CONTAINERS_POLICY_JSON": "no",
        "buildSignerURI": "no",
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
    """A complaint about a key is a no, also about the one that it stands in; another one says nothing."""

    def old(requirement: dict[str, Any], registries: str) -> Outcome:
        fulcio = requirement.get("fulcio", {})
        if "subjectURI" in fulcio:
            return Outcome(pulled=False, said='invalid policy in "x": Unknown key "subjectURI"')
        if "subjectEmail" in fulcio:
            return Outcome(pulled=False, said='invalid policy in "x": bad luck')
        if fulcio:
            return Outcome(pulled=False, said='invalid policy in "x": Unknown key "fulcio"')
        return honest(requirement, registries)

    found = answers(old, tools)
    assert (found["subjectURI"], found["buildSignerURI"], found["plugin"]) == ("no", "no", "yes")
    assert found["subjectEmail"] == "unknown"


def test_a_client_that_takes_any_subject(tools: Tools) -> None:
    """Knows the key, and compares nothing: that is no judgement."""

    def careless(requirement: dict[str, Any], registries: str) -> Outcome:
        return Outcome(pulled=True) if "fulcio" in requirement else honest(requirement, registries)

    found = answers(careless, tools)
    assert {found[each] for each in ("subjectEmail", "subjectURI", "buildSignerURI")} == {"no"}


def test_a_client_that_reads_another_policy(tools: Tools) -> None:
    """Nothing is concluded about what outranks a file that it does not read."""

    class Elsewhere(Client):
        def pull(self, reference: str, rules: Rules) -> Outcome:
            return super().pull(reference, rules) if rules.policy else Outcome(pulled=False, said="no policy")

    found = {each.question: each.answer for each in probe(Elsewhere(honest), LAB, tools, at=AT)}
    assert found["home-outranks"] == "no"
    assert (found["XDG_CONFIG_HOME"], found["CONTAINERS_POLICY_JSON"]) == ("unknown", "unknown")
    assert found["pki"] == "yes"


@pytest.mark.parametrize(
    "lacking, expected",
    [
        ([()], "pki"),
        ([("pki",)], "key"),
        ([(), ("pki",)], "key"),
        ([("pki", "keyPath")], None),  # no gpg here that could say whether OpenPGP would do
        ([], None),
    ],
)
def test_the_form_that_all_take(tools: Tools, lacking: list[tuple[str, ...]], expected: str | None) -> None:
    """The strongest; a client that looks at no policy has no say."""
    found: list[Finding] = []
    for number, missing in enumerate(lacking):

        def lacks(
            requirement: dict[str, Any], registries: str, missing: tuple[str, ...] = missing
        ) -> Outcome:
            if any(word in requirement for word in missing):
                return Outcome(pulled=False, said="rejected")
            return honest(requirement, registries)

        found += probe(Client(lacks, f"{number} client"), LAB, tools, at=AT)
    found += probe(Client(lambda *_: Outcome(pulled=True), "blind"), LAB, tools, at=AT)
    assert form(found) == expected


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
        ("/etc/profile.d/a.sh", "export CONTAINERS_POLICY_JSON=/x\n", ["host-bypassed"]),
        ("/etc/environment.d/a.conf", "CONTAINERS_POLICY_JSON=/x\n", ["host-bypassed"]),
        ("/etc/containers/containers.conf", '[engine]\npull_policy = "newer"\n', ["host-pull-lenient"]),
        ("/etc/containers/containers.conf", '[engine]\n#pull_policy = "newer"\n', []),
        ("/etc/containers/containers.conf.d/a.conf", 'pull_policy="missing"\n', ["host-pull-lenient"]),
        ("/etc/containers/systemd/a.kube", "imagePullPolicy: IfNotPresent\n", ["host-pull-lenient"]),
        ("/etc/containers/systemd/a.container", "[Container]\nImage=r.example/x\n", ["host-pull-lenient"]),
        ("/etc/containers/systemd/a.container", "[Container]\nImage=r.example/x@sha256:00\n", []),
        ("/etc/containers/systemd/a.container", "[Container]\nImage=other.image\n", []),
        ("/home/u/.config/containers/systemd/a.container", "Pull=never\n", ["host-pull-lenient"]),
        (
            "/home/u/.config/systemd/user/a.service",
            "Environment=CONTAINERS_POLICY_JSON=/x\n",
            ["host-bypassed"],
        ),
    ],
)
def test_settings_that_lead_past_the_policy(
    tmp_path: Path, path: str, content: str, codes: list[str]
) -> None:
    """Named with their file."""
    host = Host(tmp_path)
    host.write("/etc/passwd", "u:x:1000:1000:u:/home/u:/bin/sh\n")
    host.write(path, content)
    found = list(inventory.settings(host.files))
    assert [each.code for each in found] == codes
    assert all(path in each.message for each in found)


def test_programs_out_of_reach() -> None:
    """Those that are there."""
    runner = Script({"docker": lambda _: pytest.fail("not run"), "podman": lambda _: pytest.fail("not run")})
    assert ["docker" in each.message for each in inventory.out_of_reach(runner)] == [True]


@pytest.mark.parametrize(
    "files, got",
    [
        ({}, []),
        ({"/etc/crio/crio.conf": ""}, ["CRI-O, which pulls"]),
        (
            {"/etc/crio/crio.conf.d/10.conf": 'signature_policy = "/etc/a"\n', "/etc/crio/crio.conf": "#\n"},
            ["CRI-O, which pulls", "signature_policy /etc/a"],
        ),
        (
            {
                "/etc/crio/crio.conf": 'signature_policy = "/etc/a"\n',
                "/etc/crio/crio.conf.d/10.conf": 'signature_policy = "/etc/containers/policy.json"\n',
            },
            ["CRI-O, which pulls"],
        ),
        (
            {"/etc/crio/crio.conf": "", "/etc/crio/policies/prod.json": "{}"},
            ["CRI-O, which pulls", "/etc/crio/policies/prod.json for pods of prod"],
        ),
        (
            {"/etc/crio/crio.conf": 'signature_policy_dir = "/srv/p"\n', "/srv/p/prod.json": "{}"},
            ["CRI-O, which pulls", "/srv/p/prod.json for pods of prod"],
        ),
    ],
)
def test_crio_by_its_files(tmp_path: Path, files: dict[str, str], got: list[str]) -> None:
    """Another policy, and policies of single namespaces."""
    host = Host(tmp_path)
    for path, content in files.items():
        host.write(path, content)
    found = [each.message for each in inventory.crio(Script({}), host.files)]
    assert len(found) == len(got)
    assert all(words in message for words, message in zip(got, found, strict=True)), found


def test_a_namespace_that_we_wrote(tmp_path: Path) -> None:
    """Is said to be ours; until another policy is in force, or somebody edits it."""
    host = Host(tmp_path)
    root = ["--root", str(host.folder)]
    crio = ["policy", "crio", "team-a", "--write", *root]

    def enable(*names: str) -> None:
        scopes = {f"registry.example/{name}": [OURS] for name in names}
        host.write(
            "/etc/vouchsafe/policy.json", json.dumps({"default": [REJECT], "transports": {"docker": scopes}})
        )
        assert main(["host", "enable", "--form", "key", "--without-units", *root]) == 0

    def codes() -> list[str]:
        return [each.code for each in inventory.crio(Script({}), host.files)]

    host.write("/etc/crio/crio.conf", "")
    enable("a")
    assert main(crio) == 0
    assert codes() == ["host-not-probed", "host-namespace"]
    enable("a", "b")
    assert codes() == ["host-not-probed", "host-namespace-old"]
    assert main(crio) == 0
    assert codes() == ["host-not-probed", "host-namespace"]
    path = "/etc/crio/policies/team-a.json"
    host.write(path, json.dumps(json.loads(host.read(path)) | {"default": [ACCEPT]}))
    assert codes() == ["host-not-probed", "host-outranked"]
    host.write("/etc/vouchsafe/host/applied.json", "{")
    assert codes() == ["host-not-probed", "host-outranked"]


@pytest.mark.parametrize(
    "scopes, got",
    [
        ({}, []),
        ({"registry.example": [ACCEPT]}, []),
        ({"": [ACCEPT]}, ["every image of a registry, which accepts anything"]),
        ({"": [REJECT], "*.example": [ACCEPT]}, ["which accepts signed images", "images of *.example"]),
    ],
)
def test_what_stands_before_default(tmp_path: Path, scopes: dict[str, Any], got: list[str]) -> None:
    """`docker:""` and wildcards; a policy that does not load says nothing of the kind."""
    host = Host(tmp_path)
    host.write(
        "/etc/containers/policy.json", json.dumps({"default": [REJECT], "transports": {"docker": scopes}})
    )
    found = [each.message for each in inventory.shadows(host.files)]
    assert len(found) == len(got)
    assert all(words in message for words, message in zip(got, found, strict=True)), found
    host.write("/etc/containers/policy.json", "{")
    assert list(inventory.shadows(host.files)) == []


@pytest.mark.parametrize(
    "lookaside, first, bad",
    [
        ("http://127.0.0.1:843", "1024\n", False),
        ("http://127.0.0.1:843", "0\n", True),
        ("http://127.0.0.1:843", "843\n", True),
        ("http://127.0.0.1:8430", "1024\n", True),
        ("http://127.0.0.1:8430", None, True),
        ("http://127.0.0.1:843", None, False),
        ("file:///srv", "0\n", False),
    ],
)
def test_a_port_that_others_can_open(tmp_path: Path, lookaside: str, first: str | None, bad: bool) -> None:
    """By what the kernel says."""
    host = Host(tmp_path)
    if first is not None:
        host.write(surroundings.FIRST_PORT, first)
    codes = [each.code for each in surroundings.unprivileged_port(lookaside, host.files)]
    assert codes == (["host-port-unprivileged"] if bad else [])


def test_buildah_is_told_to_pull_anew(tools: Tools) -> None:
    """By default it is content with what it has, and every refusal would look like an acceptance."""
    runner = Script({"buildah": lambda _: Said()})
    able = tools.replace(runner=runner)
    (client,) = found(able)
    assert client.pull("r.example/x", Rules(policy="", registries="", home="/h")).pulled
    (command,) = runner.ran
    assert command[command.index("--policy") + 1] == "always"
    assert found(able.replace(is_root=False)) == ()
