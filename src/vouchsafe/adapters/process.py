"""Runs other people's programs: bounded output, a time limit, and no shell.

Secrets go in through stdin, never through arguments, which every user of the host can read. The whole
process group ends with the time limit, so that a helper's own children do not outlive it.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from typing import IO, Any

from vouchsafe.errors import Unavailable
from vouchsafe.record import Record

SECONDS = 30.0  # for one program
LARGEST_OUTPUT = 1024 * 1024  # bytes of stdout and of stderr, each
_PIECE = 65_536  # bytes read at a time
_LEAVING = threading.Event()  # this process is; no program is started any more
_STARTING = threading.Lock()  # held while one is
_RUNNING: set[subprocess.Popen[bytes]] = set()
_FOLDERS: set[str] = set()  # that were made for programs


class Finished(Record):
    """How a program ended. `status` is negative for a signal."""

    status: int
    output: bytes
    errors: bytes


class Programs:
    """Finds and runs programs; `search_path` is PATH."""

    def __init__(self, search_path: str) -> None:
        self._search_path = search_path

    def find(self, name: str) -> str | None:
        """The absolute path of a program, None when there is none."""
        for directory in self._search_path.split(os.pathsep):
            path = os.path.join(directory, name)
            if os.path.isabs(path) and os.path.isfile(path) and os.access(path, os.X_OK):
                return path
        return None

    def run(
        self,
        command: Sequence[str],
        *,
        given: bytes = b"",
        seconds: float = SECONDS,
        largest: int = LARGEST_OUTPUT,
        environment: dict[str, str] | None = None,
    ) -> Finished:
        """Run `command` (absolute path first) with `given` on stdin; Unavailable when it does not end well."""
        process: subprocess.Popen[bytes] | None = None
        try:
            with _undisturbed():
                process = _started(command, environment)
            output, errors = _talk(process, given, time.monotonic() + seconds, largest, command[0])
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired as error:
            raise _too_slow(command[0]) from error
        finally:
            if process is not None:
                _end(process)
                _RUNNING.discard(process)
        return Finished(status=process.returncode, output=output, errors=errors)


@contextlib.contextmanager
def folder(purpose: str) -> Iterator[str]:
    """For what programs are told in files, readable by us alone; gone afterwards, also after an interrupt. OSError."""
    import shutil
    import tempfile  # both late: most runs need neither

    made = tempfile.mkdtemp(prefix=f"vouchsafe-{purpose}")
    _FOLDERS.add(made)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
        _FOLDERS.discard(made)


def _leave() -> None:
    """At exit: whoever is interrupted waits for no thread, and what those have begun would be nobody's to end."""
    with _STARTING:
        _LEAVING.set()
    for process in tuple(_RUNNING):
        _kill(process)
    if _FOLDERS:
        import shutil

        for each in tuple(_FOLDERS):  # its thread may be at it, and comes no further than we do
            shutil.rmtree(each, ignore_errors=True)


atexit.register(_leave)


def _started(command: Sequence[str], environment: dict[str, str] | None) -> subprocess.Popen[bytes]:
    with _STARTING:
        if _LEAVING.is_set():
            raise Unavailable("program", f"expected to run {command[0]}, got the end of this process")
        process = _forked(command, environment)
        _RUNNING.add(process)
        return process


def _forked(command: Sequence[str], environment: dict[str, str] | None) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env=environment,
        )
    except OSError as error:
        raise Unavailable("program", f"expected to run {command[0]}, got: {error.strerror}") from error


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Signals that would end us wait until this is over: a program that runs already would be nobody's to end."""
    came: list[int] = []
    before = {}
    if threading.current_thread() is threading.main_thread():  # no other is ever interrupted
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    held = {number: kept for number, kept in before.items() if kept not in {signal.SIG_IGN, None}}
    for number in held:
        signal.signal(number, lambda late, _frame: came.append(late))
    try:
        yield
    finally:
        for number, kept in held.items():
            signal.signal(number, kept)
        for late in came[:1]:
            os.kill(os.getpid(), late)


def _too_slow(name: str) -> Unavailable:
    return Unavailable("program-timeout", f"expected {name} to end in time, got no end", retryable=True)


def _talk(
    process: subprocess.Popen[bytes], given: bytes, ends: float, largest: int, name: str
) -> tuple[bytes, bytes]:
    heard: dict[Any, bytearray] = {process.stdout: bytearray(), process.stderr: bytearray()}
    unsaid = memoryview(given)
    with DefaultSelector() as selector:
        for pipe in heard:
            selector.register(pipe, EVENT_READ)
        assert process.stdin is not None  # noqa: S101  # stdin=PIPE
        os.set_blocking(process.stdin.fileno(), False)
        selector.register(process.stdin, EVENT_WRITE)
        while selector.get_map():
            ready = selector.select(max(0.0, ends - time.monotonic()))
            if not ready and time.monotonic() >= ends:
                raise _too_slow(name)
            for key, _ in ready:
                stream: Any = key.fileobj
                if stream is process.stdin:
                    unsaid = _say(process.stdin, unsaid)
                    done = not unsaid
                else:
                    piece = os.read(stream.fileno(), _PIECE)
                    heard[stream] += piece
                    done = not piece
                    if len(heard[stream]) > largest:
                        raise Unavailable(
                            "program-output", f"expected at most {largest} bytes from {name}, got more"
                        )
                if done:
                    selector.unregister(stream)
                    stream.close()
    return bytes(heard[process.stdout]), bytes(heard[process.stderr])


def _say(stdin: IO[bytes], unsaid: memoryview) -> memoryview:
    try:
        return unsaid[os.write(stdin.fileno(), unsaid) :] if unsaid else unsaid
    except BlockingIOError:
        return unsaid
    except BrokenPipeError:  # it does not want to know
        return unsaid[:0]


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _end(process: subprocess.Popen[bytes]) -> None:
    _kill(process)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()
