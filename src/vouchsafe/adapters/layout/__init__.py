"""`oci:PATH[:TAG]`: an OCI image layout on disk (image-spec image-layout.md), ours or `cosign save`'s. Reading.

`index.json` plays the registry: tags are its `org.opencontainers.image.ref.name`, referrers are its
manifests whose `subject` is asked for. A layout comes from strangers: blobs are hashed, digests have
passed their grammar before they are part of a path, and no symbolic link leads out of the folder
(GHSA-8xwf-rjm4-xvhv, GHSA-fxhp-mv3v-67qp).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from vouchsafe.adapters.budget import Budget
from vouchsafe.adapters.files import Missing, inside, read_pieces, read_regular
from vouchsafe.errors import MalformedError, Unavailable
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import (
    INDEX_TYPES,
    LARGEST_MANIFEST,
    MOST_ENTRIES,
    Descriptor,
    Manifest,
)
from vouchsafe.image.pieces import checked
from vouchsafe.image.reference import Reference, parse_named
from vouchsafe.record import Record
from vouchsafe.strictjson import Fields

LARGEST_INDEX = 64 * 1024 * 1024  # bytes of index.json, which lists what a registry spreads over tags
MOST_VALUES = 1024 * 1024  # in it: 100 000 entries have eight each
REF_NAME = "org.opencontainers.image.ref.name"
KIND = "kind"  # what `cosign save` calls its entries
_KINDS = {
    "dev.cosignproject.cosign/image": "image",
    "dev.cosignproject.cosign/imageIndex": "image",
    "dev.cosignproject.cosign/sigs": ".sig",
    "dev.cosignproject.cosign/atts": ".att",
}
_SUFFIXES = ("", ".sig", ".att", ".sbom")


class _Index(Record):
    """index.json as it was read: its entries, the first for each digest, and what identified the file."""

    entries: tuple[Descriptor, ...]
    first: dict[Digest, Descriptor]
    stamp: tuple[int, int, int]


class Layout:
    """Implements `ports.Registry` for `oci:` references."""

    def __init__(self, budget: Budget | None = None) -> None:
        """`budget`: what reading manifests and blobs may cost in all; without one, whatever there is."""
        self._budget = budget
        self._indexes: dict[str, _Index] = {}
        self._subjects: dict[tuple[str, tuple[int, int, int]], dict[Digest, tuple[Descriptor, ...]]] = {}

    def manifest(self, reference: Reference, wanted: str | Digest | None) -> Manifest | None:
        """The manifest of a tag or digest; of the only image when the reference names none."""
        folder = folder_of(reference)
        index = self._index(folder)
        own = reference.digest or reference.tag
        asked = own if wanted is None else wanted
        if isinstance(asked, Digest):
            listed = index.first.get(asked)
            return self._manifest(folder, asked, listed.media_type if listed is not None else "")
        found = _only(index.entries, folder) if asked is None else _tagged(index.entries, asked, folder)
        return None if found is None else self._manifest(folder, found.digest, found.media_type)

    def blob(self, reference: Reference, descriptor: Descriptor, *, largest: int) -> bytes:
        """The content of a descriptor: its size and digest hold."""
        if descriptor.size > largest:
            message = f"expected a blob of at most {largest} bytes, got {descriptor.size}"
            raise MalformedError("blob-too-large", message)
        content = self._blob(folder_of(reference), descriptor.digest, descriptor.size)
        if content is None:
            raise Unavailable("blob-missing", f"expected blob {descriptor.digest} in {reference}, got none")
        if len(content) != descriptor.size:
            raise MalformedError(
                "blob-size", f"expected {descriptor.size} bytes of {descriptor.digest}, got {len(content)}"
            )
        return content

    def pieces(self, reference: Reference, descriptor: Descriptor) -> Iterator[bytes]:
        """The content piece by piece, for blobs of any size; the last piece only when it is as described."""
        path = inside(folder_of(reference), place_of(descriptor.digest))
        try:
            return checked(descriptor, read_pieces(path, largest=descriptor.size))
        except Missing as error:
            message = f"expected blob {descriptor.digest} in {reference}, got none"
            raise Unavailable("blob-missing", message) from error

    def referrers(self, reference: Reference, digest: Digest) -> tuple[Descriptor, ...]:
        """The manifests in index.json whose `subject` is `digest`."""
        folder = folder_of(reference)
        index = self._index(folder)
        key = (folder, index.stamp)
        known = self._subjects.get(key)
        if known is None:
            self._subjects.clear()
            known = self._subjects[key] = self._by_subject(folder, index.first.values())
        return known.get(digest, ())

    def signatures(self, reference: Reference, digest: Digest) -> tuple[bytes, ...]:
        """None: a layout keeps no signature files beside an image."""
        return ()

    def _index(self, folder: str) -> _Index:
        path = inside(folder, "index.json")
        try:
            found = os.stat(path)
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            known = self._indexes.get(folder)
            if known is None or known.stamp != stamp:
                content = read_regular(path, largest=LARGEST_INDEX, error=Unavailable)
                entries = read_index(content)
                first: dict[Digest, Descriptor] = {}
                for entry in entries:
                    first.setdefault(entry.digest, entry)
                known = _Index(entries=entries, first=first, stamp=stamp)
                self._indexes = {folder: known}
        except PermissionError as error:
            raise Unavailable("file-unreadable", f"expected to read {path}, got: {error.strerror}") from error
        except (OSError, Missing) as error:
            raise Unavailable("layout", f"expected an OCI layout in {folder}, got no index.json") from error
        return known

    def _by_subject(self, folder: str, entries: Iterable[Descriptor]) -> dict[Digest, tuple[Descriptor, ...]]:
        found: dict[Digest, list[Descriptor]] = {}
        for entry in entries:
            if entry.media_type in INDEX_TYPES or entry.size > LARGEST_MANIFEST:
                continue
            try:
                manifest = self._manifest(folder, entry.digest, entry.media_type)
            except MalformedError:  # somebody else's broken manifest must not hide ours
                continue
            if manifest is not None and manifest.subject is not None:
                found.setdefault(manifest.subject.digest, []).append(entry)
        return {subject: tuple(listed) for subject, listed in found.items()}

    def _manifest(self, folder: str, digest: Digest, media_type: str) -> Manifest | None:
        content = self._blob(folder, digest, LARGEST_MANIFEST)
        if content is None:
            return None
        return Manifest.parse(content, served_as=media_type, algorithm=digest.algorithm)

    def _blob(self, folder: str, digest: Digest, largest: int) -> bytes | None:
        if self._budget is not None:
            self._budget.left()
        try:
            path = inside(folder, place_of(digest))
            content = read_regular(path, largest=largest, error=MalformedError)
        except Missing:
            return None
        if self._budget is not None:
            self._budget.spend(len(content))
        if not digest.matches(content):
            got = Digest.of(content, digest.algorithm)
            raise MalformedError("digest-mismatch", f"expected content with digest {digest}, got {got}")
        return content


def read_index(content: bytes) -> tuple[Descriptor, ...]:
    """The entries of an index.json; MalformedError otherwise."""
    fields = Fields.parse(content, what="index.json", largest=LARGEST_INDEX, most=MOST_VALUES)
    return tuple(Descriptor.read(entry) for entry in fields.objects("manifests", MOST_ENTRIES))


def folder_of(reference: Reference) -> str:
    """Where the layout is."""
    if reference.transport != "oci" or not reference.path:
        raise MalformedError("reference-transport", f"expected an oci: reference, got {str(reference)!r}")
    return reference.path


def _tagged(entries: tuple[Descriptor, ...], tag: str, folder: str) -> Descriptor | None:
    """The entry that carries a tag: as its name, at the end of a full name, or by `cosign save`'s kind."""
    exact = [entry for entry in entries if entry.annotations.get(REF_NAME) == tag]
    full = [entry for entry in entries if _tag_of(entry.annotations.get(REF_NAME, "")) == tag]
    found = exact or full or _saved(entries, tag)
    if len({entry.digest for entry in found}) > 1:
        raise MalformedError(
            "layout-ambiguous", f"expected one manifest tagged {tag!r} in {folder}, got {len(found)}"
        )
    return found[0] if found else None


def _tag_of(name: str) -> str | None:
    """The tag in `host/path:tag`, as buildah writes ref.name."""
    if "/" not in name or ":" not in name:
        return None
    try:
        return parse_named(name)[1]
    except MalformedError:
        return None


def _saved(entries: tuple[Descriptor, ...], tag: str) -> list[Descriptor]:
    """`cosign save` keeps one image and calls its companions by kind, not by `sha256-<hex>.sig`."""
    for entry in entries:
        if _KINDS.get(entry.annotations.get(KIND, "")) == "image" and tag.startswith(entry.digest.tag_prefix):
            suffix = tag.removeprefix(entry.digest.tag_prefix)
            return [each for each in entries if _KINDS.get(each.annotations.get(KIND, "")) == suffix]
    return []


def _only(entries: tuple[Descriptor, ...], folder: str) -> Descriptor | None:
    """The image of a layout that holds one, whatever signs it."""
    images = [entry for entry in entries if _is_image(entry)]
    if len({entry.digest for entry in images}) > 1:
        tags = sorted({entry.annotations[REF_NAME] for entry in images if REF_NAME in entry.annotations})
        raise MalformedError(
            "layout-ambiguous",
            f"expected one image in {folder}, got {len(images)}",
            hint=f"Write oci:{folder}:TAG with one of: {', '.join(tags)}" if tags else "Name it by digest.",
        )
    return images[0] if images else None


def _is_image(entry: Descriptor) -> bool:
    kind = entry.annotations.get(KIND, "")
    if kind in _KINDS:
        return _KINDS[kind] == "image"
    return not entry.artifact_type and not _is_companion(entry.annotations.get(REF_NAME, ""))


def _is_companion(name: str) -> bool:
    tag = _tag_of(name) or name
    algorithm, _, rest = tag.partition("-")
    for suffix in _SUFFIXES:
        try:
            Digest.parse(f"{algorithm}:{rest.removesuffix(suffix)}")
        except MalformedError:
            continue
        return True
    return False


def place_of(digest: Digest) -> str:
    """A blob's name within the layout."""
    return f"blobs/{digest.algorithm}/{digest.hex}"
