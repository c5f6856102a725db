"""Adds one line to a file that must never lose one: whole, by one writer at a time, and on the disk."""

from __future__ import annotations

import fcntl
import os

from vouchsafe.adapters.files import must_be_alone
from vouchsafe.errors import HostError

MODE = 0o644


def append_line(path: str, line: bytes, *, owner: tuple[int, int] | None = None) -> None:
    """Append; the file is made if it is not there. HostError; then it is as it was."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, MODE)
        try:
            must_be_alone(handle, path)
            fcntl.flock(handle, fcntl.LOCK_EX)
            _append(handle, line)
            if owner is not None and os.geteuid() == 0:
                os.fchown(handle, *owner)
            os.fchmod(handle, MODE)
            os.fsync(handle)
        finally:
            os.close(handle)
        folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise HostError("file-write", f"expected to write {path}, got: {error.strerror}") from error


def _append(handle: int, line: bytes) -> None:
    size = os.fstat(handle).st_size
    try:
        written = os.write(handle, line)
        if written != len(line):
            raise OSError(None, f"only {written} bytes of {len(line)} were written")
    except OSError:
        os.ftruncate(handle, size)
        raise
