"""`vouchsafe countersign revoke`: a tombstone above everything, for a digest with its platforms, or for a signer."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime

from vouchsafe.cli import ACCEPTED
from vouchsafe.cli.console import Console
from vouchsafe.cli.countersign_kept import words
from vouchsafe.cli.countersign_tools import places_of, workbench
from vouchsafe.cli.usage import UsageError
from vouchsafe.countersign.scopes import Table
from vouchsafe.countersign.store import MOST_LINES
from vouchsafe.countersign.workbench import Workbench
from vouchsafe.errors import VouchsafeError
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import Manifest
from vouchsafe.image.reference import Reference
from vouchsafe.policy.revocation import Tombstone
from vouchsafe.policy.window import instant
from vouchsafe.wiring import authority

_UNKNOWN = "no registry that was asked has it. Revoke it again as NAME@DIGEST when its registry answers"
MOST_REPOSITORIES = 8  # that are asked about a digest which was named alone


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Write the tombstones; take signature files away."""
    signer = bool(arguments.identity or arguments.before)
    if bool(arguments.digests) == signer:
        raise UsageError("expected digests, or --identity and --before, got neither or both")
    with workbench(arguments, console, judges_nothing=True) as bench:
        stones = [_signer(arguments, bench)] if signer else _named(arguments, bench)
        # At once: whoever is asked next about platforms may hang, and the digest itself must not wait for that.
        removed = _write(stones, arguments)
        wider = {} if signer else _wider(stones, arguments, bench)
        removed += _write(
            [stone for stone in wider.values() if stone is not None and stone.covers], arguments
        )
    stones = [wider.get(stone.digest) or stone for stone in stones]
    unknown = [str(digest) for digest, stone in wider.items() if stone is None]
    if arguments.output == "json":
        said = [json.loads(stone.line()) for stone in stones]
        console.document({"revoked": said, "removed": removed, "platformsUnknown": unknown})
        return ACCEPTED
    for stone in stones:
        alone = " (itself alone)" if str(stone.digest) in unknown else ""
        console.print(f"{'would revoke' if arguments.dry_run else 'revoked'}  {words(stone)}{alone}")
    for digest in unknown:
        console.print(f"if {digest} is an index, its platforms are not revoked: {_UNKNOWN}")
    if arguments.files:
        console.print(f"removed  {removed} places with signature files")
    return ACCEPTED


def _write(stones: Sequence[Tombstone], arguments: argparse.Namespace) -> int:
    """Write them, and take signature files away, where there are any; from how many places."""
    if arguments.dry_run:
        return 0
    for stone in stones:
        authority.revoke(places_of(arguments), stone.line())
    if not arguments.files:
        return 0
    files = authority.SignatureFiles(arguments.files)
    return sum(files.drop(each) for stone in stones for each in (stone.digest, *stone.covers) if each)


def _signer(arguments: argparse.Namespace, bench: Workbench) -> Tombstone:
    before: datetime | None = None
    if arguments.before:
        before = instant(arguments.before)
        if before is None:
            raise UsageError(
                f"expected a time such as 2026-11-22T12:00:00Z with --before, got {arguments.before!r}"
            )
    return Tombstone(
        at=bench.clock.now(), identity=arguments.identity or "", before=before, reason=arguments.reason
    )


def _named(arguments: argparse.Namespace, bench: Workbench) -> list[Tombstone]:
    """One for each digest, alone; none when one of the names is none."""
    at = bench.clock.now()
    return [Tombstone(at=at, digest=_digest(text), reason=arguments.reason) for text in arguments.digests]


def _digest(text: str) -> Digest:
    digest = Reference.parse(text).digest if "@" in text else Digest.parse(text)
    if digest is None:
        raise UsageError(f"expected a digest, got {text!r}")
    return digest


def _wider(
    stones: Iterable[Tombstone], arguments: argparse.Namespace, bench: Workbench
) -> dict[Digest | None, Tombstone | None]:
    """The same with the platforms that an index names; None where nobody could say what a digest is."""
    found: dict[Digest | None, Tombstone | None] = {}
    for text, stone in zip(arguments.digests, stones, strict=True):
        assert stone.digest is not None  # noqa: S101  # `_named`
        index = _index(bench, Reference.parse(text) if "@" in text else None, stone.digest)
        if index is not None:
            found[stone.digest] = stone.replace(covers=frozenset(entry.digest for entry in index.entries))
        else:  # but it may be named twice, and known once
            found.setdefault(stone.digest, None)
    return found


def _index(bench: Workbench, reference: Reference | None, digest: Digest) -> Manifest | None:
    """The manifest; None when nobody has it. Neither a database nor a registry that fails keeps us from revoking."""
    places: tuple[Reference, ...] = () if reference is None else (reference,)
    with suppress(VouchsafeError):
        if (kept := bench.store.index(digest)) is not None:
            return kept
        places = places or _places(bench, digest)
    for place in places:
        with suppress(VouchsafeError):  # of registries.conf and credentials, too
            if (found := bench.registry().manifest(place, digest)) is not None:
                return found
    return None


def _places(bench: Workbench, digest: Digest) -> tuple[Reference, ...]:
    """Repositories that this host was asked about: this digest's own, then those asked for last.

    Only those that a scope names: while nothing could be answered, anybody's question was written down.
    """
    policy = bench.standing().policy
    table = Table({} if policy is None else policy.transports.get("docker", {}))
    asked = [(line.repository, line.digest) for line in bench.store.lines(MOST_LINES)]
    kept = [(name, of) for name, of, _, _ in bench.store.subjects()]
    known = sorted((*asked, *kept), key=lambda each: each[1] != str(digest))
    names = [
        name for name in dict.fromkeys(name for name, _ in known) if table.could_select(name, str(digest))
    ]
    return tuple(Reference.parse(f"docker://{name}@{digest}") for name in names[:MOST_REPOSITORIES])
