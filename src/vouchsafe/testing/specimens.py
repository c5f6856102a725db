"""A Specimen: evidence, the trust root to judge it by, and whom it should be judged for.

A Draft makes one in steps; a right or wrong thing is a function that changes the draft. `right` and
`wrong` register such functions by name, the docstring's first line is the reason that a person reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Literal

from vouchsafe.image.digest import Digest
from vouchsafe.record import Record
from vouchsafe.testing.annotations import simple_signing, write_attestation, write_signature
from vouchsafe.testing.bundle import MEDIA_TYPES, bundle_object
from vouchsafe.testing.canonical import compact
from vouchsafe.testing.keys import PrivateKey
from vouchsafe.testing.material import DSSE_ENVELOPE, IN_TOTO, SIMPLE_SIGNING, LogEntry, Material
from vouchsafe.testing.push import push_attestation, push_bundle, push_signature
from vouchsafe.testing.registry_store import RegistryStore
from vouchsafe.testing.signer import Order, prepare, publish
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.testing.statement import (
    CYCLONEDX,
    SIGN_V1,
    STATEMENT_V01,
    STATEMENT_V1,
    subject,
    write_statement,
)
from vouchsafe.testing.trust import TrustPlan, trusted_root
from vouchsafe.testing.workload import Workload

Form = Literal["legacy", "legacy-tsa", "attestation", "bundle-rekor1", "bundle-rekor2"]
FORMS: tuple[Form, ...] = ("legacy", "legacy-tsa", "attestation", "bundle-rekor1", "bundle-rekor2")
LEGACY: tuple[Form, ...] = ("legacy",)
BUNDLES: tuple[Form, ...] = ("bundle-rekor1", "bundle-rekor2")
STATEMENTS: tuple[Form, ...] = ("attestation", *BUNDLES)
PROMISED: tuple[Form, ...] = ("legacy", "attestation", "bundle-rekor1")
REFERENCE = "registry.example/group/project"
IMAGE = Digest.of(b"the image that specimens are about")
JUDGED_AFTER = timedelta(hours=1)  # long after the leaf has expired, as images are pulled


class Specimen(Record):
    """`blob` and `annotations` as a layer has them; for a bundle, `blob` is all. `workload`: whom to ask for."""

    name: str
    form: Form
    blob: bytes
    annotations: Mapping[str, str] = MappingProxyType({})
    media_type: str
    predicate_type: str = ""
    digest: Digest
    reference: str
    workload: Workload
    key: PrivateKey | None = None  # ask for this key, not for the workload
    trusted_root: bytes
    at: datetime

    @property
    def is_bundle(self) -> bool:
        """Whether `blob` is a Sigstore bundle."""
        return self.form.startswith("bundle")

    def push(self, store: RegistryStore, repository: str) -> None:
        """Attach to the image with `digest` in a registry, which need not hold the image."""
        if self.is_bundle:
            push_bundle(store, repository, self.digest, self.blob, predicate_type=self.predicate_type)
        elif self.form == "attestation":
            push_attestation(store, repository, self.digest, self.blob, dict(self.annotations))
        else:
            push_signature(store, repository, self.digest, self.blob, dict(self.annotations))


class Draft:
    """What will be signed, logged, stamped and written, each step open to change."""

    def __init__(
        self, form: Form, *, digest: Digest = IMAGE, reference: str = REFERENCE, empty: bool = False
    ) -> None:
        """A right thing of `form` until somebody changes it; `empty` starts the logs at index 0."""
        self.form = form
        self.sigstore = VirtualSigstore(empty_logs=empty)
        self.digest = digest
        self.reference = reference
        self.asked = self.sigstore.workload
        self.asked_key: PrivateKey | None = None
        self.version = "0.3"
        self.predicate_type = CYCLONEDX if form == "attestation" else SIGN_V1
        self.order = self._usual_order()
        self.on_signed: list[Callable[[Material], Material]] = []
        self.on_logged: list[Callable[[Material], Material]] = []
        self.on_written: list[Callable[[dict[str, Any]], None]] = []
        self.on_trust: list[Callable[[TrustPlan], TrustPlan]] = []
        self.rewritten: Callable[[bytes], bytes] = bytes

    @property
    def now(self) -> datetime:
        """The time of the sigstore's clock."""
        return self.sigstore.clock.now()

    def elapse(self, **duration: float) -> None:
        """Let time pass: keywords of timedelta."""
        self.sigstore.virtual_clock.advance(**duration)

    def plan_leaf(self, **changes: Any) -> None:
        """Change fields of the LeafPlan."""
        plan = self.order.leaf or self.sigstore.leaf_plan()
        self.order = self.order.replace(leaf=plan.replace(**changes))

    def say(self, *subjects: dict[str, Any], **changes: Any) -> None:
        """Write another statement: see `write_statement`."""
        self.order = self.order.replace(payload=self._statement(*subjects, **changes))

    def change_entry(self, change: Callable[[LogEntry], LogEntry]) -> None:
        """Change the log's answer."""

        def apply(material: Material) -> Material:
            if material.entry is None:
                raise ValueError("expected a material with a log entry, got one without")
            return material.replace(entry=change(material.entry))

        self.on_logged.append(apply)

    def specimen(self, name: str) -> Specimen:
        """Sign, log, stamp, write."""
        material = prepare(self.sigstore, self.order)
        for change in self.on_signed:
            material = change(material)
        material = publish(self.sigstore, self.order, material)
        for change in self.on_logged:
            material = change(material)
        blob, annotations, media_type = self._write(material)
        trust = self.sigstore.trust_plan()
        for edit in self.on_trust:
            trust = edit(trust)
        return Specimen(
            name=name,
            form=self.form,
            blob=self.rewritten(blob),
            annotations=annotations,
            media_type=media_type,
            predicate_type="" if self.order.payload_type is None else self.predicate_type,
            digest=self.digest,
            reference=self.reference,
            workload=self.asked,
            key=self.asked_key,
            trusted_root=trusted_root(trust),
            at=self.now + JUDGED_AFTER,
        )

    def _write(self, material: Material) -> tuple[bytes, dict[str, str], str]:
        if self.form in BUNDLES:
            made = bundle_object(material, self.version)
            for change in self.on_written:
                change(made)
            return compact(made), {}, str(made.get("mediaType", MEDIA_TYPES["0.3"]))
        if self.form == "attestation":
            blob, annotations = write_attestation(material, self.predicate_type)
        else:
            blob, annotations = write_signature(material)
        for change in self.on_written:
            change(annotations)
        return blob, annotations, DSSE_ENVELOPE if self.form == "attestation" else SIMPLE_SIGNING

    def _usual_order(self) -> Order:
        if self.form in LEGACY or self.form == "legacy-tsa":
            payload = simple_signing(str(self.digest), self.reference)
            return Order(payload=payload, stamp=self.form == "legacy-tsa")
        is_old = self.form == "attestation"
        order = Order(payload=self._statement(), payload_type=IN_TOTO, stamps_envelope=is_old)
        return order.replace(log="rekor2", stamp=True) if self.form == "bundle-rekor2" else order

    def _statement(self, *subjects: dict[str, Any], **changes: Any) -> bytes:
        is_old = self.form == "attestation"
        named = subjects or (subject(self.digest, name=self.reference if is_old else None),)
        said: dict[str, Any] = {
            "predicate_type": self.predicate_type,
            "statement_type": STATEMENT_V01 if is_old else STATEMENT_V1,
        }
        return write_statement(*named, **(said | changes))


Change = Callable[[Draft], None]


class Kind(Record):
    """A right or wrong thing by name: which forms have it, which rule (docs/testing.md) it breaks."""

    name: str
    reason: str
    forms: tuple[Form, ...]
    apply: Change
    rule: int = 0
    advisory: str = ""
    empty: bool = False

    def make(self, form: Form, *, digest: Digest = IMAGE, reference: str = REFERENCE) -> Specimen:
        """The thing in `form`."""
        if form not in self.forms:
            raise ValueError(f"expected one of {', '.join(self.forms)} for {self.name}, got {form}")
        draft = Draft(form, digest=digest, reference=reference, empty=self.empty)
        self.apply(draft)
        return draft.specimen(self.name)


RIGHTS: dict[str, Kind] = {}
WRONGS: dict[str, Kind] = {}


def right(name: str, forms: tuple[Form, ...] = FORMS, *, empty: bool = False) -> Callable[[Change], Change]:
    """Register a thing that a verifier must accept."""

    def register(apply: Change) -> Change:
        _add(RIGHTS, Kind(name=name, reason=_reason(apply), forms=forms, apply=apply, empty=empty))
        return apply

    return register


def wrong(
    name: str, rule: int, forms: tuple[Form, ...] = FORMS, *, advisory: str = ""
) -> Callable[[Change], Change]:
    """Register a thing that a verifier must refuse, for breaking `rule` and nothing else."""

    def register(apply: Change) -> Change:
        kind = Kind(name=name, reason=_reason(apply), forms=forms, apply=apply, rule=rule, advisory=advisory)
        _add(WRONGS, kind)
        return apply

    return register


def _add(registered: dict[str, Kind], kind: Kind) -> None:
    if kind.name in registered:
        raise ValueError(f"expected each name once, got {kind.name} twice")
    registered[kind.name] = kind


def _reason(apply: Change) -> str:
    return (apply.__doc__ or "").partition("\n")[0]
