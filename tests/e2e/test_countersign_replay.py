"""What was countersigned once, brought again by somebody else: by another user, a registry, another host.

Each test has an accept leg: a client that cannot pull at all would refuse everything.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from tests.countersigning import PIPELINE, Machine, Running, Shifted
from tests.pulls import Client, Fleet, Podman, Proxy, Pulls, Skopeo
from tests.strangers import replaying, stranger
from vouchsafe.countersign.authority import LEAF_LIFETIME, Authority
from vouchsafe.policy.compile import Form
from vouchsafe.policy.revocation import Tombstone
from vouchsafe.testing.loopback import LoopbackServer, Request, Response
from vouchsafe.testing.pull_cases import layer
from vouchsafe.testing.registry import RegistryServer, push_image, push_signature
from vouchsafe.testing.workload import gitlab

pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(os.geteuid() != 0, reason="another user's process needs root to start it"),
]

DEV = "https://gitlab.example/acme/app//.gitlab-ci.yml@refs/heads/dev"
DEVELOPER = gitlab(project_path="acme/app", ref="refs/heads/dev")
OVER = LEAF_LIFETIME + timedelta(minutes=1)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A host that accepts acme/app's main branch in acme/app; everything was made an hour ago."""
    clock = Shifted(-timedelta(hours=1))
    with Machine.of_acme(tmp_path, clock=clock) as made:
        made.sign(made.image())
        clock.by = timedelta(0)
        yield made


def harvest(machine: Machine, name: str = "", tag: str = "v1", *, ago: timedelta = timedelta(0)) -> bytes:
    """What anybody may ask for while the image is accepted; so long ago."""
    found = machine.registry.store.resolve("acme/app", tag)
    assert found is not None
    machine.clock.by = -ago  # type: ignore[attr-defined]
    with Running(machine) as running:
        status, phrase, blob = running.asked(found, name or machine.name())
    machine.clock.by = timedelta(0)  # type: ignore[attr-defined]
    assert status == 200, phrase
    return blob


def test_by_another_user_after_a_policy_change(machine: Machine, everyone: Fleet, tmp_path: Path) -> None:
    """Harvested while it was accepted: worth something until the policy changes, and nothing after (F2)."""
    blob = harvest(machine)
    machine.close()
    with replaying(machine.port, blob, tmp_path):
        everyone.accepts(f"{machine.name()}:v1")
        machine.apply({machine.name(): [machine.keyless(DEV)]})
        everyone.refuses(f"{machine.name()}:v1", says="Required email")


def test_by_another_user_after_its_time(machine: Machine, everyone: Fleet, tmp_path: Path) -> None:
    """Ten minutes are all that it is worth, under the very policy that accepted it: revoked or not (F2, F7)."""
    old, fresh = harvest(machine, ago=OVER), harvest(machine)
    digest = machine.registry.store.resolve("acme/app", "v1")
    machine.write("state/revoked", Tombstone(at=machine.clock.now(), digest=digest).line())
    machine.close()
    with replaying(machine.port, old, tmp_path):
        everyone.refuses(f"{machine.name()}:v1", says="expired")
    with replaying(machine.port, fresh, tmp_path):
        everyone.accepts(f"{machine.name()}:v1")


def test_of_openpgp_by_another_user(
    machine: Machine, everyone: Fleet, openpgp_client: Skopeo, tmp_path: Path
) -> None:
    """For Debian 12: it ends after ten minutes, and with every change of the policy."""
    machine.form = "openpgp"
    machine.apply()
    old, fresh = harvest(machine, ago=OVER), harvest(machine)
    machine.close()
    clients = [openpgp_client, *everyone.clients.values()]
    with replaying(machine.port, old, tmp_path):
        for client in clients:
            client.refuses(f"{machine.name()}:v1")
    with replaying(machine.port, fresh, tmp_path):
        for client in clients:
            client.accepts(f"{machine.name()}:v1")
        machine.apply({machine.name(): [machine.keyless(DEV)]})
        for client in clients:
            client.refuses(f"{machine.name()}:v1")


def test_of_bare_keys_after_the_policy_came_back(machine: Machine, fleet: Fleet, tmp_path: Path) -> None:
    """Changed and changed back: the keys are others, though the policy is the same (F2)."""
    machine.form = "key"
    first = {machine.name(): [machine.keyless()]}
    machine.apply(first)
    blob = harvest(machine)
    machine.close()
    with replaying(machine.port, blob, tmp_path):
        fleet.accepts(f"{machine.name()}:v1")
        machine.apply({machine.name(): [machine.keyless(DEV)]})
        fleet.refuses(f"{machine.name()}:v1")
        machine.apply(first)
        fleet.refuses(f"{machine.name()}:v1")


def test_nobody_else_gets_the_port(machine: Machine, fleet: Fleet) -> None:
    """843 is below what the kernel gives to users, so that replaying there needs root; a high port it gives."""
    for port, said in ((843, "refused\n"), (0, "given\n")):
        with stranger("listen", port) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == said
    with Running(machine):
        fleet.accepts(f"{machine.name()}:v1")
    machine.close()
    fleet.refuses(f"{machine.name()}:v1")


@pytest.mark.parametrize("form", ["pki", "key", "openpgp"])
def test_of_another(machine: Machine, fleet: Fleet, form: Form, tmp_path: Path) -> None:
    """Of another digest, another repository, another registry's same path, another host: refused in every form."""
    fleet = fleet if form == "pki" else fleet.only("skopeo")
    machine.form = form
    image = f"{machine.name()}:v1"
    with RegistryServer() as second:
        elsewhere = f"{second.address}/acme/app"
        machine.apply(
            {name: [machine.keyless()] for name in (machine.name(), machine.name("acme/other"), elsewhere)}
        )
        another, digest = machine.image(tag="v2", content=b"another"), machine.image("acme/other")
        machine.sign(another)
        machine.sign(digest, "acme/other")
        push_image(second.store, "acme/app", content=layer(b"layer"))
        layers = machine.sigstore.sign_legacy(digest, elsewhere, PIPELINE)
        push_signature(second.store, "acme/app", digest, *layers)
        machine.locations(
            "".join(
                f'[[registry]]\nlocation = "{each.address}"\ninsecure = true\n'
                for each in (second, machine.registry)
            )
        )
        with Running(machine) as running:
            fleet.accepts(image)
            names = ((another, machine.name()), (digest, machine.name("acme/other")), (digest, elsewhere))
            blobs = [running.asked(asked, name)[2] for asked, name in names]
    with machine.another_authority():
        blobs.append(harvest(machine))
    machine.close()
    for blob in blobs:
        assert blob
        with replaying(machine.port, blob, tmp_path):
            fleet.refuses(image)
    machine.open()
    with replaying_own(machine, tmp_path):
        fleet.accepts(image)


@contextmanager
def replaying_own(machine: Machine, folder: Path) -> Iterator[None]:
    """What this very image was given: the way to bring it works."""
    blob = harvest(machine)
    machine.close()
    with replaying(machine.port, blob, folder):
        yield


def test_two_hosts_from_one_image(tmp_path: Path, pulls: Pulls, skopeo: Path, podman: Path) -> None:
    """Each makes its own CA at first boot; what one countersigned the other refuses, both ways (F5)."""
    with RegistryServer() as registry:
        hosts = [Machine(tmp_path / name, registry) for name in ("one", "other")]
        hosts[1].sigstore = hosts[0].sigstore
        hosts[1].write("etc/trusted_root.json", hosts[0].sigstore.trusted_root())
        hosts[0].sign(hosts[0].image())
        image = f"{hosts[0].name()}:v1"
        blobs: list[bytes] = []
        clients: list[list[Client]] = []
        kinds: list[tuple[type[Client], Path]] = [(Skopeo, skopeo), (Proxy, skopeo), (Podman, podman)]
        for host in hosts:
            host.apply({host.name(): [host.keyless()]})
            clients.append([host.client(kind, program, pulls) for kind, program in kinds])
            with Running(host):
                for client in clients[-1]:
                    client.accepts(image)
            blobs.append(harvest(host))
            host.close()
        for host, theirs, blob in zip(hosts, clients, reversed(blobs), strict=True):
            with replaying(host.port, blob, tmp_path):
                for client in theirs:
                    client.refuses(image)


def test_a_cloned_disk_has_no_ca(machine: Machine, fleet: Fleet) -> None:
    """The key of another machine signs nothing here, until `init` has made one of this machine's (F5)."""
    machine.write("etc/machine-id", "f" * 32)
    with Running(machine):
        fleet.refuses(f"{machine.name()}:v1", says="authority-machine")
        made = Authority.make("f" * 32, at=machine.clock.now())
        machine.write("state/ca.key", made.key_pem).chmod(0o600)
        machine.write("state/ca.crt", made.certificate_pem)
        machine.write("run/vouchsafe/ca.crt", made.certificate_pem)
        fleet.accepts(f"{machine.name()}:v1")


@pytest.mark.parametrize("form", ["pki", "key", "openpgp"])
def test_a_rollback_across_a_policy_change(
    machine: Machine, fleet: Fleet, tmp_path: Path, form: Form
) -> None:
    """/etc goes back with the deployment, /var does not: it enforces the old policy, and can pull (F5).

    What was countersigned under the new one is worth nothing.
    """
    fleet = fleet if form == "pki" else fleet.only("skopeo")
    machine.form = form
    machine.apply()
    machine.sign(machine.image(tag="dev", content=b"dev"), identity=DEVELOPER)
    with Running(machine):
        fleet.accepts(f"{machine.name()}:v1")
        fleet.refuses(f"{machine.name()}:dev")
    shutil.copytree(machine.folder / "etc", tmp_path / "before", symlinks=True)
    machine.apply({machine.name(): [machine.keyless(DEV)]})
    with Running(machine):
        fleet.accepts(f"{machine.name()}:dev")
        fleet.refuses(f"{machine.name()}:v1")
    blob = harvest(machine, tag="dev")
    shutil.rmtree(machine.folder / "etc")
    shutil.copytree(tmp_path / "before", machine.folder / "etc", symlinks=True)
    machine.close()
    with replaying(machine.port, blob, tmp_path):
        fleet.refuses(f"{machine.name()}:dev")
    machine.open()
    if form != "pki":
        with Running(machine):
            fleet.refuses(f"{machine.name()}:v1", says="rotation")
    machine.publish_keys()  # vouchsafe-authority.service, at every boot
    with Running(machine):
        fleet.accepts(f"{machine.name()}:v1")
        fleet.refuses(f"{machine.name()}:dev")


class Front(LoopbackServer):
    """The machine's registry under another name; with something `harvested` it claims to keep signatures."""

    def __init__(self, machine: Machine) -> None:
        self.registry = machine.registry
        self.harvested = b""
        super().__init__(self.answer)
        self.name = f"{self.address}/acme/app"
        machine.locations(f'[[registry]]\nlocation = "{self.address}"\ninsecure = true\n')

    def answer(self, request: Request) -> Response:
        """OpenShift's API for signatures, beside the registry's own."""
        if request.path.startswith("/extensions/v2/"):
            entry = {
                "schemaVersion": 2,
                "name": f"sha256:{'0' * 64}@{'1' * 32}",
                "type": "atomic",
                "content": base64.b64encode(self.harvested).decode(),
            }
            body = json.dumps({"signatures": [entry]}).encode()
            return Response(headers={"Content-Type": "application/json"}, body=body)
        found = self.registry.answer(request)
        claim = {"X-Registry-Supports-Signatures": "1"} if self.harvested else {}
        return found.replace(headers={**found.headers, **claim})


def test_by_a_registry_that_claims_signatures(
    machine: Machine, everyone: Fleet, openpgp_client: Skopeo
) -> None:
    """It is asked in the lookaside's place, and has what this host once countersigned by OpenPGP (F2).

    Under the same policy that is worth its ten minutes, and clients of every release take it: the accept leg.
    It crosses no policy change and no expiry; and certificates it cannot supply at all.
    """
    clients = [openpgp_client, *everyone.clients.values()]
    digest = machine.image()
    with Front(machine) as front:
        scopes = {front.name: [machine.keyless()]}
        image = f"{front.name}:v1"
        machine.form = "openpgp"
        machine.clock.by = -timedelta(hours=1)  # type: ignore[attr-defined]
        machine.apply(scopes)
        layers = machine.sigstore.sign_legacy(digest, image, PIPELINE)
        push_signature(machine.registry.store, "acme/app", digest, *layers)
        old, fresh = harvest(machine, front.name, ago=OVER), harvest(machine, front.name)
        for client in clients:
            front.harvested = old
            client.refuses(image)
            front.harvested = fresh
            client.accepts(image)
        for each in ({front.name: [machine.keyless(DEV)]}, scopes):
            machine.apply(each)
            for client in clients:
                client.refuses(image)
        machine.form = "pki"
        machine.apply(scopes)
        with Running(machine):
            everyone.refuses(image)
            front.harvested = b""
            everyone.accepts(image)


def test_a_proxy_for_everything(machine: Machine, fleet: Fleet) -> None:
    """HTTP_PROXY is somebody's, and brings what it likes: nobody on loopback is asked through it (F12)."""
    machine.image(tag="v2", content=b"unsigned")
    with LoopbackServer(lambda _: Response(status=404)) as thief:
        for client in fleet.clients.values():
            client.variables = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy"), thief.url)
        with Running(machine):
            fleet.accepts(f"{machine.name()}:v1")
            fleet.refuses(f"{machine.name()}:v2")
        assert thief.requests == []
