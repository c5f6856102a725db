"""Signatures as files below a folder, as containers/image reads a `file:` lookaside.

An image's are REGISTRY/REPOSITORY@sha256=HEX/signature-N.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Sequence

from vouchsafe.adapters.files import Missing, SystemFiles, read_regular
from vouchsafe.errors import HostError
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Repository

_FIRST = "signature-1"
LARGEST_SIGNATURE = 4 * 1024 * 1024  # bytes, as containers/image


class SignatureFiles:
    """Each registry has a folder of its own: `lookaside: file://FOLDER/REGISTRY`."""

    def __init__(self, folder: str) -> None:
        """Nothing is made yet."""
        self._folder = folder

    def put(self, repository: Repository, digest: Digest, blobs: Sequence[bytes]) -> str:
        """Replace the signatures of an image; where they are. HostError."""
        place = self._place(repository, digest)
        self._remove(place)
        try:
            os.makedirs(place, exist_ok=True)
        except OSError as error:
            raise HostError("file-write", f"expected to make {place}, got: {error.strerror}") from error
        files = SystemFiles()
        for number, blob in enumerate(blobs, 1):
            files.write(f"{place}/signature-{number}", blob)
        return place

    def drop(self, digest: Digest) -> int:
        """Remove the signatures of an image in every repository; how many places that were. HostError."""
        ending = f"@{digest.algorithm}={digest.hex}"
        found = [
            os.path.join(folder, name)
            for folder, names, _ in os.walk(self._folder)
            for name in names
            if name.endswith(ending)
        ]
        for place in found:
            self._remove(place)
        return len(found)

    def ended(self, has_ended: Callable[[bytes], bool], *, dry_run: bool = False) -> tuple[str, ...]:
        """Remove the images whose first signature has ended; where they were. HostError."""
        found = []
        for folder, _, files in os.walk(self._folder):
            if _FIRST in files and has_ended(_content(os.path.join(folder, _FIRST))):
                if not dry_run:
                    self._remove(folder)
                found.append(folder)
        return tuple(found)

    def _place(self, repository: Repository, digest: Digest) -> str:
        return f"{self._folder}/{repository.name}@{digest.algorithm}={digest.hex}"

    def _remove(self, place: str) -> None:
        try:
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(place)
        except OSError as error:
            raise HostError("file-write", f"expected to remove {place}, got: {error.strerror}") from error


def _content(path: str) -> bytes:
    try:
        return read_regular(path, largest=LARGEST_SIGNATURE, error=HostError)
    except Missing:
        return b""
