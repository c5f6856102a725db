"""While something is broken nothing is pulled that was not judged, and the client is told: it never hangs for nothing.

Each test pulls again when it is whole.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from tests.countersigning import Machine, Running, Shifted
from tests.nursery import Nursery
from tests.pulls import LONGEST, Fleet
from tests.strangers import stranger
from vouchsafe.countersign.fairness import Limits
from vouchsafe.testing.faults import Fault
from vouchsafe.testing.loopback import Handler, Request, Response

pytestmark = pytest.mark.peers

SERVE = [sys.executable, "-m", "vouchsafe.cli", "countersign", "serve"]
HUNG = 1.0  # seconds in which nothing may happen
YEAR = timedelta(days=365)
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="another user's process needs root to start it")


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A host that accepts acme/app's main branch in acme/app; a signed image, and an unsigned one."""
    with Machine.of_acme(tmp_path, clock=Shifted(), below_root=True) as made:
        made.sign(made.image())
        made.image(tag="v2", content=b"unsigned")
        yield made


@contextmanager
def serving(machine: Machine) -> Iterator[subprocess.Popen[str]]:
    """The command, from when it answers; it is killed."""
    machine.close()
    command = [*SERVE, "--listen", f"127.0.0.1:{machine.port}", "--root", str(machine.folder)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            assert "answering on" in process.stderr.readline()
            yield process
        finally:
            process.send_signal(signal.SIGCONT)
            process.kill()


def test_down_hung_and_killed_during_the_pull(machine: Machine, everyone: Fleet) -> None:
    """Not there: refused. Stopped while it is asked: nobody takes silence for an answer. Killed then: refused."""
    image = f"{machine.name()}:v1"
    with serving(machine) as process:
        everyone.accepts(image)
        everyone.refuses(f"{machine.name()}:v2", says="rejected: unsigned")
        process.send_signal(signal.SIGSTOP)
        waiting = [everyone[name].start(image) for name in ("skopeo", "skopeo_old", "podman")]
        everyone["proxy"].waits(image, HUNG)
        assert [each.poll() for each in waiting] == [None, None, None]
        process.kill()
        for name, each in zip(("skopeo", "skopeo_old", "podman"), waiting, strict=True):
            everyone[name].ended(each, image)
    everyone.refuses(image)
    with serving(machine):
        everyone.accepts(image)


def test_a_registry_that_hangs(machine: Machine, fleet: Fleet) -> None:
    """The client is answered all the same, after the deadline; what was found out meanwhile is there at the next."""
    image, going_on = f"{machine.name()}:v1", threading.Event()

    def spoil(request: Request, honest: Handler) -> Response:
        going_on.wait(LONGEST)
        return honest(request)

    machine.registry.faults.append(Fault(spoil, path=".sig"))
    with Running(machine, limits=Limits(answer_seconds=0.3)):
        fleet.refuses(image, says="undecided: deadline")
        going_on.set()
        while "deadline" in fleet["skopeo"].pull(image)[1]:
            pass
        fleet.accepts(image)
        fleet.refuses(f"{machine.name()}:v2", says="rejected: unsigned")


def test_what_is_not_ours_works_while_we_are_down(machine: Machine, everyone: Fleet) -> None:
    """Scopes that stock clients judge have a lookaside of their own, also below a scope of ours."""
    accept = [{"type": "insecureAcceptAnything"}]
    scopes = {
        machine.name("acme"): [machine.keyless()],
        machine.name("acme/free"): accept,
        f"{machine.name()}:free": accept,
    }
    machine.apply(scopes)
    machine.image("acme/free", content=b"free")
    machine.image(tag="free", content=b"free")
    machine.close()
    everyone.accepts(f"{machine.name('acme/free')}:v1")
    everyone.accepts(f"{machine.name()}:free")
    everyone.refuses(f"{machine.name()}:v1")


@pytest.mark.parametrize("by", [-YEAR, YEAR], ids=["a year late", "a year early"])
def test_a_clock_that_is_a_year_off(machine: Machine, fleet: Fleet, by: timedelta) -> None:
    """The service's alone: it refuses to judge, or what it signs is not valid for a client's right clock."""
    with Running(machine):
        fleet.accepts(f"{machine.name()}:v1")
        machine.clock.by = by  # type: ignore[attr-defined]
        fleet.refuses(f"{machine.name()}:v1")
        fleet.refuses(f"{machine.name()}:v2")
    with Running(machine):
        fleet.refuses(f"{machine.name()}:v1")
        machine.clock.by = timedelta(0)  # type: ignore[attr-defined]
        fleet.accepts(f"{machine.name()}:v1")


def test_a_machine_whose_ca_is_not_there(machine: Machine, fleet: Fleet) -> None:
    """At first boot, before `init` has run: refused, with and without a service. Then it enforces."""
    for name in ("run/vouchsafe/ca.crt", "var/lib/vouchsafe/ca.crt", "var/lib/vouchsafe/ca.key"):
        (machine.folder / name).unlink()
    with Running(machine):
        fleet.refuses(f"{machine.name()}:v1")
        machine.make_authority()
        fleet.accepts(f"{machine.name()}:v1")


@pytest.fixture
def small_disk(machine: Machine) -> Iterator[Path]:
    """The state folder on a disk of its own, which holds 256 KiB."""
    state = Path(machine.places.state)
    kept = {path.name: path.read_bytes() for path in state.iterdir()}
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k,mode=755", "tmpfs", str(state)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a disk of our own needs the right to mount one: {done.stderr.strip()}")
    try:
        for name, content in kept.items():
            machine.write(f"var/lib/vouchsafe/{name}", content).chmod(0o600)
        yield state
    finally:
        subprocess.run(["umount", "--lazy", str(state)], check=True)


def test_a_full_disk(machine: Machine, small_disk: Path, everyone: Fleet) -> None:
    """While admitting and while answering: nothing that could not be written down is accepted, and it says so."""
    image = f"{machine.name()}:v1"
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as full:
        try:
            while True:
                full.write(b"\0" * 4096)
        except OSError as error:
            assert "No space left" in str(error)  # noqa: PT017
    with Nursery() as nursery:
        admit = ("countersign", "admit", "--root", str(machine.folder), image)
        ended = nursery.run(*admit)
        assert (ended.status, "disk" in ended.output + ended.errors) == (2, True), ended.errors
        with Running(machine):
            everyone.refuses(image, says="undecided: store-")
            filler.unlink()
            assert nursery.run(*admit).status == 0
        with Running(machine):
            everyone.accepts(image)
            everyone.refuses(f"{machine.name()}:v2", says="rejected: unsigned")


@AS_ROOT
def test_another_users_half_open_connections(machine: Machine, everyone: Fleet) -> None:
    """Six hundred from another uid, none of which says a whole sentence: root pulls, and is refused, as ever."""
    with Running(machine) as running, stranger("hold", machine.port, 600):
        everyone.accepts(f"{machine.name()}:v1")
        everyone.refuses(f"{machine.name()}:v2", says="rejected: unsigned")
        assert running.service._gate._of.get(65_534, 0) <= Limits().most_of_one


@AS_ROOT
def test_another_users_flood(machine: Machine, fleet: Fleet) -> None:
    """Thousands of connections a second from another uid: each is reset for next to nothing, and root pulls."""
    with Running(machine), stranger("flood", machine.port, 5_000):
        fleet.accepts(f"{machine.name()}:v1")
        fleet.refuses(f"{machine.name()}:v2", says="rejected: unsigned")


@AS_ROOT
def test_another_users_look_around(machine: Machine, fleet: Fleet) -> None:
    """Tags are looked at so often a minute; another user uses up its own share, and not what root's pull needs."""
    for number in range(20):
        machine.image(tag=f"w{number}", content=b"%d" % number)
    asked = [machine.registry.store.resolve("acme/app", f"w{number}") for number in range(20)]
    targets = [f"/{machine.name()}@sha256={digest.hex}/signature-1" for digest in asked if digest]
    with Running(machine):
        with stranger("ask", machine.port, *targets) as process:
            assert process.stdout is not None
            said = [process.stdout.readline() for _ in targets]
        assert "limit-lists" in said[-1]
        index, _ = machine.index(tag="zz-new")
        machine.sign(index)
        fleet.accepts(f"{machine.name()}:zz-new")
        fleet.refuses(f"{machine.name()}:w0")


@AS_ROOT
def test_another_users_questions(machine: Machine, fleet: Fleet) -> None:
    """Past its budget another user gets 503, for what is signed too; root's pull is judged, and written down."""
    targets = [f"/{machine.name()}@sha256={number:064x}/signature-1" for number in range(50)]
    # Nothing is left for anybody either: it is by being root that root is judged.
    limits = Limits(burst=3, each_seconds=1_000, burst_of_others=3, others_each_seconds=1_000)
    with Running(machine, limits=limits) as running:
        with stranger("ask", machine.port, *targets) as process:
            assert process.stdout is not None
            said = [process.stdout.readline() for _ in targets]
        assert ["budget" in each for each in said] == [False] * 3 + [True] * 47
        fleet.accepts(f"{machine.name()}:v1")
        fleet.refuses(f"{machine.name()}:v2", says="rejected: unsigned")
        told = [entry["VOUCHSAFE_CODE"] for entry in running.journal.entries if "VOUCHSAFE_CODE" in entry]
        assert (told.count("budget"), "unsigned" in told) == (1, True)
