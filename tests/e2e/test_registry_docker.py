"""A real registry (distribution 2.8): what our client asks of it and what it makes of the answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from vouchsafe.adapters.http import HttpClient
from vouchsafe.adapters.registry import RegistryClient
from vouchsafe.adapters.settings import Settings
from vouchsafe.adapters.urls import Url
from vouchsafe.errors import Unavailable, VouchsafeError
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import DOCKER_IMAGE, OCI_IMAGE, OCI_INDEX, Descriptor
from vouchsafe.image.reference import Reference

pytestmark = pytest.mark.peers
CONFIG = b'{"architecture":"amd64","os":"linux"}'
LAYER = b"the only layer"


class Pusher:
    """Pushes by our own HTTP door: it is for more than reading."""

    def __init__(self, http: HttpClient, address: str) -> None:
        self.http = http
        self.base = f"http://{address}/v2"

    def blob(self, repository: str, content: bytes) -> dict[str, object]:
        """Two requests: begin an upload, finish it."""
        digest = Digest.of(content)
        begun = self.http.request("POST", f"{self.base}/{repository}/blobs/uploads/", expect=(202,))
        place = begun.url.join(begun.headers["location"])
        joint = "&" if "?" in place.target else "?"
        target = Url.parse(f"{place}{joint}digest={digest}")
        self.http.request(
            "PUT", target, headers={"Content-Type": "application/octet-stream"}, body=content, expect=(201,)
        )
        return {"mediaType": "application/octet-stream", "digest": str(digest), "size": len(content)}

    def manifest(self, repository: str, tag: str, document: dict[str, object]) -> Digest:
        """One request."""
        raw = json.dumps(document).encode()
        url = f"{self.base}/{repository}/manifests/{tag or Digest.of(raw)}"
        self.http.request(
            "PUT", url, headers={"Content-Type": str(document["mediaType"])}, body=raw, expect=(201,)
        )
        return Digest.of(raw)

    def image(self, repository: str, tag: str, media_type: str = OCI_IMAGE, **more: object) -> Digest:
        """A small image."""
        config, layer = self.blob(repository, CONFIG), self.blob(repository, LAYER)
        config["mediaType"] = (
            "application/vnd.docker.container.image.v1+json"
            if media_type == DOCKER_IMAGE
            else "application/vnd.oci.image.config.v1+json"
        )
        document = {"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": [layer], **more}
        return self.manifest(repository, tag, document)


@pytest.fixture
def http() -> Iterator[HttpClient]:
    """A client that hurries."""
    made = HttpClient(seconds=10, sleep=lambda _: None)
    yield made
    made.close()


@pytest.fixture
def pusher(http: HttpClient, docker_registry: str) -> Pusher:
    """Writes into that registry."""
    return Pusher(http, docker_registry)


@pytest.fixture
def client(http: HttpClient, tmp_path: Path) -> RegistryClient:
    """Reads from it."""
    none = str(tmp_path)
    return RegistryClient(http, Settings(tls_verify=False, etc=none, share=none, run=none))


@pytest.fixture
def named(docker_registry: str) -> Callable[[str], Reference]:
    """A reference into that registry."""
    return lambda rest: Reference.parse(f"{docker_registry}/{rest}")


@pytest.mark.parametrize("media_type", [OCI_IMAGE, DOCKER_IMAGE])
def test_an_image(
    client: RegistryClient, pusher: Pusher, named: Callable[[str], Reference], media_type: str
) -> None:
    """By tag and digest; its blobs; what is not there is absent."""
    digest = pusher.image("group/app", "v1", media_type)
    reference = named("group/app:v1")
    manifest = client.manifest(reference, None)
    assert manifest is not None
    assert (manifest.digest, manifest.media_type) == (digest, media_type)
    assert client.manifest(reference.with_digest(digest), None) == manifest
    assert [client.blob(reference, each, largest=100) for each in manifest.layers] == [LAYER]
    assert [client.manifest(named(each), None) for each in ("group/app:v2", "group/none:v1")] == [None, None]
    assert client.manifest(reference, Digest.of(b"none")) is None


def test_an_index(client: RegistryClient, pusher: Pusher, named: Callable[[str], Reference]) -> None:
    """And its instances by digest."""
    instance = pusher.image("group/multi", "")
    entry = {"mediaType": OCI_IMAGE, "digest": str(instance), "size": 1}
    index = pusher.manifest(
        "group/multi", "v1", {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}
    )
    reference = named("group/multi:v1")
    manifest = client.manifest(reference, None)
    assert manifest is not None
    assert (manifest.digest, [each.digest for each in manifest.entries]) == (index, [instance])
    assert client.manifest(reference, instance) is not None


def test_it_has_no_referrers_api(
    client: RegistryClient, pusher: Pusher, named: Callable[[str], Reference]
) -> None:
    """A manifest with a subject is taken, and listed nowhere: the fallback tag is the clients' business."""
    digest = pusher.image("group/app", "v1")
    pusher.image("group/app", "", subject={"mediaType": OCI_IMAGE, "digest": str(digest), "size": 1})
    assert client.referrers(named("group/app:v1"), digest) == ()
    assert client.manifest(named("group/app:v1"), digest.tag_prefix) is None


def test_a_blob_of_another_size(
    client: RegistryClient, pusher: Pusher, named: Callable[[str], Reference]
) -> None:
    """The registry knows better than the descriptor, and so do we."""
    pusher.image("group/app", "v1")
    wrong = Descriptor(media_type="", digest=Digest.of(LAYER), size=len(LAYER) - 1, annotations={})
    missing = Descriptor(media_type="", digest=Digest.of(b"none"), size=4, annotations={})
    seen = []
    for descriptor in (wrong, missing):
        with pytest.raises(VouchsafeError) as caught:
            client.blob(named("group/app:v1"), descriptor, largest=100)
        seen.append(caught.value.code)
    assert seen == ["answer-too-large", "blob-missing"]


def test_https_is_the_rule(http: HttpClient, tmp_path: Path, named: Callable[[str], Reference]) -> None:
    """Without --tls-verify=false it is not spoken to in clear."""
    strict = RegistryClient(http, Settings(etc=str(tmp_path), share=str(tmp_path), run=str(tmp_path)))
    with pytest.raises(Unavailable) as caught:
        strict.manifest(named("group/app:v1"), None)
    assert caught.value.code == "tls"


def test_many_images_at_once(
    client: RegistryClient, pusher: Pusher, named: Callable[[str], Reference]
) -> None:
    """One client, eight threads, every answer its own."""
    expected = {
        f"group/many:{tag}": pusher.image("group/many", tag, annotations={"n": tag}) for tag in "abcdefgh"
    }

    def ask(name: str) -> tuple[str, Digest | None]:
        manifest = client.manifest(named(name), None)
        return name, manifest.digest if manifest else None

    with ThreadPoolExecutor(8) as threads:
        assert dict(threads.map(ask, list(expected) * 5)) == expected
