"""`dir:` folders as skopeo writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vouchsafe.adapters.directory import MOST_SIGNATURES, Directory
from vouchsafe.errors import MalformedError, Unavailable, VouchsafeError
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import OCI_IMAGE, OCI_INDEX, Descriptor
from vouchsafe.image.reference import Reference

IMAGE: dict[str, Any] = {
    "schemaVersion": 2,
    "mediaType": OCI_IMAGE,
    "config": {"mediaType": "a/b", "digest": f"sha256:{'a' * 64}", "size": 2},
    "layers": [],
}
RAW = json.dumps(IMAGE).encode()
DIGEST = Digest.of(RAW)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one image."""
    (tmp_path / "manifest.json").write_bytes(RAW)
    (tmp_path / "version").write_text("Directory Transport Version: 1.1\n")
    return tmp_path


def reference(folder: Path) -> Reference:
    """How a person writes it."""
    return Reference.parse(f"dir:{folder}")


def descriptor(content: bytes, **changes: object) -> Descriptor:
    """A descriptor of some content."""
    made = Descriptor(media_type="a/b", digest=Digest.of(content), size=len(content), annotations={})
    return made.replace(**changes)


def test_the_manifest(folder: Path) -> None:
    """There is one, with or without its digest; tags and other digests are not there."""
    place = Directory()
    answers = [
        place.manifest(reference(folder), wanted) for wanted in (None, DIGEST, "v1", Digest.of(b"other"))
    ]
    assert [answer.digest if answer else None for answer in answers] == [DIGEST, DIGEST, None, None]


def test_sha512(folder: Path) -> None:
    """A digest's own algorithm decides."""
    wanted = Digest.of(RAW, "sha512")
    found = Directory().manifest(reference(folder), wanted)
    assert found is not None
    assert found.digest == wanted


def test_instances_of_a_list(folder: Path) -> None:
    """Beside the list, named by their digest, with signatures of their own."""
    index = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [{"digest": str(DIGEST), "size": len(RAW)}],
    }
    raw = json.dumps(index).encode()
    (folder / f"{DIGEST.hex}.manifest.json").write_bytes(RAW)
    (folder / "manifest.json").write_bytes(raw)
    (folder / "signature-1").write_bytes(b"of the list")
    (folder / f"{DIGEST.hex}-signature-1").write_bytes(b"of the instance")
    place = Directory()
    instance = place.manifest(reference(folder), DIGEST)
    assert instance is not None
    assert instance.digest == DIGEST
    assert place.signatures(reference(folder), Digest.of(raw)) == (b"of the list",)
    assert place.signatures(reference(folder), DIGEST) == (b"of the instance",)


def test_an_instance_that_lies(folder: Path) -> None:
    """Its name is a claim."""
    wanted = Digest.of(b"other")
    (folder / f"{wanted.hex}.manifest.json").write_bytes(RAW)
    with pytest.raises(MalformedError) as caught:
        Directory().manifest(reference(folder), wanted)
    assert caught.value.code == "digest-mismatch"


def test_signatures_end_at_the_first_gap(folder: Path) -> None:
    """signature-1, -2, and nothing after a missing number; bytes as they are, both formats."""
    blobs = [b"\x89\x01openpgp", b"\0sigstore-json\n{}", b"beyond the gap"]
    for number, blob in zip((1, 2, 4), blobs, strict=True):
        (folder / f"signature-{number}").write_bytes(blob)
    assert Directory().signatures(reference(folder), DIGEST) == tuple(blobs[:2])


def test_no_signatures(folder: Path) -> None:
    """None for the image, none for a digest that is not here, none for referrers."""
    place = Directory()
    assert place.signatures(reference(folder), DIGEST) == ()
    assert place.signatures(reference(folder), Digest.of(b"other")) == ()
    assert place.referrers(reference(folder), DIGEST) == ()


def test_too_many_signatures(folder: Path) -> None:
    """A limit is told as one."""
    for number in range(1, MOST_SIGNATURES + 1):
        (folder / f"signature-{number}").write_bytes(b"x")
    with pytest.raises(Unavailable) as caught:
        Directory().signatures(reference(folder), DIGEST)
    assert caught.value.code == "limit-signatures"


def test_blobs(folder: Path) -> None:
    """Named by their hex alone; size and digest hold."""
    (folder / Digest.of(b"content").hex).write_bytes(b"content")
    (folder / Digest.of(b"replaced").hex).write_bytes(b"something")
    place = Directory()
    assert place.blob(reference(folder), descriptor(b"content"), largest=10) == b"content"
    cases = [
        (descriptor(b"content", size=8), 10, "blob-size"),
        (descriptor(b"content", size=6), 10, "file-too-large"),
        (descriptor(b"content"), 6, "blob-too-large"),
        (descriptor(b"replaced", size=9), 10, "digest-mismatch"),
        (descriptor(b"missing"), 10, "blob-missing"),
    ]
    seen = []
    for wanted, largest, _ in cases:
        with pytest.raises(VouchsafeError) as caught:
            place.blob(reference(folder), wanted, largest=largest)
        seen.append(caught.value.code)
    assert seen == [code for _, _, code in cases]


@pytest.mark.parametrize(
    "version", [None, "Directory Transport Version: 1.0\n", "Directory Transport Version: 1.2\n"]
)
def test_versions_we_read(folder: Path, version: str | None) -> None:
    """1.x, and folders made by hand that have none."""
    (folder / "version").unlink()
    if version is not None:
        (folder / "version").write_text(version)
    assert Directory().manifest(reference(folder), None) is not None


@pytest.mark.parametrize("version", ["", "Directory Transport Version: 2.0\n", "something"])
def test_versions_we_do_not(folder: Path, version: str) -> None:
    """Another major version is another format."""
    (folder / "version").write_text(version)
    with pytest.raises(MalformedError) as caught:
        Directory().manifest(reference(folder), None)
    assert caught.value.code == "dir-version"


@pytest.mark.parametrize("path", ["/nowhere/at/all", "/etc/passwd"])
def test_no_folder(path: str) -> None:
    """Holds no image."""
    assert Directory().manifest(Reference.parse(f"dir:{path}"), None) is None


def test_another_transport() -> None:
    """A mistake of the wiring is told."""
    with pytest.raises(MalformedError):
        Directory().manifest(Reference.parse("oci:/x"), None)


def test_a_real_folder(vectors: Path) -> None:
    """As containers/image's own tests have it."""
    where = Reference.parse(f"dir:{vectors}/real/containers-image-dir/dir-img-cosign-fulcio-rekor-valid")
    place = Directory()
    manifest = place.manifest(where, None)
    assert manifest is not None
    (blob,) = place.signatures(where, manifest.digest)
    assert blob.startswith(b"\0sigstore-json\n{")
