"""Where the host's CA is kept, who may read it, and where revocations are written."""

from __future__ import annotations

from collections.abc import Mapping

from vouchsafe.adapters import accounts, guarded
from vouchsafe.adapters.appending import append_line
from vouchsafe.adapters.files import SystemFiles
from vouchsafe.adapters.folders import clear_folder, make_folder
from vouchsafe.adapters.guarded import GuardedFiles
from vouchsafe.adapters.registry import broker
from vouchsafe.adapters.signaturefiles import SignatureFiles
from vouchsafe.errors import HostError
from vouchsafe.policy import revocation
from vouchsafe.wiring.places import Places, machine_id

PUBLIC, SECRET = 0o644, 0o600
OPEN_FOLDER, OWN_FOLDER = 0o755, 0o750

__all__ = ["KeptAuthority", "SignatureFiles", "hand_over_credentials", "owner_of", "revoke"]


class KeptAuthority:
    """The CA's files, the key for one account alone."""

    def __init__(self, places: Places, owner: tuple[int, int] | None, *, uid: int) -> None:
        """`owner`: the service's account, None for whoever runs this (`uid`)."""
        self._places = places
        self._owner = owner
        self._files = GuardedFiles(uid, *(() if owner is None else owner[:1]))

    def machine_id(self) -> str:
        """Of this machine. HostError."""
        return machine_id(self._places)

    def read(self) -> tuple[bytes, bytes] | None:
        """Certificate and key; None when one of them is absent."""
        certificate = self._files.read_if_there(self._places.certificate)
        key = self._files.read_if_there(self._places.key)
        return None if certificate is None or key is None else (certificate, key)

    def keep(self, certificate: bytes, key: bytes) -> None:
        """The key first: a certificate without its key is none, and the next run sees that. HostError."""
        if self._places.keys:
            raise HostError(
                "authority-credential",
                f"expected a CA of this machine that is valid in {self._places.keys}, got another",
                hint="Make one with `vouchsafe countersign init`, and load that: docs/operating.md.",
            )
        make_folder(self._places.state, OWN_FOLDER, self._owner)
        files = SystemFiles()
        files.write(self._places.key, key, mode=SECRET, owner=self._owner)
        files.write(self._places.certificate, certificate, mode=PUBLIC, owner=self._owner)

    def rotation(self) -> bytes | None:
        """Which policy's keys are published."""
        return self._files.read_if_there(self._places.rotation)

    def keep_rotation(self, content: bytes) -> None:
        """For the service, which derives the same keys."""
        SystemFiles().write(self._places.rotation, content, mode=SECRET, owner=self._owner)

    def publish_keys(self, contents: Mapping[str, bytes]) -> None:
        """Beside the CA's certificate; what lies there from another policy is removed first."""
        folder = f"{self._places.run}/vouchsafe/keys"
        clear_folder(folder)
        for path, content in contents.items():
            make_folder(folder, OPEN_FOLDER, None)
            SystemFiles().write(self._places.root + path, content, mode=PUBLIC)

    def publish(self, certificate: bytes) -> None:
        """Where policy.json names it."""
        make_folder(f"{self._places.run}/vouchsafe", OPEN_FOLDER, None)
        SystemFiles().write(self._places.published, certificate, mode=PUBLIC)


def owner_of(account: str) -> tuple[int, int]:
    """The ids of an account. HostError."""
    found = accounts.ids_of(account)
    if found is None:
        raise HostError(
            "account",
            f"expected the account {account}, got none",
            hint="deploy/sysusers.d makes it: `systemd-sysusers`.",
        )
    return found


def hand_over_credentials(descriptor: int, account: tuple[int, int]) -> int:
    """Give root's auth files to the service at the other end of a connection; how many. HostError."""
    with broker.connected(descriptor) as connection:
        return broker.hand_over(connection, frozenset({broker.ROOT, account[0]}))


def revoke(places: Places, line: bytes) -> None:
    """Write a tombstone. HostError."""
    if guarded.stamp(places.state) is None:
        make_folder(places.state, OWN_FOLDER, None)
    append_line(places.tombstones, line, largest=revocation.LARGEST)
