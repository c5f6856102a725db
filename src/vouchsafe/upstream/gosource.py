r"""As much of Go's grammar as tells which JSON keys a struct has and which constants a type.

Comments, strings and raw strings are told apart from code, so a key in a comment or an example is none. What is
not there, or is written in a way that this does not understand, is an error and never an empty list.

>>> json_keys('type t struct {\n A string `json:"a,omitempty"` // B string `json:"b"`\n}', "t")
('a',)
>>> constants('const (\n x kind = "one"\n y kind = "two"\n)', "kind")
{'x': 'one', 'y': 'two'}
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from vouchsafe.errors import MalformedError

MOST_TOKENS = 50_000
DEEPEST = 8  # structs embedded in each other
_TOKEN = re.compile(
    r"""
    (?P<space>[ \t\r]+|//[^\n]*)
    |(?P<comment>/\*.*?\*/)
    |(?P<newline>\n)
    |(?P<text>"(?:[^"\\\n]|\\.)*"|`[^`]*`)
    |(?P<rune>'(?:[^'\\\n]|\\.)+')
    |(?P<name>[^\W\d]\w*)
    |(?P<number>\d[\w.]*)
    |(?P<sign>[^\s])
    """,
    re.VERBOSE | re.DOTALL,
)
_TAG = re.compile(r'(?:^|\s)json:"((?:[^"\\]|\\.)*)"')
_OPEN, _CLOSE = frozenset("([{"), frozenset(")]}")


class Token(NamedTuple):
    """A piece of code. `kind`: newline, text, rune, name, number, sign."""

    kind: str
    text: str


def tokens(source: str) -> list[Token]:
    """All of it, without comments and spaces. MalformedError when a bracket is left open: part of a file is none."""
    found: list[Token] = []
    depth = 0
    for match in _TOKEN.finditer(source):
        kind = match.lastgroup or ""
        if kind == "comment" and "\n" in match[0]:  # counts as a line's end
            found.append(Token("newline", "\n"))
        elif kind not in {"space", "comment"}:
            found.append(Token(kind, match[0]))
            depth += _depth(found[-1])
        if len(found) > MOST_TOKENS:
            raise _other(f"at most {MOST_TOKENS} tokens", "more")
    if depth != 0:
        raise _other("a closing bracket for each that opens", f"a difference of {depth}")
    return found


def _depth(token: Token) -> int:
    return (token.text in _OPEN) - (token.text in _CLOSE) if token.kind == "sign" else 0


def is_source(source: str) -> bool:
    """Whether it is a Go file at all: the first thing in one is its package."""
    return next((token.text for token in tokens(source) if token.kind != "newline"), "") == "package"


def json_keys(source: str, struct: str) -> tuple[str, ...]:
    """The keys that encoding/json reads for the fields of a struct, in their order. MalformedError.

    Those of an embedded struct are among them; one that is not in this source is an error.
    """
    found = _keys(tokens(source), struct, DEEPEST)
    if not found:
        raise _other(f"fields with JSON keys in the struct {struct}", "none")
    return tuple(found)


def _keys(code: list[Token], struct: str, deepest: int) -> list[str]:
    if deepest == 0:
        raise _other(f"at most {DEEPEST} structs inside each other", struct)
    found: list[str] = []
    for line in _lines(_body(code, struct)):
        embedded = _embedded(line)
        found += _keys(code, embedded, deepest - 1) if embedded else _keys_of(line, struct)
    return found


def constants(source: str, kind: str) -> dict[str, str]:
    """Name and value of each string constant of a named type. MalformedError when there is none.

    `name kind = "value"`, and `name = kind("value")`.
    """
    found: dict[str, str] = {}
    code = tokens(source)
    for index in range(1, len(code) - 2):
        before, token, after, value = code[index - 1 : index + 3]
        if token != ("name", kind):
            continue
        if after.text == "=" and before.kind == "name":
            name = before
        elif after.text == "(" and before.text == "=" and index > 1:
            name = code[index - 2]
        else:
            continue
        if value.kind != "text":
            raise _other(f"a string as the constant {name.text} of type {kind}", value.text)
        found[name.text] = unquoted(value.text)
    if not found:
        raise _other(f"constants of the type {kind}", "none")
    return found


def argument_after(source: str, text: str) -> str | None:
    """The token after the argument that is this string (a flag's default after its name); None without one."""
    code = [token for token in tokens(source) if token.kind != "newline"]
    for index, token in enumerate(code[:-2]):
        if token.kind == "text" and unquoted(token.text) == text and code[index + 1].text == ",":
            return code[index + 2].text
    return None


def unquoted(literal: str) -> str:
    """The value of a string literal."""
    if literal.startswith("`"):
        return literal[1:-1]
    try:
        return str(json.loads(literal))
    except ValueError as error:  # an escape that only Go has
        raise _other("a plain string", literal) from error


def _body(code: list[Token], struct: str) -> list[Token]:
    """What is between the braces of `type <struct> struct { … }`, also inside `type ( … )`."""
    for index, token in enumerate(code):
        if token != ("name", struct) or [each.text for each in code[index + 1 : index + 3]] != [
            "struct",
            "{",
        ]:
            continue
        depth = 1
        for end in range(index + 3, len(code)):
            depth += _depth(code[end])
            if depth == 0:
                return code[index + 3 : end]
        raise _other(f"the end of the struct {struct}", "the end of the file")
    raise _other(f"a struct {struct}", "none")


def _lines(body: list[Token]) -> Iterator[list[Token]]:
    """The declarations of a struct: they end with a line or a semicolon, but not inside brackets."""
    line: list[Token] = []
    depth = 0
    for token in body:
        depth += _depth(token)
        if depth == 0 and (token.kind == "newline" or token.text == ";"):
            if line:
                yield line
            line = []
        elif token.kind != "newline":
            line.append(token)
    if line:
        yield line


def _embedded(line: list[Token]) -> str:
    """The type that a declaration embeds (`T`, `*T`, `package.T`, without a tag); empty when it is a field."""
    bare = [token.text for token in line if token.text not in {"*", "."}]
    dotted = len(line) > 2 and line[-2].text == "."
    return bare[-1] if len(bare) == 1 or (dotted and len(bare) == 2) else ""


def _keys_of(line: list[Token], struct: str) -> list[str]:
    """The keys of one field, or of several of one type: `A, B T` and a tag."""
    names = [line[0].text]
    position = 1
    while line[position : position + 1] == [Token("sign", ",")] and position + 1 < len(line):
        names.append(line[position + 1].text)
        position += 2
    if line[-1].kind != "text":
        raise _other(f"a JSON key of the field {names[0]} in the struct {struct}", "none")
    match = _TAG.search(unquoted(line[-1].text))
    if match is None:
        raise _other(f"a JSON key of the field {names[0]} in the struct {struct}", line[-1].text)
    key = match[1].split(",")[0]
    if key == "-":
        return []
    return [key] if key else names


def _other(expected: str, got: str) -> MalformedError:
    return MalformedError(
        "upstream-shape",
        f"expected {expected} in Go's source, got {got[:60]}",
        hint="Upstream has changed in a way that this question does not know: look yourself, and update vouchsafe.",
    )
