"""`vouchsafe countersign revoke`: a tombstone above everything, for a digest with its platforms, or for a signer."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from datetime import datetime

from vouchsafe.cli import ACCEPTED
from vouchsafe.cli.console import Console
from vouchsafe.cli.countersign_kept import words
from vouchsafe.cli.countersign_tools import places_of, workbench
from vouchsafe.cli.usage import UsageError
from vouchsafe.countersign.workbench import Workbench
from vouchsafe.errors import VouchsafeError
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import Manifest
from vouchsafe.image.reference import Reference
from vouchsafe.policy.revocation import Tombstone
from vouchsafe.policy.window import instant
from vouchsafe.wiring import authority

_UNKNOWN = (
    "Its platforms, if it is an index, are not known: name it with its repository when that can be reached."
)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Write the tombstones; take signature files away."""
    signer = bool(arguments.identity or arguments.before)
    if bool(arguments.digests) == signer:
        raise UsageError("expected digests, or --identity and --before, got neither or both")
    with workbench(arguments, console) as bench:
        stones = list(_signer(arguments, bench) if signer else _images(arguments, bench, console))
    removed = 0
    if not arguments.dry_run:
        for stone in stones:
            authority.revoke(places_of(arguments), stone.line())
            if arguments.files:
                files = authority.SignatureFiles(arguments.files)
                removed += sum(files.drop(each) for each in (stone.digest, *stone.covers) if each)
    if arguments.output == "json":
        said = [json.loads(stone.line()) for stone in stones]
        document = {"revoked": said, "removed": removed}
        console.document(document)
        return ACCEPTED
    for stone in stones:
        console.print(f"revoked  {words(stone)}")
    if arguments.files:
        console.print(f"removed  {removed} places with signature files")
    return ACCEPTED


def _signer(arguments: argparse.Namespace, bench: Workbench) -> Iterator[Tombstone]:
    before: datetime | None = None
    if arguments.before:
        before = instant(arguments.before)
        if before is None:
            raise UsageError(
                f"expected a time such as 2026-11-22T12:00:00Z with --before, got {arguments.before!r}"
            )
    yield Tombstone(
        at=bench.clock.now(), identity=arguments.identity or "", before=before, reason=arguments.reason
    )


def _images(arguments: argparse.Namespace, bench: Workbench, console: Console) -> Iterator[Tombstone]:
    for text in arguments.digests:
        reference = Reference.parse(text) if "@" in text else None
        digest = reference.digest if reference is not None else Digest.parse(text)
        if digest is None:
            raise UsageError(f"expected a digest, got {text!r}")
        index = _index(bench, reference, digest)
        if index is None:
            console.note(f"vouchsafe: {_UNKNOWN} ({digest})")
        covers = () if index is None else tuple(entry.digest for entry in index.entries)
        yield Tombstone(
            at=bench.clock.now(), digest=digest, covers=frozenset(covers), reason=arguments.reason
        )


def _index(bench: Workbench, reference: Reference | None, digest: Digest) -> Manifest | None:
    """The manifest, from what is kept or from its registry; None when neither has it."""
    kept = bench.store.index(digest)
    if kept is not None or reference is None:
        return kept
    try:
        return bench.registry().manifest(reference, digest)
    except VouchsafeError:
        return None
