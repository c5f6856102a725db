"""The systemd units of the countersigner, and the links that start them at boot.

The units come with the package; enabling them is a link in /etc, made and taken back like every other edit.
Never a write to /usr.
"""

from __future__ import annotations

from vouchsafe.errors import HostError, Unavailable
from vouchsafe.host import state
from vouchsafe.host.change import Edit
from vouchsafe.host.state import state_of
from vouchsafe.machine import HostFiles, Runner

# systemd.unit(5), in the order of precedence
FOLDERS = ("/etc/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system")
SYSTEMD_RUNS = "/run/systemd/system"
SOCKET = "vouchsafe-countersign.socket"
VERDICTS = "vouchsafe-verdict.socket"
SERVICE = "vouchsafe-countersign.service"
AUTHORITY = "vouchsafe-authority.service"
CREDENTIALS = "vouchsafe-credentials.socket"
METRICS = "vouchsafe-metrics.socket"
ENABLED = {
    AUTHORITY: "sockets.target",
    SOCKET: "sockets.target",
    CREDENTIALS: "sockets.target",
    METRICS: "sockets.target",
    VERDICTS: "sockets.target",
    "vouchsafe-recover.service": "sysinit.target",
    "vouchsafe-status.path": "multi-user.target",
    "vouchsafe-break-glass.timer": "timers.target",
}
STARTED = (SERVICE, "vouchsafe-credentials@.service")  # by those above
RUNNING = (
    *(AUTHORITY, SOCKET, VERDICTS, CREDENTIALS, METRICS),
    *("vouchsafe-status.path", "vouchsafe-break-glass.timer"),
)
# Units that an operator may enable; `host enable` does not, for they ask others what no pull asks.
OFFERED = {
    "vouchsafe-audit.timer": "timers.target",
    "vouchsafe-trust-refresh.timer": "timers.target",
    "vouchsafe-upstream.timer": "timers.target",
}
SECONDS = 120.0  # of one systemctl


def missing(files: HostFiles) -> tuple[str, ...]:
    """Units that are not installed."""
    return tuple(unit for unit in (*ENABLED, *STARTED) if not _path_of(unit, files))


def edits(files: HostFiles) -> tuple[Edit, ...]:
    """The links that enable them."""
    found = []
    for unit, target in ENABLED.items():
        path = f"/etc/systemd/system/{target}.wants/{unit}"
        wanted = state.link(_path_of(unit, files))
        before = state_of(files, path)
        found.append(Edit(path=path, before=before.replace(content=b""), after=wanted, when="first"))
    return tuple(found)


def start(runner: Runner) -> None:
    """Open the port, with the CA published; before anybody is told to ask there. HostError."""
    _systemctl(runner, "daemon-reload")
    # A socket is not opened beside a service that runs without it; and whoever runs is perhaps an older release.
    _systemctl(runner, "stop", SERVICE)
    _systemctl(runner, "start", *RUNNING)


def publish(runner: Runner) -> None:
    """Publish what the applied policy names: a key of each scope's own, where clients want such. HostError."""
    _systemctl(runner, "restart", AUTHORITY)


def stop(runner: Runner) -> None:
    """Close it, when nobody is told to ask there any more. HostError."""
    _systemctl(runner, "daemon-reload")
    _systemctl(runner, "stop", *reversed(RUNNING), SERVICE)


def _systemctl(runner: Runner, *words: str) -> None:
    systemctl = runner.find("systemctl")
    if systemctl is None:
        raise HostError("host-systemd", "expected systemctl, got none")
    try:
        ended = runner.run((systemctl, *words), seconds=SECONDS)
    except Unavailable as error:
        raise HostError("host-systemd", error.message) from error
    if ended.status != 0:
        said = ended.errors.decode("utf-8", "replace").strip() or f"exit {ended.status}"
        raise HostError(
            "host-systemd",
            f"expected `systemctl {words[0]}` to succeed, got: {said}",
            hint=f"journalctl -u {SERVICE} -u {SOCKET}",
        )


def systemd_runs(files: HostFiles) -> bool:
    """Whether there is a systemd to talk to (sd_booted(3))."""
    return files.look(SYSTEMD_RUNS).kind == "folder"


def _path_of(unit: str, files: HostFiles) -> str:
    for folder in FOLDERS:
        if files.look(f"{folder}/{unit}").kind != "absent":
            return f"{folder}/{unit}"
    return ""
