"""What a signing run did, manifest by manifest: plain data for whoever prints it."""

from __future__ import annotations

from typing import Literal

from vouchsafe.errors import VouchsafeError
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference
from vouchsafe.record import Record
from vouchsafe.signing.make import Form
from vouchsafe.verification.signature import LogPlace

State = Literal["signed", "already", "would sign"]


class FormDone(Record):
    """One form of one manifest: `.sig`, `.att` or a bundle.

    `place`: the tag or the referrer's digest; `logged`: where it was recorded.
    """

    form: Form
    suffix: str
    state: State
    place: str = ""
    logged: tuple[LogPlace, ...] = ()

    @property
    def name(self) -> str:
        """As people call it."""
        return self.suffix if self.form == "legacy" else "bundle"


class DocumentDone(Record):
    """What was kept beside a manifest, because it was too large to be attested itself; `place` is the referrer."""

    place: str
    digest: Digest
    media_type: str
    size: int


class ManifestDone(Record):
    """One manifest: the image, the index, or a platform of it (`linux/arm64`)."""

    digest: Digest
    platform: str = ""
    forms: tuple[FormDone, ...] = ()
    document: DocumentDone | None = None


class Seen(Record):
    """What one reader made of a manifest: `ok`, or why not in its own words.

    `required`: without it the run fails; of others it is only said.
    """

    reader: str
    digest: Digest
    ok: bool
    words: str = ""
    required: bool = True


class ImageDone(Record):
    """One image. `digest` is what its tag was resolved to, once; `error` says why the rest is missing."""

    reference: Reference
    digest: Digest | None = None
    manifests: tuple[ManifestDone, ...] = ()
    seen: tuple[Seen, ...] = ()
    error: VouchsafeError | None = None

    @property
    def is_unreadable(self) -> bool:
        """Whether somebody who was asked to could not read it."""
        return any(each.required and not each.ok for each in self.seen)

    @property
    def log_indexes(self) -> tuple[int, ...]:
        """Of the entries about the image itself (not its platforms), in the order of the forms."""
        return tuple(
            place.index
            for manifest in self.manifests
            if manifest.digest == self.digest
            for form in manifest.forms
            for place in form.logged
        )
