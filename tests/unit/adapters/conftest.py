"""What tests of the adapters share: a client whose pauses are written down instead of slept."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from vouchsafe.adapters.http import HttpClient
from vouchsafe.adapters.settings import Settings

Pauses = list[float]


@pytest.fixture
def pauses() -> Pauses:
    """The seconds that a client would have slept."""
    return []


@pytest.fixture
def http(pauses: Pauses) -> HttpClient:
    """A client of small patience: an attempt may take two seconds, pauses take none and have no jitter."""
    return HttpClient(seconds=2.0, sleep=pauses.append, now=lambda: 1_800_000_000.0, jitter=lambda: 1.0)


@pytest.fixture
def own_host(tmp_path: Path) -> Callable[..., Settings]:
    """Settings whose /etc, /usr/share, /run and home are below a temporary folder."""

    def made(**changes: object) -> Settings:
        base = Settings(
            home=f"{tmp_path}/home",
            config_home=f"{tmp_path}/home/.config",
            docker_config=f"{tmp_path}/home/.docker",
            runtime_dir=f"{tmp_path}/run/user",
            search_path=f"{tmp_path}/bin:/usr/bin:/bin",
            etc=f"{tmp_path}/etc",
            share=f"{tmp_path}/share",
            run=f"{tmp_path}/run",
        )
        return base.replace(**changes)

    return made


@pytest.fixture
def raw_server() -> Iterator[Callable[[bytes], str]]:
    """A server that sends these bytes to whoever asks, and hangs up; the call gives its URL."""
    listening: list[socket.socket] = []

    def answer(server: socket.socket, content: bytes) -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                with connection:
                    connection.recv(65_536)
                    connection.sendall(content)

    def start(content: bytes) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        listening.append(server)
        threading.Thread(target=answer, args=(server, content), daemon=True).start()
        return f"http://127.0.0.1:{server.getsockname()[1]}/"

    yield start
    for server in listening:
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        server.close()


class TunnelProxy:
    """A proxy that opens tunnels (CONNECT) to where it is asked, with or without TLS of its own."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.heads: list[str] = []
        self._tls = tls
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"{'https' if tls else 'http'}://localhost:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        with (
            suppress(OSError),
            plain if self._tls is None else self._tls.wrap_socket(plain, server_side=True) as near,
        ):
            head = near.recv(65_536).decode()
            self.heads.append(head)
            port = int(head.split()[1].rpartition(":")[2])
            with socket.create_connection(("127.0.0.1", port)) as far:
                near.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
                back = threading.Thread(target=self._pump, args=(far, near), daemon=True)
                back.start()
                self._pump(near, far)
                back.join()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while content := source.recv(65_536):
                sink.sendall(content)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def tunnel_proxy() -> Iterator[Callable[..., TunnelProxy]]:
    """Makes such proxies, and ends them."""
    made: list[TunnelProxy] = []

    def start(tls: ssl.SSLContext | None = None) -> TunnelProxy:
        made.append(TunnelProxy(tls))
        return made[-1]

    yield start
    for proxy in made:
        proxy.close()
