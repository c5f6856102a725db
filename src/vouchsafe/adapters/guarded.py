"""Files that decide who is trusted: read only where nobody but root, or whoever runs us, could have written them.

A policy that somebody else may edit is that somebody's policy. The file and every folder above it are
looked at, as OpenSSH does with its keys; a sticky folder (/tmp) lets nobody rename what is not theirs.
"""

from __future__ import annotations

import os
import stat

from vouchsafe.adapters.files import Missing, read_regular
from vouchsafe.errors import ConfigurationError

LARGEST_FILE = 16 * 1024 * 1024  # bytes, where a caller names no other limit
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


def refuse_writable(path: str, *uids: int) -> None:
    """ConfigurationError `file-writable` when others than root and `uids` may change what `path` says."""
    where = os.path.realpath(path)
    while True:
        try:
            found = os.stat(where)
        except OSError as error:
            raise ConfigurationError(
                "file-unreadable", f"expected to look at {where}, got: {error.strerror}"
            ) from error
        sticky = stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX
        if found.st_uid not in {0, *uids} or (found.st_mode & _OTHERS_MAY_WRITE and not sticky):
            raise ConfigurationError(
                "file-writable",
                f"expected that only root may write {where}, got mode {stat.S_IMODE(found.st_mode):o}"
                f" and owner {found.st_uid}",
                hint="chown root, chmod go-w: whoever may write it decides what this host runs.",
            )
        if where == "/":
            return
        where = os.path.dirname(where)


class GuardedFiles:
    """Implements `ports.Files` for files that decide."""

    def __init__(self, *uids: int, root: str = "") -> None:
        """`uids` may own them besides root; paths are below `root`, a folder without a slash at its end."""
        self._uids = uids
        self._root = root

    def read(self, path: str, *, largest: int = LARGEST_FILE) -> bytes:
        """The content; ConfigurationError when absent, unreadable, too large, or writable by others."""
        content = self.read_if_there(path, largest=largest)
        if content is None:
            raise ConfigurationError("file-missing", f"expected a file at {self._root}{path}, got nothing")
        return content

    def guard(self, folder: str) -> None:
        """ConfigurationError when others may put files into a folder, or take them away; it need not be there."""
        if stamp(self._root + folder) is not None:
            refuse_writable(self._root + folder, *self._uids)

    def read_if_there(self, path: str, *, largest: int = LARGEST_FILE) -> bytes | None:
        """The same; None when absent."""
        try:
            content = read_regular(self._root + path, largest=largest)
        except Missing:
            return None
        refuse_writable(self._root + path, *self._uids)
        return content


def stamp(path: str) -> tuple[int, int, int, int, int, int] | None:
    """What differs when a file (or a folder's list of names) has changed; None when there is none."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_mode, found.st_uid)


def who_may_write(path: str) -> tuple[int, int] | None:
    """Mode and owner of a folder, whatever goes on inside it."""
    found = stamp(path)
    return None if found is None else found[-2:]


def folder_stamp(path: str) -> object:
    """The same of a folder and of all that it holds."""
    try:
        names = sorted(os.listdir(path))
    except OSError:
        return None
    return (stamp(path), *((name, stamp(f"{path}/{name}")) for name in names))
