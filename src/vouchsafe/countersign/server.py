"""HTTP/1.1 on asyncio and h11: deadlines for the head and the answer, the caller's uid, our own status line.

Nothing here knows what a signature is. A caller that sends its head too slowly, sends a body, or says what
is no HTTP loses the connection; who holds too many does not get one.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import struct
from collections.abc import Awaitable, Callable

import h11

from vouchsafe.countersign.fairness import Gate, Limits
from vouchsafe.record import Record

LARGEST_HEAD = 8 * 1024  # bytes
MOST_REQUESTS = 256  # of one connection
BACKLOG = 4_096  # connections that the kernel may hold for us; it holds net.core.somaxconn at most
MOST_AT_ONCE = 256  # connections that are looked at before anybody is answered again
PAUSE_SECONDS = 0.05  # when this process may open no more files
_PIECE = 4_096  # bytes read at a time
_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER with no time: close() resets, and leaves nothing behind
_TOO_MANY = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
_DRAINED = (TimeoutError, OSError, EOFError)


class Page(Record):
    """An answer as it is sent."""

    status: int
    phrase: bytes
    body: bytes
    content_type: str


Answering = Callable[[str, int | None], Awaitable[Page]]
Knowing = Callable[[socket.socket], int | None]


class Server:
    """Serves listening sockets with one way to answer."""

    def __init__(self, answering: Answering, knowing: Knowing, gate: Gate, limits: Limits) -> None:
        """`answering` is given a target and a uid; `knowing` tells the uid of a connection."""
        self._answering = answering
        self._knowing = knowing
        self._gate = gate
        self._limits = limits
        self._listening: list[socket.socket] = []
        self._open: set[asyncio.Task[None]] = set()

    def listen(self, listening: socket.socket) -> None:
        """Begin to answer on a socket that listens, in the loop that runs."""
        listening.setblocking(False)
        listening.listen(BACKLOG)
        self._listening.append(listening)
        asyncio.get_running_loop().add_reader(listening, self._accept, listening)

    async def close(self, seconds: float) -> None:
        """Take no more; give what is under way so many seconds."""
        loop = asyncio.get_running_loop()
        for listening in self._listening:
            loop.remove_reader(listening)
            listening.close()
        self._listening.clear()
        if self._open:
            _, late = await asyncio.wait(self._open, timeout=seconds)
            for task in late:
                task.cancel()

    def _accept(self, listening: socket.socket) -> None:
        """Take who waits. Not asyncio's own way: under a flood, refusing must cost next to nothing."""
        for _ in range(MOST_AT_ONCE):
            try:
                connection, _ = listening.accept()
            except OSError as error:
                if error.errno in _TOO_MANY:
                    self._pause(listening)
                return  # nobody else waits, or whoever did is gone
            uid = self._knowing(connection)
            if not self._gate.enter(uid):
                with contextlib.suppress(OSError):
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
                connection.close()
                continue
            task = asyncio.get_running_loop().create_task(self._serve(connection, uid))
            self._open.add(task)
            task.add_done_callback(self._open.discard)

    def _pause(self, listening: socket.socket) -> None:
        """Who waits cannot be taken now; the kernel would say so again and again."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(listening)

        def resume() -> None:
            if listening in self._listening:
                loop.add_reader(listening, self._accept, listening)

        loop.call_later(PAUSE_SECONDS, resume)

    async def _serve(self, connection: socket.socket, uid: int | None) -> None:
        writer: asyncio.StreamWriter | None = None
        try:
            connection.setblocking(False)
            opened = (
                asyncio.open_unix_connection
                if connection.family == socket.AF_UNIX
                else asyncio.open_connection
            )
            reader, writer = await opened(sock=connection, limit=LARGEST_HEAD)
            await self._converse(reader, writer, uid)
        except _DRAINED:
            pass  # the caller is too slow, or gone
        finally:
            self._gate.leave(uid)
            if writer is None:
                connection.close()
            else:
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
            # Beside a length it would leave open where the request ends, and h11 takes both (RFC 9112, 6.1).
            if any(name == b"transfer-encoding" for name, _ in event.headers):
                raise h11.RemoteProtocolError("expected no body")
            target = event.target.decode("ascii", "backslashreplace")
        elif isinstance(event, h11.EndOfMessage):
            return target
        elif isinstance(event, h11.Data):
            raise h11.RemoteProtocolError("expected no body")
        else:  # the connection is closed, or waits for us
            return None
