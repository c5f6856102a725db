"""VerifiedSignature: this claim, by this identity or key, at these times, in these logs.

Only the verifying functions of this package make one; holding one is what every later layer's trust
rests on.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal, NoReturn

from vouchsafe.image.digest import Digest
from vouchsafe.record import Record
from vouchsafe.verification.claim import Claim, Role
from vouchsafe.verification.identity import Identity

MADE_HERE: Final = object()  # held by this package alone: nobody makes a VerifiedSignature by accident


class VerifiedTime(Record):
    """When somebody vouched for the signature: a log's promise, or a time-stamping authority."""

    time: datetime
    source: Literal["log", "timestamp"]
    authority: str


class LogPlace(Record):
    """Where it was logged: the log's host, or its key id in hexadecimal, and the index there."""

    log: str
    index: int


class VerifiedSignature(Record):
    """What only `verify` and its siblings make.

    `sct` says whether the certificate's own log timestamp was checked (a bare CA file cannot).
    `subjects` are the e-mail and host names of an own CA's certificate, which has no Fulcio identity.
    """

    claim: Claim
    identity: Identity | None
    key_id: str
    times: tuple[VerifiedTime, ...]
    logged: tuple[LogPlace, ...]
    sct: Literal["verified", "not checked", "no certificate"]
    subjects: tuple[str, ...] = ()
    origin: str
    media_type: str
    blob_digest: Digest
    made_here: object

    def _check(self) -> None:
        if self.made_here is not MADE_HERE:
            raise TypeError("only vouchsafe.verification makes a VerifiedSignature")

    def replace(self, **changes: Any) -> NoReturn:
        """Never: another claim or identity is not what was verified."""
        raise TypeError("a VerifiedSignature is what was verified, or nothing")

    def outline(self) -> VerifiedSignature:
        """Less of it: without what the claim says besides its kind and digests."""
        kept = {field: getattr(self, field) for field in self._fields}
        return VerifiedSignature(**(kept | {"claim": self.claim.outline()}))

    @property
    def digests(self) -> frozenset[Digest]:
        """What was signed."""
        return self.claim.digests

    @property
    def role(self) -> Role:
        """Signature, attestation or artifact."""
        return self.claim.role

    @property
    def time(self) -> datetime | None:
        """The earliest verified time, None for a key that needed none."""
        return min((each.time for each in self.times), default=None)

    @property
    def made(self) -> datetime | None:
        """When it was made, as far as that can be proven; None for a signature by a key.

        A log and a time-stamp prove "not later". What a certificate of minutes made is as old as that; what a key
        made may be years older, and anybody can log and stamp it once more.
        """
        return None if self.identity is None else self.time

    @property
    def signer(self) -> str:
        """Who signed, in words."""
        if self.identity is not None:
            return self.identity.subject
        if self.subjects:
            return ", ".join(self.subjects)
        return f"the key sha256:{self.key_id}" if self.key_id else "an OpenPGP key"
