"""HTTP/1.1 on asyncio and h11: deadlines for the head and the answer, the caller's uid, our own status line.

Nothing here knows what a signature is. A caller that sends its head too slowly, sends a body, or says what
is no HTTP loses the connection; who holds too many does not get one.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable

import h11

from vouchsafe.countersign.fairness import Gate, Limits
from vouchsafe.record import Record

LARGEST_HEAD = 8 * 1024  # bytes
MOST_REQUESTS = 256  # of one connection
BACKLOG = 1_024  # connections that the kernel may hold for us
_PIECE = 4_096  # bytes read at a time
_DRAINED = (TimeoutError, OSError, EOFError)


class Page(Record):
    """An answer as it is sent."""

    status: int
    phrase: bytes
    body: bytes
    content_type: str


Answering = Callable[[str, int | None], Awaitable[Page]]
Knowing = Callable[[asyncio.StreamWriter], int | None]


class Server:
    """Serves listening sockets with one way to answer."""

    def __init__(self, answering: Answering, knowing: Knowing, gate: Gate, limits: Limits) -> None:
        """`answering` is given a target and a uid; `knowing` tells the uid of a connection."""
        self._answering = answering
        self._knowing = knowing
        self._gate = gate
        self._limits = limits
        self._servers: list[asyncio.Server] = []
        self._open: set[asyncio.Task[None]] = set()

    async def listen(self, listening: socket.socket) -> None:
        """Begin to answer on a socket that listens."""
        start = asyncio.start_unix_server if listening.family == socket.AF_UNIX else asyncio.start_server
        self._servers.append(await start(self._accept, sock=listening, limit=LARGEST_HEAD, backlog=BACKLOG))

    async def close(self, seconds: float) -> None:
        """Take no more; give what is under way so many seconds."""
        for server in self._servers:
            server.close()
        if self._open:
            _, late = await asyncio.wait(self._open, timeout=seconds)
            for task in late:
                task.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        uid = self._knowing(writer)
        if task is None or not self._gate.enter(uid):
            writer.transport.abort()
            return
        self._open.add(task)
        try:
            await self._converse(reader, writer, uid)
        except _DRAINED:
            pass  # the caller is too slow, or gone
        finally:
            self._open.discard(task)
            self._gate.leave(uid)
            writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, uid: int | None
    ) -> None:
        wire = h11.Connection(h11.SERVER, max_incomplete_event_size=LARGEST_HEAD)
        for _ in range(MOST_REQUESTS):
            try:
                async with asyncio.timeout(self._limits.header_seconds):
                    target = await _target(wire, reader)
            except h11.RemoteProtocolError:
                await self._send(wire, writer, _BAD_REQUEST)
                return
            if target is None:
                return
            await self._send(wire, writer, await self._answering(target, uid))
            if wire.our_state is not h11.DONE or wire.their_state is not h11.DONE:
                return
            wire.start_next_cycle()

    async def _send(self, wire: h11.Connection, writer: asyncio.StreamWriter, page: Page) -> None:
        head = h11.Response(
            status_code=page.status,
            reason=page.phrase,
            headers=[
                ("Content-Type", page.content_type),
                ("Content-Length", str(len(page.body))),
                ("Cache-Control", "no-store"),
            ],
        )
        if wire.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            return
        with contextlib.suppress(h11.LocalProtocolError):
            parts = (wire.send(head), wire.send(h11.Data(data=page.body)), wire.send(h11.EndOfMessage()))
            writer.write(b"".join(part for part in parts if part))
            if writer.transport.get_write_buffer_size():  # nearly always the kernel has taken all of it
                async with asyncio.timeout(self._limits.send_seconds):
                    await writer.drain()


_BAD_REQUEST = Page(status=400, phrase=b"Bad Request", body=b"", content_type="text/plain")


async def _target(wire: h11.Connection, reader: asyncio.StreamReader) -> str | None:
    """The target of the next request; None when the caller has hung up. h11.RemoteProtocolError."""
    target: str | None = None
    while True:
        event = wire.next_event()
        if event is h11.NEED_DATA:
            wire.receive_data(await reader.read(_PIECE))
        elif isinstance(event, h11.Request):
            if event.method != b"GET":
                raise h11.RemoteProtocolError("expected GET")
            target = event.target.decode("ascii", "backslashreplace")
        elif isinstance(event, h11.EndOfMessage):
            return target
        elif isinstance(event, h11.Data):
            raise h11.RemoteProtocolError("expected no body")
        else:  # the connection is closed, or waits for us
            return None
