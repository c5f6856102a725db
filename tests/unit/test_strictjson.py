"""JSON that means one thing to every reader."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.judging import code
from vouchsafe.errors import MalformedError
from vouchsafe.strictjson import DEEPEST, LARGEST, LARGEST_INTEGER, MOST_VALUES, Fields, base64_bytes, parse

REFUSED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "json-syntax"),
    "cut-short": (b'{"a": 1', "json-syntax"),
    "two-values": (b"{}{}", "json-syntax"),
    "trailing-word": (b"{} x", "json-syntax"),
    "nan": (b'{"a": NaN}', "json-syntax"),
    "infinity": (b"[-Infinity]", "json-syntax"),
    "infinite-number": (b"[1e999]", "json-syntax"),
    "infinitely-small": (b"[-1e999]", "json-syntax"),
    "digits-without-end": (b"9" * 5000, "json-syntax"),
    "byte-order-mark": (b"\xef\xbb\xbf{}", "json-syntax"),
    "utf-16": ("{}".encode("utf-16"), "json-syntax"),
    "not-utf-8": (b'"\xff"', "json-syntax"),
    "overlong-utf-8": (b'"\xc0\x80"', "json-syntax"),
    "encoded-surrogate": (b'"\xed\xa0\x80"', "json-syntax"),
    "half-a-character": (b'["\\ud800"]', "json-syntax"),
    "other-half": (b'["\\uDc00x"]', "json-syntax"),
    "half-in-a-key": (b'{"\\ud83d": 1}', "json-syntax"),
    "single-quotes": (b"{'a': 1}", "json-syntax"),
    "comment": (b"{} // no", "json-syntax"),
    "trailing-comma": (b"[1,]", "json-syntax"),
    "raw-newline": (b'"a\nb"', "json-syntax"),
    "key-twice": (b'{"a": 1, "a": 1}', "json-duplicate-key"),
    "key-twice-escaped": (b'{"a": 1, "\\u0061": 2}', "json-duplicate-key"),
    "key-twice-inside": (b'[{"x": {"k": 1, "j": 2, "k": 3}}]', "json-duplicate-key"),
    "lists-too-deep": (b"[" * (DEEPEST + 2) + b"]" * (DEEPEST + 2), "json-too-deep"),
    "objects-too-deep": (b'{"a":' * (DEEPEST + 1) + b"[]" + b"}" * (DEEPEST + 1), "json-too-deep"),
    "without-end": (b"[" * 100_000, "json-too-deep"),
    "too-large": (b" " * LARGEST + b"1", "json-too-large"),
    "too-many-lists": (b"[" + b"[]," * MOST_VALUES + b"0]", "json-too-many"),
    "too-many-numbers": (b"[" + b"0," * MOST_VALUES + b"0]", "json-too-many"),
    "too-many-members": (b"[" + b'{"":0},' * (MOST_VALUES // 2) + b"0]", "json-too-many"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    """What two readers could read differently is read by none."""
    blob, expected = REFUSED[name]
    assert code(lambda: parse(blob, what="it")) == expected


def test_accepted() -> None:
    """Everything else is plain values."""
    said = {"a": [1, 2.5, True, None, "é😀"], "b": {"c": {}}, "": "", "n": -3}
    assert parse(json.dumps(said).encode(), what="it") == said
    assert parse(b'"\\ud83d\\ude00"', what="it") == "😀"
    assert parse(b'"\\\\ud800"', what="it") == "\\ud800"
    assert parse(b'{"e": "\\u00e9"}', what="it") == {"e": "é"}
    assert parse(b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), what="it") is not None
    assert parse(b"[-1e308]", what="it") == [-1e308]
    assert len(parse(b"[" + b"0," * (MOST_VALUES - 2) + b"0]", what="it")) == MOST_VALUES - 1


def test_duplicates_are_told_by_name() -> None:
    """The key that was written twice is in the message, escaped."""
    with pytest.raises(MalformedError) as caught:
        parse(b'{"x":1,"\\u001b":1,"\\u001b":2}', what="the letter")
    assert caught.value.message == r"expected each key once in the letter, got '\x1b' twice"


BASE64: dict[str, tuple[str, bytes]] = {
    "empty": ("", b""),
    "standard": ("+/8=", b"\xfb\xff"),
    "url-safe": ("-_8=", b"\xfb\xff"),
    "mixed": ("+_8=", b"\xfb\xff"),
    "no-padding": ("-_8", b"\xfb\xff"),
    "lines": ("QUJD\nREVG\r\n", b"ABCDEF"),
    "padded-lines": ("QUI\n=", b"AB"),
}


@pytest.mark.parametrize("name", BASE64)
def test_base64(name: str) -> None:
    """As protobuf's JSON and Go read it."""
    text, expected = BASE64[name]
    assert base64_bytes(text, "it") == expected
    assert Fields({"d": text}, "it").data("d") == expected


@pytest.mark.parametrize(
    "text", ["A", "A===", "=AAA", "AA=A", "%%%%", "QUJD REVG", "é", "QQ==QQ==", "\ud800"]
)
def test_not_base64(text: str) -> None:
    """Nothing is skipped but line ends."""
    assert code(lambda: base64_bytes(text, "it")) == "base64"


def fields(**values: Any) -> Fields:
    """An object called `it`."""
    return Fields(values, "it")


MISTYPED: dict[str, tuple[Callable[[], object], str]] = {
    "text-absent": (lambda: fields().text("a"), "expected a string in it.a, got nothing"),
    "text-number": (lambda: fields(a=1).text("a"), "expected a string in it.a, got a number"),
    "text-float": (lambda: fields(a=1.5).text("a"), "expected a string in it.a, got a number"),
    "boolean-text": (lambda: fields(a="true").boolean("a"), "expected true or false in it.a, got a string"),
    "boolean-number": (lambda: fields(a=1).boolean("a"), "expected true or false in it.a, got a number"),
    "integer-absent": (lambda: fields().integer("a"), "expected an integer in it.a, got nothing"),
    "integer-true": (lambda: fields(a=True).integer("a"), "expected an integer in it.a, got true or false"),
    "integer-float": (lambda: fields(a=1.0).integer("a"), "expected an integer in it.a, got a number"),
    "integer-negative": (lambda: fields(a=-1).integer("a"), "expected an integer in it.a, got a number"),
    "integer-text-negative": (
        lambda: fields(a="-1").integer("a"),
        "expected an integer in it.a, got a string",
    ),
    "integer-text-empty": (lambda: fields(a="").integer("a"), "expected an integer in it.a, got a string"),
    "integer-text-arabic": (lambda: fields(a="٣").integer("a"), "expected an integer in it.a, got a string"),
    "integer-text-superscript": (
        lambda: fields(a="²").integer("a"),
        "expected an integer in it.a, got a string",
    ),
    "integer-text-long": (
        lambda: fields(a="9" * 21).integer("a"),
        "expected an integer in it.a, got a string",
    ),
    "integer-large": (
        lambda: fields(a=LARGEST_INTEGER).integer("a"),
        "expected an integer in it.a, got a number",
    ),
    "integer-text-large": (
        lambda: fields(a=str(LARGEST_INTEGER)).integer("a"),
        "expected an integer in it.a, got a number",
    ),
    "object-list": (lambda: fields(a=[]).fields("a"), "expected an object in it.a, got a list"),
    "object-null": (lambda: fields(a=None).fields("a"), "expected an object in it.a, got nothing"),
    "list-object": (lambda: fields(a={}).items("a", 9), "expected a list in it.a, got an object"),
    "list-of-numbers": (
        lambda: fields(a=["x", 1]).words("a", 9),
        "expected strings in it.a, got something else",
    ),
    "list-absent": (lambda: fields().items("a", 9), "expected a list in it.a, got nothing"),
    "objects-text": (
        lambda: fields(a=[{}, ""]).objects("a", 9),
        "expected an object in it.a[1], got a string",
    ),
    "texts-list": (lambda: fields(a=[]).texts("a"), "expected an object in it.a, got a list"),
    "texts-number": (lambda: fields(a={"k": 1}).texts("a"), "expected a string in it.a['k'], got a number"),
    "parse-list": (lambda: Fields.parse(b"[]", what="it"), "expected an object in it, got a list"),
}


@pytest.mark.parametrize("name", MISTYPED)
def test_wrong_types_say_where(name: str) -> None:
    """One sentence with the path, what was expected and what was there."""
    call, message = MISTYPED[name]
    with pytest.raises(MalformedError) as caught:
        call()
    assert (caught.value.code, caught.value.message) == ("json-type", message)


def test_right_types() -> None:
    """Each accessor gives its type."""
    it = fields(t="é", b=False, i=3, s="18446744073709551615", o={"x": "1"}, l=[1, "2"], n=None)
    assert (it.text("t"), it.boolean("b"), it.integer("i"), it.integer("s")) == ("é", False, 3, 2**64 - 1)
    assert (it.fields("o").what, it.fields("o").integer("x")) == ("it.o", 1)
    assert it.items("l", 2) == [1, "2"]
    assert (fields(a=["x"]).words("a", 1), fields().words("a", 1, ())) == (("x",), ())
    assert it.texts("o") == {"x": "1"}
    assert [each.what for each in fields(l=[{}, {}]).objects("l", 2)] == ["it.l[0]", "it.l[1]"]
    assert (it.raw("n"), it.raw("absent"), it.raw("l")) == (None, None, [1, "2"])


def test_null_is_absent() -> None:
    """As protobuf's JSON has it; the key is still there for whoever counts keys."""
    it = fields(n=None, v=0)
    assert ("n" in it, "absent" in it, "v" in it) == (False, False, True)
    assert it.keys() == {"n", "v"}


def test_defaults_stand_in_for_what_is_absent() -> None:
    """And for null; never for a wrong type."""
    it = fields(n=None, w=[])
    assert (it.text("n", "d"), it.boolean("n", True), it.integer("n", 7), it.data("n", b"x")) == (
        "d",
        True,
        7,
        b"x",
    )
    assert (it.items("n", 1, ()), it.objects("n", 1, ()), it.texts("n")) == ([], [], {})
    for call in (
        lambda: it.text("w", "d"),
        lambda: it.boolean("w", True),
        lambda: it.integer("w", 7),
        lambda: it.data("w", b""),
    ):
        assert code(call) == "json-type"


def test_given_values_beat_defaults() -> None:
    """Also where they are falsy."""
    it = fields(t="", b=False, i=0, d="", l=[0])
    assert (it.text("t", "d"), it.boolean("b", True), it.integer("i", 7), it.data("d", b"x")) == (
        "",
        False,
        0,
        b"",
    )
    assert it.items("l", 1, (9,)) == [0]


def test_lists_are_capped() -> None:
    """A list is as long as its reader allows."""
    assert len(fields(a=[0] * 5).items("a", 5)) == 5
    assert code(lambda: fields(a=[0] * 6).items("a", 5)) == "json-too-many"


def test_unknown_keys_where_they_are_refused() -> None:
    """`only` names the first of them."""
    fields(a=1).only("a", "b")
    with pytest.raises(MalformedError) as caught:
        fields(a=1, z=2, c=3).only("a")
    assert (caught.value.code, caught.value.message) == ("json-unknown-key", "expected no key 'c' in it")
