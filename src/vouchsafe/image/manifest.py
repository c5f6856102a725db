"""A Manifest: raw bytes beside their parsed form, and the few fields that matter to us.

A document that is both an index and an image means different things to different readers, and one
whose `mediaType` differs from how it was served is a disguise; both are malformed (CVE-2021-41190).
Formats: OCI image-spec manifest.md and image-index.md, Docker schema 2.
"""

from __future__ import annotations

from vouchsafe.errors import MalformedError
from vouchsafe.image.digest import Digest
from vouchsafe.record import Record
from vouchsafe.strictjson import Fields

LARGEST_MANIFEST = 4 * 1024 * 1024  # bytes, as containers/image
MOST_LAYERS = 10_000
MOST_ENTRIES = 100_000  # of one index; 4 MiB hold no more
OCI_IMAGE = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_IMAGE = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
INDEX_TYPES = frozenset((OCI_INDEX, DOCKER_LIST))
IMAGE_TYPES = frozenset((OCI_IMAGE, DOCKER_IMAGE))
ACCEPT = (OCI_IMAGE, OCI_INDEX, DOCKER_IMAGE, DOCKER_LIST)
_KEYS = frozenset(
    ("schemaVersion", "mediaType", "artifactType", "config", "layers", "manifests", "subject", "annotations")
)
_FOLDED_KEYS = frozenset(key.casefold() for key in (*_KEYS, "fsLayers"))
_VENDOR = "application/vnd."  # what a registry serves by accident begins otherwise


class Descriptor(Record):
    """Where some content is: its media type, digest and size in bytes; annotations are hints only."""

    media_type: str
    digest: Digest
    size: int
    artifact_type: str = ""
    annotations: dict[str, str]
    platform: str = ""

    @classmethod
    def read(cls, fields: Fields) -> Descriptor:
        """Read one descriptor object."""
        platform = ""
        if "platform" in fields:
            where = fields.fields("platform")
            parts = (where.text("os", ""), where.text("architecture", ""), where.text("variant", ""))
            platform = "/".join(part for part in parts if part)
        return cls(
            media_type=fields.text("mediaType", ""),
            digest=Digest.parse(fields.text("digest")),
            size=fields.integer("size"),
            artifact_type=fields.text("artifactType", ""),
            annotations=fields.texts("annotations"),
            platform=platform,
        )


class Manifest(Record):
    """`raw` is what was fetched and hashed; `layers` of an image, `entries` of an index."""

    digest: Digest
    media_type: str
    raw: bytes
    artifact_type: str = ""
    config: Descriptor | None = None
    layers: tuple[Descriptor, ...] = ()
    entries: tuple[Descriptor, ...] = ()
    subject: Descriptor | None = None
    annotations: dict[str, str]

    @property
    def is_index(self) -> bool:
        """Whether this lists other manifests."""
        return self.media_type in INDEX_TYPES

    @classmethod
    def parse(cls, raw: bytes, *, served_as: str = "", algorithm: str = "sha256") -> Manifest:
        """Read a manifest. `served_as` is the Content-Type it came with, "" when there was none."""
        fields = Fields.parse(raw, what="manifest", largest=LARGEST_MANIFEST)
        _refuse_disguised_keys(fields)
        media_type = _media_type(fields, served_as.partition(";")[0].strip())
        is_index = media_type in INDEX_TYPES
        if "manifests" in fields and ("layers" in fields or "config" in fields):
            raise MalformedError(
                "manifest-ambiguous", "expected an image or an index, got a document that is both"
            )
        if is_index != ("manifests" in fields):
            raise MalformedError(
                "manifest-ambiguous", f"expected what {media_type} holds, got another document"
            )
        layers = fields.objects("layers", MOST_LAYERS, ())
        entries = fields.objects("manifests", MOST_ENTRIES, ())
        return cls(
            digest=Digest.of(raw, algorithm),
            media_type=media_type,
            raw=raw,
            artifact_type=fields.text("artifactType", ""),
            config=Descriptor.read(fields.fields("config")) if "config" in fields else None,
            layers=tuple(Descriptor.read(layer) for layer in layers),
            entries=tuple(Descriptor.read(entry) for entry in entries),
            subject=Descriptor.read(fields.fields("subject")) if "subject" in fields else None,
            annotations=fields.texts("annotations"),
        )


def _refuse_disguised_keys(fields: Fields) -> None:
    """Go reads `Manifests` as `manifests`; here it would be a key that nobody looks at (CVE-2021-41190)."""
    for key in fields.keys() - _KEYS:
        if key.casefold() in _FOLDED_KEYS:
            raise MalformedError("manifest-ambiguous", f"expected no key {key!r} in a manifest")


def _media_type(fields: Fields, served_as: str) -> str:
    if fields.integer("schemaVersion") != 2:  # schema 1 signs something else than it hashes
        raise MalformedError("manifest-schema", "expected schemaVersion 2, got another")
    written = fields.text("mediaType", "")
    known = INDEX_TYPES | IMAGE_TYPES
    if written and served_as.startswith(_VENDOR) and written != served_as:
        raise MalformedError("manifest-media-type", f"expected {served_as} as it was served, got {written!r}")
    guessed = OCI_INDEX if "manifests" in fields else OCI_IMAGE
    media_type = written or (served_as if served_as in known else guessed)
    if media_type not in known:
        raise MalformedError("manifest-media-type", f"expected an OCI or Docker manifest, got {media_type!r}")
    return media_type


def names_exactly(index: Manifest, instance: Descriptor) -> None:
    """MalformedError unless `index` names the instance as what it is, an image, and in one way only."""
    if not index.is_index:
        raise MalformedError("list-entry", f"expected an index, got {index.media_type}")
    entries = [entry for entry in index.entries if entry.digest == instance.digest]
    if instance.media_type not in IMAGE_TYPES:
        raise MalformedError(
            "list-entry",
            f"expected an image at {instance.digest}, got {instance.media_type}: one level is judged",
        )
    if not entries or any(
        (entry.media_type, entry.size) != (instance.media_type, instance.size) for entry in entries
    ):
        raise MalformedError(
            "list-entry",
            f"expected an index that names {instance.digest} as {instance.media_type} of {instance.size} bytes,"
            " got another or several",
        )
