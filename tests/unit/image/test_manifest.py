"""Manifests: one document, one meaning, whoever reads it (CVE-2021-41190)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.judging import code
from vouchsafe.errors import MalformedError
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import (
    ACCEPT,
    DOCKER_IMAGE,
    DOCKER_LIST,
    LARGEST_MANIFEST,
    MOST_LAYERS,
    OCI_IMAGE,
    OCI_INDEX,
    Descriptor,
    Manifest,
    names_exactly,
)

BLOB = {"mediaType": "application/octet-stream", "digest": str(Digest.of(b"blob")), "size": 4}
IMAGE: dict[str, Any] = {"schemaVersion": 2, "mediaType": OCI_IMAGE, "config": BLOB, "layers": [BLOB]}
INDEX: dict[str, Any] = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [BLOB]}


def read(document: Any, **options: str) -> Manifest:
    """The document as a registry sends it."""
    return Manifest.parse(json.dumps(document).encode(), **options)


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "image-with-manifests": (IMAGE | {"manifests": []}, "", "manifest-ambiguous"),
    "index-with-layers": (INDEX | {"layers": []}, "", "manifest-ambiguous"),
    "index-with-config": (INDEX | {"config": BLOB}, "", "manifest-ambiguous"),
    "index-with-fs-layers": (INDEX | {"fsLayers": []}, "", "manifest-ambiguous"),
    "index-that-says-image": (INDEX | {"mediaType": OCI_IMAGE}, "", "manifest-ambiguous"),
    "image-that-says-index": (IMAGE | {"mediaType": OCI_INDEX}, "", "manifest-ambiguous"),
    "capital-manifests": (IMAGE | {"Manifests": [BLOB]}, "", "manifest-ambiguous"),
    "shouted-layers": (INDEX | {"LAYERS": [BLOB]}, "", "manifest-ambiguous"),
    "folded-manifests": (IMAGE | {"manife\u017fts": [BLOB]}, "", "manifest-ambiguous"),
    "capital-media-type": (IMAGE | {"MediaType": OCI_INDEX}, "", "manifest-ambiguous"),
    "capital-subject": (IMAGE | {"Subject": BLOB}, "", "manifest-ambiguous"),
    "served-as-index": (IMAGE, OCI_INDEX, "manifest-media-type"),
    "served-as-docker": (IMAGE, DOCKER_IMAGE, "manifest-media-type"),
    "served-as-schema-1": (
        IMAGE,
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        "manifest-media-type",
    ),
    "served-with-parameters": (IMAGE, f"{OCI_INDEX}; charset=utf-8", "manifest-media-type"),
    "unknown-type": (IMAGE | {"mediaType": "application/json"}, "", "manifest-media-type"),
    "schema-1": (IMAGE | {"schemaVersion": 1}, "", "manifest-schema"),
    "schema-3": (IMAGE | {"schemaVersion": 3}, "", "manifest-schema"),
    "no-schema": ({"mediaType": OCI_IMAGE, "layers": []}, "", "json-type"),
    "layers-object": (IMAGE | {"layers": {}}, "", "json-type"),
    "layer-text": (IMAGE | {"layers": [""]}, "", "json-type"),
    "layers-too-many": (IMAGE | {"layers": [BLOB] * (MOST_LAYERS + 1)}, "", "json-too-many"),
    "digest-path": (IMAGE | {"config": BLOB | {"digest": "sha256:../.."}}, "", "digest"),
    "digest-absent": (IMAGE | {"subject": {"mediaType": "x", "size": 1}}, "", "json-type"),
    "size-negative": (IMAGE | {"layers": [BLOB | {"size": -1}]}, "", "json-type"),
    "size-absent": (INDEX | {"manifests": [{"digest": BLOB["digest"]}]}, "", "json-type"),
    "annotations-list": (IMAGE | {"annotations": []}, "", "json-type"),
    "annotation-number": (IMAGE | {"layers": [BLOB | {"annotations": {"a": 1}}]}, "", "json-type"),
    "platform-text": (INDEX | {"manifests": [BLOB | {"platform": "linux"}]}, "", "json-type"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    """A document that could be two things, or is in disguise, is none."""
    document, served_as, expected = REFUSED[name]
    assert code(lambda: read(document, served_as=served_as)) == expected


def test_duplicate_and_large_documents_are_refused() -> None:
    """By the same strict reader as everything else."""
    twice = json.dumps(IMAGE).replace('"layers"', '"layers": [], "layers"', 1).encode()
    assert code(lambda: Manifest.parse(twice)) == "json-duplicate-key"
    assert code(lambda: Manifest.parse(b" " * LARGEST_MANIFEST + b"{}")) == "json-too-large"
    assert code(lambda: Manifest.parse(b"<html>")) == "json-syntax"


MEDIA_TYPES: dict[str, tuple[dict[str, Any], str, str]] = {
    "written": (IMAGE, "", OCI_IMAGE),
    "written-and-served": (IMAGE, f"{OCI_IMAGE}; charset=utf-8", OCI_IMAGE),
    "written-served-carelessly": (IMAGE, "text/plain", OCI_IMAGE),
    "served-only": ({k: v for k, v in IMAGE.items() if k != "mediaType"}, DOCKER_IMAGE, DOCKER_IMAGE),
    "index-served-only": ({k: v for k, v in INDEX.items() if k != "mediaType"}, DOCKER_LIST, DOCKER_LIST),
    "guessed-image": ({k: v for k, v in IMAGE.items() if k != "mediaType"}, "", OCI_IMAGE),
    "guessed-index": (
        {k: v for k, v in INDEX.items() if k != "mediaType"},
        "application/octet-stream",
        OCI_INDEX,
    ),
    "docker-list": (INDEX | {"mediaType": DOCKER_LIST}, "", DOCKER_LIST),
}


@pytest.mark.parametrize("name", MEDIA_TYPES)
def test_media_type(name: str) -> None:
    """What is written decides, then how it was served, then its shape."""
    document, served_as, expected = MEDIA_TYPES[name]
    found = read(document, served_as=served_as)
    assert found.media_type == expected
    assert found.is_index is (expected in {OCI_INDEX, DOCKER_LIST})
    assert expected in ACCEPT


def test_everything_is_read() -> None:
    """The bytes stay as they were; descriptors keep their hints."""
    layer = BLOB | {"annotations": {"a": "b"}, "artifactType": "application/x"}
    said = IMAGE | {"layers": [layer], "subject": BLOB, "artifactType": "t", "annotations": {"k": "v"}}
    raw = json.dumps(said, indent=3).encode()
    found = Manifest.parse(raw)
    assert (found.raw, found.digest) == (raw, Digest.of(raw))
    assert (found.artifact_type, found.annotations, found.entries) == ("t", {"k": "v"}, ())
    assert found.subject is not None
    assert found.config is not None
    assert found.subject.digest == found.config.digest == Digest.of(b"blob")
    (only,) = found.layers
    assert (only.size, only.annotations, only.artifact_type, only.platform) == (
        4,
        {"a": "b"},
        "application/x",
        "",
    )


def test_platforms() -> None:
    """What an index says of its instances."""
    written: tuple[object, ...] = (
        {"os": "linux", "architecture": "arm64", "variant": "v8"},
        {"os": "linux"},
        {},
        None,
    )
    found = read(INDEX | {"manifests": [BLOB | {"platform": each} for each in written]})
    assert [each.platform for each in found.entries] == ["linux/arm64/v8", "linux", "", ""]


def test_hashed_as_asked() -> None:
    """A manifest asked for by SHA-512 is known by it."""
    raw = json.dumps(IMAGE).encode()
    assert Manifest.parse(raw, algorithm="sha512").digest == Digest.of(raw, "sha512")


def test_a_config_is_not_needed() -> None:
    """Artifacts of old have none that matters."""
    found = read({"schemaVersion": 2, "layers": []})
    assert (found.config, found.subject, found.layers) == (None, None, ())


def test_unknown_keys_are_let_be() -> None:
    """The format grows; only those that a reader could take for ours are refused."""
    assert read(IMAGE | {"x-own": {"manifests": []}}).media_type == OCI_IMAGE


def test_only_an_index_names_instances() -> None:
    """An image that lists its layers names nobody."""
    image = read(IMAGE)
    instance = Descriptor(media_type=OCI_IMAGE, digest=image.digest, size=len(image.raw), annotations={})
    with pytest.raises(MalformedError, match="expected an index"):
        names_exactly(image, instance)


@pytest.mark.parametrize(
    "entries, media_type, named",
    [
        ([(OCI_IMAGE, 7)], OCI_IMAGE, True),
        ([(OCI_IMAGE, 7), (OCI_IMAGE, 7)], OCI_IMAGE, True),
        ([(OCI_INDEX, 7)], OCI_INDEX, False),  # one level
        ([], OCI_IMAGE, False),
        ([(OCI_IMAGE, 8)], OCI_IMAGE, False),
        ([(DOCKER_IMAGE, 7)], OCI_IMAGE, False),
        ([(OCI_IMAGE, 7), (OCI_IMAGE, 8)], OCI_IMAGE, False),  # ambiguous
    ],
)
def test_how_an_index_names_an_instance(entries: list[tuple[str, int]], media_type: str, named: bool) -> None:
    """As the image that it is, every time it names it."""
    digest = Digest.of(b"instance")
    listed = [{"mediaType": kind, "digest": str(digest), "size": size} for kind, size in entries]
    other = {"mediaType": OCI_IMAGE, "digest": str(Digest.of(b"other")), "size": 1}
    index = read(INDEX | {"manifests": [*listed, other]})
    instance = Descriptor(media_type=media_type, digest=digest, size=7, annotations={})
    if named:
        names_exactly(index, instance)
        return
    with pytest.raises(MalformedError) as refused:
        names_exactly(index, instance)
    assert refused.value.code == "list-entry"
