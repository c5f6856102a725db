"""The token, and a key's password, appear in no output, error, process list, file or child's environment."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import uuid
from pathlib import Path

import pytest

from tests.sign_cli_lab import SignLab, lab
from vouchsafe.testing.fulcio_api import FulcioApi
from vouchsafe.testing.keys import KeySource
from vouchsafe.testing.loopback import Handler, LoopbackServer, Request, Response

__all__ = ["lab"]
COMMAND = Path(sys.executable).parent / "vouchsafe"
# What stands in for cosign and skopeo: writes down how it was called and what it inherited.
SPY = """#!/bin/sh
{ echo "arguments: $*"; env; } >> "$SPY_FILE"
[ "$1" = version ] && echo "GitVersion: v3.9.9"
exit 0
"""


class Watched:
    """A run of the command, with everything that it left behind."""

    def __init__(self, lab: SignLab, folder: Path) -> None:
        self.lab = lab
        self.home, self.spied = folder / "home", folder / "spied.txt"
        self.home.mkdir()
        programs = folder / "bin"
        programs.mkdir()
        for name in ("cosign", "skopeo"):
            (programs / name).write_text(SPY)
            (programs / name).chmod(0o755)
        self.environment = {
            "HOME": str(self.home),
            "TMPDIR": str(self.home),
            "PATH": f"{programs}:/usr/bin:/bin",
            "SPY_FILE": str(self.spied),
        }

    def run(self, *words: str, secrets: dict[str, str], given: str = "") -> subprocess.CompletedProcess[str]:
        """Start it, verbose; `secrets` are variables."""
        return subprocess.run(
            [COMMAND, *words],
            env=self.environment | secrets,
            input=given,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    def files(self) -> str:
        """The content of every file that it wrote."""
        return "".join(path.read_text("utf-8", "replace") for path in self.home.rglob("*") if path.is_file())


@pytest.fixture
def watched(lab: SignLab, tmp_path: Path) -> Watched:
    """On loopback services."""
    return Watched(lab, tmp_path)


def parts_of(token: str) -> list[str]:
    """The token, and each of its parts, which alone tell enough; not the header, which is everybody's."""
    _, body, signature = token.split(".")
    return [token, body, signature]


def holds(text: str, token: str) -> list[str]:
    """Which parts of a token a text holds."""
    return [part[:16] for part in parts_of(token) if part in text]


@pytest.mark.parametrize("source", ["variable", "file", "standard input"])
def test_a_run_that_ends_well(watched: Watched, source: str) -> None:
    """Verbose, with programs that read back, with files for later jobs."""
    lab, token = watched.lab, watched.lab.services.token()
    outputs = ["--dotenv", str(watched.home / "sign.env"), "--digest-file", str(watched.home / "digest")]
    words = ["sign", "--verbose", *outputs, *lab.flags(), lab.image]
    secrets: dict[str, str] = {}
    given = ""
    if source == "variable":
        secrets["SIGSTORE_ID_TOKEN"] = token
    elif source == "file":
        path = lab.folder / "the-token"
        path.write_text(token, encoding="ascii")
        words[1:1] = ["--identity-token", str(path)]
    else:
        words[1:1] = ["--identity-token", "-"]
        given = token
    done = watched.run(*words, secrets=secrets, given=given)
    assert done.returncode == 0, done.stderr
    assert holds(done.stdout + done.stderr + watched.files(), token) == []
    inherited = watched.spied.read_text("utf-8")
    assert "arguments: verify" in inherited
    assert holds(inherited, token) == []
    assert "SIGSTORE_ID_TOKEN" not in inherited


def test_the_registry_never_sees_it(watched: Watched) -> None:
    """Nor the log, nor the time-stamping authority: Fulcio alone, in a body."""
    lab, token = watched.lab, watched.lab.services.token()
    done = watched.run("sign", *lab.flags(), lab.image, secrets={"SIGSTORE_ID_TOKEN": token})
    assert done.returncode == 0, done.stderr
    servers = {**lab.services.servers, "registry": lab.registry}
    saw = {
        name
        for name, server in servers.items()
        for request in server.requests
        if holds(f"{request.path}{dict(request.query)}{dict(request.headers)}{request.body!r}", token)
    }
    assert saw == {"fulcio"}
    posted = [each for each in lab.services.servers["fulcio"].requests if each.method == "POST"]
    assert [holds(f"{each.path}{dict(each.headers)}", token) for each in posted] == [[]]


@pytest.mark.parametrize("status", [400, 401, 404, 500, 503])
def test_a_service_that_echoes_it(watched: Watched, status: int) -> None:
    """In its error, with --verbose, which shows traces."""
    lab, token = watched.lab, watched.lab.services.token()

    def echo(request: Request) -> Response:
        return Response(status=status, body=b'{"message":"bad token %s"}' % token.encode() + request.body)

    with LoopbackServer(echo) as fulcio:
        named = ["--fulcio-url", fulcio.url, "--rekor-url", lab.services.urls["rekor1"]]
        root = ["--trusted-root", str(lab.services.trusted_root), "--tls-verify=false"]
        words = ["sign", "--verbose", *named, *root, lab.image]
        done = watched.run(*words, secrets={"SIGSTORE_ID_TOKEN": token})
    assert done.returncode == 2
    assert holds(done.stdout + done.stderr + watched.files(), token) == []


def test_a_service_that_answers_nonsense_with_it(watched: Watched) -> None:
    """A parser quotes what it cannot read: not this."""
    lab, token = watched.lab, watched.lab.services.token()
    bodies = [token.encode(), b'{"%s": {"%s": 1}}' % (token.encode(), token.encode())]
    for body in bodies:
        with LoopbackServer(saying(body)) as fulcio:
            named = ["--fulcio-url", fulcio.url, "--rekor-url", lab.services.urls["rekor1"]]
            root = ["--trusted-root", str(lab.services.trusted_root), "--tls-verify=false"]
            words = ["sign", "--verbose", *named, *root, lab.image]
            done = watched.run(*words, secrets={"SIGSTORE_ID_TOKEN": token})
        assert done.returncode == 2
        assert holds(done.stdout + done.stderr, token) == []


def saying(body: bytes) -> Handler:
    """A service that answers everything with this."""
    return lambda _request: Response(body=body)


def test_the_token_as_an_argument(watched: Watched) -> None:
    """Refused without being shown again, however it is written."""
    lab, token = watched.lab, watched.lab.services.token()
    for words in (["--identity-token", token], [f"--identity-token={token}"]):
        done = watched.run("sign", "--verbose", *words, *lab.flags(), lab.image, secrets={})
        assert done.returncode == 2
        assert holds(done.stdout + done.stderr, token) == []


def test_the_process_list(watched: Watched) -> None:
    """While Fulcio is being asked, no process of this machine shows it among its arguments."""
    # Named, because tokens of one second are otherwise the same, and other tests hand theirs to cosign as an argument.
    lab, token = watched.lab, watched.lab.services.token(jti=uuid.uuid4().hex)
    honest = FulcioApi(lab.sigstore).answer
    seen: list[str] = []
    looked = threading.Event()

    def look(request: Request) -> Response:
        seen.append(every_command_line())
        looked.set()
        return honest(request)

    with LoopbackServer(look) as fulcio:
        named = ["--fulcio-url", fulcio.url, "--rekor-url", lab.services.urls["rekor1"]]
        root = ["--trusted-root", str(lab.services.trusted_root), "--tls-verify=false"]
        done = watched.run("sign", *named, *root, lab.image, secrets={"SIGSTORE_ID_TOKEN": token})
    assert done.returncode == 0, done.stderr
    assert looked.is_set()
    assert "vouchsafe" in seen[0]
    assert holds(seen[0], token) == []


def every_command_line() -> str:
    """The arguments of every process."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                found.append(
                    Path("/proc", name, "cmdline")
                    .read_bytes()
                    .replace(b"\0", b" ")
                    .decode("utf-8", "replace")
                )
            except OSError:  # it has ended
                continue
    return "\n".join(found)


def test_a_password(watched: Watched) -> None:
    """Of a key: right and wrong, inherited by nobody and shown to nobody."""
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

    lab, password = watched.lab, "correct-horse-battery"
    key = KeySource("secrets").ec("key")
    path = lab.folder / "key.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password.encode()))
    )
    for given, code in ((password, 0), (f"{password}-wrong", 78)):
        words = ["sign", "--verbose", "--tls-verify=false", "--key", str(path), lab.image]
        done = watched.run(*words, secrets={"VOUCHSAFE_KEY_PASSWORD": given})
        assert done.returncode == code, done.stderr
        assert password not in done.stdout + done.stderr + watched.files()
    assert password not in watched.spied.read_text("utf-8")
