"""The plugin as a process: what ends it, starves it, hangs it or kills whom it asks is never an allow."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.countersigning import Machine, Running
from tests.plugins import executable, plugin_machine, plugin_of, request, run
from vouchsafe.image.digest import Digest
from vouchsafe.protocol.decision import parse
from vouchsafe.testing.faults import Fault
from vouchsafe.testing.loopback import Handler, Request, Response

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files that the plugin believes")
NOBODY = 12345  # a user whom this machine does not know
# The interpreter and the library may be where only root reads: what is imported late is imported before, by asking.
AS_NOBODY = """#!{python} -I
import ctypes, os, pwd, sys
from vouchsafe.plugin import alone
from vouchsafe.plugin.program import respond
from vouchsafe.protocol.request import parse

asked = sys.stdin.buffer.read()
arguments = ["--root", {root!r}]
alone.judge(parse(asked), root={root!r}, report=print)
os.setgroups([])
os.setgid({uid})
os.setuid({uid})
if {namespace}:
    system = ctypes.CDLL(None)
    system.prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE, or root owns /proc/self
    if system.unshare(0x10000000):  # CLONE_NEWUSER
        sys.exit("no namespace")
    with open("/proc/self/uid_map", "w") as file:
        file.write("0 {uid} 1")
response = respond(asked, arguments)
os.write(1, response.document)
sys.exit(response.exit_code)
"""


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """One for all: accepts acme/app's main branch."""
    with plugin_machine() as made:
        made.folder.chmod(0o755)
        yield made


@pytest.fixture(scope="module")
def signed(machine: Machine) -> Digest:
    """An image that is accepted."""
    digest = machine.image(content=b"signed")
    machine.sign(digest)
    return digest


@pytest.fixture(scope="module")
def unsigned(machine: Machine) -> Digest:
    """An image that is not."""
    return machine.image(tag="unsigned", content=b"unsigned")


@contextlib.contextmanager
def stuck_registry(machine: Machine) -> Iterator[threading.Semaphore]:
    """It answers nothing until it is let go; the semaphore counts who asks."""
    asked, let_go = threading.Semaphore(0), threading.Event()

    def spoil(request: Request, honest: Handler) -> Response:
        asked.release()
        let_go.wait(30)
        return honest(request)

    machine.registry.faults.append(Fault(spoil))
    try:
        yield asked
    finally:
        let_go.set()
        machine.registry.faults.clear()


def said(done: subprocess.CompletedProcess[bytes]) -> tuple[int, str]:
    """The exit code, and `allow` or the reason's code, of one well-formed response."""
    answered = parse(done.stdout)
    assert answered.id == "a question"
    assert done.returncode == answered.decision.exit_code
    return done.returncode, answered.decision.code or answered.decision.word


def test_alone(machine: Machine, signed: Digest, unsigned: Digest) -> None:
    """Allow and deny; people are told why on standard error."""
    plugin = plugin_of(machine)
    assert said(run(plugin, request(machine, signed).document())) == (0, "allow")
    refused = run(plugin, request(machine, unsigned).document())
    assert said(refused) == (1, "unsigned")
    assert refused.stderr.startswith(b"vouchsafe: deny: expected a signature of ")


def test_the_command_does_the_same(machine: Machine, signed: Digest) -> None:
    """`vouchsafe plugin`, where a package has not put the quicker one."""
    command = [sys.executable, "-m", "vouchsafe.cli", "plugin", "--root", str(machine.folder)]
    done = subprocess.run(
        command, input=request(machine, signed).document(), capture_output=True, check=False
    )
    assert said(done) == (0, "allow")


@pytest.mark.parametrize("kibibytes", [20_000, 60_000, 100_000])
def test_without_memory(machine: Machine, signed: Digest, kibibytes: int) -> None:
    """Started or not, in the middle or at the end: no allow that is not whole."""
    done = run(
        plugin_of(machine), request(machine, signed).document(), shell=f'ulimit -v {kibibytes}; exec "$1"'
    )
    if done.returncode == 0:
        assert said(done) == (0, "allow")
    else:
        assert b'"allow"' not in done.stdout


def test_killed(machine: Machine, signed: Digest) -> None:
    """In the middle of a judgement: nothing was said."""
    with stuck_registry(machine) as asked:
        process = subprocess.Popen([plugin_of(machine)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdin is not None
        process.stdin.write(request(machine, signed).document())
        process.stdin.close()
        assert asked.acquire(timeout=20)
        process.kill()
        assert process.stdout is not None
        assert (process.wait(), process.stdout.read()) == (-signal.SIGKILL, b"")
        process.stdout.close()


def test_a_registry_that_hangs(machine: Machine, signed: Digest) -> None:
    """An error in the time that the host gives: who waited for the registry would end with its allow.

    The alarm is the net below the budget of a judgement; which comes first is this machine's affair.
    """
    with stuck_registry(machine):
        done = run(plugin_of(machine), request(machine, signed, seconds=2.0).document())
    assert said(done) in {(2, "limit-reached"), (2, "deadline")}


def test_nobody_listens(machine: Machine, signed: Digest) -> None:
    """An allow that nobody could hear is none."""
    for shell in ('exec "$1" >&-', 'exec "$1" >/dev/full', '"$1" | exec true; exit "${PIPESTATUS:-1}"'):
        assert run(plugin_of(machine), request(machine, signed).document(), shell=shell).returncode != 0


def as_nobody(
    machine: Machine, asked: bytes, *, namespace: bool = False
) -> subprocess.CompletedProcess[bytes]:
    """The plugin as an ordinary user, in a user namespace where that user is root, or not."""
    text = AS_NOBODY.format(python=sys.executable, uid=NOBODY, namespace=namespace, root=str(machine.folder))
    return run(executable(machine.folder / "as-nobody", text), asked)


def test_a_user_who_may_not_read_everything(machine: Machine, signed: Digest) -> None:
    """A policy, or tombstones, that he may not see: an error; the countersigner tells him, but not who signed."""
    asked = request(machine, signed).document()
    policy, state = machine.folder / "etc/vouchsafe/policy.json", machine.folder / "var/lib/vouchsafe"
    policy.chmod(0o600)
    assert said(as_nobody(machine, asked)) == (2, "file-unreadable")
    policy.chmod(0o644)
    assert said(as_nobody(machine, asked)) == (0, "allow")
    state.chmod(0o750)
    assert said(as_nobody(machine, asked)) == (2, "file-unreadable")
    with Running(machine, verdicts=True):
        told = as_nobody(machine, asked)
    state.chmod(0o755)
    assert said(told) == (0, "allow")
    assert json.loads(told.stdout).keys() & {"signers", "evidence"} == set()


def test_in_a_user_namespace(machine: Machine, signed: Digest) -> None:
    """Where rootless podman runs, root's files look like nobody's; the countersigner is believed all the same."""
    asked = request(machine, signed).document()
    alone = as_nobody(machine, asked, namespace=True)
    if b"no namespace" in alone.stderr:
        pytest.skip("this machine has no user namespaces for everybody")
    assert said(alone) == (2, "file-writable")
    with Running(machine, verdicts=True):
        assert said(as_nobody(machine, asked, namespace=True)) == (0, "allow")


@pytest.mark.skipif(
    shutil.which("systemd-socket-activate") is None, reason="systemd-socket-activate is missing"
)
def test_a_countersigner_that_is_killed(machine: Machine, unsigned: Digest) -> None:
    """Started by the plugin's question, killed while it judges: the plugin judges by itself, and says that."""
    machine.close()
    command = [
        *(
            "systemd-socket-activate",
            f"--listen=127.0.0.1:{machine.port}",
            f"--listen={machine.verdict_socket}",
        ),
        *("--fdname=lookaside:verdicts", sys.executable, "-m", "vouchsafe.cli"),
        *("countersign", "serve", "--root", str(machine.folder)),
    ]
    service = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not Path(machine.verdict_socket).exists():
            assert service.poll() is None, "the service did not start"
            time.sleep(0.01)
        with stuck_registry(machine) as asked:
            process = subprocess.Popen(
                [plugin_of(machine)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            assert process.stdin is not None
            process.stdin.write(request(machine, unsigned).document())
            process.stdin.close()
            process.stdin = None
            assert asked.acquire(timeout=20)
            assert service.poll() is None
            service.kill()
            service.wait()
            assert asked.acquire(timeout=20), "it was not the service that had asked"
        output, _ = process.communicate(timeout=30)
        answered = parse(output)
        assert (process.returncode, answered.decision.word, answered.decision.code) == (1, "deny", "unsigned")
    finally:
        service.kill()
        service.wait()
        Path(machine.verdict_socket).unlink(missing_ok=True)


def test_a_socket_that_nobody_answers_at(machine: Machine, signed: Digest) -> None:
    """Left behind by a service that is gone."""
    gone = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    gone.bind(machine.verdict_socket)
    gone.close()
    assert said(run(plugin_of(machine), request(machine, signed).document())) == (0, "allow")
    Path(machine.verdict_socket).unlink()
