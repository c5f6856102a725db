"""What a person who trusts a pipeline by its subject alone should know (docs/gitlab-identity.md).

A fork's merge request can carry the parent project's subject, and a path can be registered again; the
project's number and the trigger cannot be borrowed. A policy is told so by `policy check`; flags here.
"""

from __future__ import annotations

from vouchsafe.policy.identity import PROJECT_ID
from vouchsafe.policy.requirement import SigstoreAttested, SigstoreSigned
from vouchsafe.policy.scope import Policy
from vouchsafe.policy.verdict import Accepted, Verdict

_TRIGGER = "build-trigger"


def unpinned(policy: Policy, verdict: Verdict) -> str:
    """The claims that would pin what was accepted by flags; "" when there is nothing to say."""
    if policy.documents or not isinstance(verdict, Accepted):
        return ""
    written = {
        name
        for requirement in policy.default.requirements
        if isinstance(requirement, SigstoreSigned | SigstoreAttested) and requirement.signer.fulcio
        for pattern in requirement.signer.fulcio.identities
        for name in (*pattern.claims, *pattern.claim_regexps)
    }
    for signature in verdict.signatures:
        identity = signature.identity
        if identity is None or PROJECT_ID not in identity.claims:
            continue
        wanted = [name for name in (PROJECT_ID, _TRIGGER) if name in identity.claims and name not in written]
        if wanted:
            flags = " ".join(f"--claim {name}={identity.claims[name]}" for name in wanted)
            return f"another pipeline could carry this subject; to pin this one add {flags}"
    return ""
