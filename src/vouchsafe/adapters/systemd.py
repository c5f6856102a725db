"""What systemd gives a service and wants of it: open sockets, readiness, a watchdog, the journal. No library.

Protocols: sd_listen_fds(3), sd_notify(3), systemd.journal-fields(7) and the journal's native protocol.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
from collections.abc import Mapping

FIRST_SOCKET = 3  # SD_LISTEN_FDS_START
JOURNAL = "/run/systemd/journal/socket"


def listening(environ: Mapping[str, str]) -> list[tuple[str, socket.socket]]:
    """The sockets that were opened for this process, each with its name (FileDescriptorName=)."""
    if environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = int(environ.get("LISTEN_FDS", "0"))
    names = environ.get("LISTEN_FDNAMES", "").split(":")
    found = []
    for number in range(count):
        descriptor = FIRST_SOCKET + number
        os.set_inheritable(descriptor, False)
        name = names[number] if number < len(names) else ""
        found.append((name, socket.socket(fileno=descriptor)))
    return found


class Notifier:
    """Tells systemd how we are; says nothing where nobody listens."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Reads NOTIFY_SOCKET and the watchdog's interval."""
        self._address = environ.get("NOTIFY_SOCKET", "")
        own = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.watchdog_seconds = int(environ.get("WATCHDOG_USEC", "0")) / 1_000_000 if own else 0.0

    def tell(self, *lines: str) -> None:
        """READY=1, STATUS=…, WATCHDOG=1, STOPPING=1."""
        if self._address:
            _send(self._address, "\n".join(lines).encode())


class Journal:
    """Structured lines in the journal; standard error where there is none. Neither is waited for."""

    def __init__(self, path: str = JOURNAL, errors: int = 2) -> None:
        """`path` and the file descriptor are a test's to change."""
        self._path = path
        self._errors = errors

    def write(self, message: str, message_id: str, priority: int, **fields: str) -> None:
        """One entry. `fields` have upper-case names; `priority` is syslog's, 0 to 7."""
        entry = {
            "MESSAGE": message,
            "MESSAGE_ID": message_id,
            "PRIORITY": str(priority),
            "SYSLOG_IDENTIFIER": "vouchsafe",
        }
        if not _send(
            self._path, b"".join(_field(name, value) for name, value in {**entry, **fields}.items())
        ):
            # The journal reads the level in front of a service's line; a person does not.
            level = "" if os.isatty(self._errors) else f"<{priority}>"
            self._say(f"{level}{message}".encode("utf-8", "replace")[: select.PIPE_BUF - 1] + b"\n")

    def _say(self, line: bytes) -> None:
        """Unless nobody reads: whoever answers clients must not wait for whoever reads its log."""
        with contextlib.suppress(OSError, ValueError):
            if select.select((), (self._errors,), (), 0)[1]:  # room for PIPE_BUF bytes (pipe(7))
                os.write(self._errors, line)


def _field(name: str, value: str) -> bytes:
    """With its length, so that a line break inside starts no field of its own."""
    content = value.encode("utf-8", "replace")
    return name.encode() + b"\n" + len(content).to_bytes(8, "little") + content + b"\n"


def _send(address: str, content: bytes) -> bool:
    """One datagram; whether somebody took it."""
    target = f"\0{address[1:]}" if address.startswith("@") else address
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        sender.sendto(content, target)
        return True
    return False
