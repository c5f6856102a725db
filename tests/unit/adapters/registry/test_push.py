"""Writing to a registry: blobs, manifests, cut uploads, and where credentials go meanwhile."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vouchsafe.adapters.http import HttpClient
from vouchsafe.adapters.registry.push import UPLOADS, PushClient
from vouchsafe.adapters.settings import Settings
from vouchsafe.errors import MalformedError, Unavailable
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import OCI_IMAGE
from vouchsafe.image.reference import Reference
from vouchsafe.testing.canonical import compact
from vouchsafe.testing.faults import Fault, always, too_many
from vouchsafe.testing.loopback import LoopbackServer, Request, Response
from vouchsafe.testing.registry import BasicAccess, RegistryServer, TokenAccess, push_image

OwnHost = Callable[..., Settings]
CONTENT = b"some evidence"
DIGEST = Digest.of(CONTENT)


def no_sleep(_seconds: float) -> None:
    """Time that does not pass."""


@pytest.fixture
def client(http: HttpClient, own_host: OwnHost) -> PushClient:
    """A client that writes to loopback registries."""
    return PushClient(http, own_host(tls_verify=False), sleep=no_sleep)


def image(server: LoopbackServer, tag: str = "v1") -> Reference:
    """An image of a server."""
    return Reference.parse(f"{server.address}/group/app:{tag}")


def manifest(subject: Digest | None = None) -> bytes:
    """A manifest of nothing."""
    empty = {"mediaType": "application/vnd.oci.empty.v1+json", "size": 2, "digest": str(Digest.of(b"{}"))}
    made: dict[str, Any] = {"schemaVersion": 2, "mediaType": OCI_IMAGE, "config": empty, "layers": [empty]}
    if subject is not None:
        made["subject"] = {"mediaType": OCI_IMAGE, "size": 2, "digest": str(subject)}
    return compact(made)


def fault(answer: Response, method: str, path: str, times: int | None = 1, skip: int = 0) -> Fault:
    """One that answers in the registry's place."""
    return Fault(always(answer), method=method, path=path, times=times, skip=skip)


def test_a_blob(client: PushClient) -> None:
    """Opened and closed: two requests."""
    with RegistryServer() as server:
        assert client.push_blob(image(server), CONTENT) == DIGEST
        assert server.store.blob("group/app", str(DIGEST)) == CONTENT
        assert [request.method for request in server.requests] == ["POST", "PUT"]


def test_the_empty_config(client: PushClient) -> None:
    """Every bundle has it, so it is looked for first."""
    with RegistryServer() as server:
        client.push_blob(image(server), b"{}")
        client.push_blob(image(server), b"{}")
        assert [request.method for request in server.requests] == ["HEAD", "POST", "PUT", "HEAD"]


@pytest.mark.parametrize("tag", ["", "sha256-0.sig"])
def test_a_manifest(client: PushClient, tag: str) -> None:
    """By tag, or by digest alone."""
    with RegistryServer() as server:
        content = manifest()
        digest, listed = client.push_manifest(image(server), content, media_type=OCI_IMAGE, tag=tag)
        assert (digest, listed) == (Digest.of(content), False)
        found = server.store.manifest("group/app", tag or str(digest))
        assert found is not None
        assert (found.raw, found.media_type) == (content, OCI_IMAGE)


@pytest.mark.parametrize("mode, listed", [("absent", False), ("api", True), ("api-unannounced", False)])
def test_a_referrer(client: PushClient, mode: Any, listed: bool) -> None:
    """Whether the registry says that it lists it (OCI-Subject)."""
    with RegistryServer(referrers=mode) as server:
        subject = push_image(server.store, "group/app")
        assert client.push_manifest(image(server), manifest(subject), media_type=OCI_IMAGE)[1] == listed


def test_another_subject_is_no_yes(client: PushClient) -> None:
    """The header must name our subject."""
    answer = Response(status=201, headers={"OCI-Subject": str(Digest.of(b"other"))})
    with LoopbackServer(lambda _request: answer) as server:
        pushed = client.push_manifest(image(server), manifest(DIGEST), media_type=OCI_IMAGE)
    assert not pushed[1]


@pytest.mark.parametrize(
    "wrong, posts",
    [
        (fault(Response(reset=True), "PUT", "/blobs/uploads/"), 1),
        (fault(Response(status=404, body=b"upload unknown"), "PUT", "/blobs/uploads/"), 2),
        (fault(Response(status=416), "PUT", "/blobs/uploads/"), 2),
        (fault(Response(status=500), "PUT", "/blobs/uploads/"), 2),
        (fault(Response(status=503), "POST", "/blobs/uploads/", times=2), 3),
        (Fault(too_many(), method="POST", path="/blobs/uploads/", times=2), 3),
        (Fault(too_many(), method="PUT", path="/blobs/uploads/", times=2), 1),
    ],
)
def test_a_cut_upload(client: PushClient, wrong: Fault, posts: int) -> None:
    """Is repeated, or begun anew, until the blob is there."""
    with RegistryServer(faults=[wrong]) as server:
        client.push_blob(image(server), CONTENT)
        assert server.store.blob("group/app", str(DIGEST)) == CONTENT
        assert server.count("POST") == posts


@pytest.mark.parametrize(
    "answer, method, code, times",
    [
        (Response(status=500, body=b"disk full"), "PUT", "push-refused", UPLOADS),
        (Response(status=413, body=b"too large"), "PUT", "push-refused", 1),
        (Response(status=405), "POST", "push-refused", 1),
        (Response(status=403), "POST", "registry-unauthorized", 1),
        (Response(status=401), "POST", "registry-unauthorized", 1),
    ],
)
def test_a_blob_is_refused(client: PushClient, answer: Response, method: str, code: str, times: int) -> None:
    """In the registry's words; what cannot get better is not tried again."""
    with RegistryServer(faults=[fault(answer, method, "/blobs/uploads/", times=None)]) as server:
        with pytest.raises(Unavailable) as raised:
            client.push_blob(image(server), CONTENT)
        assert raised.value.code == code
        assert server.count(method) == times
    assert not answer.body or str(answer.body, "ascii") in raised.value.hint  # type: ignore[arg-type]


@pytest.mark.parametrize("status", [400, 409, 412, 413, 500])
def test_a_manifest_is_refused(client: PushClient, status: int) -> None:
    """A tag that cannot be moved, a manifest that is too large."""
    answer = Response(status=status, body=b"tag is immutable")
    faults = [fault(answer, "PUT", "/manifests/", times=None)]
    with RegistryServer(faults=faults) as server, pytest.raises(Unavailable) as raised:
        client.push_manifest(image(server), manifest(), media_type=OCI_IMAGE, tag="x")
    assert (raised.value.code, "tag is immutable" in raised.value.hint) == ("push-refused", True)
    assert raised.value.retryable == (status >= 500)


UNKNOWN = b'{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown to registry"}]}'


@pytest.mark.parametrize(
    "answer, retryable",
    [
        (Response(status=400, body=UNKNOWN), True),
        (Response(status=500), True),
        (Response(status=503), True),
        (Response(status=429), True),
        (Response(reset=True), True),
        (Response(status=400, body=b"manifest invalid"), False),
    ],
)
def test_a_tag_is_not_written_later(client: PushClient, answer: Response, retryable: bool) -> None:
    """After a pause what was read for it is old: the caller is told whether to read and write again."""
    with RegistryServer(faults=[fault(answer, "PUT", "/manifests/")]) as server:
        assert client.manifest(image(server), None) is None  # now it is known to speak plain http
        with pytest.raises(Unavailable) as raised:
            client.push_manifest(image(server), manifest(), media_type=OCI_IMAGE, tag="x")
        assert server.count("PUT") == 1
    assert raised.value.retryable == retryable


def test_a_manifest_by_digest_is_sent_again(client: PushClient) -> None:
    """Nobody else writes what only this content can have."""
    with RegistryServer(faults=[fault(Response(status=503), "PUT", "/manifests/", times=2)]) as server:
        client.push_manifest(image(server), manifest(), media_type=OCI_IMAGE)
        assert server.count("PUT") == 3


def test_a_read_that_fails_inside(client: PushClient) -> None:
    """distribution answers 500 while a tag is rewritten; a little later it is well again."""
    with RegistryServer(faults=[fault(Response(status=500), "GET", "/manifests/", times=3)]) as server:
        push_image(server.store, "group/app")
        assert client.manifest(image(server), None) is not None
        assert server.count("GET") == 4


def test_no_location(client: PushClient) -> None:
    """Nowhere to upload to."""
    faults = [fault(Response(status=202), "POST", "/blobs/uploads/")]
    with RegistryServer(faults=faults) as server, pytest.raises(MalformedError) as raised:
        client.push_blob(image(server), CONTENT)
    assert raised.value.code == "upload-location"


def auth(folder: Path, server: LoopbackServer) -> str:
    """An auth file with a user for a registry."""
    path = folder / "auth.json"
    pair = base64.b64encode(b"user:secret").decode()
    path.write_text(json.dumps({"auths": {server.address: {"auth": pair}}}), encoding="utf-8")
    return str(path)


def test_with_a_token(http: HttpClient, own_host: OwnHost, tmp_path: Path) -> None:
    """One that may push, asked for once; the password goes to the realm only."""
    with RegistryServer(access=TokenAccess({"user": "secret"})) as server:
        settings = own_host(tls_verify=False, authfile=auth(tmp_path, server))
        client = PushClient(http, settings, sleep=no_sleep)
        client.push_blob(image(server), CONTENT)
        client.push_blob(image(server), b"more")
        client.push_manifest(image(server), manifest(), media_type=OCI_IMAGE, tag="x")
        tokens = [request for request in server.requests if request.path == "/token"]
        assert [request.query["scope"] for request in tokens] == ["repository:group/app:pull,push"]
        kinds = {request.headers.get("authorization", "").partition(" ")[0] for request in server.requests}
        assert kinds == {"", "Basic", "Bearer"}


def test_only_to_pull(http: HttpClient, own_host: OwnHost, tmp_path: Path) -> None:
    """What writes nothing asks for less."""
    with RegistryServer(access=TokenAccess({"user": "secret"})) as server:
        push_image(server.store, "group/app")
        settings = own_host(tls_verify=False, authfile=auth(tmp_path, server))
        client = PushClient(http, settings, actions="pull")
        assert client.manifest(image(server), None) is not None
        tokens = [request for request in server.requests if request.path == "/token"]
        assert [request.query["scope"] for request in tokens] == ["repository:group/app:pull"]


def test_an_upload_elsewhere_gets_no_password(http: HttpClient, own_host: OwnHost, tmp_path: Path) -> None:
    """A Location on another host is followed, without credentials (GHSA-vh4v-2xq2-g5cg)."""
    with LoopbackServer(lambda _request: Response(status=201)) as storage:

        def send_away(request: Request, honest: Callable[[Request], Response]) -> Response:
            assert honest(request).status == 202
            return Response(status=202, headers={"Location": f"{storage.url}/upload?session=1"})

        away = Fault(send_away, method="POST", path="/blobs/uploads/", skip=1)
        with RegistryServer(access=BasicAccess({"user": "secret"}), faults=[away]) as server:
            settings = own_host(tls_verify=False, authfile=auth(tmp_path, server))
            PushClient(http, settings, sleep=no_sleep).push_blob(image(server), CONTENT)
        (sent,) = storage.requests
    assert ("authorization" in sent.headers, sent.query["digest"], sent.body) == (False, str(DIGEST), CONTENT)


def test_mirrors_are_not_written_to(
    client: PushClient, http: HttpClient, own_host: OwnHost, tmp_path: Path
) -> None:
    """Nor read: what was just pushed is not there yet."""
    with RegistryServer() as server, RegistryServer() as mirror:
        push_image(server.store, "group/app")
        push_image(mirror.store, "group/app", content=b"older")
        conf = tmp_path / "registries.conf"
        conf.write_text(
            f'[[registry]]\nlocation = "{server.address}"\n'
            f'[[registry.mirror]]\nlocation = "{mirror.address}"\n',
            encoding="utf-8",
        )
        client = PushClient(http, own_host(tls_verify=False, registries_conf=str(conf)), sleep=no_sleep)
        client.push_blob(image(server), CONTENT)
        assert client.manifest(image(server), None) is not None
        assert (server.count("POST"), mirror.requests) == (1, [])
