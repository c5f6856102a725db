"""`gitlab` and `github`: what they compile to, and which certificates that accepts."""

from __future__ import annotations

from typing import Any

import pytest

from vouchsafe.errors import ConfigurationError
from vouchsafe.policy import github, gitlab
from vouchsafe.policy.identity import GITHUB_ISSUER, IdentityPattern
from vouchsafe.verification.identity import Identity

MAIN = "refs/heads/main"


def pipeline(host: str = "gitlab.com", ref: str = MAIN, **claims: str) -> Identity:
    """The identity of a GitLab pipeline of group/app, as Fulcio writes it."""
    return Identity(
        issuer=f"https://{host}",
        subject=f"https://{host}/group/app//.gitlab-ci.yml@{ref}",
        subject_kind="uri",
        claims={
            "source-repository-uri": "https://gitlab.com/group/app",
            "source-repository-identifier": "42",
            "source-repository-ref": ref,
            "build-trigger": "push",
            "runner-environment": "self-hosted",
        }
        | {name.replace("_", "-"): value for name, value in claims.items()},
    )


def workflow(ref: str = MAIN, **claims: str) -> Identity:
    """The identity of a GitHub workflow of acme/app."""
    return Identity(
        issuer=GITHUB_ISSUER,
        subject=f"https://github.com/acme/app/.github/workflows/release.yml@{ref}",
        subject_kind="uri",
        claims={
            "source-repository-uri": "https://github.com/acme/app",
            "source-repository-identifier": "42",
            "source-repository-ref": ref,
            "build-trigger": "push",
            "runner-environment": "github-hosted",
        }
        | {name.replace("_", "-"): value for name, value in claims.items()},
    )


def test_gitlab_compiles() -> None:
    """The whole of it, written out."""
    expected = IdentityPattern(
        issuer="https://gitlab.com",
        subject_uri="https://gitlab.com/group/app//.gitlab-ci.yml@refs/heads/main",
        claims={
            "source-repository-uri": ("https://gitlab.com/group/app",),
            "build-trigger": ("api", "pipeline", "push", "schedule", "trigger", "web", "webide"),
            "source-repository-identifier": ("42",),
            "runner-environment": ("gitlab-hosted",),
            "source-repository-ref": (MAIN,),
        },
    )
    actual = gitlab.pattern(
        project="group/app", project_id="42", ref=MAIN, runner_environment="gitlab-hosted"
    )
    assert expected == actual


def test_github_compiles() -> None:
    """The whole of it, written out."""
    expected = IdentityPattern(
        issuer=GITHUB_ISSUER,
        subject_uri="https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main",
        claims={
            "source-repository-uri": ("https://github.com/acme/app",),
            "build-trigger": ("push", "release", "schedule", "workflow_dispatch"),
            "source-repository-identifier": ("42",),
            "runner-environment": ("github-hosted",),
            "source-repository-ref": (MAIN,),
        },
    )
    actual = github.pattern(
        repository="acme/app",
        repository_id="42",
        workflow="release.yml",
        ref=MAIN,
        runner_environment="github-hosted",
    )
    assert expected == actual


@pytest.mark.parametrize(
    "written, identity, expected",
    [
        ({"ref": MAIN}, pipeline(), []),
        ({"ref": MAIN, "project_id": "42"}, pipeline(), []),
        ({"ref": MAIN, "project_id": "7"}, pipeline(), ["source-repository-identifier"]),
        ({"ref": MAIN}, pipeline(ref="refs/heads/feature"), ["subject", "source-repository-ref"]),
        ({"ref": MAIN}, pipeline(build_trigger="merge_request_event"), ["build-trigger"]),
        ({"ref": MAIN}, pipeline(build_trigger="parent_pipeline"), ["build-trigger"]),
        # a fork's merge request that carries the parent's subject
        (
            {"ref": MAIN, "project_id": "42"},
            pipeline(
                source_repository_uri="https://gitlab.com/eve/app",
                source_repository_identifier="666",
                build_trigger="merge_request_event",
            ),
            ["source-repository-uri", "build-trigger", "source-repository-identifier"],
        ),
        ({"ref": MAIN, "runner_environment": "self-hosted"}, pipeline(), []),
        ({"ref": MAIN, "runner_environment": "gitlab-hosted"}, pipeline(), ["runner-environment"]),
        ({"ref": MAIN, "ci_config": "ci/build.yml"}, pipeline(), ["subject"]),
        # .12 says gitlab.com for every instance; one day it may say the truth
        ({"ref": MAIN, "instance": "https://gitlab.example"}, pipeline("gitlab.example"), []),
        (
            {"ref": MAIN, "instance": "https://gitlab.example"},
            pipeline("gitlab.example", source_repository_uri="https://gitlab.example/group/app"),
            [],
        ),
        ({"ref": MAIN, "instance": "https://gitlab.example"}, pipeline(), ["issuer", "subject"]),
        ({"ref_pattern": "refs/tags/v[0-9.]+"}, pipeline(ref="refs/tags/v1.2"), []),
        (
            {"ref_pattern": "refs/tags/v[0-9.]+"},
            pipeline(ref="refs/tags/v1.2-rc"),
            ["subject", "source-repository-ref"],
        ),
        # alternatives stay inside their group
        ({"ref_pattern": "refs/heads/main|.*evil"}, pipeline(ref="x@evil"), []),
        (
            {"ref_pattern": "refs/heads/main|refs/heads/next"},
            Identity(
                issuer="https://gitlab.com",
                subject="refs/heads/next",
                subject_kind="uri",
                claims=pipeline(ref="refs/heads/next").claims,
            ),
            ["subject"],
        ),
        # a file that only looks like the one meant: …release.yml@evil.yml@refs/heads/main
        (
            {"ref": MAIN},
            pipeline(ref="evil.yml@refs/heads/main", source_repository_ref=MAIN),
            ["subject"],
        ),
        (
            {"ref": "refs/merge-requests/1/head", "triggers": ("merge_request_event",)},
            pipeline(
                ref="refs/merge-requests/1/head",
                source_repository_ref="refs/heads/feature",
                build_trigger="merge_request_event",
            ),
            [],
        ),
        (
            {"ref_pattern": "refs/merge-requests/.*", "triggers": ("merge_request_event",)},
            pipeline(
                ref="refs/merge-requests/1/head",
                source_repository_ref="refs/heads/feature",
                build_trigger="merge_request_event",
            ),
            [],
        ),
    ],
)
def test_gitlab_accepts(written: dict[str, Any], identity: Identity, expected: list[str]) -> None:
    """Which fields of a certificate speak against it."""
    pattern = gitlab.pattern(project="group/app", **written)
    assert expected == [each.field for each in pattern.mismatches(identity)]


@pytest.mark.parametrize(
    "written, identity, expected",
    [
        ({"ref": MAIN}, workflow(), []),
        ({"ref": MAIN, "repository_id": "7"}, workflow(), ["source-repository-identifier"]),
        ({"ref": MAIN}, workflow(build_trigger="pull_request_target"), ["build-trigger"]),
        (
            {"ref": MAIN, "triggers": ("pull_request_target",)},
            workflow(build_trigger="pull_request_target"),
            [],
        ),
        (
            {"ref": MAIN},
            workflow(source_repository_uri="https://github.com/eve/app"),
            ["source-repository-uri"],
        ),
        ({"ref_pattern": "refs/tags/.*"}, workflow(ref="refs/tags/v1"), []),
        ({"ref": MAIN, "runner_environment": "self-hosted"}, workflow(), ["runner-environment"]),
        (
            {"ref": "refs/pull/1/merge", "triggers": ("pull_request",)},
            workflow(ref="refs/pull/1/merge", build_trigger="pull_request"),
            [],
        ),
    ],
)
def test_github_accepts(written: dict[str, Any], identity: Identity, expected: list[str]) -> None:
    """Which fields of a certificate speak against it."""
    pattern = github.pattern(repository="acme/app", workflow="release.yml", **written)
    assert expected == [each.field for each in pattern.mismatches(identity)]


@pytest.mark.parametrize(
    "written, said",
    [
        ({}, "expected one of ref, refPattern, got none"),
        ({"ref": MAIN, "ref_pattern": ".*"}, "expected one of ref, refPattern, got both"),
        ({"ref": "main"}, "expected a ref in full"),
        ({"ref": "refs/heads/"}, "expected a ref in full"),
        ({"ref": "refs/merge-requests/1/head"}, "expected a ref in full"),
        ({"ref_pattern": "("}, "expected an RE2 pattern"),
        ({"ref_pattern": "a)|(?:.*"}, "expected an RE2 pattern"),
        ({"ref_pattern": "a)|(?:.*", "triggers": ("merge_request_event",)}, "expected an RE2 pattern"),
        ({"ref": MAIN, "project": "app"}, "as project"),
        ({"ref": MAIN, "project": "group/../app"}, "as project"),
        ({"ref": MAIN, "project": "group/app//x"}, "as project"),
        ({"ref": MAIN, "project": ""}, "as project"),
        ({"ref": MAIN, "project_id": "0"}, "as projectID"),
        ({"ref": MAIN, "project_id": "1e3"}, "as projectID"),
        ({"ref": MAIN, "instance": "https://gitlab.com/"}, "as instance"),
        ({"ref": MAIN, "instance": "http://gitlab.com"}, "as instance"),
        ({"ref": MAIN, "ci_config": "x@y"}, "as ciConfig"),
        ({"ref": MAIN, "ci_config": "../x.yml"}, "as ciConfig"),
        ({"ref": MAIN, "triggers": ()}, "expected triggers"),
        ({"ref": MAIN, "triggers": ("Push",)}, "expected triggers"),
        ({"ref": MAIN, "runner_environment": "mine"}, "expected a runnerEnvironment"),
    ],
)
def test_gitlab_refuses(written: dict[str, Any], said: str) -> None:
    """What cannot be meant is refused, before it becomes part of a pattern."""
    with pytest.raises(ConfigurationError) as caught:
        gitlab.pattern(**{"project": "group/app", **written})
    assert said in caught.value.message
    assert caught.value.code in {"policy-gitlab", "policy-regexp"}


@pytest.mark.parametrize(
    "ref, hint",
    [("main", "refs/heads/main"), ("refs/merge-requests/1/head", "their trigger")],
)
def test_ref_hints(ref: str, hint: str) -> None:
    """A bare branch and a merge request's ref each get their own advice."""
    with pytest.raises(ConfigurationError) as caught:
        gitlab.pattern(project="group/app", ref=ref)
    assert hint in caught.value.hint


def test_literal_to_the_end() -> None:
    r"""A `\Q` that never ends cannot swallow the end of the group: it does not compile."""
    with pytest.raises(ConfigurationError, match="RE2"):
        gitlab.pattern(project="group/app", ref_pattern=r"refs/\Qheads")


@pytest.mark.parametrize(
    "written, said",
    [
        ({"ref": "refs/pull/1/merge"}, "expected a ref in full"),
        ({"ref": MAIN, "repository": "app"}, "as repository"),
        ({"ref": MAIN, "workflow": "release"}, "as workflow"),
        ({"ref": MAIN, "workflow": "a/b.yml"}, "as workflow"),
        ({"ref": MAIN, "repository_id": "x"}, "as repositoryID"),
        ({"ref": MAIN, "triggers": ("",)}, "expected triggers"),
        ({"ref": MAIN, "runner_environment": "gitlab-hosted"}, "expected a runnerEnvironment"),
    ],
)
def test_github_refuses(written: dict[str, Any], said: str) -> None:
    """What cannot be meant is refused."""
    with pytest.raises(ConfigurationError) as caught:
        github.pattern(**{"repository": "acme/app", "workflow": "release.yml", **written})
    assert said in caught.value.message
    assert caught.value.code == "policy-github"
