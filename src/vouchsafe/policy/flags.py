"""A policy of one rule, from what was said on the command line or by a program: whom, not where.

Flags name a signer for the images that are listed beside them, so the repository that a signature names
is not compared, as `cosign verify` does not. A policy file says both.
"""

from __future__ import annotations

from vouchsafe.policy.identity import IdentityPattern
from vouchsafe.policy.reading import Place
from vouchsafe.policy.requirement import Fulcio, Requirement, Signer, SigstoreAttested, SigstoreSigned, Source
from vouchsafe.policy.scope import Policy, Rule


def by_identity(*patterns: IdentityPattern, trusted_root: str = "", predicate_type: str = "") -> Policy:
    """Accept what any of `patterns` signed, or attested when a predicate type is given."""
    return _policy(Signer(fulcio=Fulcio(trusted_root=trusted_root, identities=patterns)), predicate_type)


def by_key(*paths: str, trusted_root: str = "", predicate_type: str = "") -> Policy:
    """Accept what one of the keys in these PEM files signed; with a trust root, only what its logs hold."""
    return _policy(Signer(keys=Source(paths=paths), log_root=trusted_root), predicate_type)


def _policy(signer: Signer, predicate_type: str) -> Policy:
    requirement: Requirement
    if predicate_type:
        requirement = SigstoreAttested(predicate_type=predicate_type, signer=signer, signed_identity=None)
    else:
        requirement = SigstoreSigned(signer=signer, signed_identity=None)
    return Policy(
        default=Rule(requirements=(requirement,), place=Place(file="command line", line=1)),
        transports={},
        dialect="vouchsafe",
        documents=(),
    )
