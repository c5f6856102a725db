"""A signing run, image by image: resolve, look, sign, attach, read back; in that order.

Everything that can go wrong without a trace goes first: nothing is attached before all evidence of an image
has been made and verified. Platforms come before the index that names them, so that a signed index always has
signed platforms; whatever an interrupted run left out, the next one adds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial

from vouchsafe.ci import consumers, kept
from vouchsafe.ci.consumers import Consumer
from vouchsafe.ci.done import DocumentDone, FormDone, ImageDone, ManifestDone, Seen
from vouchsafe.ci.subjects import Found, resolve
from vouchsafe.ci.witness import Who, Witness
from vouchsafe.errors import VouchsafeError
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference
from vouchsafe.ports import Clock, PushRegistry, Signature
from vouchsafe.record import Record
from vouchsafe.signing.attach import Attachment
from vouchsafe.signing.make import FORMS, Form, Made, Statement, attach, make
from vouchsafe.signing.reference import Document
from vouchsafe.signing.together import together
from vouchsafe.verification import VerifiedSignature
from vouchsafe.wiring.signing import Bench

TOO_LARGE = "log-too-large"  # what a log's refusal of a size is called
MOST_HEALINGS = 3  # looks at one form, each after what was lost has been attached again
MOST_AT_ONCE = 8  # manifests of one image: a log takes its time for each

Tell = Callable[[str], None]
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


class Run:
    """Signs images for one signer. Thread-safe as far as its parts are."""

    def __init__(
        self,
        order: Order,
        who: Who,
        *,
        bench: Callable[[], Bench],
        witness: Witness,
        clock: Clock,
        readers: Sequence[consumers.Reader] = (),
        tell: Tell = lambda _: None,
    ) -> None:
        """`bench` makes what one image needs; `readers` are programs that read back; `tell` reports progress."""
        self._order = order
        self._who = who
        self._bench = bench
        self._witness = witness
        self._clock = clock
        self._readers = readers
        self._tell = tell

    def stating(self, statement: Statement) -> Run:
        """The same run with something else to state: one certificate serves for all."""
        copy = object.__new__(Run)
        copy.__dict__.update(self.__dict__)
        copy._order = self._order.replace(statement=statement)
        return copy

    def sign(self, reference: Reference) -> ImageDone:
        """Sign one image. Never raises VouchsafeError: it is part of the answer."""
        done, otherwise = self._once(reference), self._order.statement.otherwise
        if otherwise is None or done.error is None or done.error.code != TOO_LARGE:
            return done
        self._tell(f"too large for the log: {done.error.message}")
        self._tell(f"it is kept beside {reference}, and its digest is attested ({otherwise.predicate_type})")
        return self.stating(otherwise).sign(reference)

    def _once(self, reference: Reference) -> ImageDone:
        bench = self._bench()
        done = ImageDone(reference=reference)
        try:
            found = resolve(bench.registry, reference, recursive=self._order.recursive)
            done = done.replace(digest=found[-1].subject.digest)
            return self._sign(bench, done, found)
        except VouchsafeError as error:
            return done.replace(error=error)

    def _sign(self, bench: Bench, done: ImageDone, found: tuple[Found, ...]) -> ImageDone:
        image, order = done.reference, self._order
        self._tell(f"{image} is {done.digest}")
        looks = [partial(self._present, bench.registry, image, each) for each in found]
        present = together(looks, most=MOST_AT_ONCE)
        jobs = [_Job(each, forms, order) for each, forms in zip(found, present, strict=True)]
        for job in jobs:
            consumers.demand(order.required, job.forms, job.found.subject, alone=not order.recursive)
        who = self._who if order.dry_run else self._publish(bench, image, jobs)
        done = done.replace(manifests=tuple(job.done(dry_run=order.dry_run) for job in jobs))
        if order.dry_run:
            return done
        return done.replace(seen=self._read_back(bench.registry, image, jobs, who))

    def _present(self, registry: PushRegistry, image: Reference, each: Found) -> Present:
        """The forms in which this signer has said this already."""
        asked = [form for form in FORMS if self._order.required or form in self._order.forms]
        by_digest = image.with_digest(each.subject.digest)
        found = {form: self._find(registry, by_digest, form, self._who) for form in asked}
        return {form: signature for form, signature in found.items() if signature is not None}

    def _find(
        self, registry: PushRegistry, by_digest: Reference, form: Form, who: Who
    ) -> VerifiedSignature | None:
        return self._witness.find(registry, by_digest, who, form, self._order.statement)

    def _publish(self, bench: Bench, image: Reference, jobs: list[_Job]) -> Who:
        """Make all evidence that is missing, then attach it; who signed, as the certificate has it."""
        todo = [job for job in jobs if job.missing]
        if todo:
            self._tell(f"signing {len(todo)} manifest{'s' if len(todo) > 1 else ''} as {self._who}")
        makers = [partial(self._make, bench, self._name(image), job) for job in todo]
        made = together(makers, most=MOST_AT_ONCE)
        if todo:
            self._tell("signed and verified; attaching")
        if self._order.statement.document is not None:
            keep = partial(self._keep, bench, image, self._order.statement.document)
            together([partial(keep, job) for job in jobs], most=MOST_AT_ONCE)
        tasks = [partial(self._attach, bench, image, *pair) for pair in zip(todo, made, strict=True)]
        together(tasks[:-1], most=MOST_AT_ONCE)
        together(tasks[-1:], most=1)
        if not todo:
            return self._who
        signed_by = made[-1][0].verified.identity
        return self._who if signed_by is None else Who(identity=signed_by)

    def _make(self, bench: Bench, name: str, job: _Job) -> tuple[Made, ...]:
        return make(bench.ceremony, self._order.statement, job.found.subject.digest, name, job.missing)

    def _keep(self, bench: Bench, image: Reference, document: Document, job: _Job) -> None:
        """What is attested by its digest comes first: a reference never points at what is not there."""
        attachment = job.attached_to(bench, image)
        job.document = attachment.document(document)
        attachment.settle()

    def _attach(self, bench: Bench, image: Reference, job: _Job, made: tuple[Made, ...]) -> None:
        attachment = job.attached_to(bench, image)
        for each in made:
            job.keep(each, attach(attachment, each, self._clock.now()))
        attachment.settle()

    def _read_back(
        self, registry: PushRegistry, image: Reference, jobs: list[_Job], who: Who
    ) -> tuple[Seen, ...]:
        """Our own reader over every form that was wanted, then the programs that are installed."""
        tasks: list[Callable[[], Seen | None]] = []
        for job in jobs:
            digest = job.found.subject.digest
            tasks += [partial(self._own, registry, image, job, form, who) for form in job.wanted]
            if self._order.statement.document is not None:
                tasks.append(partial(self._kept, registry, image, job, self._order.statement.document))
            named = Signature(identity=who.identity, key=who.key, name=self._name(image))
            tasks += [
                partial(reader.read, image.with_digest(digest), digest, named, job.forms)
                for reader in self._readers
                if not (len(jobs) > 1 and job.found.is_index and reader.asks_for_instances)
            ]
        return tuple(seen for seen in together(tasks, most=MOST_AT_ONCE) if seen is not None)

    def _name(self, image: Reference) -> str:
        return self._order.name or str(image.repository)

    def _own(self, registry: PushRegistry, image: Reference, job: _Job, form: Form, who: Who) -> Seen:
        """Our own reader; what a stranger's late write has taken away is put back."""
        digest = job.found.subject.digest
        for _ in range(MOST_HEALINGS):
            if self._find(registry, image.with_digest(digest), form, who) is not None:
                return Seen(reader=f"vouchsafe ({form})", digest=digest, ok=True)
            if not job.heal():
                break
        return Seen(
            reader=f"vouchsafe ({form})", digest=digest, ok=False, words="published, and not found again"
        )

    def _kept(self, registry: PushRegistry, image: Reference, job: _Job, document: Document) -> Seen:
        for _ in range(MOST_HEALINGS):
            found = kept.seen(registry, image, job.found.subject.digest, job.document, document)
            if found.ok:
                break
            job.heal()
        return found


class _Job:
    """One manifest's part of the run."""

    def __init__(self, found: Found, present: Present, order: Order) -> None:
        self.found = found
        self.forms = order.forms | present.keys()
        self.missing = order.forms - present.keys()
        self.wanted = [form for form in FORMS if form in order.forms]
        self._present = present
        self._suffix = order.statement.suffix
        self._made: dict[Form, tuple[str, VerifiedSignature]] = {}
        self.attachment: Attachment | None = None
        self.document: Digest | None = None
        self._document = order.statement.document
        self._healing = threading.Lock()

    def attached_to(self, bench: Bench, image: Reference) -> Attachment:
        """Where this manifest's things are attached."""
        if self.attachment is None:
            self.attachment = Attachment(bench.registry, image, self.found.subject, bench.pace)
        return self.attachment

    def heal(self) -> bool:
        """Attach again what has got lost; False when nothing was attached in this run."""
        with self._healing:
            if self.attachment is not None:
                self.attachment.settle()
        return self.attachment is not None

    def keep(self, made: Made, place: str) -> None:
        """Remember what was attached."""
        self._made[made.form] = (place, made.verified)

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
