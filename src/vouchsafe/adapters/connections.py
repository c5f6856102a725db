"""One exchange over one connection: `http.client`'s, `direct` or `proxied`, with `failures` for what goes wrong.

Imported late, because HTTP is a good part of a cold start.

Everything read is under one deadline: a socket's own time-out starts anew with every byte that a
slow-loris sends, so `_TimedSocket` hands each read only what is left.
"""

from __future__ import annotations

import io
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from vouchsafe.adapters.direct import DirectConnection
from vouchsafe.adapters.failures import kinds, translated
from vouchsafe.adapters.streams import Incoming, Outgoing
from vouchsafe.adapters.tls import Contexts, Tls
from vouchsafe.adapters.urls import Url
from vouchsafe.errors import MalformedError

MOST_IDLE = 16  # connections kept open for one origin
MOST_ORIGINS = 64  # origins with idle connections; a resident service meets many
SECONDS_TO_CONNECT = 10.0
LARGEST_EXPLANATION = 65_536  # bytes of the body of an answer that is not a success
BUFFER = 65_536  # bytes asked of a socket at a time

Raw = tuple[int, dict[str, str], bytes | Incoming]  # status, headers with lower-case names, body


class _TimedReader(io.RawIOBase):
    """A socket's raw stream; every read ends when the exchange must."""

    def __init__(self, timed: _TimedSocket, sock: Any) -> None:
        self._timed = timed
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._timed.ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        self._sock.settimeout(left)
        read: int | None = self._raw.readinto(buffer)
        return read

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Bounded(io.BufferedReader):
    """Never reads all that comes: that is what http.client does with a chunk that says its size is -1."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            raise ValueError("expected a size that is not below zero")
        return super().read(size)


class _TimedSocket:
    """A connected socket that makes `_TimedReader`s; everything else is the socket's own."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self.ends = 0.0

    def makefile(self, mode: str, *_: Any) -> io.BufferedReader:
        return _Bounded(_TimedReader(self, self._sock), BUFFER)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class Connections:
    """Open connections, kept for the next exchange. Thread-safe: deques and dicts are, item by item."""

    def __init__(self, contexts: Contexts) -> None:
        """`contexts` makes what TLS needs, when a connection is opened."""
        self._contexts = contexts
        self._idle: dict[tuple[Any, ...], deque[Any]] = {}

    def exchange(
        self,
        method: str,
        url: Url,
        headers: Mapping[str, str],
        body: bytes | Outgoing | None,
        *,
        largest: int,
        seconds: float,
        proxy: str,
        tls: Tls,
        stream: bool = False,
    ) -> Raw:
        """Ask once. Only a connection with the same TLS settings is used again.

        `stream`: the body of a success comes as an Incoming, of any size, with `seconds` for each piece.
        Raises Unavailable, or MalformedError for an answer larger than `largest` bytes.
        """
        idle = self._idle_of((url.origin, proxy, tls if url.scheme == "https" else None))
        ends = time.monotonic() + seconds
        asked = _Asked(url, method, body, largest, seconds, stream)
        target = url.target
        if proxy and url.scheme == "http":  # a forwarding proxy is told the whole URL (RFC 9112 §3.2.2)
            from vouchsafe.adapters import proxied

            target, headers = str(url), {**headers, **proxied.headers(proxy)}
        while idle:
            connection = _pop(idle)
            if connection is None:
                break
            if not connection.is_connected:  # the server has closed it meanwhile
                connection.close()
                continue
            try:
                return _ask(connection, asked, target, headers, ends, idle)
            except kinds() as error:
                failure = translated(error, url)
                # The server closed while we wrote: ask anew, but never send a body twice unasked.
                if failure.code != "connection-reset" or body is not None:
                    raise failure from error
        try:
            connection = self._connect(url, proxy, tls, ends)
            return _ask(connection, asked, target, headers, ends, idle)
        except kinds() as error:
            raise translated(error, url) from error

    def _connect(self, url: Url, proxy: str, tls: Tls, ends: float) -> Any:
        seconds = max(0.001, min(SECONDS_TO_CONNECT, ends - time.monotonic()))
        connection = self._made(url, proxy, tls, seconds)
        try:
            connection.connect()
        except BaseException:
            connection.close()
            raise
        connection.sock = _TimedSocket(connection.sock)
        return connection

    def _made(self, url: Url, proxy: str, tls: Tls, seconds: float) -> Any:
        if proxy:
            from vouchsafe.adapters import proxied  # late: urllib3 is 25 ms

            return proxied.connection(proxy, url, tls, self._contexts, seconds)
        context = self._contexts.of(tls) if url.scheme == "https" else None
        return DirectConnection(url.host, url.port, seconds=seconds, context=context)

    def _idle_of(self, key: tuple[Any, ...]) -> deque[Any]:
        idle = self._idle.get(key)
        if idle is None:
            if len(self._idle) >= MOST_ORIGINS:
                self.close()
                self._idle.clear()
            idle = self._idle.setdefault(key, deque(maxlen=MOST_IDLE))
        return idle

    def close(self) -> None:
        """Close what is idle."""
        for idle in tuple(self._idle.values()):  # kept: what is in use comes back to them
            while (connection := _pop(idle)) is not None:
                connection.close()

    def __del__(self) -> None:
        """A client that nobody needs any more leaves no open sockets."""
        self.close()


def _pop(idle: deque[Any]) -> Any:
    try:
        return idle.pop()
    except IndexError:  # another thread was faster
        return None


class _Asked(NamedTuple):
    """What is the same whichever connection is used."""

    url: Url
    method: str
    body: bytes | Outgoing | None
    largest: int
    seconds: float
    stream: bool


def _ask(
    connection: Any, asked: _Asked, target: str, headers: Mapping[str, str], ends: float, idle: deque[Any]
) -> Raw:
    def give_back(finished: bool) -> None:
        if finished and connection.sock is not None and len(idle) < MOST_IDLE:
            idle.append(connection)
        else:
            connection.close()

    finished = kept = False
    try:
        timed = connection.sock  # http.client lets go of it when the server will close
        connection.timeout = max(0.001, ends - time.monotonic())
        # For sending, too: what was left to connect, or to read before, is another time.
        timed.settimeout(connection.timeout)
        timed.ends = ends
        _send(connection, asked, target, headers)
        response = connection.getresponse()
        found = {name.lower(): value for name, value in response.headers.items()}
        if asked.stream and response.status == 200:
            _refuse_encoding(found)
            kept = True
            return response.status, found, Incoming(_reader(timed, response, asked), give_back)
        content, finished = _content(response, found, asked.largest)
        return response.status, found, content
    finally:
        if not kept:
            give_back(finished)


def _send(connection: Any, asked: _Asked, target: str, headers: Mapping[str, str]) -> None:
    body: Any = asked.body
    if isinstance(body, Outgoing):
        headers = {**headers, "Content-Length": str(body.length)}
        body = body.paced(partial(_extend, connection.sock, asked.seconds))
    connection.request(asked.method, target, body, headers)


def _extend(timed: _TimedSocket, seconds: float) -> None:
    timed.ends = time.monotonic() + seconds
    timed.settimeout(seconds)


def _reader(timed: _TimedSocket, response: Any, asked: _Asked) -> Callable[[int], bytes]:
    def read(size: int) -> bytes:
        timed.ends = time.monotonic() + asked.seconds
        try:
            piece: bytes = response.read(size)
        except kinds() as error:
            raise translated(error, asked.url) from error
        return piece

    return read


def _content(response: Any, headers: Mapping[str, str], largest: int) -> tuple[bytes, bool]:
    """The body, and whether all of it was read. What goes with an error is only ever shown: a piece will do.

    After a status below 200 the real answer would still come (RFC 9110 §15.2), to whoever asks next.
    """
    if not 200 <= response.status < 300:
        told: bytes = response.read(LARGEST_EXPLANATION + 1)
        return told[:LARGEST_EXPLANATION], len(told) <= LARGEST_EXPLANATION and response.status >= 300
    length = headers.get("content-length", "")
    if length.isdigit() and int(length[:20]) > largest and response.length_remaining:
        raise MalformedError(
            "answer-too-large", f"expected at most {largest} bytes, got an answer of {length[:20]}"
        )
    _refuse_encoding(headers)
    pieces: list[bytes] = []
    size = 0
    # That a body was cut short is seen when more is asked for than there is: until nothing comes.
    while piece := response.read(largest + 1 - size):
        pieces.append(piece)
        size += len(piece)
        if size > largest:
            raise MalformedError("answer-too-large", f"expected at most {largest} bytes, got more")
    return b"".join(pieces), True


def _refuse_encoding(headers: Mapping[str, str]) -> None:
    """We ask for identity; expanding what comes nevertheless is how one byte becomes a thousand."""
    if headers.get("content-encoding", "identity").lower() not in {"", "identity"}:
        raise MalformedError(
            "answer-encoding",
            f"expected an answer without Content-Encoding, got {headers['content-encoding']!r}",
        )
