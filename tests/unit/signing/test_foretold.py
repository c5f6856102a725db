"""Whom Fulcio will name: the same as what the virtual Fulcio certifies by its published rules."""

from __future__ import annotations

from typing import Any

import pytest

from vouchsafe.signing import foretold
from vouchsafe.signing.token import IdentityToken
from vouchsafe.testing.claims import github_claims, gitlab_claims
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.testing.workload import certified

SIGSTORE = VirtualSigstore()


def read(claims: dict[str, Any]) -> IdentityToken:
    """A token with these claims."""
    return IdentityToken.parse(SIGSTORE.oidc.token(claims))


@pytest.mark.parametrize(
    "claims",
    [
        gitlab_claims(),
        gitlab_claims(ref="refs/tags/v1.0"),
        gitlab_claims(pipeline_source="schedule", environment="production"),
        gitlab_claims("https://git.corp.example", project_path="a/b/c", config="ci/release.yml"),
        github_claims(),
        github_claims(event_name="workflow_dispatch", ref="refs/tags/v2"),
        {"iss": "https://accounts.example", "sub": "1", "email": "a@b.example", "email_verified": True},
    ],
)
def test_as_certified(claims: dict[str, Any]) -> None:
    """Subject, issuer, and every claim that is foretold at all."""
    found, wanted = foretold.identity(read(claims)), certified(claims)
    assert found is not None
    assert (found.subject, found.subject_kind, found.issuer) == (
        wanted.subject,
        wanted.subject_kind,
        wanted.issuer,
    )
    assert found.claims == {name: wanted.claims[name] for name in found.claims}
    assert set(foretold.LASTING) & wanted.claims.keys() <= found.claims.keys()


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://accounts.example", "sub": "spiffe://corp.example/x"},
        {"iss": "https://accounts.example", "sub": "1", "email": "a@b.example", "email_verified": False},
        {"iss": "https://accounts.example", "sub": "1", "email": "a@b.example"},
    ],
)
def test_not_foretold(claims: dict[str, Any]) -> None:
    """A kind of token whose rules only its Fulcio knows."""
    assert foretold.identity(read(claims)) is None


def test_lasting() -> None:
    """What stays from one commit to the next, and tells one signer from another."""
    found = foretold.identity(read(gitlab_claims(environment="")))
    assert found is not None
    assert foretold.lasting(found) == {
        "runner-environment": "gitlab-hosted",
        "source-repository-ref": "refs/heads/main",
        "source-repository-identifier": found.claims["source-repository-identifier"],
        "source-repository-owner-identifier": found.claims["source-repository-owner-identifier"],
        "build-trigger": "push",
    }
