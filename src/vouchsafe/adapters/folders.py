"""Makes a folder with the owner and the mode it shall have, and leaves one that is there as it is."""

from __future__ import annotations

import os

from vouchsafe.errors import HostError


def make_folder(path: str, mode: int, owner: tuple[int, int] | None) -> None:
    """`owner`: user and group by number, None for whoever makes it. HostError."""
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        try:
            os.mkdir(path)
        except FileExistsError:
            return
        if owner is not None:
            os.chown(path, *owner)
        os.chmod(path, mode)
    except OSError as error:
        raise HostError("file-write", f"expected to make {path}, got: {error.strerror}") from error
