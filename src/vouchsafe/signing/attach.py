"""Puts evidence beside an image, without losing what others put there at the same time.

A registry has no compare-and-swap, and the tags `.sig`, `.att` and the referrers fallback are each rewritten
whole. So: read and write back to back; then, when every writer that had read before us must be done, read
again, and write anew whatever is missing, ours or theirs, that was seen during this run. Blobs go first and
what refers to them last: who is interrupted leaves nothing that points at nothing.

OCI distribution-spec "Pushing Manifests with Subject", cosign SIGNATURE_SPEC.md.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial

from vouchsafe.errors import SigningError, Unavailable
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import OCI_IMAGE, OCI_INDEX, Manifest
from vouchsafe.image.reference import Reference
from vouchsafe.ports import PushRegistry
from vouchsafe.record import Record
from vouchsafe.signing import artifact
from vouchsafe.signing.artifact import Json, Subject
from vouchsafe.signing.reference import Document
from vouchsafe.signing.together import together
from vouchsafe.signing.uploads import Uploads

MOST_ROUNDS = 40  # writes of one tag: with ten writers at once, a handful are needed
MOST_LOOKS = 200  # at one tag, to see that it has become quiet
QUIET_LOOKS = 2  # in a row without a change, where others were seen to write
SHORTEST_SETTLING = 0.02  # seconds
SHORTEST_CROWDED = 0.2  # seconds, where others were seen to write
LONGEST_SETTLING = 2.0  # seconds, before jitter
MOST_SPREAD = 2.0  # times a settling by which writers that collide again and again part
WINDOWS = 3.0  # how many of our own read-to-write times, the slowest of this run, another writer may take
MOST_REFUSALS = 5  # in a row, of one write, while the registry says that trying again may help
FIRST_PAUSE = 0.25  # seconds after the first of them; doubled each time


class Pace(Record):
    """The world's time and chance: seconds that pass, seconds to wait, a number from 0 to 1."""

    monotonic: Callable[[], float]
    sleep: Callable[[float], None]
    jitter: Callable[[], float]


class Tag:
    """One document at a tag that several writers add to, and what this run knows must be in it."""

    def __init__(
        self,
        registry: PushRegistry,
        reference: Reference,
        tag: str,
        pace: Pace,
        *,
        is_index: bool,
        uploads: Uploads | None = None,
    ) -> None:
        """`is_index`: the referrers fallback; else `.sig` or `.att`. `uploads`: of the same repository."""
        self._registry = registry
        self._reference = reference
        self._tag = tag
        self._pace = pace
        self._is_index = is_index
        self._key = artifact.key_of_entry if is_index else artifact.key_of_layer
        self._listed = artifact.entries_of if is_index else artifact.layers_of
        self._uploads = uploads or Uploads(registry, reference)
        self._whole: Manifest | None = None
        self._known: list[Json] = []
        self._last: Digest | None = None
        self._rounds = 0
        self._is_crowded = False
        self._is_settled = True
        self._wrote = 0.0

    @property
    def settling(self) -> float:
        """Seconds after our last write by which every write that could undo it has come."""
        shortest = SHORTEST_CROWDED if self._is_crowded else SHORTEST_SETTLING
        return min(LONGEST_SETTLING, max(shortest, WINDOWS * self._uploads.slowest))

    def foresee(self, descriptors: list[Json]) -> None:
        """Send what `add` of these layers will need, as things stand. Writes nothing, and only saves time."""
        there = self._listed(self._registry.manifest(self._reference, self._tag), self._tag)
        _, config = artifact.with_layers(None, [*there, *descriptors])
        self._uploads.push(config)

    def add(self, descriptors: list[Json]) -> None:
        """Write ours beside what is there. Their blobs and manifests must be there already."""
        self._known = artifact.merged(self._known, descriptors, self._key)
        self._write()

    def copy(self, whole: Manifest) -> None:
        """Add all that another tag's document lists; where there is nothing yet, that document to the letter.

        Everything that it names must be there already. MalformedError and SigningError as `add`.
        """
        self._whole = whole
        self.add(self._listed(whole, self._tag))

    def settle(self, *, anew: bool = False) -> bool:
        """Write again whatever has got lost, until nothing has, and nobody else writes any more.

        Whether anything was different from what we left. Nothing is asked when that was done since our last writing,
        unless it is to be done `anew`.
        """
        if self._is_settled and not anew:
            return False
        left, quiet = self._last, 0
        for number in range(MOST_LOOKS):
            # Writers that collided once must not do so in step again.
            pause = self.settling * (1 + self._pace.jitter() * min(number, MOST_SPREAD))
            since = self._pace.monotonic() - self._wrote if number == 0 and not anew else 0.0
            self._pace.sleep(max(0.0, pause - since))
            before = self._last
            quiet = 0 if self._write() or self._last != before else quiet + 1
            if quiet >= (QUIET_LOOKS if self._is_crowded else 1):
                self._is_settled = True
                return self._last != left
        raise self._contention()

    def _write(self) -> bool:
        """Write what is known and missing; False when nothing is missing.

        Nothing is written that was read before a pause: whoever writes late undoes what others wrote meanwhile.
        """
        for refusals in range(MOST_REFUSALS + 1):
            try:
                return self._write_once()
            except Unavailable as error:
                if not error.retryable or refusals == MOST_REFUSALS:
                    raise
            self._pace.sleep(FIRST_PAUSE * 2**refusals * (1 + self._pace.jitter()))
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _write_once(self) -> bool:
        manifest, began = self._read()
        while True:
            there = self._listed(manifest, self._tag)
            wanted = artifact.merged(there, self._known, self._key)
            self._known = artifact.merged(self._known, there, self._key)
            whole = self._whole if manifest is None else None
            if len(wanted) == len(there) and whole is None:
                return False
            self._rounds += 1
            if self._rounds > MOST_ROUNDS:
                raise self._contention()
            if whole is not None and wanted == artifact.merged([], self._listed(whole, self._tag), self._key):
                document, kind = whole.raw, whole.media_type
                break
            if self._is_index:
                document, kind = artifact.with_entries(manifest, wanted), OCI_INDEX
                break
            document, config = artifact.with_layers(manifest, wanted)
            kind = OCI_IMAGE
            if not self._uploads.push(config):
                break  # it was there already: the tag was read a moment ago
            now, began = self._read()  # compare: that took two requests
            if (now and now.digest) == (manifest and manifest.digest):
                break
            manifest = now
        digest, _ = self._registry.push_manifest(self._reference, document, media_type=kind, tag=self._tag)
        self._last, self._is_settled, self._wrote = digest, False, self._pace.monotonic()
        self._uploads.took(self._wrote - began)
        return True

    def _read(self) -> tuple[Manifest | None, float]:
        """What is there, and when it was asked for."""
        began = self._pace.monotonic()
        manifest = self._registry.manifest(self._reference, self._tag)
        found = manifest.digest if manifest is not None else None
        if self._last is not None and found != self._last:
            self._is_crowded = True
        self._last = found
        return manifest, began

    def _contention(self) -> SigningError:
        return SigningError(
            "contention",
            f"expected to add to the tag {self._tag}, got overwritten again and again",
            hint="Let one job write at a time: `resource_group:` in GitLab, `concurrency:` on GitHub.",
        )


class Attachment:
    """All that is attached to one manifest in one run."""

    def __init__(
        self,
        registry: PushRegistry,
        reference: Reference,
        subject: Subject,
        pace: Pace,
        uploads: Uploads | None = None,
    ) -> None:
        """`reference` names the repository, for which `uploads` are."""
        self._registry = registry
        self._reference = reference
        self._subject = subject
        self._pace = pace
        self._uploads = uploads or Uploads(registry, reference)
        self._tags: dict[str, Tag] = {}

    def send(self, blob: bytes) -> None:
        """Have a blob there before anything refers to it."""
        self._uploads.push(blob)

    def foresee(self, suffix: str, media_type: str, blob: bytes) -> None:
        """Have there what the tag will need with a layer of this blob in it."""
        tag = self._subject.digest.tag_prefix + suffix
        self._tag(tag, is_index=False).foresee([artifact.layer(media_type, blob, {})])

    def layer(self, suffix: str, media_type: str, blob: bytes, annotations: dict[str, str]) -> str:
        """Add a layer to the tag `sha256-<hex><suffix>`; returns the tag."""
        self._uploads.push(blob)
        tag = self._subject.digest.tag_prefix + suffix
        self._tag(tag, is_index=False).add([artifact.layer(media_type, blob, annotations)])
        return tag

    def bundle(self, bundle: bytes, *, predicate_type: str, at: datetime) -> str:
        """Attach a bundle as a referrer; returns its manifest's digest.

        Where the registry does not list it, the fallback tag does.
        """
        manifest = artifact.bundle_manifest(self._subject, bundle, predicate_type=predicate_type, at=at)
        return str(self._refer(bundle, manifest))

    def document(self, document: Document) -> Digest:
        """Keep a document as a referrer; returns its manifest's digest. What is there already is not sent again."""
        return self._refer(document.content, artifact.document_manifest(self._subject, document))

    def _refer(self, blob: bytes, manifest: bytes) -> Digest:
        """Blobs first, then what refers to them, then the list that makes it found."""
        self._uploads.push(artifact.EMPTY)
        self._uploads.push(blob)
        digest, is_listed = self._registry.push_manifest(self._reference, manifest, media_type=OCI_IMAGE)
        if not is_listed:
            listed = self._registry.referrers(self._reference, self._subject.digest)
            is_listed = any(each.digest == digest for each in listed)
        if not is_listed:
            fallback = self._tag(self._subject.digest.tag_prefix, is_index=True)
            fallback.add([artifact.referrer_entry(manifest)])
        return digest

    def settle(self, *, anew: bool = False) -> bool:
        """Return when what was attached is there to stay; whether somebody else has been at it. `anew`: look again."""
        tags = list(self._tags.values())
        return any(together([partial(tag.settle, anew=anew) for tag in tags], most=len(tags) or 1))

    def _tag(self, name: str, *, is_index: bool) -> Tag:
        made = Tag(
            self._registry, self._reference, name, self._pace, is_index=is_index, uploads=self._uploads
        )
        return self._tags.setdefault(name, made)
