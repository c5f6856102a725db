"""Admits images before anybody pulls them: judged now, and answered for weeks without asking a registry.

For image builds, `bootc install`, and hosts that will have no network. What is kept is evidence, and it is
verified again whenever it is used; only until when a registry need not be asked is the operator's word.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from vouchsafe.countersign.acceptance import Acceptance, Judgement
from vouchsafe.countersign.judge import Errand, Subject
from vouchsafe.countersign.rows import ADMITTED
from vouchsafe.countersign.workbench import Workbench
from vouchsafe.errors import ConfigurationError, MalformedError
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import IMAGE_TYPES, Manifest
from vouchsafe.image.reference import Reference, Repository, absent
from vouchsafe.record import Record

STANDS = timedelta(days=30)  # what is admitted, when nobody says how long


class Admitted(Record):
    """One image under one scope: an instance has its platform."""

    repository: Repository
    digest: Digest
    platform: str
    scope: str
    marker: str
    judgement: Judgement


def resolve(errand: Errand, reference: Reference) -> Manifest:
    """The manifest that a reference means now. Unavailable, MalformedError."""
    if reference.repository is None:
        raise MalformedError("reference-transport", f"expected a docker reference, got {reference}")
    manifest = errand.registry.manifest(reference, None)
    if manifest is None:
        raise absent(reference)
    return manifest


def admit(
    workbench: Workbench, errand: Errand, reference: Reference, length: timedelta | None
) -> tuple[Admitted, ...]:
    """Judge an image, and each platform of an index, under every scope that could select it.

    What is accepted stands for `length`; None keeps it no longer than a pull would. ConfigurationError when
    no scope of ours names it.
    """
    manifest = resolve(errand, reference)
    found = tuple(_judged(workbench, errand, reference, manifest))
    if not found:
        raise ConfigurationError(
            "not-ours",
            f"expected a scope that vouchsafe judges for {reference}, got none",
            hint="Stock clients judge it by themselves, or the policy does not name it: `vouchsafe policy show`.",
        )
    if length is not None:
        keep(workbench, found, length)
    return found


def keep(workbench: Workbench, found: tuple[Admitted, ...], length: timedelta) -> None:
    """Let what was accepted stand for `length`, the indexes included that speak for it."""
    until = workbench.clock.now() + length
    for each in found:
        if not isinstance(each.judgement, Acceptance):
            continue
        digest = each.judgement.through or each.digest
        memory = workbench.store.recall(each.repository, digest, workbench.clock.now())
        if memory is not None:
            workbench.store.remember(memory.replace(source=ADMITTED, until=until))


def _judged(
    workbench: Workbench, errand: Errand, reference: Reference, manifest: Manifest
) -> Iterator[Admitted]:
    repository = reference.repository
    if repository is None:
        return
    platforms = {
        entry.digest: entry.platform for entry in manifest.entries if entry.media_type in IMAGE_TYPES
    }
    in_force = errand.grounds.in_force
    for digest, platform in {manifest.digest: "", **platforms}.items():
        for scope in in_force.table.could_select(repository.name, str(digest)):
            if scope not in in_force.markers:
                continue
            judgement = workbench.bench.judge(
                errand, Subject(repository=repository, digest=digest, scope=scope)
            )
            if manifest.is_index and digest == manifest.digest and isinstance(judgement, Acceptance):
                workbench.store.learn(repository, manifest, workbench.clock.now())
            yield Admitted(
                repository=repository,
                digest=digest,
                platform=platform,
                scope=scope,
                marker=in_force.markers[scope],
                judgement=judgement,
            )
