"""What was signed says what, and only two kinds of content make an image signed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.judging import code
from vouchsafe.evidence.types import Envelope
from vouchsafe.image.digest import Digest
from vouchsafe.testing.canonical import compact
from vouchsafe.verification.claim import (
    ATOMIC_TYPE,
    MOST_DIGESTS,
    MOST_SUBJECTS,
    SIGN_PREDICATE,
    Claim,
    read_payload,
    read_statement,
)

IMAGE = Digest.of(b"image")
CRITICAL: dict[str, Any] = {
    "identity": {"docker-reference": "registry.example/app"},
    "image": {"docker-manifest-digest": str(IMAGE)},
    "type": "cosign container image signature",
}
STATEMENT: dict[str, Any] = {
    "_type": "https://in-toto.io/Statement/v1",
    "subject": [{"digest": {"sha256": IMAGE.hex}}],
    "predicateType": SIGN_PREDICATE,
    "predicate": {},
}


def payload(critical: Any = None, **more: Any) -> bytes:
    """A simple-signing payload; `...` removes a key."""
    said = {"critical": CRITICAL if critical is None else critical, "optional": None} | more
    return compact({key: value for key, value in said.items() if value is not ...})


def statement(said: Any = None, payload_type: str = "application/vnd.in-toto+json", **changes: Any) -> Claim:
    """The claim of a statement with keys replaced; `...` removes one."""
    made = {key: value for key, value in (STATEMENT | changes).items() if value is not ...}
    return read_statement(
        Envelope(payload_type=payload_type, payload=compact(made if said is None else said))
    )


def critical(**changes: Any) -> dict[str, Any]:
    """The critical part with keys replaced."""
    return {key: value for key, value in (CRITICAL | changes).items() if value is not ...}


def test_payload() -> None:
    """Digest, reference, and the signer's remarks."""
    found = read_payload(payload(optional={"env": "prod", "n": [1]}))
    assert (found.role, found.digests, found.docker_reference) == (
        "signature",
        frozenset({IMAGE}),
        "registry.example/app",
    )
    assert (found.annotations, found.predicate_type, found.names) == ({"env": "prod", "n": [1]}, "", ())
    assert read_payload(payload(optional=None)).annotations == {}
    assert read_payload(payload()).annotations == {}


def test_other_types_of_payload() -> None:
    """OpenPGP's type is read only where OpenPGP was checked."""
    atomic = payload(critical(type=ATOMIC_TYPE))
    assert code(lambda: read_payload(atomic)) == "payload-type"
    assert read_payload(atomic, ATOMIC_TYPE).digests == {IMAGE}
    assert code(lambda: read_payload(payload(), ATOMIC_TYPE)) == "payload-type"


PAYLOADS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "json-syntax"),
    "list": (b"[]", "json-type"),
    "no-critical": (b"{}", "json-type"),
    "critical-null": (b'{"critical":null}', "json-type"),
    "type-absent": (payload(critical(type=...)), "json-type"),
    "type-other": (payload(critical(type="something else")), "payload-type"),
    "type-case": (payload(critical(type="Cosign container image signature")), "payload-type"),
    "image-absent": (payload(critical(image=...)), "json-type"),
    "digest-absent": (payload(critical(image={})), "json-type"),
    "digest-path": (payload(critical(image={"docker-manifest-digest": "sha256:../x"})), "digest"),
    "digest-capitals": (
        payload(critical(image={"docker-manifest-digest": "sha256:" + "E" * 64})),
        "digest",
    ),
    "reference-absent": (payload(critical(identity={})), "json-type"),
    "reference-number": (payload(critical(identity={"docker-reference": 1})), "json-type"),
    "unknown-key": (payload(more={}), "json-unknown-key"),
    "unknown-critical": (payload(critical(extra=1)), "json-unknown-key"),
    "unknown-in-image": (
        payload(critical(image={"docker-manifest-digest": str(IMAGE), "Docker-manifest-digest": "x"})),
        "json-unknown-key",
    ),
    "unknown-in-identity": (
        payload(critical(identity={"docker-reference": "", "x": 1})),
        "json-unknown-key",
    ),
    "optional-absent": (payload(optional=...), "payload-optional"),
    "optional-list": (payload(optional=[]), "payload-optional"),
    "optional-text": (payload(optional="x"), "payload-optional"),
}


@pytest.mark.parametrize("name", PAYLOADS)
def test_wrong_payloads(name: str) -> None:
    """As strict as containers/image: unknown keys of what is critical could change what it means."""
    blob, expected = PAYLOADS[name]
    assert code(lambda: read_payload(blob)) == expected


def test_signature_and_attestation() -> None:
    """The predicateType decides."""
    assert statement().role == "signature"
    for other in ("https://cyclonedx.org/bom", SIGN_PREDICATE + "/", SIGN_PREDICATE.upper(), "x"):
        assert statement(predicateType=other).role == "attestation"


def test_statement() -> None:
    """What an attestation says, predicate and all."""
    subjects = [{"name": "a", "digest": {"sha256": IMAGE.hex, "gitCommit": "abc"}, "annotations": {"k": "v"}}]
    found = statement(subject=subjects, predicateType="t", predicate={"x": [1]})
    assert (found.digests, found.names, found.annotations) == (frozenset({IMAGE}), ("a",), {"k": "v"})
    assert (found.predicate_type, found.predicate, found.docker_reference) == ("t", {"x": [1]}, None)
    assert statement(predicate=...).predicate is None
    assert statement(_type="https://in-toto.io/Statement/v0.1").digests == {IMAGE}


STATEMENTS: dict[str, tuple[dict[str, Any], str]] = {
    "type-absent": ({"_type": ...}, "json-type"),
    "type-v2": ({"_type": "https://in-toto.io/Statement/v2"}, "statement-type"),
    "type-case": ({"_type": "https://in-toto.io/statement/v1"}, "statement-type"),
    "predicate-type-absent": ({"predicateType": ...}, "json-type"),
    "predicate-type-empty": ({"predicateType": ""}, "predicate-type"),
    "predicate-type-list": ({"predicateType": [SIGN_PREDICATE]}, "json-type"),
    "subject-absent": ({"subject": ...}, "json-type"),
    "subject-object": ({"subject": {}}, "json-type"),
    "subject-empty": ({"subject": []}, "statement-subject"),
    "subject-holes": ({"subject": [None, None]}, "statement-subject"),
    "subject-text": ({"subject": ["x"]}, "json-type"),
    "subject-no-digest": ({"subject": [{"name": "x"}]}, "statement-subject"),
    "subject-unknown-digests": (
        {"subject": [{"digest": {"sha1": "0" * 40, "SHA256": IMAGE.hex}}]},
        "statement-subject",
    ),
    "subject-digest-capitals": ({"subject": [{"digest": {"sha256": "E" * 64}}]}, "digest"),
    "subject-digest-short": ({"subject": [{"digest": {"sha512": IMAGE.hex}}]}, "digest"),
    "subject-digest-number": ({"subject": [{"digest": {"sha256": 1}}]}, "json-type"),
    "subject-name-number": ({"subject": [{"name": 1, "digest": {}}]}, "json-type"),
    "many-digests": (
        {"subject": [{"digest": {str(n): "" for n in range(MOST_DIGESTS + 1)}}]},
        "statement-digests",
    ),
    "many-subjects": ({"subject": [None] * (MOST_SUBJECTS + 1)}, "json-too-many"),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_wrong_statements(name: str) -> None:
    """A statement of another type or about nothing is no claim."""
    changes, expected = STATEMENTS[name]
    assert code(lambda: statement(**changes)) == expected


@pytest.mark.parametrize("kind", ["", "application/json", "application/vnd.in-toto+JSON", "text/plain"])
def test_payload_type(kind: str) -> None:
    """GHSA-vjxv-45g9-9296: the envelope's type is part of what was signed."""
    assert code(lambda: statement(payload_type=kind)) == "payload-type"


def test_holes_are_skipped() -> None:
    """cosign#5016: some writers leave null subjects."""
    assert statement(subject=[None, STATEMENT["subject"][0], None]).digests == {IMAGE}


def test_several_subjects() -> None:
    """Any of them; under SHA-2 of each length; as many as allowed."""
    longer = Digest.of(b"image", "sha512")
    both = statement(subject=[{"digest": {"sha512": longer.hex}}, *STATEMENT["subject"]])
    assert both.digests == {longer, IMAGE}
    many = statement(subject=STATEMENT["subject"] * MOST_SUBJECTS)
    assert many.digests == {IMAGE}


def test_annotations_belong_to_one_subject() -> None:
    """With two subjects one could not say of which digest they speak: none is told."""
    mine = {"digest": {"sha256": IMAGE.hex}, "annotations": {"approved": "no"}}
    other = {"digest": {"sha256": Digest.of(b"other").hex}, "annotations": {"approved": "yes"}}
    assert statement(subject=[mine]).annotations == {"approved": "no"}
    assert statement(subject=[mine, other]).annotations == {}
    assert statement(subject=[{"digest": mine["digest"], "annotations": []}]).annotations == {}


def test_outline() -> None:
    """What a refusal keeps of a claim is small, whatever a stranger signed."""
    long = "x" * 100_000
    named = read_payload(payload(critical(identity={"docker-reference": long}), optional={"a": long}))
    said = statement(
        predicateType=long, predicate=long, subject=[{"name": long, "digest": {"sha256": IMAGE.hex}}]
    )
    for whole in (named, said):
        outline = whole.outline()
        assert len(repr(outline)) < 2000
        assert (outline.role, outline.digests) == (whole.role, whole.digests)
    assert statement().outline().docker_reference is None
