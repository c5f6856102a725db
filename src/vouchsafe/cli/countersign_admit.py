"""`vouchsafe countersign admit`: judged now, answered for weeks; signature files where somebody wants them."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from datetime import timedelta

from vouchsafe.cli.console import Console
from vouchsafe.cli.countersign_tools import (
    as_json,
    exit_code,
    length_of,
    show,
    workbench,
)
from vouchsafe.cli.usage import UsageError
from vouchsafe.countersign.acceptance import Acceptance
from vouchsafe.countersign.advance import Admitted, admit
from vouchsafe.countersign.authority import LONGEST_LEAF
from vouchsafe.countersign.judge import Errand
from vouchsafe.countersign.signer import Accepting, Signer
from vouchsafe.countersign.state import Ready, rotation
from vouchsafe.countersign.workbench import Workbench
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference, Repository
from vouchsafe.wiring.authority import SignatureFiles


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Judge, keep, sign."""
    length = length_of(arguments)
    if arguments.files and length > LONGEST_LEAF:
        raise UsageError(f"expected at most {LONGEST_LEAF.days}d for signature files, got {arguments.length}")
    references = [Reference.parse(text) for text in arguments.images]
    with workbench(arguments, console) as bench:
        errand = bench.errand()
        found = [each for reference in references for each in admit(bench, errand, reference, length)]
        written: list[str] = []
        if arguments.files and not arguments.dry_run:
            written = _write(bench, errand, found, length, arguments.files)
    if arguments.output == "json":
        said = {
            "images": [as_json(each) for each in found],
            "files": written,
        }
        console.document(said)
        return exit_code(found)
    code = show(found, console)
    for place in written:
        console.print(f"wrote     {place}")
    return code


def _write(
    bench: Workbench, errand: Errand, found: Iterable[Admitted], length: timedelta, folder: str
) -> list[str]:
    """Signatures that live as long as the admission: nothing of ours runs when a client reads them."""
    grounds = errand.grounds
    ready = Ready(
        generation=grounds.generation,
        in_force=grounds.in_force,
        tombstones=grounds.tombstones,
        authority=bench.authority(),
        rotation=rotation(bench.standing(), grounds.in_force),
    )
    images: dict[tuple[Repository, Digest], list[Accepting]] = {}
    for each in found:
        if isinstance(each.judgement, Acceptance):
            accepting = Accepting(repository=each.repository, marker=each.marker, acceptance=each.judgement)
            images.setdefault((each.repository, each.digest), []).append(accepting)
    files, signer = SignatureFiles(folder), Signer(bench.clock)
    return [
        files.put(repository, digest, signer.sign(ready, digest, accepting, lifetime=length).blobs)
        for (repository, digest), accepting in images.items()
    ]
