"""What an archive brings is judged by this host's policy; what it brings in vain takes nothing away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from tests.countersigning import Machine
from vouchsafe.countersign.acceptance import Acceptance
from vouchsafe.countersign.advance import admit
from vouchsafe.countersign.archive import Packed
from vouchsafe.countersign.judge import Subject
from vouchsafe.countersign.moving import Nowhere, pack, take_in
from vouchsafe.countersign.rows import Piece
from vouchsafe.countersign.workbench import Workbench
from vouchsafe.evidence import legacy
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference, Repository
from vouchsafe.wiring import countersign as wiring

LENGTH = timedelta(days=30)
JUNK = Piece(media_type=legacy.SIMPLE_SIGNING, annotations={}, blob=b"junk")


@contextmanager
def command(machine: Machine) -> Iterator[Workbench]:
    """What one command of the machine uses."""
    around = wiring.surroundings({}, uid=0, places=machine.places, clock=machine.clock)
    made = Workbench(around.configuration, around.upstream, around.file, machine.clock, report=lambda _: None)
    yield made
    made.close()


def admitted(machine: Machine, workbench: Workbench) -> tuple[dict[str, Digest], tuple[Packed, ...]]:
    """An index whose own signature was admitted for a month: its instances, and the archive of it."""
    index, instances = machine.index()
    machine.sign(index)
    errand = workbench.errand()
    found = admit(workbench, errand, Reference.parse(f"{machine.name()}:v1"), LENGTH)
    return instances, pack(workbench, errand, found)


def offline(machine: Machine, workbench: Workbench, digest: Digest) -> bool:
    """Whether an image is accepted by what is kept alone."""
    errand = workbench.errand().replace(registry=Nowhere(), offline=True)
    repository = Repository.parse(machine.name())
    judgement = workbench.bench.judge(
        errand, Subject(repository=repository, digest=digest, scope=machine.name())
    )
    return isinstance(judgement, Acceptance)


@pytest.mark.parametrize("repository", ["acme/app", "acme/elsewhere"])
@pytest.mark.parametrize("pieces", [(JUNK,), ()], ids=["junk", "nothing"])
def test_an_archive_in_vain_takes_nothing_away(
    machine: Machine, repository: str, pieces: tuple[Piece, ...]
) -> None:
    """Somebody packs an image that this host knows, with evidence that is none: what was admitted stays."""
    with command(machine) as bench:
        instances, packed = admitted(machine, bench)
        before = bench.store.subjects()
        there = Repository.parse(machine.name(repository))
        hostile = [each.replace(pieces=pieces, repository=there) for each in packed]
        take_in(bench, bench.errand(), hostile, 2 * LENGTH)
        assert bench.store.subjects() == before
    with command(machine) as bench:
        assert all(offline(machine, bench, digest) for digest in instances.values())
