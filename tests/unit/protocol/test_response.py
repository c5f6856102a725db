"""What a plugin answers is read as strictly: only one allow allows, and it names what."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vouchsafe.errors import MalformedError
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference
from vouchsafe.protocol import decision as decisions
from vouchsafe.protocol import description as descriptions
from vouchsafe.protocol.decision import Decision
from vouchsafe.protocol.description import Description
from vouchsafe.protocol.exchange import Ran, understood
from vouchsafe.protocol.request import Request

DIGEST, OTHER = Digest.of(b"an image"), Digest.of(b"another")
ALLOWED = Decision(
    word="allow",
    message="signed",
    digest=DIGEST,
    verified=True,
    scope="docker",
    evidence=(OTHER,),
    signers=("https://gitlab.example/x",),
    through=OTHER,
    epoch="00ff",
    max_age=60,
)
DENIED = Decision(word="deny", code="unsigned", message="found none", hint="Sign it.", digest=DIGEST)
ASKED = Request(id="7", reference=Reference.parse("busybox"), digest=DIGEST)


def written(made: Decision, identifier: str = "7", **more: Any) -> bytes:
    """A response, with some keys replaced."""
    said = json.loads(made.document(identifier, name="vouchsafe", version="1"))
    return json.dumps(said | more).encode()


@pytest.mark.parametrize("decision", [ALLOWED, DENIED, Decision(word="error", code="x", message="y")])
def test_a_response_is_read_as_it_was_written(decision: Decision) -> None:
    """All of it, and by whom."""
    blob = decision.document("7", name="vouchsafe", version="1")
    assert blob.endswith(b"}\n")
    answered = decisions.parse(blob)
    assert (answered.id, answered.plugin, answered.decision) == ("7", "vouchsafe 1", decision)


def test_words_have_exit_codes() -> None:
    """0 is allow alone."""
    assert [ALLOWED.exit_code, DENIED.exit_code, DENIED.replace(word="error").exit_code] == [0, 1, 2]
    assert [ALLOWED.sentence, DENIED.sentence] == ["signed", "found none [unsigned]"]
    assert ALLOWED.replace(message="").sentence == "allow"


def test_an_allow_names_what() -> None:
    """Without a digest it would be an allow of anything."""
    with pytest.raises(MalformedError, match="to name a digest"):
        Decision(word="allow")


def test_an_allow_needs_no_reason() -> None:
    """A deny does."""
    blob = json.dumps(
        {"policyPlugin": 1, "id": "", "plugin": {"name": "x"}, "decision": "allow", "digest": str(DIGEST)}
    )
    assert decisions.parse(blob.encode()).decision == Decision(word="allow", digest=DIGEST)


@pytest.mark.parametrize(
    "more",
    [
        {"policyPlugin": 2},
        {"decision": "yes"},
        {"decision": None},
        {"digest": "sha256:0"},
        {"digest": None},
        {"plugin": None},
        {"reason": "fine"},
        {"evidence": ["sha256:0"]},
        {"signers": [1]},
        {"verified": "yes"},
        {"maxAgeSeconds": -1},
        {"id": None},
    ],
)
def test_what_is_no_response(more: dict[str, Any]) -> None:
    """An error, whatever it says else."""
    with pytest.raises(MalformedError):
        decisions.parse(written(ALLOWED, **more))


@pytest.mark.parametrize(
    "blob", [b"", b"[]", b"{}{}", written(ALLOWED) + written(ALLOWED), written(DENIED)[:-2]]
)
def test_what_is_not_one_document(blob: bytes) -> None:
    """Neither is half of one, or two."""
    with pytest.raises(MalformedError):
        decisions.parse(blob)


def test_nobody_remembers_for_ever() -> None:
    """A day at most."""
    assert decisions.parse(written(ALLOWED, maxAgeSeconds=10**9)).decision.max_age == 86_400


@pytest.mark.parametrize(
    "status, output, problem, word",
    [
        (0, written(ALLOWED), "", "allow"),
        (1, written(DENIED), "", "deny"),
        (2, written(DENIED.replace(word="error")), "", "error"),
        (2, written(DENIED.replace(word="error"), ""), "", "error"),
        (1, written(ALLOWED), "", "error"),
        (0, written(DENIED), "", "error"),
        (-9, written(ALLOWED), "", "error"),
        (0, written(ALLOWED, "8"), "", "error"),
        (0, written(ALLOWED, ""), "", "error"),
        (1, written(DENIED, "8"), "", "error"),
        (0, written(ALLOWED.replace(digest=OTHER)), "", "error"),
        (0, written(ALLOWED), "expected an end", "error"),
        (0, b"allow", "", "error"),
        (0, b"", "", "error"),
        (1, written(DENIED.replace(code="")), "", "error"),
    ],
)
def test_what_a_host_understands(status: int, output: bytes, problem: str, word: str) -> None:
    """Exit code and document say the same about what was asked, or nobody has allowed anything."""
    assert understood(ASKED, Ran(status=status, output=output, problem=problem)).word == word


def test_a_description_is_read_as_it_was_written() -> None:
    """With the id that is answered."""
    made = Description(name="vouchsafe", version="1", versions=(1, 2), capabilities=("fetch",))
    assert descriptions.parse(made.document("7")) == ("7", made)


@pytest.mark.parametrize("more", [{"versions": []}, {"versions": ["1"]}, {"versions": None}, {"plugin": 1}])
def test_what_is_no_description(more: dict[str, Any]) -> None:
    """It says nothing that a host could choose by."""
    said = json.loads(Description(name="x").document(""))
    with pytest.raises(MalformedError):
        descriptions.parse(json.dumps(said | more).encode())
