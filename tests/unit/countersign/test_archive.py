"""An archive comes back as it was written; one that somebody else wrote is read with suspicion."""

from __future__ import annotations

import io
import json
import tarfile

import pytest

from vouchsafe.countersign import archive
from vouchsafe.countersign.archive import Archive, Packed
from vouchsafe.countersign.rows import Piece
from vouchsafe.errors import MalformedError
from vouchsafe.image.manifest import Manifest
from vouchsafe.image.reference import Repository
from vouchsafe.testing.registry import RegistryStore, push_index


def packed() -> Packed:
    """An index with a piece of evidence."""
    store = RegistryStore()
    digest, _ = push_index(store, "app")
    stored = store.manifest("app", str(digest))
    assert stored is not None
    return Packed(
        repository=Repository(domain="r.example", path="app"),
        manifest=Manifest.parse(stored.raw),
        pieces=(Piece(media_type="application/x", annotations={"a": "b"}, blob=b"evidence"),),
    )


def test_it_comes_back() -> None:
    """The same bytes for the same content."""
    made = Archive(images=(packed(),), trusted_root=b"{}", delivery=b"signed")
    assert archive.read(archive.write(made)) == made
    assert archive.write(made) == archive.write(made)
    assert archive.read(archive.write(Archive(images=()))) == Archive(images=())


def members(blob: bytes) -> dict[str, bytes]:
    """What is inside."""
    with tarfile.open(fileobj=io.BytesIO(blob)) as tar:
        return {each.name: file.read() for each in tar if (file := tar.extractfile(each))}


def tar(content: dict[str, bytes]) -> bytes:
    """A tar of these files."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as made:
        for name, data in content.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            made.addfile(entry, io.BytesIO(data))
    return file.getvalue()


GOOD = members(archive.write(Archive(images=(packed(),))))
INDEX = json.loads(GOOD[archive.INDEX])
BLOBS = {name: content for name, content in GOOD.items() if name != archive.INDEX}


@pytest.mark.parametrize(
    "content",
    [
        {},
        {archive.INDEX: b""},
        {archive.INDEX: b"[]"},
        {archive.INDEX: json.dumps({**INDEX, "schemaVersion": 2}).encode(), **BLOBS},
        {archive.INDEX: GOOD[archive.INDEX]},
        {archive.INDEX: GOOD[archive.INDEX], **dict.fromkeys(BLOBS, b"other")},
        {archive.INDEX: GOOD[archive.INDEX].replace(b"r.example/app", b"../../../../x"), **BLOBS},
        {archive.INDEX: GOOD[archive.INDEX].replace(b"sha256:", b"sha256:../"), **BLOBS},
    ],
)
def test_what_does_not_hold_together(content: dict[str, bytes]) -> None:
    """Blobs are hashed, names parsed."""
    with pytest.raises(MalformedError):
        archive.read(tar(content))


@pytest.mark.parametrize(
    "blob", [b"not a tar at all" * 100, archive.write(Archive(images=()))[:700], b"\x1f\x8b" + bytes(600)]
)
def test_what_is_no_archive(blob: bytes) -> None:
    """Nor one that is compressed: a small file would fill the memory."""
    with pytest.raises(MalformedError):
        archive.read(blob)


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE]
)
def test_only_files(kind: bytes) -> None:
    """No link, device or folder."""
    entry = tarfile.TarInfo(archive.INDEX)
    entry.type = kind
    entry.linkname = "/etc/shadow"
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as made:
        made.addfile(entry)
    with pytest.raises(MalformedError):
        archive.read(file.getvalue())


def test_a_large_member_is_refused() -> None:
    """Before it is read."""
    with pytest.raises(MalformedError):
        archive.read(tar({archive.INDEX: bytes(archive.LARGEST_MEMBER + 1)}))


def header(name: str, kind: bytes, *, size: bytes = b"", sparse: int = 0) -> bytes:
    """A header alone: `size` as its field is written, `sparse` the bytes that a sparse file says it has."""
    entry = tarfile.TarInfo(name)
    entry.type = kind
    block = bytearray(entry.tobuf(tarfile.GNU_FORMAT))
    block[124:136] = size or block[124:136]
    if sparse:
        block[483:495] = b"%011o\0" % sparse
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


BACKWARDS = b"\xff" + (-512).to_bytes(11, "big", signed=True)
END = bytes(1024)


@pytest.mark.parametrize(
    "blob",
    [
        header("sparse", tarfile.GNUTYPE_SPARSE, sparse=archive.LARGEST_MEMBER) * 100 + END,
        (header("x", tarfile.GNUTYPE_LONGNAME, size=b"%011o\0" % 1) + b"y".ljust(512, b"\0")) * 3_000 + END,
        (header("x", tarfile.XHDTYPE, size=b"%011o\0" % 11) + b"11 path=yy\n".ljust(512, b"\0")) * 3_000
        + END,
        header("x", tarfile.REGTYPE, size=BACKWARDS) + END,
        header(archive.INDEX, tarfile.REGTYPE) * 2 + END,
        header(archive.INDEX, tarfile.REGTYPE, size=b"%011o\0" % 2_000) + END,
    ],
    ids=["sparse", "long names", "extended", "negative", "twice", "cut"],
)
def test_what_a_header_may_not_make_of_a_small_file(blob: bytes) -> None:
    """A memory full of zeros, a recursion without end, a loop, or two files of one name."""
    with pytest.raises(MalformedError, match="expected a small file"):
        archive.read(blob)
