"""`dir:PATH`: the folder that `skopeo copy … dir:` writes, with `signature-1 … n` beside the manifest.

Instances of a list are `<hex>.manifest.json`, theirs are `<hex>-signature-n`. Blobs are named by their
hex alone. The signatures end at the first missing number, as containers/image reads them. A folder comes
from strangers: no symbolic link leads out of it, or what we say of a file would show them another.
"""

from __future__ import annotations

from vouchsafe.adapters.budget import Budget
from vouchsafe.adapters.files import Missing, inside, read_regular
from vouchsafe.errors import MalformedError, Unavailable
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import LARGEST_MANIFEST, Descriptor, Manifest
from vouchsafe.image.reference import Reference

LARGEST_SIGNATURE = 4 * 1024 * 1024  # bytes, as containers/image
LARGEST_SIGNATURES = 64 * 1024 * 1024  # bytes of all signatures of one image
MOST_SIGNATURES = 128  # of one image; containers/image calls more unreasonable
_VERSION = b"Directory Transport Version: 1."


class Directory:
    """Implements `ports.Registry` for `dir:` references."""

    def __init__(self, budget: Budget | None = None) -> None:
        """`budget`: what reading blobs may cost in all; without one, whatever there is."""
        self._budget = budget

    def manifest(self, reference: Reference, wanted: str | Digest | None) -> Manifest | None:
        """The folder's manifest, or an instance of its list by digest. There are no tags here."""
        folder = _folder(reference)
        if wanted is not None and not isinstance(wanted, Digest):
            return None
        _demand_version(folder)
        raw = _read(folder, "manifest.json", LARGEST_MANIFEST)
        if wanted is None:
            return None if raw is None else Manifest.parse(raw)
        if raw is None or not wanted.matches(raw):
            raw = _read(folder, f"{wanted.hex}.manifest.json", LARGEST_MANIFEST)
        if raw is None:
            return None
        _demand_digest(wanted, raw)
        return Manifest.parse(raw, algorithm=wanted.algorithm)

    def blob(self, reference: Reference, descriptor: Descriptor, *, largest: int) -> bytes:
        """The content of a descriptor: its size and digest hold."""
        if descriptor.size > largest:
            message = f"expected a blob of at most {largest} bytes, got {descriptor.size}"
            raise MalformedError("blob-too-large", message)
        if self._budget is not None:
            self._budget.left()
        content = _read(_folder(reference), descriptor.digest.hex, descriptor.size)
        if self._budget is not None:
            self._budget.spend(len(content or b""))
        if content is None:
            raise Unavailable("blob-missing", f"expected blob {descriptor.digest} in {reference}, got none")
        if len(content) != descriptor.size:
            raise MalformedError(
                "blob-size", f"expected {descriptor.size} bytes of {descriptor.digest}, got {len(content)}"
            )
        _demand_digest(descriptor.digest, content)
        return content

    def referrers(self, reference: Reference, digest: Digest) -> tuple[Descriptor, ...]:
        """None: the format has no place for them."""
        return ()

    def signatures(self, reference: Reference, digest: Digest) -> tuple[bytes, ...]:
        """The `signature-n` files of the manifest with this digest."""
        folder = _folder(reference)
        raw = _read(folder, "manifest.json", LARGEST_MANIFEST)
        prefix = "" if raw is not None and digest.matches(raw) else f"{digest.hex}-"
        found: list[bytes] = []
        for number in range(1, MOST_SIGNATURES + 1):
            blob = _read(folder, f"{prefix}signature-{number}", LARGEST_SIGNATURE)
            if blob is None:
                return tuple(found)
            found.append(blob)
            if sum(map(len, found)) > LARGEST_SIGNATURES:
                break
        raise Unavailable(
            "limit-signatures",
            f"expected fewer than {MOST_SIGNATURES} signatures of at most {LARGEST_SIGNATURES} bytes together"
            f" in {folder}, got more than the limit",
        )


def _folder(reference: Reference) -> str:
    if reference.transport != "dir" or not reference.path:
        raise MalformedError("reference-transport", f"expected a dir: reference, got {str(reference)!r}")
    return reference.path


def _demand_version(folder: str) -> None:
    """`version` may be absent, as in folders made by hand; another major version is another format."""
    version = _read(folder, "version", LARGEST_SIGNATURE)
    if version is not None and not version.startswith(_VERSION):
        raise MalformedError(
            "dir-version", f"expected {_VERSION.decode()}x in {folder}, got {version[:60]!r}"
        )


def _demand_digest(digest: Digest, content: bytes) -> None:
    if not digest.matches(content):
        got = Digest.of(content, digest.algorithm)
        raise MalformedError("digest-mismatch", f"expected content with digest {digest}, got {got}")


def _read(folder: str, name: str, largest: int) -> bytes | None:
    try:
        return read_regular(inside(folder, name), largest=largest, error=MalformedError)
    except Missing:
        return None
