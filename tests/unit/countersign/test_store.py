"""A database that is right, torn, forged, older, read-only or gone: used, begun anew or refused; never believed."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.countersigning import Counter, Machine
from vouchsafe.adapters.databasefile import DatabaseFile
from vouchsafe.countersign import room
from vouchsafe.countersign import store as limits
from vouchsafe.countersign.database import PAGE, SCHEMA, VERSION, Database
from vouchsafe.countersign.rows import ADMITTED, SERVICE, Line, Memory, Noted, Piece
from vouchsafe.countersign.store import Store
from vouchsafe.errors import HostError
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import OCI_IMAGE, OCI_INDEX, Manifest
from vouchsafe.image.reference import Repository
from vouchsafe.testing.clock import VIRTUAL_NOON, VirtualClock
from vouchsafe.testing.registry import push_index
from vouchsafe.testing.workload import gitlab

AT = VIRTUAL_NOON
APP = Repository(domain="r.example", path="app")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database is."""
    return tmp_path / "countersign.db"


@pytest.fixture
def store(path: Path) -> Store:
    """An empty one."""
    return Store(Database(DatabaseFile(str(path))))


def memory(number: int = 0, *, source: str = SERVICE, days: float = 1) -> Memory:
    """Evidence about the image of that number."""
    piece = Piece(media_type="application/x", annotations={"a": "b"}, blob=b"evidence %d" % number)
    return Memory(
        repository=APP,
        digest=Digest.of(b"%d" % number),
        checked=AT,
        until=AT + timedelta(days=days),
        source=source,
        evidence=(piece, piece.replace(annotations={})),
    )


def test_evidence_comes_back_as_it_was_kept(store: Store) -> None:
    """In its order, and only for its own image."""
    store.remember(memory())
    assert memory() == store.recall(APP, memory().digest, AT)
    assert store.recall(APP, memory(1).digest, AT) is None
    assert store.recall(Repository(domain="r.example", path="other"), memory().digest, AT) is None


def test_what_was_admitted_keeps_its_end(store: Store) -> None:
    """A day's evidence does not shorten a month's; a later admission lengthens it."""
    store.remember(memory(source=ADMITTED, days=30))
    store.remember(memory())
    found = store.recall(APP, memory().digest, AT)
    assert found is not None
    assert (AT + timedelta(days=30), ADMITTED) == (found.until, found.source)
    store.remember(memory(source=ADMITTED, days=60))
    assert [(APP.name, str(memory().digest), ADMITTED, AT + timedelta(days=60))] == list(store.subjects())


def test_prune_forgets_what_has_ended(store: Store) -> None:
    """And nothing else."""
    store.remember(memory(1))
    store.remember(memory(2, days=3))
    assert (store.prune(AT + timedelta(days=2)), store.prune(AT + timedelta(days=2))) == (1, 0)
    assert [str(memory(2).digest)] == [digest for _, digest, _, _ in store.subjects()]


def test_the_evidence_of_one_image_is_forgotten(store: Store) -> None:
    """There, and nowhere else."""
    other = Repository(domain="r.example", path="other")
    store.remember(memory())
    store.remember(memory().replace(repository=other))
    store.forget(APP, memory().digest)
    assert store.recall(APP, memory().digest, AT) is None
    assert store.recall(other, memory().digest, AT) == memory().replace(repository=other)


def noted(digest: str = "sha256:0") -> Noted:
    """A verdict."""
    return Noted(
        repository=APP.name,
        digest=digest,
        scope="r.example",
        epoch="e",
        trust="t",
        version="v",
        outcome="accepted",
        code="",
        message="",
        signers=("somebody",),
        at=AT,
        until=AT + timedelta(days=1),
    )


def test_verdicts_and_log_come_back(store: Store) -> None:
    """The newest line first."""
    store.note(noted())
    lines = [
        Line(at=AT, uid=number, repository="r", digest="d", scope="", outcome="accepted")
        for number in range(3)
    ]
    store.log(lines)
    assert ((noted(),), (lines[2], lines[1])) == (store.verdicts(), store.lines(2))
    store.log([lines[0].replace(outcome="rejected")])
    assert [line.outcome for line in store.lines(1)] == ["rejected"]
    assert store.lines(1, "accepted") == (lines[2],)


def test_the_log_is_bounded(store: Store) -> None:
    """Its beginning is cut off."""
    line = Line(at=AT, uid=0, repository="r", digest="d", scope="", outcome="accepted")
    for _ in range(3):
        store.log([line] * (limits.MOST_LINES // 2))
    assert len(store.lines(10 * limits.MOST_LINES)) == limits.MOST_LINES


def test_evidence_is_bounded_and_what_was_admitted_stays(path: Path) -> None:
    """What was used least goes first."""
    most = 64
    big = Piece(media_type="application/x", annotations={}, blob=bytes(room.UNSEEN_BYTES))
    store = Store(Database(DatabaseFile(str(path))), room.Room(most_bytes=most * len(big.blob)))
    store.remember(memory(0, source=ADMITTED).replace(evidence=(big,)))
    for number in range(1, most + 2):
        store.remember(memory(number).replace(evidence=(big,), checked=AT + timedelta(seconds=number)))
    kept = {digest for _, digest, _, _ in store.subjects()}
    assert {True, False} == {str(memory(0).digest) in kept, str(memory(1).digest) in kept}
    assert str(memory(most + 1).digest) in kept
    assert len(kept) <= most


def manifest(kind: str, instance: Digest) -> Manifest:
    """An index that names the instance, or an image whose layer it is."""
    entry = {"mediaType": OCI_IMAGE, "digest": str(instance), "size": 2}
    held: dict[str, object] = (
        {"manifests": [entry]} if kind == OCI_INDEX else {"config": entry, "layers": [entry]}
    )
    return Manifest.parse(json.dumps({"schemaVersion": 2, "mediaType": kind, **held}).encode())


def test_an_index_is_what_its_digest_says(path: Path, store: Store) -> None:
    """Other bytes under its digest, and a manifest that is no index, are passed over: a revocation reads them."""
    ours, theirs = Digest.of(b"ours"), Digest.of(b"theirs")
    index, other, image = (
        manifest(kind, digest) for kind, digest in ((OCI_INDEX, ours), (OCI_INDEX, theirs), (OCI_IMAGE, ours))
    )
    store.learn(APP, index, AT)
    assert store.index(index.digest) == index
    assert store.parents(APP, ours) == ((index, False),)
    for digest, raw in ((index.digest, other.raw), (image.digest, image.raw), (index.digest, "text")):
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE indexes SET digest = ?, raw = ?", (str(digest), raw))
            connection.execute("UPDATE entries SET parent = ?", (str(digest),))
        assert store.index(digest) is None
        assert store.parents(APP, ours) == ()


def test_the_newest_verified_time_only_grows(store: Store) -> None:
    """A host's clock cannot be before it."""
    assert store.newest_seen() is None
    for moment in (AT, AT + timedelta(hours=1), AT - timedelta(days=9)):
        store.see(moment)
    assert AT + timedelta(hours=1) == store.newest_seen()


def torn(path: Path) -> None:
    """The first page is ours, the others are noise."""
    content = path.read_bytes()
    path.write_bytes(content[:PAGE] + b"\xa5" * (len(content) - PAGE))


def overwritten(path: Path) -> None:
    """No database at all."""
    path.write_bytes(b"not a database, but long enough to look like a header" * 100)


def older(path: Path) -> None:
    """What the previous release wrote."""
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION - 1}")


def newer(path: Path) -> None:
    """What the next release will write."""
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")


def with_trigger(path: Path) -> None:
    """Code of somebody's own."""
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TRIGGER x AFTER INSERT ON log BEGIN DELETE FROM subjects; END")


def without_table(path: Path) -> None:
    """A part is missing."""
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE evidence")


def emptied(path: Path) -> None:
    """No byte."""
    path.write_bytes(b"")


def gone(path: Path) -> None:
    """No file."""
    path.unlink()


@pytest.mark.parametrize(
    "spoil", [torn, overwritten, older, newer, with_trigger, without_table, emptied, gone]
)
def test_what_is_not_ours_is_begun_anew(path: Path, spoil: Callable[[Path], None]) -> None:
    """Set aside, and said; what it held is asked for again."""
    said: list[str] = []
    store = Store(Database(DatabaseFile(str(path)), changed=said.append))
    store.remember(memory())
    store.close()
    for suffix in ("-wal", "-shm"):
        (path.parent / (path.name + suffix)).unlink(missing_ok=True)
    spoil(path)
    store = Store(Database(DatabaseFile(str(path)), changed=said.append))
    assert store.recall(APP, memory().digest, AT) is None
    store.remember(memory())
    assert memory() == store.recall(APP, memory().digest, AT)
    assert (spoil in {emptied, gone}) == (not said)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE evidence SET annotations = '[]'",
        "UPDATE evidence SET annotations = '{\"a\": 1}'",
        "UPDATE evidence SET annotations = X'00'",
        "UPDATE evidence SET blob = 'text'",
        "UPDATE evidence SET blob = NULL",
        "UPDATE evidence SET media_type = X'00'",
    ],
)
def test_a_row_that_is_not_what_we_write_is_passed_over(path: Path, store: Store, statement: str) -> None:
    """It is no evidence."""
    store.remember(memory())
    with sqlite3.connect(path) as connection:
        connection.execute(statement)
    found = store.recall(APP, memory().digest, AT)
    assert found is not None
    assert found.evidence == ()


@pytest.mark.parametrize(
    "statement", ["UPDATE subjects SET until = 'never'", "UPDATE subjects SET checked = 9e99"]
)
def test_a_time_that_is_none_is_no_memory(path: Path, store: Store, statement: str) -> None:
    """It does not stand for ever either."""
    store.remember(memory())
    with sqlite3.connect(path) as connection:
        connection.execute(statement)
    assert store.recall(APP, memory().digest, AT) is None


def test_every_table_is_in_the_schema(path: Path, store: Store) -> None:
    """What is checked is what was written."""
    store.remember(memory())
    with sqlite3.connect(path) as connection:
        written = [
            row[0] for row in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")
        ]
    assert sorted(SCHEMA) == sorted(written)


def test_it_is_nobody_elses_to_read(path: Path, store: Store) -> None:
    """Which images a host runs is its own business."""
    store.remember(memory())
    modes = {each.name: each.stat().st_mode & 0o777 for each in path.parent.iterdir()}
    assert {0o600} == set(modes.values())


@pytest.mark.skipif(os.geteuid() != 0, reason="a folder of another owner needs root")
def test_it_belongs_to_its_folders_owner(path: Path, store: Store) -> None:
    """Root's commands and the service write the same files."""
    os.chown(path.parent, 1234, 1234)
    store.remember(memory())
    assert {(1234, 1234)} == {(each.stat().st_uid, each.stat().st_gid) for each in path.parent.iterdir()}


# What follows goes through the whole service.


@pytest.mark.parametrize(
    "statement",
    [
        # An acceptance for a digest, a scope and an epoch that nobody accepted.
        (
            "INSERT OR REPLACE INTO verdicts SELECT repository, '{other}', scope, epoch, trust, version, outcome,"
            " code, message, signers, at, until FROM verdicts"
        ),
        # Another image's evidence as this one's.
        (
            "INSERT INTO subjects SELECT repository, '{other}', checked, 9e9, 'admit', used, bytes FROM subjects;"
            " INSERT INTO evidence SELECT repository, '{other}', position, media_type, annotations, blob FROM evidence"
        ),
        # An index that was never seen, which names it.
        (
            "INSERT INTO indexes SELECT repository, digest, X'7b7d', 0 FROM subjects;"
            " INSERT INTO entries SELECT repository, '{other}', digest, 1 FROM subjects"
        ),
    ],
)
def test_rows_forged_by_hand_are_no_acceptance(machine: Machine, counter: Counter, statement: str) -> None:
    """Whoever writes the database writes hints."""
    signed, other = machine.image(), machine.image(content=b"other")
    machine.sign(signed)
    assert counter.said(signed) == "accepted"
    counter.service.close()
    with sqlite3.connect(machine.folder / "state/countersign.db") as connection:
        connection.executescript(statement.format(other=other))
    with Counter(machine) as again:
        assert [again.said(other), again.said(signed)] == ["rejected unsigned", "accepted"]


def test_forged_evidence_is_verified(machine: Machine, counter: Counter) -> None:
    """A stranger's signature under our row; a signature bit by bit wrong."""
    digest = machine.image()
    machine.sign(digest)
    assert counter.said(digest) == "accepted"
    counter.service.close()
    stranger = gitlab(project_path="evil/app")
    payload, annotations = machine.sigstore.sign_legacy(digest, machine.name(), stranger)
    for forged in (json.dumps(annotations), json.dumps({**annotations, "dev.sigstore.cosign/bundle": "{}"})):
        with sqlite3.connect(machine.folder / "state/countersign.db") as connection:
            connection.execute("UPDATE evidence SET blob = ?, annotations = ?", (payload, forged))
            connection.execute("UPDATE subjects SET until = 9e9")
        machine.registry.store.delete("acme/app", f"{digest.tag_prefix}.sig")
        with Counter(machine) as again:
            assert again.said(digest) == "rejected unsigned"


def test_a_forged_index_is_hashed_and_judged(machine: Machine, counter: Counter) -> None:
    """An index of somebody's own making under a signed index's digest, or under its own."""
    index, _ = push_index(machine.registry.store, "acme/app", "v1")
    machine.sign(index)
    victim = machine.image(tag="", content=b"evil")
    assert counter.said(index) == "accepted"
    counter.service.close()
    forged = b'{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json",' + (
        b'"digest":"%s","size":1}]}' % str(victim).encode()
    )
    for under in (str(index), str(Digest.of(forged))):
        with sqlite3.connect(machine.folder / "state/countersign.db") as connection:
            connection.execute("DELETE FROM indexes")
            connection.execute("DELETE FROM entries")
            connection.execute("INSERT INTO indexes VALUES (?, ?, ?, 0)", (machine.name(), under, forged))
            connection.execute(
                "INSERT INTO entries VALUES (?, ?, ?, 1)", (machine.name(), str(victim), under)
            )
        with Counter(machine) as again:
            assert again.said(victim) == "rejected unsigned"


def test_a_forged_entry_of_a_signed_index(machine: Machine, counter: Counter) -> None:
    """The index is real and accepted, and says nothing of the image that a row puts into it."""
    index, instances = push_index(machine.registry.store, "acme/app", "v1")
    machine.sign(index)
    victim = machine.image(tag="", content=b"evil")
    assert counter.said(instances["arm64"]) == "accepted"
    counter.service.close()
    with sqlite3.connect(machine.folder / "state/countersign.db") as connection:
        connection.execute(
            f"INSERT OR REPLACE INTO entries SELECT repository, '{victim}', parent, 1 FROM entries"
        )
    with Counter(machine) as again:
        assert [again.said(victim), again.said(instances["amd64"])] == ["rejected unsigned", "accepted"]


@pytest.mark.parametrize("spoil", [torn, overwritten, older, with_trigger, gone])
def test_a_service_goes_on_with_a_new_database(
    machine: Machine, counter: Counter, spoil: Callable[[Path], None]
) -> None:
    """Also while it runs: what was there is asked for again."""
    signed, unsigned = machine.image(), machine.image(content=b"unsigned")
    machine.sign(signed)
    assert counter.said(signed) == "accepted"
    counter.service.store.close()
    path = machine.folder / "state/countersign.db"
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    spoil(path)
    counter.service.keeper.forget()
    assert [counter.said(signed), counter.said(unsigned)] == ["accepted", "rejected unsigned"]


def test_a_full_disk_refuses(machine: Machine, clock: VirtualClock) -> None:
    """Nothing that could not be written down is accepted."""

    class Full(DatabaseFile):
        """Its disk has no room."""

        def prepare(self) -> None:
            """See the class."""
            raise HostError("store-file", "expected to open the database, got: No space left on device")

    digest = machine.image()
    machine.sign(digest)
    with Counter(machine) as counter:
        counter.service.store._database._file = Full(str(machine.folder / "state/full.db"))
        assert counter.said(digest) == "undecided store-file"


def test_a_read_only_database_refuses(machine: Machine, counter: Counter) -> None:
    """SQLite says so itself, as it does for a full disk."""
    digest = machine.image()
    machine.sign(digest)
    database = counter.service.store._database
    database.run(lambda connection: None)
    assert database._connection is not None
    database._connection.execute("PRAGMA query_only = ON")
    assert counter.said(digest) == "undecided store-write"


def test_small_evidence_is_bounded_too(path: Path) -> None:
    """Counted once in a while: the bound may be passed by what was written since, and not by more."""
    database, most = Database(DatabaseFile(str(path))), 1_000
    kept = room.Room(most_subjects=most)
    counts = []

    def work(connection: sqlite3.Connection) -> None:
        for number in range(4 * most):
            key = ("r", str(number))
            connection.execute("INSERT INTO subjects VALUES (?, ?, 0, 9e9, 'service', ?, 0)", (*key, number))
            kept.for_subject(connection, key, 0)
            connection.execute(
                "INSERT INTO verdicts VALUES (?, ?, 's', '', '', '', '', '', '', '[]', ?, 0)", (*key, number)
            )
            kept.for_verdict(connection)
            if number % 16 == 0:
                counts.append(
                    connection.execute(
                        "SELECT (SELECT COUNT(*) FROM subjects), (SELECT COUNT(*) FROM verdicts)"
                    ).fetchone()
                )
        newest = connection.execute(
            "SELECT (SELECT MAX(used) FROM subjects), (SELECT MAX(at) FROM verdicts)"
        ).fetchone()
        assert newest == (4 * most - 1, 4 * most - 1)

    database.run(work)
    assert max(count for count, _ in counts) <= most + room.UNSEEN_ROWS
    assert max(count for _, count in counts) <= 2 * most + room.UNSEEN_ROWS
