"""The command as a process: signals, closed pipes, poor locales, and the corpus through it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli_lab import Lab, lab, run
from vouchsafe.testing.loopback import LoopbackServer, Request, Response

__all__ = ["lab"]
COMMAND = Path(sys.executable).parent / "vouchsafe"


class Silent(LoopbackServer):
    """A registry that answers nobody until it is told to; `asked` says that somebody waits."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.answer_now = threading.Event()
        super().__init__(self._wait)

    def _wait(self, request: Request) -> Response:
        self.asked.set()
        self.answer_now.wait(60)
        return Response(status=404)


@pytest.fixture
def silent() -> Iterator[Silent]:
    """Ends without waiting for anybody."""
    with Silent() as server:
        yield server
        server.answer_now.set()


def start(*words: object, **options: Any) -> subprocess.Popen[bytes]:
    """The installed command."""
    return subprocess.Popen(
        [COMMAND, *(str(word) for word in words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


@pytest.fixture
def interruptible() -> Iterator[None]:
    """`make test &` hands down a SIGINT that is ignored, and a program rightly leaves it so."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("count", [1, 5])
def test_an_interrupt_ends_it_at_once(silent: Silent, lab: Lab, count: int) -> None:
    """130, without a trace, also while several images are judged."""
    images = [f"{silent.address}/group/app{number}:v1" for number in range(count)]
    with start("verify", *lab.flags(), *images) as process:
        assert silent.asked.wait(30)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err.strip()) == (130, b"")


def test_a_reader_that_leaves_is_no_trace(lab: Lab) -> None:
    """`vouchsafe … | head -1`: not 0, and nothing on standard error."""
    with start("verify", "-o", "json", *lab.flags(), lab.docker("signed")) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        err = process.stderr.read()
        process.wait(timeout=30)
    assert (process.returncode, err) == (2, b"")


def test_a_full_disk_is_no_error_of_ours(lab: Lab) -> None:
    """Nobody is asked to report it, and it is not 0: the answer reached nobody."""
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [COMMAND, "verify", *lab.flags(), lab.docker("signed")],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    said = "vouchsafe: error: expected to write the answer, got: No space left on device [output]\n"
    assert (done.returncode, done.stderr) == (2, said)


@pytest.mark.parametrize("variables", [{"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}])
def test_a_poor_locale(lab: Lab, variables: dict[str, str]) -> None:
    """The verdict stands, whatever characters the terminal has."""
    with start("verify", *lab.flags(), lab.docker("signed"), env={**os.environ, **variables}) as process:
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out[:8], err) == (0, b"accepted", b"")


def test_a_deadline(silent: Silent, lab: Lab) -> None:
    """`--timeout`: undecided, and it says so."""
    ended = run("verify", *lab.flags(), "--timeout", "0.2", f"{silent.address}/group/app:v1")
    assert ended.code == 2
    assert "[deadline]" in ended.out or "[timeout]" in ended.out


def test_python_dash_m(lab: Lab) -> None:
    """`python -m vouchsafe.cli` is the same command."""
    done = subprocess.run(
        [sys.executable, "-m", "vouchsafe.cli", "verify", *lab.flags(), lab.oci("signed")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_corpus_through_the_command(vectors: Path) -> None:
    """Every case as cases.json says: 0 or 1, never 2."""
    corpus = vectors / "corpus"
    told = json.loads((corpus / "cases.json").read_text(encoding="utf-8"))
    wrong = []
    for case in told["cases"]:
        who = [
            "--certificate-identity",
            case["expect_identity"],
            "--certificate-oidc-issuer",
            case.get("expect_issuer", told["issuer"]),
        ]
        reference = f"oci:{corpus / case['case']}:v1"
        ended = run("verify", *who, "--trusted-root", corpus / "trusted_root.json", reference)
        if ended.code != (0 if case["expect"] == "accept" else 1):
            wrong.append((case["case"], ended))
    assert wrong == []
