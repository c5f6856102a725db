"""What a person who trusts a pipeline by its subject alone should know (docs/gitlab-identity.md).

A fork's merge request can carry the parent project's subject, and a path can be registered again; the
project's number and the trigger cannot be borrowed. A policy is told so by `policy check`; flags here.
"""

from __future__ import annotations

from vouchsafe.policy.identity import PROJECT_ID, PROJECT_URI, IdentityPattern, project_path
from vouchsafe.policy.requirement import SigstoreAttested, SigstoreSigned
from vouchsafe.policy.scope import Policy
from vouchsafe.policy.verdict import Accepted, Verdict
from vouchsafe.verification.identity import Identity

_TRIGGER = "build-trigger"
_REQUESTED = ("merge_request", "external_pull_request", "pull_request")  # how anybody's triggers begin


def of_flags(policy: Policy, verdict: Verdict) -> tuple[str, ...]:
    """What whoever accepted this by flags should know; nothing about what a policy accepted, or nobody."""
    if policy.documents or not isinstance(verdict, Accepted):
        return ()
    patterns = [
        pattern
        for requirement in policy.default.requirements
        if isinstance(requirement, SigstoreSigned | SigstoreAttested) and requirement.signer.fulcio
        for pattern in requirement.signer.fulcio.identities
    ]
    found = (*(_too_wide(pattern) for pattern in patterns), _unpinned(patterns, verdict))
    return tuple(text for text in found if text)


def _too_wide(pattern: IdentityPattern) -> str:
    """What `policy check` would say first about a pattern."""
    if not pattern.subject_regexp:
        return ""
    from vouchsafe.policy.lint_identity import of_identity  # late: an exact subject does not need it

    # Of the other dialect, which has no claims: those are the next note's business.
    first = next(of_identity(pattern, "containers"), None)
    return "" if first is None else f"{first.message}. {first.fix}"


def _unpinned(patterns: list[IdentityPattern], verdict: Accepted) -> str:
    """What to add to the flags so that only this pipeline is accepted.

    Never the number of a project whose merge request borrowed the subject: that would pin the stranger.
    """
    written = {name for pattern in patterns for name in (*pattern.claims, *pattern.claim_regexps)}
    for signature in verdict.signatures:
        identity = signature.identity
        if identity is None or PROJECT_ID not in identity.claims:
            continue
        wanted = [name for name in (PROJECT_ID, _TRIGGER) if name in identity.claims and name not in written]
        if wanted and (danger := _danger(identity)):
            flags = f"--claim {_TRIGGER}=push --claim {PROJECT_ID}=NUMBER (your project's)"
            return f"be careful: {danger} To refuse it add {flags}"
        if wanted:
            flags = " ".join(f"--claim {name}={identity.claims[name]}" for name in wanted)
            return f"another pipeline could carry this subject; to pin this one add {flags}"
    return ""


def _danger(identity: Identity) -> str:
    """Why no policy should accept this signer; "" where one may."""
    project = project_path(identity.claims.get(PROJECT_URI, ""))
    if identity.claims.get(_TRIGGER, "").startswith(_REQUESTED) or f"/{project}/" not in identity.subject:
        from vouchsafe.policy.suggest import refused  # late: an ordinary signer does not need it

        return refused(identity)
    return ""
