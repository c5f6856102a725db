"""The host's CA comes into being: at first boot, anew when the machine is another, and is published at each boot.

Never in an image: one key in every host would let each sign for all. What policy.json names lies in /run, so
that a machine whose CA was not prepared refuses.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol

from vouchsafe.countersign.authority import Authority
from vouchsafe.countersign.derived import Rotation, public_files
from vouchsafe.countersign.state import InForce
from vouchsafe.errors import HostError
from vouchsafe.record import Record

SALT_BYTES = 32
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


class KeyFiles(Protocol):
    """Where the keys of single scopes are published, for clients that cannot read certificates."""

    def rotation(self) -> bytes | None:
        """Which policy's keys are out, and their salt; None when there are none. HostError, ConfigurationError."""

    def keep_rotation(self, content: bytes) -> None:
        """Remember it, for the service's account alone. HostError."""

    def publish_keys(self, contents: Mapping[str, bytes]) -> None:
        """These files, by path, and no other beside them. HostError."""


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


def publish_keys(
    files: KeyFiles, authority: Authority, in_force: InForce | None, *, rotate: bool = False
) -> tuple[str, ...]:
    """Publish each scope's key, if the policy in force is compiled to such; take away those of every other policy.

    Anew for each policy, and when `rotate` asks for it: what was signed with the old ones is refused. Returns
    the paths. HostError.
    """
    if in_force is None or in_force.host.form == "pki":
        files.publish_keys({})
        return ()
    try:
        rotation = Rotation.parse(files.rotation() or b"")
    except HostError:
        rotation = None
    if rotation is None or rotation.epoch != in_force.epoch or rotate:
        rotation = Rotation(epoch=in_force.epoch, salt=secrets.token_hex(SALT_BYTES))
        files.keep_rotation(rotation.line())
    make = authority.openpgp_key if in_force.host.form == "openpgp" else authority.bare_key
    contents = public_files({m: make(rotation, m) for m in in_force.markers.values()}, in_force.host)
    files.publish_keys(contents)
    return tuple(contents)


def _objection(authority: Authority, machine_id: str, at: datetime) -> str:
    if not authority.belongs_to(machine_id):
        return "it was another machine's"
    if at > authority.not_after - RENEWED:
        return f"it ends on {authority.not_after:%F}"
    if at < authority.not_before:
        return f"it begins on {authority.not_before:%F}: was the clock wrong when it was made?"
    return ""
