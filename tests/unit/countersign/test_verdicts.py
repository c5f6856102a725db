"""What a policy plugin is told: by the scope that the policy selects for the name, tag included, and not broader."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.countersigning import MAIN, Counter, Machine
from vouchsafe.countersign import inquiry
from vouchsafe.countersign.answer import Answer
from vouchsafe.countersign.fairness import Limits
from vouchsafe.countersign.signer import REUSED
from vouchsafe.errors import MalformedError
from vouchsafe.image.digest import Digest
from vouchsafe.policy.revocation import Tombstone
from vouchsafe.protocol.decision import Decision
from vouchsafe.testing.clock import VirtualClock
from vouchsafe.testing.registry import RegistryStore, push_image, push_index
from vouchsafe.testing.workload import gitlab

DEV = MAIN.replace("main", "dev")
DEVELOPER = gitlab(project_path="acme/app", ref="refs/heads/dev")
ZERO, ONE = (f"sha256:{64 * digit}" for digit in "01")


def target(machine: Machine, digest: Digest, name: str = "", more: str = "") -> str:
    """The question about an image, by its tag v1 unless another name is given."""
    return f"/v1/verdict/{name or machine.name() + ':v1'}?digest={digest}{more}"


def ask(counter: Counter, digest: Digest, name: str = "", more: str = "") -> Decision:
    """The decision, judged where it is not at hand."""
    return counter.service.verdicts.decide(inquiry.parse(target(counter.machine, digest, name, more)))


def said(decision: Decision) -> str:
    """`allow`, or the word and its code."""
    return decision.word if decision.word == "allow" else f"{decision.word} {decision.code}"


def test_an_accepted_image_is_allowed(machine: Machine, counter: Counter, clock: VirtualClock) -> None:
    """With all that a host may want to keep, and until when."""
    digest = machine.image()
    machine.sign(digest)
    decision = ask(counter, digest)
    assert (said(decision), decision.digest, decision.verified, decision.signers) == (
        "allow",
        digest,
        True,
        (MAIN,),
    )
    assert (decision.epoch, len(decision.evidence)) == (machine.apply().epoch, 1)
    assert decision.max_age == REUSED.total_seconds()


def test_what_it_says_ages(machine: Machine, counter: Counter, clock: VirtualClock) -> None:
    """What is left is said, and at its end it is judged again."""
    digest = machine.image()
    machine.sign(digest)
    assert ask(counter, digest).max_age == 300
    clock.advance(seconds=100)
    asked = inquiry.parse(target(machine, digest))
    remembered = counter.service.verdicts.remembered(asked)
    assert remembered is not None
    assert remembered.max_age == 200
    clock.advance(seconds=REUSED.total_seconds())
    assert counter.service.verdicts.remembered(asked) is None


def test_what_is_known_of_a_signature_serves_a_verdict(machine: Machine, counter: Counter) -> None:
    """And the other way round: no registry is asked twice."""
    digest = machine.image()
    machine.sign(digest)
    assert counter.said(digest) == "accepted"
    asked = len(machine.registry.requests)
    assert said(ask(counter, digest)) == "allow"
    assert said(ask(counter, digest, f"{machine.name()}:v2")) == "allow"
    assert said(ask(counter, digest, f"{machine.name()}@{digest}")) == "allow"
    assert len(machine.registry.requests) == asked


def test_the_scope_of_the_tag_decides(machine: Machine, counter: Counter) -> None:
    """A signature is given under every scope that accepts; a verdict is about one."""
    machine.apply(
        {
            machine.name(): [machine.keyless(DEV)],
            f"{machine.name()}:prod": [machine.keyless()],
            f"{machine.name()}:closed": [{"type": "reject"}],
            f"{machine.name()}:open": [{"type": "insecureAcceptAnything"}],
        }
    )
    digest = machine.image()
    machine.bundle(digest, identity=DEVELOPER)
    assert counter.said(digest) == "accepted"
    assert said(ask(counter, digest)) == "allow"
    assert said(ask(counter, digest, f"{machine.name()}:prod")) == "deny identity"
    assert said(ask(counter, digest, f"{machine.name()}:closed")) == "deny policy-rejects"
    assert said(ask(counter, digest, f"{machine.name()}:open")) == "deny not-verified"


def test_a_verdict_is_of_one_digest(machine: Machine, counter: Counter) -> None:
    """The name is the same: somebody moved the tag meanwhile."""
    digest, other = machine.image(), machine.image(content=b"other")
    machine.sign(digest)
    for asked, expected in ((digest, "allow"), (other, "deny unsigned"), (digest, "allow")):
        decision = ask(counter, asked)
        assert (said(decision), decision.digest) == (expected, asked)
    for asked, expected in ((digest, "allow"), (other, "deny unsigned")):
        remembered = counter.service.verdicts.remembered(inquiry.parse(target(machine, asked)))
        assert remembered is not None
        assert said(remembered) == expected


def test_a_tag_is_compared_where_the_rule_says_so(machine: Machine, counter: Counter) -> None:
    """The client compares what a signature names; here nobody would after us."""
    exact = machine.keyless(signedIdentity={"type": "matchExact"})
    machine.apply({machine.name(): [exact]})
    digest = machine.image()
    machine.sign(digest, reference=f"{machine.name()}:v1")
    assert counter.said(digest) == "accepted"
    assert said(ask(counter, digest)) == "allow"
    assert said(ask(counter, digest, f"{machine.name()}:v2")) == "deny other-repository"
    assert said(ask(counter, digest, f"{machine.name()}@{digest}")) == "deny other-repository"


def test_a_scope_that_stock_clients_judge_is_not_ours(machine: Machine, counter: Counter) -> None:
    """The policy selects it, and whoever asks has the keys to judge it by themselves."""
    native, ours = [{"type": "sigstoreSigned", "keyPath": "/etc/key.pub"}], [machine.keyless()]
    machine.apply({machine.name(): ours, machine.name("acme/native"): native})
    digest = machine.image("acme/native")
    assert said(ask(counter, digest, f"{machine.name('acme/native')}:v1")) == "error not-ours"
    assert machine.registry.requests == []


@pytest.mark.parametrize("name", ["elsewhere.example/app:v1", "LOCALHOST:1/acme/app:v1", "busybox"])
def test_no_registry_is_asked_that_the_policy_does_not_name(
    machine: Machine, counter: Counter, name: str
) -> None:
    """Whatever the default is: a local user does not send the service anywhere."""
    digest = machine.image()
    assert said(ask(counter, digest, name)) == "deny policy-rejects"
    scopes: dict[str, Any] = {machine.name(): [machine.keyless()]}
    machine.apply(scopes, default=[{"type": "insecureAcceptAnything"}])
    assert said(ask(counter, digest, name)) == "deny not-verified"
    key = [{"type": "sigstoreSigned", "keyPath": "/etc/key.pub"}]
    machine.apply(scopes | {"busybox": key}, default=key)
    assert said(ask(counter, digest, name)) == "error not-ours"
    assert machine.registry.requests == []


def test_an_instance_through_its_list(machine: Machine, counter: Counter) -> None:
    """By the tag that is asked for, or by the list that the host names; a revoked one takes it with it."""
    listing, instances = push_index(machine.registry.store, "acme/app", "release-2")
    machine.sign(listing)
    one = instances["amd64"]
    by_tag = ask(counter, one, f"{machine.name()}:release-2")
    assert (said(by_tag), by_tag.digest, by_tag.through) == ("allow", one, listing)
    assert said(ask(counter, one, f"{machine.name()}@{listing}", f"&list={listing}")) == "allow"
    stone = Tombstone(at=machine.clock.now(), digest=listing, reason="leaked")
    machine.write("state/revoked", stone.line())
    assert said(ask(counter, one, f"{machine.name()}:release-2")) == "deny revoked"


def test_a_list_that_was_supposed_too_early(machine: Machine, counter: Counter, clock: VirtualClock) -> None:
    """Before it was there somebody asked for it: it is looked at all the same when it is, without a tag."""
    index, instances = push_index(RegistryStore(), "acme/app")
    supposed = push_image(machine.registry.store, "acme/app", "", content=b"arm64", architecture="arm64")
    assert supposed == instances["arm64"]
    assert said(ask(counter, supposed, more=f"&list={index}")) == "deny unsigned"
    push_index(machine.registry.store, "acme/app")
    machine.sign(index)
    machine.registry.store.delete("acme/app", "v1")
    clock.advance(minutes=1)
    assert counter.said(index) == "accepted"
    assert counter.said(supposed) == "accepted"


def test_while_there_is_a_problem(machine: Machine, counter: Counter) -> None:
    """Nobody is told what was good a moment ago."""
    digest = machine.image()
    machine.sign(digest)
    assert said(ask(counter, digest)) == "allow"
    machine.edit({machine.name(): [machine.keyless(), machine.keyless()]})
    asked = inquiry.parse(target(machine, digest))
    assert counter.service.verdicts.remembered(asked) is None
    assert said(ask(counter, digest)) == "error not-applied"
    machine.apply()
    assert said(ask(counter, digest)) == "allow"


def test_at_the_counter(machine: Machine) -> None:
    """Budgets and books are the same as for signatures; others than root are not told who signed."""
    digest = machine.image()
    machine.sign(digest)

    async def asked(counter: Counter, uid: int, name: str = "") -> Decision | Answer:
        return await counter.service._desk.verdict(target(machine, digest, name), uid)

    with Counter(machine, limits=Limits(burst=1)) as counter:
        loop = asyncio.new_event_loop()
        first = loop.run_until_complete(asked(counter, 0))
        again = loop.run_until_complete(asked(counter, 1000))
        other = loop.run_until_complete(asked(counter, 1000, f"{machine.name()}:v2"))
        more = loop.run_until_complete(asked(counter, 1000, f"{machine.name()}:v3"))
        wrong = loop.run_until_complete(asked(counter, 1000, "Capital"))
        loop.close()
        messages = [entry["MESSAGE"] for entry in counter.journal.entries]
        names = {entry.get("VOUCHSAFE_REFERENCE") for entry in counter.journal.entries}
    assert isinstance(first, Decision)
    assert again == first.replace(signers=(), evidence=(), max_age=again.max_age)  # type: ignore[union-attr]
    assert isinstance(other, Decision)
    assert isinstance(more, Decision)
    assert (said(other), said(more)) == ("allow", "error budget")
    assert isinstance(wrong, Answer)
    assert (wrong.status, wrong.code) == (400, "reference")
    assert [message.split()[0] for message in messages if digest.hex in message] == [
        "accepted",
        "accepted",
        "undecided",
    ]
    assert names - {None} == {f"docker://{machine.name()}:v{number}" for number in (1, 2, 3)}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "/v1/verdict/",
        f"/v2/verdict/app?digest={ZERO}",
        "/v1/verdict/registry.example/app",
        "/v1/verdict/registry.example/app?digest=",
        "/v1/verdict/registry.example/app?digest=sha256:0",
        f"/v1/verdict/registry.example/app?list={ZERO}",
        f"/v1/verdict/registry.example/app?digest={ZERO}&digest={ZERO}",
        f"/v1/verdict/registry.example/app?digest={ZERO}&more=1",
        f"/v1/verdict/registry.example/app?digest={ZERO}&list=no",
        f"/v1/verdict/registry.example/app?digest={ZERO}&physical=..",
        f"/v1/verdict/registry.example/../app?digest={ZERO}",
        f"/v1/verdict/registry.example/%61pp?digest={ZERO}",
        f"/v1/verdict/registry.example/app?digest={ZERO}#x",
        f"/v1/verdict//app?digest={ZERO}",
        f"/v1/verdict/oci:/srv?digest={ZERO}",
        f"/v1/verdict/registry.example/{'a' * 2000}?digest={ZERO}",
        f"http://x/v1/verdict/registry.example/app?digest={ZERO}",
        f"/v1/verdict/registry.example/app@{ONE}?digest={ZERO}",
        f"/v1/verdict/registry.example/app@{ONE}?digest={ZERO}&list={ZERO}",
    ],
)
def test_what_is_no_question(text: str) -> None:
    """Each part has a grammar."""
    with pytest.raises(MalformedError):
        inquiry.parse(text)


@pytest.mark.parametrize("more", [f"?digest={ONE}", f"?digest={ZERO}&list={ONE}"])
def test_a_name_with_a_digest(more: str) -> None:
    """It is the image's, or that of the list that it was chosen from."""
    assert str(inquiry.parse(f"/v1/verdict/registry.example/app@{ONE}{more}").reference.digest) == ONE


def test_a_question() -> None:
    """All of it."""
    asked = inquiry.parse(
        f"/v1/verdict/busybox:1?digest={ZERO}&physical=mirror.example/busybox:1&list={ZERO}"
    )
    assert (str(asked.reference), asked.repository.name) == (
        "docker://docker.io/library/busybox:1",
        "docker.io/library/busybox",
    )
    assert (str(asked.digest), str(asked.through), asked.physical) == (ZERO, ZERO, "mirror.example/busybox:1")
