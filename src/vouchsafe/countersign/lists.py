"""Which index might name an instance: what was asked for before, tags that somebody named, and a look around.

Only the index of a multi-arch image may be signed, and podman asks for the instance alone. What is found
here is a candidate and nothing more: it is judged in its own right before it speaks for anybody. A registry
chooses what it lists; by that it can hide or exhaust, so the look around is bounded and remembered.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Generator, Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from vouchsafe.countersign.remembered import Remembered
from vouchsafe.errors import MalformedError, Unavailable, VouchsafeError
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import Manifest
from vouchsafe.image.reference import Reference, Repository
from vouchsafe.ports import Catalogue, Clock

MOST_TAGS = 5_000  # of one repository that are known at all
MOST_LOOKED = 32  # manifests fetched in a window, for one repository
WINDOW = timedelta(seconds=60)
PAUSE = timedelta(seconds=60)  # in which a tag that was looked at is not looked at again, unless it moves
MOST_REPOSITORIES = 256  # whose scans are remembered
MOST_FOUND = 20_000  # instances remembered of one repository
SECONDS_TO_WAIT = 15.0  # for somebody else's look at the same repository
MOST_ASKED_BEFORE = 16
_SKIPPED = re.compile(r"sha256-[0-9a-f]{64}(?:\..*)?", re.ASCII)  # cosign's and the fallback's own tags
_MOVING = {"latest": 0, "stable": 1, "main": 2, "master": 3}  # tags that most pulls are by
_NUMBERS = re.compile(r"(\d+)", re.ASCII)


def by_likelihood(tags: Iterable[str]) -> list[str]:
    """The likeliest first: moving tags, then the highest numbers; without what cosign writes."""
    return sorted(
        sorted((tag for tag in tags if not _SKIPPED.fullmatch(tag)), key=_natural, reverse=True),
        key=lambda tag: _MOVING.get(tag, len(_MOVING)),
    )


def _natural(tag: str) -> list[tuple[int, int, str]]:
    """`v1.10` after `v1.9`."""
    parts = _NUMBERS.split(tag)
    return [(1, int(part[:18]), "") if part.isdigit() else (0, 0, part) for part in parts if part]


class Scan:
    """A look through one repository's tags, which goes on where it stopped."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self.lock = threading.Lock()
        self.started: datetime | None = None
        self.waiting: list[str] = []
        self.seen: set[str] = set()
        self.found: dict[Digest, list[Digest]] = {}  # instance → indexes that name it
        self.window: datetime | None = None
        self.looked = 0

    def start(self, tags: Iterable[str], at: datetime) -> None:
        """Look at every tag; within PAUSE of the last time only at new ones and those that move."""
        if self.started is None or not self.started <= at < self.started + PAUSE:
            self.started = at
            self.seen.clear()
            self.found.clear()
        self.waiting = [tag for tag in by_likelihood(tags) if tag in _MOVING or tag not in self.seen][::-1]

    def may_look(self, at: datetime) -> bool:
        """Whether one more manifest may be fetched in this window; counts it."""
        if self.window is None or not self.window <= at < self.window + WINDOW:
            self.window, self.looked = at, 0
        self.looked += 1
        return self.looked <= MOST_LOOKED

    def see(self, manifest: Manifest | None) -> None:
        """Remember what an index names."""
        if manifest is None or not manifest.is_index or len(self.found) > MOST_FOUND:
            return
        for entry in manifest.entries:
            self.found.setdefault(entry.digest, []).append(manifest.digest)


class Lists:
    """Finds candidates. Thread-safe."""

    def __init__(self, clock: Clock, tracked: Iterable[Reference] = ()) -> None:
        """`tracked` as for `track`."""
        self._clock = clock
        self._tracked: dict[str, list[str]] = {}
        self.track(tracked)
        self._scans: Remembered[tuple[str, str], Scan] = Remembered(MOST_REPOSITORIES)
        self._images: Remembered[tuple[str, str], bool] = Remembered(MOST_FOUND)

    def track(self, tracked: Iterable[Reference]) -> None:
        """References that the operator wants looked at first, in place of those before."""
        tags: dict[str, list[str]] = {}
        for reference in tracked:
            if reference.repository is not None and reference.tag is not None:
                tags.setdefault(reference.repository.name, []).append(reference.tag)
        self._tracked = tags

    def candidates(
        self,
        registry: Catalogue,
        repository: Repository,
        instance: Digest,
        *,
        lane: str,
        asked_before: tuple[Digest, ...],
        named_tags: Iterable[str],
    ) -> Generator[Manifest, None, None]:
        """Indexes that may name `instance`, the cheapest to find first. Unavailable when not all could be seen.

        Each `lane` looks for itself: it uses up nobody else's share, and waits for nobody else.
        """
        reference = Reference(transport="docker", repository=repository, digest=instance)
        seen: set[Digest] = set()
        for manifest in self._near(registry, reference, asked_before, named_tags):
            if manifest.digest not in seen and _names(manifest, instance):
                seen.add(manifest.digest)
                yield manifest
        scan = self._scan(repository, lane)
        if not scan.lock.acquire(timeout=SECONDS_TO_WAIT):
            raise _incomplete(repository)
        try:
            for digest in self._scanned(scan, registry, reference, instance):
                if digest not in seen:
                    seen.add(digest)
                    manifest_again = registry.manifest(reference, digest)  # by digest: what is judged is this
                    if manifest_again is not None and _names(manifest_again, instance):
                        yield manifest_again
        finally:
            scan.lock.release()

    def _near(
        self,
        registry: Catalogue,
        reference: Reference,
        asked_before: tuple[Digest, ...],
        named_tags: Iterable[str],
    ) -> Iterator[Manifest]:
        """What was asked for before, and what somebody named."""
        name = str(reference.repository)
        at = self._clock.now()
        for digest in asked_before[:MOST_ASKED_BEFORE]:
            if digest == reference.digest or self._images.get((name, digest.hex), at):
                continue
            manifest = registry.manifest(reference, digest)
            if manifest is None:
                continue  # not yet: somebody may have supposed it before it was there
            if not manifest.is_index:
                self._images.put((name, digest.hex), value=True, start=at, end=at + timedelta(days=1))
                continue
            yield manifest
        for tag in dict.fromkeys((*named_tags, *self._tracked.get(name, ()))):
            manifest = registry.manifest(reference, tag)
            if manifest is not None and manifest.is_index:
                yield manifest

    def _scan(self, repository: Repository, lane: str) -> Scan:
        at = self._clock.now()
        found = self._scans.get((lane, repository.name), at)
        if found is None:
            found = Scan()
            self._scans.put((lane, repository.name), found, start=at, end=at + timedelta(days=1))
        return found

    def _scanned(
        self, scan: Scan, registry: Catalogue, reference: Reference, instance: Digest
    ) -> Iterator[Digest]:
        """Indexes that the repository's tags lead to; the look stops as soon as nobody asks for more."""
        yield from tuple(scan.found.get(instance, ()))
        if not scan.waiting:
            if not scan.may_look(self._clock.now()):
                raise _incomplete(reference.repository)
            scan.start(registry.tags(reference, most=MOST_TAGS), self._clock.now())
        while scan.waiting:
            if not scan.may_look(self._clock.now()):
                raise _incomplete(reference.repository)
            tag = scan.waiting.pop()
            scan.seen.add(tag)
            try:
                manifest = registry.manifest(reference, tag)
            except MalformedError:
                continue  # somebody's odd manifest hides nothing else
            except VouchsafeError:
                scan.seen.discard(tag)
                scan.waiting.append(tag)
                raise
            scan.see(manifest)
            if manifest is not None and manifest.is_index and _names(manifest, instance):
                yield manifest.digest


def _names(manifest: Manifest, instance: Digest) -> bool:
    return any(entry.digest == instance for entry in manifest.entries)


def _incomplete(repository: Repository | None) -> Unavailable:
    return Unavailable(
        "limit-lists",
        f"expected to find the index in {repository} among its tags, got no further yet",
        hint="Ask again; or name the tag in /etc/vouchsafe/track, admit the index, or sign the platforms.",
        retryable=True,
    )


def tags_of(scopes: Mapping[str, object], repository: Repository) -> tuple[str, ...]:
    """The tags of this repository that a policy's scopes name."""
    start = f"{repository.name}:"
    return tuple(scope.removeprefix(start) for scope in scopes if scope.startswith(start))
