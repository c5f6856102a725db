"""A repository of a RegistryStore as an OCI image layout on disk, as `skopeo copy` and `cosign save` leave it.

Tags become `org.opencontainers.image.ref.name`, referrers are listed beside them.

>>> import tempfile
>>> from vouchsafe.testing.push import push_image
>>> store = RegistryStore()
>>> digest = push_image(store, "app")
>>> with tempfile.TemporaryDirectory() as folder:
...     write_layout(store, "app", Path(folder))
...     sorted(path.name for path in Path(folder).iterdir())
['blobs', 'index.json', 'oci-layout']
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from vouchsafe.image.digest import Digest
from vouchsafe.testing.registry_store import RegistryStore, StoredManifest

REF_NAME = "org.opencontainers.image.ref.name"


def write_layout(store: RegistryStore, repository: str, folder: Path) -> None:
    """Everything that a tag leads to, and what refers to it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}', encoding="utf-8")
    entries: list[dict[str, Any]] = []
    for tag in store.tags(repository):
        stored = store.manifest(repository, tag)
        if stored is not None:
            entries.append(_descriptor(stored) | {"annotations": {REF_NAME: tag}})
            entries += _write(store, repository, stored, folder)
    unique = {json.dumps(entry, sort_keys=True): entry for entry in entries}
    index = {"schemaVersion": 2, "manifests": list(unique.values())}
    (folder / "index.json").write_text(json.dumps(index), encoding="utf-8")


def _write(
    store: RegistryStore, repository: str, stored: StoredManifest, folder: Path
) -> list[dict[str, Any]]:
    """Write a manifest with all below it; the descriptors of what refers to it."""
    _put(folder, stored.digest, stored.raw)
    content = json.loads(stored.raw)
    for descriptor in (content.get("config"), *content.get("layers", ())):
        blob = store.blob(repository, descriptor["digest"]) if descriptor else None
        if blob is not None:
            _put(folder, Digest.parse(descriptor["digest"]), blob)
    found: list[dict[str, Any]] = []
    for entry in content.get("manifests", ()):
        below = store.manifest(repository, entry["digest"])
        if below is not None:
            found += _write(store, repository, below, folder)
    for entry in store.referrers(repository, str(stored.digest)):
        referrer = store.manifest(repository, entry["digest"])
        if referrer is not None:
            found += [_descriptor(referrer), *_write(store, repository, referrer, folder)]
    return found


def _descriptor(stored: StoredManifest) -> dict[str, Any]:
    return {"mediaType": stored.media_type, "digest": str(stored.digest), "size": len(stored.raw)}


def _put(folder: Path, digest: Digest, content: bytes) -> None:
    path = folder / "blobs" / digest.algorithm / digest.hex
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
