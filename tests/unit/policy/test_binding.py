"""Bundles name no repository: which ones an identity may speak for (sigstore/cosign#5014)."""

from __future__ import annotations

import pytest

from vouchsafe.image.reference import Repository
from vouchsafe.policy.binding import unbound
from vouchsafe.policy.identity import IdentityPattern
from vouchsafe.verification.identity import Identity

ISSUER = "https://gitlab.com"
GROUP = IdentityPattern(issuer=ISSUER, subject_regexp=r"https://gitlab\.com/acme/.*")
PINNED = IdentityPattern(
    issuer=ISSUER, subject_uri="https://gitlab.com/acme/app//.gitlab-ci.yml@refs/heads/main"
)
ANYBODY = IdentityPattern(issuer=ISSUER, subject_regexp=".*")


def pipeline(project: str = "acme/app") -> Identity:
    """A pipeline of a project of the group."""
    return Identity(
        issuer=ISSUER,
        subject=f"https://gitlab.com/{project}//.gitlab-ci.yml@refs/heads/main",
        subject_kind="uri",
        claims={"source-repository-uri": f"https://gitlab.com/{project}"},
    )


@pytest.mark.parametrize(
    "pattern, project, repository, mapping, expected",
    [
        (PINNED, "acme/app", "anywhere.example/else", {}, True),
        (GROUP, "acme/app", "registry.gitlab.com/acme/app", {}, True),
        (GROUP, "acme/app", "registry.gitlab.com/acme/app/web/arm", {}, True),
        (GROUP, "acme/app", "registry.gitlab.com/acme/app2", {}, False),
        (GROUP, "acme/app", "registry.gitlab.com/acme", {}, False),
        # the same group, another project: the copied bundle
        (GROUP, "acme/other", "registry.gitlab.com/acme/app", {}, False),
        # a repository's path is lower-case, a project's need not be
        (GROUP, "acme/App", "registry.gitlab.com/acme/app", {}, True),
        (
            GROUP,
            "acme/app",
            "quay.io/acme-mirror/app",
            {"https://gitlab.com/acme/app": ("quay.io/acme-mirror",)},
            True,
        ),
        (
            GROUP,
            "acme/app",
            "quay.io/acme-mirror2",
            {"https://gitlab.com/acme/app": ("quay.io/acme-mirror",)},
            False,
        ),
        (
            GROUP,
            "acme/other",
            "quay.io/acme-mirror",
            {"https://gitlab.com/acme/app": ("quay.io/acme-mirror",)},
            False,
        ),
        (GROUP, "acme/app", "quay.io/x", {"*": ("quay.io",)}, True),
        (GROUP, "acme/app", None, {"*": ("quay.io",)}, False),
        (PINNED, "acme/app", None, {}, True),
        # accepted by no pattern: never bound, whatever the path
        (PINNED, "acme/other", "registry.gitlab.com/acme/other", {}, False),
    ],
)
def test_pipelines(
    pattern: IdentityPattern, project: str, repository: str | None, mapping: dict, expected: bool
) -> None:
    """Pinned, under the project's path, or mapped."""
    where = None if repository is None else Repository.parse(repository)
    assert expected is (unbound([pattern], pipeline(project), where, mapping) == "")


def test_people() -> None:
    """A person has no project: only a mapping says where an e-mail identity may sign."""
    person = Identity(issuer=ISSUER, subject="a@b.example", subject_kind="email", claims={})
    pattern = IdentityPattern(issuer=ISSUER, subject_email="a@b.example")
    repository = Repository.parse("registry.example/tools/x")
    expected = (
        "expected a signature that speaks for the repository registry.example/tools/x, "
        "got one that names no repository, by a@b.example"
    )
    assert expected == unbound([pattern], person, repository, {})
    assert unbound([pattern], person, repository, {"a@b.example": ("registry.example/tools",)}) == ""


def test_any_alternative_may_bind() -> None:
    """One of several identities is enough, if it accepts the signer."""
    repository = Repository.parse("elsewhere.example/x")
    assert unbound([GROUP, PINNED], pipeline(), repository, {}) == ""
    assert "an image that has no repository" in unbound([GROUP], pipeline(), None, {})


def test_another_instance() -> None:
    """Of a self-hosted GitLab the certificate says gitlab.com; the mapping names the instance."""
    identity = Identity(
        issuer="https://gitlab.example",
        subject="https://gitlab.example/acme/app//.gitlab-ci.yml@refs/heads/main",
        subject_kind="uri",
        claims={"source-repository-uri": "https://gitlab.com/acme/app"},
    )
    pattern = ANYBODY.replace(issuer="https://gitlab.example")
    where = Repository.parse("quay.io/x")
    assert unbound([pattern], identity, where, {"https://gitlab.example/acme/app": ("quay.io/x",)}) == ""
    assert unbound([pattern], identity, where, {"https://gitlab.com/acme/app": ("quay.io/x",)})


def test_a_project_without_a_path() -> None:
    """A URI without group and project binds to no path."""
    identity = pipeline().replace(claims={"source-repository-uri": "https://gitlab.com/acme"})
    assert unbound([ANYBODY], identity, Repository.parse("registry.example/acme"), {})
