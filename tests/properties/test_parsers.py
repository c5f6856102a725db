"""Any bytes are a value or an error of ours: nothing else leaves a parser, whatever is put into it.

Three ways to be hostile: bytes as they come, right things with a few bytes changed, and right JSON with one
value anywhere replaced by another.
"""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tests.judging import evidence_of, root_of
from vouchsafe import evidence
from vouchsafe.errors import MalformedError, VerificationError
from vouchsafe.evidence import MEDIA_TYPES, legacy, pem
from vouchsafe.evidence.containers import SIGNATURE_BLOB
from vouchsafe.evidence.types import Envelope
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import OCI_IMAGE, OCI_INDEX, Manifest
from vouchsafe.strictjson import base64_bytes, parse
from vouchsafe.testing.canonical import b64, compact, der
from vouchsafe.testing.specimens import Draft, Form
from vouchsafe.testing.tsa import StampPlan
from vouchsafe.verification import certificate, checkpoint, entry, sct, timestamp, verify
from vouchsafe.verification.claim import read_payload, read_statement
from vouchsafe.verification.entry import Signed
from vouchsafe.verification.identity import utf8_string
from vouchsafe.verification.trust import parse_time, parse_trusted_root

JUDGED: tuple[Form, ...] = ("legacy-tsa", "attestation", "bundle-rekor1", "bundle-rekor2")
SPECIMENS = {form: Draft(form).specimen("usual") for form in JUDGED}
SIGSTORE = Draft("bundle-rekor1").sigstore
ROOT = root_of(SPECIMENS["bundle-rekor1"])
NOW = SIGSTORE.clock.now()
FOUND = {form: evidence_of(specimen) for form, specimen in SPECIMENS.items()}
BUNDLE: dict[str, Any] = json.loads(SPECIMENS["bundle-rekor2"].blob)
OLD_BUNDLE: dict[str, Any] = json.loads(SPECIMENS["bundle-rekor1"].blob)
TRUSTED_ROOT: dict[str, Any] = json.loads(SIGSTORE.trusted_root())
ENVELOPE = FOUND["attestation"].content
ENTRY = FOUND["bundle-rekor1"].entries[0]
PROOF = ENTRY.proof
LEAF = FOUND["legacy-tsa"].certificate or b""
TOKEN = SIGSTORE.tsa.stamp(b"content", NOW, StampPlan(embed=True))
BLOB = {"digest": str(Digest.of(b"")), "size": 0, "mediaType": "x", "annotations": {"a": "b"}}
MANIFEST = {
    "schemaVersion": 2,
    "mediaType": OCI_IMAGE,
    "config": BLOB,
    "layers": [BLOB],
    "subject": BLOB,
    "annotations": {"a": "b"},
}
INDEX = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [BLOB | {"platform": {"os": "linux"}}]}
STORED = {
    "mimeType": legacy.SIMPLE_SIGNING,
    "payload": b64(SPECIMENS["legacy-tsa"].blob),
    "annotations": dict(SPECIMENS["legacy-tsa"].annotations),
}

OURS = (MalformedError, VerificationError)
Check = Callable[[bytes], object]


def whole(blob: bytes) -> object:
    """A bundle read, and judged if it can be read."""
    found = evidence.parse(blob, {}, "application/vnd.dev.sigstore.bundle.v0.3+json")
    return verify(found, ROOT, at=NOW, artifact=b"file")


def layer(form: Form) -> Check:
    """A layer's blob with its right annotations, read and judged."""
    specimen = SPECIMENS[form]

    def check(blob: bytes) -> object:
        return verify(evidence.parse(blob, specimen.annotations, specimen.media_type), ROOT, at=NOW)

    return check


def log_entry(body: bytes) -> None:
    """An entry's body, compared with evidence of its kind."""
    said = Signed(evidence=FOUND["bundle-rekor1"], signer=LEAF, message=b"")
    read = parse(body, what="body")
    kinds = {"kind": "", "version": ""}
    if isinstance(read, dict):
        kinds = {"kind": str(read.get("kind")), "version": str(read.get("apiVersion"))}
    entry.check(ENTRY.replace(body=body, **kinds), said)


def leaf(blob: bytes) -> None:
    """A certificate, its identity, its path and its SCT."""
    read = certificate.Leaf(blob)
    read.identity()
    certificate.is_authority(read.certificate)
    certificate.refuse_roots((blob,))
    issuer = certificate.path(read, (blob,), ROOT.authorities, [NOW])
    sct.verify(read, issuer, ROOT.ct_logs)


def from_text(parser: Callable[[str], object]) -> Check:
    """A parser of text, given whatever text some bytes are."""
    return lambda blob: parser(blob.decode("utf-8", "surrogatepass" if blob.isascii() else "replace"))


def statement(payload: bytes) -> object:
    """An in-toto statement."""
    return read_statement(Envelope(payload_type="application/vnd.in-toto+json", payload=payload))


assert isinstance(ENVELOPE, Envelope)
assert PROOF is not None
assert PROOF.checkpoint is not None
# What reads bytes, with something right that it reads.
PARSERS: dict[str, tuple[Check, bytes]] = {
    "json": (lambda blob: parse(blob, what="it"), compact(BUNDLE)),
    "base64": (from_text(lambda text: base64_bytes(text, "it")), b64(LEAF).encode()),
    "digest": (from_text(Digest.parse), str(Digest.of(b"")).encode()),
    "manifest": (Manifest.parse, compact(MANIFEST)),
    "index": (Manifest.parse, compact(INDEX)),
    "pem": (lambda blob: pem.certificates(blob, "it"), SIGSTORE.pem_files()["fulcio-chain.pem"]),
    "bundle": (whole, compact(BUNDLE)),
    "older-bundle": (whole, compact(OLD_BUNDLE)),
    "simple-signing": (layer("legacy-tsa"), SPECIMENS["legacy-tsa"].blob),
    "attestation": (layer("attestation"), SPECIMENS["attestation"].blob),
    "signature-blob": (
        lambda blob: evidence.parse(blob, {}, SIGNATURE_BLOB),
        b"\0sigstore-json\n" + compact(STORED),
    ),
    "checkpoint": (from_text(checkpoint.parse), PROOF.checkpoint.encode()),
    "trusted-root": (parse_trusted_root, compact(TRUSTED_ROOT)),
    "time": (from_text(lambda text: parse_time(text, "it")), b"2026-11-02T12:00:00.123+01:00"),
    "utf8-string": (lambda blob: utf8_string(blob, "it"), b"\x0c\x81\x80" + b"x" * 128),
    "payload": (read_payload, SPECIMENS["legacy-tsa"].blob),
    "statement": (statement, ENVELOPE.payload),
    "entry": (log_entry, ENTRY.body),
    "certificate": (leaf, LEAF),
    "time-stamp": (lambda blob: timestamp.verify(blob, b"content", ROOT.timestamp_authorities), TOKEN),
}


def survives(name: str, blob: bytes) -> None:
    """A value or an error of ours; anything else fails the test by itself."""
    with contextlib.suppress(*OURS):
        PARSERS[name][0](blob)


@pytest.mark.parametrize("name", PARSERS)
@given(blob=st.binary(max_size=300))
@settings(max_examples=150)
def test_any_bytes(name: str, blob: bytes) -> None:
    """Bytes as they come."""
    survives(name, blob)


@st.composite
def edits(draw: st.DrawFn, of: bytes) -> bytes:
    """A few changes: a byte, a hole, an insertion, a piece repeated."""
    made = bytearray(of)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(0, len(made) - 1)))
        kind = draw(st.sampled_from(("set", "flip", "delete", "insert", "repeat")))
        if kind == "set" and made:
            made[place] = draw(st.integers(0, 255))
        elif kind == "flip" and made:
            made[place] ^= 1 << draw(st.integers(0, 7))
        elif kind == "delete":
            del made[place : place + draw(st.integers(1, 40))]
        elif kind == "insert":
            made[place:place] = draw(st.binary(min_size=1, max_size=20))
        else:
            made[place:place] = made[place : place + draw(st.integers(1, 40))]
    return bytes(made)


@pytest.mark.parametrize("name", PARSERS)
@given(data=st.data())
@settings(max_examples=150)
def test_right_things_with_bytes_changed(name: str, data: st.DataObject) -> None:
    """Close to right, where parsers go deep."""
    survives(name, data.draw(edits(PARSERS[name][1])))


def paths(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value inside."""
    inside: Any = ()
    if isinstance(value, dict):
        inside = value.items()
    elif isinstance(value, list):
        inside = enumerate(value)
    for key, child in inside:
        yield (*way, key)
        yield from paths(child, (*way, key))


ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-1, 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.sampled_from(
        ("", "0", "-1", "AA==", "\ud800", "9" * 30, "sha256:", "\x00", "é", "2020-01-01T00:00:00Z")
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
DOCUMENTS: dict[str, tuple[str, Any]] = {
    "bundle": ("bundle", BUNDLE),
    "older-bundle": ("older-bundle", OLD_BUNDLE),
    "manifest": ("manifest", MANIFEST),
    "index": ("index", INDEX),
    "trusted-root": ("trusted-root", TRUSTED_ROOT),
    "payload": ("payload", json.loads(SPECIMENS["legacy-tsa"].blob)),
    "statement": ("statement", json.loads(ENVELOPE.payload)),
    "entry": ("entry", json.loads(ENTRY.body)),
    "attestation": ("attestation", json.loads(SPECIMENS["attestation"].blob)),
}


@pytest.mark.parametrize("name", DOCUMENTS)
@given(data=st.data())
@settings(max_examples=200)
def test_right_json_with_a_value_replaced(name: str, data: st.DataObject) -> None:
    """Every place of a document takes every kind of value."""
    parser, document = DOCUMENTS[name]
    made = copy.deepcopy(document)
    *way, last = data.draw(st.sampled_from(sorted(paths(document), key=str)))
    place = made
    for step in way:
        place = place[step]
    place[last] = data.draw(ODD)
    survives(parser, json.dumps(made).encode())


@given(
    annotations=st.dictionaries(
        st.sampled_from(
            (legacy.SIGNATURE, legacy.CERTIFICATE, legacy.CHAIN, legacy.PROMISE, legacy.TIMESTAMP, "other")
        ),
        st.text(max_size=60) | st.sampled_from(("", "null", "{}", "[]", "AA==", "\ud800")),
    ),
    media_type=st.sampled_from(sorted(MEDIA_TYPES)) | st.text(max_size=10),
    blob=st.binary(max_size=60) | st.just(SPECIMENS["legacy-tsa"].blob),
)
def test_any_annotations(annotations: dict[str, str], media_type: str, blob: bytes) -> None:
    """What a registry writes beside a layer."""
    with contextlib.suppress(MalformedError):
        evidence.parse(blob, annotations, media_type)


@given(text=st.text())
@example("Infinity")
@example("-0")
@example('{"a":1,"a":1}')
@example('"\\ud800"')
def test_strict_json_is_json(text: str) -> None:
    """What we accept, everybody reads as the same value; it can be written again."""
    assume(text.isprintable())
    try:
        found = parse(text.encode("utf-8", "surrogatepass"), what="it")
    except MalformedError:
        return
    assert found == json.loads(text)
    assert parse(json.dumps(found).encode(), what="it") == found


@given(value=ODD)
def test_written_json_is_read(value: Any) -> None:
    """Whatever a writer writes in JSON, but half characters and what is too deep."""
    text = json.dumps(value)
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        with pytest.raises(MalformedError):
            parse(text.encode(), what="it")
    else:
        assert parse(text.encode(), what="it") == value


@given(blob=st.binary(max_size=200), wide=st.booleans())
def test_base64_is_read_as_written(blob: bytes, wide: bool) -> None:
    """In either alphabet, with padding or without."""
    text = b64(blob)
    if wide:
        text = text.replace("+", "-").replace("/", "_").rstrip("=")
    assert base64_bytes(text, "it") == blob


def test_certificates_are_what_they_were() -> None:
    """The right things that are spoiled above are right."""
    assert whole(compact(BUNDLE))
    leaf(LEAF)
    timestamp.verify(TOKEN, b"content", ROOT.timestamp_authorities)
    assert der(SIGSTORE.ca.root) in FOUND["legacy-tsa"].chain
