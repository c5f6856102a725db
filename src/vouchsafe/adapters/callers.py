"""Whose process is at the other end of a loopback connection, by what the kernel says of its socket.

Asked of sock_diag(7), which finds one socket among thousands at once; of /proc/net/tcp where that is not
allowed. Only a socket that is established and has an inode is believed: the kernel shows uid 0 for one that
its process has already closed, so a caller that hangs up at once would otherwise pass for root.
"""

from __future__ import annotations

import socket
import struct

TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
LARGEST_TABLE = 32 * 1024 * 1024  # bytes
_ESTABLISHED = "01"  # TCP_ESTABLISHED
# linux/netlink.h, linux/sock_diag.h, linux/inet_diag.h
_NETLINK_SOCK_DIAG, _BY_FAMILY, _NLM_F_REQUEST = 4, 20, 1
_HEAD = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_EVERY_STATE, _ANY_COOKIE = 0xFFFFFFFF, b"\xff" * 8
_MESSAGE = struct.Struct("=xB2x48x12xII")  # inet_diag_msg: state, uid, inode
_LARGEST_ANSWER = 8_192  # bytes
_KIND = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK  # the kernel has answered before `send` returns
_UID, _INODE = 6, 8  # words after the row's number (proc_pid_net(5))
_MAPPED = bytes(10) + b"\xff\xff"  # ::ffff:0:0/96, an IPv4 connection in the table of IPv6

End = tuple[str, int]


def owner(caller: End, ours: End) -> int | None:
    """The uid of `caller`'s socket, connected to `ours`; None when nobody can tell."""
    try:
        return _from_kernel(caller, ours)
    except OSError:  # netlink is not there, or not allowed
        return from_tables(caller, ours)


def _from_kernel(caller: End, ours: End) -> int | None:
    identity = struct.pack(
        ">HH16s16sI8s",
        *(caller[1], ours[1]),
        *(socket.inet_aton(end[0]).ljust(16, b"\0") for end in (caller, ours)),
        *(0, _ANY_COOKIE),
    )
    question = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0, _EVERY_STATE) + identity
    head = _HEAD.pack(_HEAD.size + len(question), _BY_FAMILY, _NLM_F_REQUEST, 1, 0)
    with socket.socket(socket.AF_NETLINK, _KIND, _NETLINK_SOCK_DIAG) as kernel:
        kernel.send(head + question)
        answer = kernel.recv(_LARGEST_ANSWER)
    if len(answer) < _HEAD.size + _MESSAGE.size or _HEAD.unpack_from(answer)[1] != _BY_FAMILY:
        return None
    state, uid, inode = _MESSAGE.unpack_from(answer, _HEAD.size)
    return int(uid) if state == int(_ESTABLISHED) and inode else None


def from_tables(caller: End, ours: End, tables: tuple[str, str] = TABLES) -> int | None:
    """The same from the tables of /proc."""
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


def local_owner(connection: socket.socket) -> int | None:
    """The uid at the other end of a unix socket, as it was when it connected (unix(7), SO_PEERCRED)."""
    try:
        _, uid, _ = struct.unpack(
            "=iII", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("=iII"))
        )
    except OSError:
        return None
    return int(uid)


def caller(connection: socket.socket) -> int | None:
    """The uid at the other end of a connection; None when nobody can tell."""
    if connection.family == socket.AF_UNIX:
        return local_owner(connection)
    try:
        peer, ours = connection.getpeername(), connection.getsockname()
    except OSError:
        return None  # it has hung up
    return owner(peer[:2], ours[:2]) if connection.family == socket.AF_INET else None
