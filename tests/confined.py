"""Puts on a process what a service of deploy/systemd says, where no systemd runs to do it.

`python -m tests.confined UNIT` becomes the unit's ExecStart: with its account, without capabilities, in a mount
namespace of its own, and below filters of system calls. What is not imitated: limits, cgroups, rules for
devices, and IPAddressDeny (a private network has no address to deny).
"""

from __future__ import annotations

import ctypes
import os
import pwd
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.seccomp import filters
from tests.unit_files import Unit

NEWNS, NEWNET = 0x0002_0000, 0x4000_0000
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 24, 38
LAST_CAPABILITY = Path("/proc/sys/kernel/cap_last_cap")
CAPABILITIES = {  # capabilities(7), those that our units name
    "CHOWN": 0,
    "DAC_OVERRIDE": 1,
    "DAC_READ_SEARCH": 2,
    "FOWNER": 3,
    "SYS_ADMIN": 21,
}
# What systemd leaves writable under ProtectSystem=strict.
API = ("/dev", "/proc", "/sys")

libc = ctypes.CDLL(None, use_errno=True)


def become(path: Path, more: Sequence[str] = ()) -> None:
    """Turn into the unit's program. Does not return."""
    unit = Unit(path)
    command = [*shlex.split(unit.one("ExecStart").lstrip("-")), *more]
    made = filters(unit)  # libseccomp and systemd's names are read before anything is out of reach
    wall_off(unit)
    drop(unit)
    for each in made:
        each.load()
    os.execv(command[0], command)


def wall_off(unit: Unit) -> None:
    """What the unit sees of the file system, and of the network."""
    check(libc.unshare(NEWNS | (NEWNET if unit.is_on("PrivateNetwork") else 0)), "unshare")
    mount("--make-rslave", "/")
    if unit.one("ProtectSystem") == "strict":
        seal(writable(unit))
    if unit.is_on("PrivateTmp"):
        with programs_kept():
            for path in ("/tmp", "/var/tmp"):
                mount("-t", "tmpfs", "-o", "mode=1777", "none", path)
    if unit.one("ProtectHome") == "yes":
        for path in ("/home", "/root"):
            mount("-t", "tmpfs", "-o", "mode=000,ro", "none", path)
    if unit.one("ProtectProc") == "invisible":
        mount("-t", "proc", "-o", "hidepid=invisible", "proc", "/proc")
    if unit.is_on("ProtectKernelTunables"):
        mount("--bind", "/proc/sys", "/proc/sys")
        mount("-o", "remount,bind,ro", "/proc/sys")


@contextmanager
def programs_kept() -> Iterator[None]:
    """The fetched programs stay where they are: a host has its podman in /usr, a checkout may lie below /tmp."""
    folder = str((Path(__file__).parent.parent / ".peers").resolve())
    if not os.path.isdir(folder):
        yield
        return
    handle = os.open(folder, os.O_PATH)
    yield
    if not os.path.isdir(folder):
        os.makedirs(folder)
        mount("--no-canonicalize", "--bind", f"/proc/{os.getpid()}/fd/{handle}", folder)
    os.close(handle)


def writable(unit: Unit) -> tuple[str, ...]:
    """The folders that the unit may write to."""
    folders = [path.lstrip("-") for path in unit.one("ReadWritePaths").split()]
    for key, base in (("StateDirectory", "/var/lib"), ("CacheDirectory", "/var/cache")):
        for name in unit.one(key).split():
            folders.append(f"{base}/{name}")
            os.makedirs(folders[-1], exist_ok=True)
    return tuple(path for path in folders if os.path.exists(path))


def seal(open_folders: tuple[str, ...]) -> None:
    """Everything else is for reading."""
    for path in open_folders:
        mount("--bind", path, path)
    lines = Path("/proc/self/mountinfo").read_bytes().decode().splitlines()
    for point in {line.split(" ")[4] for line in lines}:
        if not point.startswith((*API, *open_folders)):
            subprocess.run(["mount", "-o", "remount,bind,ro", point], check=False, capture_output=True)


def drop(unit: Unit) -> None:
    """Account and capabilities: of those only what the unit leaves, and for root alone."""
    if unit.all("CapabilityBoundingSet"):
        kept = {word.removeprefix("CAP_") for word in unit.one("CapabilityBoundingSet").split()}
        keeping = {CAPABILITIES[name] for name in kept}
        for number in range(int(LAST_CAPABILITY.read_bytes()) + 1):
            if number not in keeping:
                check(libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0), "prctl")
    os.umask(int(unit.one("UMask", "0022"), 8))
    account = pwd.getpwnam(unit.one("User", "root"))
    os.setgroups([])
    os.setresgid(account.pw_gid, account.pw_gid, account.pw_gid)
    os.setresuid(account.pw_uid, account.pw_uid, account.pw_uid)
    check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")


def mount(*words: str) -> None:
    """As the program of that name."""
    subprocess.run(["mount", *words], check=True, capture_output=True)


def check(result: int, what: str) -> None:
    """A call of libc that must succeed."""
    if result != 0:
        raise OSError(ctypes.get_errno(), what)


if __name__ == "__main__":
    become(Path(sys.argv[1]), sys.argv[2:])
