"""Records: frozen, slotted, keyword-only values."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import pytest

from vouchsafe.record import Record, RecordType


class Point(Record):
    """Two fields, one with a default."""

    x: int
    y: int = 0


class Space(Point):
    """A field more than its base."""

    LIMIT: ClassVar[int] = 3
    z: int = 7


class Even(Record):
    """Refuses what cannot be."""

    number: int

    def _check(self) -> None:
        if self.number % 2:
            raise ValueError(f"expected an even number, got {self.number}")


def test_fields_and_defaults() -> None:
    """What is not given has its default; the base's fields come first."""
    assert (Point(x=1).x, Point(x=1).y) == (1, 0)
    assert repr(Space(x=1, y=2)) == "Space(x=1, y=2, z=7)"
    assert Space.LIMIT == 3


WRONG_CALLS: dict[str, tuple[dict[str, Any], str]] = {
    "missing": ({}, "Point() needs x"),
    "missing-beside-default": ({"y": 2}, "Point() needs x"),
    "unknown": ({"x": 1, "q": 2}, "Point() has no q"),
    "unknown-in-place-of-missing": ({"y": 1, "q": 2}, "Point() has no q"),
    "unknown-beside-all": ({"x": 1, "y": 2, "q": 3, "a": 4}, "Point() has no a, q"),
}


@pytest.mark.parametrize("name", WRONG_CALLS)
def test_wrong_calls(name: str) -> None:
    """A missing or unknown name is a TypeError that says which."""
    values, message = WRONG_CALLS[name]
    with pytest.raises(TypeError) as caught:
        Point(**values)
    assert str(caught.value) == message


def test_frozen() -> None:
    """Nothing can be set, added or deleted."""
    point: Any = Point(x=1)
    with pytest.raises(AttributeError, match="Point is frozen"):
        point.x = 2
    with pytest.raises(AttributeError, match="Point is frozen"):
        point.other = 2
    with pytest.raises(AttributeError, match="Point is frozen"):
        del point.x
    assert not hasattr(point, "__dict__")


def test_equality_is_of_class_and_fields() -> None:
    """Two classes are never equal, and unequal to anything that is no record."""
    assert Point(x=1) == Point(x=1, y=0)
    assert Point(x=1) != Point(x=2)
    assert Space(x=1) != Point(x=1)
    assert Point(x=1) != (1, 0)


def test_hash_follows_equality() -> None:
    """Equal records are one in a set; one that holds something unhashable is unhashable."""
    assert len({Point(x=1), Point(x=1, y=0), Point(x=2), Space(x=1)}) == 3
    with pytest.raises(TypeError):
        hash(Holder(inside=[]))


class Holder(Record):
    """Holds anything."""

    inside: object


def test_replace() -> None:
    """An equal record but for what is named; the original stays; the check runs again."""
    point = Point(x=1, y=5)
    assert point.replace(x=2) == Point(x=2, y=5)
    assert point == Point(x=1, y=5)
    with pytest.raises(ValueError, match="expected an even number, got 3"):
        Even(number=2).replace(number=3)


def test_check_refuses_at_birth() -> None:
    """There is no moment at which a wrong value exists."""
    with pytest.raises(ValueError, match="got 1"):
        Even(number=1)


def test_no_default_hides_its_slot() -> None:
    """A default is kept apart: the class has a slot of that name."""
    assert [vars(kind)["__slots__"] for kind in (Point, Space)] == [("x", "y"), ("z",)]
    assert repr(vars(Point)["y"]) == "<member 'y' of 'Point' objects>"


def test_nothing_written_is_no_field() -> None:
    """A body without annotations."""
    made = RecordType("Bare", (Record,), {"__module__": __name__, "__qualname__": "Bare"})
    assert repr(made()) == "Bare()"


@pytest.fixture
def lazy_annotations() -> Iterator[None]:
    """What Python 3.14 brings, in small, where it is not there."""
    if "annotationlib" in sys.modules or sys.version_info >= (3, 14):
        yield
        return
    small = ModuleType("annotationlib")
    vars(small).update(
        Format=SimpleNamespace(STRING=4), call_annotate_function=lambda annotate, form: annotate(form)
    )
    sys.modules["annotationlib"] = small
    yield
    del sys.modules["annotationlib"]


@pytest.mark.usefixtures("lazy_annotations")
def test_annotations_of_later_pythons() -> None:
    """Python 3.14 hands a class body's annotations over as a function (PEP 749)."""

    def annotate(_form: int) -> dict[str, str]:
        return {"x": "int", "KEPT": "ClassVar[int]"}

    namespace: dict[str, Any] = {
        "__module__": __name__,
        "__qualname__": "Lazy",
        "__annotate_func__": annotate,
    }
    made = RecordType("Lazy", (Record,), namespace)
    assert repr(made(x=1)) == "Lazy(x=1)"
