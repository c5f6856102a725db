r"""JSON as Go's encoding/json reads it, with the place of every value kept.

containers/image decides what a policy means, and it reads with Go: invalid UTF-8 and lone surrogates in
strings become U+FFFD instead of errors, keys are compared after that, base64 may hold line breaks. A
reader that differs in one of these loads a file that skopeo refuses, or the other way round. Duplicate
keys are refused here: every object of the format is read by containers/image's "paranoid" decoder.

>>> decode('{"a": [1, "\\ud800"]}').value["a"].value[1].value
'�'
"""

from __future__ import annotations

import binascii
import re
from typing import Literal

from vouchsafe.record import Record

DEEPEST = 64  # containers; Go stops at 10 000, but no value that deep has a meaning in a policy
_SPACE = re.compile(r"[ \t\n\r]*")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]*')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII)
_HEX4 = re.compile(r"[0-9a-fA-F]{4}", re.ASCII)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?", re.ASCII)
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_LITERALS = {"true": True, "false": False, "null": None}
_REPLACEMENT = "\ufffd"

Kind = Literal["null", "boolean", "number", "string", "array", "object"]


class Node(Record):
    """One value and the character it starts at. A number is kept as it was written."""

    kind: Kind
    value: bool | str | list[Node] | dict[str, Node] | None
    offset: int


class SyntaxProblem(Exception):
    """What Go would refuse, and the character where; `duplicate` names a key written twice."""

    def __init__(self, message: str, offset: int, duplicate: str | None = None) -> None:
        """`offset` in characters of the decoded text."""
        super().__init__(message)
        self.offset = offset
        self.duplicate = duplicate


def as_text(blob: bytes) -> str:
    """The text that offsets count in; each byte that is not UTF-8 is one character."""
    return blob.decode("utf-8", "surrogateescape")


def decode(text: str) -> Node:
    """The one value in `text`, which `as_text` made; or SyntaxProblem."""
    scanner = _Scanner(text)
    node, end = scanner.value(scanner.skip(0), 0)
    end = scanner.skip(end)
    if end != len(scanner.text):
        raise SyntaxProblem(f"expected nothing after the value, got {scanner.at(end)}", end)
    return node


def base64_data(text: str) -> bytes | None:
    """Standard base64 with padding, line breaks ignored wherever they are; None when it is not that."""
    bare = text.replace("\r", "").replace("\n", "")
    if not _BASE64.fullmatch(bare):
        return None
    return binascii.a2b_base64(bare)


def _run(pattern: re.Pattern[str], text: str, offset: int) -> str:
    """What a pattern that also matches nothing takes at `offset`."""
    found = pattern.match(text, offset)
    return found[0] if found else ""


class _Scanner:
    """Walks the text; every method takes where to start and tells where it ended."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def skip(self, offset: int) -> int:
        return offset + len(_run(_SPACE, self.text, offset))

    def at(self, offset: int) -> str:
        return repr(self.text[offset]) if offset < len(self.text) else "the end of the file"

    def value(self, offset: int, depth: int) -> tuple[Node, int]:
        if depth > DEEPEST:
            raise SyntaxProblem(f"expected at most {DEEPEST} levels, got more", offset)
        first = self.text[offset : offset + 1]
        if first == "{":
            return self._object(offset, depth)
        if first == "[":
            return self._array(offset, depth)
        if first == '"':
            text, end = self._string(offset)
            return Node(kind="string", value=text, offset=offset), end
        for word, meaning in _LITERALS.items():
            if self.text.startswith(word, offset):
                kind: Kind = "null" if meaning is None else "boolean"
                return Node(kind=kind, value=meaning, offset=offset), offset + len(word)
        found = _NUMBER.match(self.text, offset)
        if found:
            return Node(kind="number", value=found[0], offset=offset), found.end()
        raise SyntaxProblem(f"expected a value, got {self.at(offset)}", offset)

    def _array(self, start: int, depth: int) -> tuple[Node, int]:
        items: list[Node] = []
        offset = self.skip(start + 1)
        if self.text.startswith("]", offset):
            return Node(kind="array", value=items, offset=start), offset + 1
        while True:
            item, offset = self.value(self.skip(offset), depth + 1)
            items.append(item)
            offset, more = self._after(offset, "]")
            if not more:
                return Node(kind="array", value=items, offset=start), offset

    def _object(self, start: int, depth: int) -> tuple[Node, int]:
        members: dict[str, Node] = {}
        offset = self.skip(start + 1)
        if self.text.startswith("}", offset):
            return Node(kind="object", value=members, offset=start), offset + 1
        while True:
            offset = self.skip(offset)
            if not self.text.startswith('"', offset):
                raise SyntaxProblem(f"expected a key, got {self.at(offset)}", offset)
            key, end = self._string(offset)
            if key in members:
                raise SyntaxProblem(f"expected each key once, got {key!r} twice", offset, key)
            end = self.skip(end)
            if not self.text.startswith(":", end):
                raise SyntaxProblem(f"expected ':' after the key {key!r}, got {self.at(end)}", end)
            members[key], offset = self.value(self.skip(end + 1), depth + 1)
            offset, more = self._after(offset, "}")
            if not more:
                return Node(kind="object", value=members, offset=start), offset

    def _after(self, offset: int, closing: str) -> tuple[int, bool]:
        """Where to go on after an item, and whether another one follows."""
        offset = self.skip(offset)
        found = self.text[offset : offset + 1]
        if found not in {",", closing}:
            raise SyntaxProblem(f"expected ',' or '{closing}', got {self.at(offset)}", offset)
        return offset + 1, found == ","

    def _string(self, start: int) -> tuple[str, int]:
        parts: list[str] = []
        offset = start + 1
        while True:
            plain = _run(_PLAIN, self.text, offset)
            parts.append(_LONE_SURROGATE.sub(_REPLACEMENT, plain))
            offset += len(plain)
            mark = self.text[offset : offset + 1]
            if mark == '"':
                return "".join(parts), offset + 1
            if mark != "\\":
                raise SyntaxProblem(f"expected the end of a string, got {self.at(offset)}", offset)
            character, offset = self._escape(offset)
            parts.append(character)

    def _escape(self, offset: int) -> tuple[str, int]:
        letter = self.text[offset + 1 : offset + 2]
        if letter in _ESCAPES:
            return _ESCAPES[letter], offset + 2
        unit = self._unit(offset)
        if unit is None:
            raise SyntaxProblem(f"expected an escape of JSON, got '\\{letter}'", offset)
        following = self._unit(offset + 6)
        if 0xD800 <= unit < 0xDC00 and following is not None and 0xDC00 <= following < 0xE000:
            return chr(0x10000 + ((unit - 0xD800) << 10) + (following - 0xDC00)), offset + 12
        if 0xD800 <= unit < 0xE000:
            return _REPLACEMENT, offset + 6
        return chr(unit), offset + 6

    def _unit(self, offset: int) -> int | None:
        r"""The UTF-16 unit that `\uXXXX` at `offset` stands for, None when there is none."""
        digits = _HEX4.match(self.text, offset + 2) if self.text.startswith("\\u", offset) else None
        return int(digits[0], 16) if digits else None
