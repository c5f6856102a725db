"""Root's registry credentials for a service that is not root: asked for at a socket, each time they are needed.

Root's side is started by systemd for one connection; it looks at who asks and writes its auth files. So a
`podman login` of a minute ago counts, no secret lies in a second place, and a host without any is normal.
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
from vouchsafe.strictjson import Fields

LARGEST_FILE = 1024 * 1024  # bytes
LARGEST_ANSWER = 8 * 1024 * 1024  # bytes
MOST_FILES = 16
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


def ask(path: str) -> Iterator[tuple[str, bytes]]:
    """(path, content) of root's auth files; none where nobody listens. Unavailable `auth-broker`."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(SECONDS)
            try:
                connection.connect(path)
            except (FileNotFoundError, ConnectionRefusedError):
                return
            if _uid(connection) not in {ROOT, os.geteuid()}:
                raise Unavailable("auth-broker", f"expected root at {path}, got another user")
            answer = _receive(connection)
    except OSError as error:
        raise Unavailable(
            "auth-broker", f"expected credentials from {path}, got: {error}", retryable=True
        ) from error
    yield from _read(answer, path)


def hand_over(connection: socket.socket, allowed: frozenset[int], files: tuple[str, ...] = OF_ROOT) -> int:
    """Write the auth files to whoever asked, if it is one of `allowed`; how many there were. HostError."""
    uid = _uid(connection)
    if uid not in allowed:
        raise HostError("auth-broker", f"expected the service's account to ask, got uid {uid}")
    found = []
    for path in files:
        try:
            content = read_regular(path, largest=LARGEST_FILE)
        except (Missing, ConfigurationError):
            continue
        found.append({"path": path, "content": base64.b64encode(content).decode()})
    try:
        connection.settimeout(SECONDS)
        connection.sendall(json.dumps({"files": found}).encode())
    except OSError as error:
        raise HostError("auth-broker", f"expected to hand credentials over, got: {error}") from error
    return len(found)


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


def _read(answer: bytes, path: str) -> Iterator[tuple[str, bytes]]:
    try:
        fields = Fields.parse(answer, what="credentials", largest=LARGEST_ANSWER)
        for each in fields.objects("files", MOST_FILES):
            yield each.text("path"), each.data("content")
    except MalformedError:
        # The answer holds secrets: nothing of it goes on.
        raise Unavailable("auth-broker", f"expected credentials from {path}, got something else") from None
