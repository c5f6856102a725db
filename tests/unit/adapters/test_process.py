"""Other people's programs: found, fed, bounded, ended."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from vouchsafe.adapters.process import Programs
from vouchsafe.errors import Unavailable

PROGRAMS = Programs("/usr/bin:/bin")
SH = "/bin/sh"


def test_finds(tmp_path: Path) -> None:
    """Executable files, in absolute folders of the search path."""
    (tmp_path / "good").write_text("#!/bin/sh\n")
    (tmp_path / "good").chmod(0o755)
    (tmp_path / "plain").write_text("")
    (tmp_path / "folder").mkdir()
    programs = Programs(f"relative::{tmp_path}/none:{tmp_path}")
    assert [programs.find(name) for name in ("good", "plain", "folder", "absent")] == [
        f"{tmp_path}/good",
        None,
        None,
        None,
    ]


def test_runs() -> None:
    """stdin in; stdout, stderr and status out."""
    finished = PROGRAMS.run((SH, "-c", "cat; echo oops >&2; exit 3"), given=b"hello")
    assert (finished.status, finished.output, finished.errors) == (3, b"hello", b"oops\n")


def test_much_in_both_directions() -> None:
    """More than a pipe holds, without a deadlock."""
    given = b"x" * 500_000
    assert PROGRAMS.run((SH, "-c", "cat"), given=given).output == given


def test_a_program_that_does_not_listen() -> None:
    """May leave its stdin unread."""
    assert PROGRAMS.run((SH, "-c", "exec <&-; echo done"), given=b"x" * 500_000).output == b"done\n"


def test_a_signal_is_a_negative_status() -> None:
    """As subprocess has it."""
    assert PROGRAMS.run((SH, "-c", "kill -9 $$")).status == -9


def test_its_environment() -> None:
    """Only what was given, if something was."""
    finished = PROGRAMS.run((SH, "-c", "echo $A$HOME"), environment={"A": "b"})
    assert finished.output == b"b\n"


def test_endless_output_ends() -> None:
    """At the limit, and so does the program."""
    with pytest.raises(Unavailable) as caught:
        PROGRAMS.run((SH, "-c", "while :; do echo xxxxxxxxxxxxxxxx; done"), largest=100_000)
    assert caught.value.code == "program-output"


def alive(pid: int) -> bool:
    """Whether a process still runs; one that is dead and not yet collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def ended(pids: list[int]) -> bool:
    """Whether they all end: the kernel delivers SIGKILL when it comes to it, and `sleep 60` would not end by itself."""
    deadline = time.monotonic() + 20
    while any(alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not any(alive(pid) for pid in pids)


@pytest.mark.parametrize("script", ["sleep 60 & wait", "exec >/dev/null 2>/dev/null; sleep 60 & wait"])
def test_a_program_that_hangs_is_ended_with_its_children(tmp_path: Path, script: str) -> None:
    """The whole group, so that nothing is left behind."""
    with pytest.raises(Unavailable) as caught:
        PROGRAMS.run((SH, "-c", script.replace("&", f"& echo $$ $! > {tmp_path}/pids;", 1)), seconds=0.3)
    assert (caught.value.code, caught.value.retryable) == ("program-timeout", True)
    pids = [int(word) for word in (tmp_path / "pids").read_text().split()]
    assert ended(pids), "a child outlived its parent"


def children() -> list[int]:
    """Of this thread."""
    me = os.getpid()
    return [int(word) for word in Path(f"/proc/{me}/task/{me}/children").read_text().split()]


def test_an_interrupt_while_it_starts() -> None:
    """It came when the program ran and nobody knew its number yet: then nobody could end it."""
    others = set(children())

    def interrupt() -> None:
        while not set(children()) - others:
            pass
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        for _ in range(10):
            watching = threading.Thread(target=interrupt)
            watching.start()
            with pytest.raises(KeyboardInterrupt):
                PROGRAMS.run((SH, "-c", "sleep 60"))
            watching.join()
            assert set(children()) <= others
    finally:
        signal.signal(signal.SIGINT, before)


def test_no_such_program() -> None:
    """Named."""
    with pytest.raises(Unavailable, match="/nowhere/program"):
        PROGRAMS.run(("/nowhere/program",))
