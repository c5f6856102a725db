"""HTTP on the wire: deadlines, strange requests, and that the loop answers while somebody is slow."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.countersigning import Machine, Running, get
from vouchsafe.countersign.fairness import Limits
from vouchsafe.testing.faults import Fault
from vouchsafe.testing.loopback import Handler, Request, Response

QUICK = Limits(header_seconds=1.0, most_of_one=40)


@pytest.fixture
def running(machine: Machine) -> Iterator[Running]:
    """A service with short deadlines."""
    with Running(machine, limits=QUICK) as made:
        yield made


def send(port: int, content: bytes) -> bytes:
    """All that comes back until the server hangs up."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(content)
        received = b""
        try:
            while piece := connection.recv(65_536):
                received += piece
        except ConnectionResetError:
            pass
        return received


@pytest.mark.parametrize(
    "content, status",
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"400"),
        (b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", b"400"),
        (b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 5_000 + b"\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(600), b"400"),
        (b"", b""),
        (b"GET / HTTP/1.1\r\n", b""),
    ],
)
def test_a_strange_request(running: Running, content: bytes, status: bytes) -> None:
    """400, or the connection ends at the deadline; and the next one is answered."""
    received = send(running.machine.port, content)
    assert status == received[9:12]
    assert running.asked(running.machine.image())[0] == 403


def test_a_connection_is_kept(running: Running) -> None:
    """signature-1 and signature-2 over one, as Go does."""
    digest = running.machine.image()
    running.machine.sign(digest)
    with socket.create_connection(("127.0.0.1", running.machine.port), timeout=10) as connection:
        for number, status in ((1, b"200 OK"), (2, b"404 vouchsafe: accepted: past-the-last")):
            target = f"/{running.machine.name()}@sha256={digest.hex}/signature-{number}"
            connection.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert connection.recv(65_536)[9:].startswith(status)


def test_the_status_line_says_why(running: Running) -> None:
    """Code and sentence; the body says the same."""
    status, phrase, body = running.asked(running.machine.image())
    assert (status, phrase.startswith("vouchsafe: rejected: unsigned: expected a signature")) == (403, True)
    assert f"{phrase}\n" == body.decode()


def slow(seconds: float) -> Fault:
    """A registry that thinks."""

    def spoil(request: Request, honest: Handler) -> Response:
        time.sleep(seconds)
        return honest(request)

    return Fault(spoil)


def test_an_answer_has_a_deadline(machine: Machine) -> None:
    """Then nobody could tell; the judgement goes on, and is there for the next question."""
    digest = machine.image()
    machine.sign(digest)
    going_on = threading.Event()

    def spoil(request: Request, honest: Handler) -> Response:
        going_on.wait(30)
        return honest(request)

    machine.registry.faults.append(Fault(spoil))
    with Running(machine, limits=Limits(answer_seconds=0.2)) as running:
        status, phrase, _ = running.asked(digest)
        assert (status, "undecided: deadline" in phrase) == (503, True)
        going_on.set()
        while (status := running.asked(digest)[0]) == 503:
            pass
        assert status == 200


def test_many_ask_the_same_at_once(running: Running) -> None:
    """One look at the registry for all of them."""
    digest = running.machine.image()
    running.machine.sign(digest)
    running.machine.registry.faults.append(slow(0.05))
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(running.asked(digest)[0])) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (statuses, running.machine.registry.count()) == ([200] * 30, 2)


def test_opposite_policies_two_hundred_at_once(machine: Machine) -> None:
    """One digest in two repositories: nobody gets the other's answer."""
    dev = "https://gitlab.example/acme/app//.gitlab-ci.yml@refs/heads/dev"
    machine.apply({machine.name(): [machine.keyless()], machine.name("acme/dev"): [machine.keyless(dev)]})
    digest = machine.image()
    assert digest == machine.image("acme/dev")
    machine.bundle(digest)
    machine.bundle(digest, "acme/dev")
    machine.registry.faults.append(slow(0.01))
    got: list[tuple[str, int]] = []

    with Running(machine, limits=Limits(most_of_one=512)) as service:

        def ask(name: str) -> None:
            got.append((name, service.asked(digest, machine.name(name))[0]))

        names = ["acme/app", "acme/dev"] * 100
        threads = [threading.Thread(target=ask, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert {each: got.count(each) for each in set(got)} == {("acme/app", 200): 100, ("acme/dev", 403): 100}


def test_two_digests_of_a_repository_at_once(machine: Machine) -> None:
    """While one is being found out, the other has an answer of its own, and the first none of the other's."""
    signed, unsigned = machine.image(), machine.image(tag="v2", content=b"unsigned")
    machine.sign(signed)
    begun, going_on = threading.Event(), threading.Event()

    def spoil(request: Request, honest: Handler) -> Response:
        begun.set()
        going_on.wait(60)
        return honest(request)

    machine.registry.faults.append(Fault(spoil, path=signed.hex))
    first: list[int] = []
    with Running(machine) as running:
        thread = threading.Thread(target=lambda: first.append(running.asked(signed)[0]))
        thread.start()
        assert begun.wait(60)
        second = running.asked(unsigned)[0]
        going_on.set()
        thread.join()
        third = running.asked(signed)[0]
    assert (second, third) == (403, 200)
    assert first in ([200], [503])  # whoever waited for too long could not be told


@pytest.mark.skipif(os.geteuid() != 0, reason="another user's process needs root to start it")
def test_another_users_half_open_connections(machine: Machine) -> None:
    """Six hundred of them from another uid, none of which says a whole sentence: root is answered."""
    digest = machine.image()
    machine.sign(digest)
    with Running(machine) as running:
        ready, done = os.pipe(), os.pipe()
        child = os.fork()
        if not child:
            _hold(machine.port, ready[1], done[0])
        assert os.read(ready[0], 1) == b"x"
        assert running.asked(digest)[0] == 200
        assert running.service._gate._of.get(65_534, 0) <= Limits().most_of_one
        os.write(done[1], b"x")
        os.waitpid(child, 0)
        for end in (*ready, *done):
            os.close(end)


def _hold(port: int, ready: int, done: int) -> None:
    """In a child: as nobody, open many connections and say half a sentence in each."""
    os.setgid(65_534)
    os.setuid(65_534)
    held = []
    for _ in range(600):
        connection = socket.create_connection(("127.0.0.1", port))
        with contextlib.suppress(OSError):  # already refused
            connection.sendall(b"GET / HTTP/1.1\r\n")
        held.append(connection)
    os.write(ready, b"x")
    os.read(done, 1)
    os._exit(0)


@pytest.mark.skipif(os.geteuid() != 0, reason="another user's process needs root to start it")
def test_another_users_questions_are_counted(machine: Machine) -> None:
    """Past its budget a user gets 503; root does not, and what is at hand is free."""
    digest = machine.image()
    machine.sign(digest)
    limits = Limits(burst=2, each_seconds=1_000)
    with Running(machine, limits=limits) as running:
        assert running.asked(digest)[0] == 200
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            _ask_as_nobody(machine, digest.hex, writing)
        os.close(writing)
        said = b""
        while piece := os.read(reading, 4_096):
            said += piece
        os.close(reading)
        os.waitpid(child, 0)
        assert said.decode().split(",") == ["503", "503", "503 budget", "200"]
        assert running.asked(machine.image(content=b"other"))[0] == 403


def _ask_as_nobody(machine: Machine, at_hand: str, writing: int) -> None:
    """In a child: three new questions, and one whose answer is at hand."""
    os.setgid(65_534)
    os.setuid(65_534)
    said = []
    for digest in ("1" * 64, "2" * 64, "3" * 64, at_hand):
        status, phrase, _ = get(machine.port, f"/{machine.name()}@sha256={digest}/signature-1")
        said.append(f"{status}{' budget' if 'budget' in phrase else ''}")
    os.write(writing, ",".join(said).encode())
    os._exit(0)


class Full(socket.socket):
    """A listening socket of a process that may open no more files, for a while."""

    refusals = 3

    def accept(self) -> tuple[socket.socket, object]:
        """See the class."""
        if self.refusals:
            self.refusals -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


def test_no_more_files(machine: Machine) -> None:
    """Who waits is answered as soon as there are some again."""
    full = Full(fileno=machine.listening.detach())
    machine.listening = full
    full.dup = lambda: full  # type: ignore[method-assign]
    with Running(machine) as running:
        assert running.asked(machine.image())[0] == 403
        assert full.refusals == 0


def test_it_stops_in_order(machine: Machine) -> None:
    """READY when it answers, STOPPING when it does not any more; the log is written."""
    digest = machine.image()
    with Running(machine) as running:
        running.asked(digest)
    told = [line for line in running.notifier.told if "=1" in line]
    assert told == ["READY=1", "STOPPING=1"]
    lines = running.service.store.lines(10)
    running.service.close()
    assert [(line.outcome, line.code, line.uid) for line in lines] == [("rejected", "unsigned", 0)]


def test_the_journal_has_a_stable_id(running: Running) -> None:
    """One line for each judgement, none for what was said before."""
    digest = running.machine.image()
    running.machine.sign(digest)
    for _ in range(3):
        running.asked(digest)
    entries = [entry for entry in running.journal.entries if "VOUCHSAFE_IMAGE" in entry]
    assert [("f0e7962e59784b9faa1ad8813f00c0fd", f"accepted {running.machine.name()}@{digest}", "0")] == [
        (entry["MESSAGE_ID"], entry["MESSAGE"], entry["VOUCHSAFE_UID"]) for entry in entries
    ]
