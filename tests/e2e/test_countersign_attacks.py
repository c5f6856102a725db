"""Attacks on what the countersigner remembers, and on the moment between its verdict and the pull.

Each has an accept leg: a client that cannot pull at all would refuse everything.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.countersigning import Machine, Running, Shifted
from tests.pulls import Client, Fleet
from vouchsafe.countersign.acceptance import TTL
from vouchsafe.countersign.fairness import Limits
from vouchsafe.image.digest import Digest
from vouchsafe.policy.revocation import Tombstone
from vouchsafe.testing.faults import Fault, moving, with_body
from vouchsafe.testing.pull_cases import layer

pytestmark = pytest.mark.peers

DEV = "https://gitlab.example/acme/app//.gitlab-ci.yml@refs/heads/dev"
AT_ONCE = 200


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A host that accepts acme/app's main branch in acme/app."""
    with Machine.of_acme(tmp_path, clock=Shifted()) as made:
        yield made


def forge(machine: Machine, *statements: str) -> None:
    """Whoever may write the database."""
    with sqlite3.connect(machine.folder / "state/countersign.db") as connection:
        for statement in statements:
            connection.execute(statement)


def test_a_revoked_image(machine: Machine, fleet: Fleet) -> None:
    """The next pull does not undo it, nor does a restart or the loss of the database: it is another file (F7)."""
    digest = machine.image()
    machine.sign(digest)
    with Running(machine):
        fleet.accepts(f"{machine.name()}:v1")
        machine.write("state/revoked", Tombstone(at=machine.clock.now(), digest=digest).line())
        fleet.refuses(f"{machine.name()}:v1", says="rejected: revoked")
    for each in Path(machine.places.state).glob("countersign.db*"):
        each.unlink()
    with Running(machine):
        fleet.refuses(f"{machine.name()}:v1", says="rejected: revoked")


def test_a_signature_that_is_deleted(machine: Machine, fleet: Fleet) -> None:
    """At the registry: what was accepted stands for a day, over restarts; then it is refused. No revocation (F7)."""
    fresh, old = machine.image(), machine.image(tag="old", content=b"old")
    machine.clock.by = -TTL - timedelta(minutes=1)  # type: ignore[attr-defined]
    machine.sign(old)
    with Running(machine) as running:
        assert running.asked(old)[0] == 200
    machine.clock.by = timedelta(0)  # type: ignore[attr-defined]
    machine.sign(fresh)
    with Running(machine):
        fleet.accepts(f"{machine.name()}:v1")
    for digest in (fresh, old):
        machine.registry.store.delete("acme/app", f"{digest.tag_prefix}.sig")
    with Running(machine):
        fleet.accepts(f"{machine.name()}:v1")
        fleet.refuses(f"{machine.name()}:old", says="rejected: unsigned")


def test_rows_forged_by_hand(machine: Machine, fleet: Fleet) -> None:
    """An unsigned image with another image's evidence and an endless verdict (F4)."""
    signed, unsigned = machine.image(tag="signed"), machine.image(tag="unsigned", content=b"unsigned")
    machine.sign(signed)
    with Running(machine):
        fleet.accepts(f"{machine.name()}:signed")
    for table in ("subjects", "evidence", "verdicts"):
        with sqlite3.connect(machine.folder / "state/countersign.db") as connection:
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        taken = ", ".join(f"'{unsigned}'" if name == "digest" else name for name in columns)
        forge(machine, f"INSERT INTO {table} SELECT {taken} FROM {table}")
    forge(machine, "UPDATE subjects SET until = 9e9")
    with Running(machine):
        fleet.refuses(f"{machine.name()}:unsigned", says="rejected: unsigned")
        fleet.accepts(f"{machine.name()}:signed")


def test_an_instance_forged_by_hand(machine: Machine, fleet: Fleet) -> None:
    """A row says that a signed index names an unsigned image, and that somebody has looked (F4)."""
    index, instances = machine.index()
    machine.sign(index)
    unsigned = machine.image(tag="unsigned", content=b"unsigned")
    with Running(machine):
        fleet.accepts(f"{machine.name()}:v1")
        fleet.accepts(f"{machine.name()}@{instances['arm64']}")
    forge(machine, f"INSERT OR REPLACE INTO entries SELECT repository, '{unsigned}', parent, 1 FROM entries")
    with Running(machine):
        fleet.refuses(f"{machine.name()}:unsigned", says="rejected: unsigned")
        fleet.accepts(f"{machine.name()}:v1")


def test_one_digest_under_opposite_policies(machine: Machine, everyone: Fleet) -> None:
    """In two repositories, two hundred at once, real clients among them: nobody gets the other's answer (F4)."""
    machine.apply({machine.name(): [machine.keyless()], machine.name("acme/dev"): [machine.keyless(DEV)]})
    for repository in ("acme/app", "acme/dev"):
        machine.bundle(machine.image(repository), repository)
    digest = machine.registry.store.resolve("acme/app", "v1")
    assert digest is not None
    got: list[tuple[str, int]] = []
    with Running(machine, limits=Limits(most_of_one=512)) as service:

        def ask(name: str) -> None:
            got.append((name, service.asked(digest, machine.name(name))[0]))

        names = ("acme/app", "acme/dev") * ((AT_ONCE - 2 * len(everyone.clients)) // 2)
        asking = [threading.Thread(target=ask, args=(name,)) for name in names]
        asking += [
            threading.Thread(target=both, args=(client, machine)) for client in everyone.clients.values()
        ]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()
    half = len(names) // 2
    assert {each: got.count(each) for each in set(got)} == {("acme/app", 200): half, ("acme/dev", 403): half}
    book = everyone["skopeo"].pulls
    assert (book.accepted, book.refused, book.wrongly_accepted) == (len(everyone.clients),) * 2 + (0,)


def both(client: Client, machine: Machine) -> None:
    """In a thread: what it finds is in the book."""
    client.accepts(f"{machine.name()}:v1")
    client.refuses(f"{machine.name('acme/dev')}:v1")


def test_a_tag_that_moves_under_the_client(machine: Machine, everyone: Fleet) -> None:
    """The registry answers first with what is signed, then with something else, or the other way round.

    The client hashes what it holds and asks for that digest: it gets what was signed, or nothing.
    """
    machine.sign(machine.image())
    machine.image(tag="evil", content=b"evil")
    with Running(machine):
        everyone.accepts(f"{machine.name()}:v1")
        for client in everyone.clients.values():
            for turns in (("v1", "evil"), ("evil", "v1"), ("evil",)):
                machine.registry.faults[:] = [Fault(moving(*turns), path="/manifests/v1")]
                pulled, said = client.pull(f"{machine.name()}:v1")
                first_is_signed = turns[0] == "v1"
                client.pulls.note(client.name, str(turns), said, pulled=pulled, allowed=first_is_signed)


def test_content_that_is_swapped_behind_a_countersignature(machine: Machine, everyone: Fleet) -> None:
    """The manifest is the signed one, its layer is not: the client compares every blob with its digest."""
    machine.sign(machine.image(tag="good", content=b"good"))
    machine.sign(machine.image(content=b"swapped"))
    blob = Digest.of(layer(b"swapped"))
    with Running(machine):
        everyone.accepts(f"{machine.name()}:good")
        machine.registry.faults.append(Fault(with_body(lambda _: layer(b"evil!")), path=f"/blobs/{blob}"))
        for name in ("skopeo", "skopeo_old", "podman"):
            client = everyone[name]
            pulled, said = client.pull(f"{machine.name()}:v1")
            client.pulls.note(client.name, "v1", said, pulled=pulled, allowed=False)
            assert "digest" in said.lower(), said
