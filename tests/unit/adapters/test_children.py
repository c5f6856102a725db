"""Programs beside us: heard in time, ended with all their children; and the packet protocol of image proxies."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from vouchsafe.adapters.children import Children
from vouchsafe.errors import Unavailable

ENVIRONMENT = {"PATH": os.environ["PATH"]}
# Answers each packet with the next of its arguments; with "fd" before it, hands over a descriptor too.
PROXY = """
import array, os, socket, sys
proxy = socket.socket(fileno=0)
for answer in sys.argv[1:]:
    proxy.recv(32768)
    handed = answer.startswith("fd")
    sending = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [os.open("/dev/null", 0)]))] if handed else []
    proxy.sendmsg([answer.removeprefix("fd").encode()], sending)
"""
YES, NO = '{"success": true, "value": 1}', '{"success": false, "error": "rejected by policy"}'


def python(code: str, *words: str) -> list[str]:
    """A program."""
    return [sys.executable, "-c", code, *words]


def test_lines_are_heard_one_by_one() -> None:
    """However they come."""
    child = Children().start(python("print('a'); print('b', flush=True); input()"), environment=ENVIRONMENT)
    assert [child.line(seconds=20), child.line(seconds=20)] == ["a", "b"]
    child.end()


def test_silence_ends_in_time() -> None:
    """A program that says nothing is not waited for."""
    child = Children().start(python("input()"))
    with pytest.raises(Unavailable) as refused:
        child.line(seconds=0.01)
    child.end()
    assert refused.value.code == "program-timeout"


def test_a_program_that_dies_is_quoted() -> None:
    """By its last words."""
    child = Children().start(python("import sys; sys.exit('why it died')"))
    with pytest.raises(Unavailable) as refused:
        child.line(seconds=20)
    child.end()
    assert "why it died" in refused.value.message


def test_what_does_not_end_is_killed(tmp_path: Path) -> None:
    """With its children, which hold our pipe: that it closes proves that they are gone."""
    code = (
        "import signal, subprocess, sys\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "inner = 'import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);'\n"
        "inner += 'print(1, flush=True); time.sleep(999)'\n"
        "subprocess.Popen([sys.executable, '-c', inner]).wait()\n"
    )
    fifo = tmp_path / "alive"
    os.mkfifo(fifo)
    shell = ["/bin/sh", "-c", 'exec 3>"$1"; shift; exec "$@"', "sh", str(fifo), *python(code)]
    child = Children(grace_seconds=0.1).start(shell, environment=ENVIRONMENT)
    with fifo.open("rb") as alive:
        assert child.line(seconds=20) == "1"
        child.end()
        assert alive.read() == b""


def test_a_program_that_is_not_there() -> None:
    """Is an error of ours."""
    with pytest.raises(Unavailable):
        Children().start(["/nonexistent"])
    with pytest.raises(Unavailable):
        Children().open_image(["/nonexistent"], "docker://x", seconds=1)


@pytest.mark.parametrize(
    "answers, says",
    [((YES, YES), ""), (("fd" + YES, "fd" + YES), ""), ((YES, NO), "rejected"), ((NO,), "rejected")],
)
def test_an_image_proxy(answers: tuple[str, ...], says: str) -> None:
    """Opened, or what it has against the image; descriptors that come along are closed."""
    before = len(os.listdir("/proc/self/fd"))
    said = Children().open_image(python(PROXY, *answers), "docker://x", seconds=20)
    assert (said == "", says in said, len(os.listdir("/proc/self/fd"))) == (says == "", True, before)


@pytest.mark.parametrize("answers", [(), ("x",), ("1",), ("{}",), (YES, '{"success": 1}')])
def test_a_proxy_that_does_not_answer(answers: tuple[str, ...]) -> None:
    """Has opened nothing."""
    with pytest.raises(Unavailable):
        Children().open_image(python(PROXY, *answers), "docker://x", seconds=20)
