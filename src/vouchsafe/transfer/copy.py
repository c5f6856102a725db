"""Carries out a plan: blobs, manifests, what is attached, and last the tag that makes it an image.

Whoever looks in the middle finds nothing under the tag, and whoever finds the tag finds the signatures too. An
interrupted copy leaves nothing that points at nothing; the next one goes on where it ended, because what is there
is not sent again. At the end everything is looked for at the destination, as a reader would.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from typing import Protocol

from vouchsafe.errors import Unavailable
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import OCI_INDEX, Descriptor, Manifest
from vouchsafe.image.reference import Reference, Repository
from vouchsafe.ports import BlobSource, Depot
from vouchsafe.record import Record
from vouchsafe.signing import artifact
from vouchsafe.signing.attach import Pace, Tag
from vouchsafe.signing.together import together
from vouchsafe.transfer.graph import Graph, explore
from vouchsafe.transfer.plan import SHARED, Plan, Tagged, lacking

BLOBS_AT_ONCE = 4
MANIFESTS_AT_ONCE = 4
MOST_HEALINGS = 3  # looks at everything, each after what was lost has been written again


class Watcher(Protocol):
    """Told how far it is. Called from several threads."""

    def moved(self, size: int) -> None:
        """So many bytes more have passed; fewer than none, when a blob is begun anew."""

    def kept(self, descriptor: Descriptor, *, mounted: bool) -> None:
        """A blob is there."""


class Copied(Record):
    """What was done. `listed` are tags of referrer lists that were written; `copied` and `mounted` are blobs."""

    copied: tuple[Descriptor, ...] = ()
    mounted: tuple[Descriptor, ...] = ()
    listed: tuple[str, ...] = ()


class Copy:
    """One plan between two places."""

    def __init__(self, plan: Plan, source: BlobSource, depot: Depot, pace: Pace, watcher: Watcher) -> None:
        """Nothing is written yet."""
        self._plan = plan
        self._source = source
        self._depot = depot
        self._pace = pace
        self._watcher = watcher
        self._graph = plan.graph
        self._to = plan.destination
        self._listed: set[Digest] = set()

    def run(self) -> Copied:
        """Do it. Unavailable, HostError, MalformedError, SigningError; done again, it goes on."""
        copied, mounted = self._blobs()
        self._manifests()
        tags = [tag for each in self._plan.companions if (tag := self._companion(each)) is not None]
        lists = {
            subject: tag for subject in self._graph.around if (tag := self._referrers(subject)) is not None
        }
        shared = (*tags, *lists.values())
        _settle(shared)
        if self._plan.image.action in ("copy", "replace"):
            self._depot.publish(self._to, self._graph.manifests[self._graph.root])
        self._read_back(shared)
        return Copied(copied=copied, mounted=mounted, listed=tuple(subject.tag_prefix for subject in lists))

    def _blobs(self) -> tuple[tuple[Descriptor, ...], tuple[Descriptor, ...]]:
        wanted = [each for each in self._plan.blobs if each.digest not in self._plan.blobs_present]
        # The largest first: the end does not wait for one that was begun last.
        wanted.sort(key=lambda each: -each.size)
        origin = _origin(self._plan.source, self._to)
        mounted = together([partial(self._blob, each, origin) for each in wanted], most=BLOBS_AT_ONCE)
        pairs = list(zip(wanted, mounted, strict=True))
        return tuple(d for d, m in pairs if not m), tuple(d for d, m in pairs if m)

    def _blob(self, descriptor: Descriptor, origin: Repository | None) -> bool:
        flow = _Flow(partial(self._source.pieces, self._plan.source, descriptor), self._watcher)
        mounted = self._depot.keep_blob(self._to, descriptor, flow.open, origin=origin)
        self._watcher.kept(descriptor, mounted=mounted)
        return mounted

    def _manifests(self) -> None:
        """Registries refuse an index whose images they do not have, so indexes come after images."""
        missing = [each for each in self._plan.manifests if each not in self._plan.present]
        ours = [self._graph.manifests[each] for each in missing]
        images = [each.digest for each in ours if not each.is_index and each.subject is None]
        indexes = [each.digest for each in ours if each.is_index]
        referrers = [each.digest for each in ours if not each.is_index and each.subject is not None]
        together([partial(self._push, each) for each in images], most=MANIFESTS_AT_ONCE)
        for each in indexes:  # one may list another
            self._push(each)
        together([partial(self._push, each) for each in referrers], most=MANIFESTS_AT_ONCE)

    def _push(self, digest: Digest) -> None:
        manifest = self._graph.manifests[digest]
        _, is_listed = self._depot.push_manifest(self._to, manifest.raw, media_type=manifest.media_type)
        if is_listed:
            self._listed.add(digest)

    def _companion(self, tagged: Tagged) -> Tag | None:
        """Write a tag beside a manifest; the Tag to settle where others may write it too."""
        manifest = self._graph.manifests[tagged.manifest]
        is_shared = tagged.suffix in SHARED and not manifest.is_index
        # What the plan saw is old by now. A shared tag is looked at again right before it is written.
        if tagged.action == "replace" or (tagged.action == "copy" and not is_shared):
            self._depot.push_manifest(self._to, manifest.raw, media_type=manifest.media_type, tag=tagged.tag)
        if not is_shared or tagged.action == "present":
            return None
        shared = Tag(self._depot, self._to, tagged.tag, self._pace, is_index=False)
        shared.copy(manifest)
        return shared

    def _referrers(self, subject: Digest) -> Tag | None:
        """See to it that the destination lists every referrer: by its API, or else in the fallback tag."""
        around = self._graph.around[subject]
        missing = [each for each in around.referrers if each not in self._listed]
        if missing:
            known = {each.digest for each in self._depot.referrers(self._to, subject)}
            missing = [each for each in missing if each not in known]
        if not missing:
            return None
        shared = Tag(self._depot, self._to, subject.tag_prefix, self._pace, is_index=True)
        if around.fallback is not None and _same(around.fallback, missing):
            shared.copy(around.fallback)
        else:
            shared.add(_entries(self._graph, subject, missing))
        return shared

    def _read_back(self, shared: tuple[Tag, ...]) -> None:
        """Look for everything, as a reader would; what a stranger's late write has taken away is put back."""
        root = self._depot.manifest(self._to, None)
        if root is None or root.digest != self._graph.root:
            got = "nothing" if root is None else str(root.digest)
            raise Unavailable("copy-lost", f"expected {self._graph.root} at {self._to}, got {got}")
        for _ in range(MOST_HEALINGS):
            lost = missing_from(explore(self._depot, self._to, root), self._graph)
            if not lost:
                return
            _settle(shared, anew=True)
        raise Unavailable(
            "copy-lost",
            f"expected everything at {self._to}, got it without {lost[0]}",
            hint="Run it again: what is there is not copied twice.",
            retryable=True,
        )


def _settle(shared: tuple[Tag, ...], *, anew: bool = False) -> None:
    together([partial(tag.settle, anew=anew) for tag in shared], most=MANIFESTS_AT_ONCE)


def missing_from(there: Graph, ours: Graph) -> list[str]:
    """What a reader of `there` would not find of `ours`, in words."""
    lost = [
        f"the manifest {each.digest}"
        for d in ours.manifests
        for each in ours.children(d)
        if each.digest in ours.manifests and each.digest not in there.manifests
    ]
    for subject, around in ours.around.items():
        found = there.around.get(subject)
        if found is None:
            continue  # what it belongs to was reported, or is a tag that was added to
        for suffix, digest in around.companions.items():
            tag = subject.tag_prefix + suffix
            companion = there.manifests.get(found.companions.get(suffix, digest))
            if companion is None or (
                companion.digest != digest and lacking(ours.manifests[digest], companion, tag)
            ):
                lost.append(f"the tag {tag}")
        lost += [f"the referrer {each}" for each in around.referrers if each not in found.referrers]
    return lost


def _entries(graph: Graph, subject: Digest, wanted: list[Digest]) -> list[artifact.Json]:
    """Entries of a fallback list: as the source has them, or made as specified."""
    around = graph.around[subject]
    written = {
        str(entry.get("digest")): entry for entry in artifact.entries_of(around.fallback, subject.tag_prefix)
    }
    return [written.get(str(each)) or _entry(graph.manifests[each]) for each in wanted]


def _entry(manifest: Manifest) -> artifact.Json:
    config = manifest.config.media_type if manifest.config is not None else ""
    made: artifact.Json = {
        "mediaType": manifest.media_type,
        "size": len(manifest.raw),
        "digest": str(manifest.digest),
    }
    said = {"artifactType": manifest.artifact_type or config, "annotations": manifest.annotations}
    return made | {name: value for name, value in said.items() if value}


def _same(fallback: Manifest, wanted: list[Digest]) -> bool:
    """Whether the source's list can be taken as it is: it names what is wanted, and nothing that is not there."""
    return [entry.digest for entry in fallback.entries] == wanted and fallback.media_type == OCI_INDEX


def _origin(source: Reference, destination: Reference) -> Repository | None:
    """Where the destination's registry may take blobs from, so that they need not travel."""
    ours, theirs = source.repository, destination.repository
    if ours is None or theirs is None or ours.domain != theirs.domain or ours.path == theirs.path:
        return None
    return ours


class _Flow:
    """The pieces of one blob, counted; counted back when they are asked for again."""

    def __init__(self, opened: partial[Iterator[bytes]], watcher: Watcher) -> None:
        self._opened = opened
        self._watcher = watcher
        self._passed = 0
        self._lock = threading.Lock()

    def open(self) -> Iterator[bytes]:
        """Anew, from the first byte."""
        if self._passed:
            self._watcher.moved(-self._passed)
            self._passed = 0
        for piece in self._opened():
            self._passed += len(piece)
            self._watcher.moved(len(piece))
            yield piece
