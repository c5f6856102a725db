"""A registry whose failures to answer are counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from vouchsafe.admission.material import World
from vouchsafe.countersign.upstream import Upstream
from vouchsafe.errors import Unavailable
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import Descriptor, Manifest
from vouchsafe.image.reference import Reference, Repository
from vouchsafe.ports import Catalogue


class Watched:
    """Implements `ports.Catalogue` by another."""

    def __init__(self, registry: Catalogue, failed: Callable[[str], None]) -> None:
        """`failed` is told the code of each failure; it is called from several threads."""
        self._registry = registry
        self._failed = failed

    def manifest(self, reference: Reference, wanted: str | Digest | None) -> Manifest | None:
        """See the port."""
        with self._watching():
            return self._registry.manifest(reference, wanted)

    def blob(self, reference: Reference, descriptor: Descriptor, *, largest: int) -> bytes:
        """See the port."""
        with self._watching():
            return self._registry.blob(reference, descriptor, largest=largest)

    def referrers(self, reference: Reference, digest: Digest) -> tuple[Descriptor, ...]:
        """See the port."""
        with self._watching():
            return self._registry.referrers(reference, digest)

    def signatures(self, reference: Reference, digest: Digest) -> tuple[bytes, ...]:
        """See the port."""
        return self._registry.signatures(reference, digest)

    def tags(self, reference: Reference, *, most: int) -> tuple[str, ...]:
        """See the port."""
        with self._watching():
            return self._registry.tags(reference, most=most)

    @contextmanager
    def _watching(self) -> Iterator[None]:
        try:
            yield
        except Unavailable as error:
            self._failed(error.code)
            raise


class WatchedUpstream:
    """Implements `Upstream` by another, counting what registries do not answer."""

    def __init__(self, upstream: Upstream, failed: Callable[[str], None]) -> None:
        """`failed` as for Watched."""
        self._upstream = upstream
        self._failed = failed

    def registry(self, generation: int) -> Catalogue:
        """See the protocol."""
        return Watched(self._upstream.registry(generation), self._failed)

    def world(self, generation: int) -> World:
        """See the protocol."""
        return self._upstream.world(generation)

    def logical(
        self, generation: int, physical: Repository, domains: Iterable[str]
    ) -> tuple[Repository, ...]:
        """See the protocol."""
        return self._upstream.logical(generation, physical, domains)

    def close(self) -> None:
        """See the protocol."""
        self._upstream.close()
