"""Real clients pull through the running service: accepted and refused, in every form of countersignature."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.countersigning import Machine, Running
from tests.pulls import Client, Fleet, Podman, Proxy, Pulls, Skopeo
from vouchsafe.policy.compile import Form
from vouchsafe.testing.workload import gitlab

pytestmark = pytest.mark.peers

DEV = "https://gitlab.example/acme/app//.gitlab-ci.yml@refs/heads/dev"
DEVELOPER = gitlab(project_path="acme/app", ref="refs/heads/dev")
# Which client reads which form: Debian 12's has Sigstore compiled out, and no other reads all.
READS: tuple[tuple[str, type[Client], Form], ...] = (
    ("skopeo", Skopeo, "pki"),
    ("skopeo_old", Skopeo, "pki"),
    ("podman", Podman, "pki"),
    ("skopeo", Proxy, "pki"),
    ("skopeo", Skopeo, "key"),
    ("skopeo_old", Skopeo, "key"),
    ("skopeo", Skopeo, "openpgp"),
    ("skopeo_old", Skopeo, "openpgp"),
    ("skopeo_openpgp", Skopeo, "openpgp"),
    ("podman", Podman, "openpgp"),
)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A host that accepts acme/app's main branch in acme/app."""
    with Machine.of_acme(tmp_path) as made:
        yield made


@pytest.mark.parametrize("program, kind, form", READS)
def test_what_is_signed_is_pulled_and_nothing_else(
    machine: Machine,
    request: pytest.FixtureRequest,
    pulls: Pulls,
    program: str,
    kind: type[Client],
    form: Form,
) -> None:
    """Signed is pulled by tag and by digest; unsigned and a stranger's are not, nor anything while we are down."""
    client = machine.client(kind, request.getfixturevalue(program), pulls)
    machine.form = form
    machine.apply()
    signed, unsigned = machine.image(tag="signed"), machine.image(tag="unsigned", content=b"unsigned")
    foreign = machine.image(tag="foreign", content=b"foreign")
    machine.sign(signed)
    machine.sign(foreign, identity=gitlab(project_path="evil/app"))
    with Running(machine):
        client.accepts(f"{machine.name()}:signed")
        client.accepts(f"{machine.name()}@{signed}")
        for image in (":unsigned", ":foreign", f"@{unsigned}"):
            client.refuses(machine.name() + image)
    machine.close()
    client.refuses(f"{machine.name()}:signed")


def test_the_client_says_why(machine: Machine, everyone: Fleet) -> None:
    """The reason's code and sentence, in the client's own words."""
    machine.sign(machine.image(tag="signed"))
    machine.image(content=b"unsigned")
    with Running(machine):
        everyone.accepts(f"{machine.name()}:signed")
        everyone.refuses(f"{machine.name()}:v1", says="vouchsafe: rejected: unsigned: expected a signature")
        machine.edit({machine.name(): [machine.keyless(DEV)]})
        everyone.refuses(f"{machine.name()}:v1", says="503 vouchsafe: undecided: not-applied: ")


def test_a_bundle_is_pulled(machine: Machine, everyone: Fleet) -> None:
    """Which names no repository: by tag and by digest."""
    digest = machine.image()
    machine.bundle(digest)
    machine.image(tag="v2", content=b"unsigned")
    with Running(machine):
        everyone.accepts(f"{machine.name()}:v1")
        everyone.accepts(f"{machine.name()}@{digest}")
        everyone.refuses(f"{machine.name()}:v2")


@pytest.mark.parametrize("kind", ["matchRepoDigestOrExact", "matchExact"])
def test_the_client_compares_the_tag(machine: Machine, fleet: Fleet, kind: str) -> None:
    """Signed as one tag, put by a registry under another: refused, as upstream would (attack F1)."""
    machine.apply({machine.name(): [machine.keyless(signedIdentity={"type": kind})]})
    digest = machine.image(tag="old")
    machine.image(tag="prod")
    machine.sign(digest, reference=f"{machine.name()}:old")
    with Running(machine):
        fleet.accepts(f"{machine.name()}:old")
        fleet.refuses(f"{machine.name()}:prod")


def test_a_bundle_where_upstream_compares_a_tag(machine: Machine, fleet: Fleet) -> None:
    """By digest its repository suffices; by tag it names none."""
    machine.apply({machine.name(): [machine.keyless(signedIdentity={"type": "matchRepoDigestOrExact"})]})
    digest = machine.image()
    machine.bundle(digest)
    with Running(machine):
        fleet.accepts(f"{machine.name()}@{digest}")
        fleet.refuses(f"{machine.name()}:v1")


@pytest.mark.parametrize("form", ["pki", "key", "openpgp"])
def test_a_digest_under_a_stricter_tag(machine: Machine, fleet: Fleet, form: Form) -> None:
    """What `app` accepts is refused as `app:prod`, whoever moved the tag (attack F1)."""
    fleet = fleet if form == "pki" else fleet.only("skopeo")
    machine.form = form
    machine.apply({machine.name(): [machine.keyless(DEV)], f"{machine.name()}:prod": [machine.keyless()]})
    machine.sign(machine.image(tag="dev"), identity=DEVELOPER)
    machine.image(tag="prod")
    with Running(machine):
        fleet.accepts(f"{machine.name()}:dev")
        fleet.refuses(f"{machine.name()}:prod")


def test_a_scope_of_one_digest(machine: Machine, fleet: Fleet) -> None:
    """Stricter than its repository: by that digest refused, by tag what the repository accepts."""
    digest = machine.image()
    machine.sign(digest, identity=DEVELOPER)
    machine.apply({machine.name(): [machine.keyless(DEV)], f"{machine.name()}@{digest}": [machine.keyless()]})
    with Running(machine):
        fleet.accepts(f"{machine.name()}:v1")
        fleet.refuses(f"{machine.name()}@{digest}")


def test_names_that_the_policy_changes(machine: Machine, fleet: Fleet) -> None:
    """Signed under a vendor's name: the client changes names as the policy says, and compares the tag."""
    vendor = "vendor.example/product"
    remap = {"type": "remapIdentity", "prefix": machine.name(), "signedPrefix": vendor}
    exact = {"type": "exactRepository", "dockerRepository": vendor}
    for repository, identity in (("acme/app", remap), ("acme/exact", exact)):
        machine.sign(machine.image(repository), repository, reference=f"{vendor}:v1")
        machine.image(repository, "v2")
        machine.sign(machine.image(repository, "own", content=b"own"), repository)
        scopes = {machine.name(repository): [machine.keyless(signedIdentity=identity)]}
        machine.apply(scopes)
        with Running(machine):
            fleet.accepts(f"{machine.name(repository)}:v1")
            fleet.refuses(f"{machine.name(repository)}:own")
            another_tag = fleet.refuses if identity is remap else fleet.accepts
            another_tag(f"{machine.name(repository)}:v2")


def test_a_digest_under_a_stricter_tag_on_debian_12(machine: Machine, openpgp_client: Skopeo) -> None:
    """The same, with the only form that it reads."""
    machine.form = "openpgp"
    machine.apply({machine.name(): [machine.keyless(DEV)], f"{machine.name()}:prod": [machine.keyless()]})
    machine.sign(machine.image(tag="dev"), identity=DEVELOPER)
    machine.image(tag="prod")
    with Running(machine):
        openpgp_client.accepts(f"{machine.name()}:dev")
        openpgp_client.refuses(f"{machine.name()}:prod")


def test_a_host_name_in_another_case(machine: Machine, fleet: Fleet) -> None:
    """No scope names it: the default refuses (attack F6)."""
    machine.sign(machine.image())
    port = machine.registry.address.rpartition(":")[2]
    with Running(machine):
        fleet.accepts(f"{machine.name()}:v1")
        for name in ("LOCALHOST", "localhost"):
            fleet.refuses(f"{name}:{port}/acme/app:v1", says="rejected by policy")


def test_a_policy_that_changes_between_two_pulls(machine: Machine, fleet: Fleet) -> None:
    """Edited: nothing is countersigned. Applied: the new one decides, at once."""
    machine.sign(machine.image())
    machine.sign(machine.image(tag="dev", content=b"dev"), identity=DEVELOPER)
    with Running(machine):
        fleet.accepts(f"{machine.name()}:v1")
        fleet.refuses(f"{machine.name()}:dev")
        machine.edit({machine.name(): [machine.keyless(DEV)]})
        fleet.refuses(f"{machine.name()}:v1", says="not-applied")
        fleet.refuses(f"{machine.name()}:dev", says="not-applied")
        machine.apply()
        fleet.refuses(f"{machine.name()}:v1", says="rejected: identity")
        fleet.accepts(f"{machine.name()}:dev")


def test_a_tag_that_is_moved(machine: Machine, fleet: Fleet) -> None:
    """To an unsigned image: refused. To an older signed one: accepted, unless the policy bounds the age (F8)."""
    old, unsigned = machine.image(tag="v1"), machine.image(tag="other", content=b"unsigned")
    machine.sign(old)
    with Running(machine):
        fleet.accepts(f"{machine.name()}:v1")
        machine.registry.store.tag("acme/app", "v1", unsigned)
        fleet.refuses(f"{machine.name()}:v1", says="rejected: unsigned")
        machine.registry.store.tag("acme/app", "v1", old)
        fleet.accepts(f"{machine.name()}:v1")
        later = f"{machine.clock.now().year + 1}-01-01T00:00:00Z"
        machine.apply({machine.name(): {"requirements": [machine.keyless()], "notBefore": later}})
        fleet.refuses(f"{machine.name()}:v1")


def test_a_scope_of_two_kinds(machine: Machine, fleet: Fleet) -> None:
    """Two signers are demanded, one of whom stock clients could ask for: one countersignature answers for both."""
    machine.apply({machine.name(): [machine.keyless(), machine.keyless(DEV)]})
    both, one = machine.image(), machine.image(tag="one", content=b"one")
    for digest in (both, one):
        machine.sign(digest)
    machine.sign(both, identity=DEVELOPER)
    with Running(machine):
        fleet.accepts(f"{machine.name()}:v1")
        fleet.refuses(f"{machine.name()}:one")
