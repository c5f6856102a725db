"""Packs what was admitted, and takes in what another host packed: judged by this host's own policy, or left out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import NoReturn

from vouchsafe.countersign.acceptance import Acceptance
from vouchsafe.countersign.advance import Admitted
from vouchsafe.countersign.archive import Packed
from vouchsafe.countersign.judge import Errand, Subject
from vouchsafe.countersign.rows import ADMITTED, Memory
from vouchsafe.countersign.workbench import Workbench
from vouchsafe.errors import MalformedError, Unavailable
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import Descriptor, Manifest, names_exactly
from vouchsafe.image.reference import Reference, Repository


def pack(workbench: Workbench, errand: Errand, admitted: Iterable[Admitted]) -> tuple[Packed, ...]:
    """The manifests and the evidence of what was accepted, and of the indexes that speak for it."""
    wanted: dict[tuple[Repository, Digest], None] = {}
    for each in admitted:
        if isinstance(each.judgement, Acceptance):
            wanted |= dict.fromkeys(
                (each.repository, digest) for digest in (each.judgement.through, each.digest) if digest
            )
    packed = []
    for repository, digest in wanted:
        reference = Reference(transport="docker", repository=repository, digest=digest)
        manifest = errand.registry.manifest(reference, digest)
        memory = workbench.store.recall(repository, digest, workbench.clock.now())
        if manifest is not None:
            pieces = () if memory is None else memory.evidence
            packed.append(Packed(repository=repository, manifest=manifest, pieces=pieces))
    return tuple(packed)


def take_in(
    workbench: Workbench, errand: Errand, images: Iterable[Packed], length: timedelta
) -> tuple[Admitted, ...]:
    """Judge every image from the evidence that came with it; keep what is accepted, and nothing else."""
    here = errand.replace(registry=Nowhere(), offline=True)
    ordered = sorted(images, key=lambda image: not image.manifest.is_index)  # they speak for what follows
    found: list[Admitted] = []
    for image in ordered:
        before = workbench.store.recall(image.repository, image.manifest.digest, workbench.clock.now())
        at = workbench.clock.now()
        if image.pieces:
            workbench.store.remember(
                Memory(
                    repository=image.repository,
                    digest=image.manifest.digest,
                    checked=at,
                    until=at + length,
                    source=ADMITTED,
                    evidence=image.pieces,
                )
            )
        judged = _judged(workbench, here, image, [each for each in ordered if each.manifest.is_index])
        found += judged
        if image.pieces and not any(isinstance(each.judgement, Acceptance) for each in judged):
            # What was known before stays: an archive must not make a host forget what it cannot ask for again.
            workbench.store.forget(image.repository, image.manifest.digest)
            if before is not None:
                workbench.store.remember(before)
    return tuple(found)


def _judged(workbench: Workbench, here: Errand, image: Packed, indexes: list[Packed]) -> list[Admitted]:
    in_force = here.grounds.in_force
    repository, digest = image.repository, image.manifest.digest
    _confirm(workbench, image, indexes)
    judged = []
    for scope in in_force.table.could_select(repository.name, str(digest)):
        if scope not in in_force.markers:
            continue
        judgement = workbench.bench.judge(here, Subject(repository=repository, digest=digest, scope=scope))
        if image.manifest.is_index and isinstance(judgement, Acceptance):
            workbench.store.learn(repository, image.manifest, workbench.clock.now())
        judged.append(
            Admitted(
                repository=repository,
                digest=digest,
                platform="",
                scope=scope,
                marker=in_force.markers[scope],
                judgement=judgement,
            )
        )
    return judged


def _confirm(workbench: Workbench, image: Packed, indexes: list[Packed]) -> None:
    """Say of each index that names this image exactly that it does."""
    instance = Descriptor(
        media_type=image.manifest.media_type,
        digest=image.manifest.digest,
        size=len(image.manifest.raw),
        annotations={},
    )
    for index in indexes:
        try:
            names_exactly(index.manifest, instance)
        except MalformedError:
            continue
        workbench.store.confirm(image.repository, index.manifest.digest, instance.digest)


class Nowhere:
    """Implements `ports.Catalogue` where there is no network: everything is Unavailable."""

    def manifest(self, reference: Reference, wanted: str | Digest | None) -> Manifest | None:
        """Nobody to ask."""
        _nobody()

    def blob(self, reference: Reference, descriptor: Descriptor, *, largest: int) -> bytes:
        """Nobody to ask."""
        _nobody()

    def referrers(self, reference: Reference, digest: Digest) -> tuple[Descriptor, ...]:
        """Nobody to ask."""
        _nobody()

    def signatures(self, reference: Reference, digest: Digest) -> tuple[bytes, ...]:
        """Nothing lies beside it."""
        return ()

    def tags(self, reference: Reference, *, most: int) -> tuple[str, ...]:
        """Nobody to ask."""
        _nobody()


def _nobody() -> NoReturn:
    raise Unavailable("offline", "expected evidence in the archive, got none that suffices")
