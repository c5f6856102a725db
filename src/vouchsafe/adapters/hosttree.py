"""The files of a host, or of an image that is being built: everything stays below one root.

An image's own links must not lead a build out of the image and into the machine that builds it, so links
are followed here, by hand, as if the root were `/` (chroot's way). Writes are whole and synced, because
what is written decides whether a machine can pull after a crash.
"""

from __future__ import annotations

import fcntl
import os
import posixpath
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from vouchsafe.adapters.files import Missing, SystemFiles, make_way, read_regular, sync_folder
from vouchsafe.errors import HostError
from vouchsafe.machine import Seen

MOST_LINKS = 40  # in one path, as Linux has it
_LOCK_MODE = 0o600


class HostTree:
    """Implements `ports.HostEdits` below `root`."""

    def __init__(self, root: str = "/") -> None:
        """`root` is a folder of this machine."""
        self._root = os.path.realpath(root).rstrip("/")

    @property
    def root(self) -> str:
        """See the port."""
        return self._root

    def confined(self, path: str) -> str:
        """Where a path of this machine, at or below the root, leads: never out of the root. HostError."""
        return self._inside(path.removeprefix(self._root))

    def look(self, path: str) -> Seen:
        """See the port."""
        real = self._inside(path, follow=False)
        try:
            found = os.lstat(real)
            target = os.readlink(real) if stat.S_ISLNK(found.st_mode) else ""
        except (FileNotFoundError, NotADirectoryError):
            return Seen(kind="absent")
        except (OSError, ValueError) as error:
            raise _cannot("look at", path, error) from error
        kinds = {stat.S_IFREG: "file", stat.S_IFLNK: "link", stat.S_IFDIR: "folder"}
        kind = kinds.get(stat.S_IFMT(found.st_mode), "other")
        mode = stat.S_IMODE(found.st_mode)
        return Seen(kind=kind, mode=mode, uid=found.st_uid, gid=found.st_gid, target=target)

    def read(self, path: str, *, largest: int) -> bytes | None:
        """See the port."""
        try:
            return read_regular(self._inside(path), largest=largest, error=HostError)
        except Missing:
            return None

    def names(self, path: str) -> tuple[str, ...]:
        """See the port."""
        try:
            return tuple(sorted(os.listdir(self._inside(path))))
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except OSError as error:
            raise _cannot("list", path, error) from error

    def put(self, path: str, content: bytes, *, mode: int, owner: tuple[int, int] | None = None) -> None:
        """See the port."""
        real = self._place(path)
        SystemFiles().write(real, content, mode=mode, owner=owner)

    def link(self, path: str, target: str, *, below: str = "") -> None:
        """See the port. Links of the folder `below` are followed, those of `target` are not."""
        real = self._place(path)
        if below:
            target = posixpath.relpath(f"{self._inside(below)}/{target}", posixpath.dirname(real))
        temporary = f"{posixpath.dirname(real)}/.{posixpath.basename(real)}.{os.getpid()}"
        try:
            if os.path.lexists(temporary):  # of a process that had our number and died
                os.unlink(temporary)
            os.symlink(target, temporary)
            os.rename(temporary, real)
            sync_folder(posixpath.dirname(real))
        except OSError as error:
            raise _cannot("link", path, error) from error

    def remove(self, path: str) -> None:
        """See the port."""
        real = self._inside(path, follow=False)
        try:
            if os.path.isdir(real) and not os.path.islink(real):
                os.rmdir(real)
            else:
                os.unlink(real)
            sync_folder(posixpath.dirname(real))
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise _cannot("remove", path, error) from error

    @contextmanager
    def only_one(self, path: str) -> Iterator[None]:
        """See the port: a lock on a file that stays, so that nobody locks a name that has gone."""
        real = self._place(path)
        try:
            handle = os.open(real, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, _LOCK_MODE)
        except OSError as error:
            raise _cannot("lock", path, error) from error
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise HostError("host-busy", f"expected {path} to be free, got it in use") from error
            yield
        finally:
            os.close(handle)

    def _place(self, path: str) -> str:
        """Where to write; its folder exists afterwards."""
        real = self._inside(path, follow=False)
        try:
            make_way(posixpath.dirname(real))
        except OSError as error:
            raise _cannot("make the folder of", path, error) from error
        return real

    def _inside(self, path: str, *, follow: bool = True) -> str:
        """The machine's own path for a path below the root, with every link of the way followed."""
        waiting = [word for word in reversed(path.split("/")) if word]
        here: list[str] = []
        links = 0
        while waiting:
            word = waiting.pop()
            if word in {".", ".."}:
                here = here[: len(here) - 1] if word == ".." else here
                continue
            here.append(word)
            if not waiting and not follow:
                break
            target = self._target("/".join((self._root, *here)), path)
            if target is None:
                continue
            links += 1
            if links > MOST_LINKS:
                raise HostError("file-unreadable", f"expected at most {MOST_LINKS} links in {path}, got more")
            here = [] if target.startswith("/") else here[:-1]
            waiting += [part for part in reversed(target.split("/")) if part]
        return "/".join((self._root, *here)) or "/"

    @staticmethod
    def _target(real: str, path: str) -> str | None:
        try:
            return os.readlink(real)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError:  # EINVAL: no link
            return None
        except ValueError as error:  # a NUL in the name
            raise HostError("file-unreadable", f"expected a path, got {path!r}") from error


@contextmanager
def scratch() -> Iterator[HostTree]:
    """A root that is gone afterwards, for nobody but us."""
    with tempfile.TemporaryDirectory(prefix="vouchsafe-") as folder:
        yield HostTree(folder)


def _cannot(verb: str, path: str, error: Exception) -> HostError:
    reason = getattr(error, "strerror", None) or str(error)
    hint = "Run it as root." if isinstance(error, PermissionError) and os.geteuid() != 0 else ""
    return HostError("host-files", f"expected to {verb} {path}, got: {reason}", hint=hint)
