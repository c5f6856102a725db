"""Images, signatures, attestations and bundles as cosign and other clients put them into a registry.

The oddities are kept: the fallback index that cosign 3 writes gives every bundle the artifactType of an
empty config, and no annotations.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import OCI_IMAGE, OCI_INDEX
from vouchsafe.testing.bundle import MEDIA_TYPES
from vouchsafe.testing.canonical import compact
from vouchsafe.testing.material import DSSE_ENVELOPE, SIMPLE_SIGNING
from vouchsafe.testing.registry_store import RegistryStore
from vouchsafe.testing.statement import SIGN_V1

OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"
BUNDLE_TYPE = MEDIA_TYPES["0.3"]
_NO_TIME = "0001-01-01T00:00:00Z"  # what cosign writes into a .sig's config


def push_image(
    store: RegistryStore,
    repository: str,
    tag: str = "v1",
    *,
    content: bytes = b"layer",
    architecture: str = "amd64",
) -> Digest:
    """An image of one layer; `content` makes it one of its kind."""
    layer = store.put_blob(repository, content)
    config = compact(
        {"architecture": architecture, "os": "linux", "rootfs": {"type": "layers", "diff_ids": [str(layer)]}}
    )
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_IMAGE,
        "config": _descriptor(OCI_CONFIG, store.put_blob(repository, config), config),
        "layers": [_descriptor(OCI_LAYER, layer, content)],
    }
    return store.put_manifest(repository, compact(manifest), OCI_IMAGE, tag)


def push_index(
    store: RegistryStore,
    repository: str,
    tag: str = "v1",
    *,
    architectures: tuple[str, ...] = ("amd64", "arm64"),
    contents: Callable[[bytes], bytes] = bytes,
) -> tuple[Digest, dict[str, Digest]]:
    """A multi-arch image: the index's digest, and each instance's by architecture.

    `contents` makes a layer of an architecture's name.
    """
    instances = {
        name: push_image(store, repository, "", content=contents(name.encode()), architecture=name)
        for name in architectures
    }
    entries = []
    for name, digest in instances.items():
        stored = store.manifest(repository, str(digest))
        raw = stored.raw if stored else b""
        entries.append(
            _descriptor(OCI_IMAGE, digest, raw) | {"platform": {"architecture": name, "os": "linux"}}
        )
    index = compact({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})
    return store.put_manifest(repository, index, OCI_INDEX, tag), instances


def push_signature(
    store: RegistryStore, repository: str, digest: Digest, payload: bytes, annotations: dict[str, str]
) -> Digest:
    """One more layer on the tag `sha256-<hex>.sig`; the digest of the manifest there."""
    return push_signatures(store, repository, digest, [(payload, annotations)])


def push_signatures(
    store: RegistryStore, repository: str, digest: Digest, signed: Iterable[tuple[bytes, dict[str, str]]]
) -> Digest:
    """The same with several at once: payloads and their annotations."""
    return _add_layers(store, repository, f"{digest.tag_prefix}.sig", signed, SIMPLE_SIGNING)


def push_attestation(
    store: RegistryStore, repository: str, digest: Digest, envelope: bytes, annotations: dict[str, str]
) -> Digest:
    """One more layer on the tag `sha256-<hex>.att`; the digest of the manifest there."""
    tag = f"{digest.tag_prefix}.att"
    return _add_layers(store, repository, tag, [(envelope, annotations)], DSSE_ENVELOPE)


def push_bundle(
    store: RegistryStore,
    repository: str,
    digest: Digest,
    bundle: bytes,
    *,
    predicate_type: str = SIGN_V1,
    fallback: bool = True,
    media_type: str = BUNDLE_TYPE,
) -> Digest:
    """A bundle as a referrer of `digest`; `fallback` writes the tag `sha256-<hex>` too, as cosign must."""
    subject = store.manifest(repository, str(digest))
    raw = subject.raw if subject else b""
    kind = subject.media_type if subject else OCI_IMAGE
    empty = store.put_blob(repository, b"{}")
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_IMAGE,
        "config": _descriptor(OCI_EMPTY, empty, b"{}") | {"artifactType": media_type},
        "layers": [_descriptor(media_type, store.put_blob(repository, bundle), bundle)],
        "annotations": {
            "dev.sigstore.bundle.content": "dsse-envelope",
            "dev.sigstore.bundle.predicateType": predicate_type,
        },
        "subject": _descriptor(kind, digest, raw),
        "artifactType": media_type,
    }
    made = compact(manifest)
    referrer = store.put_manifest(repository, made, OCI_IMAGE)
    if fallback:
        add_fallback(
            store, repository, digest, _descriptor(OCI_IMAGE, referrer, made) | {"artifactType": OCI_EMPTY}
        )
    return referrer


def push_junk(
    store: RegistryStore,
    repository: str,
    digest: Digest,
    count: int,
    *,
    contents: int = 0,
    fallback: bool = True,
) -> None:
    """So many referrers of `digest` that claim to be bundles and are not; `contents`: how many differ inside."""
    listed = []
    for number in range(count):
        blob = compact({"mediaType": BUNDLE_TYPE, "junk": number % (contents or count)})
        manifest = {
            "schemaVersion": 2,
            "mediaType": OCI_IMAGE,
            "artifactType": BUNDLE_TYPE,
            "config": _descriptor(OCI_EMPTY, store.put_blob(repository, b"{}"), b"{}"),
            "layers": [_descriptor(BUNDLE_TYPE, store.put_blob(repository, blob), blob)],
            "subject": _descriptor(OCI_IMAGE, digest, b""),
            "annotations": {"number": str(number)},
        }
        made = compact(manifest)
        listed.append(_descriptor(OCI_IMAGE, store.put_manifest(repository, made, OCI_IMAGE), made))
    if fallback:
        add_fallback(store, repository, digest, *listed)


def add_fallback(store: RegistryStore, repository: str, digest: Digest, *descriptors: dict[str, Any]) -> None:
    """Read, add to and rewrite the index at `sha256-<hex>`."""
    there = store.manifest(repository, digest.tag_prefix)
    listed = json.loads(there.raw)["manifests"] if there else []
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [*listed, *descriptors]}
    store.put_manifest(repository, compact(index), OCI_INDEX, digest.tag_prefix)


def _add_layers(
    store: RegistryStore,
    repository: str,
    tag: str,
    made: Iterable[tuple[bytes, dict[str, str]]],
    media_type: str,
) -> Digest:
    there = store.manifest(repository, tag)
    layers = json.loads(there.raw)["layers"] if there else []
    for blob, said in made:
        digest = store.put_blob(repository, blob)
        layers.append(_descriptor(media_type, digest, blob) | {"annotations": said})
    config = compact(
        {
            "architecture": "",
            "created": _NO_TIME,
            "history": [{"created": _NO_TIME} for _ in layers],
            "os": "",
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]},
            "config": {},
        }
    )
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_IMAGE,
        "config": _descriptor(OCI_CONFIG, store.put_blob(repository, config), config),
        "layers": layers,
    }
    return store.put_manifest(repository, compact(manifest), OCI_IMAGE, tag)


def _descriptor(media_type: str, digest: Digest, content: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "size": len(content), "digest": str(digest)}
