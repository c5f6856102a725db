"""Did an authority that we believe issue this certificate? Less than a signature, and never a verdict.

A certificate is public: whoever has it can show it. So this says only that its content was not made up, as
far as its authority (and CT log, where the trust root knows one) can be believed for the time it began.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from vouchsafe.errors import MalformedError, VerificationError
from vouchsafe.record import Record
from vouchsafe.verification import certificate, sct
from vouchsafe.verification.identity import Identity
from vouchsafe.verification.trust import TrustRoot


class Issued(Record):
    """What a certificate says, and `against`: why it was not issued by whom we believe, None when it was."""

    identity: Identity
    not_before: datetime
    not_after: datetime
    fingerprint: str
    against: VerificationError | MalformedError | None


def look(der: bytes, untrusted_chain: tuple[bytes, ...], root: TrustRoot) -> Issued:
    """Read a leaf certificate; MalformedError or VerificationError when it names no signer at all."""
    leaf = certificate.Leaf(der)
    return Issued(
        identity=leaf.identity(),
        not_before=leaf.certificate.not_valid_before_utc,
        not_after=leaf.certificate.not_valid_after_utc,
        fingerprint=hashlib.sha256(der).hexdigest(),
        against=_against(leaf, untrusted_chain, root),
    )


def _against(
    leaf: certificate.Leaf, untrusted_chain: tuple[bytes, ...], root: TrustRoot
) -> VerificationError | MalformedError | None:
    try:
        begun = [leaf.certificate.not_valid_before_utc]
        issuer = certificate.path(leaf, untrusted_chain, root.authorities, begun)
        if root.ct_logs:
            sct.verify(leaf, issuer, root.ct_logs)
    except (VerificationError, MalformedError) as error:
        return error
    return None
