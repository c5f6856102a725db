"""The JSON documents that commands print, and the schemas in docs that they are by, as docs/cli.md lists them.

Whoever runs a command in a test comes by here, so that no document of any run goes unseen: `tests.cli_lab.run`,
`Nursery` and the whole machine do it by themselves; what a process of its own has printed is read by `document`.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
from referencing import Registry, Resource

DOCS = Path(__file__).resolve().parent.parent / "docs"
_ROW = re.compile(r"^\| (`[^|]*`) \| \[([a-z-]+\.schema\.json)\]\(\2\)(?: `([a-z]+)`)? \|$", re.MULTILINE)


def schemas() -> dict[str, str]:
    """Each command that prints JSON → where its schema is, from the schemas' own address."""
    rows = _ROW.findall((DOCS / "cli.md").read_text(encoding="utf-8"))
    return {
        command: f"{name}#/$defs/{inner}" if inner else name
        for commands, name, inner in rows
        for command in re.findall("`([^`]+)`", commands)
    }


def asked_for(words: Sequence[object]) -> bool:
    """Whether a command was asked for a document."""
    return any(pair == ("-o", "json") for pair in itertools.pairwise(words))


def document(words: Sequence[object], output: str) -> Any:
    """What a command has printed with `-o json`, read, when it is by its schema."""
    found = json.loads(output)
    named = " ".join(str(word) for word in words)
    (command,) = [each for each in _commands() if f"{named} ".startswith(f"{each} ")]
    _validator(_commands()[command]).validate(found)
    return found


def check(words: Sequence[object], output: str) -> None:
    """The same where a document was asked for and one was printed: an error is not one."""
    if asked_for(words) and output:
        document(words, output)


@cache
def _commands() -> dict[str, str]:
    return schemas()


@cache
def known() -> Registry[Any]:
    """Every schema, by its address."""
    read = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(DOCS.glob("*.schema.json"))]
    return Registry().with_resources(
        (each["$id"], Resource.from_contents(each)) for each in read if "$id" in each
    )


@cache
def _validator(where: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(
        {"$ref": f"https://vouchsafe.invalid/{where}"},
        registry=known(),
        format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER,
    )
