"""A folder from a stranger, `oci:` or `dir:`: endless, or with links to what the stranger may not read."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.judging import code
from vouchsafe.adapters.budget import Budget
from vouchsafe.adapters.directory import LARGEST_SIGNATURE, LARGEST_SIGNATURES, Directory
from vouchsafe.adapters.layout import MOST_VALUES, Layout, read_index
from vouchsafe.errors import MalformedError, Unavailable
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import MOST_ENTRIES, OCI_IMAGE
from vouchsafe.image.reference import Reference
from vouchsafe.testing.canonical import compact

SECRET = b"what only root may read"
MANIFEST = compact({"schemaVersion": 2, "layers": []})


class Folder:
    """An OCI layout whose first entry is an image, v1."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: list[dict[str, Any]] = []
        image = self.manifest()
        self.image = Digest.parse(image["digest"])
        self.listed(image | {"annotations": {"org.opencontainers.image.ref.name": "v1"}})

    def manifest(self, **members: object) -> dict[str, Any]:
        """A manifest is written; its descriptor."""
        content = compact({"schemaVersion": 2, "mediaType": OCI_IMAGE, "layers": [], **members})
        digest = Digest.of(content)
        place = self.path / "blobs" / digest.algorithm / digest.hex
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        return {"mediaType": OCI_IMAGE, "digest": str(digest), "size": len(content)}

    def referrer(self, number: int) -> dict[str, Any]:
        """One that has the image as its subject."""
        subject = {"mediaType": OCI_IMAGE, "digest": str(self.image), "size": 1}
        return self.manifest(subject=subject, annotations={"number": str(number)})

    def listed(self, *entries: dict[str, Any]) -> None:
        """They are added to index.json."""
        self.entries += entries
        (self.path / "index.json").write_bytes(compact({"schemaVersion": 2, "manifests": self.entries}))

    @property
    def reference(self) -> Reference:
        """The image."""
        return Reference.parse(f"oci:{self.path}:v1")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A fresh one."""
    return Folder(tmp_path)


def ticking(seconds: float) -> Budget:
    """A budget whose every look at the clock costs a second."""
    clock = count()
    return Budget(seconds, monotonic=lambda: float(next(clock)))


def test_a_layout_takes_no_longer_than_a_verdict(folder: Folder) -> None:
    """100 000 manifests of 4 MiB took a day and a half, under any time limit."""
    folder.listed(*map(folder.referrer, range(20)))
    assert len(Layout(ticking(100)).referrers(folder.reference, folder.image)) == 20
    assert code(lambda: Layout(ticking(10)).referrers(folder.reference, folder.image)) == "deadline"


def test_a_manifest_listed_often_is_read_once(folder: Folder) -> None:
    """However often index.json names it."""
    folder.listed(*[folder.referrer(0)] * 1000)
    found = Layout(ticking(10)).referrers(folder.reference, folder.image)
    assert len(found) == 1


def test_a_layout_is_bounded_in_bytes(folder: Folder) -> None:
    """All that is read for one verdict counts."""
    folder.listed(*map(folder.referrer, range(20)))
    layout = Layout(Budget(60, largest=1000))
    assert code(lambda: layout.referrers(folder.reference, folder.image)) == "limit-bytes"


def test_an_index_of_small_values() -> None:
    """64 MiB of `[],` were 2 GB of memory; 100 000 entries are read."""
    assert code(lambda: read_index(b'{"x":[' + b"[]," * MOST_VALUES + b"[]]}")) == "json-too-many"
    entry = compact(
        {"digest": f"sha256:{'0' * 64}", "mediaType": OCI_IMAGE, "size": 1, "annotations": {"a": "b"}}
    )
    assert len(read_index(b'{"manifests":[' + b",".join([entry] * MOST_ENTRIES) + b"]}")) == MOST_ENTRIES


@pytest.fixture
def secret(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file elsewhere."""
    path = tmp_path_factory.mktemp("root") / "token"
    path.write_bytes(SECRET)
    return path


def everything(image: Reference) -> None:
    """All that a verdict reads of a folder."""
    place = Directory()
    place.manifest(image, None)
    place.signatures(image, Digest.of(MANIFEST))


@pytest.mark.parametrize("name", ["version", "manifest.json", "signature-1"])
def test_a_link_out_of_a_dir(tmp_path: Path, secret: Path, name: str) -> None:
    """What we say of a malformed file quotes its beginning: of a link's target it would show a stranger's secret."""
    (tmp_path / "version").write_text("Directory Transport Version: 1.1\n")
    (tmp_path / "manifest.json").write_bytes(MANIFEST)
    (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / name).symlink_to(secret)
    with pytest.raises(MalformedError) as caught:
        everything(Reference.parse(f"dir:{tmp_path}"))
    assert caught.value.code == "layout-escape"
    assert SECRET.decode() not in caught.value.message


def test_large_signatures_beside_an_image(tmp_path: Path) -> None:
    """127 of 4 MiB were all held at the same time."""
    (tmp_path / "manifest.json").write_text("{}")
    image, digest = Reference.parse(f"dir:{tmp_path}"), Digest.of(b"{}")
    for number in range(LARGEST_SIGNATURES // LARGEST_SIGNATURE + 1):
        path = tmp_path / f"signature-{number + 1}"
        path.touch()
        with path.open("r+b") as file:
            file.truncate(LARGEST_SIGNATURE)  # holes cost no disk
    with pytest.raises(Unavailable) as caught:
        Directory().signatures(image, digest)
    assert caught.value.code == "limit-signatures"
