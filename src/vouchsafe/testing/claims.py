"""What GitLab and GitHub write into an id token, as plain dictionaries that a test may change.

`changes` go over the claims; a value of `...` drops one, None makes a JSON null.

>>> gitlab_claims(project_path="group/app")["ci_config_ref_uri"]
'gitlab.example/group/app//.gitlab-ci.yml@refs/heads/main'
"""

from __future__ import annotations

import hashlib
from typing import Any

GITLAB = "https://gitlab.example"
GITHUB = "https://token.actions.githubusercontent.com"


def gitlab_claims(
    instance: str = GITLAB,
    *,
    project_path: str = "group/project",
    ref: str = "refs/heads/main",
    pipeline_source: str = "push",
    config: str = ".gitlab-ci.yml",
    **changes: object,
) -> dict[str, Any]:
    """What GitLab writes into an id token; `changes` go over it, a value of `...` drops the claim."""
    namespace, _, _ = project_path.rpartition("/")
    kind, _, name = ref.removeprefix("refs/").partition("/")
    ref_type = "tag" if kind == "tags" else "branch"
    host = instance.partition("://")[2]
    claims: dict[str, Any] = {
        "iss": instance,
        "sub": f"project_path:{project_path}:ref_type:{ref_type}:ref:{name}",
        "namespace_id": str(_number(namespace)),
        "namespace_path": namespace,
        "project_id": str(_number(project_path)),
        "project_path": project_path,
        "project_visibility": "private",
        "pipeline_id": "9001",
        "pipeline_source": pipeline_source,
        "job_id": "302",
        "ref": name,
        "ref_type": ref_type,
        "ref_path": ref,
        "ref_protected": "true",
        "runner_environment": "gitlab-hosted",
        "sha": _commit(project_path, ref),
        "ci_config_ref_uri": f"{host}/{project_path}//{config}@{ref}",
        "ci_config_sha": _commit(project_path, ref),
    }
    return _changed(claims, changes)


def github_claims(
    *,
    repository: str = "group/project",
    ref: str = "refs/heads/main",
    workflow: str = ".github/workflows/release.yml",
    event_name: str = "push",
    **changes: object,
) -> dict[str, Any]:
    """What GitHub Actions writes into an id token; `changes` as in `gitlab_claims`."""
    owner = repository.partition("/")[0]
    reference = f"{repository}/{workflow}@{ref}"
    commit = _commit(repository, ref)
    claims: dict[str, Any] = {
        "iss": GITHUB,
        "sub": f"repo:{repository}:ref:{ref}",
        "repository": repository,
        "repository_id": str(_number(repository)),
        "repository_owner": owner,
        "repository_owner_id": str(_number(owner)),
        "repository_visibility": "private",
        "ref": ref,
        "sha": commit,
        "event_name": event_name,
        "workflow": "release",
        "workflow_ref": reference,
        "workflow_sha": commit,
        "job_workflow_ref": reference,
        "job_workflow_sha": commit,
        "runner_environment": "github-hosted",
        "run_id": "302",
        "run_attempt": "1",
    }
    return _changed(claims, changes)


def _changed(claims: dict[str, Any], changes: dict[str, object]) -> dict[str, Any]:
    return {name: value for name, value in (claims | changes).items() if value is not ...}


def _number(name: str) -> int:
    """A database id that belongs to a name for good."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:3], "big") + 1


def _commit(*parts: str) -> str:
    return hashlib.sha1("\0".join(parts).encode(), usedforsecurity=False).hexdigest()
