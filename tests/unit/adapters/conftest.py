"""What tests of the adapters share: a client whose pauses are written down instead of slept."""

from __future__ import annotations

import socket
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
