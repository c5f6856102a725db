"""Payloads that are no signature of this image: types, digests, envelopes, JSON (rules 1 and 4)."""

from __future__ import annotations

from typing import Any

from vouchsafe.image.digest import Digest
from vouchsafe.testing.annotations import SIGNATURE, simple_signing
from vouchsafe.testing.canonical import compact
from vouchsafe.testing.material import Material
from vouchsafe.testing.specimens import BUNDLES, LEGACY, STATEMENTS, Draft, wrong
from vouchsafe.testing.spoil import flipped
from vouchsafe.testing.statement import CYCLONEDX, SLSA_V1, subject

DSSE_ADVISORY = "GHSA-w6c6-c85g-mmv6 (CVE-2026-39395), GHSA-vjxv-45g9-9296 (CVE-2022-35929)"
MANY_SUBJECTS = 2000  # more than anybody signs at once; sigstore-rs caps at 1024
_OTHER = Digest.of(b"another image")


def _payload(draft: Draft, payload: bytes) -> None:
    draft.order = draft.order.replace(payload=payload)


@wrong("signature-flipped", 4)
def signature_flipped(draft: Draft) -> None:
    """One bit of the signature is changed, in the log entry too."""
    draft.on_signed.append(lambda material: material.replace(signatures=(flipped(material.signature),)))


@wrong("payload-changed", 4, advisory="GHSA-7rmh-48mx-2vwc (CVE-2026-44309)")
def payload_changed(draft: Draft) -> None:
    """The payload is the same JSON as was signed, but not the same bytes."""

    def respace(material: Material) -> Material:
        return material.replace(payload=material.payload.replace(b'":', b'": ', 1))

    draft.on_logged.append(respace)


@wrong("other-digest", 4)
def other_digest(draft: Draft) -> None:
    """A genuine signature of another image, attached to this one."""
    if draft.order.payload_type is None:
        _payload(draft, simple_signing(str(_OTHER), draft.reference))
    else:
        draft.say(subject(_OTHER, name=draft.reference if draft.form == "attestation" else None))


@wrong("digest-under-other-algorithm", 4)
def digest_under_other_algorithm(draft: Draft) -> None:
    """The image's SHA-256 stands in the payload as if it were another hash."""
    if draft.order.payload_type is None:
        _payload(draft, simple_signing(f"sha512:{draft.digest.hex}", draft.reference))
    else:
        draft.say({"name": draft.reference, "digest": {"sha512": draft.digest.hex}})


@wrong("digest-upper-case", 4)
def digest_upper_case(draft: Draft) -> None:
    """The digest is written in capitals, which is no digest (OCI image-spec)."""
    shouted = draft.digest.hex.upper()
    if draft.order.payload_type is None:
        _payload(draft, simple_signing(f"sha256:{shouted}", draft.reference))
    else:
        draft.say({"name": draft.reference, "digest": {"sha256": shouted}})


@wrong("critical-type-wrong", 4, (*LEGACY, "legacy-tsa"))
def critical_type_wrong(draft: Draft) -> None:
    """The simple signing payload is of another type; cosign does not look."""
    said = simple_signing(str(draft.digest), draft.reference)
    _payload(draft, said.replace(b"cosign container image signature", b"atomic container signature"))


@wrong("no-critical", 4, (*LEGACY, "legacy-tsa"))
def no_critical(draft: Draft) -> None:
    """What names the digest stands under `optional`, which is for remarks."""
    remark = {"image": {"docker-manifest-digest": str(draft.digest)}}
    _payload(draft, compact({"critical": {}, "optional": remark}))


@wrong("predicate-type-wrong", 4, BUNDLES)
def predicate_type_wrong(draft: Draft) -> None:
    """An attestation by the right identity: it says what is in the image, not that it is released."""
    draft.say(predicate_type=CYCLONEDX, predicate={"bomFormat": "CycloneDX"})


@wrong("predicate-annotation-lies", 4, ("attestation",))
def predicate_annotation_lies(draft: Draft) -> None:
    """The layer's annotation names the type that was asked for, the statement another."""
    draft.say(predicate_type=SLSA_V1)


@wrong("predicate-type-absent", 4, STATEMENTS)
def predicate_type_absent(draft: Draft) -> None:
    """The statement says nothing of its predicate's type."""
    named = subject(draft.digest, name=draft.reference)
    _payload(
        draft, compact({"_type": "https://in-toto.io/Statement/v1", "subject": [named], "predicate": {}})
    )


@wrong("statement-type-wrong", 4, STATEMENTS, advisory=DSSE_ADVISORY)
def statement_type_wrong(draft: Draft) -> None:
    """The payload is no in-toto statement."""
    draft.say(statement_type="https://example.com/Statement/v1")


@wrong("payload-type-wrong", 4, STATEMENTS, advisory=DSSE_ADVISORY)
def payload_type_wrong(draft: Draft) -> None:
    """The envelope says that its payload is something else than an in-toto statement."""
    draft.order = draft.order.replace(payload_type="application/json")


@wrong("payload-not-json", 4, advisory=DSSE_ADVISORY)
def payload_not_json(draft: Draft) -> None:
    """The payload that was signed is no JSON."""
    _payload(draft, b"not a statement")


@wrong("payload-trailing-json", 4)
def payload_trailing_json(draft: Draft) -> None:
    """A second JSON value follows the payload's first."""
    _payload(draft, draft.order.payload + b"{}")


@wrong("duplicate-json-key", 4)
def duplicate_json_key(draft: Draft) -> None:
    """The payload names what it is about twice, our image first: two readers see two images."""
    _twice(draft, draft.order.payload, _about_other(draft))


@wrong("duplicate-json-key-last", 4)
def duplicate_json_key_last(draft: Draft) -> None:
    """The payload names what it is about twice, our image last, which is what most readers see."""
    _twice(draft, _about_other(draft), draft.order.payload)


@wrong("no-subject", 4, STATEMENTS)
def no_subject(draft: Draft) -> None:
    """The statement is about nothing."""
    draft.order = draft.order.replace(payload=draft.order.payload.replace(_subjects(draft), b"[]"))


@wrong("subject-without-digest", 4, STATEMENTS, advisory="cosign#5016")
def subject_without_digest(draft: Draft) -> None:
    """The statement names the image, but no digest."""
    draft.say({"name": draft.reference, "digest": {}})


@wrong("too-many-subjects", 1, STATEMENTS, advisory="sigstore-rs#615")
def too_many_subjects(draft: Draft) -> None:
    """The statement is about thousands of things, ours among them."""
    others = [subject(Digest.of(b"%d" % number), name=str(number)) for number in range(MANY_SUBJECTS)]
    draft.say(*others, subject(draft.digest, name=draft.reference))


@wrong("dsse-two-signatures", 4, STATEMENTS)
def dsse_two_signatures(draft: Draft) -> None:
    """The envelope has two signatures, of which one certificate can speak for one."""
    draft.on_signed.append(lambda made: made.replace(signatures=(made.signature, flipped(made.signature))))


@wrong("dsse-no-signature", 4, STATEMENTS)
def dsse_no_signature(draft: Draft) -> None:
    """The envelope has no signature."""
    draft.on_logged.append(lambda made: made.replace(signatures=()))


@wrong("no-signature", 4, (*LEGACY, "legacy-tsa"))
def no_signature(draft: Draft) -> None:
    """The layer has no signature annotation."""

    def drop(annotations: dict[str, Any]) -> None:
        del annotations[SIGNATURE]

    draft.on_written.append(drop)


def _about_other(draft: Draft) -> bytes:
    return draft.order.payload.replace(draft.digest.hex.encode(), _OTHER.hex.encode())


def _twice(draft: Draft, first: bytes, second: bytes) -> None:
    """`first` with the key that names the image taken from `second` and added at the end."""
    key = b'"subject":' if draft.order.payload_type else b'"critical":'
    _payload(draft, first[:-1] + b"," + second[second.index(key) : _end_of_value(second, key)] + b"}")


def _subjects(draft: Draft) -> bytes:
    payload = draft.order.payload
    start = payload.index(b'"subject":') + len(b'"subject":')
    return payload[start : _end_of_value(payload, b'"subject":')]


def _end_of_value(payload: bytes, key: bytes) -> int:
    """Where the object or list after `key` ends; its strings hold no brackets."""
    depth = 0
    for index in range(payload.index(key) + len(key), len(payload)):
        depth += payload[index : index + 1] in (b"{", b"[")
        depth -= payload[index : index + 1] in (b"}", b"]")
        if depth == 0:
            return index + 1
    raise ValueError("expected a whole value, got a part")
