"""A machine of one's own: /etc, /usr, /var, /run, loopback and processes of a host that nobody else sees.

Namespaces of the kernel make it, so commands run as an administrator types them: no --root, no flags that say
where files are, port 843. There is no systemd in it; sockets are opened by systemd-socket-activate and services
become what their units say (`tests.confined`). Only root can have one.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import pytest

from tests import documents
from tests.unit_files import SYSTEMD, Unit

ROOT = Path(__file__).resolve().parent.parent
LONGEST = 120.0  # seconds until something must be there
NEEDED = ("unshare", "nsenter", "mount", "systemd-socket-activate", "systemd-sysusers", "systemd-tmpfiles")
# The interpreter and our code where no ProtectHome= hides them, whatever folder this checkout lies in.
SETUP = r"""
set -e
mount --make-rprivate /
mount -t tmpfs none /mnt # not below /tmp: `host enable` refuses an /etc that a boot forgets
for path in etc usr var opt; do
    mkdir -p "/mnt/$path/upper" "/mnt/$path/work"
    mount -t overlay overlay -o "lowerdir=/$path,upperdir=/mnt/$path/upper,workdir=/mnt/$path/work" "/$path"
done
mount -t tmpfs -o mode=755 none /run
echo allowed
mkdir -p /opt/python /opt/src /opt/site /run/systemd /mnt/python/upper /mnt/python/work
mount -t overlay overlay -o "lowerdir=$python,upperdir=/mnt/python/upper,workdir=/mnt/python/work" /opt/python
mount --bind "$src" /opt/src
mount --bind "$site" /opt/site
rm -rf /etc/containers /usr/share/containers /etc/vouchsafe /var/lib/containers /usr/bin/vouchsafe
mkdir -p /etc/containers /usr/share/containers
rm -f /etc/machine-id
echo 0123456789abcdef0123456789abcdef > /etc/machine-id
cat > /usr/bin/vouchsafe <<'EOF'
#!/bin/sh
export LD_LIBRARY_PATH=/opt/python/lib
exec /opt/python/bin/python3 -P -m vouchsafe.cli "$@"
EOF
chmod 755 /usr/bin/vouchsafe
grep -v '^#' "$root/deploy/layout" | while read -r mode source target; do
    install -D -m "$mode" "$root/$source" "$target"
done
systemd-sysusers vouchsafe.conf 2> /dev/null
systemd-tmpfiles --create vouchsafe.conf
/opt/python/bin/python3 -S -c 'import fcntl, site, socket, struct
fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sh14x", b"lo", 0x41))  # SIOCSIFFLAGS: IFF_UP | IFF_RUNNING
print(*site.getsitepackages(), sep="\n")' > /mnt/packages
while read -r folder; do # nothing but the locked packages, as in our own environment
    mkdir -p "$folder"
    mount -t tmpfs none "$folder"
    printf '/opt/src\n/opt/site\n' > "$folder/installed.pth"
done < /mnt/packages
echo ready
exec sleep infinity
"""


# One GET on the machine, over TCP or a unix socket, by whoever runs it: prints the status line and the body.
FETCH = """
import socket, sys
address, target = sys.argv[1:]
if address.startswith("/"):
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(address)
else:
    host, _, port = address.partition(":")
    connection = socket.create_connection((host, int(port)))
connection.sendall(f"GET {target} HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n".encode())
said = b"".join(iter(lambda: connection.recv(65536), b""))
head, _, body = said.partition(b"\\r\\n\\r\\n")
sys.stdout.write(head.partition(b"\\r\\n")[0].decode() + "\\n" + body.decode("utf-8", "replace"))
"""


class WholeMachine:
    """Holds the namespaces; ends with everything that runs in them."""

    def __init__(self, **programs: Path) -> None:
        """`programs` are found in its /usr/bin by these names."""
        for name in NEEDED:
            if shutil.which(name) is None:
                pytest.skip(f"program {name} is missing")
        if os.geteuid() != 0:
            pytest.skip("a machine of one's own needs root")
        settings = {
            "python": sys.base_prefix,
            "src": str(ROOT / "src"),
            "site": sysconfig.get_path("purelib"),
            "root": str(ROOT),
        }
        namespaces = ("--mount", "--net", "--pid", "--ipc", "--fork", "--mount-proc", "--kill-child")
        self._init = subprocess.Popen(
            ["unshare", *namespaces, "sh", "-c", SETUP],
            env={**os.environ, **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._init.stdout is not None
        assert self._init.stderr is not None
        if self._init.stdout.readline() != "allowed\n":
            pytest.skip(f"a machine of one's own is not allowed here: {self._init.stderr.read().strip()}")
        assert self._init.stdout.readline() == "ready\n", self._init.stderr.read()
        children = Path(f"/proc/{self._init.pid}/task/{self._init.pid}/children").read_text(encoding="ascii")
        self._enter = ("nsenter", "-t", children.split()[0], "--mount", "--net", "--pid", "--ipc")
        self._proc = Path("/proc", children.split()[0])
        self.inside = self._proc / "root"
        self._running: list[subprocess.Popen[str]] = []
        for name, program in programs.items():
            self.run("ln", "-sf", str(program), f"/usr/bin/{name}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._init.kill()
        self._init.communicate()
        for each in self._running:
            each.kill()
            each.communicate()

    def run(
        self, *words: str, status: int | None = 0, given: str = "", uid: int = 0, env: Mapping[str, str] = {}
    ) -> subprocess.CompletedProcess[str]:
        """A command on the machine; its exit status is as expected, where one is."""
        who = ("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups") if uid else ()
        done = subprocess.run(
            [*self._enter, *who, *words],
            env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/root", **env},
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=LONGEST * 5,
            cwd="/",
        )
        assert status is None or done.returncode == status, f"{words}: {done.stdout}{done.stderr}"
        return done

    def said(self, *words: str, status: int = 0) -> Any:
        """The document that `vouchsafe` prints with `-o json`."""
        return documents.document(words[1:], self.run(*words, "-o", "json", status=status).stdout)

    def fetch(self, address: str, target: str, *, uid: int = 0) -> str:
        """What a GET is answered, status line and body; empty when this user may not ask."""
        python = ("/opt/python/bin/python3", "-S", "-c", FETCH, address, target)
        return self.run(*python, uid=uid, status=None, env={"LD_LIBRARY_PATH": "/opt/python/lib"}).stdout

    def write(self, path: str, content: str, mode: str = "644") -> None:
        """A file of root's."""
        self.run("install", "-D", "-m", mode, "/dev/stdin", path, given=content)

    def read(self, path: str) -> str:
        """What stands there."""
        return self.run("cat", path).stdout

    def start(self, *words: str, env: Mapping[str, str] = {}, piped: bool = False) -> subprocess.Popen[str]:
        """Something that goes on beside us; `piped`: its standard output is ours."""
        made = subprocess.Popen(
            [*self._enter, *words],
            env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/root", **env},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if piped else subprocess.DEVNULL,
            stderr=subprocess.DEVNULL if piped else None,
            text=True,
            cwd="/",
        )
        self._running.append(made)
        return made

    def laboratory(self) -> Any:
        """`python -m vouchsafe.testing lab` on its loopback, without TLS for its clients: what it says of itself."""
        python = ("/opt/python/bin/python3", "-P", "-m", "vouchsafe.testing", "lab", "/run/lab")
        lab = self.start(*python, piped=True)
        assert lab.stdout is not None
        said = json.loads(lab.stdout.readline())
        insecure = f'[[registry]]\nlocation="{said["registry"]}"\ninsecure=true\n'
        self.write("/etc/containers/registries.conf", insecure)
        return said

    def become(
        self, service: str, *, status: int = 0, env: Mapping[str, str] = {}
    ) -> subprocess.CompletedProcess[str]:
        """Run a oneshot as its unit says."""
        return self.run(*self._confined(service), env={**self._own_python(), **env}, status=status)

    def activate(self, *sockets: str, service: str, env: Mapping[str, str] = {}) -> subprocess.Popen[str]:
        """Open the sockets of these units; the service is started by the first who connects to one."""
        units = [Unit(SYSTEMD / name) for name in sockets]
        names = ":".join(
            unit.one("FileDescriptorName", name) for unit, name in zip(units, sockets, strict=True)
        )
        words = [f"--listen={unit.one('ListenStream')}" for unit in units]
        if units[0].is_on("Accept"):
            words += ["--accept", "--inetd"]
        else:
            words.append(f"--fdname={names}")
        passed = {**self._own_python(), **env}
        words += [f"--setenv={name}={value}" for name, value in passed.items()]
        made = self.start("systemd-socket-activate", *words, *self._confined(service), env=passed)
        for unit in units:
            address = unit.one("ListenStream")
            self._await(address)
            if address.startswith("/"):  # what systemd would do as it binds
                self.run("chgrp", unit.one("SocketGroup", "root"), address)
                self.run("chmod", unit.one("SocketMode", "0666"), address)
        return made

    def _await(self, address: str) -> None:
        """Until somebody listens there; without a connection, which would start the service."""
        row = f":{int(address.rpartition(':')[2]):04X} 00000000:0000 0A" if ":" in address else ""
        ends = time.monotonic() + LONGEST
        while not (
            row in (self._proc / "net/tcp").read_text(encoding="ascii")
            if row
            else (self.inside / address.lstrip("/")).is_socket()
        ):
            assert time.monotonic() < ends, f"nobody listens on {address}"
            time.sleep(0.02)

    def _confined(self, service: str) -> tuple[str, ...]:
        return (sys.executable, "-m", "tests.confined", f"/usr/lib/systemd/system/{service}")

    @staticmethod
    def _own_python() -> dict[str, str]:
        return {"PYTHONPATH": str(ROOT)}
