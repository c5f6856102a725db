"""One image's signatures or attestations in the forms that are wanted, made first and attached later.

Two forms: `legacy`, the layers at `.sig` and `.att` that containers/image and cosign 2 read, and `bundle`,
the referrer of cosign 3. Attached in this order: with `.sig` alone every consumer can read, whereas cosign
ignores `.sig` beside any bundle.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Literal

from vouchsafe.evidence import legacy
from vouchsafe.evidence.types import Evidence
from vouchsafe.image.digest import Digest
from vouchsafe.record import Record
from vouchsafe.signing import content, formats
from vouchsafe.signing.artifact import EMPTY
from vouchsafe.signing.attach import Attachment
from vouchsafe.signing.ceremony import Ceremony
from vouchsafe.signing.reference import Document
from vouchsafe.signing.together import together
from vouchsafe.verification import VerifiedSignature
from vouchsafe.verification.claim import SIGN_PREDICATE

Form = Literal["legacy", "bundle"]
FORMS: tuple[Form, ...] = ("legacy", "bundle")  # in the order in which they are attached
MEDIA_TYPES = {".sig": legacy.SIMPLE_SIGNING, ".att": legacy.DSSE_ENVELOPE}


class Statement(Record):
    """What is stated of an image: that it was signed, or a predicate of another type.

    `document`: what the predicate refers to, to be kept beside the image. `otherwise`: what is stated instead
    where a log finds this too large.
    """

    predicate_type: str = SIGN_PREDICATE
    predicate: object = None
    annotations: Mapping[str, str] = {}
    document: Document | None = None
    otherwise: Statement | None = None

    @property
    def is_signature(self) -> bool:
        """Whether this makes an image "signed"."""
        return self.predicate_type == SIGN_PREDICATE

    @property
    def suffix(self) -> str:
        """Of the tag that holds the legacy form."""
        return ".sig" if self.is_signature else ".att"


class Made(Record):
    """One verified piece of evidence, ready to be attached: `blob` with, for a layer, its annotations."""

    form: Form
    statement: Statement
    verified: VerifiedSignature
    blob: bytes
    annotations: Mapping[str, str] = {}


def make(
    ceremony: Ceremony, statement: Statement, digest: Digest, name: str, forms: frozenset[Form]
) -> tuple[Made, ...]:
    """Sign for one image, known as `name` in its repository. Nothing is published but in the logs."""
    if not statement.is_signature:
        return _attestation(ceremony, statement, digest, name, forms)

    def layer() -> Made:
        payload = _payload(statement, digest, name)
        return _layer(statement, payload, ceremony.signature_layer(payload))

    def bundle() -> Made:
        return _bundle(statement, ceremony.bundle(_statement(statement, digest, name)))

    makers: dict[Form, Callable[[], Made]] = {"legacy": layer, "bundle": bundle}
    return tuple(together([makers[form] for form in FORMS if form in forms], most=len(FORMS)))


def foreseen(
    attachment: Attachment, statement: Statement, digest: Digest, name: str, forms: frozenset[Form]
) -> list[Callable[[], None]]:
    """What sends all that attaching will need and no signature is in: it can go up while the log is asked."""
    tasks: list[Callable[[], None]] = []
    if "legacy" in forms and statement.is_signature:
        suffix, payload = statement.suffix, _payload(statement, digest, name)
        tasks += [partial(attachment.send, payload)]
        tasks += [partial(attachment.foresee, suffix, MEDIA_TYPES[suffix], payload)]
    if "bundle" in forms:
        tasks += [partial(attachment.send, EMPTY)]
    return tasks


def attach(attachment: Attachment, everything: Sequence[Made], at: datetime) -> dict[Form, str]:
    """Attach, in their order; says where: a tag, or the digest of the referrer.

    While the first is attached the blobs of the others go up, to which nothing refers yet.
    """

    def one(made: Made) -> str:
        if made.form == "legacy":
            suffix = made.statement.suffix
            return attachment.layer(suffix, MEDIA_TYPES[suffix], made.blob, dict(made.annotations))
        return attachment.bundle(made.blob, predicate_type=made.statement.predicate_type, at=at)

    places: dict[Form, str] = {}

    def first() -> None:
        places[everything[0].form] = one(everything[0])

    rest = everything[1:]
    sends: list[Callable[[], object]] = [partial(attachment.send, made.blob) for made in rest]
    together([first, *sends], most=len(FORMS))
    return places | {made.form: one(made) for made in rest}


def _attestation(
    ceremony: Ceremony, statement: Statement, digest: Digest, name: str, forms: frozenset[Form]
) -> tuple[Made, ...]:
    written = _statement(statement, digest, name)
    layer, bundle = ceremony.attestation(written, layer="legacy" in forms, bundle="bundle" in forms)
    made: list[Made] = []
    if layer is not None:
        made.append(_layer(statement, content.envelope(written, layer[0].signature), layer))
    if bundle is not None:
        made.append(_bundle(statement, bundle))
    return tuple(made)


def _payload(statement: Statement, digest: Digest, name: str) -> bytes:
    return content.simple_signing(digest, name, optional=statement.annotations)


def _statement(statement: Statement, digest: Digest, name: str) -> bytes:
    return content.statement(
        digest,
        name,
        predicate_type=statement.predicate_type,
        predicate=statement.predicate,
        annotations=statement.annotations,
    )


def _layer(statement: Statement, blob: bytes, signed: tuple[Evidence, VerifiedSignature]) -> Made:
    evidence, verified = signed
    written = formats.layer_annotations(evidence, predicate_type=statement.predicate_type)
    return Made(form="legacy", statement=statement, verified=verified, blob=blob, annotations=written)


def _bundle(statement: Statement, signed: tuple[Evidence, VerifiedSignature]) -> Made:
    evidence, verified = signed
    return Made(form="bundle", statement=statement, verified=verified, blob=formats.bundle(evidence))
