"""An order, one image's run and one manifest's part of it: what is there, what is attached, what came of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from vouchsafe.ci.consumers import Consumer
from vouchsafe.ci.done import DocumentDone, FormDone, ManifestDone
from vouchsafe.ci.known import Known
from vouchsafe.ci.subjects import Found
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference
from vouchsafe.record import Record
from vouchsafe.signing.attach import Attachment
from vouchsafe.signing.make import FORMS, Form, Made, Statement, foreseen
from vouchsafe.signing.reference import Document
from vouchsafe.signing.uploads import Uploads
from vouchsafe.verification import VerifiedSignature
from vouchsafe.wiring.signing import Bench

Present = dict[Form, VerifiedSignature]  # what is there already, by form


class Order(Record):
    """What every image of the run gets. `name`: what it is called in the signature, "" for its repository.

    `required`: consumers that must be able to read it, or the run fails.
    """

    statement: Statement = Statement()
    forms: frozenset[Form] = frozenset(FORMS)
    recursive: bool = True
    name: str = ""
    required: tuple[Consumer, ...] = ()
    dry_run: bool = False


class Work:
    """What all manifests of one image share in one run."""

    def __init__(self, bench: Bench, image: Reference) -> None:
        """`image` as it was asked for."""
        self.bench = bench
        self.image = image
        self.registry = Known(bench.registry)
        self.uploads = Uploads(bench.registry, image)


class Job:
    """One manifest's part of the run."""

    def __init__(self, work: Work, found: Found, present: Present, order: Order) -> None:
        """Nothing of it is done yet."""
        self.found = found
        self.forms = order.forms | present.keys()
        self.missing = order.forms - present.keys()
        self.wanted = [form for form in FORMS if form in order.forms]
        self._present = present
        self._suffix = order.statement.suffix
        self._made: dict[Form, tuple[str, VerifiedSignature]] = {}
        self.attachment = Attachment(
            work.bench.registry, work.image, found.subject, work.bench.pace, work.uploads
        )
        self.document: Digest | None = None
        self._document = order.statement.document
        self._writing = threading.Lock()

    def foreseen(self, statement: Statement, name: str) -> list[Callable[[], None]]:
        """What sends all that attaching will need and no signature is in."""
        return foreseen(self.attachment, statement, self.found.subject.digest, name, self.missing)

    def keep_document(self, document: Document) -> None:
        """Keep what is attested by its digest."""
        self.document = self.attachment.document(document)

    def settle(self) -> bool:
        """Return when what was attached is there to stay; whether somebody else has been at it."""
        with self._writing:
            return self.attachment.settle()

    def heal(self) -> bool:
        """Attach again what has got lost; False when nothing was attached in this run."""
        with self._writing:
            self.attachment.settle(anew=True)
        return bool(self._made) or self.document is not None

    def keep(self, everything: Sequence[Made], places: dict[Form, str]) -> None:
        """Remember what was attached, and where."""
        for made in everything:
            self._made[made.form] = (places[made.form], made.verified)

    def done(self, *, dry_run: bool) -> ManifestDone:
        """What has been, or would be done."""
        forms = []
        for form in self.wanted:
            done = FormDone(form=form, suffix=self._suffix, state="would sign" if dry_run else "signed")
            if form in self._present:
                there = self._present[form]
                done = done.replace(state="already", place=there.origin, logged=there.logged)
            elif form in self._made:
                place, verified = self._made[form]
                done = done.replace(place=place, logged=verified.logged)
            elif form == "legacy":
                done = done.replace(place=self.found.subject.digest.tag_prefix + self._suffix)
            forms.append(done)
        digest, platform = self.found.subject.digest, self.found.platform
        return ManifestDone(
            digest=digest, platform=platform, forms=tuple(forms), document=self._kept_document()
        )

    def _kept_document(self) -> DocumentDone | None:
        if self._document is None:
            return None
        return DocumentDone(
            place="" if self.document is None else str(self.document),
            digest=self._document.digest,
            media_type=self._document.media_type,
            size=len(self._document.content),
        )
