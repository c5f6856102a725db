"""Identity: who a Fulcio certificate says signed. Issuer, subject and claims; `identity_reading` reads it.

Apart from that, because who only compares identities needs no X.509.
"""

from __future__ import annotations

from typing import Literal

from vouchsafe.record import Record

SubjectKind = Literal["uri", "email", "other"]


class Identity(Record):
    """`subject` is the certificate's one alternative name; `claims` by name of Fulcio's oid-info.md."""

    issuer: str
    subject: str
    subject_kind: SubjectKind
    claims: dict[str, str]

    def __str__(self) -> str:
        """For people."""
        return f"{self.subject} (issuer {self.issuer})"
