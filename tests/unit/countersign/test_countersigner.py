"""Who is answered what: every scope that could have led there, each under its own marker and its own name."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.countersigning import Counter, Machine, Signature
from vouchsafe.countersign.acceptance import TTL
from vouchsafe.countersign.authority import LEAF_LIFETIME
from vouchsafe.countersign.recording import MOST_PIECES
from vouchsafe.countersign.request import parse
from vouchsafe.countersign.signer import REUSED
from vouchsafe.image.digest import Digest
from vouchsafe.policy.compile import marker
from vouchsafe.policy.revocation import Tombstone
from vouchsafe.testing.clock import VirtualClock
from vouchsafe.testing.workload import gitlab

DEV = "https://gitlab.example/acme/app//.gitlab-ci.yml@refs/heads/dev"
DEVELOPER = gitlab(project_path="acme/app", ref="refs/heads/dev")
STRANGER = gitlab(project_path="evil/app")


def test_an_accepted_image_is_countersigned(machine: Machine, counter: Counter, clock: VirtualClock) -> None:
    """The evidence's own name, the digest, the scope's marker, and a life of minutes."""
    digest = machine.image()
    machine.sign(digest, reference=f"{machine.name()}:v1")
    made = Signature(counter.ask(digest).blob)
    compiled = machine.apply()
    assert (f"{machine.name()}:v1", str(digest)) == (made.name, made.digest)
    assert [marker(compiled.epoch, machine.name())] == made.markers
    assert clock.now() + LEAF_LIFETIME == made.ends


@pytest.mark.parametrize(
    "sign, said",
    [
        (lambda machine, digest: None, "rejected unsigned"),
        (lambda machine, digest: machine.sign(digest), "accepted"),
        (lambda machine, digest: machine.bundle(digest), "accepted"),
        (lambda machine, digest: machine.sign(digest, identity=STRANGER), "rejected identity"),
        (
            lambda machine, digest: machine.sign(digest, reference="r.example/acme/app"),
            "rejected other-repository",
        ),
        (lambda machine, digest: machine.bundle(digest, identity=DEVELOPER), "rejected identity"),
    ],
)
def test_the_verdict_decides(machine: Machine, counter: Counter, sign: object, said: str) -> None:
    """As `vouchsafe verify` would."""
    digest = machine.image()
    sign(machine, digest)  # type: ignore[operator]
    assert said == counter.said(digest)


def test_what_is_not_ours_is_not_found(machine: Machine, counter: Counter) -> None:
    """Repositories without a scope of ours, and hosts in another case: nothing is asked of anybody."""
    digest = machine.image("other/app")
    for name in (machine.name("other/app"), "LOCALHOST:1/acme/app", "elsewhere.example/acme/app"):
        assert counter.said(digest, name) == "not-ours not-ours"
    assert machine.registry.requests == []


def test_past_the_last_is_not_found(machine: Machine, counter: Counter) -> None:
    """The client asks until it is."""
    digest = machine.image()
    machine.sign(digest)
    assert [counter.ask(digest, number=number).status for number in (1, 2, 127)] == [200, 404, 404]


def test_a_refusal_answers_every_number(machine: Machine, counter: Counter) -> None:
    """A refused image is not one whose signatures have come to an end."""
    digest = machine.image()
    assert [counter.ask(digest, number=number).status for number in (1, 2)] == [403, 403]


def test_a_stricter_tag_has_a_marker_of_its_own(machine: Machine, counter: Counter) -> None:
    """What `app` accepts is no countersignature for `app:prod`, wherever a registry puts the tag."""
    compiled = machine.apply(
        {
            machine.name(): [machine.keyless(DEV)],
            f"{machine.name()}:prod": [machine.keyless()],
        }
    )
    digest = machine.image()
    machine.sign(digest, identity=DEVELOPER)
    assert [marker(compiled.epoch, machine.name())] == Signature(counter.ask(digest).blob).markers
    released = machine.image(content=b"released")
    machine.sign(released)
    assert [marker(compiled.epoch, f"{machine.name()}:prod")] == Signature(counter.ask(released).blob).markers


def test_scopes_that_accept_under_one_name_share_a_signature(machine: Machine, counter: Counter) -> None:
    """One leaf names them all."""
    compiled = machine.apply(
        {machine.name() + suffix: [machine.keyless()] for suffix in ("", ":prod", ":dev")}
    )
    digest = machine.image()
    machine.sign(digest)
    wanted = {marker(compiled.epoch, machine.name() + suffix) for suffix in ("", ":prod", ":dev")}
    assert (wanted, 404) == (
        set(Signature(counter.ask(digest).blob).markers),
        counter.ask(digest, number=2).status,
    )


@pytest.mark.parametrize("kind", ["matchExact", "matchRepoDigestOrExact"])
def test_every_name_of_the_evidence_is_repeated(machine: Machine, counter: Counter, kind: str) -> None:
    """The client compares the tag, so it gets each name that was signed, and no other."""
    machine.apply({machine.name(): [machine.keyless(signedIdentity={"type": kind})]})
    digest = machine.image()
    for tag in ("one", "two"):
        machine.sign(digest, reference=f"{machine.name()}:{tag}")
    machine.sign(digest, identity=STRANGER, reference=f"{machine.name()}:three")
    names = {Signature(counter.ask(digest, number=number).blob).name for number in (1, 2)}
    assert ({f"{machine.name()}:one", f"{machine.name()}:two"}, 404) == (
        names,
        counter.ask(digest, number=3).status,
    )


def test_more_names_than_are_kept(machine: Machine) -> None:
    """After a restart the registry is asked for the rest; what is kept has to do while it is down."""
    machine.apply({machine.name(): [machine.keyless(signedIdentity={"type": "matchExact"})]})
    digest = machine.image()
    names = {f"{machine.name()}:{number}" for number in range(MOST_PIECES + 2)}
    for name in names:
        machine.sign(digest, reference=name)
    for _ in range(2):
        with Counter(machine) as counter:
            said = {Signature(counter.ask(digest, number=n).blob).name for n in range(1, len(names) + 1)}
            assert said == names
    machine.registry.close()
    with Counter(machine) as counter:
        assert counter.said(digest) == "accepted"


def test_requirements_must_agree_on_a_name(machine: Machine, counter: Counter) -> None:
    """Two signers, each for another tag: neither tag was signed by both."""
    machine.apply(
        {
            machine.name(): [
                machine.keyless(signedIdentity={"type": "matchExact"}),
                machine.keyless(DEV, signedIdentity={"type": "matchExact"}),
            ]
        }
    )
    digest = machine.image()
    machine.sign(digest, reference=f"{machine.name()}:one")
    machine.sign(digest, identity=DEVELOPER, reference=f"{machine.name()}:two")
    assert counter.said(digest) == "rejected other-repository"
    machine.sign(digest, identity=DEVELOPER, reference=f"{machine.name()}:one")
    machine.clock.advance(minutes=1)  # type: ignore[attr-defined]
    assert f"{machine.name()}:one" == Signature(counter.ask(digest).blob).name


def test_evidence_without_a_name_speaks_for_the_digest(machine: Machine, counter: Counter) -> None:
    """A bundle names no repository: the one that it was judged for, at this digest."""
    digest = machine.image()
    machine.bundle(digest)
    assert f"{machine.name()}@{digest}" == Signature(counter.ask(digest).blob).name


def test_a_bundle_of_another_project_is_refused(machine: Machine, counter: Counter) -> None:
    """The same group and the same identity pattern, copied beside another repository's image."""
    pattern = r"https://gitlab\.example/acme/[a-z]+//\.gitlab-ci\.yml@refs/heads/main"
    rule = machine.keyless()
    identity = {"oidcIssuer": "https://gitlab.example", "subjectRegexp": pattern}
    rule["fulcio"]["identities"] = [identity]
    machine.apply({machine.name("acme"): [rule]})
    digest = machine.image("acme/app")
    machine.bundle(digest, "acme/app")
    assert machine.image("acme/router") == digest
    machine.bundle(digest, "acme/router")
    assert counter.said(digest, machine.name("acme/app")) == "accepted"
    assert counter.said(digest, machine.name("acme/router")) == "rejected repository-unbound"


def test_opposite_policies_for_one_digest(machine: Machine, counter: Counter) -> None:
    """One repository's acceptance is not another's, in whatever order they are asked."""
    machine.apply({machine.name(): [machine.keyless()], machine.name("acme/dev"): [machine.keyless(DEV)]})
    digest = machine.image()
    assert digest == machine.image("acme/dev")
    machine.bundle(digest)
    machine.bundle(digest, "acme/dev")
    for _ in range(2):
        assert counter.said(digest) == "accepted"
        assert counter.said(digest, machine.name("acme/dev")) == "rejected identity"


def test_nothing_is_signed_that_was_not_verified(machine: Machine, counter: Counter) -> None:
    """`insecureAcceptAnything` with an age is ours to judge, and holds no signature."""
    machine.apply(
        {
            machine.name(): {
                "requirements": [{"type": "insecureAcceptAnything"}],
                "notBefore": "2026-01-01T00:00:00Z",
            }
        }
    )
    assert counter.said(machine.image()) == "rejected countersign-unverified"


def test_a_native_scope_is_not_ours(machine: Machine, counter: Counter) -> None:
    """What stock clients judge themselves is never countersigned, not even under a scope of ours above it."""
    machine.apply(
        {machine.name("acme"): [machine.keyless()], machine.name(): [{"type": "insecureAcceptAnything"}]}
    )
    digest = machine.image()
    machine.sign(digest)
    assert counter.said(digest) == "not-ours not-ours"


def test_a_leaf_is_reused_for_minutes(machine: Machine, counter: Counter, clock: VirtualClock) -> None:
    """The same answer within REUSED, another one after; always with minutes to live."""
    digest = machine.image()
    machine.sign(digest)
    first = counter.ask(digest).blob
    clock.advance(seconds=REUSED.total_seconds() - 1)
    assert first == counter.ask(digest).blob
    clock.advance(seconds=2)
    second = counter.ask(digest).blob
    assert (True, clock.now() + LEAF_LIFETIME) == (first != second, Signature(second).ends)


def test_what_is_given_again_lives_for_minutes(
    machine: Machine, counter: Counter, clock: VirtualClock
) -> None:
    """An answer that was signed by a leaf in its last second is not kept for REUSED once more."""
    first, second = machine.image(), machine.image(content=b"second")
    for digest in (first, second):
        machine.sign(digest)
    least = LEAF_LIFETIME - REUSED
    counter.ask(first)
    clock.advance(seconds=REUSED.total_seconds() - 1)
    for _ in range(4):
        for digest in (first, second):
            assert Signature(counter.ask(digest).blob).ends - clock.now() >= least
        clock.advance(seconds=REUSED.total_seconds() / 2 + 1)


def revoked(machine: Machine, digest: Digest) -> None:
    """A tombstone is written."""
    machine.write("state/revoked", Tombstone(at=machine.clock.now(), digest=digest).line())


CHANGES: dict[str, tuple[Callable[[Machine, Digest], object], str]] = {
    "policy": (lambda machine, _: machine.apply({machine.name("acme"): [machine.keyless()]}), "accepted"),
    "policy, edited": (
        lambda machine, _: machine.edit({machine.name("acme"): [machine.keyless()]}),
        "undecided not-applied",
    ),
    "tombstone": (revoked, "rejected revoked"),
    "trust root": (
        lambda machine, _: machine.write("etc/trusted_root.json", machine.another_sigstore().trusted_root()),
        "rejected",
    ),
    "CA": (lambda machine, _: machine.make_authority(), "accepted"),
    "mirror": (lambda machine, _: machine.write("etc/containers/registries.conf.d/x.conf", ""), "accepted"),
    "clock, back": (lambda machine, _: machine.clock.advance(days=-1), "undecided clock"),  # type: ignore[attr-defined]
    "the end": (lambda machine, _: machine.clock.advance(minutes=2), "rejected too-old"),  # type: ignore[attr-defined]
}


@pytest.mark.parametrize("what", CHANGES)
def test_nothing_at_hand_outlives_a_change(
    machine: Machine, counter: Counter, clock: VirtualClock, what: str
) -> None:
    """Neither the answer nor the leaf that it was signed by: what is said next was found out and signed anew."""
    machine.apply({machine.name(): {"requirements": [machine.keyless()], "maxAge": "1h"}})
    digest = machine.image()
    machine.sign(digest)
    clock.advance(minutes=59)
    asked = parse(f"/{machine.name()}@sha256={digest.hex}/signature-1")
    before = counter.ask(digest)
    assert counter.service.countersigner.remembered(asked) == before
    change, said = CHANGES[what]
    change(machine, digest)
    assert counter.service.countersigner.remembered(asked) is None
    assert counter.said(digest).startswith(said)
    if said == "accepted":
        after = counter.ask(digest)
        assert Signature(after.blob).serial != Signature(before.blob).serial
        assert counter.service.countersigner.remembered(asked) == after


def test_a_registry_is_asked_once_a_day(machine: Machine, counter: Counter, clock: VirtualClock) -> None:
    """Until the evidence is a day old nothing is asked; a deleted signature is no revocation before that."""
    digest = machine.image()
    machine.sign(digest)
    assert counter.said(digest) == "accepted"
    asked = len(machine.registry.requests)
    machine.registry.store.delete("acme/app", f"{digest.tag_prefix}.sig")
    clock.advance(seconds=TTL.total_seconds() - 1)
    assert ("accepted", asked) == (counter.said(digest), len(machine.registry.requests))
    clock.advance(seconds=2)
    assert counter.said(digest) == "rejected unsigned"


def test_a_registry_that_is_down_leaves_it_open(machine: Machine, counter: Counter) -> None:
    """Undecided, which denies, and says so."""
    digest = machine.image()
    machine.registry.close()
    assert counter.said(digest) == "undecided connection-refused"


def test_a_signature_grows_too_old(machine: Machine, counter: Counter, clock: VirtualClock) -> None:
    """`maxAge` ends a remembered acceptance too."""
    machine.apply({machine.name(): {"requirements": [machine.keyless()], "maxAge": "1h"}})
    digest = machine.image()
    machine.sign(digest)
    assert counter.said(digest) == "accepted"
    clock.advance(minutes=59)
    assert counter.said(digest) == "accepted"
    clock.advance(minutes=2)
    assert counter.said(digest) == "rejected too-old"


@pytest.mark.parametrize("days", [-1, -365])
def test_a_clock_that_was_set_back_decides_nothing(
    machine: Machine, counter: Counter, clock: VirtualClock, days: float
) -> None:
    """Before the newest verified time that this host has seen nothing can be told."""
    digest = machine.image()
    machine.sign(digest)
    assert counter.said(digest) == "accepted"
    clock.advance(days=days)
    assert counter.said(digest) == "undecided clock"
    clock.advance(days=-days)
    assert counter.said(digest) == "accepted"


def test_a_clock_that_was_set_back_while_nobody_looked(
    machine: Machine, counter: Counter, clock: VirtualClock
) -> None:
    """What was seen outlives the process, and counts for images that it was not seen with."""
    seen, other = machine.image(), machine.image(content=b"other")
    machine.sign(other)
    clock.advance(minutes=10)
    machine.sign(seen)
    assert counter.said(seen) == "accepted"
    counter.service.close()
    clock.advance(minutes=-5)
    with Counter(machine) as again:
        assert [again.said(seen), again.said(other)] == ["undecided clock", "undecided clock"]
        clock.advance(minutes=5)
        assert [again.said(seen), again.said(other)] == ["accepted", "accepted"]
