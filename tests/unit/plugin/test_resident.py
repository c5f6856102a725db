"""The countersigner is believed where only it can be, and when it says one whole thing about what was asked."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.countersigning import MAIN, Machine, Running
from tests.plugins import request
from vouchsafe.adapters.listening import listen
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference
from vouchsafe.plugin import resident
from vouchsafe.plugin.deciding import decide
from vouchsafe.protocol.decision import Decision
from vouchsafe.protocol.request import Credentials, Request
from vouchsafe.testing.registry import BasicAccess

DIGEST = Digest.of(b"an image")
ASKED = Request(reference=Reference.parse("registry.example/app:v1"), digest=DIGEST, seconds=5)
ALLOWED = Decision(word="allow", message="signed", digest=DIGEST, verified=True)
HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"


def page(body: bytes, length: int | None = None, status: str = "200 OK") -> bytes:
    """An answer as the countersigner frames it."""
    head = HEAD.replace("200 OK", status).format(len(body) if length is None else length)
    return head.encode() + body


def written(decision: Decision, **more: object) -> bytes:
    """A decision as JSON."""
    return decision.replace(**more).document("", name="vouchsafe", version="1")


@pytest.fixture
def root() -> Iterator[Path]:
    """A machine's root with a short name, and nobody at its socket."""
    folder = Path(tempfile.mkdtemp(prefix="vs"))
    (folder / "run/vouchsafe").mkdir(parents=True)
    yield folder
    shutil.rmtree(folder)


@contextmanager
def answering(root: Path, answer: bytes | None) -> Iterator[list[bytes]]:
    """Somebody at the socket who gives this answer to one question, or hangs up; what was asked."""
    heard: list[bytes] = []
    listening = listen(f"unix:{root}/run/vouchsafe/verdict.sock")

    def serve() -> None:
        connection, _ = listening.accept()
        with connection:
            heard.append(connection.recv(65_536))
            with contextlib.suppress(BrokenPipeError):
                connection.sendall(answer or b"")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield heard
        thread.join(5)
    finally:
        listening.close()


def test_what_it_says_stands(root: Path) -> None:
    """The question holds the name with its tag, the digest, the list and the place."""
    asked = ASKED.replace(through=Digest.of(b"list"), physical="mirror.example/app:v1")
    with answering(root, page(written(ALLOWED))) as heard:
        assert resident.ask(asked, root=str(root), seconds=5) == ALLOWED.replace(source="resident")
    line = f"GET /v1/verdict/registry.example/app:v1?digest={DIGEST}&list={Digest.of(b'list')}"
    assert heard[0].startswith(f"{line}&physical=mirror.example/app:v1 HTTP/1.1\r\n".encode())


GOOD = page(written(ALLOWED))
NO_ANSWER: dict[str, bytes | None] = {
    "hangs up": None,
    "nothing": b"",
    "half a head": GOOD[:20],
    "half a body": GOOD[:-9],
    "all but the last byte": GOOD[:-1],
    "more than it says": GOOD + b" ",
    "no length": GOOD.replace(b"Content-Length", b"X-Length"),
    "two lengths": GOOD.replace(b"\r\n\r\n", b"\r\nContent-Length: 1\r\n\r\n"),
    "another status": page(written(ALLOWED), status="503 allow"),
    "an old version": GOOD.replace(b"HTTP/1.1", b"HTTP/0.9"),
    "no JSON": page(b"allow"),
    "two documents": page(written(ALLOWED) * 2),
    "another image": page(written(ALLOWED, digest=Digest.of(b"another"))),
    "not verified": page(written(ALLOWED, verified=False)),
    "another word": page(written(ALLOWED).replace(b'"allow"', b'"allowed"')),
    "no end": page(b" " * 2_000_000),
    "a deny about nothing": page(written(Decision(word="deny", code="x", message="y"))),
}


@pytest.mark.parametrize("name", NO_ANSWER)
def test_what_is_not_one_whole_answer(root: Path, name: str) -> None:
    """Is none; the plugin judges by itself."""
    with answering(root, NO_ANSWER[name]):
        assert resident.ask(ASKED, root=str(root), seconds=5) is None


def somebody_elses(path: Path) -> None:
    """Owned by another user."""
    os.chown(path, 12345, 12345)


def a_file(path: Path) -> None:
    """In a socket's place."""
    path.unlink()
    path.touch()


def a_link(path: Path) -> None:
    """To where it was moved."""
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


PLACES: dict[str, Callable[[Path], object]] = {
    "nobody there": lambda root: (root / "run/vouchsafe/verdict.sock").unlink(),
    "a file": lambda root: a_file(root / "run/vouchsafe/verdict.sock"),
    "another's socket": lambda root: somebody_elses(root / "run/vouchsafe/verdict.sock"),
    "a link to a socket": lambda root: a_link(root / "run/vouchsafe/verdict.sock"),
    "another's folder": lambda root: somebody_elses(root / "run/vouchsafe"),
    "an open folder": lambda root: (root / "run/vouchsafe").chmod(0o777),
    "a group's folder": lambda root: (root / "run/vouchsafe").chmod(0o775),
    "a link to a folder": lambda root: a_link(root / "run/vouchsafe"),
    "an open run": lambda root: (root / "run").chmod(0o777),
    "another's run": lambda root: somebody_elses(root / "run"),
}


@pytest.mark.parametrize("name", PLACES)
def test_who_could_be_somebody_else(root: Path, name: str) -> None:
    """Is not asked."""
    listening = listen(f"unix:{root}/run/vouchsafe/verdict.sock")
    try:
        PLACES[name](root)
        assert resident.ask(ASKED, root=str(root), seconds=5) is None
        listening.setblocking(False)
        with pytest.raises(BlockingIOError):
            listening.accept()
    finally:
        listening.close()


def test_the_process_that_answers_is_looked_at(root: Path) -> None:
    """A socket in the right place that another user listens on is not believed."""
    path = str(root / "run/vouchsafe/verdict.sock")
    for folder in (root, root / "run", root / "run/vouchsafe"):
        folder.chmod(0o755)
    (root / "run/vouchsafe").chmod(0o777)
    child = os.fork()
    if child == 0:  # SO_PEERCRED tells who called listen()
        os.setuid(12345)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listening.bind(path)
        listening.listen()
        connection, _ = listening.accept()
        connection.sendall(GOOD)
        os._exit(0)
    try:
        while not os.path.exists(path):
            pass
        (root / "run/vouchsafe").chmod(0o755)
        os.chown(path, 0, 0)
        assert resident.ask(ASKED, root=str(root), seconds=5) is None
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)


def test_who_hangs_is_not_waited_for(root: Path) -> None:
    """Longer than there is time."""
    listening = listen(f"unix:{root}/run/vouchsafe/verdict.sock")
    try:
        assert resident.ask(ASKED, root=str(root), seconds=0.05) is None
        assert resident.ask(ASKED, root=str(root), seconds=0.0) is None
    finally:
        listening.close()


def test_it_is_asked_about_registries_only(root: Path) -> None:
    """What lies on disk it does not judge."""
    with answering(root, GOOD) as heard:
        asked = ASKED.replace(reference=Reference.parse("oci:/srv/layout:v1"))
        assert resident.ask(asked, root=str(root), seconds=5) is None
        assert resident.ask(ASKED, root=str(root), seconds=5) is not None
    assert len(heard) == 1


def test_the_same_judge_answers(machine: Machine) -> None:
    """With what it knows, for as long as that stands; and the plugin alone says the same."""
    digest, bad = machine.image(), machine.image(tag="bad", content=b"bad")
    machine.sign(digest)
    root = str(machine.folder)
    with Running(machine, verdicts=True):
        good, refused = decide(request(machine, digest), root=root), decide(request(machine, bad), root=root)
        again = decide(request(machine, digest), root=root)
    assert (good.word, good.source, good.signers, again.source) == ("allow", "resident", (MAIN,), "resident")
    assert 0 < good.max_age <= 300
    assert (refused.word, refused.code, refused.source) == ("deny", "unsigned", "resident")
    alone = decide(request(machine, digest), root=root)
    assert alone.source == "alone"
    assert alone.replace(source="", max_age=0) == good.replace(source="", max_age=0)


def test_a_service_that_refuses_is_believed(machine: Machine) -> None:
    """Its problem is ours: the plugin does not judge around it."""
    digest = machine.image()
    machine.sign(digest)
    with Running(machine, verdicts=True):
        Path(machine.places.key).unlink()
        decision = decide(request(machine, digest), root=str(machine.folder))
    assert (decision.word, decision.code, decision.source) == ("error", "authority-missing", "resident")


def test_credentials_that_the_service_has_not(machine: Machine) -> None:
    """With them the plugin may be able to ask where the service could not; without any it is not tried."""
    digest = machine.image()
    machine.sign(digest)
    machine.registry.access = BasicAccess({"user": "password"})
    login = f'{{"auths": {{"{machine.registry.address}": {{"auth": "dXNlcjpwYXNzd29yZA=="}}}}}}'
    given = Credentials(auth_file=str(machine.write("auth.json", login)))
    with Running(machine, verdicts=True):
        without = decide(request(machine, digest), root=str(machine.folder))
        with_them = decide(request(machine, digest, credentials=given), root=str(machine.folder))
    assert (without.word, without.code) == ("error", "registry-unauthorized")
    assert (with_them.word, with_them.source) == ("allow", "alone")
