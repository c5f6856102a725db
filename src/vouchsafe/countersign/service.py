"""The running service: everything put together, its life from READY to STOPPING, and its once-a-second duties.

Nothing ends the process but a signal: a bad policy, a lost CA and a full disk are answers (503), because a
unit that ends is started again by the very connection that waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from vouchsafe import __version__
from vouchsafe.countersign.answer import Answer
from vouchsafe.countersign.countersigner import Countersigner
from vouchsafe.countersign.database import Database, File
from vouchsafe.countersign.desk import Desk
from vouchsafe.countersign.fairness import Gate, Limits
from vouchsafe.countersign.judge import Judge
from vouchsafe.countersign.ledger import Journal, Ledger
from vouchsafe.countersign.lists import Lists
from vouchsafe.countersign.metrics import CONTENT_TYPE, Condition, Metrics
from vouchsafe.countersign.server import Knowing, Page, Server
from vouchsafe.countersign.state import Keeper, State
from vouchsafe.countersign.steady import Means
from vouchsafe.countersign.store import Store
from vouchsafe.countersign.through import Bench
from vouchsafe.countersign.upstream import Upstream
from vouchsafe.countersign.verdicts import Verdicts
from vouchsafe.countersign.watched import WatchedUpstream
from vouchsafe.errors import VouchsafeError
from vouchsafe.image.reference import Reference
from vouchsafe.ports import Clock, HostConfiguration
from vouchsafe.record import Record

TICK_SECONDS = 1.0
GRACE_SECONDS = 5.0  # for what is under way when we are told to end
SWITCH_SECONDS = 0.001  # how long a judging thread may keep the one that answers waiting
GARBAGE = (5_000, 10, 20)  # objects made until the next look for cycles; and looks of each generation
_TEXT = "text/plain; charset=us-ascii"
_BLOB = "application/octet-stream"
_JSON = "application/json"
_NAME = "vouchsafe"


class Notifier(Protocol):
    """Tells the service manager how we are."""

    watchdog_seconds: float

    def tell(self, *lines: str) -> None:
        """Lines of sd_notify(3)."""


class Outside(Record):
    """All that the service needs of the world."""

    configuration: HostConfiguration
    upstream: Upstream
    file: File
    clock: Clock
    journal: Journal
    notifier: Notifier
    knowing: Knowing
    tracked: Callable[[], tuple[Reference, ...]] = tuple
    trust_ends: Callable[[], datetime | None] = lambda: None


class Sockets(Record):
    """Where is answered, each listening already: to clients, to plugins, to Prometheus."""

    lookaside: tuple[socket.socket, ...] = ()
    verdicts: tuple[socket.socket, ...] = ()
    metrics: tuple[socket.socket, ...] = ()


class Service:
    """The parts of a service, connected."""

    def __init__(self, outside: Outside, limits: Limits = Limits()) -> None:
        """Nothing is opened or read yet."""
        self._outside = outside
        self._limits = limits
        self._gate = Gate(limits)
        clock, report = outside.clock, self.report
        self.metrics = Metrics(self._condition, clock.now)
        self.store = Store(Database(outside.file, changed=self._begun_anew))
        self.ledger = Ledger(outside.journal, self.store, clock, (self.metrics,))
        self.keeper = Keeper(outside.configuration, clock, report)
        judge = Judge(self.store, clock=clock, report=report)
        self._lists = Lists(clock)
        bench = Bench(judge, self._lists)
        upstream = WatchedUpstream(outside.upstream, self.metrics.upstream_error)
        means = Means(keeper=self.keeper, bench=bench, upstream=upstream, clock=clock, report=report)
        self.countersigner, self.verdicts = Countersigner(means), Verdicts(means)
        self._desk = Desk(self.countersigner, self.verdicts, self.ledger, limits)
        self._stopping: asyncio.Event | None = None
        self._generation = 0  # of the files when `track` was read
        self._problem = "starting"
        self._believed: tuple[int, datetime | None] = (0, None)  # as of which generation, and the end
        self._tracking()

    def report(self, error: BaseException) -> None:
        """An error of our own."""
        self.ledger.condition(
            f"internal error: {type(error).__name__}: {error}", code="internal", broken=True
        )

    async def run(self, sockets: Sockets) -> None:
        """Answer until told to stop."""
        self._stopping = asyncio.Event()
        knowing, limits = self._outside.knowing, self._limits
        servers = {
            Server(self._answer, knowing, self._gate, limits): sockets.lookaside,
            Server(self._verdict, knowing, self._gate, limits): sockets.verdicts,
            Server(self._metrics_page, knowing, Gate(limits), limits): sockets.metrics,
        }
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self.keeper.now)
        await loop.run_in_executor(None, self._recall)
        for server, listening in servers.items():
            for each in listening:
                server.listen(each)
        self._outside.notifier.tell("READY=1")
        ticking = asyncio.create_task(self._tick())
        await self._stopping.wait()
        self._outside.notifier.tell("STOPPING=1")
        ticking.cancel()
        await asyncio.gather(*(server.close(GRACE_SECONDS) for server in servers))
        self.close()

    def _recall(self) -> None:
        """What metrics go on from; a database that cannot be used is said when something is asked of it."""
        with contextlib.suppress(VouchsafeError):
            for line in self.store.lines(1, "accepted"):
                self.metrics.accepted_before(line.at)

    def close(self) -> None:
        """Write what is not written, and let go of everything."""
        self._desk.close()
        self.ledger.write(self.report)
        self.store.close()
        self._outside.upstream.close()

    def stop(self) -> None:
        """End `run`, from within its loop."""
        if self._stopping is not None:
            self._stopping.set()

    def reload(self) -> None:
        """Read everything anew, from within its loop: nothing that is remembered counts any more.

        Changed files are noticed without this; it is for what looks like it was, and for whoever expects it.
        """
        asyncio.get_running_loop().run_in_executor(None, self._read_anew)

    def _read_anew(self) -> None:
        self.keeper.forget()
        self._tracking()
        self.ledger.condition("reading everything anew")

    async def _answer(self, target: str, uid: int | None) -> Page:
        answer: Answer = await self._desk.answer(target, uid)
        if answer.blob:
            return Page(status=answer.status, phrase=answer.phrase, body=answer.blob, content_type=_BLOB)
        return Page(
            status=answer.status, phrase=answer.phrase, body=answer.phrase + b"\n", content_type=_TEXT
        )

    async def _verdict(self, target: str, uid: int | None) -> Page:
        said = await self._desk.verdict(target, uid)
        if isinstance(said, Answer):
            body = said.phrase + b"\n"
            return Page(status=said.status, phrase=said.phrase, body=body, content_type=_TEXT)
        body = said.document("", name=_NAME, version=__version__)
        return Page(status=200, phrase=b"OK", body=body, content_type=_JSON)

    async def _metrics_page(self, target: str, uid: int | None) -> Page:
        if target != "/metrics":
            return Page(status=404, phrase=b"Not Found", body=b"", content_type=_TEXT)
        # In a thread: the first page loads a library, and each looks at the files.
        page = await asyncio.get_running_loop().run_in_executor(None, self.metrics.page)
        return Page(status=200, phrase=b"OK", body=page, content_type=CONTENT_TYPE)

    async def _tick(self) -> None:
        """Once a second: notice changed files, write the log, tell the watchdog that the loop turns."""
        loop = asyncio.get_running_loop()
        while True:
            await loop.run_in_executor(None, self._duties)
            if self._outside.notifier.watchdog_seconds:
                self._outside.notifier.tell("WATCHDOG=1")
            await asyncio.sleep(TICK_SECONDS)

    def _duties(self) -> None:
        self.ledger.write(self.report)
        state = self.keeper.now()
        if state.generation != self._generation:
            self._generation = state.generation
            self._tracking()
        problem = state.problem
        code = "" if problem is None else f"{problem.code}: {problem.message}"
        if code != self._problem:
            self._problem = code
            said = f"answering 503: {code}" if problem else "answering"
            self.ledger.condition(said, code=problem.code if problem else "", broken=problem is not None)
            self._outside.notifier.tell(f"STATUS={said}")

    def _tracking(self) -> None:
        self._lists.track(self._outside.tracked())

    def _condition(self) -> Condition:
        state = self.keeper.now()
        return Condition(
            problem="" if state.problem is None else state.problem.code,
            authority_ends=None if state.authority is None else state.authority.not_after,
            trust_ends=self._outside.trust_ends(),
            connections=self._gate.connections,
            believed_ends=self._believed_until(state),
        )

    def _believed_until(self, state: State) -> datetime | None:
        """The first end among CAs, logs and keys that the policy believes; looked up once a generation."""
        generation, end = self._believed
        if generation != state.generation:
            end = None
            if state.in_force is not None:
                from vouchsafe.admission.named import material_of
                from vouchsafe.policy.lint import named_files

                world = self._outside.upstream.world(state.generation)
                names = named_files(state.in_force.policy)
                ends = [material_of(name, world).expires for name in names]
                end = min((each for each in ends if each is not None), default=None)
            self._believed = (state.generation, end)
        return end

    def _begun_anew(self, why: str) -> None:
        self.ledger.condition(f"the database could not be used and was begun anew: {why}", code="store-anew")


def run(service: Service, sockets: Sockets) -> None:
    """The process: signals, and the loop. SIGHUP reads everything anew."""
    sys.setswitchinterval(SWITCH_SECONDS)
    # Imports stay: they are left out of every look. A connection of asyncio's is a cycle, and with a command's
    # thresholds ten thousand of them would pile up.
    gc.freeze()
    gc.set_threshold(*GARBAGE)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, service.stop)
        loop.add_signal_handler(signal.SIGHUP, service.reload)
        await service.run(sockets)

    asyncio.run(main())
