"""systemd's protocols: sockets by number and name, datagrams to its sockets, and silence where there is none."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from vouchsafe.adapters.systemd import Journal, Notifier, listening

CHILD = """
import os, sys
from vouchsafe.adapters.systemd import listening
os.environ["LISTEN_PID"] = str(os.getpid())
found = listening(os.environ)
print([(name, s.getsockname()[1], os.get_inheritable(s.fileno())) for name, s in found])
"""


def test_sockets_by_name() -> None:
    """From descriptor 3 on, and no child of ours inherits them."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        ports = [each.getsockname()[1] for each in (one, two)]
        # The shell puts them where systemd does.
        script = f'exec "$0" -c "$1" 3<&{one.fileno()} 4<&{two.fileno()}'
        done = subprocess.run(
            ["bash", "-c", script, sys.executable, CHILD],
            env={**os.environ, "LISTEN_FDS": "2", "LISTEN_FDNAMES": "lookaside:metrics"},
            pass_fds=(one.fileno(), two.fileno()),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.stdout.strip() == str([("lookaside", ports[0], False), ("metrics", ports[1], False)]), (
        done.stderr
    )


@pytest.mark.parametrize("environ", [{}, {"LISTEN_FDS": "1"}, {"LISTEN_FDS": "1", "LISTEN_PID": "1"}])
def test_sockets_for_somebody_else(environ: dict[str, str]) -> None:
    """What was opened for another process is not ours."""
    assert listening(environ) == []


def receiver(path: Path) -> socket.socket:
    """As systemd listens."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    made.bind(str(path))
    return made


def test_notifications(tmp_path: Path) -> None:
    """One datagram, a line each; without a socket, and with a dead one, nothing happens."""
    with receiver(tmp_path / "notify") as systemd:
        Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")}).tell("READY=1", "STATUS=answering")
        assert systemd.recv(100) == b"READY=1\nSTATUS=answering"
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")}).tell("STOPPING=1")
    Notifier({}).tell("READY=1")


@pytest.mark.parametrize(
    "environ, seconds",
    [
        ({}, 0.0),
        ({"WATCHDOG_USEC": "60000000"}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, 0.0),
    ],
)
def test_the_watchdogs_interval(environ: dict[str, str], seconds: float) -> None:
    """Ours, if it is for us."""
    assert Notifier(environ).watchdog_seconds == seconds


def test_a_journal_entry_keeps_to_its_fields(tmp_path: Path) -> None:
    """A line break in a message starts no field."""
    with receiver(tmp_path / "journal") as journald:
        Journal(str(tmp_path / "journal")).write("a\nPRIORITY=0", "0" * 32, 4, VOUCHSAFE_CODE="x")
        entry = journald.recv(10_000)
    assert b"MESSAGE\n" + (12).to_bytes(8, "little") + b"a\nPRIORITY=0\n" in entry
    assert entry.count(b"PRIORITY\n") == 1


def test_without_a_journal_it_goes_to_standard_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """With the level in front, as journald reads it."""
    Journal(str(tmp_path / "absent")).write("refused", "0" * 32, 4)
    assert capfd.readouterr().err == "<4>refused\n"


def test_a_person_reads_no_level(tmp_path: Path) -> None:
    """At a terminal the sentence stands alone."""
    ours, theirs = os.openpty()
    Journal(str(tmp_path / "absent"), errors=theirs).write("refused", "0" * 32, 4)
    assert os.read(ours, 100) == b"refused\r\n"
    os.close(ours)
    os.close(theirs)


def test_nobody_who_reads_is_waited_for(tmp_path: Path) -> None:
    """A pipe that is full, or closed: the line is lost, and the service goes on."""
    reading, writing = os.pipe()
    journal = Journal(str(tmp_path / "absent"), errors=writing)
    for _ in range(100):
        journal.write("x" * 2_000, "0" * 32, 4)
    assert len(os.read(reading, 1_000_000)) < 100 * 2_000
    os.close(reading)
    journal.write("refused", "0" * 32, 4)
    os.close(writing)
    journal.write("refused", "0" * 32, 4)
