"""Programs that run beside us until we end them, and the packet protocol of skopeo's image proxy.

Whatever happens here, they do not outlive us for long: their standard input is a pipe of ours, and they are
killed with all their children when they do not end by its end.
"""

from __future__ import annotations

import array
import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Sequence

from vouchsafe.errors import Unavailable

LONGEST_LINE = 1024 * 1024  # bytes
LARGEST_PACKET = 32 * 1024  # bytes: containers-image-proxy's own limit
MOST_DESCRIPTORS = 4  # that come with one answer
GRACE_SECONDS = 5.0


class Child:
    """Implements `machine.Started`."""

    def __init__(self, process: subprocess.Popen[bytes], name: str, grace_seconds: float) -> None:
        """`name` for people."""
        self._process = process
        self._name = name
        self._grace = grace_seconds
        self._heard = b""

    def line(self, *, seconds: float) -> str:
        """See the port."""
        stream = self._process.stdout
        assert stream is not None  # noqa: S101  # stdout=PIPE
        ends = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(stream, selectors.EVENT_READ)
            while b"\n" not in self._heard:
                if not selector.select(max(0.0, ends - time.monotonic())):
                    raise Unavailable(
                        "program-timeout", f"expected {self._name} to say something, got nothing"
                    )
                piece = os.read(stream.fileno(), LONGEST_LINE)
                self._heard += piece
                if not piece or len(self._heard) > LONGEST_LINE:
                    raise Unavailable(
                        "program", f"expected a line from {self._name}, got {self._last_words()}"
                    )
        line, _, self._heard = self._heard.partition(b"\n")
        return line.decode("utf-8", "replace")

    def end(self) -> None:
        """See the port."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=self._grace)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def _last_words(self) -> str:
        self._process.wait(timeout=self._grace)
        said = self._process.stderr.read() if self._process.stderr is not None else b""
        lines = said.decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else f"exit {self._process.returncode}"


class Children:
    """Implements `machine.Starter`."""

    def __init__(self, grace_seconds: float = GRACE_SECONDS) -> None:
        """How long a program may take to end when it is asked to."""
        self._grace = grace_seconds

    def start(
        self, command: Sequence[str], *, environment: dict[str, str] | None = None, errors: bool = False
    ) -> Child:
        """See the port."""
        try:
            process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if errors else subprocess.PIPE,
                start_new_session=True,
                env=environment,
            )
        except OSError as error:
            raise Unavailable("program", f"expected to run {command[0]}, got: {error.strerror}") from error
        return Child(process, command[0], self._grace)

    def open_image(
        self,
        command: Sequence[str],
        reference: str,
        *,
        seconds: float,
        environment: dict[str, str] | None = None,
    ) -> str:
        """See the port. Protocol: containers-image-proxy-rs, src/imageproxy.rs."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, theirs:
            ours.settimeout(seconds)
            try:
                process = subprocess.Popen(
                    list(command),
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                    env=environment,
                )
            except OSError as error:
                raise Unavailable(
                    "program", f"expected to run {command[0]}, got: {error.strerror}"
                ) from error
            theirs.close()
            try:
                refused = _ask(ours, "Initialize")
                return refused or _ask(ours, "OpenImage", reference)
            except (OSError, ValueError, LookupError, TypeError) as error:
                raise Unavailable("program", f"expected {command[0]} to answer, got: {error}") from error
            finally:
                ours.close()
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _ask(proxy: socket.socket, method: str, *arguments: str) -> str:
    """One question; what the answer has against it, empty when it succeeded."""
    proxy.send(json.dumps({"method": method, "args": list(arguments)}).encode())
    space = socket.CMSG_SPACE(MOST_DESCRIPTORS * array.array("i").itemsize)
    packet, ancillary, _, _ = proxy.recvmsg(LARGEST_PACKET, space)
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            handed = array.array("i")
            handed.frombytes(data[: len(data) - len(data) % handed.itemsize])
            for descriptor in handed:
                os.close(descriptor)
    if not packet:
        raise ValueError("no answer")
    answer = json.loads(packet)
    return "" if answer["success"] is True else str(answer["error"] or "refused")
