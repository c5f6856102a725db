"""A TCP proxy that holds every answer back for some milliseconds: what a registry elsewhere costs.

A process of its own, so that it shares no interpreter with anybody. Prints the port it listens on.
What comes back is delayed, however long it is, once: a piece that arrives at t leaves at t + delay.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_PIECE = 1 << 16  # bytes


@contextmanager
def delayed(address: str, milliseconds: float) -> Iterator[str]:
    """The address of a proxy to `address`, in a process that ends with the block."""
    command = [sys.executable, "-m", "bench.delay", address, str(milliseconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


async def _serve(host: str, port: int, seconds: float) -> None:
    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream = await asyncio.open_connection(host, port)
        for each in (writer, upstream[1]):
            each.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        asking = asyncio.create_task(_ask(reader, upstream[1]))
        with suppress(ConnectionError):
            await _answer(upstream[0], writer, seconds)
        asking.cancel()
        for each in (writer, upstream[1]):
            each.close()

    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Questions go on at once."""
    with suppress(ConnectionError):
        while piece := await reader.read(_PIECE):
            writer.write(piece)
        writer.write_eof()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    """Answers wait; pieces of one answer wait together, not after each other."""
    loop = asyncio.get_running_loop()
    last = loop.time()
    while piece := await reader.read(_PIECE):
        last = loop.time() + seconds
        loop.call_at(last, _write, writer, piece)
    await asyncio.sleep(last - loop.time())


def _write(writer: asyncio.StreamWriter, piece: bytes) -> None:
    if not writer.is_closing():
        writer.write(piece)


def main() -> None:
    """Serve until terminated."""
    parser = argparse.ArgumentParser(description="a TCP proxy that delays answers")
    parser.add_argument("address", metavar="HOST:PORT")
    parser.add_argument("milliseconds", type=float)
    arguments = parser.parse_args()
    host, _, port = arguments.address.rpartition(":")
    asyncio.run(_serve(host, int(port), arguments.milliseconds / 1000))


if __name__ == "__main__":
    main()
