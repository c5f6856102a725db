"""Notes where evidence was looked for and what was there, between a verdict and the place it reads from."""

from __future__ import annotations

from vouchsafe.errors import VouchsafeError
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import Descriptor, Manifest
from vouchsafe.image.reference import Reference
from vouchsafe.ports import Registry
from vouchsafe.record import Record


class Place(Record):
    """One question to a registry, layout or folder, and its answer in words."""

    what: str
    answer: str


class Witness:
    """Implements `ports.Registry` by asking another; `places` is what was asked, in order."""

    def __init__(self, registry: Registry) -> None:
        """`registry` is asked."""
        self._registry = registry
        self.places: list[Place] = []

    def manifest(self, reference: Reference, wanted: str | Digest | None) -> Manifest | None:
        """A manifest. Those asked for by digest are referrers, one of many, and are listed elsewhere."""
        if isinstance(wanted, Digest):
            return self._registry.manifest(reference, wanted)
        what = f"tag {wanted}" if wanted is not None else f"the image {reference}"
        try:
            found = self._registry.manifest(reference, wanted)
        except VouchsafeError as error:
            self._note(what, f"no answer: {error.message} [{error.code}]")
            raise
        self._note(what, "nothing" if found is None else _contents(found))
        return found

    def blob(self, reference: Reference, descriptor: Descriptor, *, largest: int) -> bytes:
        """A blob; not noted."""
        return self._registry.blob(reference, descriptor, largest=largest)

    def referrers(self, reference: Reference, digest: Digest) -> tuple[Descriptor, ...]:
        """The referrers API."""
        try:
            found = self._registry.referrers(reference, digest)
        except VouchsafeError as error:
            self._note("referrers", f"no answer: {error.message} [{error.code}]")
            raise
        self._note("referrers", f"{len(found)} listed" if found else "none listed")
        return found

    def signatures(self, reference: Reference, digest: Digest) -> tuple[bytes, ...]:
        """What lies beside the image; only folders have that."""
        found = self._registry.signatures(reference, digest)
        if reference.transport == "dir" or found:
            self._note("signature files beside the image", str(len(found)) if found else "none")
        return found

    def _note(self, what: str, answer: str) -> None:
        self.places.append(Place(what=what, answer=answer))


def _contents(manifest: Manifest) -> str:
    if manifest.is_index:
        return f"found, an index of {len(manifest.entries)}"
    return f"found, {len(manifest.layers)} layer{'' if len(manifest.layers) == 1 else 's'}"
