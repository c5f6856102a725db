"""A host of policy plugins, as a container engine would be one: finds them, asks them all, believes none too much.

The reference for docs/plugin-protocol.md. Every plugin must allow; no plugin allows nothing; what could be written
by others, hangs, shouts, breaks off or answers another question is an error, and an error denies.

>>> PluginHost("/nonexistent").ask(_EXAMPLE).word
'error'
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Mapping

from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference
from vouchsafe.protocol import LARGEST_RESPONSE
from vouchsafe.protocol.decision import Decision
from vouchsafe.protocol.exchange import Ran, understood
from vouchsafe.protocol.request import Request
from vouchsafe.record import Record

DIRECTORIES = ("/etc/containers/policy-plugins.d", "/usr/lib/containers/policy-plugins.d")
GRACE_SECONDS = 1.0  # beyond what the request promises
LARGEST_ERRORS = 64 * 1024  # bytes of standard error that are kept
MOST_PLUGINS = 16
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
# Of the host's own environment: how registries are reached, and by whom.
PASSED = """
    HOME XDG_RUNTIME_DIR XDG_CONFIG_HOME REGISTRY_AUTH_FILE DOCKER_CONFIG CONTAINERS_REGISTRIES_CONF
    SSL_CERT_FILE SSL_CERT_DIR HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy
"""
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH
_PAUSE = 0.01  # seconds between two looks
_PIECE = 65_536  # bytes read at a time
_EXAMPLE = Request(reference=Reference.parse("registry.example/app:v1"), digest=Digest.of(b""))


class Told(Record):
    """What one plugin said, and what it had to say to people."""

    plugin: str
    decision: Decision
    errors: str = ""


class Unusable(Exception):
    """A plugin, or a place for plugins, that nobody may run."""


class PluginHost:
    """Asks the plugins of one place."""

    def __init__(
        self,
        *directories: str,
        environment: Mapping[str, str] | None = None,
        uid: int = 0,
        insecure_accept_unverified: bool = False,
    ) -> None:
        """`directories`, the first wins where two have a plugin of one name; `uid` may own them besides root.

        In a user namespace everybody outside of it looks like the overflow uid: that is the one to give then.
        """
        self._accept_unverified = insecure_accept_unverified
        self._directories = directories or DIRECTORIES
        given = os.environ if environment is None else environment
        self._environment = {name: given[name] for name in PASSED.split() if name in given}
        self._environment |= {"PATH": PATH, "LANG": "C.UTF-8"}
        self._owners = {0, uid}

    def ask(self, request: Request, name: str = "") -> Decision:
        """The decision of all plugins, or of the one with this name; the first that does not allow ends it."""
        told = self.asked(request, name)
        return told[-1].decision

    def asked(self, request: Request, name: str = "") -> tuple[Told, ...]:
        """What each said, in the order of their names, up to the first that does not allow. At least one."""
        try:
            plugins = self.plugins(name)
            if not plugins:
                what = f"a plugin {name}" if name else "a plugin"
                raise Unusable(f"expected {what} in {' or '.join(self._directories)}, got none")
        except Unusable as error:
            return (Told(plugin="", decision=_error(request, "plugin-missing", str(error))),)
        found: list[Told] = []
        for each, path in sorted(plugins.items()):
            found.append(self._run(each, path, request))
            if found[-1].decision.word != "allow":
                break
        return tuple(found)

    def plugins(self, only: str = "") -> dict[str, str]:
        """Path by name. Unusable: one that must not be run is not passed over, for then it would not have to allow."""
        found: dict[str, str] = {}
        for directory in self._directories:
            for name, path in self._of(directory, only).items():
                found.setdefault(name, path)
        if len(found) > MOST_PLUGINS:
            raise Unusable(f"expected at most {MOST_PLUGINS} plugins, got {len(found)}")
        return found

    def _of(self, directory: str, only: str) -> dict[str, str]:
        try:
            entries = [name for name in os.listdir(directory) if only in {"", name}]
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise Unusable(f"expected to read {directory}, got: {error.strerror}") from error
        self._guard(directory, stat.S_ISDIR)
        found = {}
        for name in entries:
            path = os.path.join(directory, name)
            if not NAME.fullmatch(name):
                raise Unusable(f"expected a plugin's name, got {path!r}")
            self._guard(path, stat.S_ISREG)
            found[name] = path
        return found

    def _guard(self, path: str, is_kind: Callable[[int], bool]) -> None:
        """A real file or folder, of root, that nobody else may write; not through a link."""
        try:
            seen = os.lstat(path)
        except OSError as error:
            raise Unusable(f"expected to look at {path}, got: {error.strerror}") from error
        if not is_kind(seen.st_mode):
            raise Unusable(f"expected a plain file or folder at {path}, got something else")
        if seen.st_uid not in self._owners or seen.st_mode & _OTHERS_MAY_WRITE:
            raise Unusable(
                f"expected that only root may write {path}, got mode {stat.S_IMODE(seen.st_mode):o}"
            )

    def _run(self, name: str, path: str, request: Request) -> Told:
        try:
            process = subprocess.Popen(
                [path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=self._environment,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            message = f"expected to run {path}, got: {error.strerror}"
            return Told(plugin=name, decision=_error(request, "plugin-failed", message))
        talk = _Talk(process, request.document(), time.monotonic() + request.seconds + GRACE_SECONDS)
        try:
            problem = talk.hold()
        finally:
            _end(process)
        ran = Ran(status=process.returncode, output=bytes(talk.output), problem=problem)
        decision = understood(request, ran)
        if decision.word == "allow" and not decision.verified and not self._accept_unverified:
            message = "expected an allow that stands on a verified signature, got another"
            decision = _error(request, "not-verified", message).replace(word="deny")
        return Told(
            plugin=name,
            decision=decision,
            errors=bytes(talk.errors).decode("utf-8", "backslashreplace"),
        )


class _Talk:
    """Says the request and hears the response, until the plugin has ended or its time has."""

    def __init__(self, process: subprocess.Popen[bytes], said: bytes, ends: float) -> None:
        self.output, self.errors = bytearray(), bytearray()
        self._process = process
        self._unsaid = memoryview(said)
        self._ends = ends

    def hold(self) -> str:
        """Why the plugin has to be ended; empty when it ended by itself."""
        process = self._process
        streams = [stream for stream in (process.stdin, process.stdout, process.stderr) if stream is not None]
        with selectors.DefaultSelector() as selector:
            for stream in streams:
                os.set_blocking(stream.fileno(), False)
                events = selectors.EVENT_WRITE if stream is process.stdin else selectors.EVENT_READ
                selector.register(stream, events)
            while selector.get_map():
                # A grandchild may hold the pipes: the plugin's own end is what counts.
                ended = _has_ended(process.pid)
                left = self._ends - time.monotonic()
                if left <= 0 and not ended:
                    return "expected an answer in time, got none"
                ready = selector.select(0 if ended else min(left, _PAUSE))
                if ended and not ready:
                    return ""
                for key, _ in ready:
                    if self._pass(key.fileobj):
                        selector.unregister(key.fileobj)
                    if len(self.output) > LARGEST_RESPONSE:
                        return f"expected at most {LARGEST_RESPONSE} bytes, got more"
        while not _has_ended(process.pid):
            if time.monotonic() > self._ends:
                return "expected an end after the answer, got none in time"
            time.sleep(_PAUSE)
        return ""

    def _pass(self, stream: object) -> bool:
        """Move what can be moved; whether the stream is over."""
        process = self._process
        if stream is process.stdin and process.stdin is not None:
            try:
                self._unsaid = self._unsaid[os.write(process.stdin.fileno(), self._unsaid[:_PIECE]) :]
            except BlockingIOError:
                return False
            except OSError:  # it does not want to know
                self._unsaid = self._unsaid[:0]
            if not self._unsaid:
                with contextlib.suppress(OSError):
                    process.stdin.close()
            return not self._unsaid
        kept = self.output if stream is process.stdout else self.errors
        piece = os.read(stream.fileno(), _PIECE) if hasattr(stream, "fileno") else b""
        kept += piece
        del self.errors[LARGEST_ERRORS:]
        return not piece


def _has_ended(pid: int) -> bool:
    """Without taking note of it, so that its number, which is its group's too, is nobody else's yet."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _end(process: subprocess.Popen[bytes]) -> None:
    """The plugin and all that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def _error(request: Request, code: str, message: str) -> Decision:
    return Decision(word="error", code=code, message=message, digest=request.digest)
