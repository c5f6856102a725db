"""Changes things from the inside: a member of JSON, an element of DER, what base64 wraps.

A fuzzer that flips bytes of a bundle finds ways to break JSON or a length, and little else.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from random import Random
from typing import Any

Edit = Callable[[bytes], bytes]

ODD: tuple[Any, ...] = (None, True, -1, 0, 2**63, 2**64, 1e308, "", "0", "AA==", "\ud800", "sha256:", [], {})
CONSTRUCTED = 0x20
OCTETS = 0x04
BITS = 0x03
DEEPEST = 30


def inside(blob: bytes, chance: Random, edit: Edit, depth: int = 0) -> bytes:
    """The same kind of thing with one place changed; `edit` changes what has no structure."""
    if depth > DEEPEST:
        return edit(blob)
    try:
        value = json.loads(blob)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, (dict, list)):
        return json.dumps(_value(value, chance, edit, depth)).encode()
    elements = der_elements(blob)
    return edit(blob) if elements is None else _der(elements, chance, edit, depth)


def _value(value: Any, chance: Random, edit: Edit, depth: int) -> Any:
    if depth > DEEPEST or chance.random() < 0.05:
        return chance.choice(ODD)
    if isinstance(value, dict) and value:
        return _member(value, chance, edit, depth)
    if isinstance(value, list) and value:
        place = chance.choices(range(len(value)), [_size(item) for item in value])[0]
        kind = chance.random()
        if kind < 0.1:
            return value[:place] + value[place + 1 :]
        if kind < 0.2:
            return [*value, value[place]]
        return [*value[:place], _value(value[place], chance, edit, depth + 1), *value[place + 1 :]]
    return _text(value, chance, edit, depth) if isinstance(value, str) else chance.choice(ODD)


def _size(value: Any) -> int:
    """So that what has much inside is changed inside, rather than dropped with its first letter."""
    return len(str(value)) + 4


def _member(value: dict[str, Any], chance: Random, edit: Edit, depth: int) -> dict[str, Any]:
    names = sorted(value)
    name = chance.choices(names, [_size(value[each]) for each in names])[0]
    rest = {each: value[each] for each in value if each != name}
    kind = chance.random()
    if kind < 0.05:
        return rest
    if kind < 0.1:
        return rest | {edit(name.encode(errors="replace")).decode(errors="replace"): value[name]}
    if kind < 0.15:
        return value | {name: value[chance.choice(names)]}
    return value | {name: _value(value[name], chance, edit, depth + 1)}


def _text(text: str, chance: Random, edit: Edit, depth: int) -> str:
    try:
        wrapped = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        wrapped = b""
    if wrapped and chance.random() < 0.9:
        return base64.b64encode(inside(wrapped, chance, edit, depth + 1)).decode()
    if text[:1] in ("{", "["):
        return inside(text.encode(errors="replace"), chance, edit, depth + 1).decode(errors="replace")
    return edit(text.encode(errors="replace")).decode(errors="replace")


def der_elements(blob: bytes) -> list[tuple[int, bytes]] | None:
    """The elements that `blob` is made of, as (tag, content); None where it is not DER of short tags."""
    found = []
    while blob:
        if len(blob) < 2:
            return None
        tag, length, start = blob[0], blob[1], 2
        if length & 0x80:
            start += length & 0x7F
            length = int.from_bytes(blob[2:start], "big")
            if start not in (3, 4, 5):
                return None
        if start + length > len(blob):
            return None
        found.append((tag, blob[start : start + length]))
        blob = blob[start + length :]
    return found or None


def der_written(elements: list[tuple[int, bytes]]) -> bytes:
    """The elements again, each with the length it has."""
    return b"".join(bytes((tag,)) + _length(len(content)) + content for tag, content in elements)


def _length(number: int) -> bytes:
    if number < 0x80:
        return bytes((number,))
    octets = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return bytes((0x80 | len(octets),)) + octets


def _der(elements: list[tuple[int, bytes]], chance: Random, edit: Edit, depth: int) -> bytes:
    place = chance.choices(range(len(elements)), [len(content) + 4 for _, content in elements])[0]
    tag, content = elements[place]
    kind = chance.random()
    if kind < 0.04:
        changed = []
    elif kind < 0.08:
        changed = [(tag, content)] * 2
    elif kind < 0.12:
        changed = [(chance.randrange(256), content)]
    elif kind < 0.16:
        changed = [chance.choice(elements)]
    else:
        changed = [(tag, _content(tag, content, chance, edit, depth))]
    return der_written([*elements[:place], *changed, *elements[place + 1 :]])


def _content(tag: int, content: bytes, chance: Random, edit: Edit, depth: int) -> bytes:
    skipped = b"\0" if tag == BITS and content[:1] == b"\0" else b""
    wrapped = content[len(skipped) :]
    if tag & CONSTRUCTED or tag in (OCTETS, BITS):
        return skipped + inside(wrapped, chance, edit, depth + 1)
    return edit(content)
