"""What was signed says *what*: a simple-signing payload or an in-toto statement, read after it verified.

Only two kinds of content make an image "signed": a payload of type `cosign container image signature`,
or a statement of predicateType `https://sigstore.dev/cosign/sign/v1`. An attestation is not a signature,
though some clients take it for one. Sources: cosign SIGNATURE_SPEC.md, in-toto Statement v0.1 and v1.
"""

from __future__ import annotations

from typing import Literal

from vouchsafe.errors import MalformedError, VerificationError
from vouchsafe.evidence.dsse import IN_TOTO
from vouchsafe.evidence.types import Envelope
from vouchsafe.image.digest import HEX_LENGTHS, Digest
from vouchsafe.record import Record
from vouchsafe.strictjson import Fields

SIGN_PREDICATE = "https://sigstore.dev/cosign/sign/v1"
SIMPLE_SIGNING_TYPE = "cosign container image signature"
ATOMIC_TYPE = "atomic container signature"  # the same payload, signed with OpenPGP: containers-signature(5)
STATEMENT_TYPES = frozenset(("https://in-toto.io/Statement/v0.1", "https://in-toto.io/Statement/v1"))
MOST_SUBJECTS = 1024
MOST_DIGESTS = 32  # of one subject
_TOLD = 1024  # characters of a name in an outline; no reference is longer

Role = Literal["signature", "attestation", "artifact"]


class Claim(Record):
    """What a verified signature says. `names` are those of the subjects, `statement` its bytes, if it is one.

    `annotations` are the payload's `optional`, or those of a statement's only subject: with several, one
    could not say of which digest they speak.
    """

    role: Role
    digests: frozenset[Digest]
    docker_reference: str | None = None
    names: tuple[str, ...] = ()
    predicate_type: str = ""
    statement: bytes = b""
    annotations: dict[str, object]

    @property
    def predicate(self) -> object:
        """What the statement says, parsed anew each time: kept, it takes many times the memory of its bytes."""
        return Fields.parse(self.statement, what="statement").raw("predicate") if self.statement else None

    def outline(self) -> Claim:
        """What a refusal tells of it: the rest may be megabytes that a stranger signed."""
        name = None if self.docker_reference is None else self.docker_reference[:_TOLD]
        kind = self.predicate_type[:_TOLD]
        return self.replace(
            docker_reference=name, names=(), predicate_type=kind, statement=b"", annotations={}
        )


def read_payload(payload: bytes, expected: str = SIMPLE_SIGNING_TYPE) -> Claim:
    """A simple-signing payload. The creator's `optional` fields are kept as annotations."""
    fields = Fields.parse(payload, what="payload")
    fields.only("critical", "optional")
    critical = fields.fields("critical")
    critical.only("type", "image", "identity")
    kind = critical.text("type")
    if kind != expected:
        raise VerificationError("payload-type", f"expected {expected!r}, got {kind!r}")
    image, identity = critical.fields("image"), critical.fields("identity")
    if not fields.keys() >= {"optional"}:  # null is how cosign writes none
        raise MalformedError("payload-optional", "expected the key 'optional' in the payload, got none")
    image.only("docker-manifest-digest")
    identity.only("docker-reference")
    optional = fields.raw("optional")
    if optional is not None and not isinstance(optional, dict):
        raise MalformedError("payload-optional", "expected an object or nothing in payload.optional")
    return Claim(
        role="signature",
        digests=frozenset((Digest.parse(image.text("docker-manifest-digest")),)),
        docker_reference=identity.text("docker-reference"),
        annotations=dict(optional or {}),
    )


def read_statement(envelope: Envelope) -> Claim:
    """An in-toto statement; its role is decided by its predicateType."""
    if envelope.payload_type != IN_TOTO:
        raise VerificationError("payload-type", f"expected {IN_TOTO}, got {envelope.payload_type!r}")
    fields = Fields.parse(envelope.payload, what="statement")
    kind = fields.text("_type")
    if kind not in STATEMENT_TYPES:
        raise VerificationError("statement-type", f"expected an in-toto statement, got {kind!r}")
    predicate_type = fields.text("predicateType")
    if not predicate_type:
        raise VerificationError(
            "predicate-type", "expected a predicateType in the statement, got an empty one"
        )
    digests, names, annotations = _subjects(fields)
    return Claim(
        role="signature" if predicate_type == SIGN_PREDICATE else "attestation",
        digests=digests,
        names=names,
        predicate_type=predicate_type,
        statement=envelope.payload,
        annotations=annotations,
    )


def _subjects(fields: Fields) -> tuple[frozenset[Digest], tuple[str, ...], dict[str, object]]:
    digests: set[Digest] = set()
    names: list[str] = []
    annotations: list[dict[str, object]] = []
    for untrusted in fields.items("subject", MOST_SUBJECTS):
        if untrusted is None:  # some writers leave holes: cosign#5016
            continue
        subject = Fields(untrusted, "statement.subject")
        if "name" in subject:
            names.append(subject.text("name"))
        found = subject.texts("digest")
        if len(found) > MOST_DIGESTS:
            raise MalformedError(
                "statement-digests", f"expected at most {MOST_DIGESTS} digests, got {len(found)}"
            )
        digests |= {Digest(algorithm=name, hex=value) for name, value in found.items() if name in HEX_LENGTHS}
        extra = subject.raw("annotations")
        annotations.append(dict(extra) if isinstance(extra, dict) else {})
    if not digests:
        raise VerificationError(
            "statement-subject", "expected a subject with a digest in the statement, got none"
        )
    return frozenset(digests), tuple(names), annotations[0] if len(annotations) == 1 else {}
