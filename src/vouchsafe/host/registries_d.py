r"""What other files of registries.d say: which namespaces, because one that stands twice ends every pull.

A reader for the YAML that such files are written in (containers-registries.d(5)): block mappings of plain
or quoted scalars, or JSON. What it cannot read it says so, and the host's own client is asked instead;
a YAML library would be a dependency for twenty lines of somebody else's configuration.

>>> sections = read(
...     b"docker:\n  registry.example/group:\n    lookaside: https://sigs.example  # ours\n", "a.yaml"
... )
>>> [(each.namespace, each.keys) for each in sections]
[('registry.example/group', ('lookaside',))]
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from vouchsafe.errors import MalformedError
from vouchsafe.record import Record
from vouchsafe.strictjson import parse as parse_json

SUFFIX = ".yaml"  # containers/image reads no `.yml`
DEFAULT = ""  # the namespace of `default-docker`
_LINE = re.compile(r"""( *)("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s#"'\[\]{}&*!|>%@`,-][^#]*?):(?:\s+(.*))?""")


class Section(Record):
    """One namespace of one file, with the names of its keys."""

    file: str
    namespace: str
    keys: tuple[str, ...]


def read(blob: bytes, file: str) -> tuple[Section, ...]:
    """The sections of a file; MalformedError when it is not written as such files are."""
    document = _json(blob, file) if blob.lstrip().startswith(b"{") else _block(blob, file)
    found = []
    if isinstance(default := document.get("default-docker"), dict):
        found.append(Section(file=file, namespace=DEFAULT, keys=tuple(default)))
    docker = document.get("docker") or {}
    if not isinstance(docker, dict):
        raise _unclear(file, "a mapping in docker")
    for namespace, section in docker.items():
        keys = tuple(section) if isinstance(section, dict) else ()
        found.append(Section(file=file, namespace=namespace, keys=keys))
    return tuple(found)


def _json(blob: bytes, file: str) -> dict[str, Any]:
    document: dict[str, Any] = parse_json(blob, what=file)
    return document


def _block(blob: bytes, file: str) -> dict[str, Any]:
    """Block mappings, at most three deep."""
    try:
        text = blob.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _unclear(file, "UTF-8") from error
    top: dict[str, Any] = {}
    open_mappings: list[tuple[int, dict[str, Any]]] = [(-1, top)]
    waiting: tuple[dict[str, Any], str] | None = None  # a key whose mapping may follow, deeper
    for indent, key, value in _lines(text, file):
        while len(open_mappings) > 1 and indent < open_mappings[-1][0]:
            open_mappings.pop()
        depth, here = open_mappings[-1]
        if depth == -1:
            open_mappings[-1] = (indent, here)
        elif indent > depth:
            if waiting is None or waiting[0] is not here:
                raise _unclear(file, f"a mapping above {key!r}")
            made: dict[str, Any] = {}
            here[waiting[1]] = made
            open_mappings.append((indent, made))
            here = made
        elif indent != depth:
            raise _unclear(file, f"{key!r} in line with its neighbours")
        if key in here:
            raise _unclear(file, f"{key!r} once")
        here[key] = _scalar(value, file)
        waiting = (here, key) if value == "" else None
    return top


def _lines(text: str, file: str) -> Iterator[tuple[int, str, str]]:
    """(indent, key, value) of each line that is not empty, a comment or the document's mark."""
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.rstrip()
        if not bare.strip() or bare.lstrip().startswith("#") or bare in {"---", "..."}:
            continue
        found = _LINE.fullmatch(bare)
        if found is None or "\t" in found[1]:
            raise _unclear(file, f"`key: value` in line {number}")
        yield len(found[1]), _unquoted(found[2].rstrip()), _without_comment(found[3] or "")


def _without_comment(value: str) -> str:
    if value.startswith(('"', "'")):
        return value
    return "" if value.startswith("#") else re.split(r"\s+#", value, maxsplit=1)[0].strip()


def _scalar(value: str, file: str) -> Any:
    if value in {"", "~", "null", "{}"}:
        return {} if value == "{}" else None
    if value[0] in "[{&*!|>":
        raise _unclear(file, "plain values")
    return value


def _unquoted(key: str) -> str:
    if key.startswith('"'):
        return str(json.loads(key))
    return key[1:-1].replace("''", "'") if key.startswith("'") else key


def _unclear(file: str, expected: str) -> MalformedError:
    return MalformedError("host-registries-d", f"expected {expected} in {file}, got something else")
