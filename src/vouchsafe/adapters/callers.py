"""Whose process is at the other end of a loopback connection: the uid that /proc/net/tcp shows.

Only a row that is established and has an inode is believed. The kernel shows uid 0 for a socket that its
process has already closed, so a caller that hangs up at once would otherwise pass for root.
"""

from __future__ import annotations

import socket
import struct

TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
LARGEST_TABLE = 32 * 1024 * 1024  # bytes
_ESTABLISHED = "01"
_UID, _INODE = 6, 8  # words after the row's number (proc_pid_net(5))
_MAPPED = bytes(10) + b"\xff\xff"  # ::ffff:0:0/96, an IPv4 connection in the table of IPv6

End = tuple[str, int]


def owner(caller: End, ours: End, tables: tuple[str, ...] = TABLES) -> int | None:
    """The uid of `caller`'s socket, connected to `ours`; None when nobody can tell."""
    for table, form in zip(tables, (_ipv4, _ipv6), strict=True):
        # Found as text: under a flood there are thousands of rows, and only one is read.
        row = _row(table, f" {form(caller)} {form(ours)} {_ESTABLISHED} ")
        if row is not None and row[_INODE] != "0":
            return int(row[_UID])
    return None


def _row(table: str, needle: str) -> list[str] | None:
    try:
        with open(table, encoding="ascii") as rows:
            text = rows.read(LARGEST_TABLE)
    except OSError:
        return None
    at = text.find(needle)
    if at < 0:
        return None
    words = text[at:].partition("\n")[0].split(None, _INODE + 1)
    return words if len(words) > _INODE else None


def _ipv4(end: End) -> str:
    """Address as a number in this machine's byte order, port as it is (proc(5))."""
    return f"{_word(socket.inet_aton(end[0]))}:{end[1]:04X}"


def _ipv6(end: End) -> str:
    address = _MAPPED + socket.inet_aton(end[0])
    return f"{''.join(_word(address[at : at + 4]) for at in range(0, 16, 4))}:{end[1]:04X}"


def _word(four: bytes) -> str:
    return f"{struct.unpack('=I', four)[0]:08X}"
