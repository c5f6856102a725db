"""Any bytes are a value or an error of ours: nothing else leaves a parser, whatever is put into it.

Three ways to be hostile: bytes as they come, right things with a few bytes changed, and right JSON with one
value anywhere replaced by another.
"""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tests.properties.parsers import (
    BUNDLE,
    ENTRY,
    FOUND,
    INDEX,
    LEAF,
    MANIFEST,
    OLD_BUNDLE,
    OURS,
    PARSERS,
    ROOT,
    SIGSTORE,
    SPECIMENS,
    STATEMENT,
    TOKEN,
    TRUSTED_ROOT,
    leaf,
    whole,
)
from vouchsafe import evidence
from vouchsafe.errors import MalformedError
from vouchsafe.evidence import MEDIA_TYPES, legacy
from vouchsafe.strictjson import base64_bytes, parse
from vouchsafe.testing.canonical import b64, compact, der
from vouchsafe.verification import timestamp


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
    "statement": ("statement", json.loads(STATEMENT)),
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
