"""The command itself: a machine below a folder, from `init` to `serve` on a socket that systemd opened."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests import documents
from tests.countersigning import Machine, get
from tests.nursery import Nursery
from tests.pulls import Pulls, Skopeo
from vouchsafe.countersign import signature
from vouchsafe.image.digest import Digest
from vouchsafe.testing.faults import Fault
from vouchsafe.testing.loopback import Handler, Request, Response
from vouchsafe.testing.registry import push_index
from vouchsafe.testing.workload import gitlab

COMMAND = [sys.executable, "-m", "vouchsafe.cli"]
LONGEST = 60.0  # seconds until a service must answer


class Commanded(Machine):
    """A machine on which commands are run."""

    nursery: Nursery


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    """Forks commands."""
    with Nursery() as made:
        yield made


@pytest.fixture
def machine(tmp_path: Path, nursery: Nursery) -> Iterator[Commanded]:
    """Accepts acme/app's main branch; paths of its policy are below its root."""
    with Commanded.of_acme(tmp_path, below_root=True) as made:
        made.nursery = nursery
        yield made


def run(machine: Commanded, *words: str, status: int = 0) -> str:
    """What a command printed; its exit status is as expected."""
    ended = machine.nursery.run(*words, "--root", str(machine.folder))
    assert ended.status == status, ended.output + ended.errors
    return ended.output


def document(machine: Commanded, *words: str, status: int = 0) -> Any:
    """What it printed, by its schema."""
    return documents.document(words, run(machine, *words, "-o", "json", status=status))


def test_admit_list_and_prune(machine: Commanded) -> None:
    """An index with its platforms, for thirty days; what has ended is forgotten."""
    index, instances = push_index(machine.registry.store, "acme/app")
    machine.sign(index)
    said = document(machine, "countersign", "admit", f"{machine.name()}:v1")
    assert [(image["outcome"], image["digest"]) for image in said["images"]] == [
        ("accepted", str(digest)) for digest in (index, *instances.values())
    ]
    assert [image["platform"] for image in said["images"]] == [None, "linux/amd64", "linux/arm64"]
    machine.registry.close()
    run(machine, "countersign", "admit", f"{machine.name()}@{index}", status=2)
    listed = document(machine, "countersign", "list")["accepted"]
    # What nobody signed by itself stands for as long as the index that speaks for it.
    everything = (index, *instances.values())
    assert {(each["digest"], each["source"]) for each in listed} == {
        (str(each), "admit") for each in everything
    }
    ends = {datetime.fromisoformat(each["until"]) for each in listed}
    assert min(ends) > datetime.now(UTC) + timedelta(days=29)
    assert document(machine, "countersign", "prune")["forgotten"] == 0


def test_admit_refuses(machine: Commanded) -> None:
    """Exit 1 for a rejection, 2 for a doubt, 78 where no scope is ours."""
    machine.image()
    assert "rejected" in run(machine, "countersign", "admit", f"{machine.name()}:v1", status=1)
    machine.image("other/app")
    run(machine, "countersign", "admit", f"{machine.name('other/app')}:v1", status=78)
    run(machine, "countersign", "admit", f"{machine.name()}:absent", status=2)
    machine.edit({})
    run(machine, "countersign", "admit", f"{machine.name()}:v1", status=78)


def test_admit_dry_run_keeps_nothing(machine: Commanded) -> None:
    """Judged, and forgotten."""
    machine.sign(machine.image())
    run(machine, "countersign", "admit", "--dry-run", f"{machine.name()}:v1")
    assert document(machine, "countersign", "list")["accepted"] == []


def test_signature_files(machine: Commanded, skopeo: Path, pulls: Pulls) -> None:
    """For a client whose lookaside is a folder: pulled without a service, until revoked."""
    machine.host_lookaside = f"file://{machine.folder}/lookaside"
    machine.apply()
    digest = machine.image()
    machine.sign(digest)
    client = machine.client(Skopeo, skopeo, pulls)
    client.refuses(f"{machine.name()}:v1")
    folder = str(machine.folder / "lookaside")
    said = document(machine, "countersign", "admit", "--for", "2d", "--files", folder, f"{machine.name()}:v1")
    (place,) = said["files"]
    client.accepts(f"{machine.name()}:v1")
    end = signature.ends((Path(place) / "signature-1").read_bytes())
    assert end is not None
    assert abs((end - machine.clock.now()).total_seconds() - 2 * 86_400) < 600
    assert document(machine, "countersign", "prune", "--files", folder)["removed"] == []
    run(machine, "countersign", "admit", "--for", "1s", "--files", folder, f"{machine.name()}:v1")
    ends_at = time.monotonic() + LONGEST
    prune = ("countersign", "prune", "--files", folder)
    while document(machine, *prune, "--dry-run")["removed"] != [place]:
        assert time.monotonic() < ends_at, "it has not ended"
    assert document(machine, *prune, "--dry-run")["removed"] == [place]  # and nothing was removed by that
    assert "would have removed" in run(machine, *prune, "--dry-run")
    assert document(machine, *prune)["removed"] == [place]
    client.refuses(f"{machine.name()}:v1")
    run(machine, "countersign", "admit", "--files", folder, f"{machine.name()}:v1")
    client.accepts(f"{machine.name()}:v1")
    run(machine, "countersign", "revoke", str(digest), "--files", folder)
    assert not Path(place).exists()
    client.refuses(f"{machine.name()}:v1")


def test_revoke(machine: Commanded) -> None:
    """An index with its platforms, named by its repository; a signer; and nothing at all is a usage error."""
    index, instances = push_index(machine.registry.store, "acme/app")
    for digest in (index, *instances.values()):
        machine.sign(digest)
    (made,) = document(machine, "countersign", "revoke", f"{machine.name()}@{index}", "--reason", "leaked")[
        "revoked"
    ]
    said = document(machine, "countersign", "admit", f"{machine.name()}:v1", status=1)
    assert {image["reason"]["code"] for image in said["images"]} == {"revoked"}
    (stone,) = document(machine, "countersign", "list", "--revoked")["revoked"]
    assert stone == made
    assert (stone["digest"], set(stone["covers"])) == (str(index), {str(each) for each in instances.values()})
    run(machine, "countersign", "revoke", "--identity", "somebody", "--before", "2026-11-01T00:00:00Z")
    assert len(document(machine, "countersign", "list", "--revoked")["revoked"]) == 2
    run(machine, "countersign", "revoke", status=64)
    run(machine, "countersign", "revoke", str(index), "--identity", "somebody", status=64)
    run(machine, "countersign", "revoke", "--before", "yesterday", status=64)
    run(machine, "countersign", "revoke", "sha256:short", status=64)


def test_revoke_an_index_that_is_not_known(machine: Commanded) -> None:
    """Where this host asked for anything before, its platforms are read; else it is said that they are not revoked."""
    machine.sign(machine.image(content=b"another"))
    index, instances = push_index(machine.registry.store, "acme/app", "v2")
    alone = document(machine, "countersign", "revoke", str(index), "--dry-run")
    assert (alone["platformsUnknown"], alone["revoked"][0].get("covers")) == ([str(index)], None)
    assert "its platforms are not revoked" in run(machine, "countersign", "revoke", str(index), "--dry-run")

    run(machine, "countersign", "admit", f"{machine.name()}:v1")
    said = document(machine, "countersign", "revoke", str(index), "--dry-run")
    assert document(machine, "countersign", "list", "--revoked")["revoked"] == []
    assert said["platformsUnknown"] == []
    assert set(said["revoked"][0]["covers"]) == {str(each) for each in instances.values()}
    machine.edit({machine.name("acme/other"): [machine.keyless()]})
    looked = len(machine.registry.requests)
    foreign = document(machine, "countersign", "revoke", str(index), "--dry-run")
    # No scope names that repository any more, so its registry is not asked.
    assert (foreign["platformsUnknown"], len(machine.registry.requests)) == ([str(index)], looked)
    machine.registry.close()
    Path(machine.places.state, "countersign.db").write_bytes(b"no database")
    named = document(machine, "countersign", "revoke", f"{machine.name()}@{index}")
    assert named["platformsUnknown"] == [str(index)]
    (stone,) = document(machine, "countersign", "list", "--revoked")["revoked"]
    assert stone["digest"] == str(index)


def test_revoking_needs_no_database(machine: Commanded) -> None:
    """What must be refused now is not kept waiting by a disk; a dry run says that it is one."""
    database = machine.folder / "var/lib/vouchsafe/countersign.db"
    database.mkdir(parents=True)
    index, instances = push_index(machine.registry.store, "acme/app")
    words = ("countersign", "revoke", f"{machine.name()}@{index}", "--reason", "leaked")
    assert run(machine, *words, "--dry-run").startswith("would revoke  ")
    assert run(machine, *words).startswith("revoked  ")
    (stone,) = document(machine, "countersign", "list", "--revoked")["revoked"]
    assert (stone["digest"], set(stone["covers"])) == (str(index), {str(each) for each in instances.values()})


def test_a_registry_that_hangs_delays_no_revocation(machine: Commanded) -> None:
    """The digest stands in the file before anybody is asked about its platforms."""
    index, _ = push_index(machine.registry.store, "acme/app")
    revoked = machine.folder / "var/lib/vouchsafe/revoked"
    seen: list[bytes] = []

    def look(request: Request, honest: Handler) -> Response:
        seen.append(revoked.read_bytes())
        return honest(request)

    machine.registry.faults.append(Fault(look))
    try:
        run(machine, "countersign", "revoke", f"{machine.name()}@{index}")
    finally:
        machine.registry.faults.clear()
    assert str(index).encode() in seen[0]
    (stone,) = document(machine, "countersign", "list", "--revoked")["revoked"]
    assert len(stone["covers"]) == 2


def test_files_of_a_digest_do_not_wait_for_registries(machine: Commanded) -> None:
    """For a lookaside that is a folder these are the revocation; those of the platforms go when they are known."""
    index, instances = push_index(machine.registry.store, "acme/app")
    places = [
        machine.folder / "lookaside" / "acme" / f"app@{str(each).replace(':', '=')}"
        for each in (index, *instances.values())
    ]
    for place in places:
        place.mkdir(parents=True)
        (place / "signature-1").write_bytes(b"of no use")
    seen: list[list[bool]] = []

    def look(request: Request, honest: Handler) -> Response:
        seen.append([place.exists() for place in places])
        return honest(request)

    machine.registry.faults.append(Fault(look))
    folder = str(machine.folder / "lookaside")
    try:
        said = document(machine, "countersign", "revoke", f"{machine.name()}@{index}", "--files", folder)
    finally:
        machine.registry.faults.clear()
    assert seen[0] == [False, True, True]
    assert (said["removed"], [place.exists() for place in places]) == (3, [False, False, False])


def test_a_digest_that_is_named_twice(machine: Commanded) -> None:
    """With its repository and without: what is known of it counts, in whatever order."""
    index, _ = push_index(machine.registry.store, "acme/app")
    said = document(machine, "countersign", "revoke", f"{machine.name()}@{index}", str(index))
    assert said["platformsUnknown"] == []
    (stone,) = document(machine, "countersign", "list", "--revoked")["revoked"]
    assert len(stone["covers"]) == 2


@pytest.mark.parametrize("broken", ["vouchsafe/track", "containers/registries.conf"])
def test_no_file_that_tells_where_to_ask_keeps_from_revoking(machine: Commanded, broken: str) -> None:
    """The digest is revoked alone then, and that is said."""
    index, _ = push_index(machine.registry.store, "acme/app")
    (machine.folder / "etc" / broken).write_text("[ this is no :: reference\n")
    said = document(machine, "countersign", "revoke", f"{machine.name()}@{index}")
    assert said["revoked"][0]["digest"] == str(index)
    assert (said["platformsUnknown"] == []) == (broken == "vouchsafe/track")


def test_export_and_import(machine: Commanded, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Another host judges by its own policy, without a registry; what it does not accept stays out."""
    index, instances = push_index(machine.registry.store, "acme/app")
    machine.sign(index)
    other = machine.image("acme/dev", content=b"dev")
    machine.apply({machine.name("acme"): [machine.keyless()]})
    machine.sign(other, "acme/dev")
    archive = str(machine.folder / "images.tar")
    images = (f"{machine.name()}:v1", f"{machine.name('acme/dev')}:v1")
    assert len(document(machine, "countersign", "export", "--to", archive, *images)["images"]) == 4
    far = Commanded(
        tmp_path_factory.mktemp("far"), machine.registry, below_root=True, sigstore=machine.sigstore
    )
    far.nursery = machine.nursery
    dev = "https://gitlab.example/acme/app//.gitlab-ci.yml@refs/heads/dev"
    far.close()
    far.apply({far.name(): [far.keyless()], far.name("acme/dev"): [far.keyless(dev)]})
    machine.registry.close()
    said = document(far, "countersign", "import", "--for", "90d", archive, status=1)
    outcomes = {image["digest"]: image["outcome"] for image in said["images"]}
    accepted = dict.fromkeys((str(each) for each in (index, *instances.values())), "accepted")
    assert outcomes == {**accepted, str(other): "rejected"}
    run(far, "countersign", "import", str(machine.folder / "etc/machine-id"), status=2)


def test_init_makes_a_ca_once_for_each_machine(tmp_path: Path) -> None:
    """At first boot; again when the machine is another, or when half of it is gone; never below a root."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/machine-id").write_text("0" * 32)
    from vouchsafe.countersign.genesis import prepare
    from vouchsafe.testing.clock import RealClock
    from vouchsafe.wiring.authority import KeptAuthority
    from vouchsafe.wiring.places import Places

    places = Places.below(str(tmp_path))

    def init(**options: Any) -> tuple[str, bytes]:
        files = KeptAuthority(places, None, uid=os.geteuid())
        done = prepare(files, at=RealClock().now(), **options)
        return done.why, done.authority.certificate_pem

    why, first = init(dry_run=True)
    assert (why, Path(places.published).exists()) == ("there was none", False)
    why, first = init()
    assert (why, Path(places.published).read_bytes()) == ("there was none", first)
    assert init() == ("", first)
    assert (Path(places.key).stat().st_mode & 0o777, Path(places.published).stat().st_mode & 0o777) == (
        0o600,
        0o644,
    )
    (tmp_path / "etc/machine-id").write_text("1" * 32)
    why, second = init()
    assert (why, first == second) == ("it was another machine's", False)
    Path(places.key).unlink()
    assert init()[0] == "there was none"
    Path(places.key).write_text("garbage")
    assert "got something else" in init()[0]
    done = subprocess.run(
        [*COMMAND, "countersign", "init", "--root", str(tmp_path)], check=False, capture_output=True
    )
    assert done.returncode == 64


@pytest.mark.skipif(
    shutil.which("systemd-socket-activate") is None, reason="systemd-socket-activate is missing"
)
def test_socket_activation(machine: Commanded) -> None:
    """Nothing runs until somebody asks; then the first answer comes, and the journal of the service has it."""
    digest = machine.image()
    machine.sign(digest)
    run(machine, "countersign", "prune")
    port = machine.port
    machine.close()
    command = [
        *("systemd-socket-activate", f"--listen=127.0.0.1:{port}"),
        *(*COMMAND, "countersign", "serve", "--root", str(machine.folder)),
    ]
    machine.make_authority()
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert answer(port, machine, digest)[0] == 200
            assert answer(port, machine, machine.image(content=b"unsigned"))[0] == 403
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(LONGEST)
    assert process.returncode == 0
    lines = [(line["outcome"], line["code"]) for line in document(machine, "log")["lines"]]
    assert lines == [("accepted", None), ("rejected", "unsigned")]
    assert "unsigned" in run(machine, "log")


def test_reload(machine: Commanded) -> None:
    """ExecReload= of the unit: everything is read anew, and it goes on answering."""
    digest = machine.image()
    machine.sign(digest)
    port = free_port(machine)
    machine.make_authority()
    command = [
        *COMMAND,
        "countersign",
        "serve",
        "--root",
        str(machine.folder),
        "--listen",
        f"127.0.0.1:{port}",
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert answer(port, machine, digest)[0] == 200
            process.send_signal(signal.SIGHUP)
            assert process.stderr is not None
            assert any("reading everything anew" in line for line in process.stderr)  # or it has ended
            assert answer(port, machine, digest)[0] == 200
        finally:
            process.terminate()
            process.communicate(timeout=LONGEST)
    assert process.returncode == 0


def answer(port: int, machine: Commanded, digest: Digest) -> tuple[int, str, bytes]:
    """What the service says, as soon as it does."""
    for _ in range(int(LONGEST * 20)):
        try:
            return get(port, f"/{machine.name()}@sha256={digest.hex}/signature-1")
        except ConnectionError:
            time.sleep(0.05)
    pytest.fail("expected an answer, got none")


def test_serve_needs_a_socket_that_others_cannot_reach(machine: Commanded) -> None:
    """Loopback only, and no name."""
    run(machine, "countersign", "serve", status=64)
    for address in ("0.0.0.0:0", "localhost:0", "[::1]:0", "127.0.0.1:x", "192.0.2.1:80"):
        run(machine, "countersign", "serve", "--listen", address, status=78)


def test_metrics_on_a_socket_of_roots(machine: Commanded) -> None:
    """A page for Prometheus, on a unix socket that only its owner opens."""
    digest = machine.image()
    machine.sign(digest)
    path = machine.folder / "metrics.sock"
    command = [
        *(*COMMAND, "countersign", "serve", "--root", str(machine.folder)),
        *("--listen", f"127.0.0.1:{free_port(machine)}", "--metrics", f"unix:{path}"),
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert answer(machine.port, machine, digest)[0] == 200
            page = metrics(path)
            assert path.stat().st_mode & 0o777 == 0o600
        finally:
            process.terminate()
            process.wait(LONGEST)
    assert 'vouchsafe_answers_total{code="",outcome="accepted"} 1.0' in page
    assert 'vouchsafe_config_broken{code="none"} 0.0' in page
    assert 'vouchsafe_ends_timestamp_seconds{what="ca"}' in page


def free_port(machine: Commanded) -> int:
    """The machine's own, which its policy names."""
    machine.close()
    return machine.port


def metrics(path: Path) -> str:
    """The page."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = b""
        while piece := connection.recv(65_536):
            received += piece
    return received.decode()


def test_another_identity_is_refused_with_a_sentence(machine: Commanded) -> None:
    """What `admit` says is what a client would be told."""
    machine.sign(machine.image(), identity=gitlab(project_path="acme/app", ref="refs/heads/feature"))
    said = run(machine, "countersign", "admit", f"{machine.name()}:v1", status=1)
    assert "refs/heads/feature, expected" in said
