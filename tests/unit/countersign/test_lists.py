"""An instance is accepted because an index that is accepted in its own right names it, and for no other reason."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.countersigning import Counter, Machine, Running, Signature
from vouchsafe.countersign import lists
from vouchsafe.countersign.advance import admit
from vouchsafe.countersign.lists import by_likelihood
from vouchsafe.countersign.workbench import Workbench
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import OCI_IMAGE, OCI_INDEX, Manifest
from vouchsafe.image.reference import Reference, Repository
from vouchsafe.policy.compile import marker
from vouchsafe.policy.revocation import Tombstone
from vouchsafe.testing.clock import VirtualClock
from vouchsafe.testing.registry import push_index
from vouchsafe.testing.workload import gitlab
from vouchsafe.wiring import countersign as wiring

LONGEST = 60.0  # seconds until a change must be noticed
DEV = "https://gitlab.example/acme/app//.gitlab-ci.yml@refs/heads/dev"
DEVELOPER = gitlab(project_path="acme/app", ref="refs/heads/dev")


def index(machine: Machine, repository: str = "acme/app", tag: str = "v1") -> tuple[Digest, Digest]:
    """A multi-arch image of which nothing is signed: the index and one instance."""
    made, instances = push_index(machine.registry.store, repository, tag)
    return made, instances["arm64"]


def put_index(machine: Machine, entries: list[dict[str, Any]], tag: str = "v1", **more: Any) -> Digest:
    """An index as a registry's owner would write it."""
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries, **more}
    return machine.registry.store.put_manifest("acme/app", json.dumps(document).encode(), OCI_INDEX, tag)


def entry(machine: Machine, digest: Digest, **changes: Any) -> dict[str, Any]:
    """How an index names it, right but for `changes`."""
    stored = machine.registry.store.manifest("acme/app", str(digest))
    assert stored is not None
    return {"mediaType": stored.media_type, "digest": str(digest), "size": len(stored.raw), **changes}


def paths(machine: Machine) -> list[str]:
    """What the registry was asked for."""
    return [request.path for request in machine.registry.requests]


def test_asked_for_before(machine: Machine, counter: Counter) -> None:
    """bootc asks for the list; podman then asks for the instance. No tag is looked at."""
    made, instance = index(machine)
    machine.sign(made)
    assert [counter.said(made), counter.said(instance)] == ["accepted", "accepted"]
    assert [path for path in paths(machine) if "/tags/" in path or path.endswith("/v1")] == []


def test_a_tag_that_the_policy_names(machine: Machine) -> None:
    """It is looked at before the others are listed."""
    machine.apply({machine.name(): [machine.keyless()], f"{machine.name()}:v7": [machine.keyless()]})
    made, instance = index(machine, tag="v7")
    machine.bundle(made)
    with Counter(machine) as counter:
        assert counter.said(instance) == "accepted"
    assert [path for path in paths(machine) if "/tags/" in path] == []


def test_a_tag_that_is_tracked(machine: Machine) -> None:
    """By the operator, in /etc/vouchsafe/track."""
    made, instance = index(machine, tag="obscure")
    machine.sign(made)
    with Counter(machine, tracked=[f"{machine.name()}:obscure"]) as counter:
        assert counter.said(instance) == "accepted"
    assert [path for path in paths(machine) if "/tags/" in path] == []


def await_that(holds: Callable[[], bool]) -> None:
    """Until it does."""
    ends = time.monotonic() + LONGEST
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.01)


class Tracked(list[str]):
    """What the operator tracks; counts how often that was read."""

    read = 0

    def __iter__(self) -> Iterator[str]:
        self.read += 1
        return super().__iter__()

    def reading(self) -> Callable[[], bool]:
        """Whether it was read since this was called."""
        before = self.read
        return lambda: self.read > before


@pytest.mark.parametrize("by_signal", [True, False])
def test_a_tag_that_is_tracked_since(machine: Machine, by_signal: bool) -> None:
    """`systemctl reload` reads /etc/vouchsafe/track again; and it is noticed that the file has changed."""
    made, instance = index(machine, tag="obscure")
    machine.sign(made)
    tracked = Tracked()
    with Running(machine, tracked=tracked) as counter:
        tracked.append(f"{machine.name()}:obscure")
        if by_signal:
            counter.reload()
            await_that(lambda: "reading everything anew" in [e["MESSAGE"] for e in counter.journal.entries])
        else:
            for comment in "#", "##":  # what the first has changed is in force when the second is read
                read_again = tracked.reading()
                Path(machine.places.tracked).write_text(comment, encoding="utf-8")
                await_that(read_again)
        assert counter.said(instance) == "accepted"
    assert [path for path in paths(machine) if "/tags/" in path] == []


def test_a_look_around(machine: Machine, counter: Counter) -> None:
    """Tags are listed, those that cosign writes are skipped, and the answer is remembered."""
    made, instance = index(machine)
    machine.sign(made)
    assert counter.said(instance) == "accepted"
    looked = [path for path in paths(machine) if "/manifests/" in path and ":" not in path]
    assert [path for path in looked if not path.endswith(("/v1", ".sig", instance.tag_prefix))] == []
    before = len(paths(machine))
    assert ("accepted", before) == (counter.said(instance), len(paths(machine)))


def test_an_admitted_index_speaks_for_its_platforms_for_weeks(machine: Machine, clock: VirtualClock) -> None:
    """Without a registry, and as long as it was admitted for."""
    made, instance = index(machine)
    machine.sign(made)
    around = wiring.surroundings({}, uid=0, places=machine.places, clock=clock)
    bench = Workbench(around.configuration, around.upstream, around.file, clock, report=print)
    admit(bench, bench.errand(), Reference.parse(f"docker://{machine.name()}:v1"), timedelta(days=30))
    bench.close()
    machine.registry.close()
    clock.advance(days=29)
    with Counter(machine) as counter:
        assert [counter.said(made), counter.said(instance)] == ["accepted", "accepted"]
    clock.advance(days=2)
    with Counter(machine) as counter:
        assert "accepted" not in (counter.said(made), counter.said(instance))


def test_it_outlives_a_restart_and_the_registry(machine: Machine) -> None:
    """Index and evidence are kept; both are looked at again."""
    made, instance = index(machine)
    machine.sign(made)
    with Counter(machine) as counter:
        assert counter.said(instance) == "accepted"
    machine.registry.close()
    with Counter(machine) as counter:
        assert counter.said(instance) == "accepted"


def test_what_is_signed_names_the_instance(machine: Machine, counter: Counter) -> None:
    """The index's name, where its evidence has one; its own digest, where it has none."""
    made, instance = index(machine)
    machine.sign(made, reference=f"{machine.name()}:v1")
    said = Signature(counter.ask(instance).blob)
    assert (f"{machine.name()}:v1", str(instance)) == (said.name, said.digest)
    bundled, other = push_index(machine.registry.store, "acme/app", "v2", architectures=("s390x",))
    machine.bundle(bundled)
    said = Signature(counter.ask(other["s390x"]).blob)
    assert (f"{machine.name()}@{other['s390x']}", str(other["s390x"])) == (said.name, said.digest)


def test_an_unsigned_index_speaks_for_nobody(machine: Machine, counter: Counter) -> None:
    """Rejected as what it is: unsigned."""
    made, instance = index(machine)
    assert [counter.said(instance), counter.said(made)] == ["rejected unsigned", "rejected unsigned"]


def test_an_unsigned_index_is_looked_for_in_no_other(machine: Machine, counter: Counter) -> None:
    """Indexes speak for instances alone, so no tag is looked at."""
    made, _ = index(machine)
    assert counter.said(made) == "rejected unsigned"
    assert not [path for path in paths(machine) if "/tags/list" in path]


def test_a_list_is_not_accepted_because_its_instances_are(machine: Machine, counter: Counter) -> None:
    """Somebody's index of our signed instances is somebody's."""
    made, instance = index(machine)
    machine.sign(instance)
    assert [counter.said(instance), counter.said(made)] == ["accepted", "rejected unsigned"]


def test_an_index_of_a_sibling_repository_does_not_count(machine: Machine, counter: Counter) -> None:
    """The same digest lies in both."""
    machine.apply({machine.name("acme"): [machine.keyless()]})
    made, instance = index(machine, "acme/sibling")
    machine.sign(made, "acme/sibling")
    _, same = index(machine)
    assert same == instance
    assert [
        counter.said(instance, machine.name("acme/sibling")),
        counter.said(instance),
    ] == ["accepted", "rejected unsigned"]


def test_an_index_of_another_scope_does_not_count(machine: Machine, counter: Counter) -> None:
    """What the dev tag accepts gives the instance the dev tag's marker alone."""
    compiled = machine.apply(
        {machine.name(): [machine.keyless()], f"{machine.name()}:dev": [machine.keyless(DEV)]}
    )
    made, instance = index(machine)
    machine.sign(made, identity=DEVELOPER)
    assert [marker(compiled.epoch, f"{machine.name()}:dev")] == Signature(counter.ask(instance).blob).markers


def test_an_index_that_satisfies_half_does_not_count(machine: Machine, counter: Counter) -> None:
    """All requirements, by the index; the instance's own signature does not fill in."""
    machine.apply({machine.name(): [machine.keyless(), machine.keyless(DEV)]})
    made, instance = index(machine)
    machine.sign(made)
    machine.sign(instance, identity=DEVELOPER)
    assert counter.said(instance).startswith("rejected ")
    assert counter.said(made) == "rejected identity"


def test_a_stranger_beside_the_instance_hides_nothing(machine: Machine, counter: Counter) -> None:
    """Somebody else's signature on the instance does not end the search for its index."""
    made, instance = index(machine)
    machine.sign(made)
    machine.sign(instance, identity=gitlab(project_path="evil/app"))
    assert counter.said(instance) == "accepted"


def test_one_level_only(machine: Machine, counter: Counter) -> None:
    """An index of indexes is signed: it speaks neither for the inner index nor for what that names."""
    inner, instance = index(machine, tag="inner")
    outer = put_index(machine, [entry(machine, inner)], tag="outer")
    machine.sign(outer)
    assert [
        counter.said(outer),
        counter.said(inner),
        counter.said(instance),
    ] == ["accepted", "rejected unsigned", "rejected unsigned"]


def test_an_inner_index_in_disguise_is_refused(machine: Machine, counter: Counter) -> None:
    """Named as an image, and an index in truth."""
    inner, _ = index(machine, tag="inner")
    machine.sign(put_index(machine, [entry(machine, inner, mediaType=OCI_IMAGE)], tag="outer"))
    assert counter.said(inner) == "rejected unsigned"


@pytest.mark.parametrize(
    "changes",
    [
        [{"size": 1}],
        [{"mediaType": "application/vnd.docker.distribution.manifest.v2+json"}],
        [{"mediaType": "application/octet-stream"}],
        [{}, {"size": 1}],
        [{}, {"mediaType": OCI_INDEX}],
    ],
)
def test_an_ambiguous_entry_names_nobody(
    machine: Machine, counter: Counter, changes: list[dict[str, Any]]
) -> None:
    """Signed or not: what it says of the instance is not what the instance is, or is two things."""
    instance = machine.image(tag="")
    made = put_index(machine, [entry(machine, instance, **change) for change in changes])
    machine.sign(made)
    assert [counter.said(made), counter.said(instance)] == ["accepted", "rejected unsigned"]


def test_the_same_entry_twice_is_one(machine: Machine, counter: Counter) -> None:
    """Two platforms may share one image."""
    instance = machine.image(tag="")
    platforms = [{"platform": {"os": "linux", "architecture": name}} for name in ("amd64", "arm64")]
    machine.sign(put_index(machine, [entry(machine, instance, **each) for each in platforms]))
    assert counter.said(instance) == "accepted"


def test_a_document_that_is_both_is_none(machine: Machine, counter: Counter) -> None:
    """Index and image at once (CVE-2021-41190); and it hides no other tag."""
    instance = machine.image(tag="")
    machine.sign(put_index(machine, [entry(machine, instance)], tag="v9", layers=[]))
    assert counter.said(instance) == "rejected unsigned"
    machine.clock.advance(minutes=1)  # type: ignore[attr-defined]
    machine.sign(put_index(machine, [entry(machine, instance)], tag="v1"))
    assert counter.said(instance) == "accepted"


def test_a_revoked_index_takes_its_instances_along(machine: Machine, counter: Counter) -> None:
    """Those that are signed themselves too: known from what was asked before, or written with the tombstone."""
    made, instance = index(machine)
    machine.sign(made)
    machine.sign(instance)
    assert counter.said(instance) == "accepted"
    stone = Tombstone(at=machine.clock.now(), digest=made, covers=frozenset({instance}))
    machine.write("state/revoked", stone.line())
    assert [counter.said(made), counter.said(instance)] == ["rejected revoked", "rejected revoked"]


def test_a_revoked_index_is_found_out(machine: Machine, counter: Counter) -> None:
    """Also where the tombstone names the index alone."""
    made, instance = index(machine)
    machine.sign(made)
    machine.write("state/revoked", Tombstone(at=machine.clock.now(), digest=made).line())
    assert counter.said(instance) == "rejected revoked"


def test_tags_by_likelihood() -> None:
    """Moving tags, then the newest versions; nothing of cosign's."""
    tags = [
        *("v1.9", "sha256-" + "0" * 64, f"sha256-{'0' * 64}.sig", "v1.10", "main", "latest", "nightly"),
        *(f"sha256-{'0' * 64}.att", "v1.10-rc1"),
    ]
    assert by_likelihood(tags) == ["latest", "main", "v1.10-rc1", "v1.10", "v1.9", "nightly"]


def test_five_thousand_tags(machine: Machine, counter: Counter, clock: VirtualClock) -> None:
    """A window's worth is looked at, then nobody could tell; asking again goes on where it stopped."""
    machine.registry.page = 1_000
    plain = machine.image(tag="")
    for number in range(5_000):
        machine.registry.store.tag("acme/app", f"zz-{number}", plain)
    made, instance = index(machine, tag="aa")
    machine.sign(made)
    assert counter.said(instance) == "undecided limit-lists"
    asked = len(paths(machine))
    assert asked < lists.MOST_LOOKED + 15
    clock.advance(seconds=2)
    assert (counter.said(instance), len(paths(machine)) < asked + 10) == ("undecided limit-lists", True)
    clock.advance(seconds=lists.WINDOW.total_seconds())
    assert counter.said(instance) == "undecided limit-lists"
    machine.registry.store.tag("acme/app", "latest", made)
    with Counter(machine) as again:
        assert again.said(instance) == "accepted"


def test_a_registry_that_lists_no_tags(machine: Machine, counter: Counter) -> None:
    """Nobody could tell, and why: the image by itself is unsigned."""
    instance = machine.image(tag="")
    machine.registry.faults.append(forbidden())
    answer = counter.ask(instance)
    assert (answer.code, "by itself" in answer.message) == ("registry-unauthorized", True)


def forbidden() -> Any:
    """Tags are nobody's business."""
    from vouchsafe.testing.faults import Fault, always
    from vouchsafe.testing.loopback import Response

    return Fault(always(Response(status=403)), path="/tags/")


def revoke(machine: Machine, digest: Digest) -> None:
    """One digest, and nothing that it might cover."""
    machine.write("state/revoked", Tombstone(at=machine.clock.now(), digest=digest, reason="leaked").line())


def test_a_revoked_instance_of_an_index_that_is_not(machine: Machine, counter: Counter) -> None:
    """Known through its index or not: it is refused, the index and its other instances are not."""
    made, instances = push_index(machine.registry.store, "acme/app", "v1")
    machine.sign(made)
    assert [counter.said(instance) for instance in instances.values()] == ["accepted", "accepted"]
    revoke(machine, instances["arm64"])
    said = [counter.said(digest) for digest in (instances["arm64"], instances["amd64"], made)]
    assert said == ["rejected revoked", "accepted", "accepted"]


def test_a_revoked_index_takes_signed_instances_with_it(machine: Machine, counter: Counter) -> None:
    """Also where nobody wrote down whom it names, and the instance has a signature of its own."""
    made, instance = index(machine)
    machine.sign(made)
    assert counter.said(instance) == "accepted"
    machine.sign(instance)
    revoke(machine, made)
    assert counter.said(instance) == "rejected revoked"


def test_a_row_that_says_that_an_instance_was_looked_at(machine: Machine, counter: Counter) -> None:
    """The index itself must name it, and in one way: the database is not believed."""
    instance, stranger = machine.image(tag="instance"), machine.image(tag="other", content=b"stranger")
    twice = [entry(machine, instance), entry(machine, instance, size=7)]
    made = put_index(machine, twice)
    machine.sign(made)
    store, repository = counter.service.store, Repository.parse(machine.name())
    raw = machine.registry.store.manifest("acme/app", str(made))
    assert raw is not None
    assert counter.said(made) == "accepted"
    store.learn(repository, Manifest.parse(raw.raw), machine.clock.now())
    forge = "INSERT OR REPLACE INTO entries VALUES (?, ?, ?, 1)"
    with sqlite3.connect(machine.places.database) as database:
        for digest in (instance, stranger):
            database.execute(forge, (repository.name, str(digest), str(made)))
    assert [index.digest for index, _ in store.parents(repository, stranger)] == [made]
    assert [counter.said(digest).partition(" ")[0] for digest in (instance, stranger)] == ["rejected"] * 2


def test_a_row_takes_no_stranger_along_with_a_revoked_index(machine: Machine, counter: Counter) -> None:
    """The index itself does not name it, so its tombstone is nothing to an image with a signature of its own."""
    made, _ = index(machine)
    stranger = machine.image(tag="other", content=b"stranger")
    machine.sign(stranger)
    stored = machine.registry.store.manifest("acme/app", str(made))
    assert stored is not None
    repository = Repository.parse(machine.name())
    counter.service.store.learn(repository, Manifest.parse(stored.raw), machine.clock.now())
    with sqlite3.connect(machine.places.database) as database:
        row = (repository.name, str(stranger), str(made))
        database.execute("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, 1)", row)
    revoke(machine, made)
    assert counter.said(stranger) == "accepted"


def test_a_known_index_that_is_wrong_about_an_instance(machine: Machine, counter: Counter) -> None:
    """It was admitted, and its entry does not fit what is there: then it speaks of something else."""
    right, wrong = machine.image(tag="right"), machine.image(tag="wrong", content=b"wrong")
    made = put_index(machine, [entry(machine, right), entry(machine, wrong, size=7)])
    machine.sign(made)
    raw = machine.registry.store.manifest("acme/app", str(made))
    assert raw is not None
    counter.service.store.learn(
        Repository.parse(machine.name()), Manifest.parse(raw.raw), machine.clock.now()
    )
    assert [counter.said(digest).partition(" ")[0] for digest in (right, wrong)] == ["accepted", "rejected"]
