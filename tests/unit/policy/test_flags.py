"""Policies that a command line names: whom, and not where."""

from __future__ import annotations

import pytest

from vouchsafe.policy import flags
from vouchsafe.policy.identity import IdentityPattern
from vouchsafe.policy.requirement import Requirement, SigstoreAttested, SigstoreSigned
from vouchsafe.policy.scope import Policy

ME = IdentityPattern(issuer="https://i.example", subject="me")
SBOM = "https://cyclonedx.org/bom"


def only(policy: Policy) -> Requirement:
    """Its one requirement, for whatever image."""
    (requirement,) = policy.default.requirements
    assert policy.transports == {}
    return requirement


@pytest.mark.parametrize("kind", ["", SBOM])
def test_by_key(kind: str) -> None:
    """One of several keys; with a trust root its log must hold the signature."""
    made = only(flags.by_key("/a.pub", "/b.pub", trusted_root="/root.json", predicate_type=kind))
    assert isinstance(made, SigstoreAttested if kind else SigstoreSigned)
    assert made.signer.keys is not None
    assert (made.signer.keys.paths, made.signer.log_root) == (("/a.pub", "/b.pub"), "/root.json")
    assert made.signer.fulcio is None
    assert made.signed_identity is None


@pytest.mark.parametrize("kind", ["", SBOM])
def test_by_identity(kind: str) -> None:
    """One of several identities, by this root."""
    made = only(flags.by_identity(ME, trusted_root="/root.json", predicate_type=kind))
    assert isinstance(made, SigstoreAttested if kind else SigstoreSigned)
    assert made.signer.fulcio is not None
    assert (made.signer.fulcio.identities, made.signer.fulcio.trusted_root) == ((ME,), "/root.json")
    assert made.signer.keys is None
    assert made.signed_identity is None
