"""A signing run, image by image: resolve, look, sign, attach, read back; in that order.

Everything that can go wrong without a trace goes first: nothing is attached before all evidence of an image
has been made and verified. Platforms come before the index that names them, so that a signed index always has
signed platforms; whatever an interrupted run left out, the next one adds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from itertools import product

from vouchsafe.ci import consumers, kept
from vouchsafe.ci.done import ImageDone, Seen
from vouchsafe.ci.job import Job, Order, Present, Work
from vouchsafe.ci.subjects import Found, resolve
from vouchsafe.ci.witness import Who, Witness
from vouchsafe.errors import SigningError, VouchsafeError
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference
from vouchsafe.ports import Clock, Signature
from vouchsafe.signing.make import FORMS, Form, Made, Statement, attach, make
from vouchsafe.signing.reference import Document
from vouchsafe.signing.together import together
from vouchsafe.verification import VerifiedSignature
from vouchsafe.wiring.signing import Bench

TOO_LARGE = "log-too-large"  # what a log's refusal of a size is called
MOST_HEALINGS = 3  # looks at one form, each after what was lost has been attached again
MOST_AT_ONCE = 8  # manifests of one image: a log takes its time for each

Tell = Callable[[str], None]


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
        self._turns: dict[tuple[str, Digest], threading.Lock] = {}
        self._guard = threading.Lock()

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
        work = Work(self._bench(), reference)
        done = ImageDone(reference=reference)
        try:
            found = resolve(work.registry, reference, recursive=self._order.recursive)
            digest = found[-1].subject.digest
            done = done.replace(digest=digest)
            with self._turn(reference, digest):
                return self._sign(work, done, found)
        except VouchsafeError as error:
            return done.replace(error=error)

    def _turn(self, reference: Reference, digest: Digest) -> threading.Lock:
        """One after the other where several tags of a run are one image: the second finds it signed."""
        with self._guard:
            return self._turns.setdefault((str(reference.repository), digest), threading.Lock())

    def _sign(self, work: Work, done: ImageDone, found: tuple[Found, ...]) -> ImageDone:
        order = self._order
        self._tell(f"{done.reference} is {done.digest}")
        present = self._present(work, found)
        jobs = [Job(work, each, there, order) for each, there in zip(found, present, strict=True)]
        for job in jobs:
            self._demand(job.forms, [job.found])
        who = self._who if order.dry_run else self._publish(work, jobs)
        done = done.replace(manifests=tuple(job.done(dry_run=order.dry_run) for job in jobs))
        if order.dry_run:
            return done
        own = self._read_back(work, jobs, who)
        return done.replace(seen=(*own, *self._read_by_programs(work, jobs, who)))

    def _present(self, work: Work, found: Sequence[Found]) -> list[Present]:
        """For each manifest, the forms in which this signer has said this already."""
        asked = [form for form in FORMS if self._order.required or form in self._order.forms]
        prefetch = self._prefetch(work, found)

        def look(each: Found, form: Form) -> VerifiedSignature | None:
            seen = self._find(work, each, form, self._who)
            if seen is None and form in self._order.forms:
                prefetch()
            return seen

        answers = iter(together([partial(look, *pair) for pair in product(found, asked)], most=MOST_AT_ONCE))
        there = [{form: next(answers) for form in asked} for _ in found]
        return [{form: each for form, each in forms.items() if each is not None} for forms in there]

    def _prefetch(self, work: Work, found: Sequence[Found]) -> Callable[[], None]:
        """What asks for the certificate, once, while others still look: something is missing, whatever they find."""
        asked = threading.Lock()

        def prefetch() -> None:
            if asked.acquire(blocking=False):
                work.bench.ceremony.prepare()

        try:
            self._demand(self._order.forms, found)
        except SigningError:  # not unless what is there already is enough
            return lambda: None
        return (lambda: None) if self._order.dry_run else prefetch

    def _demand(self, forms: frozenset[Form], found: Sequence[Found]) -> None:
        """Raise SigningError when a required consumer could not read these forms."""
        for each in found:
            consumers.demand(self._order.required, forms, each.subject, alone=not self._order.recursive)

    def _find(self, work: Work, found: Found, form: Form, who: Who) -> VerifiedSignature | None:
        by_digest = work.image.with_digest(found.subject.digest)
        return self._witness.find(work.registry, by_digest, who, form, self._order.statement)

    def _publish(self, work: Work, jobs: list[Job]) -> Who:
        """Make all evidence that is missing, then attach it; who signed, as the certificate has it."""
        todo = [job for job in jobs if job.missing]
        made = self._made(work, todo) if todo else []
        document = self._order.statement.document
        if document is not None:  # first: a reference never points at what is not there
            together([partial(job.keep_document, document) for job in jobs], most=MOST_AT_ONCE)
        pairs = list(zip(todo, made, strict=True))
        together([partial(self._attach, *pair, settle=True) for pair in pairs[:-1]], most=MOST_AT_ONCE)
        for pair in pairs[-1:]:
            self._attach(*pair, settle=False)  # that is done while it is read back
        signed_by = made[-1][0].verified.identity if made else None
        return self._who if signed_by is None else Who(identity=signed_by)

    def _made(self, work: Work, todo: list[Job]) -> list[tuple[Made, ...]]:
        """All evidence, verified; meanwhile goes up what will be needed and is no evidence."""
        self._tell(f"signing {len(todo)} manifest{'s' if len(todo) > 1 else ''} as {self._who}")
        work.bench.ceremony.prepare()  # whom Fulcio refuses leaves no trace anywhere
        statement, name = self._order.statement, self._name(work.image)
        made: dict[int, tuple[Made, ...]] = {}

        def sign(number: int, job: Job) -> None:
            digest = job.found.subject.digest
            made[number] = make(work.bench.ceremony, statement, digest, name, job.missing)

        makers: list[Callable[[], None]] = [partial(sign, number, job) for number, job in enumerate(todo)]
        helpers = [helper for job in todo for helper in job.foreseen(statement, name)]
        together([*makers, *helpers, work.bench.ceremony.warm_up], most=2 * MOST_AT_ONCE)
        self._tell("signed and verified; attaching")
        return [made[number] for number in range(len(todo))]

    def _attach(self, job: Job, made: tuple[Made, ...], *, settle: bool) -> None:
        job.keep(made, attach(job.attachment, made, self._clock.now()))
        if settle:
            job.settle()

    def _read_back(self, work: Work, jobs: list[Job], who: Who) -> list[Seen]:
        """Our own reader over every form that was wanted, while writers who might undo it come to their end.

        What somebody else has been at meanwhile is read again.
        """
        moved = set[Digest]()

        def settle(job: Job) -> None:
            if job.settle():
                moved.add(job.found.subject.digest)

        looks = [(job, look) for job in jobs for look in self._looks(work, job, who)]
        seen = dict[int, Seen]()

        def note(number: int) -> None:
            seen[number] = looks[number][1]()

        numbers = range(len(looks))
        together(
            [*(partial(settle, job) for job in jobs), *(partial(note, n) for n in numbers)], most=MOST_AT_ONCE
        )
        again = [n for n in numbers if looks[n][0].found.subject.digest in moved]
        together([partial(note, n) for n in again], most=MOST_AT_ONCE)
        return [seen[n] for n in numbers]

    def _looks(self, work: Work, job: Job, who: Who) -> list[Callable[[], Seen]]:
        looks: list[Callable[[], Seen]] = [partial(self._own, work, job, form, who) for form in job.wanted]
        document = self._order.statement.document
        return looks if document is None else [*looks, partial(self._kept, work, job, document)]

    def _read_by_programs(self, work: Work, jobs: list[Job], who: Who) -> list[Seen]:
        """The programs that are installed, each over what it would ask for."""
        named = Signature(identity=who.identity, key=who.key, name=self._name(work.image))
        tasks = [
            partial(reader.read, work.image.with_digest(digest), digest, named, job.forms)
            for job in jobs
            for digest in (job.found.subject.digest,)
            for reader in self._readers
            if not (len(jobs) > 1 and job.found.is_index and reader.asks_for_instances)
        ]
        return [seen for seen in together(tasks, most=MOST_AT_ONCE) if seen is not None]

    def _name(self, image: Reference) -> str:
        return self._order.name or str(image.repository)

    def _own(self, work: Work, job: Job, form: Form, who: Who) -> Seen:
        """Our own reader; what a stranger's late write has taken away is put back."""
        reader, digest = f"vouchsafe ({form})", job.found.subject.digest
        for _ in range(MOST_HEALINGS):
            if self._find(work, job.found, form, who) is not None:
                return Seen(reader=reader, digest=digest, ok=True)
            if not job.heal():
                break
        return Seen(reader=reader, digest=digest, ok=False, words="published, and not found again")

    def _kept(self, work: Work, job: Job, document: Document) -> Seen:
        for _ in range(MOST_HEALINGS):
            found = kept.seen(work.registry, work.image, job.found.subject.digest, job.document, document)
            if found.ok:
                break
            job.heal()
        return found
