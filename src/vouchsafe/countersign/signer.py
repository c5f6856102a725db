"""Signs what was accepted: one signature for each name, by a leaf that names every scope that accepts under it.

Whatever a leaf has signed is given out for REUSED after the leaf was made, and then made anew: a signature is
worth LEAF_LIFETIME to whoever harvests it, and has at least half of that before it when a client gets it.
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

REUSED = timedelta(minutes=5)  # for which one leaf, and all that it has signed, is given out again
MOST_LEAVES = 1_024


class Accepting(Record):
    """A scope that accepts an image, under the name that the policy knows it by."""

    repository: Repository
    marker: str
    acceptance: Acceptance


class Signed(Record):
    """`signature-1`, `signature-2`, … of an image, and until when they may be given out again."""

    blobs: tuple[bytes, ...]
    again_until: datetime


class Signer:
    """Makes signatures. Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        """No leaf is made yet."""
        self._clock = clock
        self._leaves: Remembered[tuple[int, tuple[str, ...]], tuple[Leaf, datetime]] = Remembered(MOST_LEAVES)

    def sign(
        self,
        ready: Ready,
        digest: Digest,
        accepting: Iterable[Accepting],
        *,
        lifetime: timedelta = LEAF_LIFETIME,
    ) -> Signed:
        """All signatures of an image, as old as the oldest leaf behind them. HostError."""
        blobs: list[bytes] = []
        oldest = self._clock.now()
        for name, markers in by_name(digest, accepting).items():
            made, since = self._of_name(ready, digest, name, markers, lifetime)
            blobs += made
            oldest = min(oldest, since)
        return Signed(blobs=tuple(blobs), again_until=oldest + REUSED)

    def _of_name(
        self, ready: Ready, digest: Digest, name: str, markers: tuple[str, ...], lifetime: timedelta
    ) -> tuple[list[bytes], datetime]:
        """One signature for all scopes by a certificate that names them, or one by each scope's own key.

        And since when whatever ends them lives.
        """
        at = self._clock.now()
        said = signature.payload(digest, name, at)
        authority, rotation = ready.authority, ready.rotation
        if rotation is None:
            leaf, since = self._leaf(ready, markers, lifetime)
            return [signature.sigstore_blob(said, leaf, authority.certificate_pem)], since
        if ready.in_force.host.form == "key":
            return [signature.bare_blob(said, authority.bare_key(rotation, each)) for each in markers], at
        said = signature.payload(digest, name, at, kind=ATOMIC_TYPE)
        return [
            authority.openpgp_key(rotation, marker).sign(said, at - CLOCK_SLACK, lifetime + CLOCK_SLACK)
            for marker in markers
        ], at

    def _leaf(self, ready: Ready, markers: tuple[str, ...], lifetime: timedelta) -> tuple[Leaf, datetime]:
        at = self._clock.now()
        if lifetime != LEAF_LIFETIME:
            return ready.authority.issue(markers, at=at, lifetime=lifetime), at
        key = (ready.generation, markers)
        found = self._leaves.get(key, at)
        if found is None:
            found = (ready.authority.issue(markers, at=at), at)
            self._leaves.put(key, found, start=at, end=at + REUSED)
        return found


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
