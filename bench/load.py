"""Clients at a fixed rate, whatever the answers take: open-loop, from a process of its own.

One client is one pull: a new connection, `signature-1`, and `signature-2` when that was there, as podman and
skopeo ask. The first answer's time counts from the moment at which the client was due, so that a service that
stalls is charged for everybody who had to wait; the second's from the moment it was sent.
Reads its job from standard input, writes what it saw to standard output.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from vouchsafe.record import Record

QUESTIONS = 2  # of one pull
_CERTIFICATE = "dev.sigstore.cosign/certificate"
_SIGSTORE = b"\0sigstore-json\n"


class Load(Record):
    """What clients saw: milliseconds by answer, answers by status, different signatures and different leaves."""

    milliseconds: tuple[float, ...]
    statuses: dict[str, int]
    signatures: int
    leaves: int

    def percentile(self, percent: float) -> float:
        """Milliseconds within which so many of the answers came."""
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def run(port: int, targets: Sequence[str], *, rate: float, seconds: float) -> Load:
    """`rate` requests a second for so long, going through `targets` (paths of a first signature) in turn."""
    job = {"port": port, "targets": list(targets), "rate": rate, "seconds": seconds}
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).resolve().parent.parent,
    )
    if done.returncode:
        raise RuntimeError(f"expected answers for everybody, got\n{done.stderr}")
    said = json.loads(done.stdout)
    return Load(
        milliseconds=tuple(said["milliseconds"]),
        statuses=said["statuses"],
        signatures=said["signatures"],
        leaves=said["leaves"],
    )


class Crowd:
    """The clients of one run, and what they saw."""

    def __init__(self, port: int) -> None:
        """Nobody has asked yet."""
        self._port = port
        self.milliseconds: list[float] = []
        self.statuses: Counter[str] = Counter()
        self.bodies: dict[bytes, bytes] = {}

    async def come(self, targets: Sequence[str], *, rate: float, seconds: float) -> None:
        """One after the other, each at its time."""
        loop = asyncio.get_running_loop()
        began, clients = loop.time(), set()
        for number in range(int(rate * seconds / QUESTIONS)):
            due = began + number * QUESTIONS / rate
            await asyncio.sleep(due - loop.time())
            clients.add(asyncio.create_task(self._pull(targets[number % len(targets)], due)))
        await asyncio.gather(*clients)

    async def _pull(self, target: str, due: float) -> None:
        loop = asyncio.get_running_loop()
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        sent, status = due, "200"
        for number in range(1, QUESTIONS + 1):
            if status == "200":
                path = f"{target.rpartition('-')[0]}-{number}"
                writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                status, body = await _answer(reader)
                self.milliseconds.append((loop.time() - sent) * 1000)
                self.statuses[status] += 1
                self.bodies[hashlib.sha256(body).digest()] = body
            sent = loop.time()
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
    length = next(
        int(line.partition(":")[2])
        for line in head.split("\r\n")
        if line.lower().startswith("content-length:")
    )
    return head.split(" ", 2)[1], await reader.readexactly(length)


def main() -> None:
    """One job."""
    job = json.load(sys.stdin)
    crowd = Crowd(job["port"])
    asyncio.run(crowd.come(job["targets"], rate=job["rate"], seconds=job["seconds"]))
    signed = [body.removeprefix(_SIGSTORE) for body in crowd.bodies.values() if body.startswith(_SIGSTORE)]
    json.dump(
        {
            "milliseconds": crowd.milliseconds,
            "statuses": crowd.statuses,
            "signatures": len(signed),
            "leaves": len({json.loads(body)["annotations"][_CERTIFICATE] for body in signed}),
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
