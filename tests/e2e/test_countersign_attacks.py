"""Attacks on countersigning that were run on real clients before anything was built: each ends refused.

The first half of every test is an accept leg: a client that cannot pull at all would refuse everything.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.countersigning import Machine, Running, Skopeo
from vouchsafe.countersign.authority import Authority
from vouchsafe.policy.compile import Form
from vouchsafe.policy.revocation import Tombstone
from vouchsafe.testing.loopback import LoopbackServer, Request, Response
from vouchsafe.testing.registry import RegistryServer

pytestmark = pytest.mark.peers

NOBODY = 65_534
SERVE = [sys.executable, "-m", "vouchsafe.cli", "countersign", "serve"]
DEV = "https://gitlab.example/acme/app//.gitlab-ci.yml@refs/heads/dev"


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A host that accepts acme/app's main branch in acme/app."""
    with RegistryServer() as registry:
        made = Machine(tmp_path, registry)
        made.apply({made.name(): [made.keyless()]})
        yield made
        made.close()


@pytest.fixture
def clients(machine: Machine, skopeo: Path, skopeo_old: Path) -> list[Skopeo]:
    """Both releases that read certificates."""
    return [Skopeo(skopeo, machine), Skopeo(skopeo_old, machine)]


def pulls(clients: list[Skopeo], image: str) -> list[int]:
    """The exit status of each client."""
    return [client.pull(image)[0] for client in clients]


@contextmanager
def replaying(machine: Machine, harvested: bytes) -> Iterator[None]:
    """Another user's process answers on the service's port, with what it once got from there."""
    port = machine.port
    machine.close()
    ready, started = os.pipe()
    child = os.fork()
    if not child:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        with socket.create_server(("127.0.0.1", port)) as listening:
            os.write(started, b"x")
            _replay(listening, harvested)
    assert os.read(ready, 1) == b"x"
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(ready)
        os.close(started)


def _replay(listening: socket.socket, harvested: bytes) -> None:
    """In a child, for ever: signature-1 is what was harvested, and there is no other."""
    while True:
        connection, _ = listening.accept()
        with connection:
            asked = connection.recv(65_536)
            status, body = (b"200 OK", harvested) if b"/signature-1 " in asked else (b"404 Not Found", b"")
            length = str(len(body)).encode()
            head = b"HTTP/1.1 " + status + b"\r\nContent-Length: " + length + b"\r\nConnection: close\r\n\r\n"
            connection.sendall(head + body)


@pytest.mark.skipif(os.geteuid() != 0, reason="another user's process needs root to start it")
def test_a_replay_after_a_policy_change(machine: Machine, clients: list[Skopeo]) -> None:
    """Harvested while it was accepted: worth something until the policy changes, and nothing after (F2)."""
    digest = machine.image()
    machine.sign(digest)
    with Running(machine) as running:
        _, _, harvested = running.asked(digest)
    with replaying(machine, harvested):
        assert pulls(clients, f"{machine.name()}:v1") == [0, 0]
        machine.apply({machine.name(): [machine.keyless(DEV)]})
        assert pulls(clients, f"{machine.name()}:v1") == [1, 1]


@pytest.mark.skipif(os.geteuid() != 0, reason="another user's process needs root to start it")
def test_a_replay_of_bare_keys_after_the_policy_came_back(machine: Machine, clients: list[Skopeo]) -> None:
    """Changed and changed back: the keys are others, though the policy is the same (F2)."""
    machine.form = "key"
    first = {machine.name(): [machine.keyless()]}
    machine.apply(first)
    digest = machine.image()
    machine.sign(digest)
    with Running(machine) as running:
        _, _, harvested = running.asked(digest)
    with replaying(machine, harvested):
        assert pulls(clients, f"{machine.name()}:v1") == [0, 0]
        machine.apply({machine.name(): [machine.keyless(DEV)]})
        assert pulls(clients, f"{machine.name()}:v1") == [1, 1]
        machine.apply(first)
        assert pulls(clients, f"{machine.name()}:v1") == [1, 1]


@pytest.mark.skipif(os.geteuid() != 0, reason="the port needs root to be refused to others")
def test_nobody_else_gets_the_port() -> None:
    """843 is below what the kernel gives to users."""
    child = os.fork()
    if not child:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        try:
            socket.create_server(("127.0.0.1", 843)).close()
        except PermissionError:
            os._exit(0)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_revoked_image_is_refused(machine: Machine, clients: list[Skopeo]) -> None:
    """The next pull does not undo it (F7)."""
    digest = machine.image()
    machine.sign(digest)
    with Running(machine):
        assert pulls(clients, f"{machine.name()}:v1") == [0, 0]
        machine.write("state/revoked", Tombstone(at=machine.clock.now(), digest=digest).line())
        assert pulls(clients, f"{machine.name()}:v1") == [1, 1]


@pytest.mark.parametrize("form", ["pki", "key", "openpgp"])
def test_a_countersignature_for_another(machine: Machine, clients: list[Skopeo], form: Form) -> None:
    """Of another repository, another digest, another host: refused in every form."""
    machine.form = form
    machine.apply({machine.name(): [machine.keyless()], machine.name("acme/other"): [machine.keyless()]})
    digest, another = machine.image(), machine.image(tag="v2", content=b"another")
    machine.image("acme/other")
    for each, repository in ((digest, "acme/app"), (another, "acme/app"), (digest, "acme/other")):
        machine.sign(each, repository)
    with Running(machine) as running:
        assert pulls(clients, f"{machine.name()}:v1") == [0, 0]
        blobs = [
            running.asked(another)[2],
            running.asked(digest, machine.name("acme/other"))[2],
        ]
    machine.make_authority()
    machine.publish_keys()
    with Running(machine) as running:
        stranger = running.asked(digest)[2]
    machine.make_authority()
    machine.publish_keys()
    port = machine.port
    machine.close()
    for blob in (*blobs, stranger):
        with serving(port, blob):
            assert pulls(clients, f"{machine.name()}:v1") == [1, 1]


@contextmanager
def serving(port: int, blob: bytes) -> Iterator[None]:
    """A lookaside that answers everything with one signature."""
    child = os.fork()
    if not child:
        with socket.create_server(("127.0.0.1", port)) as listening:
            _replay(listening, blob)
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_two_hosts_from_one_image(tmp_path: Path, skopeo: Path) -> None:
    """Each makes its own CA at first boot; what one countersigned the other refuses (F5)."""
    with RegistryServer() as registry:
        one, other = Machine(tmp_path / "one", registry), Machine(tmp_path / "other", registry)
        digest = one.image()
        one.sign(digest)
        other.sigstore = one.sigstore
        other.write("etc/trusted_root.json", one.sigstore.trusted_root())
        scopes = {one.name(): [one.keyless()]}
        one.apply(scopes)
        with Running(one) as running:
            assert Skopeo(skopeo, one).pull(f"{one.name()}:v1") == (0, "")
            blob = running.asked(digest)[2]
        one.close()
        other.apply({one.name(): [other.keyless()]})
        port = other.port
        other.close()
        with serving(port, blob):
            assert Skopeo(skopeo, other).pull(f"{one.name()}:v1")[0] == 1


def test_a_cloned_disk_has_no_ca(machine: Machine, clients: list[Skopeo]) -> None:
    """The key of another machine signs nothing here, until `init` has made one of this machine's (F5)."""
    machine.sign(machine.image())
    machine.write("etc/machine-id", "f" * 32)
    with Running(machine):
        assert pulls(clients, f"{machine.name()}:v1") == [1, 1]
        made = Authority.make("f" * 32, at=machine.clock.now())
        machine.write("state/ca.key", made.key_pem).chmod(0o600)
        machine.write("state/ca.crt", made.certificate_pem)
        machine.write("run/vouchsafe/ca.crt", made.certificate_pem)
        assert pulls(clients, f"{machine.name()}:v1") == [0, 0]


def test_a_registry_that_claims_signatures(machine: Machine, skopeo: Path, skopeo_openpgp: Path) -> None:
    """It is asked in the lookaside's place, and has what this host once countersigned by OpenPGP (F2).

    Under the same policy that is worth its ten minutes, and clients of both releases take it: the accept leg.
    It crosses no policy change; and certificates it cannot supply at all.
    """
    clients = [Skopeo(skopeo, machine), Skopeo(skopeo_openpgp, machine)]
    machine.form = "openpgp"
    digest = machine.image()
    with Front(machine) as front:
        scopes = {front.name: [machine.keyless()]}
        machine.apply(scopes)
        machine.sign(digest, reference=f"{front.name}:v1")
        with Running(machine) as running:
            front.harvested = running.asked(digest, front.name)[2]
        assert pulls(clients, f"{front.name}:v1") == [0, 0]
        machine.apply({front.name: [machine.keyless(DEV)]})
        assert pulls(clients, f"{front.name}:v1") == [1, 1]
        machine.apply(scopes)
        assert pulls(clients, f"{front.name}:v1") == [1, 1]
        machine.form = "pki"
        machine.apply(scopes)
        with Running(machine):
            assert pulls(clients[:1], f"{front.name}:v1") == [1]
            front.harvested = b""
            assert pulls(clients[:1], f"{front.name}:v1") == [0]


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


def test_a_service_that_hangs_or_is_killed(tmp_path: Path, skopeo: Path) -> None:
    """Nothing is pulled meanwhile, and no client takes silence for an answer."""
    with RegistryServer() as registry:
        machine = Machine(tmp_path, registry, below_root=True)
        machine.apply({machine.name(): [machine.keyless()]})
        machine.sign(machine.image())
        _hang_and_kill(machine, skopeo)


def _hang_and_kill(machine: Machine, skopeo: Path) -> None:
    port = machine.port
    machine.close()
    client = Skopeo(skopeo, machine)
    command = [*SERVE, "--listen", f"127.0.0.1:{port}", "--root", str(machine.folder)]
    assert client.pull(f"{machine.name()}:v1")[0] == 1
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        process.stderr.readline()
        try:
            wait_for(client, f"{machine.name()}:v1")
            process.send_signal(signal.SIGSTOP)
            with pytest.raises(subprocess.TimeoutExpired):
                client.pull(f"{machine.name()}:v1", timeout=3)
            process.send_signal(signal.SIGCONT)
            assert client.pull(f"{machine.name()}:v1") == (0, "")
        finally:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()
    assert client.pull(f"{machine.name()}:v1")[0] == 1


def wait_for(client: Skopeo, image: str) -> None:
    """Until the service answers."""
    for _ in range(50):
        if client.pull(image)[0] == 0:
            return
    pytest.fail("expected an accepted pull, got none")


def test_rows_forged_by_hand(machine: Machine, clients: list[Skopeo]) -> None:
    """An unsigned image with another image's evidence and an endless verdict (F4)."""
    signed, unsigned = machine.image(tag="signed"), machine.image(tag="unsigned", content=b"unsigned")
    machine.sign(signed)
    with Running(machine):
        assert pulls(clients, f"{machine.name()}:signed") == [0, 0]
    with sqlite3.connect(machine.folder / "state/countersign.db") as connection:
        for table in ("subjects", "evidence", "verdicts"):
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            taken = ", ".join(f"'{unsigned}'" if name == "digest" else name for name in columns)
            connection.execute(f"INSERT INTO {table} SELECT {taken} FROM {table}")
        connection.execute("UPDATE subjects SET until = 9e9")
    with Running(machine):
        assert pulls(clients, f"{machine.name()}:unsigned") == [1, 1]
        assert pulls(clients, f"{machine.name()}:signed") == [0, 0]


def test_a_tag_that_is_moved(machine: Machine, clients: list[Skopeo]) -> None:
    """To an unsigned image: refused. To an older signed one: accepted, unless the policy bounds the age (F8)."""
    old, unsigned = machine.image(tag="v1"), machine.image(tag="other", content=b"unsigned")
    machine.sign(old)
    with Running(machine):
        assert pulls(clients, f"{machine.name()}:v1") == [0, 0]
        machine.registry.store.tag("acme/app", "v1", unsigned)
        assert pulls(clients, f"{machine.name()}:v1") == [1, 1]
        machine.registry.store.tag("acme/app", "v1", old)
        assert pulls(clients, f"{machine.name()}:v1") == [0, 0]
        later = f"{machine.clock.now().year + 1}-01-01T00:00:00Z"
        machine.apply({machine.name(): {"requirements": [machine.keyless()], "notBefore": later}})
        assert pulls(clients, f"{machine.name()}:v1") == [1, 1]


def test_a_lost_database_is_no_acceptance(machine: Machine, clients: list[Skopeo]) -> None:
    """Nor is a lost tombstone file possible that way: it is another file (F7)."""
    digest = machine.image()
    machine.sign(digest)
    with Running(machine):
        assert pulls(clients, f"{machine.name()}:v1") == [0, 0]
        machine.write("state/revoked", Tombstone(at=machine.clock.now(), digest=digest).line())
    for each in Path(machine.places.state).glob("countersign.db*"):
        each.unlink()
    with Running(machine):
        assert pulls(clients, f"{machine.name()}:v1") == [1, 1]
