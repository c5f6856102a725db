"""Reads and writes files: bounded, regular ones only, and written whole or not at all.

A policy names key files, a layout holds blobs that a stranger made: a FIFO or device among them must
not hang us, and a file that grows must not fill memory.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from vouchsafe.errors import ConfigurationError, HostError, MalformedError, Unavailable, VouchsafeError

LARGEST_FILE = 16 * 1024 * 1024  # bytes, where a caller names no other limit
PIECE = 256 * 1024  # bytes of a large file read at a time
_WAY_MODE = 0o755


class Missing(Exception):  # not an error: the answer to "is it there?"
    """There is no such file. Never leaves the adapters."""


def inside(folder: str, name: str) -> str:
    """The path of a member that is really in a folder that a stranger made, symbolic links followed."""
    try:
        root = os.path.realpath(folder)
        path = os.path.realpath(os.path.join(root, name))
    except (OSError, ValueError) as error:  # a NUL in the path
        raise Unavailable("layout", f"expected a path, got {folder!r}") from error
    if not path.startswith(root.rstrip("/") + "/"):
        raise MalformedError(
            "layout-escape", f"expected {name} inside {folder}, got a link that leads out of it"
        )
    return path


def read_regular(path: str, *, largest: int, error: type[VouchsafeError] = ConfigurationError) -> bytes:
    """The content of a regular file; `Missing` when absent, `error` when it cannot be used."""
    handle = _opened(path, largest, error)
    try:
        return _read(handle, path, largest, error)
    finally:
        os.close(handle)


def read_pieces(path: str, *, largest: int, error: type[VouchsafeError] = MalformedError) -> Iterator[bytes]:
    """The same, piece by piece: for what is too large to hold. `Missing` and the first errors come at once."""
    return _pieces(_opened(path, largest, error), path, error)


def _pieces(handle: int, path: str, error: type[VouchsafeError]) -> Iterator[bytes]:
    try:
        while piece := os.read(handle, PIECE):
            yield piece
    except OSError as failure:
        raise error("file-unreadable", f"expected to read {path}, got: {_reason(failure)}") from failure
    finally:
        os.close(handle)


def _opened(path: str, largest: int, error: type[VouchsafeError]) -> int:
    # O_NONBLOCK: opening a FIFO that nobody writes would otherwise wait for ever.
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except (FileNotFoundError, NotADirectoryError) as absent:
        raise Missing(path) from absent
    except (OSError, ValueError) as failure:  # ValueError: a NUL in the name
        raise error("file-unreadable", f"expected to read {path}, got: {_reason(failure)}") from failure
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise error("file-special", f"expected {path} to be a regular file, got something else")
        if found.st_size > largest:
            raise error("file-too-large", f"expected at most {largest} bytes in {path}, got {found.st_size}")
    except BaseException:
        os.close(handle)
        raise
    return handle


def _read(handle: int, path: str, largest: int, error: type[VouchsafeError]) -> bytes:
    pieces: list[bytes] = []
    size = 0
    try:
        while piece := os.read(handle, largest + 1 - size):
            pieces.append(piece)
            size += len(piece)
            if size > largest:
                raise error("file-too-large", f"expected at most {largest} bytes in {path}, got more")
    except OSError as failure:
        raise error("file-unreadable", f"expected to read {path}, got: {_reason(failure)}") from failure
    return b"".join(pieces)


def make_way(folder: str) -> None:
    """A folder with all above it, for everybody to read and its owner to write, whatever the umask. OSError."""
    if not folder or os.path.isdir(folder):  # "" is above a relative path
        return
    make_way(os.path.dirname(folder))
    try:
        os.mkdir(folder)
    except FileExistsError:
        if not os.path.isdir(folder):
            raise
        return  # somebody was quicker
    os.chmod(folder, _WAY_MODE)


def must_be_alone(handle: int, path: str) -> None:
    """HostError `file-linked` for a file that another name leads to as well, or for none.

    Where root writes into an account's own folder, such a name may be of a file that is not the account's.
    """
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        raise HostError("file-linked", f"expected a file of one name at {path}, got something else")


def _reason(failure: Exception) -> str:
    return getattr(failure, "strerror", None) or str(failure)


class SystemFiles:
    """Implements `ports.Files`."""

    def read(self, path: str, *, largest: int = LARGEST_FILE) -> bytes:
        """The content of an absolute path; ConfigurationError when absent, unreadable or too large."""
        try:
            return read_regular(path, largest=largest)
        except Missing as absent:
            raise ConfigurationError("file-missing", f"expected a file at {path}, got nothing") from absent

    def write(
        self, path: str, content: bytes, *, mode: int = 0o644, owner: tuple[int, int] | None = None
    ) -> None:
        """Replace `path` in one step: readers see the old content or the new, also after a crash.

        `owner`: user and group by number; whoever writes, where none is given.
        """
        directory, name = os.path.split(os.path.abspath(path))
        temporary = os.path.join(directory, f".{name}.{os.getpid()}.{os.urandom(4).hex()}")
        try:
            _write_synced(temporary, content, mode, owner)
            try:
                os.rename(temporary, path)
            except OSError:
                os.unlink(temporary)
                raise
            sync_folder(directory)
        except OSError as failure:
            raise HostError("file-write", f"expected to write {path}, got: {_reason(failure)}") from failure

    def deliver(self, path: str, content: bytes) -> None:
        """What a person wants at `path`: as `write`, but what cannot be replaced, such as /dev/stdout, is written to.

        To root /dev/null is a name like any other: a rename would put a file in its place.
        """
        if not _is_stream(path):
            self.write(path, content)
            return
        try:
            # A descriptor may be of a file that others append to: /dev/stderr of a job.
            with open(path, "ab", buffering=0) as stream:
                view = memoryview(content)
                while view:
                    view = view[stream.write(view) :]
        except OSError as failure:
            raise HostError("file-write", f"expected to write {path}, got: {_reason(failure)}") from failure

    def demand_place(self, path: str) -> None:
        """HostError when `deliver` could not even begin: what is asked for may take minutes, or be published."""
        directory = os.path.dirname(os.path.abspath(path))
        if os.path.isdir(path):
            raise HostError("file-write", f"expected to write a file at {path}, got a folder")
        if not _is_stream(path) and not os.access(directory, os.W_OK | os.X_OK):
            got = "one that cannot be written to" if os.path.isdir(directory) else "none"
            raise HostError("file-write", f"expected a folder for {path}, got {got}")


def _is_stream(path: str) -> bool:
    """A device, a pipe, or the name of a descriptor, whatever that is of."""
    try:
        if not stat.S_ISREG(found := os.stat(path).st_mode):
            return not stat.S_ISDIR(found)
        places = [os.path.dirname(path)]
        if os.path.islink(path):
            places.append(os.path.dirname(os.path.join(places[0], os.readlink(path))))
    except (OSError, ValueError):  # not there yet, or no name at all
        return False
    return any(os.path.realpath(place).startswith("/proc/") for place in places)


def _write_synced(path: str, content: bytes, mode: int, owner: tuple[int, int] | None) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(handle, view) :]
            if owner is not None:
                os.fchown(handle, *owner)
            os.fchmod(handle, mode)  # the umask has no say
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError:
        os.unlink(path)
        raise


def sync_folder(folder: str) -> None:
    """What was made, renamed or removed in it is on the disk. OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
