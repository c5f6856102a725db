"""What a GitLab pipeline's certificate must say: the shorthand `gitlab`, anchored and complete.

The subject alone is not an identity: a fork's merge request can carry the parent's, `https://<nil>` exists,
and a path can be registered again after its owner left. So project, numeric id, ref and trigger are all
compared. Fulcio's template writes https://gitlab.com into the project's URI for every instance; the issuer
and the subject name the instance. Certificate: fulcio, config/identity/config.yaml, `gitlab-pipeline`.

>>> pattern(project="group/app", ref="refs/heads/main").subject_uri
'https://gitlab.com/group/app//.gitlab-ci.yml@refs/heads/main'
"""

from __future__ import annotations

import re

from vouchsafe.errors import ConfigurationError
from vouchsafe.policy import regexp
from vouchsafe.policy.identity import PROJECT_ID, PROJECT_URI, IdentityPattern

GITLAB_COM = "https://gitlab.com"
DEFAULT_CI_CONFIG = ".gitlab-ci.yml"
# What runs the code of the pinned ref. Left out: merge requests (anybody's code), child pipelines (their
# configuration may be generated), external and chat triggers.
DEFAULT_TRIGGERS = ("api", "pipeline", "push", "schedule", "trigger", "web", "webide")
MERGE_REQUEST_TRIGGERS = frozenset(("merge_request_event", "external_pull_request_event"))
RUNNER_ENVIRONMENTS = ("gitlab-hosted", "self-hosted")
_INSTANCE = re.compile(r"https://[A-Za-z0-9.-]+(?::[0-9]+)?(?:/[A-Za-z0-9_.-]+)*", re.ASCII)
_PROJECT = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_.][A-Za-z0-9_.-]*)+", re.ASCII)
_FILE = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_. -]*(?:/[A-Za-z0-9_.][A-Za-z0-9_. -]*)*", re.ASCII)
_ID = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
_TRIGGER = re.compile(r"[a-z][a-z_]*", re.ASCII)
_REF = re.compile(r"refs/(?:heads|tags)/.+")
_MERGE_REQUEST_REF = re.compile(r"refs/(?:heads|tags|merge-requests)/.+")


def pattern(
    *,
    project: str,
    project_id: str = "",
    ref: str = "",
    ref_pattern: str = "",
    ci_config: str = DEFAULT_CI_CONFIG,
    instance: str = GITLAB_COM,
    triggers: tuple[str, ...] = DEFAULT_TRIGGERS,
    runner_environment: str = "any",
) -> IdentityPattern:
    """The pipeline of `ci_config` of one project on one ref. ConfigurationError `policy-gitlab`."""
    _expect("instance", instance, _INSTANCE, f"a URL such as {GITLAB_COM}, without a slash at the end")
    _expect("project", project, _PROJECT, "a path such as group/project")
    _expect("ciConfig", ci_config, _FILE, f"a path in the repository such as {DEFAULT_CI_CONFIG}")
    check_ref(
        ref,
        ref_pattern,
        _MERGE_REQUEST_REF if MERGE_REQUEST_TRIGGERS & set(triggers) else _REF,
        "policy-gitlab",
    )
    claims = {
        PROJECT_URI: _project_uris(instance, project),
        "build-trigger": checked_triggers(triggers, "policy-gitlab"),
    }
    if project_id:
        _expect("projectID", project_id, _ID, "a number")
        claims[PROJECT_ID] = (project_id,)
    if runner_environment != "any":
        claims["runner-environment"] = (runner_environment,)
        if runner_environment not in RUNNER_ENVIRONMENTS:
            names = ", ".join(("any", *RUNNER_ENVIRONMENTS))
            raise ConfigurationError(
                "policy-gitlab", f"expected a runnerEnvironment of {names}, got {runner_environment!r}"
            )
    # A merge request's certificate names the source branch as its ref, and the request in its subject.
    compare_ref = not MERGE_REQUEST_TRIGGERS & set(triggers)
    return on_ref(
        f"{instance}/{project}//{ci_config}", instance, claims, ref, ref_pattern, compare_ref=compare_ref
    )


def _project_uris(instance: str, project: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((f"{GITLAB_COM}/{project}", f"{instance}/{project}")))


def _expect(key: str, value: str, wanted: re.Pattern[str], what: str) -> None:
    if not wanted.fullmatch(value) or ".." in value.split("/"):
        raise ConfigurationError("policy-gitlab", f"expected {what} as {key}, got {value!r}")


def checked_triggers(triggers: tuple[str, ...], code: str) -> tuple[str, ...]:
    """The triggers, at least one, each a word."""
    for trigger in triggers or ("",):
        if not _TRIGGER.fullmatch(trigger):
            raise ConfigurationError(code, f"expected triggers such as push, got {trigger!r}")
    return triggers


def check_ref(ref: str, ref_pattern: str, allowed: re.Pattern[str], code: str) -> None:
    """Exactly one of both, a ref in full, and no ref that belongs to somebody's merge request."""
    if bool(ref) == bool(ref_pattern):
        raise ConfigurationError(code, f"expected one of ref, refPattern, got {'both' if ref else 'none'}")
    if ref_pattern:
        regexp.check(ref_pattern)
    elif not allowed.fullmatch(ref):
        hint = (
            f"Write refs/heads/{ref} for a branch."
            if not ref.startswith("refs/")
            else ("Refs of merge and pull requests are refused unless their trigger is named in `triggers`.")
        )
        raise ConfigurationError(
            code, f"expected a ref in full such as refs/heads/main, got {ref!r}", hint=hint
        )


def on_ref(
    base: str,
    issuer: str,
    claims: dict[str, tuple[str, ...]],
    ref: str,
    ref_pattern: str,
    *,
    compare_ref: bool,
) -> IdentityPattern:
    """The pattern whose subject is `base@ref`, for an exact ref or a pattern of refs."""
    if ref:
        if compare_ref:
            claims = claims | {"source-repository-ref": (ref,)}
        return IdentityPattern(issuer=issuer, subject_uri=f"{base}@{ref}", claims=claims)
    return IdentityPattern(
        issuer=issuer,
        subject_regexp=f"{regexp.escaped(base + '@')}(?:{ref_pattern})",
        claims=claims,
        claim_regexps={"source-repository-ref": ref_pattern} if compare_ref else {},
    )
