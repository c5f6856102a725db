"""Where an image's evidence may be, and in which order to look: `.sig`, referrers, fallback tag, `.att`.

Nothing is filtered by what a registry says about a descriptor: cosign's own entries in the fallback index
carry a wrong artifactType, so each manifest is opened. What is cheap to see (a certificate in an annotation,
a media type) only orders the search, so that junk in front cannot hide the signature behind it. One thing
that cannot be read is set aside and remembered; it must not deny the rest.

Sources: OCI distribution-spec "Listing Referrers", cosign SIGNATURE_SPEC.md.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial

from vouchsafe.admission.ahead import ahead
from vouchsafe.errors import MalformedError, VouchsafeError
from vouchsafe.evidence import MEDIA_TYPES, bundle, containers, is_evidence_type, legacy
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import Descriptor
from vouchsafe.image.reference import Reference
from vouchsafe.ports import Registry
from vouchsafe.record import Record

LARGEST_BLOB = 4 * 1024 * 1024  # bytes of one bundle, envelope or payload
LARGEST_AHEAD = 256 * 1024  # bytes of a blob that is fetched before its turn
MOST_KEPT = (
    64  # small blobs that may be named again: each time an image is signed anew, the payload is the same
)
MOST_DESCRIPTORS = 100_000  # of one listing; one index of 4 MiB holds no more

Read = Callable[[], bytes]


class Candidate(Record):
    """Something that may be evidence; `read` fetches it. `origin` says for people where it is."""

    origin: str
    media_type: str
    annotations: dict[str, str]
    read: Read


class Trouble(Record):
    """Something that could not be read, and why."""

    origin: str
    error: VouchsafeError


Found = Candidate | Trouble


def candidates(
    registry: Registry,
    reference: Reference,
    digest: Digest,
    *,
    attestations: bool,
    likely: Callable[[bytes], bool],
) -> Iterator[Found]:
    """All that may be evidence about `digest`, likeliest first, read lazily.

    `attestations`: look for `.att` too. `likely` takes a certificate's bytes and says whether they name
    somebody that would be accepted; it orders, it never excludes.
    """
    where = _Place(registry, reference, digest)
    yield from where.beside()
    yield from where.tagged(".sig", likely)
    if attestations:
        yield from where.tagged(".att", likely)
    listed = _once((yield from where.listed()))
    yield from where.opened(listed.values())
    fallback = _once((yield from where.fallback()))
    yield from where.opened(entry for digest, entry in fallback.items() if digest not in listed)


class _Place:
    """One image in one registry."""

    __slots__ = ("_kept", "digest", "reference", "registry")

    def __init__(self, registry: Registry, reference: Reference, digest: Digest) -> None:
        self.registry = registry
        self.reference = reference
        self.digest = digest
        self._kept: dict[tuple[Digest, int], bytes] = {}

    def beside(self) -> Iterator[Found]:
        """Signature blobs as containers/image keeps them."""
        try:
            blobs = self.registry.signatures(self.reference, self.digest)
        except VouchsafeError as error:
            yield Trouble(origin="signatures beside the image", error=error)
            return
        for number, blob in enumerate(blobs, 1):
            yield Candidate(
                origin=f"signature-{number}",
                media_type=containers.SIGNATURE_BLOB,
                annotations={},
                read=_value(blob),
            )

    def tagged(self, suffix: str, likely: Callable[[bytes], bool]) -> Iterator[Found]:
        """The layers of cosign's `sha256-<hex>.sig` or `.att`."""
        tag = self.digest.tag_prefix + suffix
        try:
            manifest = self.registry.manifest(self.reference, tag)
            if manifest is None:
                return
            if manifest.is_index:
                raise MalformedError(
                    "signature-manifest", f"expected an image manifest at {tag}, got an index"
                )
        except VouchsafeError as error:
            yield Trouble(origin=f"tag {tag}", error=error)
            return
        numbered = enumerate(manifest.layers, 1)
        ordered = sorted(numbered, key=lambda pair: not _names_somebody_likely(pair[1], likely))
        yield from ahead(lambda pair: self._candidate(pair[1], f"tag {tag}, layer {pair[0]}"), ordered)

    def listed(self) -> Generator[Found, None, tuple[Descriptor, ...]]:
        """What the referrers API lists, returned; yields what went wrong."""
        try:
            return self.registry.referrers(self.reference, self.digest)[:MOST_DESCRIPTORS]
        except VouchsafeError as error:
            yield Trouble(origin="referrers", error=error)
            return ()

    def fallback(self) -> Generator[Found, None, tuple[Descriptor, ...]]:
        """What the fallback tag's index lists: for registries without the API, and those that got it later."""
        tag = self.digest.tag_prefix
        try:
            manifest = self.registry.manifest(self.reference, tag)
        except VouchsafeError as error:
            yield Trouble(origin=f"tag {tag}", error=error)
            return ()
        return manifest.entries if manifest is not None else ()

    def opened(self, entries: Iterable[Descriptor]) -> Iterator[Found]:
        """The evidence in each referrer. Its manifest decides, not the descriptor."""
        for found in ahead(self._open, sorted(entries, key=_unlikeliness)):
            yield from found

    def _open(self, entry: Descriptor) -> list[Found]:
        origin = f"referrer {entry.digest}"
        try:
            manifest = self.registry.manifest(self.reference, entry.digest)
        except VouchsafeError as error:
            return [Trouble(origin=origin, error=error)]
        layers = manifest.layers if manifest is not None else ()
        evidence = [layer for layer in layers if is_evidence_type(layer.media_type)]
        # Nobody writes more than one; who does shall not make us hold them all.
        return [self._candidate(layer, origin, early=len(evidence) == 1) for layer in evidence]

    def _candidate(self, layer: Descriptor, origin: str, *, early: bool = True) -> Candidate:
        """`early`: with its content, or the error in its place, unless that is large."""
        read: Read = partial(self.registry.blob, self.reference, layer, largest=LARGEST_BLOB)
        if early and layer.size <= LARGEST_AHEAD:
            read = self._fetched(layer, read)
        return Candidate(origin=origin, media_type=layer.media_type, annotations=layer.annotations, read=read)

    def _fetched(self, layer: Descriptor, read: Read) -> Read:
        blob = self._kept.get((layer.digest, layer.size))
        if blob is None:
            try:
                blob = read()
            except VouchsafeError as error:
                return _failure(error)
            if len(self._kept) < MOST_KEPT:
                self._kept[layer.digest, layer.size] = blob
        return _value(blob)


def _once(entries: Iterable[Descriptor]) -> dict[Digest, Descriptor]:
    """By digest: a listing may name one thing a hundred thousand times."""
    found: dict[Digest, Descriptor] = {}
    for entry in entries:
        found.setdefault(entry.digest, entry)
    return found


def _value(blob: bytes) -> Read:
    return lambda: blob


def _failure(error: VouchsafeError) -> Read:
    def read() -> bytes:
        raise error

    return read


def _unlikeliness(entry: Descriptor) -> int:
    """0 for a descriptor that claims to be a bundle, 1 for one that claims nothing, 2 for anything else."""
    claimed = entry.artifact_type
    if claimed in MEDIA_TYPES or claimed.startswith(bundle.FAMILY):
        return 0
    return 1 if claimed in ("", "application/vnd.oci.empty.v1+json") else 2


def _names_somebody_likely(layer: Descriptor, likely: Callable[[bytes], bool]) -> bool:
    text = "".join(layer.annotations.get(legacy.CERTIFICATE, "").strip().split("\n")[1:-1])
    try:
        return likely(binascii.a2b_base64(text))
    except ValueError:
        return False
