"""What a copy would do, found out by reading both ends: nothing is written here.

Nothing at the destination is replaced silently. A tag that shows another image stops the copy; `.sig`, `.att` and
the list of referrers belong to several writers, so what is missing is added to them; an `.sbom` belongs to one.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Literal

from vouchsafe.errors import MalformedError, Refused, Unavailable
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import Descriptor, Manifest
from vouchsafe.image.reference import Reference
from vouchsafe.ports import Depot
from vouchsafe.record import Record
from vouchsafe.signing import artifact
from vouchsafe.signing.together import together
from vouchsafe.transfer.graph import Graph, Trouble

MOST_AT_ONCE = 8  # questions to the destination
SHARED = frozenset((".sig", ".att"))  # tags that several writers add to, layer by layer
# Layers that registries do not hold (OCI image-spec layer.md, "Non-Distributable Layers"); their URLs come along.
_ELSEWHERE = ("nondistributable", "foreign")

Action = Literal["copy", "present", "add to", "replace"]


class Tagged(Record):
    """What happens to one tag: of the image itself (`suffix` "" and no `subject`), or beside a manifest."""

    tag: str
    manifest: Digest
    action: Action
    suffix: str = ""
    subject: Digest | None = None


class Plan(Record):
    """`manifests` in the order in which they are written; `blobs` are those of the manifests that are missing.

    `present` is what is at the destination already. `left_behind` cannot be read by anybody.
    """

    source: Reference
    destination: Reference
    graph: Graph
    manifests: tuple[Digest, ...]
    present: frozenset[Digest]
    blobs: tuple[Descriptor, ...]
    blobs_present: frozenset[Digest]
    image: Tagged
    companions: tuple[Tagged, ...]
    left_behind: tuple[Trouble, ...] = ()

    @property
    def size(self) -> int:
        """Bytes that have to travel, at most."""
        return sum(each.size for each in self.blobs if each.digest not in self.blobs_present)

    @property
    def is_done(self) -> bool:
        """Whether everything is there already."""
        tags = (self.image, *self.companions)
        return set(self.manifests) <= self.present and all(each.action == "present" for each in tags)


def plan(graph: Graph, source: Reference, destination: Reference, depot: Depot, *, force: bool) -> Plan:
    """Raises Refused when something would be overwritten, Unavailable when something cannot be read."""
    _demand_whole(graph)
    if destination.digest not in (None, graph.root):
        raise MalformedError(
            "reference-digest",
            f"expected a destination that is {graph.root} or a tag, got {destination.digest}",
        )
    order = _order(graph)
    image = _image_tag(graph, destination, depot, force=force)
    companions = _companion_tags(graph, destination, depot, force=force)
    answers = together([partial(depot.manifest, destination, each) for each in order], most=MOST_AT_ONCE)
    present = frozenset(digest for digest, there in zip(order, answers, strict=True) if there is not None)
    blobs = _blobs(graph.manifests[digest] for digest in order if digest not in present)
    there = together([partial(depot.has_blob, destination, each) for each in blobs], most=MOST_AT_ONCE)
    return Plan(
        source=source,
        destination=destination,
        graph=graph,
        manifests=order,
        present=present,
        blobs=blobs,
        blobs_present=frozenset(each.digest for each, found in zip(blobs, there, strict=True) if found),
        image=image,
        companions=companions,
        left_behind=tuple(each for each in graph.troubles if isinstance(each.error, MalformedError)),
    )


def _demand_whole(graph: Graph) -> None:
    """What could not be asked may be a signature: an image is not copied without it."""
    unasked = next((each for each in graph.troubles if not isinstance(each.error, MalformedError)), None)
    if unasked is not None:
        raise Unavailable(
            "copy-unreadable",
            f"expected to read all that belongs to the image, got no answer about {unasked.origin}:"
            f" {unasked.error.message}",
            hint=f"{unasked.error.hint} Nothing was written. Try again.".lstrip(),
            retryable=True,
        )
    for digest in graph.manifests:
        for entry in graph.children(digest):
            if entry.digest not in graph.manifests:
                name = entry.platform or entry.media_type
                raise Unavailable(
                    "copy-incomplete",
                    f"expected everything that the index {digest} lists, got no {name} {entry.digest}",
                    hint="The source is not whole: copy one platform by its digest.",
                )


def _order(graph: Graph) -> tuple[Digest, ...]:
    """What an index lists comes before it, and what is attached to something comes after that."""
    ordered: dict[Digest, None] = {}

    def visit(digest: Digest) -> None:
        if digest not in ordered:
            for entry in graph.children(digest):
                visit(entry.digest)
            ordered[digest] = None

    for digest in graph.manifests:
        visit(digest)
    return tuple(ordered)


def _image_tag(graph: Graph, destination: Reference, depot: Depot, *, force: bool) -> Tagged:
    made = Tagged(tag=destination.tag or "", manifest=graph.root, action="present")
    if destination.digest is not None:
        return made
    there = depot.manifest(destination, None)
    if there is None:
        return made.replace(action="copy")
    if there.digest == graph.root:
        return made
    return _replaced(made, there, destination, force=force)


def _companion_tags(graph: Graph, destination: Reference, depot: Depot, *, force: bool) -> tuple[Tagged, ...]:
    wanted = [
        Tagged(
            tag=subject.tag_prefix + suffix, manifest=digest, action="copy", suffix=suffix, subject=subject
        )
        for subject, around in graph.around.items()
        for suffix, digest in around.companions.items()
    ]
    found = together([partial(depot.manifest, destination, each.tag) for each in wanted], most=MOST_AT_ONCE)
    decided = []
    for each, there in zip(wanted, found, strict=True):
        ours = graph.manifests.get(each.manifest)
        if there is None:
            decided.append(each)
        elif there.digest == each.manifest:
            decided.append(each.replace(action="present"))
        elif each.suffix in SHARED and ours is not None and not ours.is_index and not there.is_index:
            has_all = not lacking(ours, there, each.tag)
            decided.append(each.replace(action="present" if has_all else "add to"))
        else:
            decided.append(_replaced(each, there, destination, force=force))
    return tuple(decided)


def lacking(ours: Manifest, there: Manifest, tag: str) -> list[artifact.Json]:
    """Layers of ours that are not there, to the letter."""
    seen = {artifact.key_of_layer(each) for each in artifact.layers_of(there, tag)}
    return [each for each in artifact.layers_of(ours, tag) if artifact.key_of_layer(each) not in seen]


def _replaced(tagged: Tagged, there: Manifest, destination: Reference, *, force: bool) -> Tagged:
    if force:
        return tagged.replace(action="replace")
    raise Refused(
        "copy-overwrites",
        f"expected the tag {tagged.tag} of {destination} to be free or {tagged.manifest}, got {there.digest}",
        hint="Nothing was written. Choose another tag, or replace this one with --force.",
    )


def _blobs(manifests: Iterable[Manifest]) -> tuple[Descriptor, ...]:
    found: dict[Digest, Descriptor] = {}
    for manifest in manifests:
        for each in (*((manifest.config,) if manifest.config is not None else ()), *manifest.layers):
            if any(word in each.media_type for word in _ELSEWHERE):
                continue
            if found.setdefault(each.digest, each).size != each.size:
                raise MalformedError(
                    "blob-size",
                    f"expected one size of {each.digest}, got {found[each.digest].size} and {each.size}",
                )
    return tuple(found.values())
