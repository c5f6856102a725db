r"""Which repositories a signature that names none may speak for: the bundle's missing docker-reference.

A bundle holds a digest and an identity, so a copy in any repository verifies (sigstore/cosign#5014). It
counts where the identity that the policy names is one project; or where the repository lies under the path
of the project that the certificate names (GitLab's registry and ghcr.io lay images out so); or where the
policy says so (`repositoryOfProject`).

>>> from vouchsafe.policy.identity import IdentityPattern
>>> anyone = IdentityPattern(issuer="https://gitlab.com", subject_regexp="https://gitlab\\.com/acme/.*")
>>> class signer:
...     issuer, subject, claims = (
...         "https://gitlab.com",
...         "https://gitlab.com/acme/app//x@y",
...         {"source-repository-uri": "https://gitlab.com/acme/app"},
...     )
>>> speaks_for(anyone, signer, Repository.parse("registry.gitlab.com/acme/app/web"), {})
True
>>> speaks_for(anyone, signer, Repository.parse("registry.gitlab.com/acme/other"), {})
False
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from vouchsafe.image.reference import Repository
from vouchsafe.policy.identity import PROJECT_URI, IdentityPattern, project_path, project_uri

if TYPE_CHECKING:
    from vouchsafe.verification.identity import Identity

ANY_PROJECT = "*"  # in repositoryOfProject: whoever the requirement accepts


def unbound(
    patterns: Iterable[IdentityPattern],
    identity: Identity,
    repository: Repository | None,
    mapping: Mapping[str, tuple[str, ...]],
) -> str:
    """Why a signature by `identity` may not speak for `repository`, "" when it may.

    `patterns` are a requirement's alternatives; only those that accept the identity count. `repository` is
    None for images without a name (`oci:`, `dir:`).
    """
    for pattern in patterns:
        if not pattern.mismatches(identity) and speaks_for(pattern, identity, repository, mapping):
            return ""
    project = project_uri(identity) or identity.subject
    place = "an image that has no repository" if repository is None else f"the repository {repository}"
    return f"expected a signature that speaks for {place}, got one that names no repository, by {project}"


def speaks_for(
    pattern: IdentityPattern,
    identity: Identity,
    repository: Repository | None,
    mapping: Mapping[str, tuple[str, ...]],
) -> bool:
    """Whether a signature by `identity`, accepted by `pattern`, may speak for `repository`."""
    if pattern.pins_project(identity):
        return True
    if repository is None:
        return False
    project = project_path(identity.claims.get(PROJECT_URI, "")).lower()  # a repository's path is lower-case
    if project and _lies_under(repository.path, project):
        return True
    return any(_lies_under(repository.name, under) for under in _mapped(identity, mapping))


def _mapped(identity: Identity, mapping: Mapping[str, tuple[str, ...]]) -> Iterable[str]:
    """The repositories written for the signer's project, for the signer, and for everybody."""
    for name in (project_uri(identity), identity.subject, ANY_PROJECT):
        yield from mapping.get(name, ())


def _lies_under(path: str, parent: str) -> bool:
    """By whole components: `acme/app2` does not lie under `acme/app`."""
    return path == parent or path.startswith(f"{parent}/")
