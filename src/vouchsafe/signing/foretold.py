"""Whom Fulcio's certificate will name for a token, foretold by its published rules.

For saying who would sign before anybody does (`--dry-run`), and for seeing that this pipeline has signed
already without asking for a certificate. What counts in the end is the certificate. Rules: fulcio
config/identity/config.yaml, `gitlab-pipeline`, `github-workflow` and `email`.
"""

from __future__ import annotations

from vouchsafe.signing.token import IdentityToken, is_github, is_gitlab
from vouchsafe.verification.identity import Identity

# Claims by which a policy tells one signer from another; the others change with every commit or job.
LASTING = (
    "runner-environment",
    "source-repository-ref",
    "source-repository-identifier",
    "source-repository-owner-identifier",
    "build-trigger",
    "deployment-environment",
)
_REF_KINDS = {"branch": "heads", "tag": "tags"}


def identity(token: IdentityToken) -> Identity | None:
    """The identity to be; None for a token of a kind whose rules only its Fulcio knows."""
    if is_gitlab(token):
        return _gitlab(token)
    if is_github(token):
        return _github(token)
    email = token.text("email")
    if email and token.claims.get("email_verified") is True:
        return Identity(issuer=token.text("iss"), subject=email, subject_kind="email", claims={})
    return None


def lasting(found: Identity) -> dict[str, str]:
    """The claims that make this signer who it is, beside subject and issuer."""
    return {name: found.claims[name] for name in LASTING if found.claims.get(name)}


def _gitlab(token: IdentityToken) -> Identity:
    issuer = token.text("iss")
    config = "https://" + token.text("ci_config_ref_uri")
    kind = _REF_KINDS.get(token.text("ref_type"), "tags")
    claims = {
        "build-signer-uri": config,
        "build-signer-digest": token.text("ci_config_sha"),
        "runner-environment": token.text("runner_environment"),
        "source-repository-digest": token.text("sha"),
        "source-repository-ref": f"refs/{kind}/{token.text('ref')}",
        "source-repository-identifier": token.text("project_id"),
        "source-repository-owner-identifier": token.text("namespace_id"),
        "build-config-uri": config,
        "build-trigger": token.text("pipeline_source"),
        "source-repository-visibility-at-signing": token.text("project_visibility"),
        "deployment-environment": token.text("environment"),
        "token-subject": token.text("sub"),
    }
    return _identity(issuer, config, claims)


def _github(token: IdentityToken) -> Identity:
    signer = "https://github.com/" + token.text("job_workflow_ref")
    claims = {
        "github-workflow-trigger": token.text("event_name"),
        "github-workflow-repository": token.text("repository"),
        "github-workflow-ref": token.text("ref"),
        "build-signer-uri": signer,
        "build-signer-digest": token.text("job_workflow_sha"),
        "runner-environment": token.text("runner_environment"),
        "source-repository-uri": "https://github.com/" + token.text("repository"),
        "source-repository-digest": token.text("sha"),
        "source-repository-ref": token.text("ref"),
        "source-repository-identifier": token.text("repository_id"),
        "source-repository-owner-identifier": token.text("repository_owner_id"),
        "build-trigger": token.text("event_name"),
        "source-repository-visibility-at-signing": token.text("repository_visibility"),
        "token-subject": token.text("sub"),
    }
    return _identity(token.text("iss"), signer, claims)


def _identity(issuer: str, subject: str, claims: dict[str, str]) -> Identity:
    said = {name: value for name, value in claims.items() if value}
    return Identity(issuer=issuer, subject=subject, subject_kind="uri", claims=said)
