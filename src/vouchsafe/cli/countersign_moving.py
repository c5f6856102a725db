"""`vouchsafe countersign export` and `import`: evidence for hosts that reach no registry."""

from __future__ import annotations

import argparse

from vouchsafe.cli.console import Console
from vouchsafe.cli.countersign_tools import (
    as_json,
    exit_code,
    length_of,
    show,
    workbench,
)
from vouchsafe.cli.usage import UsageError
from vouchsafe.countersign import archive
from vouchsafe.countersign.advance import STANDS, admit
from vouchsafe.countersign.archive import Archive
from vouchsafe.countersign.moving import pack, take_in
from vouchsafe.image.reference import Reference
from vouchsafe.wiring import moving


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Pack, or take in."""
    return _import(arguments, console) if arguments.action == "import" else _export(arguments, console)


def _export(arguments: argparse.Namespace, console: Console) -> int:
    references = [Reference.parse(text) for text in arguments.images]
    with workbench(arguments, console) as bench:
        errand = bench.errand()
        found = [each for reference in references for each in admit(bench, errand, reference, None)]
        packed = pack(bench, errand, found)
    if packed:
        trust = moving.trust_to_pack()
        moving.write(
            arguments.to,
            archive.write(Archive(images=packed, trusted_root=trust.trusted_root, delivery=trust.delivery)),
        )
    if arguments.output == "json":
        said = {"images": [as_json(each) for each in found]}
        console.document(said)
        return exit_code(found)
    code = show(found, console)
    if packed:
        console.print(f"wrote     {arguments.to}: {len(packed)} images")
    return code


def _import(arguments: argparse.Namespace, console: Console) -> int:
    length = length_of(arguments)
    if length > STANDS * 12:
        raise UsageError(f"expected at most {STANDS.days * 12}d with --for, got {arguments.length}")
    packed = archive.read(moving.read(arguments.archive, largest=archive.LARGEST))
    newer = moving.install(packed.delivery, keep=not arguments.dry_run) if packed.delivery else ""
    with workbench(arguments, console) as bench:
        found = take_in(bench, bench.errand(), packed.images, length)
    if arguments.output == "json":
        said = {
            "trustRoot": newer or None,
            "images": [as_json(each) for each in found],
        }
        console.document(said)
        return exit_code(found)
    if newer:
        console.print(f"trust     {newer}")
    code = show(found, console)
    if len(found) < len(packed.images):
        console.note("vouchsafe: what no scope of this host's policy names was left out")
    return code
