"""Refreshing by TUF from a repository on loopback: what is taken, what is refused, and what stays then."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.tuf_repository import TufRepository
from vouchsafe.adapters.http import HttpClient
from vouchsafe.adapters.tuf import DELIVERY, Mirror, refresh, repository_name
from vouchsafe.errors import HostError, MalformedError, Unavailable, VerificationError, VouchsafeError
from vouchsafe.testing.clock import VIRTUAL_NOON, VirtualClock
from vouchsafe.testing.loopback import LoopbackServer, Request, Response
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.verification.tuf import Delivery, Refreshed, authenticate

OLD = VirtualSigstore("old", name="old.example").trusted_root()
NEW = VirtualSigstore("new", name="new.example").trusted_root()
LONG_AGO = datetime.now(UTC) - timedelta(days=1)


class Estate:
    """A repository, its web server and a client's cache."""

    def __init__(self, server: LoopbackServer, repository: TufRepository, folder: Path) -> None:
        self.server = server
        self.repository = repository
        self.folder = folder
        self.clock = VirtualClock()

    def refresh(self, *, keep: bool = True, url: str = "", seconds: float = 30) -> Refreshed:
        """Ask once, without waiting for better times."""
        mirror = Mirror(
            url=url or self.server.url, bootstrap=self.repository.bootstrap, directory=str(self.folder)
        )
        http = HttpClient(retries=0, seconds=seconds)
        try:
            return refresh(mirror, http=http, clock=self.clock, keep=keep, seconds=seconds)
        finally:
            http.close()

    def refused(self, kind: type[VouchsafeError]) -> str:
        """The code of a refresh that fails, after which the last delivery is as it was."""
        before = self.kept()
        with pytest.raises(kind) as caught:
            self.refresh()
        assert self.kept() == before
        return caught.value.code

    def kept(self) -> bytes | None:
        """The delivery in the cache."""
        path = self.folder / DELIVERY
        return path.read_bytes() if path.exists() else None


@pytest.fixture
def estate(tmp_path: Path) -> Iterator[Estate]:
    """A repository that serves the old root."""
    repository = TufRepository(OLD)
    with LoopbackServer(repository.answer) as server:
        yield Estate(server, repository, tmp_path / "cache")


def test_a_first_refresh(estate: Estate) -> None:
    """The target is there, and what is kept leads to it without the library."""
    outcome = estate.refresh()
    assert (outcome.delivery.target, outcome.before) == (OLD, None)
    kept = Delivery.read((estate.folder / DELIVERY).read_bytes())
    assert kept == outcome.delivery.replace(fetched=VIRTUAL_NOON)
    assert authenticate(estate.repository.bootstrap, kept).targets_version == 1
    assert (estate.folder / "trusted_root.json").read_bytes() == OLD


def test_what_is_written_can_be_read_by_all_and_written_by_the_owner(estate: Estate) -> None:
    """Other users of the host read the system's cache."""
    estate.refresh()
    assert {
        oct(os.stat(estate.folder / name).st_mode & 0o777) for name in (DELIVERY, "trusted_root.json")
    } == {"0o644"}


def test_a_new_target(estate: Estate) -> None:
    """What was published since is taken, and the outcome still knows what was there before."""
    estate.refresh()
    estate.repository.publish_target(NEW)
    outcome = estate.refresh()
    assert (outcome.delivery.target, outcome.before and outcome.before.target) == (NEW, OLD)


def test_nothing_new_fetches_no_target_again(estate: Estate) -> None:
    """A warm refresh asks for the next root and the timestamp, no more."""
    estate.refresh()
    estate.server.requests.clear()
    estate.refresh()
    assert [request.path for request in estate.server.requests] == ["/2.root.json", "/timestamp.json"]


def test_a_dry_run_leaves_nothing(estate: Estate) -> None:
    """`keep` off writes nothing that lasts, warm or cold."""
    assert (estate.refresh(keep=False).delivery.target, estate.folder.exists()) == (OLD, False)
    estate.refresh()
    seen = {path: path.read_bytes() for path in estate.folder.rglob("*.json")}
    estate.repository.publish_target(NEW)
    assert estate.refresh(keep=False).delivery.target == NEW
    assert {path: path.read_bytes() for path in estate.folder.rglob("*.json")} == seen


def test_roots_rotate(estate: Estate) -> None:
    """A client that slept through several rotations follows them all."""
    estate.refresh()
    for role in ("root", "timestamp", "snapshot", "targets", "root"):
        estate.repository.rotate(role)
    estate.repository.publish_target(NEW)
    outcome = estate.refresh()
    assert (outcome.signed.root_version, outcome.delivery.target) == (6, NEW)


def test_a_root_that_its_predecessor_did_not_sign(estate: Estate) -> None:
    """The keys of somebody else do not become ours by being published."""
    estate.refresh()
    estate.repository.root.signed.version = 2
    stranger = TufRepository(NEW)
    estate.repository.signers["root"] = stranger.signers["root"]
    estate.repository.publish_root()
    assert estate.refused(VerificationError) == "tuf-signature"


def test_versions_may_start_again_under_a_new_root(estate: Estate) -> None:
    """Recovery from a fast-forward attack (TUF §5.3.11): new timestamp and snapshot keys, lower versions."""
    estate.repository.timestamp.signed.version = 10_000
    estate.repository.publish_timestamp()
    estate.refresh()
    for role in ("timestamp", "snapshot"):
        estate.repository.rotate(role)
    estate.repository.timestamp.signed.version = 1
    estate.repository.publish_target(NEW)
    assert estate.refresh().delivery.target == NEW


def test_an_older_timestamp_is_refused(estate: Estate) -> None:
    """A mirror that goes back in time (go-tuf GHSA-66x3-6cw3-v5gj)."""
    old = dict(estate.repository.files)
    estate.repository.publish_target(NEW)
    estate.refresh()
    estate.repository.files.clear()
    estate.repository.files.update(old)
    assert estate.refused(VerificationError) == "tuf-rollback"


@pytest.mark.parametrize("lost", ["metadata", "everything"])
def test_an_older_timestamp_after_a_loss(estate: Estate, lost: str) -> None:
    """Without the library's files the delivery still tells; without both there is nothing to compare with."""
    old = dict(estate.repository.files)
    estate.repository.publish_target(NEW)
    estate.refresh()
    estate.repository.files.clear()
    estate.repository.files.update(old)
    for path in sorted(estate.folder.rglob("*"), reverse=True):
        if path.is_file() and (lost == "everything" or path.name != DELIVERY):
            path.unlink()
    if lost == "metadata":
        assert estate.refused(VerificationError) == "tuf-rollback"
    else:
        assert estate.refresh().delivery.target == OLD


@pytest.mark.parametrize("role", ["snapshot", "targets"])
def test_an_older_list_under_a_newer_timestamp(estate: Estate, role: str) -> None:
    """A stolen timestamp key cannot bring back an older snapshot or older targets."""
    repository = estate.repository
    old = repository.files[f"/1.{role}.json"]
    repository.publish_target(NEW)
    estate.refresh()
    if role == "snapshot":
        repository.timestamp.signed.snapshot_meta.version = 1
        repository.publish_timestamp()
    else:
        repository.snapshot.signed.meta["targets.json"].version = 1
        repository.publish_snapshot()
    assert repository.files[f"/1.{role}.json"] == old
    assert estate.refused(VerificationError) == "tuf-rollback"


@pytest.mark.parametrize("role", ["root", "timestamp", "snapshot", "targets"])
def test_what_has_expired_is_refused(tmp_path: Path, role: str) -> None:
    """Freeze: a mirror that keeps serving what once was right."""
    repository = TufRepository(OLD)
    with LoopbackServer(repository.answer) as server:
        estate = Estate(server, repository, tmp_path)
        estate.refresh()
        getattr(repository, role).signed.expires = LONG_AGO
        if role == "root":
            repository.root.signed.version += 1
            repository.publish_root()
        repository.publish_target(NEW)
        assert estate.refused(VerificationError) == "tuf-expired"


@pytest.mark.parametrize(
    "change, code",
    [
        (lambda old: old[:-1] + b" ", "tuf-target"),
        (lambda old: b"", "tuf-target"),
        (lambda old: old + b"\n" * 9, "answer-too-large"),
    ],
    ids=["other bytes", "cut off", "longer"],
)
def test_a_tampered_target(estate: Estate, change: Callable[[bytes], bytes], code: str) -> None:
    """The file is what targets.json says, or it is not taken."""
    estate.refresh()
    estate.repository.publish_target(NEW)
    (path,) = (path for path, blob in estate.repository.files.items() if blob == NEW)
    estate.repository.files[path] = change(NEW)
    kind = MalformedError if code == "answer-too-large" else VerificationError
    assert estate.refused(kind) == code


@pytest.mark.parametrize(
    "name", ["../trusted_root.json", "/etc/trusted_root.json", "delegated/trusted_root.json"]
)
def test_only_one_name_is_asked_for(estate: Estate, name: str) -> None:
    """Names come from us: a repository cannot make us write elsewhere (GHSA-fcv2-xgw5-pqxf)."""
    del estate.repository.targets.signed.targets["trusted_root.json"]
    estate.repository.publish_target(OLD, name)
    assert estate.refused(VerificationError) == "tuf-target"
    assert [path.name for path in estate.folder.parent.rglob("*trusted_root*")] == []


def test_a_signed_target_that_is_no_trust_root(estate: Estate) -> None:
    """Also the right people can publish the wrong file; the last good one stays."""
    estate.refresh()
    estate.repository.publish_target(b"{}")
    assert estate.refused(MalformedError) == "trusted-root"


@pytest.mark.parametrize(
    "blob", [b"", b"{}", b"[]", b"\xff", b'{"signed": {}, "signatures": []}', b"<html></html>"]
)
@pytest.mark.parametrize("path", ["/2.root.json", "/timestamp.json", "/2.snapshot.json", "/2.targets.json"])
def test_metadata_that_is_none(estate: Estate, path: str, blob: bytes) -> None:
    """Malformed answers are refused, and nothing else happens (GHSA-846p-jg2w-w324)."""
    estate.refresh()
    estate.repository.publish_target(NEW)
    estate.repository.files[path] = blob
    assert estate.refused(MalformedError) == "tuf-metadata"


@pytest.mark.parametrize("path", ["/2.root.json", "/timestamp.json"])
def test_endless_data(tmp_path: Path, path: str) -> None:
    """An answer without end is cut at the file's own limit."""
    repository = TufRepository(OLD)

    def answer(request: Request) -> Response:
        if request.path == path:
            return Response(body=(b"x" * 65_536 for _ in itertools.count()))
        return repository.answer(request)

    with LoopbackServer(answer) as server:
        assert Estate(server, repository, tmp_path).refused(MalformedError) == "answer-too-large"


def test_roots_without_end(tmp_path: Path) -> None:
    """A chain of roots that never ends is followed for a while, and no further."""
    repository = TufRepository(OLD)
    for _ in range(70):
        repository.rotate("timestamp")
    repository.publish_target(NEW)
    with LoopbackServer(repository.answer) as server:
        estate = Estate(server, repository, tmp_path)
        with pytest.raises(VouchsafeError):
            estate.refresh()
        assert server.count(path="root.json") <= 64


@pytest.mark.parametrize(
    "answer, code",
    [
        (Response(status=503), "http-status"),
        (Response(reset=True), "connection-reset"),
        (Response(status=404), "tuf-unavailable"),
    ],
    ids=["down", "hung up", "nothing there"],
)
def test_a_repository_that_is_down(tmp_path: Path, answer: Response, code: str) -> None:
    """No answer is Unavailable: the caller goes on with what there is."""
    repository = TufRepository(OLD)
    with LoopbackServer(lambda _: answer) as server:
        assert Estate(server, repository, tmp_path).refused(Unavailable) == code


def test_nobody_listens(estate: Estate) -> None:
    """Offline."""
    estate.server.close()
    assert estate.refused(Unavailable) == "connection-refused"


def test_a_refresh_after_a_failed_one(estate: Estate) -> None:
    """What a broken attempt left behind does not stand in the way."""
    estate.refresh()
    estate.repository.rotate("timestamp")
    estate.repository.publish_target(NEW)
    (path,) = (path for path, blob in estate.repository.files.items() if blob == NEW)
    right = estate.repository.files.pop(path)
    assert estate.refused(Unavailable) == "tuf-unavailable"
    estate.repository.files[path] = right
    assert estate.refresh().delivery.target == NEW


def test_a_damaged_cache_is_replaced(estate: Estate) -> None:
    """Half a file from a full disk is not for ever."""
    estate.refresh()
    (estate.folder / DELIVERY).write_bytes(b"{")
    (estate.folder / "metadata" / "timestamp.json").write_bytes(b"{")
    assert estate.refresh().before is None


def test_a_cache_that_cannot_be_written(estate: Estate, tmp_path: Path) -> None:
    """A file in the place of the directory is the host's fault, and is said so."""
    estate.folder = tmp_path / "file" / "below"
    (tmp_path / "file").write_text("")
    with pytest.raises(HostError) as caught:
        estate.refresh()
    assert caught.value.code == "trust-cache"


def test_no_credentials_leave(estate: Estate) -> None:
    """Nothing but what kind of client asks is sent (gh's TUF mirror, GHSA-8xvp-7hj6-mcj9)."""
    estate.refresh()
    sent = {name for request in estate.server.requests for name in request.headers}
    assert sent - {"host", "user-agent", "accept-encoding", "accept", "connection"} == set()


@pytest.mark.parametrize(
    "url",
    [
        "https://tuf.example",
        "https://tuf.example/../../etc",
        "https://tuf.example:8443/a/b?c=d",
        "https://" + "long." * 99 + "example",
        "HTTPS://TUF.EXAMPLE/ü",
        "",
    ],
)
def test_names_of_repositories(url: str) -> None:
    """A directory's name, whatever the URL holds (GHSA-jqc5-w2xx-5vq4), and another for each."""
    assert re.fullmatch(r"[a-z0-9.-]{0,60}-[0-9a-f]{8}", repository_name(url))
    assert repository_name(url) != repository_name(url + "/")
