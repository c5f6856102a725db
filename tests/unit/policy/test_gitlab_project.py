"""A policy for a GitLab project: what is accepted, what is not, and what the operator is told."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.unit.policy.test_meaning import named
from vouchsafe.errors import ConfigurationError
from vouchsafe.policy.document import parse
from vouchsafe.policy.gitlab_project import Project, Wanted, full_ref, is_protected, wildcard, write
from vouchsafe.policy.lint import lint
from vouchsafe.policy.regexp import matches
from vouchsafe.policy.requirement import SigstoreSigned
from vouchsafe.testing.workload import gitlab
from vouchsafe.verification.identity import Identity

COM = "https://gitlab.com"
PROJECT = Project(
    instance=COM,
    id="1234",
    path="group/app",
    default_branch="main",
    registry="registry.gitlab.com/group/app",
    branches=("main", "release/*"),
    tags=("v*",),
)


def pipeline(**changes: Any) -> Identity:
    """A pipeline of the project, changed."""
    instance = changes.pop("instance", COM)
    return named(gitlab(instance, **({"project_path": "group/app", "project_id": "1234"} | changes)))


def accepts(project: Project, wanted: Wanted, identity: Identity) -> bool:
    """Whether the written policy accepts a pipeline; the patterns beside it must agree."""
    written = write(project, wanted)
    blob = json.dumps(written.document).encode()
    (rule,) = parse(blob, dialect="vouchsafe", source="policy.json").transports["docker"].values()
    (requirement,) = rule.requirements
    assert isinstance(requirement, SigstoreSigned)
    assert requirement.signer.fulcio is not None
    assert requirement.signer.fulcio.identities == written.patterns
    return any(not pattern.mismatches(identity) for pattern in written.patterns)


def test_the_usual_policy() -> None:
    """Everything else refused; the default branch; path and number."""
    written = write(PROJECT, Wanted())
    said = {"project": "group/app", "projectID": "1234", "ref": "refs/heads/main"}
    name = {"type": "matchRepository"}
    requirement = {"type": "sigstoreSigned", "fulcio": {"gitlab": said}, "signedIdentity": name}
    assert written.document == {
        "default": [{"type": "reject"}],
        "transports": {"docker": {"registry.gitlab.com/group/app": [requirement]}},
    }
    assert written.drop_in == {"transports": written.transports}
    assert written.warnings == ("tags v* are protected but not accepted: add --ref 'refs/tags/v*'",)


def test_it_has_no_findings() -> None:
    """What we write, we do not complain about."""
    blob = json.dumps(write(PROJECT, Wanted(refs=("main", "refs/tags/v*"))).document).encode()
    policy = parse(blob, dialect="vouchsafe", source="policy.json")
    assert lint(policy, now=datetime(2026, 11, 2, tzinfo=UTC)) == ()


@pytest.mark.parametrize(
    "identity, accepted",
    [
        (pipeline(), True),
        (pipeline(pipeline_source="schedule"), True),
        (pipeline(ref="refs/heads/feature"), False),
        (pipeline(pipeline_source="merge_request_event"), False),
        (pipeline(project_id="99"), False),
        (pipeline(project_path="group/other"), False),
        (pipeline(config="other.yml"), False),
        (pipeline(instance="https://gitlab.example"), False),
        (pipeline(ref="refs/tags/v1"), False),
    ],
)
def test_whom_the_usual_policy_accepts(identity: Identity, accepted: bool) -> None:
    """The project's own pipelines of the default branch, and nobody else's."""
    assert accepts(PROJECT, Wanted(), identity) is accepted


@pytest.mark.parametrize(
    "refs, ref, accepted",
    [
        (("refs/tags/v*",), "refs/tags/v1.2", True),
        (("refs/tags/v*",), "refs/tags/w1", False),
        (("refs/tags/v*",), "refs/heads/v1", False),
        (("release/*",), "refs/heads/release/1/2", True),
        (("main", "refs/tags/v*"), "refs/heads/main", True),
        (("main", "refs/tags/v*"), "refs/tags/v9", True),
        (("main", "refs/tags/v*"), "refs/heads/dev", False),
        (("main", "refs/heads/main"), "refs/heads/main", True),
    ],
)
def test_chosen_refs(refs: tuple[str, ...], ref: str, accepted: bool) -> None:
    """Several refs are alternatives; GitLab's wildcards mean what they mean there."""
    assert accepts(PROJECT, Wanted(refs=refs), pipeline(ref=ref)) is accepted


def test_the_same_ref_twice_is_one() -> None:
    """Written short and in full."""
    assert len(write(PROJECT, Wanted(refs=("main", "refs/heads/main"))).patterns) == 1


def test_a_self_managed_instance() -> None:
    """Its own issuer; the public-good Sigstore does not know it, and that is said unless a root is named."""
    project = PROJECT.replace(instance="https://git.corp.example", ci_config="ci/build.yml")
    wanted = Wanted(runner_environment="self-hosted")
    written = write(project, wanted)
    (requirement,) = written.transports["docker"]["registry.gitlab.com/group/app"]
    assert requirement["fulcio"]["gitlab"] == {
        "project": "group/app",
        "projectID": "1234",
        "ref": "refs/heads/main",
        "ciConfig": "ci/build.yml",
        "instance": "https://git.corp.example",
        "runnerEnvironment": "self-hosted",
    }
    assert "no certificates to https://git.corp.example" in written.warnings[0]
    identity = pipeline(
        instance="https://git.corp.example", config="ci/build.yml", runner_environment="self-hosted"
    )
    assert accepts(project, wanted, identity)
    private = write(project, wanted.replace(trusted_root="/etc/vouchsafe/root.json"))
    (requirement,) = private.transports["docker"]["registry.gitlab.com/group/app"]
    assert requirement["fulcio"]["trustedRootPath"] == "/etc/vouchsafe/root.json"
    assert not any("no certificates" in warning for warning in private.warnings)


@pytest.mark.parametrize(
    "project, refs, word",
    [
        (PROJECT, ("dev",), "refs/heads/dev is not protected"),
        (PROJECT, ("refs/tags/w1",), "refs/tags/w1 is not protected"),
        (PROJECT.replace(branches=None), ("main",), "whether refs/heads/main is protected is unknown"),
        (
            PROJECT.replace(asked="https://git.example"),
            ("main",),
            "https://git.example calls itself https://gitlab",
        ),
        (PROJECT.replace(ci_config=None), ("main",), "which CI file the project uses is unknown"),
    ],
)
def test_warnings(project: Project, refs: tuple[str, ...], word: str) -> None:
    """What weakens the policy or cannot be known is said, once."""
    (warning,) = write(project, Wanted(refs=refs)).warnings
    assert warning.startswith(word)


def test_nothing_to_warn_of() -> None:
    """Protected refs on gitlab.com, asked there."""
    assert write(PROJECT.replace(asked=COM), Wanted(refs=("main", "refs/tags/v*"))).warnings == ()


@pytest.mark.parametrize(
    "ref, protected",
    [
        ("refs/heads/main", True),
        ("refs/heads/main2", False),
        ("refs/heads/release/1", True),
        ("refs/heads/release/*", True),
        ("refs/heads/release/1.*", True),
        ("refs/heads/rel*", False),
        ("refs/heads/*", False),
        ("refs/tags/v1", True),
        ("refs/tags/main", False),
    ],
)
def test_protection(ref: str, protected: bool) -> None:
    """A wildcard is protected when something at least as wide is."""
    assert is_protected(PROJECT, ref) is protected


@pytest.mark.parametrize(
    "project, wanted, code",
    [
        (PROJECT.replace(default_branch=""), Wanted(), "gitlab-ref"),
        (PROJECT, Wanted(refs=("refs/merge-requests/1/head",)), "gitlab-ref"),
        (PROJECT, Wanted(refs=("refs/heads/",)), "gitlab-ref"),
        (PROJECT.replace(ci_config=".gitlab-ci.yml@group/ci"), Wanted(), "gitlab-ci-config"),
        (PROJECT.replace(ci_config="https://ci.example/x.yml"), Wanted(), "gitlab-ci-config"),
        (PROJECT.replace(registry=""), Wanted(), "gitlab-registry"),
        (PROJECT, Wanted(registry="registry.example/UPPER"), "gitlab-registry"),
        (PROJECT, Wanted(registry="group/app"), "gitlab-registry"),
        (PROJECT, Wanted(runner_environment="mine"), "policy-gitlab"),
    ],
)
def test_no_policy(project: Project, wanted: Wanted, code: str) -> None:
    """Where none would hold, none is written."""
    with pytest.raises(ConfigurationError) as caught:
        write(project, wanted)
    assert caught.value.code == code


def test_images_elsewhere() -> None:
    """The scope is where the operator says the images are."""
    written = write(PROJECT, Wanted(registry="registry.example:5000/mirror/app"))
    assert list(written.transports["docker"]) == ["registry.example:5000/mirror/app"]


def test_wildcards_are_no_patterns() -> None:
    """Only the star is special: a dot in a branch's name is a dot."""
    assert matches(wildcard("v1.*"), "v1.2/rc") is True
    assert matches(wildcard("v1.*"), "v1x2") is False
    assert full_ref("v1.0") == "refs/heads/v1.0"
