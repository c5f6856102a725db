"""A host below a folder that countersigns: its policy enabled by our own command, its CA, its service running.

Everything is the product: `vouchsafe host enable --root` compiles, `vouchsafe countersign serve` answers, as a
process of its own. It believes the Sigstore of this run and accepts one pipeline, on the whole registry.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from bench.stage import COMMAND
from vouchsafe.countersign.genesis import prepare
from vouchsafe.testing.clock import RealClock
from vouchsafe.testing.workload import Workload
from vouchsafe.wiring.authority import KeptAuthority
from vouchsafe.wiring.countersign import Places

PROJECT_ID = "source-repository-identifier"
ACCEPTED, REJECTED = 200, 403  # statuses
SECONDS_TO_START = 30.0
_TICKS = os.sysconf("SC_CLK_TCK")
_USER, _SYSTEM = 11, 12  # words of /proc/PID/stat after the name (proc_pid_stat(5): utime, stime)


class Host:
    """Its countersigner runs between `start` and `stop`."""

    def __init__(
        self, folder: Path, registries: Sequence[str], trusted_root: bytes, signer: Workload
    ) -> None:
        """Enabled for clients; nothing runs yet."""
        self.folder = folder
        self.port = free_port()
        self._environ = {"HOME": str(folder), "PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}
        self._process: subprocess.Popen[bytes] | None = None
        self._write("etc/machine-id", secrets.token_hex(16) + "\n")
        self._write("etc/trusted_root.json", trusted_root.decode())
        plain = "".join(f'[[registry]]\nlocation = "{each}"\ninsecure = true\n' for each in registries)
        self._write("etc/containers/registries.conf", plain)
        self._write("etc/vouchsafe/policy.json", json.dumps(policy(registries, signer)))
        self._write("open/policy.json", json.dumps({"default": [{"type": "insecureAcceptAnything"}]}))
        (folder / "open/registries.d").mkdir()
        self._enable()

    def serve_command(self, *flags: str) -> list[str]:
        """What its unit runs."""
        return [str(COMMAND), "countersign", "serve", "--root", str(self.folder), *flags]

    def start(self, command: Sequence[str] = ()) -> None:
        """The service, or what starts it when somebody asks; what it says goes to the file `said`."""
        argv = list(command) or self.serve_command("--listen", f"127.0.0.1:{self.port}")
        with (self.folder / "said").open("ab") as said:
            self._process = subprocess.Popen(argv, env=self._environ, stdout=said, stderr=said)
        deadline = time.monotonic() + SECONDS_TO_START
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"expected {argv} to listen, got\n{(self.folder / 'said').read_text()}")
            time.sleep(0.01)

    def stop(self) -> None:
        """End it, and wait until it has."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def forget(self) -> None:
        """Stop it, and drop everything that it remembers."""
        self.stop()
        for path in (self.folder / "var/lib/vouchsafe").glob("countersign.db*"):
            path.unlink()

    def ask(self, repository: str, digest: str, number: int = 1) -> int:
        """The status of one answer, over a connection of its own."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS_TO_START) as connection:
            target = target_of(repository, digest, number)
            connection.sendall(
                f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
            )
            received = b""
            while piece := connection.recv(65_536):
                received += piece
        return int(received.split(b" ", 2)[1])

    def rss_mib(self) -> float:
        """Of the service, now."""
        return self._status_kib("VmRSS") / 1024

    def peak_mib(self) -> float:
        """Its largest so far."""
        return self._status_kib("VmHWM") / 1024

    def cpu_seconds(self) -> float:
        """That the service has used, in user and system mode."""
        words = Path(f"/proc/{self._pid()}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(words[_USER]) + int(words[_SYSTEM])) / _TICKS

    def store_mib(self) -> float:
        """Of its database, with what SQLite keeps beside it."""
        return sum(each.stat().st_size for each in (self.folder / "var/lib/vouchsafe").glob("*.db*")) / 2**20

    def pull_command(self, skopeo: str, image: str, target: str, *, countersigned: bool) -> list[str]:
        """`skopeo copy` by this host's policy, or by one that accepts anything and has no lookaside."""
        containers = self.folder / ("etc/containers" if countersigned else "open")
        return [
            *(skopeo, "--policy", str(containers / "policy.json")),
            *("--registries.d", str(containers / "registries.d")),
            *("--registries-conf", str(self.folder / "etc/containers/registries.conf")),
            *("copy", "--quiet", "--remove-signatures", "--src-tls-verify=false"),
            *(f"docker://{image}", f"dir:{target}"),
        ]

    def _enable(self) -> None:
        places = Places.below(str(self.folder))
        prepare(KeptAuthority(places, None, uid=os.geteuid()), at=RealClock().now())
        command = [
            *(str(COMMAND), "host", "enable", "--root", str(self.folder), "--without-units"),
            *("--lookaside", f"http://127.0.0.1:{self.port}", "--ca", places.published),
        ]
        done = subprocess.run(command, env=self._environ, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"expected the host to be enabled, got\n{done.stdout}{done.stderr}")

    def _write(self, name: str, content: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")

    def _listens(self) -> bool:
        """Looked up, not tried: a connection would start what waits for one."""
        wanted = f"0100007F:{self.port:04X} 00000000:0000 0A"
        return wanted in Path("/proc/net/tcp").read_text(encoding="ascii")

    def _pid(self) -> int:
        if self._process is None:
            raise RuntimeError("expected a service that runs, got none")
        return self._process.pid

    def _status_kib(self, name: str) -> int:
        for line in Path(f"/proc/{self._pid()}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1])
        raise RuntimeError(f"expected {name} of the service, got none")


def policy(registries: Sequence[str], signer: Workload) -> dict[str, object]:
    """One pipeline, pinned to its project, for whole registries."""
    identity = {
        "oidcIssuer": signer.issuer,
        "subjectURI": signer.subject,
        "claims": {PROJECT_ID: [signer.claims[PROJECT_ID]]},
    }
    rule = {
        "type": "sigstoreSigned",
        "fulcio": {"trustedRootPath": "/etc/trusted_root.json", "identities": [identity]},
        "signedIdentity": {"type": "matchRepository"},
    }
    return {"default": [{"type": "reject"}], "transports": {"docker": {key: [rule] for key in registries}}}


def target_of(repository: str, digest: str, number: int = 1) -> str:
    """The path that clients ask for."""
    return f"/{repository}@{digest.replace(':', '=')}/signature-{number}"


def free_port() -> int:
    """One that nobody listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def socket_activate() -> str | None:
    """systemd's program that does what a socket unit does, where it is installed."""
    return shutil.which("systemd-socket-activate")
