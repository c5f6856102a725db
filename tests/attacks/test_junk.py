"""Whoever may push beside an image tries to hide its signature: behind more junk than one verdict looks at."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.unit.admission.test_admission import Estate
from vouchsafe.admission import discovery, search
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import OCI_INDEX, Descriptor, Manifest
from vouchsafe.image.reference import Reference
from vouchsafe.policy.verdict import Accepted
from vouchsafe.testing.push import push_bundle
from vouchsafe.testing.sigstore import VirtualSigstore

MORE = search.MOST_VERIFICATIONS + 1
REPOSITORY = "group/project"


def by_a_key(sigstore: VirtualSigstore, image: Digest) -> Callable[[int], bytes]:
    """Signatures of the image by a key that nobody asked for."""
    key = sigstore.keys.ec("junk")
    return lambda number: sigstore.bundle(image, key=key, key_hint=str(number), log=None, tsa=False)


def of_other_images(sigstore: VirtualSigstore, image: Digest) -> Callable[[int], bytes]:
    """The right pipeline's own signature of another image, over and over."""
    copied = sigstore.bundle(Digest.of(b"another"))
    return lambda number: copied + b" " * number


def attestations(sigstore: VirtualSigstore, image: Digest) -> Callable[[int], bytes]:
    """The right pipeline's own attestation of this image, over and over."""
    copied = sigstore.bundle(image, predicate_type="https://cyclonedx.org/bom")
    return lambda number: copied + b" " * number


@pytest.mark.parametrize("junk", [by_a_key, of_other_images, attestations])
def test_junk_that_costs_no_verification(
    junk: Callable[[VirtualSigstore, Digest], Callable[[int], bytes]],
) -> None:
    """What cannot be the answer is not counted against it: the signature behind it is found."""
    estate = Estate()
    estate.registry.referrers_api = True
    store, make = estate.registry.store, junk(estate.sigstore, estate.digest)
    for number in range(MORE):
        push_bundle(store, REPOSITORY, estate.digest, make(number), fallback=False)
    push_bundle(store, REPOSITORY, estate.digest, estate.sigstore.bundle(estate.digest), fallback=False)
    assert isinstance(estate.ask(), Accepted)
    assert estate.faults == []


class Counted(Digest):
    """A digest that counts how often it is looked up."""

    looked_up = 0

    def __hash__(self) -> int:
        """As usual."""
        Counted.looked_up += 1
        return super().__hash__()


def descriptors(prefix: str, count: int) -> tuple[Descriptor, ...]:
    """So many, all different."""
    hexes = (Digest.of(f"{prefix}{number}".encode()).hex for number in range(count))
    return tuple(
        Descriptor(media_type="", digest=Counted(algorithm="sha256", hex=each), size=1, annotations={})
        for each in hexes
    )


class Listing:
    """A registry that lists much and has nothing of it."""

    def __init__(self, listed: tuple[Descriptor, ...], fallback: tuple[Descriptor, ...]) -> None:
        self._listed, self._fallback = listed, fallback
        self.opened = 0

    def manifest(self, reference: Reference, wanted: str | Digest | None) -> Manifest | None:
        """The fallback index."""
        self.opened += isinstance(wanted, Digest)
        if isinstance(wanted, Digest) or str(wanted).endswith(".sig"):
            return None
        return Manifest(
            digest=Digest.of(b""), media_type=OCI_INDEX, raw=b"", entries=self._fallback, annotations={}
        )

    def blob(self, reference: Reference, descriptor: Descriptor, *, largest: int) -> bytes:
        """None is asked for."""
        raise AssertionError("expected no question")

    def referrers(self, reference: Reference, digest: Digest) -> tuple[Descriptor, ...]:
        """The API."""
        return self._listed

    def signatures(self, reference: Reference, digest: Digest) -> tuple[bytes, ...]:
        """None."""
        return ()


def walk(registry: Listing) -> int:
    """How much is found."""
    image = Reference.parse("registry.example/app:v1")
    found = discovery.candidates(
        registry, image, Digest.of(b"image"), attestations=False, likely=lambda _: False
    )
    return len(list(found))


def test_two_long_listings() -> None:
    """Comparing each entry of one with all of the other took minutes between two looks at the clock."""
    registry = Listing(descriptors("listed", 500), descriptors("fallback", 500))
    Counted.looked_up = 0
    assert walk(registry) == 0
    assert registry.opened == 1000
    assert Counted.looked_up < 10 * 1000


def test_one_thing_listed_often() -> None:
    """A descriptor repeated costs its listing, and one request."""
    entry = descriptors("same", 1)
    registry = Listing(entry * 1000, entry * 1000)
    assert walk(registry) == 0
    assert registry.opened == 1
