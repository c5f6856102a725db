"""One exchange over one connection: the only module that knows urllib3 and its exceptions.

Imported late, because urllib3 is most of a cold start. What is used of it are its connections, which
are `http.client`'s with TLS, proxies and sane socket options; not its pools, which retry and redirect
on their own and log URLs with their queries.

Everything read is under one deadline: a socket's own time-out starts anew with every byte that a
slow-loris sends, so `_TimedSocket` hands each read only what is left.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    IncompleteRead,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
)
from urllib3.util import Url as ProxyUrl
from urllib3.util import make_headers, parse_url

from vouchsafe.adapters.urls import Url
from vouchsafe.errors import ConfigurationError, MalformedError, Unavailable

MOST_IDLE = 16  # connections kept open for one origin
MOST_ORIGINS = 64  # origins with idle connections; a resident service meets many
SECONDS_TO_CONNECT = 10.0
CHUNK = 65_536  # bytes asked of a socket at a time

Raw = tuple[int, dict[str, str], bytes]  # status, headers with lower-case names, body


class _TimedReader(io.RawIOBase):
    """A socket's raw stream whose reads end at the connection's deadline."""

    def __init__(self, owner: _Connection, sock: Any) -> None:
        self._owner = owner
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._owner.ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        self._sock.settimeout(left)
        read: int | None = self._raw.readinto(buffer)
        return read

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedSocket:
    """A connected socket that makes `_TimedReader`s; everything else is the socket's own."""

    def __init__(self, owner: _Connection, sock: Any) -> None:
        self._owner = owner
        self._sock = sock

    def makefile(self, mode: str, *_: Any) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self._owner, self._sock), CHUNK)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class _Connection(HTTPConnection):
    """A plain connection; `ends` is the monotonic time at which the present exchange must be over."""

    ends: float = 0.0

    def connect(self) -> None:
        super().connect()
        self.sock: Any = _TimedSocket(self, self.sock)


class _SecureConnection(HTTPSConnection):
    """A TLS connection, the same way."""

    ends: float = 0.0

    def connect(self) -> None:
        super().connect()
        self.sock: Any = _TimedSocket(self, self.sock)  # type: ignore[assignment]


Connection = _Connection | _SecureConnection
