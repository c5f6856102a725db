"""Signs what was accepted: one signature for each name, by a leaf that names every scope that accepts under it.

A leaf serves for REUSED, whatever is signed with it, then another is made: a signature is worth LEAF_LIFETIME to
whoever harvests it, and always has half of that before it when a client gets it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from vouchsafe.countersign import signature
from vouchsafe.countersign.acceptance import Acceptance
from vouchsafe.countersign.authority import CLOCK_SLACK, LEAF_LIFETIME, Leaf
from vouchsafe.countersign.remembered import Remembered
from vouchsafe.countersign.state import Ready
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Repository
from vouchsafe.ports import Clock
from vouchsafe.record import Record
from vouchsafe.verification.claim import ATOMIC_TYPE

REUSED = timedelta(minutes=5)  # for which one leaf, and one signature, is given out again
MOST_LEAVES = 1_024


class Accepting(Record):
    """A scope that accepts an image, under the name that the policy knows it by."""

    repository: Repository
    marker: str
    acceptance: Acceptance


class Signed(Record):
    """`signature-1`, `signature-2`, … of an image, and until when they may be given out."""

    blobs: tuple[bytes, ...]
    until: datetime


class Signer:
    """Makes signatures. Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        """No leaf is made yet."""
        self._clock = clock
        self._leaves: Remembered[tuple[int, tuple[str, ...]], Leaf] = Remembered(MOST_LEAVES)

    def sign(
        self,
        ready: Ready,
        digest: Digest,
        accepting: Iterable[Accepting],
        *,
        lifetime: timedelta = LEAF_LIFETIME,
    ) -> Signed:
        """All signatures. HostError."""
        blobs: list[bytes] = []
        until = self._clock.now() + REUSED
        for name, markers in by_name(digest, accepting).items():
            made = self._of_name(ready, digest, name, markers, lifetime)
            blobs += made.blobs
            until = min(until, made.until)
        return Signed(blobs=tuple(blobs), until=until)

    def _of_name(
        self, ready: Ready, digest: Digest, name: str, markers: tuple[str, ...], lifetime: timedelta
    ) -> Signed:
        """One signature for all scopes by a certificate that names them, or one by each scope's own key."""
        at = self._clock.now()
        until = at + REUSED
        said = signature.payload(digest, name, at)
        authority, rotation = ready.authority, ready.rotation
        if rotation is None:
            leaf = self._leaf(ready, markers, lifetime)
            until = leaf.not_after - lifetime + REUSED  # it may have been made a while ago
            return Signed(
                blobs=(signature.sigstore_blob(said, leaf, authority.certificate_pem),), until=until
            )
        if ready.in_force.host.form == "key":
            keys = [authority.bare_key(rotation, marker) for marker in markers]
            return Signed(blobs=tuple(signature.bare_blob(said, key) for key in keys), until=until)
        said = signature.payload(digest, name, at, kind=ATOMIC_TYPE)
        blobs = (
            authority.openpgp_key(rotation, marker).sign(said, at - CLOCK_SLACK, lifetime + CLOCK_SLACK)
            for marker in markers
        )
        return Signed(blobs=tuple(blobs), until=until)

    def _leaf(self, ready: Ready, markers: tuple[str, ...], lifetime: timedelta) -> Leaf:
        at = self._clock.now()
        if lifetime != LEAF_LIFETIME:
            return ready.authority.issue(markers, at=at, lifetime=lifetime)
        key = (ready.generation, markers)
        leaf = self._leaves.get(key, at)
        if leaf is None:
            leaf = ready.authority.issue(markers, at=at)
            self._leaves.put(key, leaf, start=at, end=at + REUSED)
        return leaf


def by_name(digest: Digest, accepting: Iterable[Accepting]) -> dict[str, tuple[str, ...]]:
    """The markers of the scopes that accept under each docker-reference.

    Evidence that names nobody speaks for the repository that it was judged for, at this digest; every kind of
    signedIdentity that takes a bare repository takes that too, and a pull by digest needs no more.
    """
    names: dict[str, dict[str, None]] = {}
    for each in accepting:
        for said in each.acceptance.names:
            name = f"{each.repository}@{digest}" if said is None else said
            names.setdefault(name, {})[each.marker] = None
    return {name: tuple(markers) for name, markers in names.items()}
