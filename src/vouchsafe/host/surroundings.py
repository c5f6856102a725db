"""What on a host would make a change vain: an /etc that is forgotten, files that outrank it, other writers."""

from __future__ import annotations

from collections.abc import Iterator

from vouchsafe.host.objection import Objection
from vouchsafe.host.places import LARGEST_FILE, OUR_DROP_INS, OUR_POLICY, POLICY, REGISTRIES_D, STATE
from vouchsafe.host.ways import written_by_others
from vouchsafe.machine import HostFiles, Seen
from vouchsafe.record import Record

MOUNTS = "/proc/self/mountinfo"
OSTREE_BOOTED = "/run/ostree-booted"
PREPARE_ROOT = ("/etc/ostree/prepare-root.conf", "/usr/lib/ostree/prepare-root.conf")
FIRST_PORT = "/proc/sys/net/ipv4/ip_unprivileged_port_start"
LARGEST_SETTING = 64  # bytes; the kernel makes a buffer of what is asked for
USUAL_FIRST_PORT = 1_024
MOST_USERS = 10_000
_IN_MEMORY = frozenset(("tmpfs", "ramfs"))
_PASSING = ("/run/", "/tmp/", "/dev/shm/")  # noqa: S108  # compared, not written to


class User(Record):
    """A line of /etc/passwd, as far as it matters here."""

    name: str
    uid: int
    home: str


def is_image_mode(files: HostFiles) -> bool:
    """Whether this is an ostree or bootc host, whose /etc belongs to one deployment."""
    return files.look(OSTREE_BOOTED).kind != "absent"


def forgets_etc(files: HostFiles) -> str:
    """Why what is written to /etc is gone after a boot; empty when it stays."""
    if is_image_mode(files):
        for path in PREPARE_ROOT:
            if _says_transient((files.read(path, largest=LARGEST_FILE) or b"").decode("utf-8", "replace")):
                return f"etc.transient in {path}"
    mounts = (files.read(MOUNTS, largest=LARGEST_FILE) or b"").decode("utf-8", "replace")
    for line in mounts.splitlines():
        words = line.split(" ")
        if len(words) > 4 and words[4] == "/etc" and (kind := _forgetful(line)):
            return f"{kind} on /etc"
    return ""


def _forgetful(line: str) -> str:
    """The kind of a mount that a boot forgets (proc(5): after ` - ` come type, source and options)."""
    rest = line.partition(" - ")[2].split(" ")
    kind, options = rest[0], rest[-1].split(",")
    if kind in _IN_MEMORY:
        return kind
    uppers = [option.removeprefix("upperdir=") for option in options if option.startswith("upperdir=")]
    if kind == "overlay" and any(upper.startswith(_PASSING) for upper in uppers):
        return "an overlay in memory"
    return ""


def _says_transient(text: str) -> bool:
    """`[etc] transient = true` of ostree's prepare-root.conf (a GKeyFile)."""
    section = ""
    for line in text.splitlines():
        bare = line.strip()
        if bare.startswith("["):
            section = bare.strip("[]")
        key, _, value = bare.partition("=")
        if section == "etc" and key.strip() == "transient" and value.strip().lower() in {"true", "1", "yes"}:
            return True
    return False


def unprivileged_port(lookaside: str, files: HostFiles) -> Iterator[Objection]:
    """Whether any user could listen where clients ask, while the socket is closed, and replay there."""
    address, colon, written = lookaside.removeprefix("http://").rpartition(":")
    if not lookaside.startswith("http://") or not colon or not written.isdecimal():
        return
    text = (files.read(FIRST_PORT, largest=LARGEST_SETTING) or b"").decode("ascii", "replace").strip()
    first = int(text) if text.isdecimal() else USUAL_FIRST_PORT
    if int(written) >= first:
        yield Objection(
            code="host-port-unprivileged",
            message=f"expected a port that only root can open, got {address}:{written}:"
            f" every user may listen from {first} on",
            fix=f"sysctl net.ipv4.ip_unprivileged_port_start={USUAL_FIRST_PORT}, or a port below {first}",
            severity="warns",
        )


def writers(files: HostFiles) -> Iterator[Objection]:
    """Who else may write our policy, what it was compiled to, or what is known of it, or a folder above these."""
    found: dict[str, Seen] = {}
    for path in _deciding(files):
        found |= written_by_others(files, path)
    for path, seen in found.items():
        yield Objection(
            code="host-policy-writable",
            message=f"expected only root to write {path}, got mode {seen.mode:04o} of user {seen.uid}",
            fix=f"chown root:root {path} && chmod go-w {path}",
        )


def _deciding(files: HostFiles) -> Iterator[str]:
    """Every file that says what is accepted, and the folders where another could be put."""
    yield from (OUR_POLICY, POLICY)
    for folder in (OUR_DROP_INS, REGISTRIES_D, STATE):
        yield folder
        yield from (f"{folder}/{name}" for name in files.names(folder))


def users(files: HostFiles) -> tuple[User, ...]:
    """The users that the host itself knows."""
    text = (files.read("/etc/passwd", largest=LARGEST_FILE) or b"").decode("utf-8", "replace")
    found = []
    for line in text.splitlines()[:MOST_USERS]:
        words = line.split(":")
        if len(words) >= 7 and words[2].isdecimal() and words[5].startswith("/"):
            found.append(User(name=words[0], uid=int(words[2]), home=words[5]))
    return tuple(found)


def outranking(files: HostFiles, homes: tuple[User, ...] = ()) -> Iterator[Objection]:
    """Per-user files that replace the system's, also for root (containers-policy.json(5))."""
    known = {(user.uid, user.home): user for user in (*users(files), *homes) if user.home != "/"}
    for user in known.values():
        for name in ("policy.json", "registries.d"):
            path = f"{user.home.rstrip('/')}/.config/containers/{name}"
            if files.look(path).kind == "absent":
                continue
            yield Objection(
                code="host-outranked",
                message=f"expected {user.name} to be ruled by /etc/containers/{name}, got {path} in its place",
                fix=f"remove {path}",
                severity="refuses" if user.uid == 0 else "warns",
            )
