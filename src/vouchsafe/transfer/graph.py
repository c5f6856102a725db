"""Everything that belongs to an image: what an index lists, `.sig`, `.att` and `.sbom`, referrers, and theirs.

Every manifest is looked at alike, whatever it is: a platform may be signed by itself, and so may an SBOM. Both
ways in which registries keep referrers are read, because a registry that got the API later still holds lists
written before. What is found is a flat set of manifests by digest, because registries may point in circles.

OCI distribution-spec "Listing Referrers" and "Referrers Tag Schema", cosign SIGNATURE_SPEC.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeVar

from vouchsafe.errors import MalformedError, Unavailable, VouchsafeError
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import Descriptor, Manifest
from vouchsafe.image.reference import Reference
from vouchsafe.ports import Registry
from vouchsafe.record import Record
from vouchsafe.signing.together import together

SUFFIXES = (".sig", ".att", ".sbom")
MOST_AT_ONCE = 8  # requests
MOST_MANIFESTS = 20_000  # of one image
MOST_BYTES = 128 * 1024 * 1024  # of manifests; a real image's are a few hundred kilobytes
BATCH = 4 * MOST_AT_ONCE  # manifests between two looks at the limits
DEEPEST = 8  # an index, its platforms, their SBOMs, the SBOMs' signatures, …

T = TypeVar("T")


class Trouble(Record):
    """Something that could not be read, where, and why."""

    origin: str
    error: VouchsafeError


class Around(Record):
    """What is attached to one manifest. `fallback` is the list at the tag `sha256-<hex>`, as it was found.

    `companions` by suffix, `referrers` each once; `absent` was listed, and is not there.
    """

    companions: dict[str, Digest]
    referrers: tuple[Digest, ...]
    fallback: Manifest | None
    absent: tuple[Digest, ...]


class Graph(Record):
    """All manifests by digest, and what is around each of them. `troubles` is what is not known."""

    root: Digest
    manifests: dict[Digest, Manifest]
    around: dict[Digest, Around]
    troubles: tuple[Trouble, ...] = ()

    def children(self, digest: Digest) -> tuple[Descriptor, ...]:
        """What an index lists, there or not."""
        return self.manifests[digest].entries if digest in self.manifests else ()


def explore(registry: Registry, reference: Reference, root: Manifest) -> Graph:
    """Look everywhere. What cannot be read is a Trouble; nothing is raised."""
    search = _Search(registry, reference)
    level = [root] if search.add(root) else []
    for _ in range(DEEPEST):
        if not level:
            break
        level = search.look(level)
    if level:
        search.note("attachments", _limit(f"at most {DEEPEST} levels"))
    return Graph(
        root=root.digest,
        manifests=search.manifests,
        around=search.around,
        troubles=tuple(search.troubles),
    )


class _Search:
    """One image in one place, level by level."""

    def __init__(self, registry: Registry, reference: Reference) -> None:
        self.manifests: dict[Digest, Manifest] = {}
        self.around: dict[Digest, Around] = {}
        self.troubles: list[Trouble] = []
        self._registry = registry
        self._reference = reference
        self._bytes = 0

    def note(self, origin: str, error: VouchsafeError) -> None:
        self.troubles.append(Trouble(origin=origin, error=error))

    def add(self, manifest: Manifest) -> bool:
        """Whether it is new, and within limits."""
        if manifest.digest in self.manifests:
            return False
        self._bytes += len(manifest.raw)
        if len(self.manifests) >= MOST_MANIFESTS or self._bytes > MOST_BYTES:
            self.note(str(manifest.digest), _limit(f"at most {MOST_MANIFESTS} manifests"))
            return False
        self.manifests[manifest.digest] = manifest
        return True

    def look(self, level: list[Manifest]) -> list[Manifest]:
        """What is around each manifest of a level; the manifests that are new."""
        digests = [manifest.digest for manifest in level]
        tagged = self._tagged(digests)
        fallbacks = {digest: self._list_at(digest, tagged.get((digest, ""))) for digest in digests}
        listed = self._listed(digests, fallbacks)
        children = [entry.digest for manifest in level for entry in manifest.entries]
        fetched = self._fetched([*children, *(each for found in listed.values() for each in found)])
        for digest in digests:
            pairs = ((suffix, tagged.get((digest, suffix))) for suffix in SUFFIXES)
            self.around[digest] = Around(
                companions={suffix: found.digest for suffix, found in pairs if found is not None},
                referrers=tuple(each for each in listed[digest] if fetched.get(each) is not None),
                fallback=fallbacks[digest],
                absent=tuple(each for each in listed[digest] if each in fetched and fetched[each] is None),
            )
        companions = [found for (_, suffix), found in tagged.items() if suffix]
        return [each for each in (*companions, *fetched.values()) if each is not None and self.add(each)]

    def _tagged(self, digests: list[Digest]) -> dict[tuple[Digest, str], Manifest]:
        """The manifests at all tags that belong to these digests, by digest and suffix."""
        asked = [(digest, suffix) for digest in digests for suffix in (*SUFFIXES, "")]
        tags = [digest.tag_prefix + suffix for digest, suffix in asked]
        answers = self._ask((f"tag {tag}", partial(self._manifest, tag)) for tag in tags)
        return {asked[number]: found for number, found in answers.items() if found is not None}

    def _list_at(self, digest: Digest, found: Manifest | None) -> Manifest | None:
        if found is None or found.is_index:
            return found
        error = MalformedError("foreign-tag", f"expected an index, got {found.media_type}")
        self.note(f"tag {digest.tag_prefix}", error)
        return None

    def _listed(
        self, digests: list[Digest], fallbacks: dict[Digest, Manifest | None]
    ) -> dict[Digest, tuple[Digest, ...]]:
        """What the referrers API and the fallback tag list, each once."""
        answers = self._ask(
            (f"referrers of {digest}", partial(self._registry.referrers, self._reference, digest))
            for digest in digests
        )
        listed: dict[Digest, tuple[Digest, ...]] = {}
        for number, digest in enumerate(digests):
            fallback = fallbacks[digest]
            entries = (*answers.get(number, ()), *(fallback.entries if fallback is not None else ()))
            listed[digest] = tuple(dict.fromkeys(entry.digest for entry in entries))
        return listed

    def _fetched(self, digests: Iterable[Digest]) -> dict[Digest, Manifest | None]:
        """Manifests by digest, None for what is not there; without those that could not be asked for."""
        unique = list(dict.fromkeys(digests))
        found: dict[Digest, Manifest | None] = {d: self.manifests[d] for d in unique if d in self.manifests}
        unknown = [digest for digest in unique if digest not in found]
        room = MOST_BYTES - self._bytes
        for start in range(0, len(unknown), BATCH):
            batch = unknown[start : start + BATCH]
            answers = self._ask((str(digest), partial(self._manifest, digest)) for digest in batch)
            found |= {batch[number]: answer for number, answer in answers.items()}
            room -= sum(len(each.raw) for each in answers.values() if each is not None)
            if room < 0 or len(self.manifests) + len(found) > MOST_MANIFESTS:
                self.note("attachments", _limit(f"at most {MOST_MANIFESTS} manifests, {MOST_BYTES} bytes"))
                break
        return found

    def _manifest(self, wanted: str | Digest) -> Manifest | None:
        return self._registry.manifest(self._reference, wanted)

    def _ask(self, questions: Iterable[tuple[str, Callable[[], T]]]) -> dict[int, T]:
        """The answers by number; what could not be answered is noted, and has none."""
        asked = list(questions)
        answers = together([partial(_answer, question) for _, question in asked], most=MOST_AT_ONCE)
        good: dict[int, T] = {}
        for number, answer in enumerate(answers):
            if isinstance(answer, VouchsafeError):
                self.note(asked[number][0], answer)
            else:
                good[number] = answer
        return good


def _answer(question: Callable[[], T]) -> T | VouchsafeError:
    try:
        return question()
    except VouchsafeError as error:
        return error


def _limit(wanted: str) -> Unavailable:
    return Unavailable("limit-referrers", f"expected {wanted} of one image, got more")
