"""Whether a document that is kept beside an image, while its digest is attested, is found as a reader would find it."""

from __future__ import annotations

from vouchsafe.ci.done import Seen
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import Descriptor
from vouchsafe.image.reference import Reference
from vouchsafe.ports import Registry
from vouchsafe.signing.reference import Document

READER = "vouchsafe (document)"


def seen(
    registry: Registry, image: Reference, subject: Digest, place: Digest | None, document: Document
) -> Seen:
    """Whether `place` is among the referrers of `subject`, and its bytes are those whose digest is attested.

    Unavailable, MalformedError.
    """
    if place not in _listed(registry, image, subject):
        return Seen(reader=READER, digest=subject, ok=False, words="kept, and not found again")
    size = len(document.content)
    layer = Descriptor(media_type=document.media_type, digest=document.digest, size=size, annotations={})
    registry.blob(image, layer, largest=size)  # hashed and compared there
    return Seen(reader=READER, digest=subject, ok=True)


def _listed(registry: Registry, image: Reference, subject: Digest) -> set[Digest]:
    found = {each.digest for each in registry.referrers(image, subject)}
    fallback = registry.manifest(image, subject.tag_prefix)
    return found | {each.digest for each in (fallback.entries if fallback is not None else ())}
