"""Every JSON document has a schema, which docs/cli.md names; that real runs are by it is `tests.documents`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator

import jsonschema
import pytest

from tests.documents import DOCS, asked_for, document, known, schemas
from vouchsafe.cli import build_parser

SCHEMAS = sorted(DOCS.glob("*.schema.json"))


def printing(parser: argparse.ArgumentParser, name: str = "") -> Iterator[str]:
    """Commands that take `-o json`."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, sub in action.choices.items():
                yield from printing(sub, f"{name} {word}".strip())
        elif "-o" in action.option_strings and "json" in (action.choices or ()):
            yield name


def test_every_document_has_a_schema() -> None:
    """Each command once, and no other; each schema is there."""
    there = schemas()
    assert sorted(there) == sorted(printing(build_parser()))
    resolver = known().resolver("https://vouchsafe.invalid/")
    assert all(resolver.lookup(where).contents for where in there.values())


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_a_schema_is_one(path: object) -> None:
    """By the schema of schemas, and none is for nothing: a document's, or a grammar's of what we read."""
    (found,) = [each for each in SCHEMAS if each == path]
    jsonschema.Draft202012Validator.check_schema(json.loads(found.read_text(encoding="utf-8")))
    read = {
        "policy.schema.json",
        "plugin-request.schema.json",
        "plugin-response.schema.json",
        "plugin-stanza.schema.json",
    }
    assert found.name in read | {where.partition("#")[0] for where in schemas().values()}


def test_what_is_not_by_its_schema_is_seen() -> None:
    """Also when the document is somebody else's."""
    good = {"schemaVersion": 1, "forgotten": 0, "removed": []}
    words = ("countersign", "prune", "-o", "json")
    assert asked_for(words)
    assert document(words, json.dumps(good)) == good
    for wrong in ({"forgotten": "0"}, {"more": 1}, {"schemaVersion": 2}):
        with pytest.raises(jsonschema.ValidationError):
            document(words, json.dumps(good | wrong))
