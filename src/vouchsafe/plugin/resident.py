"""Asks the countersigner that runs on this host, if it is really that: over a socket that only root could have made.

Imports nothing that a pull would have to wait for: the answer is read by hand, and strictly. Whatever is not one
whole answer about the image that was asked is no answer.
"""

from __future__ import annotations

import os
import socket
import stat
import struct
import time

from vouchsafe.errors import MalformedError
from vouchsafe.protocol import LARGEST_RESPONSE
from vouchsafe.protocol.decision import Decision, parse
from vouchsafe.protocol.request import Request

SECONDS = 21.0  # the countersigner answers after 20, whatever happens
ACCOUNT = "vouchsafe"  # whose the service is: deploy/sysusers.d
SOURCE = "resident"
_LARGEST_HEAD = 4096  # bytes
_PIECE = 65_536  # bytes read at a time
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH
_CREDENTIALS = struct.Struct("=iII")  # struct ucred of SO_PEERCRED (unix(7))
_WHOLE = [b"0", b"0", b"4294967295"]  # /proc/self/uid_map of a process in no user namespace of its own


def ask(request: Request, *, root: str, seconds: float) -> Decision | None:
    """Its decision; None when there is nobody to ask, or nobody whom we may believe."""
    if request.reference.transport != "docker":
        return None
    ends = time.monotonic() + min(seconds, SECONDS)
    try:
        with _connected(f"{root.rstrip('/')}/run/vouchsafe/verdict.sock", ends) as connection:
            connection.sendall(_question(request))
            return _understood(_heard(connection, ends), request)
    except OSError:  # not there, broken off, or too slow
        return None


def _connected(path: str, ends: float) -> socket.socket:
    """A connection to whom we believe. OSError."""
    folder = os.path.dirname(path)
    for place, is_kind in (
        (os.path.dirname(folder), stat.S_ISDIR),
        (folder, stat.S_ISDIR),
        (path, stat.S_ISSOCK),
    ):
        found = os.lstat(place)
        guarded = place == path or not found.st_mode & _OTHERS_MAY_WRITE
        if not (is_kind(found.st_mode) and guarded and _is_trusted(found.st_uid)):
            raise PermissionError(f"{place} could be somebody else's")
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        made.settimeout(_left(ends))
        made.connect(path)
        peer = made.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        if not _is_trusted(_CREDENTIALS.unpack(peer)[1]):
            raise PermissionError("somebody else answers there")
    except BaseException:
        made.close()
        raise
    return made


def _is_trusted(uid: int) -> bool:
    """Root, whoever runs us, or the service's account; root too where a user namespace shows it as nobody."""
    if uid in {0, os.geteuid()}:
        return True
    if uid == _overflow_uid() and _words("/proc/self/uid_map") != _WHOLE:
        return True
    import pwd  # late: rarely needed

    try:
        return uid == pwd.getpwnam(ACCOUNT).pw_uid
    except KeyError:
        return False


def _overflow_uid() -> int:
    words = _words("/proc/sys/kernel/overflowuid")
    return int(words[0]) if words and words[0].isdigit() else -1


def _words(path: str) -> list[bytes]:
    try:
        with open(path, "rb") as file:
            return file.read(_PIECE).split()
    except OSError:
        return []


def _left(ends: float) -> float:
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _question(request: Request) -> bytes:
    """What is in it was read by the grammars of names and digests: nothing needs to be encoded."""
    target = f"/v1/verdict/{request.reference.identity}?digest={request.digest}"
    if request.through is not None:
        target += f"&list={request.through}"
    if request.physical:
        target += f"&physical={request.physical}"
    return f"GET {target} HTTP/1.1\r\nHost: vouchsafe\r\nConnection: close\r\n\r\n".encode()


def _heard(connection: socket.socket, ends: float) -> bytes:
    heard = bytearray()
    while True:
        connection.settimeout(_left(ends))
        piece = connection.recv(_PIECE)
        if not piece:
            return bytes(heard)
        heard += piece
        if len(heard) > LARGEST_RESPONSE + _LARGEST_HEAD:
            raise OSError("an answer without end")


def _understood(heard: bytes, request: Request) -> Decision | None:
    """The decision in an answer that is whole; a part of one could say the opposite of it."""
    head, _, body = heard.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    lengths = [
        line.partition(b":")[2].strip() for line in lines if line.lower().startswith(b"content-length:")
    ]
    if not status.startswith(b"HTTP/1.1 200 ") or lengths != [str(len(body)).encode()]:
        return None
    try:
        decision = parse(body).decision
    except MalformedError:
        return None
    if decision.digest != request.digest or (decision.word == "allow" and not decision.verified):
        return None
    return decision.replace(source=SOURCE)
