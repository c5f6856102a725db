"""What is stated of an image by a document: the document itself, or, where it is too large, a reference to it.

An SBOM of a few megabytes passes no public log: the log keeps the whole of what is attested, or closes the connection.
Then the SBOM is kept beside the image, and its digest is attested.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from vouchsafe.cli.amounts import amount
from vouchsafe.cli.console import Console
from vouchsafe.cli.usage import UsageError
from vouchsafe.errors import printable
from vouchsafe.image.reference import Reference
from vouchsafe.signing import predicate, reference
from vouchsafe.signing.make import Statement

CHOICES = ("auto", "always", "never")
KINDS = ", ".join(reference.MEDIA_TYPES)


def add_by_reference(group: argparse._ArgumentGroup, flag: str) -> None:
    """The flag that both commands have, under a name of each."""
    group.add_argument(
        flag,
        dest="by_reference",
        choices=CHOICES,
        default=CHOICES[0],
        help="keep an SBOM beside the image and attest its digest (predicate type"
        f" {reference.PREDICATE_TYPE}); auto: where it is too large (default: %(default)s)",
    )


def by_document(
    blob: bytes,
    kind: str,
    image: Reference,
    *,
    source: str,
    wish: str,
    annotations: Mapping[str, str],
    console: Console,
) -> Statement:
    """`kind`: cosign's short name or a URI; `source` names the document. ConfigurationError, UsageError."""
    media_type = reference.MEDIA_TYPES.get(kind, "")
    if wish == "always" and not media_type:
        raise UsageError(f"expected --by-reference always for an SBOM (--type {KINDS}), got --type {kind}")
    if not media_type or image.repository is None or wish == "never":
        return _inline(blob, kind, source, annotations)
    document = reference.Document(media_type=media_type, content=blob)
    refers = Statement(
        predicate_type=reference.PREDICATE_TYPE,
        predicate=reference.predicate(document, image.repository),
        annotations=annotations,
        document=document,
    )
    if wish == "auto" and predicate.fits(blob):
        return _inline(blob, kind, source, annotations).replace(otherwise=refers)
    predicate.read(blob, kind, source=source, largest=reference.LARGEST)
    why = "" if wish == "always" else ", more than readers of attestations take"
    console.note(
        f"vouchsafe: {printable(source)} has {amount(len(blob))}{why}: it is kept beside {image},"
        f" and its digest is attested ({reference.PREDICATE_TYPE})"
    )
    return refers


def _inline(blob: bytes, kind: str, source: str, annotations: Mapping[str, str]) -> Statement:
    return Statement(
        predicate_type=predicate.TYPES.get(kind, kind),
        predicate=predicate.read(blob, kind, source=source),
        annotations=annotations,
    )
