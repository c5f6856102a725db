"""Makes a folder with the owner and the mode it shall have, and leaves one that is there as it is."""

from __future__ import annotations

import contextlib
import os

from vouchsafe.adapters.files import make_way
from vouchsafe.errors import HostError


def make_folder(path: str, mode: int, owner: tuple[int, int] | None) -> None:
    """`owner`: user and group by number, None for whoever makes it. HostError."""
    try:
        make_way(os.path.dirname(path))
        try:
            os.mkdir(path)
        except FileExistsError:
            return
        if owner is not None:
            os.chown(path, *owner)
        os.chmod(path, mode)
    except OSError as error:
        raise HostError("file-write", f"expected to make {path}, got: {error.strerror}") from error


def clear_folder(path: str) -> None:
    """Remove the files in a folder; one that is not there is clear. HostError."""
    try:
        with contextlib.suppress(FileNotFoundError), os.scandir(path) as found:
            for each in found:
                if not each.is_dir(follow_symlinks=False):
                    os.unlink(each.path)
    except OSError as error:
        raise HostError("file-write", f"expected to clear {path}, got: {error.strerror}") from error
