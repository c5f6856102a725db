"""OCI layouts: tags, single images, `cosign save`, referrers, and what hostile folders try."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vouchsafe.adapters.layout import Layout, read_index
from vouchsafe.errors import MalformedError, Unavailable, VouchsafeError
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import DOCKER_IMAGE, OCI_IMAGE, OCI_INDEX, Descriptor
from vouchsafe.image.reference import Reference

REF_NAME = "org.opencontainers.image.ref.name"
COSIGN = "dev.cosignproject.cosign/"


class Folder:
    """A layout under construction."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: list[dict[str, Any]] = []
        path.mkdir()
        (path / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')

    def blob(self, content: bytes, algorithm: str = "sha256") -> Digest:
        """Put a blob."""
        digest = Digest.of(content, algorithm)
        folder = self.path / "blobs" / algorithm
        folder.mkdir(parents=True, exist_ok=True)
        (folder / digest.hex).write_bytes(content)
        return digest

    def manifest(
        self, note: str = "", *, subject: Digest | None = None, media_type: str = OCI_IMAGE
    ) -> Digest:
        """Put a manifest that differs by its note."""
        document: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": media_type,
            "annotations": {"note": note},
        }
        if media_type == OCI_INDEX:
            document["manifests"] = []
        else:
            document |= {
                "config": {"mediaType": "a/b", "digest": f"sha256:{'a' * 64}", "size": 2},
                "layers": [],
            }
        if subject is not None:
            document["subject"] = {"mediaType": OCI_IMAGE, "digest": str(subject), "size": 1}
        return self.blob(json.dumps(document).encode())

    def list(self, digest: Digest, name: str = "", kind: str = "", **more: Any) -> Digest:
        """Name something in index.json."""
        annotations = {REF_NAME: name} if name else {}
        annotations |= {"kind": COSIGN + kind} if kind else {}
        entry = {"mediaType": OCI_IMAGE, "digest": str(digest), "size": 1, "annotations": annotations}
        self.entries.append(entry | more)
        self.write()
        return digest

    def write(self) -> None:
        """Write index.json."""
        (self.path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": self.entries}))

    def reference(self, rest: str = "") -> Reference:
        """How a person writes it."""
        return Reference.parse(f"oci:{self.path}{rest}")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """An empty layout."""
    return Folder(tmp_path / "layout")


def found(folder: Folder, rest: str = "", wanted: str | Digest | None = None) -> Digest | None:
    """The digest of what a reference means."""
    manifest = Layout().manifest(folder.reference(rest), wanted)
    return manifest.digest if manifest else None


def test_a_tag(folder: Folder) -> None:
    """org.opencontainers.image.ref.name; another tag is not there."""
    first = folder.list(folder.manifest("1"), "v1")
    second = folder.list(folder.manifest("2"), "v2")
    assert [found(folder, ":v1"), found(folder, ":v2"), found(folder, ":v3")] == [first, second, None]


def test_a_full_name(folder: Folder) -> None:
    """buildah writes whole references into ref.name."""
    digest = folder.list(folder.manifest("1"), "registry.example:5000/group/app:v1")
    folder.list(folder.manifest("2"), "registry.example:5000/group/app:v2")
    assert found(folder, ":v1") == digest
    assert found(folder, ":registry.example:5000/group/app:v1") == digest


def test_an_exact_name_wins(folder: Folder) -> None:
    """Over one that only ends like it."""
    folder.list(folder.manifest("1"), "a.example/app:v1")
    exact = folder.list(folder.manifest("2"), "v1")
    assert found(folder, ":v1") == exact


def test_two_images_of_one_tag(folder: Folder) -> None:
    """Nobody can say which is meant."""
    folder.list(folder.manifest("1"), "a.example/one:v1")
    folder.list(folder.manifest("2"), "a.example/two:v1")
    with pytest.raises(MalformedError) as caught:
        found(folder, ":v1")
    assert caught.value.code == "layout-ambiguous"


def test_one_image_listed_twice(folder: Folder) -> None:
    """Is one image."""
    digest = folder.manifest("1")
    folder.list(digest, "v1")
    folder.list(digest, "v1")
    assert (found(folder), found(folder, ":v1")) == (digest, digest)


def test_the_only_image(folder: Folder) -> None:
    """No tag is needed where there is one image, whatever signs it."""
    digest = folder.list(folder.manifest("1"), "v1")
    for suffix in ("", ".sig", ".att", ".sbom"):
        folder.list(folder.manifest(suffix), f"{digest.tag_prefix}{suffix}")
    folder.list(
        folder.manifest("b", subject=digest), artifactType="application/vnd.dev.sigstore.bundle.v0.3+json"
    )
    assert found(folder) == digest


def test_two_images_need_a_tag(folder: Folder) -> None:
    """And the message says which there are."""
    folder.list(folder.manifest("1"), "v1")
    folder.list(folder.manifest("2"), "v2")
    with pytest.raises(MalformedError) as caught:
        found(folder)
    assert (caught.value.code, "v1, v2" in caught.value.hint) == ("layout-ambiguous", True)


def test_no_image(folder: Folder) -> None:
    """An empty index holds nothing."""
    folder.write()
    assert (found(folder), found(folder, ":v1")) == (None, None)


def test_by_digest(folder: Folder) -> None:
    """Listed or not: an instance of a list is only a blob."""
    digest = folder.manifest("1")
    folder.list(folder.manifest("2"), "v1")
    assert found(folder, ":v1", digest) == digest
    assert found(folder, f":@{digest}") == digest
    assert found(folder, ":v1", Digest.of(b"absent")) is None


def test_companion_tags(folder: Folder) -> None:
    """`.sig`, `.att` and the fallback tag are tags as in a registry."""
    digest = folder.list(folder.manifest("1"), "v1")
    companions = {}
    for suffix in ("", ".sig", ".att"):
        companions[suffix] = folder.list(folder.manifest(suffix), f"{digest.tag_prefix}{suffix}")
    assert {suffix: found(folder, ":v1", digest.tag_prefix + suffix) for suffix in companions} == companions


@pytest.mark.parametrize("kind, media_type", [("image", OCI_IMAGE), ("imageIndex", OCI_INDEX)])
def test_cosign_save(folder: Folder, kind: str, media_type: str) -> None:
    """Kinds stand for tags; they speak of the one image only."""
    digest = folder.list(folder.manifest("1", media_type=media_type), kind=kind, mediaType=media_type)
    signatures = folder.list(folder.manifest("s"), kind="sigs")
    attestations = folder.list(folder.manifest("a"), kind="atts")
    other = Digest.of(b"other")
    assert found(folder) == digest
    assert found(folder, "", f"{digest.tag_prefix}.sig") == signatures
    assert found(folder, "", f"{digest.tag_prefix}.att") == attestations
    assert [found(folder, "", each) for each in (digest.tag_prefix, f"{other.tag_prefix}.sig")] == [
        None,
        None,
    ]


def test_referrers(folder: Folder) -> None:
    """By the subject of each manifest; what cannot be read hides nothing."""
    digest = folder.list(folder.manifest("1"), "v1")
    ours = [folder.list(folder.manifest(str(number), subject=digest)) for number in range(3)]
    folder.list(folder.manifest("other", subject=Digest.of(b"other")))
    folder.list(folder.blob(b"no manifest"))
    folder.list(Digest.of(b"missing"))
    layout = Layout()
    assert tuple(each.digest for each in layout.referrers(folder.reference(), digest)) == tuple(ours)
    assert layout.referrers(folder.reference(), Digest.of(b"nobody")) == ()


def test_a_layout_that_grows_is_read_again(folder: Folder) -> None:
    """A signature added while we run is seen by the next question."""
    digest = folder.list(folder.manifest("1"), "v1")
    layout = Layout()
    before = layout.referrers(folder.reference(), digest)
    added = folder.list(folder.manifest("2", subject=digest))
    assert (before, [each.digest for each in layout.referrers(folder.reference(), digest)]) == ((), [added])


def descriptor(content: bytes, **changes: object) -> Descriptor:
    """A descriptor of some content."""
    made = Descriptor(media_type="a/b", digest=Digest.of(content), size=len(content), annotations={})
    return made.replace(**changes)


def test_a_blob(folder: Folder) -> None:
    """By its descriptor, with sha512 too."""
    folder.write()
    folder.blob(b"content")
    long = folder.blob(b"content", "sha512")
    layout = Layout()
    for wanted in (descriptor(b"content"), descriptor(b"content", digest=long)):
        assert layout.blob(folder.reference(), wanted, largest=10) == b"content"


def test_blobs_that_lie(folder: Folder) -> None:
    """Size, digest and limit hold; a missing blob is no empty one."""
    folder.write()
    digest = folder.blob(b"content")
    (folder.path / "blobs/sha256" / Digest.of(b"replaced").hex).write_bytes(b"something")
    cases = [
        (descriptor(b"content", size=8), 10, MalformedError, "blob-size"),
        (descriptor(b"content", size=6), 10, MalformedError, "file-too-large"),
        (descriptor(b"content"), 6, MalformedError, "blob-too-large"),
        (descriptor(b"replaced", size=9), 10, MalformedError, "digest-mismatch"),
        (descriptor(b"missing"), 10, Unavailable, "blob-missing"),
    ]
    seen = []
    for wanted, largest, _, _ in cases:
        with pytest.raises(VouchsafeError) as caught:
            Layout().blob(folder.reference(), wanted, largest=largest)
        seen.append((type(caught.value), caught.value.code))
    assert seen == [(kind, code) for _, _, kind, code in cases]
    assert digest.matches(b"content")


def test_a_manifest_that_lies(folder: Folder) -> None:
    """What index.json points at is hashed too."""
    digest = folder.list(folder.manifest("1"), "v1")
    (folder.path / "blobs/sha256" / digest.hex).write_text("{}")
    with pytest.raises(MalformedError) as caught:
        found(folder, ":v1")
    assert caught.value.code == "digest-mismatch"


def test_cve_2021_41190_a_manifest_of_another_type(folder: Folder) -> None:
    """The type in index.json and in the manifest agree."""
    folder.list(folder.manifest("1"), "v1", mediaType=DOCKER_IMAGE)
    with pytest.raises(MalformedError):
        found(folder, ":v1")


@pytest.mark.parametrize("member", ["index.json", "blobs", "blobs/sha256", "blob"])
def test_ghsa_8xwf_rjm4_xvhv_a_link_out_of_the_folder(folder: Folder, tmp_path: Path, member: str) -> None:
    """A blob, a folder of blobs or index.json that leads elsewhere is refused."""
    outside = Folder(tmp_path / "outside")
    digest = outside.list(outside.manifest("1"), "v1")
    folder.list(folder.manifest("1"), "v1")
    path = f"blobs/sha256/{digest.hex}" if member == "blob" else member
    os.rename(folder.path / path, tmp_path / "away")
    (folder.path / path).symlink_to(outside.path / path)
    with pytest.raises(MalformedError) as caught:
        found(folder, ":v1")
    assert caught.value.code == "layout-escape"


def test_a_link_inside_the_folder(folder: Folder) -> None:
    """Is the layout's own business."""
    digest = folder.list(folder.manifest("1"), "v1")
    blob = folder.path / "blobs/sha256" / digest.hex
    blob.rename(folder.path / "kept")
    blob.symlink_to("../../kept")
    assert found(folder, ":v1") == digest


def test_the_folder_itself_may_be_a_link(folder: Folder, tmp_path: Path) -> None:
    """/srv/current is how people deploy."""
    digest = folder.list(folder.manifest("1"), "v1")
    (tmp_path / "current").symlink_to(folder.path)
    manifest = Layout().manifest(Reference.parse(f"oci:{tmp_path}/current"), None)
    assert manifest is not None
    assert manifest.digest == digest


def test_a_fifo_does_not_hang_us(folder: Folder) -> None:
    """Nobody writes into it, ever."""
    folder.list(folder.manifest("1"), "v1")
    digest = Digest.of(b"fifo")
    os.mkfifo(folder.path / "blobs/sha256" / digest.hex)
    with pytest.raises(MalformedError) as caught:
        found(folder, ":v1", digest)
    assert caught.value.code == "file-special"


@pytest.mark.parametrize("path", ["/nowhere/at/all", "/etc/passwd", "/dev/null"])
def test_no_layout(path: str) -> None:
    """Unavailable: we could not look."""
    with pytest.raises(Unavailable) as caught:
        Layout().manifest(Reference.parse(f"oci:{path}"), None)
    assert caught.value.code == "layout"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_layout_that_may_not_be_read(folder: Folder) -> None:
    """It is there: "got no index.json" would send its owner looking for it."""
    folder.path.chmod(0)
    with pytest.raises(Unavailable) as caught:
        Layout().manifest(folder.reference(), None)
    folder.path.chmod(0o700)
    assert caught.value.code == "file-unreadable"


def test_another_transport() -> None:
    """A mistake of the wiring is told."""
    with pytest.raises(MalformedError):
        Layout().manifest(Reference.parse("dir:/x"), None)


def test_no_signature_files(folder: Folder) -> None:
    """They are beside `dir:` images only."""
    assert Layout().signatures(folder.reference(), Digest.of(b"")) == ()


BROKEN = [b"", b"{", b"[]", b"{}", b'{"manifests":1}', b'{"manifests":[1]}', b'{"manifests":[{}]}', b"\xff"]


@pytest.mark.parametrize("content", [*BROKEN, b'{"manifests":[{"digest":"sha256:../../x","size":1}]}'])
def test_a_broken_index(folder: Folder, content: bytes) -> None:
    """Malformed."""
    (folder.path / "index.json").write_bytes(content)
    with pytest.raises(MalformedError):
        found(folder)


@given(st.binary(max_size=200))
def test_any_index(content: bytes) -> None:
    """Entries or MalformedError."""
    try:
        read_index(content)
    except MalformedError:
        return


_NAMES = st.text(max_size=12) | st.sampled_from(
    ["v1", "a/b:v1", "a/b:", f"sha256-{'a' * 64}.sig", ":", "/", "a/b@c:d"]
)


@given(
    st.lists(
        st.fixed_dictionaries(
            {"digest": st.sampled_from([f"sha256:{c * 64}" for c in "ab"]), "size": st.integers(0, 9)},
            optional={"annotations": st.dictionaries(st.sampled_from([REF_NAME, "kind", "x"]), _NAMES)},
        ),
        max_size=5,
    ),
    _NAMES,
)
def test_any_names(tmp_path_factory: pytest.TempPathFactory, entries: list[dict[str, Any]], tag: str) -> None:
    """Whatever index.json calls things: an answer or one of our errors."""
    path = tmp_path_factory.mktemp("layout")
    (path / "index.json").write_text(json.dumps({"manifests": entries}))
    for wanted in (None, tag):
        try:
            Layout().manifest(Reference(transport="oci", path=str(path)), wanted)
        except VouchsafeError:
            continue


def test_the_corpus(vectors: Path) -> None:
    """Layouts of real cosign: one image each, its companions where cosign put them."""
    cases = {case["case"]: case for case in json.loads((vectors / "corpus/cases.json").read_text())["cases"]}
    seen, expected = {}, {}
    layout = Layout()
    for folder in sorted(path for path in (vectors / "corpus").iterdir() if path.is_dir()):
        manifest = layout.manifest(Reference.parse(f"oci:{folder}"), None)
        seen[folder.name] = str(manifest.digest) if manifest else None
        expected[folder.name] = cases[folder.name]["image_digest"]
    assert seen == expected


@pytest.mark.parametrize("name", ["att-layout-v1.4.0", "att-layout-v2.1.0"])
def test_real_cosign_save(vectors: Path, name: str) -> None:
    """`cosign save` of a published image: an index and its attestations."""
    reference = Reference.parse(f"oci:{vectors}/real/{name}")
    layout = Layout()
    image = layout.manifest(reference, None)
    assert image is not None
    attestations = layout.manifest(reference, f"{image.digest.tag_prefix}.att")
    assert attestations is not None
    assert {layer.media_type for layer in attestations.layers} == {"application/vnd.dsse.envelope.v1+json"}
    assert layout.manifest(reference, f"{image.digest.tag_prefix}.sig") is None
