"""Root's registry credentials for a service that is not root: asked for at a socket, each time they are needed.

Root's side is started by systemd for one connection; it looks at who asks, and writes its auth files and the
client keys of certs.d. So a `podman login` of a minute ago counts, no secret lies in a second place, and a host
without any is normal.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import struct
from collections.abc import Iterator

from vouchsafe.adapters.files import Missing, read_regular
from vouchsafe.errors import ConfigurationError, HostError, MalformedError, Unavailable
from vouchsafe.record import Record
from vouchsafe.strictjson import Fields

LARGEST_FILE = 1024 * 1024  # bytes
LARGEST_ANSWER = 8 * 1024 * 1024  # bytes
MOST_FILES = 64  # of each kind
SECONDS = 5.0
ROOT = 0
_CREDENTIALS = struct.Struct("=iII")  # pid, uid, gid: unix(7), SO_PEERCRED
# Where podman, bootc and rpm-ostree look as root, in their order.
OF_ROOT = (
    "/run/containers/0/auth.json",
    "/run/ostree/auth.json",
    "/etc/ostree/auth.json",
    "/usr/lib/ostree/auth.json",
    "/root/.config/containers/auth.json",
    "/root/.docker/config.json",
)
# One folder for each registry below these, with its client certificates and their keys (containers-certs.d(5)).
CERTS_D = ("/etc/containers/certs.d", "/etc/docker/certs.d")


class Handed(Record):
    """What root has: (path, content) of its auth files, and of the client keys that only it reads."""

    files: tuple[tuple[str, bytes], ...] = ()
    keys: tuple[tuple[str, bytes], ...] = ()

    def __repr__(self) -> str:
        """Says how many, never a secret: a record ends in logs and tracebacks."""
        return f"Handed({len(self.files)} files, {len(self.keys)} keys)"


class Held(Record):
    """Where root's side looks."""

    files: tuple[str, ...] = OF_ROOT
    certs_d: tuple[str, ...] = CERTS_D


def ask(path: str) -> Handed:
    """What root has; nothing where nobody listens. Unavailable `auth-broker`."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(SECONDS)
            try:
                connection.connect(path)
            except (FileNotFoundError, ConnectionRefusedError):
                return Handed()
            if _uid(connection) not in {ROOT, os.geteuid()}:
                raise Unavailable("auth-broker", f"expected root at {path}, got another user")
            answer = _receive(connection)
    except OSError as error:
        raise Unavailable(
            "auth-broker", f"expected credentials from {path}, got: {error}", retryable=True
        ) from error
    return _read(answer, path)


def hand_over(connection: socket.socket, allowed: frozenset[int], held: Held = Held()) -> int:
    """Write files and keys to whoever asked, if it is one of `allowed`; how many there were. HostError."""
    uid = _uid(connection)
    if uid not in allowed:
        raise HostError("auth-broker", f"expected the service's account to ask, got uid {uid}")
    files, keys = _there(held.files), _there(tuple(_keys(held.certs_d)))
    try:
        connection.settimeout(SECONDS)
        connection.sendall(json.dumps({"files": files, "keys": keys}).encode())
    except OSError as error:
        raise HostError("auth-broker", f"expected to hand credentials over, got: {error}") from error
    return len(files) + len(keys)


def _there(paths: tuple[str, ...]) -> list[dict[str, str]]:
    """Those that there are. What cannot be read is as good as absent: the registry will say what it misses."""
    found = []
    for path in paths[:MOST_FILES]:
        try:
            content = read_regular(path, largest=LARGEST_FILE)
        except (Missing, ConfigurationError):
            continue
        found.append({"path": path, "content": base64.b64encode(content).decode()})
    return found


def _keys(folders: tuple[str, ...]) -> Iterator[str]:
    for folder in folders:
        for host in _names(folder):
            for name in _names(f"{folder}/{host}"):
                if name.endswith(".key"):
                    yield f"{folder}/{host}/{name}"


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def connected(descriptor: int) -> socket.socket:
    """The connection that systemd gave us as standard input. HostError."""
    try:
        return socket.socket(fileno=os.dup(descriptor))
    except OSError as error:
        raise HostError(
            "auth-broker",
            "expected a connection as standard input, got none",
            hint="vouchsafe-credentials.socket starts it with Accept=yes.",
        ) from error


def _uid(connection: socket.socket) -> int:
    _, uid, _ = _CREDENTIALS.unpack(
        connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    )
    return int(uid)


def _receive(connection: socket.socket) -> bytes:
    received = b""
    while piece := connection.recv(65_536):
        received += piece
        if len(received) > LARGEST_ANSWER:
            raise Unavailable("auth-broker", f"expected at most {LARGEST_ANSWER} bytes, got more")
    return received


def _read(answer: bytes, path: str) -> Handed:
    try:
        fields = Fields.parse(answer, what="credentials", largest=LARGEST_ANSWER)
        files, keys = (fields.objects(name, MOST_FILES) for name in ("files", "keys"))
        return Handed(
            files=tuple((each.text("path"), each.data("content")) for each in files),
            keys=tuple((each.text("path"), each.data("content")) for each in keys),
        )
    except MalformedError:
        # The answer holds secrets: nothing of it goes on.
        raise Unavailable("auth-broker", f"expected credentials from {path}, got something else") from None
