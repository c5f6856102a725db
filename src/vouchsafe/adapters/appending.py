"""Adds one line to a file that must never lose one: whole, by one writer at a time, and on the disk."""

from __future__ import annotations

import fcntl
import os

from vouchsafe.adapters.files import must_be_alone, sync_folder
from vouchsafe.errors import HostError

MODE = 0o644


def append_line(path: str, line: bytes, *, largest: int) -> None:
    """Append; the file is made if it is not there. HostError; then it is as it was.

    `largest`: bytes that whoever reads the file takes. One that grew beyond that would end every answer.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, MODE)
        try:
            must_be_alone(handle, path)
            fcntl.flock(handle, fcntl.LOCK_EX)
            size = os.fstat(handle).st_size
            # Somebody edited it by hand: a line of its own nevertheless.
            if size and os.pread(handle, 1, size - 1) != b"\n":
                line = b"\n" + line
            if size + len(line) > largest:
                hint = "Take lines out that name what nobody can pull any more."
                message = f"expected room for {len(line)} bytes in {path}, got at most {largest} in all"
                raise HostError("file-too-large", message, hint=hint)
            _append(handle, line)
            os.fchmod(handle, MODE)
            os.fsync(handle)
        finally:
            os.close(handle)
        sync_folder(os.path.dirname(path) or ".")
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
