"""Another user's process on this machine: it answers on our port, holds connections, or asks more than its share.

Started as root and then nobody, because what runs the tests may lie where nobody else may look.
"""

from __future__ import annotations

import contextlib
import encodings.idna  # noqa: F401  # before we are somebody who may not read it
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65_534


@contextmanager
def stranger(*words: object, uid: int = NOBODY) -> Iterator[subprocess.Popen[str]]:
    """The process, from when it is ready to the end of the block; its standard output are lines that it says."""
    command = [sys.executable, "-I", "-S", __file__, str(uid), *map(str, words)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


@contextmanager
def replaying(port: int, blob: bytes, folder: Path, *, uid: int = NOBODY) -> Iterator[None]:
    """Somebody answers `signature-1` on this port with what once was countersigned; there is no other."""
    kept = folder / "harvested"
    kept.write_bytes(blob)
    with stranger("replay", port, kept, uid=uid):
        yield


def _ready() -> None:
    print("ready", flush=True)


def _become(uid: int) -> None:
    if uid:
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)


def replay(uid: int, port: str, kept: str) -> None:
    """For ever."""
    blob = Path(kept).read_bytes()
    _become(uid)
    with socket.create_server(("127.0.0.1", int(port))) as listening:
        _ready()
        while True:
            connection, _ = listening.accept()
            with connection:
                asked = connection.recv(65_536)
                status, body = (b"200 OK", blob) if b"/signature-1 " in asked else (b"404 Not Found", b"")
                length = str(len(body)).encode()
                head = b"HTTP/1.1 " + status + b"\r\nContent-Length: " + length
                connection.sendall(head + b"\r\nConnection: close\r\n\r\n" + body)


def hold(uid: int, port: str, count: str) -> None:
    """Open so many connections and say half a sentence in each, until somebody writes to us."""
    _raise_limit(int(count))
    _become(uid)
    held = []
    for _ in range(int(count)):
        connection = socket.create_connection(("127.0.0.1", int(port)))
        with contextlib.suppress(OSError):  # already refused
            connection.sendall(b"GET / HTTP/1.1\r\n")
        held.append(connection)
    _ready()
    sys.stdin.readline()


def flood(uid: int, port: str, count: str) -> None:
    """Connect so often, as fast as can be, and hang up at once."""
    _become(uid)
    _ready()
    for _ in range(int(count)):
        with socket.socket() as connection:
            connection.setblocking(False)
            with contextlib.suppress(OSError):
                connection.connect(("127.0.0.1", int(port)))


def ask(uid: int, port: str, *targets: str) -> None:
    """Each target, one after the other; a line for each: status and reason phrase."""
    _become(uid)
    _ready()
    for target in targets:
        with socket.create_connection(("127.0.0.1", int(port)), timeout=30) as connection:
            connection.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            received = b""
            while piece := connection.recv(65_536):
                received += piece
        print(received.split(b"\r\n")[0].partition(b" ")[2].decode(), flush=True)


def listen(uid: int, port: str) -> None:
    """Whether this user may have the port: a line says so."""
    _become(uid)
    _ready()
    try:
        socket.create_server(("127.0.0.1", int(port))).close()
    except PermissionError:
        print("refused", flush=True)
    else:
        print("given", flush=True)


def _raise_limit(files: int) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(files + 100, most), most))


ACTIONS: dict[str, Callable[..., None]] = {
    "replay": replay,
    "hold": hold,
    "flood": flood,
    "ask": ask,
    "listen": listen,
}

if __name__ == "__main__":
    ACTIONS[sys.argv[2]](int(sys.argv[1]), *sys.argv[3:])
