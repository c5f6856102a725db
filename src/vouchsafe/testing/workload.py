"""Who a certificate speaks of: subject, issuer and Fulcio's extensions, made from an OIDC token's claims.

The rules are Fulcio's own for its `gitlab-pipeline`, `github-workflow` and `email` issuers, faults
included: GitLab sends `ci_config_ref_uri: null` for a pipeline whose configuration lies elsewhere, and
Fulcio then certifies `https://<nil>`.

>>> gitlab(ci_config_ref_uri=None).subject
'https://<nil>'
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from vouchsafe.errors import SigningError
from vouchsafe.record import Record
from vouchsafe.testing.claims import GITLAB, github_claims, gitlab_claims

FULCIO_ARC = "1.3.6.1.4.1.57264.1"
OTHER_NAME = f"{FULCIO_ARC}.7"  # the otherName type of a SAN that is neither URI nor e-mail
# Fulcio's oid-info.md: names and last arcs; .1 to .6 are raw strings, the rest DER UTF8String.
EXTENSIONS: dict[str, int] = {
    "issuer": 1,
    "github-workflow-trigger": 2,
    "github-workflow-sha": 3,
    "github-workflow-name": 4,
    "github-workflow-repository": 5,
    "github-workflow-ref": 6,
    "issuer-v2": 8,
    "build-signer-uri": 9,
    "build-signer-digest": 10,
    "runner-environment": 11,
    "source-repository-uri": 12,
    "source-repository-digest": 13,
    "source-repository-ref": 14,
    "source-repository-identifier": 15,
    "source-repository-owner-uri": 16,
    "source-repository-owner-identifier": 17,
    "build-config-uri": 18,
    "build-config-digest": 19,
    "build-trigger": 20,
    "run-invocation-uri": 21,
    "source-repository-visibility-at-signing": 22,
    "deployment-environment": 23,
    "token-subject": 24,
}
LAST_RAW_ARC = 6

Claims = Mapping[str, object]


class Workload(Record):
    """`subject_kind` is uri, email or other; `claims` go by the names of EXTENSIONS, without the issuers."""

    subject: str
    subject_kind: str = "uri"
    issuer: str
    claims: Mapping[str, str] = MappingProxyType({})

    @property
    def extensions(self) -> dict[str, str]:
        """Every extension by name, issuers included, in the order of their arcs."""
        every = {"issuer": self.issuer, "issuer-v2": self.issuer, **self.claims}
        return dict(sorted(every.items(), key=lambda item: EXTENSIONS[item[0]]))


def gitlab(instance: str = GITLAB, **claims: Any) -> Workload:
    """A GitLab pipeline; keywords as of `gitlab_claims`."""
    return certified(gitlab_claims(instance, **claims))


def github(**claims: Any) -> Workload:
    """A GitHub workflow; keywords as of `github_claims`."""
    return certified(github_claims(**claims))


def email(address: str, issuer: str = "https://accounts.example") -> Workload:
    """A person."""
    return Workload(subject=address, subject_kind="email", issuer=issuer)


def other(name: str, issuer: str = "https://accounts.example") -> Workload:
    """A subject that is neither URI nor e-mail: Fulcio's otherName."""
    return Workload(subject=name, subject_kind="other", issuer=issuer)


def certified(token: Claims) -> Workload:
    """What Fulcio certifies for a token with these claims; SigningError when it would refuse."""
    if "ci_config_ref_uri" in token:
        return _gitlab(token)
    if "job_workflow_ref" in token:
        return _github(token)
    if "email" in token:
        if token.get("email_verified") is not True:
            raise SigningError("fulcio-refused", "expected a verified e-mail address, got one that is not")
        return Workload(subject=_text(token, "email"), subject_kind="email", issuer=_text(token, "iss"))
    if "project_path" in token:
        raise SigningError("fulcio-refused", "expected a claim ci_config_ref_uri, got none")
    if "username" in token:  # Fulcio's username issuers: an otherName `user!domain`
        return Workload(subject=_text(token, "username"), subject_kind="other", issuer=_text(token, "iss"))
    return Workload(subject=_text(token, "sub"), issuer=_text(token, "iss"))


def _gitlab(token: Claims) -> Workload:
    """As Fulcio's config/identity/config.yaml, `gitlab-pipeline`."""
    issuer = _text(token, "iss")
    config = "https://" + _text(token, "ci_config_ref_uri")
    project = f"{issuer}/{_text(token, 'project_path')}"
    kind = "heads" if _text(token, "ref_type") == "branch" else "tags"
    claims = {
        "build-signer-uri": config,
        "build-signer-digest": _text(token, "ci_config_sha"),
        "runner-environment": _text(token, "runner_environment"),
        "source-repository-uri": project,
        "source-repository-digest": _text(token, "sha"),
        "source-repository-ref": f"refs/{kind}/{_text(token, 'ref')}",
        "source-repository-identifier": _text(token, "project_id"),
        "source-repository-owner-uri": f"{issuer}/{_text(token, 'namespace_path')}",
        "source-repository-owner-identifier": _text(token, "namespace_id"),
        "build-config-uri": config,
        "build-config-digest": _text(token, "ci_config_sha"),
        "build-trigger": _text(token, "pipeline_source"),
        "run-invocation-uri": f"{project}/-/jobs/{_text(token, 'job_id')}",
        "source-repository-visibility-at-signing": _text(token, "project_visibility"),
        "token-subject": _text(token, "sub"),
    }
    if token.get("environment"):
        claims["deployment-environment"] = _text(token, "environment")
    return Workload(subject=config, issuer=issuer, claims=claims)


def _github(token: Claims) -> Workload:
    """As Fulcio's config/identity/config.yaml, `github-workflow`."""
    hub = "https://github.com/"
    project = hub + _text(token, "repository")
    signer = hub + _text(token, "job_workflow_ref")
    run = f"{project}/actions/runs/{_text(token, 'run_id')}/attempts/{_text(token, 'run_attempt')}"
    claims = {
        "github-workflow-trigger": _text(token, "event_name"),
        "github-workflow-sha": _text(token, "sha"),
        "github-workflow-name": _text(token, "workflow"),
        "github-workflow-repository": _text(token, "repository"),
        "github-workflow-ref": _text(token, "ref"),
        "build-signer-uri": signer,
        "build-signer-digest": _text(token, "job_workflow_sha"),
        "runner-environment": _text(token, "runner_environment"),
        "source-repository-uri": project,
        "source-repository-digest": _text(token, "sha"),
        "source-repository-ref": _text(token, "ref"),
        "source-repository-identifier": _text(token, "repository_id"),
        "source-repository-owner-uri": hub + _text(token, "repository_owner"),
        "source-repository-owner-identifier": _text(token, "repository_owner_id"),
        "build-config-uri": hub + _text(token, "workflow_ref"),
        "build-config-digest": _text(token, "workflow_sha"),
        "build-trigger": _text(token, "event_name"),
        "run-invocation-uri": run,
        "source-repository-visibility-at-signing": _text(token, "repository_visibility"),
        "token-subject": _text(token, "sub"),
    }
    return Workload(subject=signer, issuer=_text(token, "iss"), claims=claims)


def _text(token: Claims, name: str) -> str:
    """A claim as Fulcio's templates print it: null becomes `<nil>`, absent is refused where it matters."""
    value = token.get(name, "")
    return "<nil>" if value is None else str(value)
