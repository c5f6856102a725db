"""JSON that means one thing: no duplicate keys, no NaN, no BOM, no half characters; bounded in every way.

Two readers of one document must not see two values (duplicate keys), and a parser must not be
talked into the stack's end. `parse` gives plain Python values; `Fields` reads an object with typed,
named accessors whose errors say where.

>>> Fields.parse(b'{"a": 1}', what="example").integer("a")
1
>>> parse(b'{"a": 1, "a": 2}', what="example")
Traceback (most recent call last):
vouchsafe.errors.MalformedError: expected each key once in example, got 'a' twice
"""

from __future__ import annotations

import binascii
import json
import re
from collections import Counter
from typing import Any, NoReturn

from vouchsafe.errors import MalformedError

LARGEST = 4 * 1024 * 1024  # bytes of one document
DEEPEST = 64  # nested containers; real bundles have 8
MOST_VALUES = 512 * 1024  # in one document: 4 MiB of `[],` would be 100 MB of Python's lists
LARGEST_INTEGER = 2**64  # exclusive; what protobuf's 64-bit fields can hold


class _Duplicate(ValueError):
    pass


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _Duplicate(Counter(key for key, _ in pairs).most_common(1)[0][0])
    return made


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    """A number; `1e999` would be infinity, which nobody could write as JSON again (Go refuses it too)."""
    value = float(text)
    if value in (_INFINITY, -_INFINITY):
        raise ValueError(f"{text[:40]} is too large")
    return value


_INFINITY = float("inf")
_BEFORE_VALUES = (b",", b"[", b"{")  # of which each value but the first has one; in strings they count too
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")  # an escape that may be half a character
_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant, parse_float=_finite)


def parse(
    blob: bytes, *, what: str, largest: int = LARGEST, deepest: int = DEEPEST, most: int = MOST_VALUES
) -> Any:
    """The JSON value in `blob` (UTF-8, RFC 8259), or MalformedError naming `what`."""
    if len(blob) > largest:
        raise MalformedError("json-too-large", f"expected at most {largest} bytes of {what}, got {len(blob)}")
    if len(blob) > most and values_in(blob) > most:
        raise MalformedError("json-too-many", f"expected at most {most} values in {what}, got more")
    try:
        text = blob.decode("utf-8")
        value = _DECODER.decode(text)
    except _Duplicate as error:
        message = f"expected each key once in {what}, got {error.args[0]!r} twice"
        raise MalformedError("json-duplicate-key", message) from error
    except RecursionError as error:
        raise MalformedError(
            "json-too-deep", f"expected at most {deepest} levels in {what}, got more"
        ) from error
    except ValueError as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise MalformedError("json-syntax", f"expected JSON in {what}, got {error}") from error
    _bound_depth(value, what, deepest)
    if _SURROGATE.search(text):
        _refuse_half_characters(value, what)
    return value


def values_in(blob: bytes) -> int:
    """How many values there are in JSON at most; counted without parsing."""
    return sum(map(blob.count, _BEFORE_VALUES))


def _refuse_half_characters(value: Any, what: str) -> None:
    r"""Half a surrogate pair (`"\ud800"`) is U+FFFD to Go and an error to UTF-8."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise MalformedError(
            "json-syntax", f"expected Unicode text in {what}, got a lone surrogate"
        ) from error


def _bound_depth(value: Any, what: str, deepest: int) -> None:
    level: list[Any] = [value]
    for _ in range(deepest + 1):
        following: list[Any] = []
        for item in level:
            if type(item) is dict:
                following += [child for child in item.values() if type(child) in (dict, list)]
            elif type(item) is list:
                following += [child for child in item if type(child) in (dict, list)]
        if not following:
            return
        level = following
    raise MalformedError("json-too-deep", f"expected at most {deepest} levels in {what}, got more")


def base64_bytes(text: str, what: str) -> bytes:
    """Base64 as protobuf JSON has it: standard or URL-safe, padding optional, line ends anywhere (as in Go)."""
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:  # rarely: not the standard alphabet, no padding, or line ends
        pass
    plain = text.replace("-", "+").replace("_", "/").replace("\n", "").replace("\r", "")
    if not plain.endswith("="):
        plain += "=" * (-len(plain) % 4)
    try:
        return binascii.a2b_base64(plain, strict_mode=True)
    except ValueError as error:  # binascii.Error is a ValueError, and so is what says not ASCII
        raise MalformedError("base64", f"expected base64 in {what}, got {text[:40]!r}") from error


class Fields:
    """One JSON object, read field by field. A wrong type is a MalformedError that says where."""

    __slots__ = ("_values", "what")

    def __init__(self, value: object, what: str) -> None:
        """`what` is the path that errors name, such as `bundle.verificationMaterial`."""
        if not isinstance(value, dict):
            raise MalformedError("json-type", f"expected an object in {what}, got {_kind(value)}")
        self._values = value
        self.what = what

    @classmethod
    def parse(cls, blob: bytes, *, what: str, largest: int = LARGEST, most: int = MOST_VALUES) -> Fields:
        """Parse bytes that must hold one object."""
        return cls(parse(blob, what=what, largest=largest, most=most), what)

    def __contains__(self, key: str) -> bool:
        """Whether the key is there and not null: protobuf JSON reads null as absent."""
        return self._values.get(key) is not None

    def keys(self) -> frozenset[str]:
        """The keys as written, null ones too."""
        return frozenset(self._values)

    def only(self, *allowed: str) -> None:
        """Refuse keys that are not in `allowed`."""
        unknown = sorted(self._values.keys() - set(allowed))
        if unknown:
            raise MalformedError("json-unknown-key", f"expected no key {unknown[0]!r} in {self.what}")

    def raw(self, key: str) -> object:
        """The value as parsed, None when absent."""
        return self._values.get(key)

    def _need(self, key: str, kind: type, name: str) -> Any:
        value = self._values.get(key)
        if type(value) is not kind:
            raise MalformedError("json-type", f"expected {name} in {self.what}.{key}, got {_kind(value)}")
        return value

    def text(self, key: str, default: str | None = None) -> str:
        """A string; `default` stands in when the key is absent and a default was given."""
        if default is not None and key not in self:
            return default
        found: str = self._need(key, str, "a string")
        return found

    def boolean(self, key: str, default: bool | None = None) -> bool:
        """true or false."""
        if default is not None and key not in self:
            return default
        return bool(self._need(key, bool, "true or false"))

    def integer(self, key: str, default: int | None = None) -> int:
        """A non-negative integer, also as a decimal string (protobuf JSON writes int64 so)."""
        value = self._values.get(key)
        if value is None and default is not None:
            return default
        if (
            type(value) is str
            and value.isascii()
            and value.isdigit()
            and len(value) <= len(str(LARGEST_INTEGER))
        ):
            value = int(value)
        if type(value) is not int or not 0 <= value < LARGEST_INTEGER:
            raise MalformedError("json-type", f"expected an integer in {self.what}.{key}, got {_kind(value)}")
        return value

    def data(self, key: str, default: bytes | None = None) -> bytes:
        """Base64 decoded."""
        if default is not None and key not in self:
            return default
        text = self.text(key)
        try:
            return binascii.a2b_base64(text, strict_mode=True)
        except ValueError:
            return base64_bytes(text, f"{self.what}.{key}")

    def fields(self, key: str) -> Fields:
        """An object."""
        return Fields(self._values.get(key), f"{self.what}.{key}")

    def items(self, key: str, most: int, default: tuple[object, ...] | None = None) -> list[object]:
        """A list of at most `most` values; empty when absent and a default was given."""
        if default is not None and key not in self:
            return list(default)
        found = self._need(key, list, "a list")
        if len(found) > most:
            raise MalformedError(
                "json-too-many", f"expected at most {most} entries in {self.what}.{key}, got {len(found)}"
            )
        return list(found)

    def words(self, key: str, most: int, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """A list of strings, as `items`."""
        found = self.items(key, most, default)
        words = tuple(each for each in found if isinstance(each, str))
        if len(words) != len(found):
            raise MalformedError("json-type", f"expected strings in {self.what}.{key}, got something else")
        return words

    def objects(self, key: str, most: int, default: tuple[object, ...] | None = None) -> list[Fields]:
        """A list of objects."""
        found = self.items(key, most, default)
        return [Fields(value, f"{self.what}.{key}[{index}]") for index, value in enumerate(found)]

    def texts(self, key: str) -> dict[str, str]:
        """An object whose values are all strings (OCI annotations); empty when absent."""
        if key not in self:
            return {}
        found = self._need(key, dict, "an object")
        for name, value in found.items():
            if type(value) is not str:
                raise MalformedError(
                    "json-type", f"expected a string in {self.what}.{key}[{name!r}], got {_kind(value)}"
                )
        return dict(found)


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "nothing"}
    return names.get(type(value), "a number")
