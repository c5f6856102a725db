"""A small threaded HTTP/1.1 server on 127.0.0.1 that answers at once and can misbehave on the wire.

Written on sockets because it must do what no server library lets it: cut a body short, reset, drip.
TCP_NODELAY is set: without it every keep-alive answer costs a delayed acknowledgement of 40 ms.

>>> with LoopbackServer(lambda request: Response(body=request.path.encode())) as server:
...     from urllib.request import urlopen
...
...     urlopen(server.url + "/hello").read()
b'/hello'
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from http import HTTPStatus
from types import MappingProxyType
from typing import Self
from urllib.parse import parse_qsl, unquote

from vouchsafe.record import Record

LARGEST_HEAD = 256 * 1024  # bytes of request line and headers
_RECEIVE = 64 * 1024  # bytes asked of a socket at once
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER with no time: close() sends RST
# go-containerregistry tries https first and gives it 300 ms: say at once that this is not TLS.
_TLS_HANDSHAKE = 0x16
_NO_BODY = frozenset((204, 304))


class Request(Record):
    """One request; header names are lower case, `path` is decoded and without its query.

    `query` has the last value of each name, `pairs` all of them.
    """

    method: str
    path: str
    query: Mapping[str, str] = MappingProxyType({})
    pairs: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = MappingProxyType({})
    body: bytes = b""


class Response(Record):
    """One answer. The last four fields say how the wire misbehaves; a body that is an iterator is chunked."""

    status: int = 200
    headers: Mapping[str, str] = MappingProxyType({})
    body: bytes | Iterator[bytes] = b""
    reason: str = ""
    length: int | None = None  # a Content-Length that is not the body's
    close: bool = False  # hang up after the body
    reset: bool = False  # reset the connection in place of an answer
    drip_seconds: float = 0  # wait before every chunk of an iterator

    def with_headers(self, **headers: str) -> Response:
        """The same with more headers; underscores in names become hyphens."""
        return self.replace(headers={**self.headers, **{k.replace("_", "-"): v for k, v in headers.items()}})


Handler = Callable[[Request], Response]


class LoopbackServer:
    """Serves `handler` until closed; `requests` holds what arrived, in order."""

    def __init__(self, handler: Handler, *, tls: ssl.SSLContext | None = None, delay_ms: float = 0) -> None:
        """`delay_ms` is added to every answer: what a network costs."""
        self.requests: list[Request] = []
        self.delay_ms = delay_ms
        self._handler = handler
        self._tls = tls
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._socket.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.url = f"{'https' if tls else 'http'}://{self.address}"
        self._thread = threading.Thread(target=self._accept, name=f"loopback-{self.port}", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Stop listening and hang up on everybody."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self._socket.close()
        self._thread.join()
        with self._lock:
            left = list(self._open)
        for connection in left:
            _shut(connection)

    def count(self, method: str = "", path: str = "") -> int:
        """How many requests had this method and this in their path; "" is any."""
        return sum(1 for seen in self.requests if method in ("", seen.method) and path in seen.path)

    @property
    def connections(self) -> int:
        """How many clients have not hung up: what they sent may still be worked on."""
        with self._lock:
            return len(self._open)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, plain: socket.socket) -> None:
        connection = plain
        try:
            if self._tls is not None:
                connection = self._tls.wrap_socket(plain, server_side=True)
            with self._lock:
                self._open.add(connection)
            wire = _Wire(connection)
            while (request := wire.read()) is not None:
                self.requests.append(request)
                if not self._answer(wire, request):
                    break
        except (OSError, ValueError):
            pass  # the client went away, or does not speak HTTP: nobody to tell
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def _answer(self, wire: _Wire, request: Request) -> bool:
        response = self._handler(request)
        if self.delay_ms:
            time.sleep(self.delay_ms / 1000)
        return wire.write(request, response)


class _Wire:
    """HTTP/1.1 framing over one connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = b""

    def read(self) -> Request | None:
        """The next request; None when the client has hung up."""
        head = self._until(b"\r\n\r\n")
        if head is None:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {
            name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
        }
        if headers.get("expect", "").lower() == "100-continue":
            self._connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        path, _, query = target.partition("?")
        pairs = tuple(parse_qsl(query, keep_blank_values=True))
        return Request(
            method=method,
            path=unquote(path),
            query=dict(pairs),
            pairs=pairs,
            headers=headers,
            body=self._body(headers),
        )

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() != "chunked":
            return self._exactly(int(headers.get("content-length", "0")))
        parts: list[bytes] = []
        while size := int((self._until(b"\r\n") or b"0").partition(b";")[0], 16):
            parts.append(self._exactly(size))
            self._until(b"\r\n")
        while self._until(b"\r\n"):  # trailers, then the empty line
            pass
        return b"".join(parts)

    def _until(self, mark: bytes) -> bytes | None:
        while mark not in self._buffer:
            if len(self._buffer) > LARGEST_HEAD:
                raise ValueError(f"expected a head of at most {LARGEST_HEAD} bytes, got more")
            received = self._connection.recv(_RECEIVE)
            if not received:
                return None
            self._buffer += received
            if self._buffer[0] == _TLS_HANDSHAKE:
                self._connection.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")
                raise ValueError("expected HTTP, got TLS")
        found, _, self._buffer = self._buffer.partition(mark)
        return found

    def _exactly(self, size: int) -> bytes:
        parts = bytearray(self._buffer)
        while len(parts) < size:
            received = self._connection.recv(_RECEIVE)
            if not received:
                raise ValueError("expected a whole body, got a part")
            parts += received
        self._buffer = bytes(parts[size:])
        return bytes(parts[:size])

    def write(self, request: Request, response: Response) -> bool:
        """Send the answer; whether the connection may go on."""
        if response.reset:
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            return False
        body = response.body
        chunked = not isinstance(body, bytes)
        head = _head(response, chunked=chunked)
        if request.method == "HEAD" or response.status in _NO_BODY:
            self._connection.sendall(head)
        elif isinstance(body, bytes):
            self._connection.sendall(head + body)
        else:
            self._connection.sendall(head)
            self._stream(body, response.drip_seconds)
        wants_close = request.headers.get("connection", "").lower() == "close"
        return not (response.close or wants_close)

    def _stream(self, body: Iterator[bytes], pause: float) -> None:
        for part in body:
            if pause:
                time.sleep(pause)
            self._connection.sendall(b"%x\r\n%s\r\n" % (len(part), part))
        self._connection.sendall(b"0\r\n\r\n")


def _head(response: Response, *, chunked: bool) -> bytes:
    reason = response.reason or (
        HTTPStatus(response.status).phrase if response.status in _STATUSES else "Status"
    )
    lines = [f"HTTP/1.1 {response.status} {reason}"]
    lines += [f"{name}: {value}" for name, value in response.headers.items()]
    if chunked:
        lines.append("Transfer-Encoding: chunked")
    elif response.status not in _NO_BODY:
        length = len(response.body) if isinstance(response.body, bytes) else 0
        if "content-length" not in {name.lower() for name in response.headers}:
            lines.append(f"Content-Length: {length if response.length is None else response.length}")
    if response.close:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


_STATUSES = frozenset(status.value for status in HTTPStatus)


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):  # its thread was quicker
        connection.shutdown(socket.SHUT_RDWR)
