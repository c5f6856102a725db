"""Filters of system calls as a unit of systemd asks for them, made by libseccomp from the same words."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Iterable, Iterator

from tests.unit_files import Unit

ERRNO, ALLOW = 0x0005_0000, 0x7FFF_0000  # SCMP_ACT_ERRNO(0), SCMP_ACT_ALLOW
EPERM, ENOSYS, EAFNOSUPPORT = 1, 38, 97
EVERY_NAMESPACE = 0x7E02_0080  # CLONE_NEW* of clone(2)
EQUAL, MASKED = 4, 7  # SCMP_CMP_EQ, SCMP_CMP_MASKED_EQ
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16}
MOST_FAMILIES = 46  # AF_MAX
PROT_WRITE, PROT_EXEC = 2, 4
SUID_SGID = (0o4000, 0o2000)


class _Compared(ctypes.Structure):
    """struct scmp_arg_cmp."""

    _fields_ = (
        ("argument", ctypes.c_uint),
        ("how", ctypes.c_int),
        ("first", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
    )


class Filter:
    """One filter of system calls; several stand above each other, and the strictest decides."""

    def __init__(self, otherwise: int) -> None:
        self._lib = ctypes.CDLL("libseccomp.so.2", use_errno=True)
        self._lib.seccomp_init.restype = ctypes.c_void_p
        self._context = ctypes.c_void_p(self._lib.seccomp_init(ctypes.c_uint32(otherwise)))

    def rule(self, action: int, name: str, *compared: tuple[int, int, int, int]) -> None:
        """`compared`: (argument, how, first, second); a call that this machine does not have is passed over."""
        number = self._lib.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:
            array = (_Compared * len(compared))(*(_Compared(*each) for each in compared))
            done = self._lib.seccomp_rule_add_array(
                self._context, ctypes.c_uint32(action), number, len(compared), array
            )
            if done:
                raise OSError(-done, f"seccomp rule for {name}")

    def load(self) -> None:
        """From now on, for this process and its children."""
        if done := self._lib.seccomp_load(self._context):
            raise OSError(-done, "seccomp_load")


def groups() -> dict[str, list[str]]:
    """systemd's own sets of system calls."""
    said = subprocess.run(
        ["systemd-analyze", "syscall-filter", "--no-pager"], capture_output=True, text=True, check=True
    ).stdout
    found: dict[str, list[str]] = {}
    name = ""
    for line in said.splitlines():
        if line.startswith("@"):
            name = line.strip()
        elif line.startswith("    ") and not line.strip().startswith("#"):
            found.setdefault(name, []).append(line.strip())
    return found


def expanded(words: Iterable[str], known: dict[str, list[str]]) -> Iterator[str]:
    """Names of system calls, sets and sets in sets taken apart."""
    for word in words:
        if word.startswith("@"):
            yield from expanded(known[word], known)
        else:
            yield word


def allowed_calls(unit: Unit) -> set[str]:
    """What SystemCallFilter= leaves: the first line allows, `~` takes away."""
    known = groups()
    allowed = set(expanded(["@default"], known))
    for value in unit.all("SystemCallFilter"):
        names = set(expanded(value.removeprefix("~").split(), known))
        allowed = allowed - names if value.startswith("~") else allowed | names
    return allowed


def filters(unit: Unit) -> list[Filter]:
    """Every filter that the unit asks for."""
    made = {
        "MemoryDenyWriteExecute": _no_written_code,
        "RestrictNamespaces": _no_namespaces,
        "RestrictSUIDSGID": _no_suid,
    }
    return [
        *(make() for key, make in made.items() if unit.is_on(key)),
        *([_families(unit)] if unit.all("RestrictAddressFamilies") else ()),
        *([_calls(unit)] if unit.all("SystemCallFilter") else ()),
    ]


def _no_written_code() -> Filter:
    made, both = Filter(ALLOW), PROT_WRITE | PROT_EXEC
    made.rule(ERRNO | EPERM, "mmap", (2, MASKED, both, both))
    for name in ("mprotect", "pkey_mprotect"):
        made.rule(ERRNO | EPERM, name, (2, MASKED, PROT_EXEC, PROT_EXEC))
    return made


def _no_namespaces() -> Filter:
    made = Filter(ALLOW)
    made.rule(ERRNO | ENOSYS, "clone3")
    for name in ("unshare", "setns"):
        made.rule(ERRNO | EPERM, name)
    for bit in (1 << number for number in range(32) if EVERY_NAMESPACE >> number & 1):
        made.rule(ERRNO | EPERM, "clone", (0, MASKED, bit, bit))
    return made


def _no_suid() -> Filter:
    made = Filter(ALLOW)
    for name, argument in (("chmod", 1), ("fchmod", 1), ("fchmodat", 2)):
        for bit in SUID_SGID:
            made.rule(ERRNO | EPERM, name, (argument, MASKED, bit, bit))
    return made


def _families(unit: Unit) -> Filter:
    made = Filter(ALLOW)
    known = {FAMILIES[word] for word in unit.one("RestrictAddressFamilies").split()}
    for family in set(range(MOST_FAMILIES)) - known:
        made.rule(ERRNO | EAFNOSUPPORT, "socket", (0, EQUAL, family, 0))
    return made


def _calls(unit: Unit) -> Filter:
    made = Filter(ERRNO | EPERM)
    for name in sorted(allowed_calls(unit)):
        made.rule(ALLOW, name)
    return made
