"""vouchsafe: was this container image signed by the pipeline you trust, and if not, why not.

The library's public surface (docs/library.md). Names are imported when they are first used: a program that
needs `Reference` alone pays for nothing else.

>>> from vouchsafe import Reference
>>> Reference.parse("registry.example/group/app:v1").tag
'v1'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from vouchsafe import admission, evidence, verification
    from vouchsafe.admission import Question, admit
    from vouchsafe.admission.material import World
    from vouchsafe.errors import (
        ConfigurationError,
        MalformedError,
        Refused,
        Unavailable,
        VerificationError,
        VouchsafeError,
    )
    from vouchsafe.evidence import Evidence
    from vouchsafe.image.digest import Digest
    from vouchsafe.image.reference import Reference
    from vouchsafe.policy.consider import consider
    from vouchsafe.policy.document import parse as parse_policy
    from vouchsafe.policy.evaluate import Outcome, evaluate
    from vouchsafe.policy.flags import by_identity, by_key
    from vouchsafe.policy.identity import IdentityPattern
    from vouchsafe.policy.scope import Policy, select
    from vouchsafe.policy.verdict import Accepted, Looked, Reason, Rejected, Undecided, Verdict, require
    from vouchsafe.verification import Identity, TrustRoot, VerifiedSignature
    from vouchsafe.verification.trust import parse_trusted_root
    from vouchsafe.wiring import Host, Sources, located, this_host, verify_image

__all__ = [
    "Accepted",
    "ConfigurationError",
    "Digest",
    "Evidence",
    "Host",
    "Identity",
    "IdentityPattern",
    "Looked",
    "MalformedError",
    "Outcome",
    "Policy",
    "Question",
    "Reason",
    "Reference",
    "Refused",
    "Rejected",
    "Sources",
    "TrustRoot",
    "Unavailable",
    "Undecided",
    "Verdict",
    "VerificationError",
    "VerifiedSignature",
    "VouchsafeError",
    "World",
    "__version__",
    "admission",
    "admit",
    "by_identity",
    "by_key",
    "consider",
    "evaluate",
    "evidence",
    "located",
    "parse_policy",
    "parse_trusted_root",
    "require",
    "select",
    "this_host",
    "verification",
    "verify_image",
]

# Where each name lives; "public=own" where it is called otherwise there.
_HOMES = {
    "admission": ("Question", "admit"),
    "admission.material": ("World",),
    "errors": (
        "ConfigurationError",
        "MalformedError",
        "Refused",
        "Unavailable",
        "VerificationError",
        "VouchsafeError",
    ),
    "evidence": ("Evidence",),
    "image.digest": ("Digest",),
    "image.reference": ("Reference",),
    "policy.consider": ("consider",),
    "policy.document": ("parse_policy=parse",),
    "policy.evaluate": ("Outcome", "evaluate"),
    "policy.flags": ("by_identity", "by_key"),
    "policy.identity": ("IdentityPattern",),
    "policy.scope": ("Policy", "select"),
    "policy.verdict": ("Accepted", "Looked", "Reason", "Rejected", "Undecided", "Verdict", "require"),
    "verification": ("Identity", "TrustRoot", "VerifiedSignature"),
    "verification.trust": ("parse_trusted_root",),
    "wiring": ("Host", "Sources", "located", "this_host", "verify_image"),
}
_MODULES = frozenset(("admission", "evidence", "verification"))


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for (PEP 562)."""
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    for home, names in _HOMES.items():
        for each in names:
            public, _, there = each.partition("=")
            if public == name:
                found = getattr(import_module(f"{__name__}.{home}"), there or public)
                globals()[name] = found
                return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
