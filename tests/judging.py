"""How tests judge a Specimen, and how they ask an error for its code."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from vouchsafe import evidence
from vouchsafe.errors import VouchsafeError
from vouchsafe.evidence.types import Evidence
from vouchsafe.testing.keys import spki
from vouchsafe.testing.specimens import Specimen
from vouchsafe.verification import TrustRoot, VerifiedSignature, verify
from vouchsafe.verification.trust import PublicKey, parse_trusted_root


def root_of(specimen: Specimen) -> TrustRoot:
    """What the specimen is to be judged by: its trust root, and its managed key where there is one."""
    root = parse_trusted_root(specimen.trusted_root)
    if specimen.key is None:
        return root
    return root.replace(keys=(PublicKey(key=spki(specimen.key.public_key())),))


def evidence_of(specimen: Specimen) -> Evidence:
    """The specimen as it is read."""
    return evidence.parse(specimen.blob, specimen.annotations, specimen.media_type)


def judge(specimen: Specimen) -> VerifiedSignature:
    """Read and verify."""
    return verify(evidence_of(specimen), root_of(specimen), at=specimen.at)


def code(of: Callable[[], object]) -> str:
    """The code of the error that a call raises; it must raise one of ours."""
    with pytest.raises(VouchsafeError) as caught:
        of()
    return caught.value.code
