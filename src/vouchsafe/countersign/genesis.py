"""The host's CA comes into being: at first boot, anew when the machine is another, and is published at each boot.

Never in an image: one key in every host would let each sign for all. What policy.json names lies in /run, so
that a machine whose CA was not prepared refuses.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

from vouchsafe.countersign.authority import Authority
from vouchsafe.errors import HostError
from vouchsafe.record import Record

RENEWED = timedelta(
    days=60
)  # before its end a CA is made anew; leaves live for a year at most, usually for minutes


class AuthorityFiles(Protocol):
    """Where the CA is kept and published."""

    def machine_id(self) -> str:
        """Of this machine. HostError."""

    def read(self) -> tuple[bytes, bytes] | None:
        """Certificate and key; None when one of them is absent. HostError, ConfigurationError."""

    def keep(self, certificate: bytes, key: bytes) -> None:
        """Write both, the key for the service's account alone. HostError."""

    def publish(self, certificate: bytes) -> None:
        """Write the certificate where everybody reads it. HostError."""


class Prepared(Record):
    """The CA, and why it was made; `why` is empty when the one that was there is used."""

    authority: Authority
    why: str


def prepare(files: AuthorityFiles, *, at: datetime, dry_run: bool = False) -> Prepared:
    """See the module. HostError."""
    machine_id = files.machine_id()
    found = files.read()
    why, authority = "there was none", None
    if found is not None:
        try:
            authority = Authority.load(*found)
            why = _objection(authority, machine_id, at)
        except HostError as error:
            why = error.message
    if authority is None or why:
        authority = Authority.make(machine_id, at=at)
        if not dry_run:
            files.keep(authority.certificate_pem, authority.key_pem)
    if not dry_run:
        files.publish(authority.certificate_pem)
    return Prepared(authority=authority, why=why)


def _objection(authority: Authority, machine_id: str, at: datetime) -> str:
    if not authority.belongs_to(machine_id):
        return "it was another machine's"
    if at > authority.not_after - RENEWED:
        return f"it ends on {authority.not_after:%F}"
    if at < authority.not_before:
        return f"it begins on {authority.not_before:%F}: was the clock wrong when it was made?"
    return ""
