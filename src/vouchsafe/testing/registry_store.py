"""What a registry holds: blobs, manifests and tags by repository. No network, no behaviour.

>>> store = RegistryStore()
>>> digest = store.put_manifest(
...     "app", b'{"schemaVersion":2}', "application/vnd.oci.image.manifest.v1+json", "v1"
... )
>>> store.resolve("app", "v1") == digest
True
"""

from __future__ import annotations

import json
import threading
from typing import Any

from vouchsafe.image.digest import Digest
from vouchsafe.record import Record


class StoredManifest(Record):
    """A manifest's bytes as pushed, and the type they were pushed with."""

    digest: Digest
    raw: bytes
    media_type: str


class _Repository:
    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, StoredManifest] = {}
        self.tags: dict[str, str] = {}
        self.referrers: dict[str, dict[str, dict[str, Any]]] = {}  # subject → manifest → descriptor


class RegistryStore:
    """Safe to use from several threads."""

    def __init__(self) -> None:
        """Nothing in it."""
        self._repositories: dict[str, _Repository] = {}
        self._lock = threading.RLock()

    def repositories(self) -> list[str]:
        """The names of all repositories."""
        with self._lock:
            return sorted(self._repositories)

    def tags(self, repository: str) -> list[str]:
        """A repository's tags."""
        with self._lock:
            return sorted(self._at(repository).tags)

    def put_blob(self, repository: str, content: bytes, algorithm: str = "sha256") -> Digest:
        """Keep a blob."""
        digest = Digest.of(content, algorithm)
        with self._lock:
            self._at(repository).blobs[str(digest)] = content
        return digest

    def blob(self, repository: str, digest: str) -> bytes | None:
        """A blob, or None."""
        with self._lock:
            return self._at(repository).blobs.get(digest)

    def put_manifest(
        self, repository: str, raw: bytes, media_type: str, tag: str = "", algorithm: str = "sha256"
    ) -> Digest:
        """Keep a manifest, under its digest and a tag if one is given."""
        digest = Digest.of(raw, algorithm)
        with self._lock:
            here = self._at(repository)
            stored = StoredManifest(digest=digest, raw=raw, media_type=media_type)
            here.manifests[str(digest)] = stored
            subject, descriptor = _referrer(stored)
            if subject:
                here.referrers.setdefault(subject, {})[str(digest)] = descriptor
            if tag:
                here.tags[tag] = str(digest)
        return digest

    def resolve(self, repository: str, tag_or_digest: str) -> Digest | None:
        """What a tag points at, or the digest itself if it is there."""
        found = self.manifest(repository, tag_or_digest)
        return found.digest if found else None

    def manifest(self, repository: str, tag_or_digest: str) -> StoredManifest | None:
        """A manifest, or None."""
        with self._lock:
            here = self._at(repository)
            return here.manifests.get(here.tags.get(tag_or_digest, tag_or_digest))

    def tag(self, repository: str, tag: str, digest: Digest) -> None:
        """Point a tag at a manifest, there or not."""
        with self._lock:
            self._at(repository).tags[tag] = str(digest)

    def delete(self, repository: str, tag_or_digest: str) -> bool:
        """Forget a tag, or a manifest and its tags; whether there was one."""
        with self._lock:
            here = self._at(repository)
            if here.tags.pop(tag_or_digest, None):
                return True
            gone = here.manifests.pop(tag_or_digest, None)
            here.tags = {tag: digest for tag, digest in here.tags.items() if digest != tag_or_digest}
            return gone is not None

    def referrers(self, repository: str, digest: str, artifact_type: str = "") -> list[dict[str, Any]]:
        """Descriptors of the manifests whose `subject` is `digest` (distribution-spec, Listing Referrers)."""
        with self._lock:
            here = self._at(repository)
            listed = [
                entry for name, entry in here.referrers.get(digest, {}).items() if name in here.manifests
            ]
        return [entry for entry in listed if artifact_type in ("", entry.get("artifactType"))]

    def _at(self, repository: str) -> _Repository:
        return self._repositories.setdefault(repository, _Repository())


def _referrer(stored: StoredManifest) -> tuple[str, dict[str, Any]]:
    """A manifest's subject, and the descriptor that the API has to list: artifactType, or the config's type."""
    try:
        content = json.loads(stored.raw)
        subject = str((content.get("subject") or {}).get("digest", ""))
        kind = content.get("artifactType") or (content.get("config") or {}).get("mediaType")
    except (ValueError, AttributeError):
        return "", {}  # a registry keeps what it is given
    made: dict[str, Any] = {
        "mediaType": stored.media_type,
        "size": len(stored.raw),
        "digest": str(stored.digest),
    }
    if kind:
        made["artifactType"] = kind
    if content.get("annotations"):
        made["annotations"] = content["annotations"]
    return subject, made
