"""A host below a folder that countersigns: its policy applied, its CA, its service running, real clients beside it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self, TypeVar

from cryptography import x509

from tests.pulls import Client, Pulls
from vouchsafe.adapters.listening import EVERYBODY, listen
from vouchsafe.countersign.answer import Answer
from vouchsafe.countersign.authority import Authority
from vouchsafe.countersign.fairness import Limits
from vouchsafe.countersign.genesis import publish_keys
from vouchsafe.countersign.request import parse
from vouchsafe.countersign.service import Outside, Service, Sockets
from vouchsafe.countersign.state import in_force
from vouchsafe.evidence import containers
from vouchsafe.evidence.types import SimpleSigning
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference
from vouchsafe.policy import applied, document
from vouchsafe.policy.compile import Compiled, Form, Host, compile_policy
from vouchsafe.ports import Clock
from vouchsafe.testing.clock import RealClock
from vouchsafe.testing.pull_cases import layer
from vouchsafe.testing.registry import RegistryServer, push_bundle, push_image, push_index, push_signature
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.testing.workload import Workload, gitlab
from vouchsafe.wiring import countersign as wiring
from vouchsafe.wiring.authority import KeptAuthority
from vouchsafe.wiring.countersign import Places

MACHINE_ID = hashlib.md5(b"a machine", usedforsecurity=False).hexdigest()
ISSUER = "https://gitlab.example"
MAIN = "https://gitlab.example/acme/app//.gitlab-ci.yml@refs/heads/main"
PIPELINE = gitlab(project_path="acme/app")


Pulling = TypeVar("Pulling", bound=Client)


class Shifted:
    """The machine's clock, so much wrong."""

    def __init__(self, by: timedelta = timedelta(0)) -> None:
        self.by = by

    def now(self) -> datetime:
        """What it shows."""
        return RealClock().now() + self.by


class QuietJournal:
    """Keeps what would go to the journal."""

    def __init__(self) -> None:
        self.entries: list[dict[str, str]] = []

    def write(self, message: str, message_id: str, priority: int, **fields: str) -> None:
        """One entry."""
        self.entries.append({"MESSAGE": message, "MESSAGE_ID": message_id, **fields})


class QuietNotifier:
    """Keeps what systemd would be told."""

    watchdog_seconds = 0.0

    def __init__(self) -> None:
        self.told: list[str] = []

    def tell(self, *lines: str) -> None:
        """Lines of sd_notify."""
        self.told += lines


class Machine:
    """A host. Its clock is the real one unless a test brings another; its Sigstore is its own."""

    def __init__(
        self,
        folder: Path,
        registry: RegistryServer,
        *,
        clock: Clock | None = None,
        sigstore: VirtualSigstore | None = None,
        below_root: bool = False,
    ) -> None:
        self.folder = folder
        self.registry = registry
        self.clock = clock or RealClock()
        self.sigstore = sigstore or VirtualSigstore(str(folder), clock=self.clock)
        self.below_root = below_root
        self.host_lookaside = ""
        self.form: Form = "pki"
        self.physical: dict[str, tuple[str, ...]] = {}
        state = "var/lib/vouchsafe" if below_root else "state"
        self.places = Places(
            etc=str(folder / "etc"),
            run=str(folder / "run"),
            state=str(folder / state),
            root=str(folder) if below_root else "",
        )
        for name in ("etc/vouchsafe/host", "etc/containers/registries.d", "run/vouchsafe", state):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self.write("etc/machine-id", MACHINE_ID + "\n")
        self.write("etc/trusted_root.json", self.sigstore.trusted_root())
        self.locations(f'[[registry]]\nlocation = "{registry.address}"\ninsecure = true\n')
        self.port: int = 0
        self.open()
        self.make_authority()

    @classmethod
    @contextmanager
    def of_acme(cls, folder: Path, **options: Any) -> Iterator[Self]:
        """One that accepts acme/app's main branch in acme/app, with a registry, until the block ends."""
        with RegistryServer() as registry:
            made = cls(folder, registry, **options)
            made.apply({made.name(): [made.keyless()]})
            yield made
            made.close()

    def open(self) -> None:
        """Listen; on the same port as before, which the policy names."""
        self.listening = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listening.getsockname()[1]

    def close(self) -> None:
        """Let go of the port."""
        self.listening.close()

    @property
    def verdict_socket(self) -> str:
        """Where its plugin asks."""
        return f"{self.places.run}/vouchsafe/verdict.sock"

    @property
    def lookaside(self) -> str:
        """The service's URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def host(self) -> Host:
        """What policies are compiled for."""
        return Host(
            ca_path=self.places.published,
            lookaside=self.host_lookaside or self.lookaside,
            form=self.form,
            keys="/run/vouchsafe/keys" if self.below_root else f"{self.places.run}/vouchsafe/keys",
            physical=self.physical,
        )

    def write(self, name: str, content: bytes | str) -> Path:
        """A file of this host."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def locations(self, text: str) -> None:
        """registries.conf."""
        self.write("etc/containers/registries.conf", text)

    def make_authority(self, machine_id: str = MACHINE_ID) -> Authority:
        """The host's CA, published."""
        made = Authority.make(machine_id, at=self.clock.now())
        Path(self.places.certificate).write_bytes(made.certificate_pem)
        Path(self.places.key).write_bytes(made.key_pem)
        Path(self.places.key).chmod(0o600)
        self.write("run/vouchsafe/ca.crt", made.certificate_pem)
        return made

    @contextmanager
    def another_authority(self) -> Iterator[None]:
        """As if another machine signed, which has all that this one has but its CA."""
        files = ("state/ca.crt", "state/ca.key", "run/vouchsafe/ca.crt")
        kept = {name: (self.folder / name).read_bytes() for name in files}
        self.make_authority()
        self.publish_keys()
        yield
        for name, content in kept.items():
            self.write(name, content)
        self.publish_keys()

    def keyless(self, subject: str = MAIN, **more: Any) -> dict[str, Any]:
        """A requirement of ours: this subject, of this host's Sigstore."""
        identity = {"oidcIssuer": ISSUER, "subjectURI": subject}
        trusted = "/etc/trusted_root.json" if self.below_root else str(self.folder / "etc/trusted_root.json")
        return {
            "type": "sigstoreSigned",
            "fulcio": {"trustedRootPath": trusted, "identities": [identity]},
            "signedIdentity": {"type": "matchRepository"},
            **more,
        }

    def edit(self, scopes: dict[str, Any], **more: Any) -> None:
        """Write our policy, and apply it not."""
        policy = {"default": [{"type": "reject"}], "transports": {"docker": scopes}, **more}
        self.write("etc/vouchsafe/policy.json", json.dumps(policy))

    def apply(self, scopes: dict[str, Any] | None = None, **more: Any) -> Compiled:
        """Write our policy and put it in force; without scopes, the one that stands there."""
        if scopes is not None:
            self.edit(scopes, **more)
        text = (self.folder / "etc/vouchsafe/policy.json").read_bytes()
        policy = document.parse(text, dialect="vouchsafe", source="policy.json")
        compiled = compile_policy(policy, self.host)
        self.write("etc/containers/registries.d/vouchsafe.yaml", compiled.registries)
        record = applied.Applied(epoch=compiled.epoch, host=self.host)
        self.write("etc/vouchsafe/host/applied.json", applied.write(record))
        self.write("etc/containers/policy.json", compiled.policy)
        self.publish_keys()
        return compiled

    def publish_keys(self, *, rotate: bool = False) -> None:
        """What `countersign init` does after a policy was applied."""
        files = KeptAuthority(self.places, None, uid=os.geteuid())
        kept = files.read()
        if kept is not None:
            around = wiring.surroundings({}, uid=os.geteuid(), places=self.places, clock=self.clock)
            now = in_force(around.configuration.read())
            publish_keys(files, Authority.load(*kept), now, rotate=rotate)

    def compiled(self) -> tuple[bytes, bytes]:
        """What /etc/containers says."""
        containers = self.folder / "etc/containers"
        return (
            (containers / "policy.json").read_bytes(),
            (containers / "registries.d/vouchsafe.yaml").read_bytes(),
        )

    def another_sigstore(self) -> VirtualSigstore:
        """Somebody else's."""
        return VirtualSigstore("another", clock=self.clock)

    def name(self, repository: str = "acme/app") -> str:
        """A repository as clients write it."""
        return f"{self.registry.address}/{repository}"

    def image(self, repository: str = "acme/app", tag: str = "v1", *, content: bytes = b"layer") -> Digest:
        """An unsigned image, which unpacks."""
        return push_image(self.registry.store, repository, tag, content=layer(content))

    def index(
        self,
        repository: str = "acme/app",
        tag: str = "v1",
        *,
        architectures: tuple[str, ...] = ("amd64", "arm64"),
        salt: bytes = b"",
    ) -> tuple[Digest, dict[str, Digest]]:
        """An unsigned multi-arch image, and its instances; `salt` makes it one of its kind."""
        return push_index(
            self.registry.store,
            repository,
            tag,
            architectures=architectures,
            contents=lambda name: layer(salt + name),
        )

    def client(self, kind: type[Pulling], program: Path, pulls: Pulls) -> Pulling:
        """A real client that obeys this host's /etc/containers."""
        return kind(program, self.folder / "etc/containers", self.folder / "clients", pulls)

    def sign(
        self,
        digest: Digest,
        repository: str = "acme/app",
        identity: Workload = PIPELINE,
        *,
        reference: str = "",
    ) -> None:
        """Sign it the old way, under its repository's name or another."""
        layer = self.sigstore.sign_legacy(digest, reference or self.name(repository), identity)
        push_signature(self.registry.store, repository, digest, *layer)

    def bundle(self, digest: Digest, repository: str = "acme/app", identity: Workload = PIPELINE) -> None:
        """Sign it the new way."""
        push_bundle(self.registry.store, repository, digest, self.sigstore.bundle(digest, identity))


def outside(
    machine: Machine, journal: QuietJournal, notifier: QuietNotifier, tracked: Sequence[str]
) -> Outside:
    """What a service sees of a machine. `tracked` is read whenever it is asked for."""
    around = wiring.surroundings({}, uid=0, places=machine.places, clock=machine.clock)
    return Outside(
        configuration=around.configuration,
        upstream=around.upstream,
        file=around.file,
        clock=machine.clock,
        journal=journal,
        notifier=notifier,
        knowing=wiring.knowing,
        tracked=lambda: tuple(Reference.parse(each) for each in tracked),
    )


class Counter:
    """The service of a machine without its socket: questions are asked of it directly."""

    def __init__(self, machine: Machine, *, limits: Limits = Limits(), tracked: Sequence[str] = ()) -> None:
        self.journal, self.notifier = QuietJournal(), QuietNotifier()
        self.machine = machine
        self.service = Service(outside(machine, self.journal, self.notifier, tracked), limits)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.service.close()

    def ask(self, digest: Digest, repository: str = "", number: int = 1) -> Answer:
        """The answer, judged where it is not at hand; `repository` with its host."""
        name = repository or self.machine.name()
        return self.service.countersigner.answer(parse(f"/{name}@sha256={digest.hex}/signature-{number}"))

    def said(self, digest: Digest, repository: str = "") -> str:
        """`accepted`, or the outcome and its code."""
        answer = self.ask(digest, repository)
        return answer.outcome if answer.status == 200 else f"{answer.outcome} {answer.code}"


class Running(Counter):
    """The service of a machine, answering on its port from a thread of its own."""

    def __init__(
        self,
        machine: Machine,
        *,
        limits: Limits = Limits(),
        tracked: Sequence[str] = (),
        verdicts: bool = False,
    ) -> None:
        super().__init__(machine, limits=limits, tracked=tracked)
        self._verdicts = (listen(f"unix:{machine.verdict_socket}", mode=EVERYBODY),) if verdicts else ()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        while "READY=1" not in self.notifier.told and self._thread.is_alive():
            self._thread.join(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self.service.stop)
        self._thread.join(20)
        self._loop.close()
        Path(self.machine.verdict_socket).unlink(missing_ok=True)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        sockets = Sockets(lookaside=(self.machine.listening.dup(),), verdicts=self._verdicts)
        self._loop.run_until_complete(self.service.run(sockets))

    def reload(self) -> None:
        """What a SIGHUP does."""
        self._loop.call_soon_threadsafe(self.service.reload)

    def asked(self, digest: Digest, repository: str = "", number: int = 1) -> tuple[int, str, bytes]:
        """Status, reason phrase and body, as a client sees them."""
        name = repository or self.machine.name()
        return get(self.machine.port, f"/{name}@sha256={digest.hex}/signature-{number}")


def get(port: int, target: str) -> tuple[int, str, bytes]:
    """One GET on loopback, with no library between: status, reason phrase, body."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        received = b""
        while piece := connection.recv(65_536):
            received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    _, status, phrase = head.split(b"\r\n")[0].decode().split(" ", 2)
    return int(status), phrase, body


class Signature:
    """A countersignature, taken apart: what it names and who says so."""

    def __init__(self, blob: bytes) -> None:
        evidence = containers.parse(blob, "a countersignature")
        assert isinstance(evidence.content, SimpleSigning)
        assert evidence.certificate is not None
        claim = json.loads(evidence.content.payload)["critical"]
        self.name: str = claim["identity"]["docker-reference"]
        self.digest: str = claim["image"]["docker-manifest-digest"]
        leaf = x509.load_der_x509_certificate(evidence.certificate)
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.markers: list[str] = names.get_values_for_type(x509.RFC822Name)
        self.ends = leaf.not_valid_after_utc
        self.serial = leaf.serial_number
