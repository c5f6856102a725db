"""The OCI documents that carry evidence: the manifests at `.sig` and `.att`, a bundle's, the fallback index.

Documents at a tag belong to several writers: what is there is kept to the letter, ours is added at the end.
Formats: cosign SIGNATURE_SPEC.md and BUNDLE_SPEC.md, OCI image-spec manifest.md, distribution-spec
"Referrers Tag Schema".
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from vouchsafe.errors import SigningError
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import LARGEST_MANIFEST, OCI_IMAGE, OCI_INDEX, Manifest
from vouchsafe.record import Record
from vouchsafe.signing.content import compact
from vouchsafe.signing.formats import BUNDLE
from vouchsafe.signing.reference import Document

OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"
EMPTY = b"{}"
MOST_LAYERS = 1000  # of one `.sig` or `.att`: cosign reads no more
_NO_TIME = (
    "0001-01-01T00:00:00Z"  # Go's zero, as cosign writes it: the document is the same whenever it is made
)

Json = dict[str, Any]


class Subject(Record):
    """The manifest that evidence is about, as a descriptor."""

    digest: Digest
    media_type: str
    size: int


def layer(media_type: str, blob: bytes, annotations: dict[str, str]) -> Json:
    """The descriptor of a signature's or attestation's layer."""
    return _descriptor(media_type, blob) | {"annotations": annotations}


def key_of_layer(descriptor: Json) -> str:
    """What makes a layer the same: one payload may be signed by many, each with a layer of its own."""
    return json.dumps([descriptor.get("digest"), descriptor.get("annotations")], sort_keys=True)


def key_of_entry(descriptor: Json) -> str:
    """What makes an index's entry the same."""
    return str(descriptor.get("digest"))


def layers_of(manifest: Manifest | None, tag: str) -> list[Json]:
    """The layers that are at a `.sig` or `.att` tag now, to the letter."""
    return _listed(manifest, "layers", tag) if manifest is not None else []


def entries_of(manifest: Manifest | None, tag: str) -> list[Json]:
    """The entries that are in the fallback index now, to the letter."""
    return _listed(manifest, "manifests", tag) if manifest is not None else []


def with_layers(manifest: Manifest | None, layers: list[Json]) -> tuple[bytes, bytes]:
    """The manifest with exactly these layers, and its config."""
    if len(layers) > MOST_LAYERS:
        raise SigningError(
            "too-many-signatures",
            f"expected at most {MOST_LAYERS} signatures on one image, got {len(layers)}",
            hint="Remove those that nobody needs, such as a nightly job's.",
        )
    config = compact(
        {
            "architecture": "",
            "created": _NO_TIME,
            "history": [{"created": _NO_TIME} for _ in layers],
            "os": "",
            "rootfs": {"type": "layers", "diff_ids": [each.get("digest") for each in layers]},
            "config": {},
        }
    )
    made = _parsed(manifest) if manifest is not None else {"schemaVersion": 2, "mediaType": OCI_IMAGE}
    made |= {"config": _descriptor(OCI_CONFIG, config), "layers": layers}
    return _bounded(compact(made)), config


def with_entries(manifest: Manifest | None, entries: list[Json]) -> bytes:
    """The fallback index with exactly these entries."""
    made = _parsed(manifest) if manifest is not None else {"schemaVersion": 2, "mediaType": OCI_INDEX}
    return _bounded(compact(made | {"manifests": entries}))


def bundle_manifest(subject: Subject, bundle: bytes, *, predicate_type: str, at: datetime) -> bytes:
    """The referrer that carries a bundle (BUNDLE_SPEC.md), found by anybody who knows the subject."""
    return compact(
        {
            "schemaVersion": 2,
            "mediaType": OCI_IMAGE,
            "artifactType": BUNDLE,
            "config": _descriptor(OCI_EMPTY, EMPTY) | {"artifactType": BUNDLE},
            "layers": [_descriptor(BUNDLE, bundle)],
            "subject": _subject(subject),
            "annotations": {
                "dev.sigstore.bundle.content": "dsse-envelope",
                "dev.sigstore.bundle.predicateType": predicate_type,
                "org.opencontainers.image.created": f"{at:%Y-%m-%dT%H:%M:%SZ}",
            },
        }
    )


def document_manifest(subject: Subject, document: Document) -> bytes:
    """The referrer that carries a document as it is: the same bytes whenever it is made."""
    return compact(
        {
            "schemaVersion": 2,
            "mediaType": OCI_IMAGE,
            "artifactType": document.media_type,
            "config": _descriptor(OCI_EMPTY, EMPTY),
            "layers": [_descriptor(document.media_type, document.content)],
            "subject": _subject(subject),
        }
    )


def referrer_entry(manifest: bytes) -> Json:
    """A referrer as the fallback index lists it: with artifactType and annotations, as specified."""
    content = json.loads(manifest)
    said = {key: content[key] for key in ("artifactType", "annotations") if key in content}
    return _descriptor(OCI_IMAGE, manifest) | said


def merged(there: Iterable[Json], known: Iterable[Json], key: Any) -> list[Json]:
    """What is there, then what is known and missing, each once."""
    kept = list(there)
    seen = {key(each) for each in kept}
    for each in known:
        if key(each) not in seen:
            seen.add(key(each))
            kept.append(each)
    return kept


def _subject(subject: Subject) -> Json:
    return {"mediaType": subject.media_type, "size": subject.size, "digest": str(subject.digest)}


def _descriptor(media_type: str, content: bytes) -> Json:
    return {"mediaType": media_type, "size": len(content), "digest": str(Digest.of(content))}


def _parsed(manifest: Manifest) -> Json:
    content: Json = json.loads(manifest.raw)  # `Manifest.parse` has read these bytes strictly
    return content


def _listed(manifest: Manifest, field: str, tag: str) -> list[Json]:
    if manifest.is_index != (field == "manifests"):
        wanted = "an index" if field == "manifests" else "an image manifest"
        raise SigningError(
            "foreign-tag",
            f"expected {wanted} at the tag {tag}, got {manifest.media_type}",
            hint="Somebody else uses this tag. Nothing there was changed.",
        )
    found: list[Json] = _parsed(manifest)[field]
    return found


def _bounded(content: bytes) -> bytes:
    if len(content) > LARGEST_MANIFEST:
        raise SigningError(
            "manifest-too-large",
            f"expected at most {LARGEST_MANIFEST} bytes of manifest, got {len(content)}",
            hint="Readers refuse more. Remove signatures that nobody needs.",
        )
    return content
