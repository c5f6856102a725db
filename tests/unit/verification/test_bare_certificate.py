"""Certificates alone: by whom they were issued, which is less than a signature."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from vouchsafe.errors import MalformedError, VerificationError
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.verification.bare_certificate import look
from vouchsafe.verification.trust import from_pem, parse_trusted_root

SIGSTORE = VirtualSigstore()
ROOT = parse_trusted_root(SIGSTORE.trusted_root())


def leaf(sigstore: VirtualSigstore = SIGSTORE, *, sct: bool = True) -> bytes:
    """A certificate of the virtual workload."""
    key = sigstore.keys.ec("issuance").public_key()
    plan = sigstore.leaf_plan() if sct else sigstore.leaf_plan().replace(scts=lambda *_: ())
    made = sigstore.ca.issue(key, sigstore.workload, sigstore.clock.now(), plan)
    return made.public_bytes(Encoding.DER)


def test_issued_by_whom_we_believe() -> None:
    """Identity, window and fingerprint, and nothing against it."""
    found = look(leaf(), (), ROOT)
    assert (found.against, found.identity.subject) == (None, SIGSTORE.workload.subject)
    assert (found.not_after - found.not_before).total_seconds() == 600
    assert len(found.fingerprint) == 64


def test_a_bare_authority_has_no_ct_log() -> None:
    """Then the path alone is looked at, with the intermediate that came along."""
    root = from_pem(authorities=(SIGSTORE.pem_files()["fulcio-root.pem"],))
    chain = tuple(each.public_bytes(Encoding.DER) for each in SIGSTORE.ca.chain)
    assert look(leaf(sct=False), chain, root).against is None


@pytest.mark.parametrize(
    "der, code",
    [
        (leaf(VirtualSigstore("stranger")), "certificate-authority"),
        (leaf(sct=False), "sct"),
    ],
    ids=["another authority", "no SCT"],
)
def test_issued_by_somebody_else(der: bytes, code: str) -> None:
    """What it says is still read, and what is against it is said."""
    found = look(der, (), ROOT)
    assert found.against is not None
    assert found.against.code.startswith(code)
    assert found.identity.subject == SIGSTORE.workload.subject


def test_no_certificate() -> None:
    """Other bytes name nobody."""
    with pytest.raises(MalformedError):
        look(b"no certificate", (), ROOT)


def test_an_authority_is_no_signer() -> None:
    """A CA's certificate is for issuing."""
    with pytest.raises(VerificationError):
        look(SIGSTORE.ca.chain[0].public_bytes(Encoding.DER), (), ROOT)
