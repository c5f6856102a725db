"""A registry in which a manifest that was read by its digest once need not be read again in this run.

What a digest names does not change. Tags, lists of referrers and blobs are asked for anew each time, so that what is
read back is what the registry has.
"""

from __future__ import annotations

from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import Descriptor, Manifest
from vouchsafe.image.reference import Reference
from vouchsafe.ports import Registry


class Known:
    """Implements `ports.Registry` for one repository. Thread-safe as far as the registry behind it is."""

    def __init__(self, registry: Registry) -> None:
        """Nothing is known yet."""
        self._registry = registry
        self._manifests: dict[Digest, Manifest] = {}

    def manifest(self, reference: Reference, wanted: str | Digest | None) -> Manifest | None:
        """See the port."""
        asked = reference.digest if wanted is None else wanted
        known = self._manifests.get(asked) if isinstance(asked, Digest) else None
        if known is not None:
            return known
        found = self._registry.manifest(reference, wanted)
        if found is not None:
            self._manifests[found.digest] = found
        return found

    def blob(self, reference: Reference, descriptor: Descriptor, *, largest: int) -> bytes:
        """See the port."""
        return self._registry.blob(reference, descriptor, largest=largest)

    def referrers(self, reference: Reference, digest: Digest) -> tuple[Descriptor, ...]:
        """See the port."""
        return self._registry.referrers(reference, digest)

    def signatures(self, reference: Reference, digest: Digest) -> tuple[bytes, ...]:
        """See the port."""
        return self._registry.signatures(reference, digest)
