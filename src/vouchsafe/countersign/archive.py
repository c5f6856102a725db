"""Images' evidence in one file, for hosts that no registry reaches: written here, read with suspicion there.

A tar of `index.json` and blobs by digest. The trust roots that come along are for people and for
`trust refresh`: whoever imports judges by the policy and the roots of its own.
"""

from __future__ import annotations

import io
import json
import tarfile

from vouchsafe.countersign.rows import Piece
from vouchsafe.errors import MalformedError
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import Manifest
from vouchsafe.image.reference import Repository
from vouchsafe.record import Record
from vouchsafe.strictjson import Fields

VERSION = 1
INDEX = "index.json"
TRUSTED_ROOT = "trusted_root.json"
DELIVERY = "delivery.json"
LARGEST = 512 * 1024 * 1024  # bytes of the whole
LARGEST_MEMBER = 8 * 1024 * 1024  # bytes
MOST_MEMBERS = 100_000
MOST_IMAGES = 10_000
MOST_PIECES = 64
_END = bytes(tarfile.BLOCKSIZE)  # instead of a header


class Packed(Record):
    """One image: its manifest, and its evidence."""

    repository: Repository
    manifest: Manifest
    pieces: tuple[Piece, ...]


class Archive(Record):
    """`trusted_root` and `delivery` (a signed one, which TUF brought) are those of the host that packed it."""

    images: tuple[Packed, ...]
    trusted_root: bytes = b""
    delivery: bytes = b""


def write(archive: Archive) -> bytes:
    """The file; the same for the same content."""
    blobs: dict[str, bytes] = {}

    def kept(content: bytes) -> str:
        digest = Digest.of(content)
        blobs[f"blobs/sha256/{digest.hex}"] = content
        return str(digest)

    images = [
        {
            "repository": image.repository.name,
            "manifest": kept(image.manifest.raw),
            "mediaType": image.manifest.media_type,
            "evidence": [
                {"mediaType": p.media_type, "annotations": p.annotations, "blob": kept(p.blob)}
                for p in image.pieces
            ],
        }
        for image in archive.images
    ]
    index = json.dumps({"schemaVersion": VERSION, "images": images}, indent=1, sort_keys=True).encode()
    members = {INDEX: index, TRUSTED_ROOT: archive.trusted_root, DELIVERY: archive.delivery, **blobs}
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in sorted(members.items()):
            if content:
                header = tarfile.TarInfo(name)
                header.size = len(content)
                tar.addfile(header, io.BytesIO(content))
    return file.getvalue()


def read(blob: bytes) -> Archive:
    """The file as somebody gave it to us; MalformedError."""
    members = _members(blob)
    fields = Fields.parse(members.get(INDEX, b""), what=INDEX, largest=LARGEST_MEMBER)
    if fields.integer("schemaVersion") != VERSION:
        raise MalformedError("archive", f"expected schemaVersion {VERSION} in {INDEX}, got another")
    return Archive(
        images=tuple(_packed(image, members) for image in fields.objects("images", MOST_IMAGES)),
        trusted_root=members.get(TRUSTED_ROOT, b""),
        delivery=members.get(DELIVERY, b""),
    )


def _members(blob: bytes) -> dict[str, bytes]:
    """Every file; nothing is written anywhere, so that no name can lead out of a folder.

    Header by header, and plain files alone: what `tarfile` would follow by itself can be made to fill the memory
    (sparse files: 512 bytes for 8 MiB), to recurse (long names) or to go back to where it was (negative sizes).
    """
    if len(blob) > LARGEST:
        raise MalformedError("archive", f"expected at most {LARGEST} bytes, got more")
    members: dict[str, bytes] = {}
    offset = 0
    while (block := blob[offset : offset + tarfile.BLOCKSIZE]) != _END:
        try:
            header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except (tarfile.TarError, ValueError) as error:
            raise MalformedError(
                "archive", f"expected an archive of `countersign export`, got: {error}"
            ) from error
        start = offset + tarfile.BLOCKSIZE
        content = blob[start : start + max(header.size, 0)]
        small = len(content) == header.size <= LARGEST_MEMBER and len(members) < MOST_MEMBERS
        if header.type != tarfile.REGTYPE or not small or header.name in members:
            raise MalformedError("archive", f"expected a small file, got {header.name[:80]!r}")
        members[header.name] = content
        offset = start + -(-header.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
    return members


def _packed(fields: Fields, members: dict[str, bytes]) -> Packed:
    def blob(of: Fields, key: str) -> bytes:
        digest = Digest.parse(of.text(key))
        content = members.get(f"blobs/{digest.algorithm}/{digest.hex}")
        if content is None or not digest.matches(content):
            raise MalformedError("archive", f"expected the blob {digest}, got none or another")
        return content

    return Packed(
        repository=Repository.parse(fields.text("repository")),
        manifest=Manifest.parse(blob(fields, "manifest"), served_as=fields.text("mediaType")),
        pieces=tuple(
            Piece(
                media_type=each.text("mediaType"),
                annotations=each.texts("annotations"),
                blob=blob(each, "blob"),
            )
            for each in fields.objects("evidence", MOST_PIECES)
        ),
    )
