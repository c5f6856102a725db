"""Evidence that holds, but speaks of somebody else: what a policy has to tell apart (rules 8 and 9)."""

from __future__ import annotations

from typing import Any

from vouchsafe.testing.specimens import Draft, wrong
from vouchsafe.testing.workload import Workload, email, github, gitlab


def _signed_by(draft: Draft, workload: Workload) -> None:
    draft.order = draft.order.replace(workload=workload)


def _pipeline(draft: Draft, **claims: Any) -> None:
    _signed_by(draft, gitlab(**claims))


@wrong("other-branch", 8)
def other_branch(draft: Draft) -> None:
    """Signed by the same project from another branch."""
    _pipeline(draft, ref="refs/heads/feature")


@wrong("branch-prefix", 8)
def branch_prefix(draft: Draft) -> None:
    """Signed from a branch whose name begins with ours: an unanchored pattern lets it in."""
    _pipeline(draft, ref="refs/heads/main-evil")


@wrong("tag-for-branch", 8)
def tag_for_branch(draft: Draft) -> None:
    """Signed from a tag that is called as our branch."""
    _pipeline(draft, ref="refs/tags/main")


@wrong("branch-with-at", 8)
def branch_with_at(draft: Draft) -> None:
    """Signed from a branch whose name holds a whole second reference: what splits at `@` is fooled."""
    _pipeline(draft, ref="refs/heads/x@refs/heads/main")


@wrong("subject-in-other-subject", 8)
def subject_in_other_subject(draft: Draft) -> None:
    """Our whole subject stands inside the path of the attacker's."""
    _pipeline(draft, ci_config_ref_uri=f"gitlab.attacker.example/{draft.asked.subject}")


@wrong("other-project", 8)
def other_project(draft: Draft) -> None:
    """Signed by another project of the group."""
    _pipeline(draft, project_path="group/other")


@wrong("project-prefix", 8)
def project_prefix(draft: Draft) -> None:
    """Signed by a group whose name begins with ours."""
    _pipeline(draft, project_path="group-evil/project")


@wrong("other-configuration", 8)
def other_configuration(draft: Draft) -> None:
    """Signed by another CI file of the same project."""
    _pipeline(draft, config="evil.yml")


@wrong("other-issuer", 8, advisory="GHSA-46mp-8w32-6g94 (CVE-2025-29778)")
def other_issuer(draft: Draft) -> None:
    """Another issuer vouches for our very subject."""
    ours = gitlab()
    _signed_by(draft, ours.replace(issuer="https://gitlab.attacker.example"))


@wrong("issuer-prefix", 8, advisory="GHSA-59jp-pj84-45mr (CVE-2026-22772)")
def issuer_prefix(draft: Draft) -> None:
    """The issuer's name begins with ours."""
    _signed_by(draft, gitlab().replace(issuer=f"{draft.asked.issuer}.attacker.example"))


@wrong("email-for-pipeline", 8)
def email_for_pipeline(draft: Draft) -> None:
    """Signed by a person, not by a pipeline."""
    _signed_by(draft, email("attacker@example.com", draft.asked.issuer))


@wrong("github-for-gitlab", 8)
def github_for_gitlab(draft: Draft) -> None:
    """Signed by a workflow of the same path on another forge."""
    _signed_by(draft, github())


@wrong("nil-subject", 9)
def nil_subject(draft: Draft) -> None:
    """GitLab knew no configuration, and Fulcio certified `https://<nil>`."""
    _pipeline(draft, ci_config_ref_uri=None)


@wrong("fork-merge-request", 9)
def fork_merge_request(draft: Draft) -> None:
    """A fork's merge request carries our subject; only project id and trigger tell it apart."""
    stranger = gitlab(project_path="stranger/project", pipeline_source="merge_request_event")
    told = {name: text for name, text in stranger.claims.items() if not name.startswith("build-")}
    trigger = {"build-trigger": "merge_request_event"}
    _signed_by(draft, draft.asked.replace(claims={**draft.asked.claims, **told, **trigger}))


@wrong("project-registered-again", 9)
def project_registered_again(draft: Draft) -> None:
    """The path is ours, the project id is not: somebody registered the path after us."""
    _pipeline(draft, project_id="990099")


@wrong("merge-request", 9)
def merge_request(draft: Draft) -> None:
    """Our own project, but triggered by a merge request."""
    _pipeline(draft, pipeline_source="merge_request_event")
