"""docs/policy-json.md and policy.schema.json: every example is valid, loads and lints clean; every code is there."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from vouchsafe.policy.document import parse
from vouchsafe.policy.identity import CLAIM_NAMES
from vouchsafe.policy.layers import File, load
from vouchsafe.policy.lint import lint

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docs" / "policy-json.md").read_text(encoding="utf-8")
SCHEMA = json.loads((ROOT / "docs" / "policy.schema.json").read_text(encoding="utf-8"))
SOURCES = sorted((ROOT / "src" / "vouchsafe" / "policy").glob("*.py"))
EXAMPLES = re.findall(r"^```json ?(\w*(?:-\w+)?)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
NOT_OF_THE_FILE = {"policy-cases", "policy-rejects"}  # of `policy test`, and a verdict's reason
KEYLESS = {
    "type": "sigstoreSigned",
    "fulcio": {"oidcIssuer": "https://i.example", "subjectEmail": "a@b.example"},
}


def whole(kind: str, text: str) -> Any:
    """The policy that an example is, or is a part of."""
    value = json.loads(text)
    if kind == "requirement":
        return {"default": [{"type": "reject"}], "transports": {"docker": {"registry.example/x": [value]}}}
    return {"default": [{"type": "reject"}], **value} if kind == "drop-in" else value


def valid(value: Any) -> bool:
    """Whether the schema takes it."""
    return jsonschema.Draft202012Validator(SCHEMA).is_valid(value)


def changed(**fulcio: Any) -> dict[str, Any]:
    """A keyless policy with these changes; `...` drops a key."""
    merged = {**KEYLESS["fulcio"], **fulcio}  # type: ignore[dict-item]
    kept = {key: value for key, value in merged.items() if value is not ...}
    return {"default": [{**KEYLESS, "fulcio": kept}]}


def test_schema_is_one() -> None:
    """The schema is a schema of draft 2020-12."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("kind, text", EXAMPLES)
def test_examples(kind: str, text: str) -> None:
    """Every example validates, loads, and gives nothing to complain about."""
    policy = whole(kind, text)
    jsonschema.validate(policy, SCHEMA, cls=jsonschema.Draft202012Validator)
    loaded = parse(json.dumps(policy).encode(), dialect="vouchsafe", source="policy-json.md")
    assert lint(loaded, now=datetime(2026, 11, 22, tzinfo=UTC)) == ()


def test_drop_in_example() -> None:
    """The drop-in of the docs fits under the first example."""
    assert len(EXAMPLES) >= 8
    (drop_in,) = [text for kind, text in EXAMPLES if kind == "drop-in"]
    main = File(source="policy.json", blob=EXAMPLES[0][1].encode())
    policy = load(main, [File(source="team.json", blob=drop_in.encode())])
    assert "registry.example/team" in policy.transports["docker"]


@pytest.mark.parametrize(
    "value",
    [
        changed(),
        changed(subjectEmail=..., subjectURI="https://x.example"),
        changed(claims={"build-trigger": ["push"]}),
        changed(trustedRootPath="/t"),
        {"default": [{"type": "signedBy", "keyType": "GPGKeys", "keyPaths": ["/a"]}]},
        {"default": [{"type": "sigstoreSigned", "pki": {"caRootsPath": "/c", "subjectHostname": "h"}}]},
        {"default": [{"type": "sigstoreSigned", "keyPath": "/k", "rekorPublicKeyDatas": ["eA=="]}]},
    ],
)
def test_schema_takes(value: Any) -> None:
    """What loads, the schema takes."""
    parse(json.dumps(value).encode(), dialect="vouchsafe", source="p")
    assert valid(value)


@pytest.mark.parametrize(
    "value",
    [
        [],
        {"default": []},
        {"default": [{"type": "reject"}], "x": 1},
        {"default": [{"type": "Reject"}]},
        {"default": {"type": "reject"}},
        {"default": {"requirements": [{"type": "reject"}], "maxAge": "1 year"}},
        {"default": {"requirements": [{"type": "reject"}], "notBefore": "yesterday"}},
        {"default": {"requirements": [{"type": "reject"}], "repositoryOfProject": {"a/b": "c.d/e"}}},
        {"default": [{"type": "sigstoreSigned"}]},
        {"default": [{"type": "sigstoreSigned", "keyPath": "/k", "keyData": "eA=="}]},
        {"default": [{"type": "sigstoreAttested", "keyPath": "/k"}]},
        {"default": [{"type": "signedBy", "keyPath": "/k"}]},
        {"default": [{**KEYLESS, "pki": {"caRootsPath": "/c", "subjectEmail": "a"}}]},
        {"default": [{"type": "sigstoreSigned", "pki": {"caRootsPath": "/c"}}]},
        changed(oidcIssuer=...),
        changed(subjectEmail=...),
        changed(subjectURI="u"),
        changed(subjectRegexp=""),
        changed(caPath="/c"),
        changed(claims={"colour": "red"}),
        changed(claims={"build-trigger": []}),
        changed(identities=[]),
        changed(gitlab={"project": "a/b", "ref": "refs/heads/main"}),
        changed(oidcIssuer=..., subjectEmail=..., gitlab={"project": "a/b"}),
        changed(oidcIssuer=..., subjectEmail=..., gitlab={"project": "a/b", "ref": "main"}),
        changed(oidcIssuer=..., subjectEmail=..., gitlab={"project": "a", "ref": "refs/heads/main"}),
        changed(oidcIssuer=..., subjectEmail=..., github={"repository": "a/b", "ref": "refs/heads/main"}),
    ],
)
def test_schema_refuses(value: Any) -> None:
    """What does not load, the schema refuses, as far as a schema can tell."""
    with pytest.raises(Exception, match=r"expected"):
        parse(json.dumps(value).encode(), dialect="vouchsafe", source="p")
    assert not valid(value)


def _codes(pattern: str, names: str) -> set[str]:
    texts = [path.read_text(encoding="utf-8") for path in SOURCES if re.match(names, path.name)]
    return {
        code
        for text in texts
        for match in re.findall(pattern, text)
        for code in re.findall(r"[a-z]+-[a-z0-9-]+", match)
    }


def _documented(heading: str) -> set[str]:
    section = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]+`) \|", section, re.MULTILINE)
    return {code for row in rows for code in re.findall(r"`([a-z0-9-]+)`", row)}


def test_every_error_is_documented() -> None:
    """The codes of errors in the code and in the docs are the same."""
    assert _codes(r'"(policy-[a-z0-9-]+)"', ".*") - NOT_OF_THE_FILE == _documented("Errors")


def test_every_finding_is_documented() -> None:
    """The codes of findings in the code and in the docs are the same."""
    assert _codes(r"code=(.*)", "lint") == _documented("Findings")


def test_every_key_is_documented() -> None:
    """Each key and claim that the schema knows is explained, and the schema knows every claim."""
    keys = set(re.findall(r'"([A-Za-z0-9-]+)": \{', json.dumps(SCHEMA)))
    defined = {
        "properties",
        "items",
        "not",
        "if",
        "then",
        "additionalProperties",
        "propertyNames",
        *SCHEMA["$defs"],
    }
    missing = {key for key in keys - defined - {"defs"} if key not in TEXT}
    assert missing - {"rekorPublicKeyPaths", "rekorPublicKeyData", "rekorPublicKeyDatas"} == set()
    assert set(SCHEMA["$defs"]["claims"]["properties"]) == set(CLAIM_NAMES)
