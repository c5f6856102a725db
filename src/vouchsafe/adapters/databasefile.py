"""The file behind a SQLite database: made for its folder's owner, and set aside when it cannot be used."""

from __future__ import annotations

import contextlib
import os

from vouchsafe.adapters.files import must_be_alone
from vouchsafe.errors import HostError

MODE = 0o600
_NO_FOLDER = (
    "Nothing was countersigned here yet: the package makes this folder, or --state-dir names another."
)
_BESIDE = ("-wal", "-shm", "-journal")  # what SQLite keeps beside a database


class DatabaseFile:
    """Where a database is. Its owner is its folder's: root's commands and the service write the same one."""

    def __init__(self, path: str) -> None:
        """Nothing is made yet."""
        self.path = path

    def prepare(self) -> None:
        """Make it, empty, if it is not there. HostError `store-file`, `file-linked`."""
        try:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, MODE)
            try:
                must_be_alone(handle, self.path)
                folder = os.stat(os.path.dirname(self.path))
                found = os.fstat(handle)
                if os.geteuid() == 0 and (found.st_uid, found.st_gid) != (folder.st_uid, folder.st_gid):
                    os.fchown(handle, folder.st_uid, folder.st_gid)
                os.fchmod(handle, MODE)
            finally:
                os.close(handle)
        except OSError as error:
            message = f"expected to open {self.path}, got: {error.strerror}"
            raise HostError("store-file", message, hint=_hint(error)) from error

    def stamp(self) -> int | None:
        """Which file it is; another when it was made anew."""
        try:
            return os.stat(self.path).st_ino
        except OSError:
            return None

    def set_aside(self) -> None:
        """Keep what cannot be used under another name, the last such one only. HostError `store-file`."""
        try:
            for suffix in _BESIDE:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self.path + suffix)
            with contextlib.suppress(FileNotFoundError):
                os.rename(self.path, f"{self.path}.unusable")
        except OSError as error:
            raise HostError(
                "store-file", f"expected to set {self.path} aside, got: {error.strerror}"
            ) from error


def _hint(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return _NO_FOLDER
    return "Run it as root." if isinstance(error, PermissionError) and os.geteuid() != 0 else ""
