"""Real clients pull through the running service: accepted and refused, in every form of countersignature."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.countersigning import Machine, Running, Skopeo
from vouchsafe.policy.compile import Form
from vouchsafe.testing.registry import RegistryServer, push_index
from vouchsafe.testing.workload import gitlab

pytestmark = pytest.mark.peers

DEV = "https://gitlab.example/acme/app//.gitlab-ci.yml@refs/heads/dev"
DEVELOPER = gitlab(project_path="acme/app", ref="refs/heads/dev")
# Which client reads which form: Debian 12's has Sigstore compiled out, and no other reads all.
CLIENTS: tuple[tuple[str, Form], ...] = (
    ("skopeo", "pki"),
    ("skopeo1.18", "pki"),
    ("skopeo", "key"),
    ("skopeo1.18", "key"),
    ("skopeo", "openpgp"),
    ("skopeo1.18", "openpgp"),
    ("skopeo1.9", "openpgp"),
)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A host that accepts acme/app's main branch in acme/app."""
    with RegistryServer() as registry:
        made = Machine(tmp_path, registry)
        made.apply({made.name(): [made.keyless()]})
        yield made
        made.close()


@pytest.fixture
def programs(skopeo: Path, skopeo_old: Path, skopeo_openpgp: Path) -> dict[str, Path]:
    """Three releases."""
    return {"skopeo": skopeo, "skopeo1.18": skopeo_old, "skopeo1.9": skopeo_openpgp}


@pytest.fixture
def client(machine: Machine, skopeo: Path) -> Skopeo:
    """The newest."""
    return Skopeo(skopeo, machine)


@pytest.mark.parametrize("name, form", CLIENTS)
def test_what_is_signed_is_pulled_and_nothing_else(
    machine: Machine, programs: dict[str, Path], name: str, form: Form
) -> None:
    """Signed is pulled by tag and by digest; unsigned and a stranger's are not, nor anything while we are down."""
    machine.form = form
    machine.apply()
    signed, unsigned = machine.image(tag="signed"), machine.image(tag="unsigned", content=b"unsigned")
    foreign = machine.image(tag="foreign", content=b"foreign")
    machine.sign(signed)
    machine.sign(foreign, identity=gitlab(project_path="evil/app"))
    client = Skopeo(programs[name], machine)
    with Running(machine):
        assert client.pull(f"{machine.name()}:signed") == (0, "")
        assert client.pull(f"{machine.name()}@{signed}") == (0, "")
        for image in (":unsigned", ":foreign", f"@{unsigned}"):
            assert client.pull(machine.name() + image)[0] == 1
    machine.close()
    assert client.pull(f"{machine.name()}:signed")[0] == 1


def test_the_client_says_why(machine: Machine, client: Skopeo) -> None:
    """The reason's code and sentence, in the client's own words."""
    machine.image()
    with Running(machine):
        status, said = client.pull(f"{machine.name()}:v1")
    assert (status, "vouchsafe: rejected: unsigned: expected a signature" in said) == (1, True), said


def test_a_bundle_is_pulled(machine: Machine, client: Skopeo) -> None:
    """Which names no repository: by tag and by digest."""
    digest = machine.image()
    machine.bundle(digest)
    with Running(machine):
        assert [client.pull(f"{machine.name()}{end}") for end in (":v1", f"@{digest}")] == [(0, "")] * 2


@pytest.mark.parametrize("kind", ["matchRepoDigestOrExact", "matchExact"])
def test_the_client_compares_the_tag(machine: Machine, client: Skopeo, kind: str) -> None:
    """Signed as one tag, put by a registry under another: refused, as upstream would."""
    machine.apply({machine.name(): [machine.keyless(signedIdentity={"type": kind})]})
    digest = machine.image(tag="old")
    machine.image(tag="prod")
    machine.sign(digest, reference=f"{machine.name()}:old")
    with Running(machine):
        assert [client.pull(f"{machine.name()}:{tag}")[0] for tag in ("old", "prod")] == [0, 1]


def test_a_bundle_where_upstream_compares_a_tag(machine: Machine, client: Skopeo) -> None:
    """By digest its repository suffices; by tag it names none."""
    machine.apply({machine.name(): [machine.keyless(signedIdentity={"type": "matchRepoDigestOrExact"})]})
    digest = machine.image()
    machine.bundle(digest)
    with Running(machine):
        assert [client.pull(f"{machine.name()}{end}")[0] for end in (f"@{digest}", ":v1")] == [0, 1]


@pytest.mark.parametrize("form", ["pki", "key", "openpgp"])
def test_a_digest_under_a_stricter_tag(machine: Machine, client: Skopeo, form: Form) -> None:
    """What `app` accepts is refused as `app:prod`, whoever moved the tag (attack F1)."""
    machine.form = form
    machine.apply({machine.name(): [machine.keyless(DEV)], f"{machine.name()}:prod": [machine.keyless()]})
    machine.sign(machine.image(tag="dev"), identity=DEVELOPER)
    machine.image(tag="prod")
    with Running(machine):
        assert [client.pull(f"{machine.name()}:{tag}")[0] for tag in ("dev", "prod")] == [0, 1]


def test_a_host_name_in_another_case(machine: Machine, client: Skopeo) -> None:
    """No scope names it: the default refuses (attack F6)."""
    machine.sign(machine.image())
    port = machine.registry.address.rpartition(":")[2]
    with Running(machine):
        assert client.pull(f"LOCALHOST:{port}/acme/app:v1")[0] == 1


def test_multi_arch(machine: Machine, client: Skopeo) -> None:
    """Only the index is signed: its instances by tag, by the list's digest, by their own, and all of them."""
    index, instances = push_index(machine.registry.store, "acme/app")
    machine.sign(index)
    everything = ("--multi-arch", "all")
    with Running(machine):
        assert client.pull(f"{machine.name()}:v1") == (0, "")
        assert client.pull(f"{machine.name()}@{index}") == (0, "")
        assert client.pull(f"{machine.name()}@{instances['arm64']}") == (0, "")
        assert client.pull(f"{machine.name()}:v1", *everything) == (0, "")
        other, _ = push_index(machine.registry.store, "acme/app", "v2", architectures=("amd64", "s390x"))
        assert client.pull(f"{machine.name()}@{other}", *everything)[0] == 1


def test_a_policy_that_changes_between_two_pulls(machine: Machine, client: Skopeo) -> None:
    """Edited: nothing is countersigned. Applied: the new one decides, at once."""
    machine.sign(machine.image())
    with Running(machine):
        assert client.pull(f"{machine.name()}:v1") == (0, "")
        machine.edit({machine.name(): [machine.keyless(DEV)]})
        status, said = client.pull(f"{machine.name()}:v1")
        assert (status, "not-applied" in said) == (1, True), said
        machine.apply()
        status, said = client.pull(f"{machine.name()}:v1")
        assert (status, "rejected: identity" in said) == (1, True), said


def test_through_a_mirror(machine: Machine, client: Skopeo) -> None:
    """The policy speaks of the logical name, the client asks under the mirror's; each name has its own scope."""
    far, near = "far.example/acme", f"{machine.registry.address}/mirror"
    machine.locations(
        f'[[registry]]\nprefix = "far.example"\nlocation = "far.example"\n'
        f'[[registry.mirror]]\nlocation = "{near}"\ninsecure = true\n'
        f'[[registry]]\nlocation = "{machine.registry.address}"\ninsecure = true\n'
    )
    machine.physical = {far: (f"{near}/acme",)}
    machine.apply({far: [machine.keyless()]})
    digest = machine.image("mirror/acme/app")
    machine.sign(digest, "mirror/acme/app", reference=f"{far}/app:v1")
    machine.image("mirror/acme/unsigned", content=b"unsigned")
    with Running(machine):
        assert client.pull(f"{far}/app:v1") == (0, "")
        assert client.pull(f"{far}/unsigned:v1")[0] == 1
        assert client.pull(f"{near}/acme/app:v1")[0] == 1
        machine.apply({far: [machine.keyless()], f"{near}/acme": [machine.keyless()]})
        machine.sign(digest, "mirror/acme/app", reference=f"{near}/acme/app:v1")
        assert client.pull(f"{near}/acme/app:v1") == (0, "")
        assert client.pull(f"{far}/app:v1") == (0, "")


def test_a_registry_that_is_gone(machine: Machine, client: Skopeo) -> None:
    """Once accepted, the answer stands; the pull itself fails, as it would anywhere."""
    machine.sign(machine.image())
    with Running(machine):
        assert client.pull(f"{machine.name()}:v1") == (0, "")
        machine.registry.close()
        assert client.pull(f"{machine.name()}:v1")[0] == 1


def test_with_a_real_registry(tmp_path: Path, docker_registry: str, skopeo: Path) -> None:
    """distribution 2.8, without a referrers API; images put there by skopeo, signed through the fallback tag."""
    with RegistryServer() as source:
        machine = Machine(tmp_path, source)
        signed, unsigned = (
            machine.image("e2e/app", "signed"),
            machine.image("e2e/app", "unsigned", content=b"u"),
        )
        name = f"{docker_registry}/e2e/app"
        machine.sign(signed, "e2e/app", reference=f"{name}:signed")
        push = Skopeo(skopeo, machine).copy
        for tag in ("signed", "unsigned", f"{signed.tag_prefix}.sig"):
            push(f"docker://{machine.name('e2e/app')}:{tag}", f"docker://{name}:{tag}")
        machine.locations(f'[[registry]]\nlocation = "{docker_registry}"\ninsecure = true\n')
        machine.apply({name: [machine.keyless()]})
        client = Skopeo(skopeo, machine)
        with Running(machine):
            assert client.pull(f"{name}:signed") == (0, "")
            assert client.pull(f"{name}@{unsigned}")[0] == 1
        machine.close()
