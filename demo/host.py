"""The second half: a host whose stock skopeo refuses what the policy does not accept, inside the pull itself.

The host lies below a folder, as an image that is being built does: `vouchsafe host enable --root`. Its client is
whatever this machine has; one that reads no certificates gets the form that it can read.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from demo.supply_chain import ISSUER, REPOSITORY, policy
from demo.words import COMMAND, aside, say, vouchsafe
from vouchsafe.cli.host_tools import first_boot
from vouchsafe.testing.registry import RegistryServer
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.testing.workload import gitlab
from vouchsafe.wiring import this_host
from vouchsafe.wiring.places import Places

PEERS = Path(__file__).resolve().parent.parent / ".peers" / "bin"
TRUST = "/etc/vouchsafe/trusted_root.json"
OPEN = {"default": [{"type": "insecureAcceptAnything"}]}
HELP = "`make peers` fetches one; then `make demo` shows a stock skopeo refuse and accept."


def play(registry: RegistryServer, sigstore: VirtualSigstore, folder: Path) -> Iterator[str]:
    """Every scene; the names of those that did not end as they should."""
    say("\n\nThe second half: a host, and a client on it that nobody changed.")
    client = stock_client()
    if client is None:
        print(f"There is no skopeo on this machine. {HELP}")
        return
    form = what_it_reads(client)
    if form is None:
        print(f"{client} reads no signature that a host could give it. {HELP}")
        return
    host = Machine(folder / "host", registry, client)
    host.furnish(sigstore)
    say("Today its policy.json accepts anything, and so does the client:")
    if not host.pulls("unsigned"):
        yield "a pull before enforcement"
    say("\nOne command later it demands this host's own countersignature:")
    if vouchsafe("host", "enable", *host.enabling(form), variables=reachable(client)):
        yield "vouchsafe host enable --root"
    first_boot(Places.below(str(host.root)).replace(root=""), this_host())
    with host.countersigner():
        say("\nThe image that the pipeline signed, pulled by the same client:")
        if not host.pulls("v1"):
            yield "a stock client that accepts what is signed"
        say("\nThe one that nobody signed:")
        if host.pulls("unsigned"):
            yield "a stock client that refuses what is not signed"
    say("\nAnd with nobody there to countersign, the client fails closed:")
    if host.pulls("v1"):
        yield "a stock client that fails closed"
    say("\nWho was answered what, and why:")
    vouchsafe("log", "--root", str(host.root))


def stock_client() -> Path | None:
    """The newest skopeo that there is, never ours: those of `make peers`, or the system's."""
    found = shutil.which("skopeo", path=f"{PEERS}:{os.environ.get('PATH', '')}")
    return None if found is None else Path(found)


def what_it_reads(client: Path) -> str | None:
    """The form of countersignature that it takes, found by letting it pull."""
    probe = [str(COMMAND), "host", "probe", "--offline", "-o", "json"]
    environment = {**os.environ, **reachable(client)}
    done = subprocess.run(probe, check=False, env=environment, capture_output=True, text=True)
    if done.returncode:
        print(done.stderr, file=sys.stderr)
        return None
    said: dict[str, Any] = json.loads(done.stdout)
    form: str | None = said["form"]
    return form


def reachable(client: Path) -> dict[str, str]:
    """The host's clients are found by PATH."""
    return {"PATH": f"{client.parent}:/usr/bin:/bin"}


class Machine:
    """Below a folder: files, a port, a client that reads those files."""

    def __init__(self, root: Path, registry: RegistryServer, client: Path) -> None:
        """Nothing is there yet."""
        self.root = root
        self.registry = registry
        self.client = client
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = f"127.0.0.1:{free.getsockname()[1]}"

    def furnish(self, sigstore: VirtualSigstore) -> None:
        """As it is today, with our policy beside, not in force."""
        pipeline = gitlab(ISSUER, project_path=REPOSITORY)
        insecure = f'[[registry]]\nlocation = "{self.registry.address}"\ninsecure = true\n'
        self.write("etc/machine-id", f"{os.urandom(16).hex()}\n")
        self.write("etc/containers/policy.json", json.dumps(OPEN))
        self.write("etc/containers/registries.d/.none", "")
        self.write("etc/containers/registries.conf", insecure)
        self.write(TRUST, sigstore.trusted_root().decode())
        self.write("etc/vouchsafe/policy.json", json.dumps(policy(self.registry.address, pipeline, TRUST)))

    def write(self, path: str, content: str) -> None:
        """One of its files."""
        place = self.root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content, encoding="utf-8")

    def enabling(self, form: str) -> tuple[str, ...]:
        """What is typed; on a real host none of this but --root is needed."""
        keys = self.root / "run/vouchsafe"
        where = ("--lookaside", f"http://{self.address}", "--ca", f"{keys}/ca.crt", "--keys", f"{keys}/keys")
        return ("--root", str(self.root), "--form", form, "--without-units", *where)

    @contextmanager
    def countersigner(self) -> Iterator[None]:
        """The service, for as long as this is held."""
        arguments = ["countersign", "serve", "--root", str(self.root), "--listen", self.address]
        aside(f"\n$ vouchsafe {' '.join(arguments)} &")
        service = subprocess.Popen([COMMAND, *arguments], stderr=subprocess.PIPE, text=True)
        try:
            assert service.stderr is not None
            service.stderr.readline()  # "answering on …"
            yield
        finally:
            service.terminate()
            service.communicate()

    def pulls(self, tag: str) -> bool:
        """`skopeo copy`, by this host's files; whether it did, with its own last words."""
        containers = self.root / "etc/containers"
        files = ("--policy", f"{containers}/policy.json", "--registries.d", f"{containers}/registries.d")
        image = f"docker://{self.registry.reference(REPOSITORY, tag)}"
        copy = (
            "copy",
            "--remove-signatures",
            "--src-tls-verify=false",
            image,
            f"dir:{self.root}/pulled-{tag}",
        )
        aside(f"$ skopeo copy {image} dir:pulled-{tag}")
        done = subprocess.run([self.client, *files, *copy], check=False, capture_output=True, text=True)
        print((done.stderr if done.returncode else done.stdout).strip().splitlines()[-1])
        aside(f"exit {done.returncode}: {'not pulled' if done.returncode else 'pulled'}")
        return done.returncode == 0
