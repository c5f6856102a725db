"""Reads values out of a decoded policy, with Go's idea of null, and says of each failure where it is.

A `Field` is a value and its path (`transports.docker["registry.example"][0].fulcio.oidcIssuer`); every
error is a PolicyError that carries file, line and path, so that lint and editors can point at it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from vouchsafe.errors import ConfigurationError
from vouchsafe.policy.godecode import Node, SyntaxProblem, as_text, base64_data, decode
from vouchsafe.record import Record

LARGEST_POLICY = 4 * 1024 * 1024  # bytes
_PLAIN_KEY = re.compile(r"[A-Za-z][A-Za-z0-9-]*", re.ASCII)
_BYTE = re.compile(r"[0-9]{1,3}", re.ASCII)
_LARGEST_BYTE = 255

T = TypeVar("T")


class PolicyError(ConfigurationError):
    """A policy that cannot be used. `file`, `line` (from 1, 0 unknown) and `path` say where."""

    def __init__(
        self, code: str, message: str, *, hint: str = "", file: str = "", line: int = 0, path: str = ""
    ) -> None:
        """`message` without the place; the place is appended for people."""
        where = f"{file}:{line}" if line else file
        super().__init__(code, " in ".join(part for part in (message, path, where) if part), hint=hint)
        self.bare = message
        self.file = file
        self.line = line
        self.path = path


class Place(Record):
    """A line (from 1) of a file, and the path of what stands there."""

    file: str
    line: int
    path: str = ""

    def __str__(self) -> str:
        """As editors and compilers write it."""
        return f"{self.file}:{self.line}"


class Document(Record):
    """One policy file, decoded; `breaks` are the offsets of its line breaks."""

    source: str
    breaks: tuple[int, ...]
    root: Node

    def place(self, node: Node, path: str) -> Place:
        """The line that `node` starts on."""
        return Place(file=self.source, line=bisect_left(self.breaks, node.offset) + 1, path=path)

    def places(self) -> dict[str, Place]:
        """The place of every value, by its path."""
        found: dict[str, Place] = {}
        waiting = [("", self.root)]
        while waiting:
            path, node = waiting.pop()
            found[path] = self.place(node, path)
            if isinstance(node.value, dict):
                waiting += [(step(path, key), member) for key, member in node.value.items()]
            elif isinstance(node.value, list):
                waiting += [(f"{path}[{index}]", item) for index, item in enumerate(node.value)]
        return found

    @property
    def top(self) -> Field:
        """The document's one value."""
        return Field(self, self.root, "")


def read(blob: bytes, source: str) -> Document:
    """Decode a file; `source` is how errors name it."""
    if len(blob) > LARGEST_POLICY:
        message = f"expected at most {LARGEST_POLICY} bytes of policy, got {len(blob)}"
        raise PolicyError("policy-too-large", message, file=source)
    text = as_text(blob)
    breaks = tuple(offset for offset, character in enumerate(text) if character == "\n")
    try:
        return Document(source=source, breaks=breaks, root=decode(text))
    except SyntaxProblem as problem:
        code = "policy-json" if problem.duplicate is None else "policy-duplicate-key"
        line = bisect_left(breaks, problem.offset) + 1
        hint = "Remove the byte order mark." if text.startswith("\ufeff") else ""
        raise PolicyError(code, str(problem), file=source, line=line, hint=hint) from problem


def step(path: str, key: str) -> str:
    """The path of a member: dotted where the key is a plain word, bracketed where it is anything else."""
    if _PLAIN_KEY.fullmatch(key):
        return f"{path}.{key}" if path else key
    return f'{path}["{key}"]'


class Field:
    """One value of the document. Accessors of scalars give None for null, as Go leaves a field unset."""

    __slots__ = ("document", "node", "path")

    def __init__(self, document: Document, node: Node, path: str) -> None:
        """`path` is how errors name this value."""
        self.document = document
        self.node = node
        self.path = path

    @property
    def place(self) -> Place:
        """Where it stands."""
        return self.document.place(self.node, self.path)

    def error(self, code: str, message: str, *, hint: str = "", at: Node | None = None) -> PolicyError:
        """An error about this value; raise it."""
        place = self.document.place(at or self.node, self.path)
        return PolicyError(code, message, hint=hint, file=place.file, line=place.line, path=place.path)

    def built(self, build: Callable[[], T]) -> T:
        """What `build` makes of this value; its complaints get this place."""
        try:
            return build()
        except PolicyError:
            raise
        except ConfigurationError as error:
            raise self.error(error.code, error.message, hint=error.hint) from error

    def _wrong(self, expected: str) -> PolicyError:
        return self.error("policy-type", f"expected {expected}, got {self.node.kind}")

    def members(self) -> dict[str, Field]:
        """The members of an object, in the order they were written."""
        if not isinstance(self.node.value, dict):
            raise self._wrong("an object")
        return {
            key: Field(self.document, node, step(self.path, key)) for key, node in self.node.value.items()
        }

    def items(self) -> list[Field]:
        """The items of an array; none for null."""
        if self.node.kind == "null":
            return []
        if not isinstance(self.node.value, list):
            raise self._wrong("an array")
        return [
            Field(self.document, node, f"{self.path}[{index}]") for index, node in enumerate(self.node.value)
        ]

    def text(self) -> str | None:
        """A string."""
        if self.node.kind == "null":
            return None
        if not isinstance(self.node.value, str) or self.node.kind != "string":
            raise self._wrong("a string")
        return self.node.value

    def texts(self) -> tuple[str, ...] | None:
        """An array of strings; null in it is an empty string."""
        if self.node.kind == "null":
            return None
        return tuple(item.text() or "" for item in self.items())

    def data(self) -> bytes | None:
        """Base64, or an array of byte values, which Go reads as bytes too."""
        if self.node.kind == "null":
            return None
        if self.node.kind == "array":
            return bytes(item._byte() for item in self.items())  # noqa: SLF001  # another Field
        found = base64_data(self.text() or "")
        if found is None:
            hint = "Encode it with `base64 -w0`."
            raise self.error("policy-base64", "expected standard base64 with padding", hint=hint)
        return found

    def _byte(self) -> int:
        if self.node.kind == "null":
            return 0
        written = self.node.value if self.node.kind == "number" else None
        if not isinstance(written, str) or not _BYTE.fullmatch(written) or int(written) > _LARGEST_BYTE:
            raise self._wrong("a byte")
        return int(written)

    def datas(self) -> tuple[bytes, ...] | None:
        """An array of what `data` reads; null in it is empty."""
        if self.node.kind == "null":
            return None
        return tuple(item.data() or b"" for item in self.items())


class Members:
    """An object whose every key must be known."""

    __slots__ = ("_members", "field")

    def __init__(
        self, field: Field, allowed: Mapping[str, str] | frozenset[str], hints: Mapping[str, str]
    ) -> None:
        """Refuses a key that is not in `allowed`; `hints` says more about keys that people try."""
        self.field = field
        self._members = field.members()
        for key, member in self._members.items():
            if key not in allowed:
                message = f"expected one of {', '.join(sorted(allowed))}, got the key {key!r}"
                raise field.error("policy-unknown-key", message, hint=hints.get(key, ""), at=member.node)

    def __contains__(self, key: str) -> bool:
        """Whether the key is written, null or not."""
        return key in self._members

    def __iter__(self) -> Iterator[str]:
        """The keys that are written."""
        return iter(self._members)

    def get(self, key: str) -> Field | None:
        """The value of a key, None when it is not written."""
        return self._members.get(key)

    def need(self, key: str) -> Field:
        """The value of a key that must be written."""
        if key not in self._members:
            raise self.field.error("policy-missing-key", f"expected the key {key!r}, got none")
        return self._members[key]

    def text(self, key: str) -> str | None:
        """A string; None when null or not written."""
        return None if key not in self._members else self._members[key].text()

    def texts(self, key: str) -> tuple[str, ...] | None:
        """Strings; None when null or not written."""
        return None if key not in self._members else self._members[key].texts()

    def data(self, key: str) -> bytes | None:
        """Bytes; None when null or not written."""
        return None if key not in self._members else self._members[key].data()

    def datas(self, key: str) -> tuple[bytes, ...] | None:
        """Several byte strings; None when null or not written."""
        return None if key not in self._members else self._members[key].datas()
