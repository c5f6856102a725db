"""A registry sends what is small on the wire and large in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.judging import code
from tests.unit.admission.test_admission import Estate
from vouchsafe import evidence
from vouchsafe.adapters.http import HttpClient
from vouchsafe.adapters.registry import RegistryClient
from vouchsafe.adapters.registry.client import LARGE
from vouchsafe.adapters.settings import Settings
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import OCI_IMAGE, Manifest
from vouchsafe.image.reference import Reference
from vouchsafe.policy.verdict import Accepted
from vouchsafe.strictjson import LARGEST, MOST_VALUES, parse
from vouchsafe.testing.canonical import compact
from vouchsafe.testing.registry import RegistryServer, push_image
from vouchsafe.testing.workload import gitlab

SMALL = {"lists": b"[]", "objects": b'{"a":0}', "numbers": b"1", "strings": b'"ab"'}


def many(value: bytes, count: int) -> bytes:
    """A document that holds so many of a value."""
    return b'{"x":[' + b",".join([value] * count) + b"]}"


@pytest.mark.parametrize("kind", SMALL)
def test_many_small_values(kind: str) -> None:
    """4 MiB of empty lists are 100 MB of Python's: refused before they are made."""
    blob = many(SMALL[kind], MOST_VALUES + 1)[:LARGEST]
    assert code(lambda: parse(blob, what="example")) == "json-too-many"
    assert code(lambda: Manifest.parse(blob)) == "json-too-many"
    bundle = "application/vnd.dev.sigstore.bundle.v0.3+json"
    assert code(lambda: evidence.parse(blob, {}, bundle)) == "json-too-many"


def test_as_many_as_documents_have() -> None:
    """An index as long as a manifest may be, and an SBOM of that size, are read."""
    entry = compact({"digest": "sha256:" + "0" * 64, "mediaType": OCI_IMAGE, "size": 1})
    assert len(parse(many(entry, 25_000), what="index")["x"]) == 25_000
    component = compact({"hashes": [{"alg": "SHA-256", "content": "0" * 64}], "name": "a", "version": "1"})
    assert len(parse(many(component, 30_000), what="SBOM")["x"]) == 30_000


@pytest.fixture
def client(tmp_path: object) -> Iterator[RegistryClient]:
    """Of a registry that is plain HTTP."""
    none = f"{tmp_path}/none"
    http = HttpClient()
    yield RegistryClient(http, Settings(tls_verify=False, etc=none, share=none, run=none))
    http.close()


def test_large_manifests_are_parsed_one_at_a_time(client: RegistryClient) -> None:
    """Eight read ahead for each of eight images took 3.5 GB; small ones wait for nobody."""
    with RegistryServer() as server:
        small = push_image(server.store, "app")
        padded = compact({"schemaVersion": 2, "mediaType": OCI_IMAGE, "layers": [], "x": "x" * LARGE})
        large = server.store.put_manifest("app", padded, OCI_IMAGE)
        image = Reference.parse(f"{server.address}/app:v1")
        read: list[Digest] = []

        def get(digest: Digest) -> None:
            found = client.manifest(image, digest)
            assert found is not None
            read.append(found.digest)

        with client._one_large:
            waiting = threading.Thread(target=get, args=(large,))
            waiting.start()
            get(small)
            waiting.join(0.05)
            assert read == [small]
        waiting.join()
        assert read == [small, large]


def test_what_strangers_signed_is_not_kept() -> None:
    """Anybody has a certificate for megabytes of predicate; a refusal tells who it was, and holds none of it."""
    estate = Estate()
    said: dict[str, Any] = {"predicate": {"x": "x" * 1000}, "subject_name": "x" * 1000}
    estate.bundle(identity=gitlab(ref="refs/heads/feature"), **said)
    refused = estate.ask().looked[0].signature
    assert refused is not None
    assert (refused.claim.predicate, refused.claim.names, refused.claim.role) == (None, (), "signature")
    assert refused.digests == {estate.digest}
    estate.bundle(**said)
    verdict = estate.ask()
    assert isinstance(verdict, Accepted)
    assert verdict.signatures[0].claim.predicate == said["predicate"]
