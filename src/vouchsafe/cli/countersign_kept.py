"""`vouchsafe countersign list` and `prune`: what is remembered, what was revoked, and forgetting what has ended."""

from __future__ import annotations

import argparse
import json
from datetime import datetime

from vouchsafe.cli import ACCEPTED
from vouchsafe.cli.console import Console
from vouchsafe.cli.countersign_tools import workbench
from vouchsafe.countersign import signature
from vouchsafe.countersign.rows import Noted
from vouchsafe.errors import MalformedError, printable
from vouchsafe.image.digest import Digest
from vouchsafe.policy import revocation
from vouchsafe.policy.revocation import Tombstone, Tombstones
from vouchsafe.wiring.authority import SignatureFiles


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Show, or forget."""
    if arguments.action == "prune":
        return _prune(arguments, console)
    return _revoked(arguments, console) if arguments.revoked else _accepted(arguments, console)


def _accepted(arguments: argparse.Namespace, console: Console) -> int:
    with workbench(arguments, console) as bench:
        found, kept = bench.store.verdicts(), bench.store.subjects()
        now = bench.clock.now()
        stones = revocation.read(bench.standing().tombstones)
    revoked = {each.digest for each in found if _is_revoked(each.digest, stones)}
    sources = {(repository, digest): (source, until) for repository, digest, source, until in kept}

    def stands(each: Noted) -> tuple[str | None, datetime]:
        """Why the evidence is kept, and until when: that of the index, where it is the index that speaks."""
        return sources.get((each.repository, each.speaker), (None, each.until))

    if arguments.output == "json":
        images = [
            {
                "repository": each.repository,
                "digest": each.digest,
                "scope": each.scope,
                "epoch": each.epoch,
                "signers": list(each.signers),
                "at": _time(each.at),
                "until": _time(stands(each)[1]),
                "source": stands(each)[0],
                "revoked": each.digest in revoked,
            }
            for each in found
        ]
        console.document({"accepted": images})
        return ACCEPTED
    for each in found:
        source, until = stands(each)
        state = "revoked;" if each.digest in revoked else "ended" if until < now else "until"
        console.print(f"{each.repository}@{each.digest}")
        console.print(f"    {printable(each.scope)}: {printable(', '.join(each.signers))}")
        console.print(f"    {state} {until:%Y-%m-%d %H:%M}{', admitted' if source == 'admit' else ''}")
    if not found:
        console.note("vouchsafe: nothing was accepted yet")
    return ACCEPTED


def _is_revoked(digest: str, stones: Tombstones) -> bool:
    """By its digest; what the database says is no digest was not revoked by any."""
    try:
        return stones.of_digest(Digest.parse(digest)) is not None
    except MalformedError:
        return False


def _revoked(arguments: argparse.Namespace, console: Console) -> int:
    with workbench(arguments, console) as bench:
        lines = revocation.read(bench.standing().tombstones).stones
    # A digest is written before its platforms are known, and again with them: the wider line says all.
    stones = {stone.replace(covers=frozenset()): stone for stone in lines}.values()
    if arguments.output == "json":
        said = [json.loads(stone.line()) for stone in stones]
        console.document({"revoked": said})
        return ACCEPTED
    for stone in stones:
        console.print(f"{stone.at:%Y-%m-%d %H:%M}  {words(stone)}")
    if not stones:
        console.note("vouchsafe: nothing was revoked")
    return ACCEPTED


def words(stone: Tombstone) -> str:
    """A tombstone for people."""
    if stone.digest is not None:
        covered = f" and {len(stone.covers)} platforms" if stone.covers else ""
        what = f"{stone.digest}{covered}"
    else:
        signer = f"signatures by {stone.identity}" if stone.identity else "all signatures"
        what = signer + ("" if stone.before is None else f" made before {stone.before:%Y-%m-%d %H:%M}")
    return printable(f"{what}: {stone.reason}" if stone.reason else what)


def _prune(arguments: argparse.Namespace, console: Console) -> int:
    places: tuple[str, ...] = ()
    with workbench(arguments, console, judges_nothing=True) as bench:
        now = bench.clock.now()
        count = bench.store.prune(now, dry_run=arguments.dry_run)
    if arguments.files:

        def has_ended(blob: bytes) -> bool:
            end = signature.ends(blob)
            return end is not None and end < now

        places = SignatureFiles(arguments.files).ended(has_ended, dry_run=arguments.dry_run)
    if arguments.output == "json":
        said = {"forgotten": count, "removed": list(places)}
        console.document(said)
        return ACCEPTED
    would = "would have " if arguments.dry_run else ""
    forgot = "forgotten" if would else "forgot"
    console.print(f"{would}{forgot} {count} images that had ended; what was revoked stays so")
    for place in places:
        console.print(f"{would}removed {place}")
    return ACCEPTED


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
