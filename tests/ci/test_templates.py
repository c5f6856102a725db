"""The components as GitLab reads them: inputs, patterns, kinds of report; also what gitlab-ci-local does not check."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema
import pytest
import re2

from tests.ci import templates
from tests.ci.pipeline import ROOT, TOOL_IMAGE, Estate, Runner, component

pytestmark = pytest.mark.peers

# What would end a quoted word of the script, or run something in it.
HOSTILE = (
    *('"; id; "', "`id`", "$(id)", "a\\", 'a"b', "a\nb", "$", "${x:-`id`}", "$((1))"),
    # bash runs what stands in the value: a prompt, an index of an array, another variable's name
    *("${CI_COMMIT_MESSAGE@P}", "${x:CI_COMMIT_TITLE}", "${x:0:CI_COMMIT_TITLE}", "${!CI_COMMIT_TITLE}"),
    *("${a[CI_COMMIT_TITLE]}", "${x:-${y@P}}", "${x:=a}", "${x", "${", "${x:-$y}"),
)
IN_SINGLE_QUOTES = ("a'b", "'; id; '", "a\nb")
ORDINARY = (
    "$CI_REGISTRY_IMAGE:$CI_COMMIT_TAG",
    "${REGISTRY}/app",
    "$CI_REGISTRY_IMAGE:${CI_COMMIT_TAG:-latest}",
    "registry.example:5000/a/b@sha256:00",
    "ü b",
)
# What a component of several passes on in another way, or leaves to the component itself.
NOT_PASSED = {
    "sign": set(),
    "attest-sbom": {"digest", "recursive", "require-readable-by"},
    "verify": {"digest", "type"},
}


class Read(NamedTuple):
    """GitLab's schema, and each component's header and jobs."""

    schema: Any
    headers: dict[str, Any]
    bodies: dict[str, Any]

    def inputs(self, name: str) -> dict[str, Any]:
        """The inputs of a component."""
        found: dict[str, Any] = self.headers[name]["spec"]["inputs"]
        return found


@pytest.fixture(scope="session")
def read() -> Read:
    """All of them."""
    schema, files = templates.read(Runner.found(), *map(templates.path_of, templates.EVERY))
    pairs = dict(zip(templates.EVERY, files, strict=True))
    return Read(
        schema,
        {name: pair[0] for name, pair in pairs.items()},
        {name: pair[1] for name, pair in pairs.items()},
    )


def validator(read: Read) -> Any:
    """By GitLab's published schema of a CI configuration."""
    return jsonschema.Draft7Validator(read.schema)


@pytest.mark.parametrize("name", templates.EVERY)
def test_headers_are_by_gitlab_s_schema(read: Read, name: str) -> None:
    """`spec: inputs` as GitLab publishes it; every input says what it is for, and has a type or is text."""
    assert list(validator(read).iter_errors(read.headers[name])) == []
    inputs = read.inputs(name)
    assert [key for key, spec in inputs.items() if not spec.get("description", "").endswith((".", "…"))] == []
    # Only a release gives it one (tools/release_components.py).
    assert {key for key, spec in inputs.items() if "default" not in spec} <= {"tool-image"}


@pytest.mark.parametrize("name", templates.EVERY)
def test_patterns_hold_the_script_together(read: Read, name: str) -> None:
    """GitLab matches with RE2, anywhere; defaults match, and nothing that would leave its quotes does."""
    for key, spec in read.inputs(name).items():
        if "regex" not in spec:
            continue
        pattern = re2.compile(spec["regex"])
        assert pattern.search(spec.get("default", TOOL_IMAGE)), key
        hostile = IN_SINGLE_QUOTES if "'" in spec["regex"] else HOSTILE
        assert [value for value in hostile if pattern.search(value)] == [], key
        if spec["regex"].endswith((r"\})*$", r"\})+$")):
            assert [value for value in ORDINARY if not pattern.search(value)] == []


@pytest.mark.parametrize("name", templates.EVERY)
def test_text_in_the_script_is_bound_by_a_pattern(read: Read, name: str) -> None:
    """An input that stands in a script has a pattern, options, or a type that is no text."""
    body = read.bodies[name]
    script = "".join(line for job in body.values() if isinstance(job, dict) for line in job.get("script", ()))
    used = set(re.findall(r"\$\[\[ inputs\.([a-z-]+) \]\]", script))
    free = {
        key
        for key, spec in read.inputs(name).items()
        if not ({"regex", "options"} & spec.keys() or spec.get("type", "string") != "string")
    }
    assert used & free == set()


@pytest.mark.parametrize("name", templates.EVERY)
def test_every_input_is_used(read: Read, name: str) -> None:
    """And nothing is used that is no input."""
    used = set(re.findall(r"\$\[\[ inputs\.([a-z-]+) \]\]", json.dumps(read.bodies[name])))
    assert used == set(read.inputs(name))


def test_the_chain_passes_everything_on(read: Read) -> None:
    """Each input of the three, but for those that the chain itself decides; with the same type."""
    for include in read.bodies["supply-chain"]["include"]:
        name = Path(include["local"]).stem
        assert set(read.inputs(name)) - set(include["inputs"]) == NOT_PASSED[name]
        for key, value in include["inputs"].items():
            whole = re.fullmatch(r"\$\[\[ inputs\.([a-z-]+) \]\]", value)
            if whole:
                ours, theirs = read.inputs("supply-chain")[whole[1]], read.inputs(name)[key]
                assert ours.get("type") == theirs.get("type"), key
                assert ours.get("options") == theirs.get("options"), key


def test_the_chain_hands_on_a_digest_that_no_variable_replaces(read: Read) -> None:
    """A started pipeline's variables go before those of a dotenv report (GitLab, "CI/CD variable precedence")."""
    (job,) = read.bodies["sign"].values()
    handed_on = f"{job['artifacts']['paths'][0]}digest".replace(
        "inputs.job-name ]]", "inputs.job-prefix ]]sign"
    )
    chosen = {Path(each["local"]).stem: each["inputs"] for each in read.bodies["supply-chain"]["include"]}
    assert [chosen[name]["digest-file"] for name in ("attest-sbom", "verify")] == [handed_on] * 2
    assert "$DIGEST" not in json.dumps(read.bodies)


@pytest.mark.parametrize("name", ["sign", "attest-sbom"])
def test_jobs_that_publish(read: Read, name: str) -> None:
    """They have a token for Fulcio, are never interrupted, and one writes after the other."""
    (job,) = read.bodies[name].values()
    assert job["id_tokens"] == {"SIGSTORE_ID_TOKEN": {"aud": "$[[ inputs.audience ]]"}}
    assert read.inputs(name)["audience"]["default"] == "sigstore"
    assert (job["interruptible"], job["resource_group"]) == (False, "$[[ inputs.resource-group ]]")
    assert job["retry"]["exit_codes"] == 2


def test_kinds_of_report(read: Read) -> None:
    """Those that GitLab knows and gitlab-ci-local ignores, kept also when the job fails."""
    known = read.schema["definitions"]["artifacts"]["properties"]["reports"]["properties"]
    found = {}
    for name in ("sign", "attest-sbom", "verify"):
        (job,) = read.bodies[name].values()
        artifacts = job["artifacts"]
        found[name] = sorted(artifacts["reports"])
        assert artifacts["when"] == "always"
        assert set(artifacts["reports"]) <= set(known)
        assert all(path.startswith(artifacts["paths"][0]) for path in artifacts["reports"].values())
    assert found == {
        "sign": ["annotations", "dotenv", "junit"],
        "attest-sbom": ["annotations", "cyclonedx", "junit"],
        "verify": ["annotations", "codequality", "junit"],
    }


def test_what_is_expanded_is_by_gitlab_s_schema(read: Read, loopback: Estate, tmp_path: Path) -> None:
    """The pipeline that comes out of the components, whole, by our own validator too."""
    include = component("supply-chain", image="registry.example/app", tool_image=TOOL_IMAGE, policy="p.json")
    project = loopback.project(tmp_path, {"include": [include]})
    ended = loopback.runner(project, "--preview", home=tmp_path)
    written = tmp_path / "preview.yml"
    written.write_text(ended.stdout[ended.stdout.index("---") :], encoding="utf-8")
    _, ((pipeline,),) = templates.read(loopback.runner, written)
    assert list(validator(read).iter_errors(pipeline)) == []
    jobs = {name: job for name, job in pipeline.items() if isinstance(job, dict) and "script" in job}
    assert set(jobs) == {"sign", "attest-sbom", "verify"}
    assert [each["job"] for each in jobs["verify"]["needs"]] == ["sign", "attest-sbom", "build"]
    assert {job["timeout"] for job in jobs.values()} == {"15 minutes"}
    assert {job["retry"]["max"] for job in jobs.values()} == {1}


def test_the_catalog_s_own_pipeline(read: Read, loopback: Estate, tmp_path: Path) -> None:
    """By GitLab's schema; a tag's image is signed before the release, by the component of the same commit."""
    _, ((written,),) = templates.read(loopback.runner, ROOT / ".gitlab-ci.yml")
    assert list(validator(read).iter_errors(written)) == []
    project = loopback.project(tmp_path, written)
    (project / ".gitlab-ci-local-variables.yml").write_text(json.dumps({"CI_COMMIT_TAG": "v1.2.3"}))
    listed = loopback.runner(project, "--list-csv", home=tmp_path).stdout
    jobs = [line.split(";") for line in listed.splitlines() if line.count(";") > 4][1:]
    assert [(name, stage) for name, _, stage, *_ in jobs] == [
        ("test", "test"),
        ("pinned", "test"),
        ("build-image", "image"),
        ("sign-image", "sign"),
        ("release", "release"),
    ]
