"""The units of deploy/: what `host enable` links is what they ask for, and systemd itself finds nothing wrong."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from configparser import ConfigParser
from pathlib import Path

import pytest

from tests.hosts import Host, Said, Script
from tests.unit_files import DEPLOY, SYSTEMD
from vouchsafe.adapters.hosttree import HostTree
from vouchsafe.errors import HostError
from vouchsafe.host import units
from vouchsafe.wiring.countersign import METRICS
from vouchsafe.wiring.places import Places

UPDATES = "bootc-fetch-apply-updates.service"
SERVICES = sorted(path.name for path in SYSTEMD.glob("*.service"))
MOST_EXPOSED = 20  # tenths, of `systemd-analyze security`: "OK" ends at 50
# podman does not open its storage without CAP_SYS_ADMIN, not even to list it.
MORE_EXPOSED = {"vouchsafe-audit.service": 26}
# What a unit may refer to without our bringing it.
MACHINE = (Path("/usr/lib/systemd/system"), Path("/lib/systemd/system"))


def read(name: str) -> ConfigParser:
    """A unit; of a key that stands several times the last is kept."""
    parser = ConfigParser(strict=False, interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(SYSTEMD / name, encoding="utf-8")
    return parser


@pytest.fixture
def installed(tmp_path: Path) -> Host:
    """A root with our units, a program that they start, and systemd's own targets."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is missing")
    host = Host(tmp_path)
    folder = tmp_path / "usr/lib/systemd/system"
    shutil.copytree(SYSTEMD, folder)
    for pattern in ("*.target", "*.slice"):
        for place in MACHINE:
            for path in place.glob(pattern):
                if not (folder / path.name).exists():
                    shutil.copy(path, folder)
    for program in ("/usr/bin/vouchsafe", "/usr/bin/bootc", "/bin/kill"):
        host.write(program, "#!/bin/sh\n", 0o755)
    host.write(
        f"/usr/lib/systemd/system/{UPDATES}", "[Service]\nType=oneshot\nExecStart=/usr/bin/bootc upgrade\n"
    )
    return host


def test_what_enable_links_is_what_the_units_want() -> None:
    """The same targets; every unit of ours that can be enabled is, but for those that are only offered."""
    wanted = {
        path.name: target
        for path in SYSTEMD.iterdir()
        if path.is_file() and (target := read(path.name).get("Install", "WantedBy", fallback=""))
    }
    assert wanted == units.ENABLED | units.OFFERED
    assert not units.ENABLED.keys() & units.OFFERED.keys()


def test_the_watch_is_monthly_and_not_all_at_once() -> None:
    """Missed runs are made up for, by machines that do not all wake together; 10 is no failure, 11 is."""
    timer, service = read("vouchsafe-upstream.timer")["Timer"], read("vouchsafe-upstream.service")["Service"]
    assert (timer["OnCalendar"], timer["Persistent"]) == ("monthly", "true")
    assert timer["RandomizedDelaySec"] == "7d"
    assert service["SuccessExitStatus"] == "10"
    assert "11" in service["RestartPreventExitStatus"].split()


def test_the_port_cannot_be_had_by_others() -> None:
    """Literal, IPv4, below what unprivileged users may open, and never given up."""
    socket, service = read(units.SOCKET), read(units.SERVICE)
    address, _, port = socket["Socket"]["ListenStream"].partition(":")
    assert (address, int(port) < 1024) == ("127.0.0.1", True)
    assert socket["Socket"]["TriggerLimitIntervalSec"] == "0"
    assert service["Unit"]["StartLimitIntervalSec"] == "0"
    assert (service["Service"]["Restart"], service["Service"]["Type"]) == ("always", "notify")


def test_systemd_is_told() -> None:
    """New units first, then the port with the CA; stopped in the opposite order."""
    runner = Script({"systemctl": lambda _: Said()})
    units.start(runner)
    units.stop(runner)
    assert [" ".join(words[1:3]) for words in runner.ran] == [
        "daemon-reload",
        "stop vouchsafe-countersign.service",
        "start vouchsafe-authority.service",
        "daemon-reload",
        "stop vouchsafe-break-glass.timer",
    ]
    assert all(units.SOCKET in words for words in runner.ran if len(words) > 3)


@pytest.mark.parametrize("answers", [{}, {"systemctl": lambda _: Said(1, b"", b"Job failed")}])
def test_a_systemd_that_does_not(answers: dict[str, Callable[[Sequence[str]], Said]]) -> None:
    """Is an error that says where to look."""
    with pytest.raises(HostError) as refused:
        units.start(Script(answers))
    assert refused.value.code == "host-systemd"


@pytest.mark.parametrize("name", SERVICES)
def test_services_are_confined(name: str) -> None:
    """Nothing writes to /usr, and nothing can gain a privilege."""
    service = read(name)["Service"]
    assert (service["ProtectSystem"], service["NoNewPrivileges"]) == ("strict", "yes")
    assert "/usr" not in service.get("ReadWritePaths", "")


def test_every_unit_has_somebody_who_starts_it() -> None:
    """A link, the administrator, a unit of the same name, or bootc's own."""
    there = {path.name for path in SYSTEMD.iterdir() if path.is_file()}
    started = {name.rpartition(".")[0] for name in (*units.ENABLED, *units.OFFERED)}
    named = {*units.ENABLED, *units.OFFERED, *units.STARTED, *(f"{each}.service" for each in started)}
    assert there - named == set()


def test_reload_reads_everything_anew() -> None:
    """By the signal that the service takes for that; without ExecReload= `systemctl reload` is an error."""
    assert read(units.SERVICE)["Service"]["ExecReload"] == "/bin/kill -HUP $MAINPID"


def test_sockets_that_lead_to_the_service() -> None:
    """The one for metrics by the name that the service looks for; root's credentials to the account alone."""
    metrics, credentials = read(units.METRICS)["Socket"], read(units.CREDENTIALS)["Socket"]
    service = read(units.SERVICE)["Service"]
    assert (metrics["FileDescriptorName"], metrics["Service"]) == (METRICS, units.SERVICE)
    assert service["Sockets"].split() == [units.SOCKET, units.VERDICTS, units.METRICS]
    assert (metrics["SocketMode"], metrics["ListenStream"].partition(":")[0]) == (
        "0600",
        "/run/vouchsafe/metrics.sock",
    )
    assert (credentials["SocketMode"], credentials["SocketGroup"]) == ("0660", service["Group"])
    assert (credentials["ListenStream"], credentials["Accept"]) == (Places().broker, "yes")


def test_systemd_finds_nothing_wrong(installed: Host) -> None:
    """Not even an unknown key, which it only mentions."""
    names = [*(path.name for path in SYSTEMD.iterdir() if path.is_file()), UPDATES]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", f"--root={installed.folder}", *names],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("name", SERVICES)
def test_systemd_calls_them_confined(installed: Host, name: str) -> None:
    """By its own score."""
    most = MORE_EXPOSED.get(name, MOST_EXPOSED)
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={most}"]
    done = subprocess.run(
        [*command, f"--root={installed.folder}", "--no-pager", name],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_the_layout_of_a_package(tmp_path: Path) -> None:
    """`make install` puts everything that systemd reads where it looks, and `host enable` finds it."""
    make = ["make", "--silent", "-C", str(DEPLOY.parent), "install", f"DESTDIR={tmp_path}"]
    done = subprocess.run(make, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split() for line in (DEPLOY / "layout").read_text(encoding="utf-8").splitlines()]
    listed = {DEPLOY.parent / source: target for mark, source, target in (x for x in lines if x[0] != "#")}
    ours = {
        path
        for folder in ("systemd", "sysusers.d", "tmpfiles.d")
        for path in (DEPLOY / folder).rglob("*")
        if path.is_file()
    }
    assert ours <= set(listed)
    for source, target in listed.items():
        assert target.startswith("/usr/")
        assert (tmp_path / target.lstrip("/")).read_bytes() == source.read_bytes()
    assert units.missing(HostTree(str(tmp_path))) == ()


def test_the_account_can_be_made() -> None:
    """systemd-sysusers reads it."""
    if shutil.which("systemd-sysusers") is None:
        pytest.skip("systemd-sysusers is missing")
    command = ["systemd-sysusers", "--dry-run", str(DEPLOY / "sysusers.d/vouchsafe.conf")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
