"""Layouts as they are written: whole, by several at once, and never among other people's files."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.judging import code
from vouchsafe.adapters.layout import Layout
from vouchsafe.adapters.layout.writing import LayoutDepot
from vouchsafe.errors import MalformedError, Unavailable
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import OCI_IMAGE, Descriptor, Manifest
from vouchsafe.image.reference import Reference
from vouchsafe.testing.canonical import compact

CONFIG = b'{"architecture":"amd64","os":"linux"}'


def descriptor(content: bytes, **more: Any) -> dict[str, Any]:
    """As JSON."""
    return {"mediaType": "a/b", "digest": str(Digest.of(content)), "size": len(content), **more}


def described(content: bytes) -> Descriptor:
    """As a record."""
    return Descriptor(media_type="a/b", digest=Digest.of(content), size=len(content), annotations={})


def manifest(layer: bytes = b"layer", **more: Any) -> bytes:
    """An image's manifest."""
    made = {"schemaVersion": 2, "mediaType": OCI_IMAGE, "config": descriptor(CONFIG)}
    return compact({**made, "layers": [descriptor(layer)], **more})


def image(depot: LayoutDepot, here: Reference, layer: bytes = b"layer") -> Digest:
    """An image, published."""
    for blob in (CONFIG, layer):
        depot.push_blob(here, blob)
    raw = manifest(layer)
    depot.push_manifest(here, raw, media_type=OCI_IMAGE)
    depot.publish(here, Manifest.parse(raw))
    return Digest.of(raw)


def entries(folder: Path) -> list[dict[str, Any]]:
    """What index.json lists."""
    listed: list[dict[str, Any]] = json.loads((folder / "index.json").read_bytes())["manifests"]
    return listed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A place where nothing is yet."""
    return tmp_path / "some" / "layout"


@pytest.fixture
def here(folder: Path) -> Reference:
    """An image in it."""
    return Reference.parse(f"oci:{folder}:v1")


@pytest.fixture
def depot() -> LayoutDepot:
    """Writes."""
    return LayoutDepot()


def test_a_new_layout(depot: LayoutDepot, here: Reference, folder: Path) -> None:
    """Has what the specification wants, and cosign's word for an image."""
    digest = image(depot, here)
    assert json.loads((folder / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    annotations = {"org.opencontainers.image.ref.name": "v1", "kind": "dev.cosignproject.cosign/image"}
    size = len(manifest())
    assert entries(folder) == [
        {"mediaType": OCI_IMAGE, "digest": str(digest), "size": size, "annotations": annotations}
    ]
    found = Layout().manifest(here, None)
    assert found is not None
    assert (found.digest, Layout().blob(here, found.layers[0], largest=100)) == (digest, b"layer")


def test_before_it_is_there_it_holds_nothing(depot: LayoutDepot, here: Reference) -> None:
    """A destination that is new is not an error."""
    assert (depot.manifest(here, None), depot.referrers(here, Digest.of(b"x"))) == (None, ())
    assert depot.has_blob(here, described(b"x")) is False


def test_a_tag_moves(depot: LayoutDepot, here: Reference, folder: Path) -> None:
    """The older entry gives way; other tags stay."""
    image(depot, here, b"first")
    other = here.replace(tag="v2")
    image(depot, other, b"second")
    second = image(depot, here, b"second")
    names = [entry["annotations"]["org.opencontainers.image.ref.name"] for entry in entries(folder)]
    assert sorted(names) == ["v1", "v2"]
    assert {entry["digest"] for entry in entries(folder)} == {str(second)}


def test_what_refers_to_an_image_is_listed(depot: LayoutDepot, here: Reference, folder: Path) -> None:
    """Once, without a tag, with what it is; companions by their tag and cosign's kind."""
    subject = image(depot, here)
    raw = manifest(subject=descriptor(manifest()) | {"mediaType": OCI_IMAGE}, artifactType="x/y")
    for _ in range(2):
        assert depot.push_manifest(here, raw, media_type=OCI_IMAGE) == (Digest.of(raw), True)
    tag = f"{subject.tag_prefix}.sig"
    signature = manifest(b"signature")
    assert depot.push_manifest(here, signature, media_type=OCI_IMAGE, tag=tag) == (
        Digest.of(signature),
        False,
    )
    referrer, companion = entries(folder)[1:]
    assert (referrer["artifactType"], "annotations" in referrer) == ("x/y", False)
    assert companion["annotations"]["kind"] == "dev.cosignproject.cosign/sigs"
    assert [each.digest for each in depot.referrers(here, subject)] == [Digest.of(raw)]
    assert Layout().manifest(here.replace(tag=None), None) is not None  # still one image


def test_what_an_index_lists_is_not_listed_again(depot: LayoutDepot, here: Reference, folder: Path) -> None:
    """A manifest without tag and subject is a blob."""
    depot.push_manifest(here, manifest(), media_type=OCI_IMAGE)
    assert entries(folder) == []
    assert depot.manifest(here, Digest.of(manifest())) is not None


@pytest.mark.parametrize("spoil", [b"", b"lay", b"LAYER", b"layers"])
def test_a_spoiled_blob_is_written_anew(
    spoil: bytes, depot: LayoutDepot, here: Reference, folder: Path
) -> None:
    """What is there is believed only after its digest."""
    depot.push_blob(here, b"layer")
    path = folder / "blobs" / "sha256" / Digest.of(b"layer").hex
    path.write_bytes(spoil)
    assert depot.has_blob(here, described(b"layer")) is False
    depot.keep_blob(here, described(b"layer"), lambda: [b"lay", b"er"], origin=None)
    assert path.read_bytes() == b"layer"


def test_a_blob_that_is_not_what_it_should_be(depot: LayoutDepot, here: Reference, folder: Path) -> None:
    """Leaves nothing behind, under no name."""
    attempt = lambda: depot.keep_blob(here, described(b"layer"), lambda: [b"other"], origin=None)
    assert code(attempt) == "digest-mismatch"
    assert list((folder / "blobs" / "sha256").iterdir()) == []


def test_a_source_that_stumbles_is_asked_again(depot: LayoutDepot, here: Reference) -> None:
    """As often as a registry would be."""
    opened: list[int] = []

    def stumbling() -> Iterator[bytes]:
        opened.append(1)
        yield b"lay"
        if len(opened) < 3:
            raise Unavailable("truncated", "expected the rest, got none", retryable=True)
        yield b"er"

    depot.keep_blob(here, described(b"layer"), stumbling, origin=None)
    assert (len(opened), depot.has_blob(here, described(b"layer"))) == (3, True)
    failing = Unavailable("truncated", "expected the rest, got none")

    def broken() -> Iterator[bytes]:
        yield b"la"
        raise failing

    assert code(lambda: depot.keep_blob(here, described(b"later"), broken, origin=None)) == "truncated"


def test_another_folder_is_left_alone(depot: LayoutDepot, folder: Path, here: Reference) -> None:
    """A mistyped path must not be filled with blobs."""
    folder.mkdir(parents=True)
    (folder / "thesis.tex").write_text("years of work")
    assert code(lambda: depot.push_blob(here, b"x")) == "layout-foreign"
    assert [path.name for path in folder.iterdir()] == ["thesis.tex"]


def test_a_link_out_of_the_layout_is_refused(
    depot: LayoutDepot, folder: Path, here: Reference, tmp_path: Path
) -> None:
    """Whoever made the layout does not choose where we write."""
    folder.mkdir(parents=True)
    (folder / "oci-layout").write_text("{}")
    (tmp_path / "outside").mkdir()
    (folder / "blobs").symlink_to(tmp_path / "outside")
    assert code(lambda: depot.push_blob(here, b"x")) == "layout-escape"
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_place_that_cannot_be_written(depot: LayoutDepot, tmp_path: Path) -> None:
    """Is told as the host's fault."""
    (tmp_path / "file").write_text("")
    there = Reference.parse(f"oci:{tmp_path / 'file' / 'layout'}:v1")
    assert code(lambda: depot.push_blob(there, b"x")) == "layout-write"


def test_an_index_of_something_else(depot: LayoutDepot, folder: Path, here: Reference) -> None:
    """Is not added to."""
    image(depot, here)
    (folder / "index.json").write_text('{"manifests": {}}')
    with pytest.raises(MalformedError):
        depot.publish(here, Manifest.parse(manifest()))


def test_several_write_at_once(folder: Path) -> None:
    """Every tag is there afterwards, and nothing half."""
    failures: list[BaseException] = []

    def write(number: int) -> None:
        try:
            image(LayoutDepot(), Reference.parse(f"oci:{folder}:v{number}"), b"layer %d" % number)
        except BaseException as error:  # told below
            failures.append(error)
            raise

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    names = {entry["annotations"]["org.opencontainers.image.ref.name"] for entry in entries(folder)}
    assert names == {f"v{number}" for number in range(8)}
    assert [name for _, _, files in os.walk(folder) for name in files if "part" in name] == []
