"""What of an image is signed: its manifest, or its index and everything that the index names.

The tag is resolved once; from there on everything goes by digest.
"""

from __future__ import annotations

from vouchsafe.errors import MalformedError, SigningError
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import IMAGE_TYPES, INDEX_TYPES, Descriptor
from vouchsafe.image.reference import Reference, absent
from vouchsafe.ports import Registry
from vouchsafe.record import Record
from vouchsafe.signing.artifact import Subject

DEEPEST = 4  # indexes inside an index; real ones have none
MOST_MANIFESTS = 256  # of one image


class Found(Record):
    """A manifest to sign. `platform` as `linux/arm64`, "" for the image itself."""

    subject: Subject
    platform: str = ""

    @property
    def is_index(self) -> bool:
        """Whether it names others."""
        return self.subject.media_type in INDEX_TYPES


def resolve(registry: Registry, reference: Reference, *, recursive: bool) -> tuple[Found, ...]:
    """The image itself last, its platforms before it, each once. Unavailable `no-such-image`."""
    if reference.repository is None:
        raise MalformedError(
            "reference-transport",
            f"expected an image in a registry, got {reference}",
            hint="Signatures live beside the image in its registry: push it first.",
        )
    manifest = registry.manifest(reference, None)
    if manifest is None:
        raise absent(reference)
    top = Subject(digest=manifest.digest, media_type=manifest.media_type, size=len(manifest.raw))
    found: dict[Digest, Found] = {}
    if recursive and manifest.is_index:
        _descend(registry, reference, manifest.entries, found, DEEPEST)
    found.pop(top.digest, None)
    return (*found.values(), Found(subject=top))


def _descend(
    registry: Registry,
    reference: Reference,
    entries: tuple[Descriptor, ...],
    found: dict[Digest, Found],
    levels: int,
) -> None:
    for entry in entries:
        if entry.digest in found or entry.media_type not in IMAGE_TYPES | INDEX_TYPES:
            continue
        if entry.media_type in INDEX_TYPES:
            inner = registry.manifest(reference, entry.digest)
            if inner is None or levels == 0:
                raise SigningError(
                    "index-incomplete", f"expected every index that {reference} names, got not {entry.digest}"
                )
            _descend(registry, reference, inner.entries, found, levels - 1)
        subject = Subject(digest=entry.digest, media_type=entry.media_type, size=entry.size)
        found[entry.digest] = Found(subject=subject, platform=entry.platform or "no platform")
        if len(found) > MOST_MANIFESTS:
            raise SigningError(
                "too-many-manifests", f"expected at most {MOST_MANIFESTS} manifests in an index, got more"
            )
