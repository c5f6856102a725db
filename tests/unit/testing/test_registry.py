"""The registry: the store, pull and push over HTTP, referrers in every fashion, authentication, faults."""

from __future__ import annotations

import base64
import gzip
import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest

from vouchsafe.errors import MalformedError, Unavailable
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import OCI_IMAGE, OCI_INDEX
from vouchsafe.image.reference import Reference
from vouchsafe.ports import Registry
from vouchsafe.testing.faults import FAULTS, Fault, moving, redirect, slow
from vouchsafe.testing.registry import (
    BasicAccess,
    MemoryRegistry,
    RegistryServer,
    RegistryStore,
    TokenAccess,
    push_attestation,
    push_bundle,
    push_image,
    push_index,
    push_junk,
    push_signature,
)

Answer = tuple[int, dict[str, str], bytes]
ALICE = "Basic " + base64.b64encode(b"alice:secret").decode()


def ask(
    server: RegistryServer, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> Answer:
    """One request on a connection of its own."""
    client = http.client.HTTPConnection(server.address)
    try:
        client.request(method, path, body=body, headers=headers or {})
        answer = client.getresponse()
        return answer.status, dict(answer.headers), answer.read()
    finally:
        client.close()


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    """An empty registry without the referrers API."""
    with RegistryServer() as running:
        yield running


def test_pull(server: RegistryServer) -> None:
    """Manifests by tag and digest, blobs, with their digests in headers; HEAD without a body."""
    digest = push_image(server.store, "group/app", content=b"hello")
    for wanted in ("v1", str(digest)):
        status, headers, raw = ask(server, "GET", f"/v2/group/app/manifests/{wanted}")
        assert (status, headers["Docker-Content-Digest"], headers["Content-Type"]) == (
            200,
            str(digest),
            OCI_IMAGE,
        )
        assert Digest.of(raw) == digest
    status, headers, raw = ask(server, "HEAD", "/v2/group/app/manifests/v1")
    assert (status, raw) == (200, b"")
    assert int(headers["Content-Length"]) > 100
    assert ask(server, "GET", f"/v2/group/app/blobs/{Digest.of(b'hello')}")[2] == b"hello"
    assert ask(server, "GET", "/v2/")[0] == 200
    assert json.loads(ask(server, "GET", "/v2/group/app/tags/list")[2]) == {
        "name": "group/app",
        "tags": ["v1"],
    }


def test_what_is_not_there(server: RegistryServer) -> None:
    """404 with the specification's codes."""
    for path, code in (
        ("/v2/a/manifests/v1", "MANIFEST_UNKNOWN"),
        (f"/v2/a/blobs/{Digest.of(b'')}", "BLOB_UNKNOWN"),
        ("/v2/a/tags/list", "NAME_UNKNOWN"),
    ):
        status, _, raw = ask(server, "GET", path)
        assert (status, json.loads(raw)["errors"][0]["code"]) == (404, code)
    assert ask(server, "GET", "/elsewhere")[0] == 404


def test_push_in_one_go_and_in_chunks(server: RegistryServer) -> None:
    """Monolithic POST, POST and PUT, PATCH in chunks, and a mount; each blob is there after."""
    for number, way in enumerate(("post", "put", "patch")):
        content = b"%d" % number
        digest = Digest.of(content)
        if way == "post":
            status, headers, _ = ask(server, "POST", f"/v2/a/blobs/uploads/?digest={digest}", content)
        else:
            _, headers, _ = ask(server, "POST", "/v2/a/blobs/uploads/")
            location, rest = headers["Location"], content
            if way == "patch":
                assert ask(server, "PATCH", location, content)[0] == 202
                assert ask(server, "GET", location)[1]["Range"] == "0-0"
                rest = b""
            status, headers, _ = ask(server, "PUT", f"{location}?digest={digest}", rest)
        assert (status, headers["Docker-Content-Digest"]) == (201, str(digest))
        assert server.store.blob("a", str(digest)) == content
    assert ask(server, "POST", f"/v2/b/blobs/uploads/?mount={Digest.of(b'1')}&from=a")[0] == 201
    assert server.store.blob("b", str(Digest.of(b"1"))) == b"1"


def test_push_that_lies_is_refused(server: RegistryServer) -> None:
    """A blob or manifest whose digest is another; a session nobody opened; no digest at all."""
    other = Digest.of(b"other")
    assert ask(server, "POST", f"/v2/a/blobs/uploads/?digest={other}", b"content")[0] == 400
    assert ask(server, "POST", "/v2/a/blobs/uploads/?digest=x", b"content")[0] == 400
    assert ask(server, "PUT", "/v2/a/blobs/uploads/nobody?digest=x")[0] == 404
    assert ask(server, "PUT", f"/v2/a/manifests/{other}", b"{}")[0] == 400
    assert ask(server, "PUT", "/v2/a/manifests/md5:00", b"{}")[0] == 400


@pytest.mark.parametrize("mode", ["absent", "api", "api-unannounced"])
def test_push_of_a_referrer_says_so(mode: Any) -> None:
    """OCI-Subject answers a manifest with a subject where the API is there and says so."""
    with RegistryServer(referrers=mode) as server:
        image = push_image(server.store, "a")
        manifest = json.dumps({"schemaVersion": 2, "subject": {"digest": str(image), "size": 1}}).encode()
        status, headers, _ = ask(server, "PUT", "/v2/a/manifests/x", manifest, {"Content-Type": OCI_IMAGE})
        assert (status, headers.get("OCI-Subject")) == (201, str(image) if mode == "api" else None)
        assert ask(server, "DELETE", "/v2/a/manifests/x")[0] == 202
        assert ask(server, "DELETE", "/v2/a/manifests/x")[0] == 404


def test_referrers_modes() -> None:
    """404 in text or JSON, HTML, an empty index, or the API with and without filtering."""
    store = RegistryStore()
    image = push_image(store, "a")
    push_bundle(store, "a", image, b"{}")
    kinds = {}
    for mode in ("absent", "absent-json", "html", "empty", "api", "api-unfiltered"):
        with RegistryServer(store, referrers=mode) as server:
            status, headers, raw = ask(server, "GET", f"/v2/a/referrers/{image}?artifactType=nothing")
            kinds[mode] = (status, headers["Content-Type"].partition(";")[0])
            if mode.startswith("api"):
                filtered = headers.get("OCI-Filters-Applied"), len(json.loads(raw)["manifests"])
                assert filtered == (("artifactType", 0) if mode == "api" else (None, 1))
    assert kinds == {
        "absent": (404, "text/plain"),
        "absent-json": (404, "application/json"),
        "html": (200, "text/html"),
        "empty": (200, OCI_INDEX),
        "api": (200, OCI_INDEX),
        "api-unfiltered": (200, OCI_INDEX),
    }


def test_referrers_in_pages() -> None:
    """Link leads through all pages, and the filter goes with it."""
    with RegistryServer(referrers="api", page=2) as server:
        image = push_image(server.store, "a")
        push_junk(server.store, "a", image, 5)
        path, seen = (
            f"/v2/a/referrers/{image}?artifactType=application/vnd.dev.sigstore.bundle.v0.3%2Bjson",
            0,
        )
        while path:
            _, headers, raw = ask(server, "GET", path)
            seen += len(json.loads(raw)["manifests"])
            path = headers.get("Link", "").partition(">")[0].removeprefix("<")
        assert (seen, server.count(path="/referrers/")) == (5, 3)


def test_what_cosign_leaves_behind() -> None:
    """Layers add up on `.sig` and `.att`; the fallback index gives bundles an empty config's type."""
    store = RegistryStore()
    image = push_image(store, "a")
    push_signature(store, "a", image, b"one", {"n": "1"})
    push_signature(store, "a", image, b"two", {"n": "2"})
    push_attestation(store, "a", image, b"three", {"n": "3"})
    push_bundle(store, "a", image, b"{}")
    push_bundle(store, "a", image, b"[]")
    counted = {}
    for suffix in (".sig", ".att", ""):
        stored = store.manifest("a", image.tag_prefix + suffix)
        assert stored is not None
        content = json.loads(stored.raw)
        counted[suffix] = len(content.get("layers") or content["manifests"])
    assert counted == {".sig": 2, ".att": 1, "": 2}
    assert {entry["artifactType"] for entry in content["manifests"]} == {"application/vnd.oci.empty.v1+json"}
    assert store.repositories() == ["a"]


def test_multi_arch() -> None:
    """An index names its instances by platform."""
    store = RegistryStore()
    index, instances = push_index(store, "a")
    stored = store.manifest("a", "v1")
    assert stored is not None
    assert stored.digest == index
    listed = {
        entry["platform"]["architecture"]: entry["digest"] for entry in json.loads(stored.raw)["manifests"]
    }
    assert listed == {name: str(digest) for name, digest in instances.items()}
    store.tag("a", "later", index)
    assert store.resolve("a", "later") == index
    assert store.delete("a", str(index))
    assert store.resolve("a", "v1") is None


def test_basic_access() -> None:
    """401 with a challenge until the password is right."""
    with RegistryServer(access=BasicAccess({"alice": "secret"})) as server:
        status, headers, _ = ask(server, "GET", "/v2/")
        assert (status, headers["WWW-Authenticate"]) == (401, 'Basic realm="registry"')
        assert ask(server, "GET", "/v2/", headers={"Authorization": ALICE})[0] == 200
        for wrong in ("Basic " + base64.b64encode(b"alice:x").decode(), "Basic !", "Bearer x"):
            assert ask(server, "GET", "/v2/", headers={"Authorization": wrong})[0] == 401


def test_token_access() -> None:
    """The challenge names realm, service and scope; a token is good for its scope only."""
    access = TokenAccess({"alice": "secret"}, identity_tokens={"refresh": "alice"})
    with RegistryServer(access=access) as server:
        push_image(server.store, "a/b")
        status, headers, _ = ask(server, "GET", "/v2/a/b/manifests/v1")
        expected = f'Bearer realm="{server.url}/token",service="registry.example",scope="repository:a/b:pull"'
        assert (status, headers["WWW-Authenticate"]) == (401, expected)
        path = "/token?service=registry.example&scope=repository:a/b:pull"
        assert ask(server, "GET", path)[0] == 401
        token = json.loads(ask(server, "GET", path, headers={"Authorization": ALICE})[2])["token"]
        bearer = {"Authorization": f"Bearer {token}"}
        assert ask(server, "GET", "/v2/a/b/manifests/v1", headers=bearer)[0] == 200
        assert ask(server, "GET", "/v2/a/c/manifests/v1", headers=bearer)[0] == 401
        assert ask(server, "POST", "/v2/a/b/blobs/uploads/", headers=bearer)[0] == 401
        form = b"grant_type=refresh_token&refresh_token=refresh&scope=repository:a/b:push,pull"
        write = json.loads(ask(server, "POST", "/token", form)[2])["access_token"]
        bearer = {"Authorization": f"Bearer {write}"}
        assert ask(server, "POST", "/v2/a/b/blobs/uploads/", headers=bearer)[0] == 202
        assert ask(server, "GET", "/v2/a/b/manifests/v1", headers=bearer)[0] == 200
        assert ask(server, "POST", "/token", form.replace(b"=refresh&", b"=wrong&"))[0] == 401


def test_token_access_for_anybody() -> None:
    """Anonymous pull tokens, as public registries give them; never for a push."""
    with RegistryServer(access=TokenAccess({}, anonymous_pull=True)) as server:
        push_image(server.store, "a")
        token = json.loads(ask(server, "GET", "/token?scope=repository:a:pull")[2])["token"]
        bearer = {"Authorization": f"Bearer {token}"}
        assert ask(server, "GET", "/v2/a/manifests/v1", headers=bearer)[0] == 200
        assert ask(server, "GET", "/token?scope=repository:a:pull,push")[0] == 401


def fault_outcome(name: str) -> Answer | str:
    """What a client sees of a fault, for a manifest by digest and for a blob."""
    with RegistryServer(faults=[FAULTS[name]()]) as server:
        image = push_image(server.store, "a", content=b"some layer")
        path = f"/v2/a/manifests/{image}" if "manifest" in name else f"/v2/a/blobs/{Digest.of(b'some layer')}"
        try:
            return ask(server, "GET", path)
        except (http.client.HTTPException, OSError) as error:
            return type(error).__name__


@pytest.mark.parametrize(
    "name, seen",
    [
        ("body-cut-short", "IncompleteRead"),
        ("manifest-cut-short", "IncompleteRead"),
        ("connection-reset", "ConnectionResetError"),
        ("html-404", 404),
        ("html-200", 200),
        ("too-many-requests", 429),
        ("server-error", 503),
        ("redirect-loop", 307),
        ("body-slow", 200),
        ("manifest-oversized", 200),
    ],
)
def test_faults_by_name(name: str, seen: object) -> None:
    """Each fault does what its name says."""
    outcome = fault_outcome(name)
    assert (outcome if isinstance(outcome, str) else outcome[0]) == seen


def test_faults_that_lie() -> None:
    """Lies have another digest; a bomb is small and unpacks large; a type is not the manifest's."""
    lie = fault_outcome("blob-lie")
    assert lie[2] == b"reyal emos"
    bomb = fault_outcome("gzip-bomb")
    assert isinstance(bomb, tuple)
    assert bomb[1]["Content-Encoding"] == "gzip"
    assert len(bomb[2]) < 100_000
    assert len(gzip.decompress(bomb[2])) == 64 * 1024 * 1024


def test_faults_end_and_begin() -> None:
    """`times` and `skip` say which requests are taken."""
    fault = FAULTS["server-error"]()
    with RegistryServer(faults=[fault]) as server:
        push_image(server.store, "a")
        statuses = [ask(server, "GET", "/v2/a/manifests/v1")[0] for _ in range(3)]
    assert (statuses, fault.taken) == ([503, 503, 200], 2)
    later = Fault(slow(0), path="/manifests/", skip=1)
    with RegistryServer(faults=[later]) as server:
        push_image(server.store, "a")
        sizes = [len(ask(server, "GET", "/v2/a/manifests/v1")[2]) for _ in range(2)]
        assert ask(server, "HEAD", "/v2/a/manifests/v1")[0] == 200
    assert (sizes[0] == sizes[1], later.taken) == (True, 1)


def test_a_body_without_end() -> None:
    """It goes on for as long as the client listens."""
    with RegistryServer(faults=[FAULTS["manifest-endless"]()]) as server:
        push_image(server.store, "a")
        client = http.client.HTTPConnection(server.address)
        client.request("GET", "/v2/a/manifests/v1")
        answer = client.getresponse()
        assert len(answer.read(1_000_000)) == 1_000_000
        answer.close()
        client.close()


def test_a_tag_that_moves() -> None:
    """Every request for the tag sees the next image, then the last for ever."""
    with RegistryServer(faults=[Fault(moving("one", "two"), path="/manifests/v1")]) as server:
        digests = [str(push_image(server.store, "a", tag, content=tag.encode())) for tag in ("one", "two")]
        seen = [ask(server, "GET", "/v2/a/manifests/v1")[1]["Docker-Content-Digest"] for _ in range(3)]
    assert seen == [digests[0], digests[1], digests[1]]


def test_redirect_to_another_host() -> None:
    """Where a blob is sent to, the other host records what arrives."""
    store = RegistryStore()
    with RegistryServer(store) as elsewhere:
        fault = Fault(redirect(elsewhere.url + "{path}"), path="/blobs/")
        with RegistryServer(store, faults=[fault]) as server:
            push_image(store, "a", content=b"layer")
            status, headers, _ = ask(server, "GET", f"/v2/a/blobs/{Digest.of(b'layer')}")
            assert status == 307
            assert headers["Location"] == f"{elsewhere.url}/v2/a/blobs/{Digest.of(b'layer')}"


def test_memory_registry() -> None:
    """The port: manifests, blobs and referrers, each question remembered."""
    registry = MemoryRegistry(referrers_api=True)
    port: Registry = registry
    assert port is registry
    image = push_image(registry.store, "group/app", content=b"layer")
    push_bundle(registry.store, "group/app", image, b"{}")
    reference = Reference.parse("registry.example/group/app:v1")
    manifest = registry.manifest(reference, None)
    assert manifest is not None
    assert registry.blob(reference, manifest.layers[0], largest=5) == b"layer"
    (referrer,) = registry.referrers(reference, image)
    assert referrer.artifact_type == "application/vnd.dev.sigstore.bundle.v0.3+json"
    registry.beside[image] = (b"blob",)
    assert registry.signatures(reference, image) == (b"blob",)
    assert [method for method, _ in registry.asked] == ["manifest", "blob", "referrers", "signatures"]
    assert registry.manifest(reference, "absent") is None
    with pytest.raises(MalformedError, match="at most 4 bytes"):
        registry.blob(reference, manifest.layers[0], largest=4)
    with pytest.raises(Unavailable, match="expected the blob"):
        registry.blob(reference, manifest.layers[0].replace(digest=Digest.of(b"no")), largest=4)


def test_memory_registry_that_is_down() -> None:
    """`before` may raise what an adapter would."""

    def down(method: str, what: str) -> None:
        raise Unavailable("registry-down", f"no {method} of {what}", retryable=True)

    registry = MemoryRegistry(before=down)
    reference = Reference.parse("registry.example/a:v1")
    assert MemoryRegistry().referrers(reference, Digest.of(b"")) == ()
    with pytest.raises(Unavailable):
        registry.manifest(reference, None)
