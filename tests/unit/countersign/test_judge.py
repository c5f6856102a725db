"""What a judgement depends on, asked of the judge itself: nothing that others look at first makes it look less."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.countersigning import MAIN, PIPELINE, Machine
from vouchsafe.countersign.acceptance import Acceptance, Judgement
from vouchsafe.countersign.judge import Errand, Subject
from vouchsafe.countersign.moving import Nowhere
from vouchsafe.countersign.recording import MOST_PIECES
from vouchsafe.countersign.rows import ADMITTED
from vouchsafe.countersign.state import in_force
from vouchsafe.countersign.workbench import Workbench
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Repository
from vouchsafe.policy.revocation import Tombstone, read
from vouchsafe.testing.clock import VirtualClock
from vouchsafe.testing.workload import gitlab
from vouchsafe.verification.trust import TrustRoot, parse_trusted_root
from vouchsafe.wiring import countersign as wiring

DEV = "https://gitlab.example/acme/app//.gitlab-ci.yml@refs/heads/dev"
DEVELOPER = gitlab(project_path="acme/app", ref="refs/heads/dev")


@pytest.fixture
def bench(machine: Machine) -> Iterator[Workbench]:
    """What a command judges with: one generation, however the files change."""
    made = workbench(machine)
    yield made
    made.close()


def workbench(machine: Machine) -> Workbench:
    """Another, with the same database."""
    around = wiring.surroundings({}, uid=0, places=machine.places, clock=machine.clock)
    return Workbench(around.configuration, around.upstream, around.file, machine.clock, report=print)


def subject(machine: Machine, digest: Digest) -> Subject:
    """An image of acme/app, under its scope."""
    return Subject(repository=Repository.parse(machine.name()), digest=digest, scope=machine.name())


def said(judgement: Judgement) -> str:
    """`accepted`, or the outcome and its code."""
    return "accepted" if isinstance(judgement, Acceptance) else f"{judgement.outcome} {judgement.reason.code}"


def signed(machine: Machine) -> Digest:
    """What the policy accepts."""
    digest = machine.image()
    machine.sign(digest)
    return digest


def test_a_revoked_digest_is_refused_by_itself(machine: Machine, bench: Workbench) -> None:
    """Also where nobody has looked at the tombstones before."""
    asked = subject(machine, signed(machine))
    errand = bench.errand()
    stones = read(Tombstone(at=machine.clock.now(), digest=asked.digest).line())
    revoking = errand.replace(grounds=errand.grounds.replace(generation=2, tombstones=stones))
    assert said(bench.judge.judge(errand, asked)) == "accepted"
    assert said(bench.judge.judge(revoking, asked)) == "rejected revoked"
    assert said(bench.bench.judge(revoking, asked)) == "rejected revoked"


def test_nothing_is_remembered_of_another_epoch(machine: Machine, bench: Workbench) -> None:
    """The same image, files and generation: the policy alone is another."""
    asked = subject(machine, signed(machine))
    errand = bench.errand()
    assert said(bench.judge.judge(errand, asked)) == "accepted"
    machine.apply({machine.name(): [machine.keyless(DEV)]})
    around = wiring.surroundings({}, uid=0, places=machine.places, clock=machine.clock)
    stricter = in_force(around.configuration.read())
    changed = errand.replace(grounds=errand.grounds.replace(in_force=stricter))
    assert said(bench.judge.judge(changed, asked)) == "rejected identity"


def test_nothing_is_remembered_beyond_another_trust_root(
    machine: Machine, bench: Workbench, clock: VirtualClock
) -> None:
    """What was admitted for weeks is judged again when what is believed has changed, and no generation has."""
    asked = subject(machine, signed(machine))
    errand = bench.errand()
    assert said(bench.judge.judge(errand, asked)) == "accepted"
    memory = bench.store.recall(asked.repository, asked.digest, clock.now())
    assert memory is not None
    bench.store.remember(memory.replace(until=clock.now() + timedelta(days=30), source=ADMITTED))
    clock.advance(seconds=1)
    again = workbench(machine)
    first = again.judge.judge(errand, asked)
    assert isinstance(first, Acceptance)
    assert first.until > clock.now() + timedelta(days=29)
    clock.advance(days=1, minutes=1)
    assert said(again.judge.judge(errand, asked)) == "accepted"
    machine.write("etc/trusted_root.json", machine.another_sigstore().trusted_root())
    clock.advance(days=1, minutes=1)
    assert said(again.judge.judge(errand, asked)).startswith("rejected ")
    again.close()


class Root:
    """Implements `ports.TrustSource`."""

    def __init__(self, root: TrustRoot) -> None:
        self.root = root

    def public_good(self) -> TrustRoot:
        """The one that was given."""
        return self.root


@pytest.mark.parametrize("hours, stands", [(1, 1), (48, 24)])
def test_an_acceptance_ends_with_the_trust_root(
    machine: Machine, bench: Workbench, clock: VirtualClock, hours: int, stands: int
) -> None:
    """Where that says of itself until when it is good; and after a day in any case."""
    rule = machine.keyless()
    del rule["fulcio"]["trustedRootPath"]
    machine.apply({machine.name(): [rule]})
    asked = subject(machine, signed(machine))
    root = parse_trusted_root(machine.sigstore.trusted_root(), source="a test")
    ends = clock.now() + timedelta(hours=hours)
    errand = bench.errand()
    errand = errand.replace(world=errand.world.replace(trust=Root(root.replace(expires=ends))))
    judgement = bench.judge.judge(errand, asked)
    assert isinstance(judgement, Acceptance)
    assert judgement.until == clock.now() + timedelta(hours=stands)


def test_a_revoked_signature_of_an_instance_ends_the_search(machine: Machine, bench: Workbench) -> None:
    """No index is looked for that would speak for what somebody revoked."""
    both = machine.keyless()
    both["fulcio"]["identities"] += machine.keyless(DEV)["fulcio"]["identities"]
    machine.apply({machine.name(): [both]})
    index, instances = machine.index()
    instance = instances["arm64"]
    machine.sign(index, identity=DEVELOPER)
    machine.sign(instance)
    stones = read(Tombstone(at=machine.clock.now(), identity=MAIN).line())
    errand = bench.errand()
    errand = errand.replace(grounds=errand.grounds.replace(tombstones=stones))
    assert said(bench.bench.judge(errand, subject(machine, instance))) == "rejected revoked"
    assert said(bench.bench.judge(errand, subject(machine, instances["amd64"]))) == "accepted"


def test_a_name_is_what_every_requirement_says(machine: Machine, bench: Workbench) -> None:
    """Evidence that names nobody agrees with every name, and widens none."""
    exact: dict[str, Any] = {"signedIdentity": {"type": "matchExact"}}
    machine.apply({machine.name(): [machine.keyless(**exact), machine.keyless(DEV, **exact)]})
    named, nameless = machine.image(), machine.image(content=b"nameless")
    machine.sign(named, reference=f"{machine.name()}:one")
    machine.bundle(nameless)
    for digest in (named, nameless):
        machine.bundle(digest, identity=DEVELOPER)
    both = machine.image(content=b"both")
    for identity in (PIPELINE, DEVELOPER):
        machine.sign(both, identity=identity, reference=f"{machine.name()}:one")
        machine.bundle(both, identity=identity)
    one = f"{machine.name()}:one"
    for digest, names in ((named, (one,)), (nameless, (None,)), (both, (one, None))):
        judgement = bench.judge.judge(bench.errand(), subject(machine, digest))
        assert isinstance(judgement, Acceptance)
        assert judgement.names == names


def test_where_no_tag_is_compared_one_name_is_enough(machine: Machine, bench: Workbench) -> None:
    """Two signers, each for another tag, are as good as two for the same."""
    machine.apply({machine.name(): [machine.keyless(), machine.keyless(DEV)]})
    digest = machine.image()
    machine.sign(digest, reference=f"{machine.name()}:one")
    machine.sign(digest, identity=DEVELOPER, reference=f"{machine.name()}:two")
    judgement = bench.judge.judge(bench.errand(), subject(machine, digest))
    assert isinstance(judgement, Acceptance)
    assert judgement.names == (f"{machine.name()}:one",)


def many_names(machine: Machine) -> Digest:
    """An image with as many names as are kept, so that its registry is asked for more."""
    machine.apply({machine.name(): [machine.keyless(signedIdentity={"type": "matchExact"})]})
    digest = machine.image()
    for number in range(MOST_PIECES):
        machine.sign(digest, reference=f"{machine.name()}:v{number}")
    return digest


@pytest.mark.parametrize(
    "down, expected", [(False, "rejected unsigned"), (True, "accepted")], ids=["deleted", "down"]
)
def test_what_is_kept_of_many_names(machine: Machine, *, down: bool, expected: str) -> None:
    """It speaks while the registry cannot be asked; what the registry says now outranks it."""
    asked = subject(machine, many_names(machine))
    for expecting in ("accepted", expected):
        made = workbench(machine)
        assert said(made.judge.judge(made.errand(), asked)) == expecting
        made.close()
        if down:
            machine.registry.close()
        else:
            machine.registry.store.delete("acme/app", f"{asked.digest.tag_prefix}.sig")


def test_the_newest_time_is_what_the_clock_is_held_against(
    machine: Machine, bench: Workbench, clock: VirtualClock
) -> None:
    """Of all signatures that were used, also by another process later."""
    machine.apply({machine.name(): [machine.keyless(signedIdentity={"type": "matchExact"})]})
    digest = machine.image()
    for tag in ("v1", "v2", "v0"):
        clock.advance(minutes=-5 if tag == "v0" else 10)
        machine.sign(digest, reference=f"{machine.name()}:{tag}")
    clock.advance(minutes=10)
    asked = subject(machine, digest)
    judgement = bench.judge.judge(bench.errand(), asked)
    assert isinstance(judgement, Acceptance)
    assert judgement.newest == clock.now() - timedelta(minutes=5)
    clock.advance(minutes=-8)
    later = workbench(machine)
    assert said(later.judge.judge(later.errand(), asked)) == "undecided clock"
    later.close()


@pytest.mark.parametrize("first", ["older", "newer"])
def test_the_order_of_judging_takes_nothing_back(
    machine: Machine, bench: Workbench, clock: VirtualClock, first: str
) -> None:
    """The newest time that was ever verified counts, whatever was judged first or last."""
    images = {name: machine.image(content=name.encode()) for name in ("older", "newer", "third")}
    machine.sign(images["older"])
    machine.sign(images["third"])
    clock.advance(minutes=10)
    machine.sign(images["newer"])
    errand = bench.errand()
    for name in (first, "older", "newer"):
        assert said(bench.judge.judge(errand, subject(machine, images[name]))) == "accepted"
    clock.advance(minutes=-5)
    assert said(bench.judge.judge(errand, subject(machine, images["third"]))) == "undecided clock"


def test_a_lane_does_not_answer_for_another(machine: Machine, bench: Workbench) -> None:
    """What one could not find out, another asks anew; the clock stands still meanwhile."""
    asked = subject(machine, signed(machine))
    errand = bench.errand()
    down = errand.replace(registry=Nowhere(), lane="others")
    assert said(bench.judge.judge(down, asked)).startswith("undecided ")
    assert said(bench.judge.judge(errand.replace(lane="root"), asked)) == "accepted"


def offline(errand: Errand) -> Errand:
    """Nobody is asked."""
    return errand.replace(offline=True)


def test_offline_nobody_is_asked(machine: Machine, bench: Workbench) -> None:
    """What was never seen is undecided; what is kept is judged, and may be refused."""
    asked = subject(machine, signed(machine))
    errand = bench.errand()
    for judge in (bench.judge, bench.bench):
        assert said(judge.judge(offline(errand), asked)) == "undecided nothing-kept"
    assert machine.registry.requests == []
    assert said(bench.judge.judge(errand, asked)) == "accepted"
    machine.apply({machine.name(): [machine.keyless(DEV)]})
    stricter = workbench(machine)
    before = len(machine.registry.requests)
    assert said(stricter.judge.judge(offline(stricter.errand()), asked)) == "rejected identity"
    assert len(machine.registry.requests) == before
    stricter.close()


def test_offline_an_index_speaks_for_what_was_looked_at(machine: Machine, bench: Workbench) -> None:
    """For no instance that a registry would have to be asked about, though it is there."""
    index, instances = machine.index()
    machine.sign(index)
    errand = bench.errand()
    asked = subject(machine, instances["arm64"])
    manifest = errand.registry.manifest(asked.reference, index)
    assert manifest is not None
    assert said(bench.judge.judge(errand, subject(machine, index))) == "accepted"
    bench.store.learn(asked.repository, manifest, machine.clock.now())
    assert said(bench.bench.judge(offline(errand), asked)) == "undecided nothing-kept"
    machine.clock.advance(seconds=5)  # type: ignore[attr-defined]  # a refusal is remembered for a second
    bench.store.confirm(asked.repository, index, asked.digest)
    before = len(machine.registry.requests)
    assert said(bench.bench.judge(offline(errand), asked)) == "accepted"
    assert len(machine.registry.requests) == before
