"""Whose process asks: only what the kernel says of a connection that is still there is believed."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vouchsafe.adapters import callers
from vouchsafe.adapters.callers import End

NOBODY = 65_534
WAYS: list[Callable[[End, End], int | None]] = [callers.owner, callers.from_tables]


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """Listens on loopback."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


@pytest.mark.parametrize("way", WAYS)
def test_our_own_connection(server: socket.socket, way: Callable[[End, End], int | None]) -> None:
    """While it is open; a caller that has hung up is nobody, and not uid 0."""
    client = socket.create_connection(server.getsockname())
    accepted, caller = server.accept()
    with accepted:
        assert way(caller, accepted.getsockname()) == os.geteuid()
        client.close()
        assert way(caller, accepted.getsockname()) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="another user's process needs root to start it")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "family, host", [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::ffff:127.0.0.1")]
)
def test_another_users_connection(
    server: socket.socket, way: Callable[[End, End], int | None], family: socket.AddressFamily, host: str
) -> None:
    """By IPv4, and by a socket of IPv6 that speaks IPv4."""
    child = os.fork()
    if not child:
        os.setuid(NOBODY)
        with socket.socket(family) as client:
            client.connect((host, server.getsockname()[1]))
            client.recv(1)
        os._exit(0)
    accepted, caller = server.accept()
    with accepted:
        assert way(caller, accepted.getsockname()) == NOBODY
    os.waitpid(child, 0)


@pytest.mark.parametrize("way", WAYS)
def test_a_connection_that_never_was(way: Callable[[End, End], int | None]) -> None:
    """Nobody's."""
    assert way(("127.0.0.1", 1), ("127.0.0.1", 2)) is None


HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
ROW = "   1: 0100007F:0001 0100007F:0002 {state} 00000000:00000000 00:00000000 00000000 {uid} 0 {inode} 1\n"


@pytest.mark.parametrize(
    "row, uid",
    [
        (ROW.format(state="01", uid=" 1000", inode="77"), 1000),
        (ROW.format(state="01", uid="    0", inode="0"), None),
        (ROW.format(state="06", uid="    0", inode="77"), None),
        (ROW.format(state="04", uid=" 1000", inode="77"), None),
        ("   1: 0100007F:0001 0100007F:0002 01\n", None),
        ("", None),
    ],
)
@pytest.mark.skipif(__import__("sys").byteorder != "little", reason="the rows are of a little-endian machine")
def test_a_row_of_the_table(tmp_path: Path, row: str, uid: int | None) -> None:
    """Established and with an inode, or nobody: sockets that are being closed show uid 0."""
    table = tmp_path / "tcp"
    table.write_text(HEADER + row)
    ends = (("127.0.0.1", 1), ("127.0.0.1", 2))
    assert callers.from_tables(*ends, tables=(str(table), str(tmp_path / "absent"))) == uid


def test_the_unit_lets_us_ask_the_kernel() -> None:
    """Otherwise a table as long as any local user makes it would be read for every connection."""
    unit = Path(__file__).resolve().parents[3] / "deploy/systemd/vouchsafe-countersign.service"
    (line,) = [line for line in unit.read_text().splitlines() if line.startswith("RestrictAddressFamilies=")]
    assert "AF_NETLINK" in line.split("=")[1].split()


def test_a_unix_socket(tmp_path: Path) -> None:
    """By what the kernel kept when it was connected."""
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(str(tmp_path / "s"))
        server.listen()
        client.connect(str(tmp_path / "s"))
        accepted, _ = server.accept()
        with accepted:
            assert callers.caller(accepted) == os.geteuid()
