"""`vouchsafe policy`: check, show, test."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli_lab import FEATURE, ISSUER, MAIN, Lab, run, written
from vouchsafe import wiring
from vouchsafe.admission.named import material_of
from vouchsafe.cli.findings import code_quality
from vouchsafe.policy.compile import LOCAL_TRANSPORTS
from vouchsafe.policy.finding import Finding
from vouchsafe.policy.lint import PUBLIC_GOOD_ROOT

ROOT = Path(__file__).resolve().parents[3]
STRICT: dict[str, Any] = {"default": [{"type": "reject"}]}
ACCEPT = {"type": "insecureAcceptAnything"}
KEYLESS = {
    "type": "sigstoreSigned",
    "fulcio": {"oidcIssuer": "https://gitlab.example", "subjectURI": "https://gitlab.example/x"},
    "signedIdentity": {"type": "matchRepository"},
}


def policy(folder: Path, value: dict[str, Any], name: str = "policy.json") -> Path:
    """A policy file."""
    return written(folder, name, json.dumps(value, indent=1))


@pytest.fixture
def estate(lab: Lab, tmp_path: Path) -> Path:
    """A policy that accepts the main branch anywhere in registry.example/group, and nothing else."""
    fulcio = {
        "trustedRootPath": str(lab.root),
        "gitlab": {
            "instance": ISSUER,
            "project": "group/project",
            "projectID": int(lab.sigstore.workload.claims["source-repository-identifier"]),
            "ref": "refs/heads/main",
        },
    }
    demand = {"type": "sigstoreSigned", "fulcio": fulcio, "signedIdentity": {"type": "matchRepository"}}
    rule = {
        "requirements": [demand],
        "repositoryOfProject": {f"{ISSUER}/group/project": ["registry.example/group"]},
    }
    return policy(tmp_path, {**STRICT, "transports": {"docker": {"registry.example/group": rule}}})


def test_check_clean(estate: Path) -> None:
    """Nothing to say, and 0."""
    ended = run("policy", "check", estate)
    assert (ended.code, ended.out) == (0, "")
    assert ended.err == "vouchsafe: the policy loads, and nothing was found against it\n"


def test_check_finds(tmp_path: Path) -> None:
    """File, line, code, and what to write instead; exit 1."""
    path = policy(tmp_path, {"default": [{"type": "insecureAcceptAnything"}]})
    ended = run("policy", "check", path)
    first, fix, *_ = ended.out.splitlines()
    assert (ended.code, ended.err) == (1, "")
    assert first.startswith(f"{path}:2: default-accepts: expected a strict default")
    assert fix.startswith("    fix: ")


def test_check_what_does_not_load(tmp_path: Path) -> None:
    """78, where and why."""
    path = policy(tmp_path, {**STRICT, "transports": {"docker": {"x": [{"type": "signed"}]}}})
    ended = run("policy", "check", path)
    assert ended.code == 78
    assert ended.out.startswith(f"{path}:")
    assert run("policy", "check", tmp_path / "none.json").code == 78


def test_check_in_the_other_dialect(estate: Path) -> None:
    """What we load is not what stock clients load, and which key it is."""
    ended = run("policy", "check", "--dialect", "containers", estate)
    assert ended.code == 78
    assert "policy-type" in ended.out or "policy-unknown-key" in ended.out
    upstream = policy(estate.parent, STRICT, "upstream.json")
    assert run("policy", "check", "--dialect", "containers", upstream).code == 0


def test_check_agrees_with_skopeo(vectors: Path, tmp_path: Path) -> None:
    """124 policies and what the real one said: it loads, or it does not."""
    table = vectors.parent / "facts" / "policy-strictness.jsonl"
    if not table.is_file():
        pytest.skip("the table of policies is missing: expected ../shared/facts/policy-strictness.jsonl")
    differ = []
    for line in table.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        path = written(tmp_path, "policy.json", row["policy"])
        code = run("policy", "check", "--dialect", "containers", path).code
        if (code == 78) != (row["results"]["1.22.0"]["outcome"] == "parse-error"):
            differ.append(row["name"])
    assert differ == []


def test_check_several_files_as_one_policy(estate: Path, tmp_path: Path) -> None:
    """The main file, then drop-ins; one scope twice is an error that names both."""
    scope = {"transports": {"docker": {"registry.example/other": [{"type": "reject"}]}}}
    one, two = policy(tmp_path, scope, "10-a.json"), policy(tmp_path, scope, "20-b.json")
    assert run("policy", "check", estate, one).code == 0
    ended = run("policy", "check", estate, one, two)
    assert (ended.code, str(one) in ended.out, str(two) in ended.out) == (78, True, True)
    assert run("policy", "check", one).code == 78  # alone it has no default


def test_check_as_json(tmp_path: Path) -> None:
    """One document."""
    path = policy(tmp_path, {"default": [{"type": "insecureAcceptAnything"}]})
    document = run("policy", "check", "-o", "json", path).json
    assert (document["schemaVersion"], document["loads"]) == (1, True)
    assert {finding["code"] for finding in document["findings"]} >= {"default-accepts"}
    broken = run("policy", "check", "-o", "json", written(tmp_path, "b.json", "{")).json
    assert (broken["loads"], broken["findings"][0]["severity"]) == (False, "error")


def test_check_as_code_quality(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What GitLab asks of each finding; its path is the repository's, and its line may move."""
    monkeypatch.chdir(tmp_path)
    path = policy(tmp_path, {"default": [{"type": "insecureAcceptAnything"}]})
    ended = run("policy", "check", "-o", "codequality", path)
    first, *_ = found = json.loads(ended.out)
    assert (ended.code, ended.err) == (1, "")
    assert (first["check_name"], first["severity"]) == ("vouchsafe/default-accepts", "major")
    assert first["location"] == {"path": "policy.json", "lines": {"begin": 2}}
    assert "expected a strict default" in first["description"]
    path.write_text("\n" + path.read_text())
    moved = run("policy", "check", "-o", "codequality", "policy.json").json
    assert [each["fingerprint"] for each in moved] == [each["fingerprint"] for each in found]
    assert moved[0]["location"]["lines"] == {"begin": 3}


def test_code_quality_of_what_does_not_load(tmp_path: Path) -> None:
    """A policy that does not load is a finding, too; a clean one has none."""
    broken = run("policy", "check", "-o", "codequality", written(tmp_path, "b.json", "{"))
    assert (broken.code, [each["severity"] for each in json.loads(broken.out)]) == (78, ["critical"])
    assert run("policy", "check", "-o", "codequality", policy(tmp_path, STRICT)) == (0, "[]\n", "")


def test_code_quality_of_the_same_thing_twice() -> None:
    """Each has its own fingerprint, or GitLab would show one; what stands nowhere stands in line 1."""
    finding = Finding(file="/etc/p.json", line=0, code="x", message="m", fix="", severity="warning")
    one, two = json.loads(code_quality([finding, finding]))
    assert one["fingerprint"] != two["fingerprint"]
    assert one["location"] == {"path": "/etc/p.json", "lines": {"begin": 1}}
    assert (one["severity"], one["description"]) == ("major", "m")


def test_check_of_what_is_named(lab: Lab, tmp_path: Path) -> None:
    """A key that is not there is found before a pull finds it."""
    demand = [{"type": "sigstoreSigned", "keyPath": str(tmp_path / "none.pub")}]
    path = policy(tmp_path, {**STRICT, "transports": {"docker": {"registry.example": demand}}})
    assert "material-unusable" in run("policy", "check", path).out


def test_material(lab: Lab, tmp_path: Path) -> None:
    """Trusted roots and certificates end; keys and keyrings do not; what is broken says so."""
    world = wiring.this_host().world
    ca = tmp_path / "ca.pem"
    ca.write_bytes(lab.sigstore.pem_files()["fulcio-chain.pem"])
    ring = tmp_path / "ring.gpg"
    ring.write_bytes(b"\x99\x01\x0d")
    assert material_of(str(lab.root), world).expires is not None
    assert material_of(str(ca), world).expires is not None
    assert material_of(str(lab.key), world).expires is None
    assert material_of(str(ring), world).problem == ""
    assert material_of(str(tmp_path / "none"), world).problem.startswith("expected a file")
    assert material_of(PUBLIC_GOOD_ROOT, world).problem == ""


def test_show(estate: Path) -> None:
    """Scope, place, reason, demands; nothing is fetched."""
    ended = run("policy", "show", "--policy", estate, "registry.example/group/app:v1")
    assert (ended.code, ended.err) == (0, "")
    assert 'scope      transports.docker["registry.example/group"]' in ended.out
    assert MAIN in ended.out
    assert f"mapping    {ISSUER}/group/project may sign for registry.example/group" in ended.out
    default = run("policy", "show", "-v", "--policy", estate, "oci:/srv/layout")
    assert "no scope of oci names this image" in default.out
    assert 'no scope "/srv" of oci' in default.out


@pytest.mark.parametrize(
    "scope, because",
    [
        ("registry.example/app:v1", "this scope is the image itself"),
        ("*.example", "it is the most specific (4 nearer are not written)"),
        ("", "no other scope of docker names this image"),
    ],
)
def test_show_says_why(tmp_path: Path, scope: str, because: str) -> None:
    """The reason in words."""
    path = policy(tmp_path, {**STRICT, "transports": {"docker": {scope: [{"type": "reject"}]}}})
    assert (
        because
        in run(
            "policy",
            "show",
            "--policy",
            path,
            "sub.registry.example/app:v1".removeprefix("sub." if scope != "*.example" else ""),
        ).out
    )


def test_show_as_json(estate: Path) -> None:
    """Which scope, and why."""
    ended = run("policy", "show", "-o", "json", "--policy", estate, "registry.example/group/app:v1")
    assert ended.json["selection"]["scope"] == 'transports.docker["registry.example/group"]'


def table(folder: Path, *rows: dict[str, Any]) -> Path:
    """A table of cases."""
    return written(folder, "cases.json", json.dumps(list(rows)))


def rows(lab: Lab) -> Iterator[dict[str, Any]]:
    """What the estate's policy should decide."""
    app = "registry.example/group/app:v1"
    yield {"image": app, "fixture": lab.oci("bundled"), "expect": "accepted"}
    yield {"image": app, "fixture": lab.oci("feature"), "expect": "rejected", "reason": "identity"}
    yield {"image": app, "fixture": lab.oci("unsigned"), "expect": "rejected", "reason": "unsigned"}
    yield {"image": "registry.example/other:v1", "fixture": lab.oci("bundled"), "expect": "rejected"}
    yield {"image": lab.oci("bundled"), "expect": "rejected", "reason": "policy-rejects"}
    yield {
        "name": "before anything was built",
        "image": app,
        "fixture": lab.oci("bundled"),
        "at": "2020-01-01T00:00:00Z",
        "expect": "undecided",
        "reason": "clock",
    }


def test_cases_pass(lab: Lab, estate: Path) -> None:
    """The policy sees the registry's name, the evidence comes from disk."""
    ended = run("policy", "test", "--policy", estate, table(estate.parent, *rows(lab)))
    assert (ended.code, ended.out.splitlines()[-1]) == (0, "6 of 6 as expected")


def test_a_case_that_fails_is_said(lab: Lab, estate: Path) -> None:
    """What was expected, what came, and why; exit 1."""
    app = "registry.example/group/app:v1"
    path = table(
        estate.parent, {"image": app, "fixture": lab.oci("feature"), "expect": "accepted", "name": "<&>"}
    )
    ended = run("policy", "test", "--policy", estate, path)
    assert ended.code == 1
    assert "FAIL  <&>: rejected (identity)" in ended.out
    assert f"because signed by {FEATURE}, expected {MAIN}" in ended.out
    junit = ET.fromstring(run("policy", "test", "-o", "junit", "--policy", estate, path).out)
    case = junit.find("./testsuite/testcase")
    assert case is not None
    assert (case.get("name"), junit.get("failures")) == ("<&>", "1")
    document = run("policy", "test", "-o", "json", "--policy", estate, path).json
    assert [(each["passed"], each["got"]["reason"]) for each in document["cases"]] == [(False, "identity")]


def test_a_reason_that_differs_fails(lab: Lab, estate: Path) -> None:
    """Refused for another reason is not as expected."""
    row = {"image": lab.oci("unsigned"), "expect": "rejected", "reason": "unsigned"}
    assert run("policy", "test", "--policy", estate, table(estate.parent, row)).code == 1


def test_accepted_without_a_signature_is_unverified(lab: Lab, tmp_path: Path) -> None:
    """A table cannot mistake it for an acceptance."""
    path = policy(tmp_path, {"default": [{"type": "insecureAcceptAnything"}]})
    row = {"image": lab.oci("unsigned")}
    assert run("policy", "test", "--policy", path, table(tmp_path, {**row, "expect": "unverified"})).code == 0
    assert run("policy", "test", "--policy", path, table(tmp_path, {**row, "expect": "accepted"})).code == 1


def test_paths_are_relative_to_the_table(lab: Lab, estate: Path) -> None:
    """A table and its fixtures move together."""
    path = table(
        lab.folder,
        {"image": "registry.example/group/x:v1", "fixture": "oci:bundled:v1", "expect": "accepted"},
    )
    assert run("policy", "test", "--policy", estate, path).code == 0


@pytest.mark.parametrize(
    "row",
    [
        {"image": "UPPER", "expect": "accepted"},
        {"image": "x", "expect": "accepted", "fixture": "docker://registry.example/x"},
    ],
)
def test_a_table_with_a_bad_image_is_78(estate: Path, row: dict[str, Any]) -> None:
    """Before anything is judged."""
    assert run("policy", "test", "--policy", estate, table(estate.parent, row)).code == 78


def test_compile_prints_both_files(estate: Path) -> None:
    """In upstream's words, with the choice for each local transport; the same as JSON."""
    ended = run("policy", "compile", "--policy", estate, "--refuse-transport", "tarball")
    assert (ended.code, ended.err) == (0, "")
    head, _, rest = ended.out.partition("registries.d/vouchsafe.yaml\n")
    written = json.loads(head.removeprefix("policy.json\n"))
    assert "pki" in written["transports"]["docker"]["registry.example/group"][0]
    assert 'lookaside: "http://127.0.0.1:843/registry.example"' in rest
    choices = {
        line.strip().partition(":")[0]: line for line in rest.partition("what follows\n")[2].splitlines()
    }
    assert set(choices) >= set(LOCAL_TRANSPORTS)
    refused = {name for name in LOCAL_TRANSPORTS if ": refused" in choices[name]}
    assert (refused, set(written["transports"]) & refused) == ({"tarball"}, set())
    document = run("policy", "compile", "--policy", estate, "-o", "json").json
    assert (document["policy"]["default"], document["written"]) == ([{"type": "reject"}], [])


@pytest.mark.parametrize("form, word", [("key", "keyPath"), ("openpgp", "signedBy")])
def test_compile_for_other_clients(estate: Path, form: str, word: str) -> None:
    """Those that read no certificates."""
    document = run("policy", "compile", "--policy", estate, "--form", form, "-o", "json").json
    assert word in json.dumps(document["policy"]["transports"]["docker"])


def test_compile_writes_to_a_folder(estate: Path, tmp_path: Path) -> None:
    """Only there, and never where clients read: that has a command with a way back."""
    ended = run("policy", "compile", "--policy", estate, "--to", tmp_path / "new/folder")
    assert (ended.code, "sigstoreSigned" in ended.out) == (0, False)
    files = {path.name: path.read_text() for path in (tmp_path / "new/folder").rglob("*") if path.is_file()}
    assert set(files) == {"policy.json", "vouchsafe.yaml"}
    there = run(
        "policy", "check", "--dialect", "containers", tmp_path / "new/folder/policy.json", "-o", "json"
    )
    assert json.loads(there.out)["loads"]
    (tmp_path / "link").symlink_to("/etc/containers")
    for folder in ("/etc/containers", tmp_path / "link"):
        ended = run("policy", "compile", "--policy", estate, "--to", folder)
        assert (ended.code, "host enable" in ended.err) == (64, True)


@pytest.mark.parametrize(
    "scopes, code, says",
    [
        ({"": [KEYLESS]}, 78, 'transports.docker[""]'),
        ({"*.example": [KEYLESS]}, 78, '"*.example"'),
        ({"": [ACCEPT]}, 1, "host-default-open"),
        ({"r.example/app": [KEYLESS], "*.example": [ACCEPT]}, 1, "r.example:443/app is another way"),
        ({"r.example:5000": [KEYLESS], "*.example": [ACCEPT]}, 1, "another port than that of r.example:5000"),
        ({"r.example/app": [KEYLESS], "*.other.example": [ACCEPT]}, 0, ""),
        ({"r.example/app": [KEYLESS], "r.example": [ACCEPT]}, 0, ""),
    ],
)
def test_compile_refuses_what_cannot_be_said(
    tmp_path: Path, scopes: dict[str, Any], code: int, says: str
) -> None:
    """The scope is named; what would be another way in is an answer of no, and nothing is written."""
    path = policy(tmp_path, {**STRICT, "transports": {"docker": scopes}})
    ended = run("policy", "compile", "--policy", path, "--to", tmp_path / "to")
    assert (ended.code, says in ended.out + ended.err) == (code, True), ended.out + ended.err
    assert (tmp_path / "to").exists() == (code == 0)
    if code == 1:
        assert run("policy", "compile", "--policy", path, "--insecure-default").code == 0
