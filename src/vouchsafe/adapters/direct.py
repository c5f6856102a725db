"""A connection to the server itself: `http.client`'s own, under the names that `connections` uses.

urllib3's connections are the same ones with proxies added (`proxied`), and cost a pull 25 ms of imports. What they
add besides is here: a body that ends before its length is an error, two lengths are one too, and a name that ends
with a dot is looked up with it and asked for without.
"""

from __future__ import annotations

import http.client
import select
import socket
from ssl import SSLContext
from typing import Any


class Answer(http.client.HTTPResponse):
    """`read` raises IncompleteRead when the server stops early, where http.client tells it only of chunks."""

    def begin(self) -> None:
        """Read the head. HTTPException when it names two lengths, of which somebody else may believe the other."""
        super().begin()
        if len(set(self.headers.get_all("Content-Length", ()))) > 1:
            raise http.client.HTTPException("two lengths")

    @property
    def length_remaining(self) -> int | None:
        """How many bytes are still to come; None where nobody said."""
        return self.length

    def read(self, amt: int | None = None) -> bytes:
        """At most `amt` bytes; b"" at the end."""
        piece = super().read(amt)
        if amt and not piece and self.length:
            raise http.client.IncompleteRead(b"", self.length)
        return piece


class DirectConnection(http.client.HTTPConnection):
    """In clear, or by TLS where there is a `context`."""

    response_class = Answer

    def __init__(self, host: str, port: int, *, seconds: float, context: SSLContext | None = None) -> None:
        """Not connected yet. `seconds` for that, and for the handshake."""
        super().__init__(host.rstrip("."), port, timeout=seconds)
        # As bytes, since a `str` would import the codec of international names; a Url has ASCII only.
        self.looked_up = host.encode("ascii")
        self._context = context
        self.default_port = 80 if context is None else 443
        self.sock: Any = None

    def connect(self) -> None:
        """OSError."""
        address: Any = (self.looked_up, self.port)
        made = socket.create_connection(address, self.timeout)
        try:
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is not None:
                name = self.host.partition("%")[0]  # an address's zone is this machine's affair
                made = self._context.wrap_socket(made, server_hostname=name)
        except BaseException:
            made.close()
            raise
        self.sock = made

    @property
    def is_connected(self) -> bool:
        """Whether it can be used again: a server that has closed, or says something unasked, can be read from."""
        if self.sock is None:
            return False
        waiting = select.poll()
        waiting.register(self.sock, select.POLLIN)
        return not waiting.poll(0)
