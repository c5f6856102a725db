"""Root's credentials over a socket: to the service alone, each time anew, and none is normal."""

from __future__ import annotations

import base64
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from vouchsafe.adapters.http import HttpClient
from vouchsafe.adapters.process import Programs
from vouchsafe.adapters.registry import auth, broker
from vouchsafe.adapters.registry.certs import tls_of
from vouchsafe.adapters.settings import Settings
from vouchsafe.adapters.tls import Tls
from vouchsafe.errors import HostError, Unavailable
from vouchsafe.image.reference import Repository
from vouchsafe.testing.loopback import LoopbackServer, Response
from vouchsafe.testing.tls import LoopbackTls

OwnHost = Callable[..., Settings]

PRIVATE = Repository(domain="private.example", path="app")


def written(path: Path, password: str, host: str = "private.example") -> Path:
    """An auth file."""
    secret = base64.b64encode(f"user:{password}".encode()).decode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"auths": {host: {"auth": secret}}}))
    return path


@contextmanager
def listening(path: Path, *files: Path, allowed: int | None = None) -> Iterator[list[object]]:
    """Root's side; what each connection came to."""
    ended: list[object] = []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    uid = os.geteuid() if allowed is None else allowed
                    try:
                        held = broker.Held(
                            files=tuple(map(str, files)), certs_d=(str(path.parent / "certs.d"),)
                        )
                        ended.append(broker.hand_over(connection, frozenset({uid}), held))
                    except HostError as error:
                        ended.append(error.code)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield ended
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@contextmanager
def answering(path: Path, answer: bytes) -> Iterator[None]:
    """Somebody at root's socket who says this, once."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield
        thread.join()


def password(settings: Settings) -> str | None:
    """What the registry would be told."""
    found = auth.find(settings, PRIVATE, Programs(""))
    return None if found is None else found.password


def test_credentials_are_asked_for_each_time(tmp_path: Path) -> None:
    """A login of a minute ago counts; absent files are passed over."""
    path, file = tmp_path / "s", tmp_path / "auth.json"
    settings = Settings(auth_broker=str(path), run=str(tmp_path))
    with listening(path, tmp_path / "absent.json", file) as ended:
        assert password(settings) is None
        written(file, "one")
        assert password(settings) == "one"
        written(file, "two")
        assert password(settings) == "two"
    assert ended == [0, 1, 1]


def test_nobody_listening_is_normal(tmp_path: Path) -> None:
    """Neither a missing socket nor one that nobody serves is an error."""
    assert password(Settings(auth_broker=str(tmp_path / "absent"), run=str(tmp_path))) is None
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "dead"))
    assert password(Settings(auth_broker=str(tmp_path / "dead"), run=str(tmp_path))) is None


def test_nothing_is_handed_to_others(tmp_path: Path) -> None:
    """The kernel says who asks."""
    path, file = tmp_path / "s", written(tmp_path / "auth.json", "secret")
    with listening(path, file, allowed=12_345) as ended, pytest.raises(Unavailable):
        password(Settings(auth_broker=str(path), run=str(tmp_path)))
    assert ended == ["auth-broker"]


@pytest.mark.parametrize(
    "answer", [b"", b"secret", b"[]", b'{"files":[{"path":"x","content":"secret!"}],"keys":[]}']
)
def test_an_answer_that_is_none_keeps_its_secrets(tmp_path: Path, answer: bytes) -> None:
    """It says that it could not be read, and nothing of what stood in it."""
    with answering(tmp_path / "s", answer), pytest.raises(Unavailable) as refused:
        broker.ask(str(tmp_path / "s"))
    assert (refused.value.code, "secret" in refused.value.message) == ("auth-broker", False)


def test_client_keys_of_root(tmp_path: Path) -> None:
    """Every `.key` of every registry's folder, and nothing else of it."""
    path, folder = tmp_path / "s", tmp_path / "certs.d/r.example:5000"
    folder.mkdir(parents=True)
    for name in ("ca.crt", "us.cert", "us.key"):
        (folder / name).write_text(name)
    with listening(path) as ended:
        found = broker.ask(str(path))
    assert (found.keys, found.files, ended) == (((f"{folder}/us.key", b"us.key"),), (), [1])
    assert "us.key" not in repr(found)


def test_only_keys_that_we_cannot_read_are_asked_for(own_host: OwnHost, tmp_path: Path) -> None:
    """And only those of this registry are taken."""
    settings = own_host(auth_broker=str(tmp_path / "s"))
    folder = Path(settings.etc, "containers/certs.d/r.example")
    folder.mkdir(parents=True)
    (folder / "us.cert").touch()
    (folder / "us.key").symlink_to("nothing")  # there, and not to be read: hard to have for root otherwise
    keys = [
        {"path": str(path), "content": base64.b64encode(b"k").decode()}
        for path in (folder / "us.key", folder / "other.key")
    ]
    with answering(tmp_path / "s", json.dumps({"files": [], "keys": keys}).encode()):
        assert tls_of(settings, "r.example", insecure=False).keys == ((f"{folder}/us.key", b"k"),)
    (folder / "us.key").unlink()
    (folder / "us.key").touch()
    assert tls_of(settings, "r.example", insecure=False).keys == ()


def test_a_key_from_memory(tmp_path: Path) -> None:
    """Serves as one from a file would, and is shown by nothing."""
    tls = LoopbackTls()
    (tmp_path / "ca.crt").write_bytes(tls.ca_pem)
    (tmp_path / "us.cert").write_bytes(tls.client_pem)
    key = str(tmp_path / "us.key")
    ours = Tls(
        ca_files=(f"{tmp_path}/ca.crt",),
        client=((f"{tmp_path}/us.cert", key),),
        keys=((key, tls.client_key_pem),),
    )
    client = HttpClient(retries=0)
    with LoopbackServer(lambda _: Response(), tls=tls.context(demand_client=True)) as server:
        assert client.request("GET", server.url, tls=ours).status == 200
        with pytest.raises(Unavailable):
            client.request("GET", server.url, tls=ours.without_client())
    client.close()
    assert "PRIVATE" not in repr(ours) + repr(ours.without_client())


def test_files_for_a_service_may_be_absent_or_unreadable(tmp_path: Path) -> None:
    """The first that knows the registry counts, after the usual ones."""
    folder = tmp_path / "folder.json"
    folder.mkdir()
    one = written(tmp_path / "one.json", "one")
    files = (str(tmp_path / "absent.json"), str(folder), str(one))
    assert password(Settings(authfiles=files, run=str(tmp_path))) == "one"
    usual = written(tmp_path / "containers/0/auth.json", "usual")
    assert usual.exists()
    assert password(Settings(authfiles=files, run=str(tmp_path))) == "usual"
