"""What a GitHub Actions workflow's certificate must say: the shorthand `github`, anchored and complete.

`pull_request_target` runs on the base's ref with the base's subject, so the trigger is compared beside
repository, numeric id, workflow and ref. A reusable workflow of another repository is not covered: its
subject names that repository, and any repository may call it; write such an identity in full, with claims.
Certificate: fulcio, config/identity/config.yaml, `github-workflow`.

>>> pattern(repository="acme/app", workflow="release.yml", ref="refs/tags/v1").subject_uri
'https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1'
"""

from __future__ import annotations

import re

from vouchsafe.errors import ConfigurationError
from vouchsafe.policy.gitlab import check_ref, checked_triggers, on_ref
from vouchsafe.policy.identity import GITHUB_ISSUER, PROJECT_ID, PROJECT_URI, IdentityPattern

GITHUB = "https://github.com"
# What runs the code of the pinned ref at the will of those who may write to the repository.
DEFAULT_TRIGGERS = ("push", "release", "schedule", "workflow_dispatch")
PULL_REQUEST_TRIGGERS = frozenset(("pull_request", "pull_request_target"))
RUNNER_ENVIRONMENTS = ("github-hosted", "self-hosted")
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9_.-]+", re.ASCII)
_WORKFLOW = re.compile(r"[A-Za-z0-9_. -]+\.ya?ml", re.ASCII)
_ID = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
_REF = re.compile(r"refs/(?:heads|tags)/.+")
_PULL_REQUEST_REF = re.compile(r"refs/(?:heads|tags|pull)/.+")


def pattern(
    *,
    repository: str,
    workflow: str,
    repository_id: str = "",
    ref: str = "",
    ref_pattern: str = "",
    triggers: tuple[str, ...] = DEFAULT_TRIGGERS,
    runner_environment: str = "any",
) -> IdentityPattern:
    """One workflow file of one repository on one ref. ConfigurationError `policy-github`."""
    _expect("repository", repository, _REPOSITORY, "a name such as owner/repository")
    _expect("workflow", workflow, _WORKFLOW, "a file's name such as release.yml")
    check_ref(
        ref,
        ref_pattern,
        _PULL_REQUEST_REF if PULL_REQUEST_TRIGGERS & set(triggers) else _REF,
        "policy-github",
    )
    claims: dict[str, tuple[str, ...]] = {
        PROJECT_URI: (f"{GITHUB}/{repository}",),
        "build-trigger": checked_triggers(triggers, "policy-github"),
    }
    if repository_id:
        _expect("repositoryID", repository_id, _ID, "a number")
        claims[PROJECT_ID] = (repository_id,)
    if runner_environment != "any":
        claims["runner-environment"] = (runner_environment,)
        if runner_environment not in RUNNER_ENVIRONMENTS:
            names = ", ".join(("any", *RUNNER_ENVIRONMENTS))
            message = f"expected a runnerEnvironment of {names}, got {runner_environment!r}"
            raise ConfigurationError("policy-github", message)
    base = f"{GITHUB}/{repository}/.github/workflows/{workflow}"
    return on_ref(base, GITHUB_ISSUER, claims, ref, ref_pattern, compare_ref=True)


def _expect(key: str, value: str, wanted: re.Pattern[str], what: str) -> None:
    if not wanted.fullmatch(value):
        raise ConfigurationError("policy-github", f"expected {what} as {key}, got {value!r}")
