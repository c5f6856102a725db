"""Writes an OCI image layout: blobs as they come, `index.json` in one step, so that readers see a whole layout.

`index.json` is what a registry's tags and referrers are: an image or companion has an entry with its tag as
`org.opencontainers.image.ref.name`, a referrer one without; what an index lists has none. The `kind` that
`cosign save` writes is written too, so that `cosign verify --local-image` finds its way. Writers of one layout
wait for each other; a blob that is there is believed only after its digest.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from vouchsafe.adapters.files import Missing, SystemFiles, inside, read_regular
from vouchsafe.adapters.layout import KIND, LARGEST_INDEX, REF_NAME, Layout, folder_of, place_of
from vouchsafe.errors import HostError, MalformedError, Refused, Unavailable, VouchsafeError
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import Descriptor, Manifest
from vouchsafe.image.pieces import checked
from vouchsafe.image.reference import Reference, Repository
from vouchsafe.strictjson import parse

_MARK = "oci-layout"  # the file that makes a folder a layout
_VERSION = b'{"imageLayoutVersion":"1.0.0"}'
_EMPTY: dict[str, Any] = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.oci.image.index.v1+json",
    "manifests": [],
}
_COSIGN = "dev.cosignproject.cosign/"
_ATTEMPTS = 4  # at one blob
_KIND_OF_SUFFIX = {".sig": "sigs", ".att": "atts"}


class LayoutDepot(Layout):
    """Implements `ports.Depot` for `oci:` references. Thread-safe, and safe beside other processes."""

    def push_blob(self, reference: Reference, content: bytes) -> Digest:
        """See the port."""
        digest = Digest.of(content)
        descriptor = Descriptor(media_type="", digest=digest, size=len(content), annotations={})
        if not self.has_blob(reference, descriptor):
            _write(_prepared(reference), descriptor, [content])
        return digest

    def push_manifest(
        self, reference: Reference, content: bytes, *, media_type: str, tag: str = ""
    ) -> tuple[Digest, bool]:
        """See the port. In a layout whatever has a subject is listed."""
        manifest = Manifest.parse(content, served_as=media_type)
        self.push_blob(reference, content)
        if tag or manifest.subject is not None:
            self._enter(reference, manifest, tag, _kind_of_tag(tag))
        return manifest.digest, manifest.subject is not None

    def has_blob(self, reference: Reference, descriptor: Descriptor) -> bool:
        """See the port: there, and what it should be."""
        try:
            for _ in self.pieces(reference, descriptor):
                pass
        except VouchsafeError:  # absent, cut short or changed: it is written anew
            return False
        return True

    def keep_blob(
        self,
        reference: Reference,
        descriptor: Descriptor,
        opened: Callable[[], Iterable[bytes]],
        *,
        origin: Repository | None,
    ) -> bool:
        """See the port. Nothing is mounted into a layout."""
        folder = _prepared(reference)
        for attempt in range(_ATTEMPTS):
            try:
                _write(folder, descriptor, opened())
                break
            except Unavailable as error:
                if attempt + 1 == _ATTEMPTS or not error.retryable:
                    raise
        return False

    def publish(self, reference: Reference, manifest: Manifest) -> None:
        """See the port. Without a tag, the image is the layout's own."""
        kind = "imageIndex" if manifest.is_index else "image"
        self._enter(reference, manifest, reference.tag or "", kind)

    def manifest(self, reference: Reference, wanted: str | Digest | None) -> Manifest | None:
        """As a reader's; a layout that is not there yet holds nothing."""
        return super().manifest(reference, wanted) if _exists(reference) else None

    def referrers(self, reference: Reference, digest: Digest) -> tuple[Descriptor, ...]:
        """As a reader's; a layout that is not there yet lists nothing."""
        return super().referrers(reference, digest) if _exists(reference) else ()

    def _enter(self, reference: Reference, manifest: Manifest, tag: str, kind: str) -> None:
        """List a manifest in index.json, in place of what had its tag."""
        folder = _prepared(reference)
        entry = _entry(manifest, tag, kind)
        with _alone(folder):
            index = _read(folder)
            kept = [each for each in index["manifests"] if not _gives_way(each, entry, tag)]
            index["manifests"] = [*kept, entry]
            content = json.dumps(index, separators=(",", ":")).encode()
            if len(content) > LARGEST_INDEX:
                raise HostError(
                    "layout-write", f"expected at most {LARGEST_INDEX} bytes of index.json, got more"
                )
            SystemFiles().write(inside(folder, "index.json"), content)


def _gives_way(there: Any, entry: dict[str, Any], tag: str) -> bool:
    """Whether an entry is replaced: by its tag, or because it says the same."""
    name = (there.get("annotations") or {}).get(REF_NAME, "") if isinstance(there, dict) else ""
    if tag:
        return bool(name == tag)
    return not name and isinstance(there, dict) and there.get("digest") == entry["digest"]


def _entry(manifest: Manifest, tag: str, kind: str) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "mediaType": manifest.media_type,
        "digest": str(manifest.digest),
        "size": len(manifest.raw),
    }
    if manifest.subject is not None:
        config = manifest.config.media_type if manifest.config is not None else ""
        entry["artifactType"] = manifest.artifact_type or config
    annotations = {name: value for name, value in ((REF_NAME, tag), (KIND, kind and _COSIGN + kind)) if value}
    return entry | {"annotations": annotations} if annotations else entry


def _kind_of_tag(tag: str) -> str:
    return next((kind for suffix, kind in _KIND_OF_SUFFIX.items() if tag.endswith(suffix)), "")


def _exists(reference: Reference) -> bool:
    return os.path.lexists(os.path.join(folder_of(reference), "index.json"))


def _prepared(reference: Reference) -> str:
    """The folder, made a layout if it is new or empty. Nothing is written among other things."""
    folder = folder_of(reference)
    try:
        os.makedirs(folder, exist_ok=True)
        if not os.path.lexists(os.path.join(folder, _MARK)):
            with _alone(folder):
                _begin(folder)
    except OSError as error:
        raise _failed(folder, error) from error
    return folder


def _begin(folder: str) -> None:
    there = set(os.listdir(folder))
    if _MARK in there:  # another thread or process was quicker
        return
    if there - {"blobs", "index.json"}:
        raise Refused(
            "layout-foreign",
            f"expected an OCI layout or an empty folder at {folder}, got another folder",
            hint="Name a folder of its own for the image.",
        )
    if "index.json" not in there:
        SystemFiles().write(os.path.join(folder, "index.json"), json.dumps(_EMPTY).encode())
    SystemFiles().write(os.path.join(folder, _MARK), _VERSION)


@contextmanager
def _alone(folder: str) -> Iterator[None]:
    """Nobody else of us changes index.json meanwhile; the lock ends with the process."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise _failed(folder, error) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _read(folder: str) -> dict[str, Any]:
    try:
        content = read_regular(inside(folder, "index.json"), largest=LARGEST_INDEX, error=Unavailable)
    except Missing:
        return dict(_EMPTY)
    found = parse(content, what="index.json", largest=LARGEST_INDEX)
    if not isinstance(found, dict) or not isinstance(found.get("manifests"), list):
        raise MalformedError("layout", f"expected a list of manifests in {folder}/index.json, got none")
    return found


def _write(folder: str, descriptor: Descriptor, pieces: Iterable[bytes]) -> None:
    """A blob, under its name only when it is whole, right and on the disk."""
    try:
        os.makedirs(inside(folder, f"blobs/{descriptor.digest.algorithm}"), exist_ok=True)
        path = inside(folder, place_of(descriptor.digest))
        part = f"{path}.{os.getpid()}.{os.urandom(4).hex()}.part"
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            try:
                for piece in checked(descriptor, pieces):
                    view = memoryview(piece)
                    while view:
                        view = view[os.write(handle, view) :]
                os.fsync(handle)
            finally:
                os.close(handle)
            os.rename(part, path)
        except BaseException:
            os.unlink(part)
            raise
    except OSError as error:
        raise _failed(folder, error) from error


def _failed(folder: str, error: OSError) -> HostError:
    return HostError("layout-write", f"expected to write the layout {folder}, got: {error.strerror or error}")
