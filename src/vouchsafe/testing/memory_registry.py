"""A registry without a network: `vouchsafe.ports.Registry` over a RegistryStore.

>>> from vouchsafe.testing.push import push_image
>>> registry = MemoryRegistry()
>>> digest = push_image(registry.store, "app")
>>> found = registry.manifest(Reference.parse("registry.example/app:v1"), None)
>>> found is not None and found.digest == digest
True
"""

from __future__ import annotations

from collections.abc import Callable

from vouchsafe.errors import MalformedError, Unavailable
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import Descriptor, Manifest
from vouchsafe.image.reference import Reference
from vouchsafe.strictjson import Fields
from vouchsafe.testing.registry_store import RegistryStore


class MemoryRegistry:
    """`asked` lists every question as (method, what); `before` may raise to play an outage."""

    def __init__(
        self,
        store: RegistryStore | None = None,
        *,
        referrers_api: bool = False,
        before: Callable[[str, str], None] | None = None,
    ) -> None:
        """Repositories go by their path: the store is every host's."""
        self.store = store or RegistryStore()
        self.referrers_api = referrers_api
        self.asked: list[tuple[str, str]] = []
        self.beside: dict[Digest, tuple[bytes, ...]] = {}
        self._before = before

    def manifest(self, reference: Reference, wanted: str | Digest | None) -> Manifest | None:
        """See the port."""
        name = str(wanted or reference.digest or reference.tag)
        self._ask("manifest", name)
        stored = self.store.manifest(_repository(reference), name)
        if stored is None:
            return None
        made = Manifest.parse(stored.raw, served_as=stored.media_type, algorithm=_algorithm(name))
        if ":" in name and str(made.digest) != name:
            raise MalformedError("digest-mismatch", f"expected {name}, got {made.digest}")
        return made

    def blob(self, reference: Reference, descriptor: Descriptor, *, largest: int) -> bytes:
        """See the port."""
        self._ask("blob", str(descriptor.digest))
        content = self.store.blob(_repository(reference), str(descriptor.digest))
        if content is None:
            raise Unavailable("blob-missing", f"expected the blob {descriptor.digest}, got none")
        if len(content) > largest:
            raise MalformedError("blob-too-large", f"expected at most {largest} bytes, got {len(content)}")
        if not descriptor.digest.matches(content):
            raise MalformedError("digest-mismatch", f"expected {descriptor.digest}, got {Digest.of(content)}")
        return content

    def referrers(self, reference: Reference, digest: Digest) -> tuple[Descriptor, ...]:
        """See the port."""
        self._ask("referrers", str(digest))
        if not self.referrers_api:
            return ()
        listed = self.store.referrers(_repository(reference), str(digest))
        return tuple(Descriptor.read(Fields(entry, "referrer")) for entry in listed)

    def signatures(self, reference: Reference, digest: Digest) -> tuple[bytes, ...]:
        """See the port; a test puts them into `beside`."""
        self._ask("signatures", str(digest))
        return self.beside.get(digest, ())

    def tags(self, reference: Reference, *, most: int) -> tuple[str, ...]:
        """See `ports.Catalogue`."""
        self._ask("tags", _repository(reference))
        return tuple(self.store.tags(_repository(reference))[:most])

    def _ask(self, method: str, what: str) -> None:
        self.asked.append((method, what))
        if self._before is not None:
            self._before(method, what)


def _repository(reference: Reference) -> str:
    return reference.repository.path if reference.repository else reference.path or ""


def _algorithm(name: str) -> str:
    algorithm, colon, _ = name.partition(":")
    return algorithm if colon else "sha256"
