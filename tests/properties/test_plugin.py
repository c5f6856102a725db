"""Whatever a plugin is asked, it answers once, well-formed, and with the exit code that says the same; and no allow."""

from __future__ import annotations

import contextlib
import copy
import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.properties.parsers import REQUEST
from tests.properties.test_parsers import ODD, edits, paths
from vouchsafe.countersign import inquiry
from vouchsafe.errors import MalformedError
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference
from vouchsafe.plugin.program import respond
from vouchsafe.protocol.decision import Decision, parse
from vouchsafe.protocol.description import parse as parse_description
from vouchsafe.protocol.request import Credentials, Request
from vouchsafe.protocol.request import parse as parse_request

NOWHERE = ("--root", "/nonexistent")


def answers(blob: bytes) -> None:
    """One response that is no allow; a description to whoever asked for one."""
    response = respond(blob, NOWHERE)
    code, document = response.exit_code, response.document
    assert document.endswith(b"\n")
    assert document.count(b"\n") == 1
    if code == 0:
        parse_description(document)
        return
    answered = parse(document)
    assert answered.decision.word != "allow"
    assert answered.decision.exit_code == code
    assert answered.decision.code
    assert answered.decision.message


@given(blob=st.binary(max_size=300) | edits(REQUEST))
@example(b"")
@example(REQUEST)
@example(b'{"policyPlugin":1,"operation":"describe"}')
@settings(max_examples=150)
def test_any_bytes(blob: bytes) -> None:
    """As they come, or close to right."""
    answers(blob)


@given(data=st.data())
@settings(max_examples=100)
def test_a_request_with_a_value_replaced(data: st.DataObject) -> None:
    """Every place of a request takes every kind of value."""
    made: Any = copy.deepcopy(json.loads(REQUEST))
    *way, last = data.draw(st.sampled_from(sorted(paths(made), key=str)))
    place = made
    for step in way:
        place = place[step]
    place[last] = data.draw(ODD)
    answers(json.dumps(made).encode())


NAMES = st.sampled_from(
    ("busybox", "registry.example:5000/a/b_c:v1.2", "r.example/a@sha256:" + 64 * "a", "oci:/a b:c")
)
TEXT = st.text("aZ09_-./é漢'\"\\", max_size=20)


@given(
    name=NAMES,
    said_id=TEXT,
    path=TEXT,
    verify=st.none() | st.booleans(),
    milliseconds=st.integers(1, 3_600_000),
    manifest=st.none() | st.binary(max_size=50),
)
def test_a_request_is_read_as_it_was_written(
    name: str, said_id: str, path: str, verify: bool | None, milliseconds: int, manifest: bytes | None
) -> None:
    """Whatever a host says."""
    reference = Reference.parse(name)
    digest = reference.digest or Digest.of(manifest or b"")
    asked = Request(
        id=said_id,
        reference=reference,
        digest=digest,
        manifest=manifest if digest.matches(manifest or b"") else None,
        credentials=Credentials(auth_file=f"/{path}", tls_verify=verify),
        seconds=milliseconds / 1000,
    )
    assert parse_request(asked.document()) == asked


@given(
    word=st.sampled_from(("allow", "deny", "error")), text=st.text(max_size=40), age=st.integers(0, 86_400)
)
def test_a_response_is_one_line_whatever_it_says(word: Any, text: str, age: int) -> None:
    """And is read again, but for what no terminal should be shown."""
    made = Decision(
        word=word, code="x", message=text, hint=text, scope=text, digest=Digest.of(b""), max_age=age
    )
    blob = made.document("7", name="vouchsafe", version="1")
    assert blob.count(b"\n") == 1
    with contextlib.suppress(MalformedError):  # half characters
        answered = parse(blob)
        assert (answered.decision.word, answered.decision.hint, answered.decision.max_age) == (
            word,
            text,
            age,
        )
        assert answered.decision.message.isprintable()


@given(text=st.text(max_size=60) | NAMES.map(lambda name: f"/v1/verdict/{name}?digest=sha256:{64 * '0'}"))
def test_any_target(text: str) -> None:
    """What is read as a question has a name, a digest, and nothing that a registry would read as more."""
    with contextlib.suppress(MalformedError):
        asked = inquiry.parse(text)
        assert asked.reference.repository == asked.repository
        assert not set(str(asked.reference)) & set("?#% \r\n")
