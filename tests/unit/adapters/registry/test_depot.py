"""Whole images into a registry: what is sent, what is mounted, and what is begun anew."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.judging import code
from vouchsafe.adapters.http import HttpClient
from vouchsafe.adapters.registry.depot import SMALL, Puller, RegistryDepot
from vouchsafe.adapters.settings import Settings
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import OCI_IMAGE, Descriptor, Manifest
from vouchsafe.image.reference import Reference
from vouchsafe.testing.faults import Fault, always, cut_short, with_body
from vouchsafe.testing.loopback import Response
from vouchsafe.testing.registry import RegistryServer, TokenAccess, push_image

OwnHost = Callable[..., Settings]
LARGE = b"large" * SMALL  # more than is held


def described(content: bytes) -> Descriptor:
    """A descriptor."""
    return Descriptor(media_type="a/b", digest=Digest.of(content), size=len(content), annotations={})


def pieces_of(content: bytes, size: int = 100_000) -> Callable[[], Iterator[bytes]]:
    """The content, opened as often as wanted."""
    return lambda: (content[start : start + size] for start in range(0, len(content), size))


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    """A registry for anybody."""
    with RegistryServer() as made:
        yield made


@pytest.fixture
def here(server: RegistryServer) -> Reference:
    """Where things go."""
    return Reference.parse(server.reference("new/app"))


@pytest.fixture
def depot(http: HttpClient, own_host: OwnHost) -> RegistryDepot:
    """Writes there, and does not sleep."""
    return RegistryDepot(http, own_host(tls_verify=False), sleep=lambda _: None)


@pytest.mark.parametrize(
    "content, methods",
    [(b"", ["POST", "PUT"]), (b"small", ["POST", "PUT"]), (LARGE, ["POST", "PATCH", "PUT"])],
)
def test_a_blob_goes_up(
    content: bytes, methods: list[str], server: RegistryServer, here: Reference, depot: RegistryDepot
) -> None:
    """In two requests, or in three when it is not held."""
    blob = described(content)
    assert depot.has_blob(here, blob) is False
    assert depot.keep_blob(here, blob, pieces_of(content), origin=None) is False
    assert depot.has_blob(here, blob) is True
    assert server.store.blob("new/app", str(blob.digest)) == content
    assert [each.method for each in server.requests] == ["HEAD", *methods, "HEAD"]


@pytest.mark.parametrize("content", [b"small", LARGE])
def test_a_wrong_blob_is_never_committed(
    content: bytes,
    server: RegistryServer,
    here: Reference,
    depot: RegistryDepot,
    http: HttpClient,
    own_host: OwnHost,
) -> None:
    """The source's digest is checked before the last piece goes out."""
    lie = Fault(with_body(lambda body: body[:-1] + b"?"), path="/blobs/sha256:")
    with RegistryServer(faults=[lie]) as source:
        source.store.put_blob("app", content)
        puller = Puller(http, own_host(tls_verify=False))
        there = Reference.parse(source.reference("app"))
        blob = described(content)
        attempt = lambda: depot.keep_blob(here, blob, lambda: puller.pieces(there, blob), origin=None)
        assert code(attempt) == "digest-mismatch"
    assert server.store.blob("new/app", str(blob.digest)) is None
    assert server.count("PUT") == 0


@pytest.mark.parametrize(
    "fault",
    [
        Fault(always(Response(status=503)), method="POST", path="/uploads/", times=1),
        Fault(always(Response(status=500)), method="PATCH", path="/uploads/", times=2),
        Fault(always(Response(reset=True)), method="PATCH", path="/uploads/", times=1),
        Fault(always(Response(status=404)), method="PATCH", path="/uploads/", times=1),
        Fault(always(Response(status=416)), method="PUT", path="/uploads/", times=1),
    ],
)
def test_a_lost_upload_is_begun_anew(
    fault: Fault, server: RegistryServer, here: Reference, depot: RegistryDepot
) -> None:
    """From the first byte."""
    server.faults.append(fault)
    blob = described(LARGE)
    assert depot.keep_blob(here, blob, pieces_of(LARGE), origin=None) is False
    assert server.store.blob("new/app", str(blob.digest)) == LARGE


def test_a_cut_source_is_asked_again(
    server: RegistryServer, here: Reference, depot: RegistryDepot, http: HttpClient, own_host: OwnHost
) -> None:
    """What was half read goes to nobody."""
    with RegistryServer(faults=[Fault(cut_short, path="/blobs/sha256:", times=1)]) as source:
        source.store.put_blob("app", LARGE)
        puller = Puller(http, own_host(tls_verify=False))
        there, blob = Reference.parse(source.reference("app")), described(LARGE)
        depot.keep_blob(here, blob, lambda: puller.pieces(there, blob), origin=None)
    assert server.store.blob("new/app", str(blob.digest)) == LARGE


def test_who_refuses_for_good_is_believed(
    server: RegistryServer, here: Reference, depot: RegistryDepot
) -> None:
    """Once, with the registry's words."""
    server.faults.append(Fault(always(Response(status=413, body=b"too large")), method="PATCH"))
    blob = described(LARGE)
    assert code(lambda: depot.keep_blob(here, blob, pieces_of(LARGE), origin=None)) == "push-refused"
    assert server.count("PATCH") == 1


def test_a_missing_blob_is_told(server: RegistryServer, http: HttpClient, own_host: OwnHost) -> None:
    """Not there is not empty."""
    puller = Puller(http, own_host(tls_verify=False))
    there = Reference.parse(server.reference("app"))
    assert code(lambda: list(puller.pieces(there, described(b"none")))) == "blob-missing"
    server.faults.append(Fault(always(Response(status=418))))
    assert code(lambda: list(puller.pieces(there, described(b"none")))) == "http-status"


def test_a_blob_is_mounted(server: RegistryServer, here: Reference, depot: RegistryDepot) -> None:
    """From a repository of the same registry, without its bytes; of another registry it is not asked."""
    server.store.put_blob("old/app", LARGE)
    blob = described(LARGE)
    origin = Reference.parse(server.reference("old/app")).repository
    elsewhere = Reference.parse("registry.example/old/app").repository
    assert depot.keep_blob(here, blob, pieces_of(LARGE), origin=origin) is True
    assert [each.method for each in server.requests] == ["POST"]
    assert depot.keep_blob(here, described(b"x"), pieces_of(b"x"), origin=elsewhere) is False
    assert "mount" not in server.requests[1].query


def test_what_cannot_be_mounted_travels(
    server: RegistryServer, here: Reference, depot: RegistryDepot
) -> None:
    """A registry that does not have it opens an upload; one that has no mounts is not asked twice."""
    origin = Reference.parse(server.reference("old/app")).repository
    assert depot.keep_blob(here, described(b"a"), pieces_of(b"a"), origin=origin) is False
    server.faults.append(Fault(always(Response(status=405)), method="POST", times=1))
    assert depot.keep_blob(here, described(b"b"), pieces_of(b"b"), origin=origin) is False
    assert depot.keep_blob(here, described(b"c"), pieces_of(b"c"), origin=origin) is False
    assert ["mount" in each.query for each in server.requests if each.method == "POST"] == [
        True,
        True,
        False,
        False,
    ]


def logged_in(own_host: OwnHost, server: RegistryServer, tmp_path: Path) -> Settings:
    """Settings with a password for the registry."""
    authfile = tmp_path / "auth.json"
    authfile.write_text(json.dumps({"auths": {server.address: {"auth": "YWxpY2U6c2VjcmV0"}}}))
    return own_host(tls_verify=False, authfile=str(authfile))


@pytest.mark.parametrize("asks_for_both", [True, False])
def test_mounting_needs_leave_to_read(
    asks_for_both: bool, http: HttpClient, own_host: OwnHost, tmp_path: Path
) -> None:
    """The token is asked for both repositories; without leave to read the other, the blob travels."""
    with RegistryServer(access=TokenAccess({"alice": "secret"})) as server:
        server.store.put_blob("old/app", LARGE)
        origin = Reference.parse(server.reference("old/app")).repository
        settings = logged_in(own_host, server, tmp_path)
        depot = RegistryDepot(http, settings, origin=origin if asks_for_both else None, sleep=lambda _: None)
        here = Reference.parse(server.reference("new/app"))
        assert depot.keep_blob(here, described(LARGE), pieces_of(LARGE), origin=origin) is asks_for_both
        assert server.store.blob("new/app", str(described(LARGE).digest)) == LARGE


def test_an_image_is_published_last(server: RegistryServer, here: Reference, depot: RegistryDepot) -> None:
    """By its tag; one that is named by digest is there already."""
    push_image(server.store, "old/app")
    found = server.store.manifest("old/app", "v1")
    assert found is not None
    manifest = Manifest.parse(found.raw)
    depot.push_manifest(here, manifest.raw, media_type=OCI_IMAGE)
    assert server.store.tags("new/app") == []
    depot.publish(here.with_digest(manifest.digest), manifest)
    assert server.store.tags("new/app") == []
    depot.publish(here, manifest)
    assert server.store.resolve("new/app", "v1") == manifest.digest
