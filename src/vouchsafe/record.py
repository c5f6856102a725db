"""Frozen, slotted, keyword-only records: a dataclass at a hundredth of its start-up cost.

A dataclass costs 0.44 ms to define and imports `inspect`, `ast` and `dis`; forty of them are a third
of a cold `vouchsafe verify` (docs/adr/0006). This is one metaclass, known to type checkers through
`dataclass_transform`.

>>> class Point(Record):
...     x: int
...     y: int = 0
>>> Point(x=1)
Point(x=1, y=0)
>>> Point(x=1) == Point(x=1, y=0)
True
>>> Point(x=1).x = 2
Traceback (most recent call last):
AttributeError: Point is frozen
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Self, dataclass_transform


def _own_annotations(namespace: dict[str, Any]) -> dict[str, Any]:
    """The annotations a class body wrote, on Python 3.14's lazy form too (PEP 749)."""
    written = namespace.get("__annotations__")
    if written is None and "__annotate_func__" in namespace:
        import annotationlib  # type: ignore[import-not-found,unused-ignore]

        written = annotationlib.call_annotate_function(
            namespace["__annotate_func__"], annotationlib.Format.STRING
        )
    return written or {}


@dataclass_transform(kw_only_default=True, frozen_default=True, eq_default=True)
class RecordType(type):
    """Turns annotated names into slots, and remembers their order and defaults."""

    _fields: tuple[str, ...]
    _defaults: dict[str, Any]
    _setters: tuple[tuple[str, Callable[[object, Any], None]], ...]

    def __new__(
        cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **kwargs: Any
    ) -> RecordType:
        """Make the class; fields come from annotations that are not ClassVar."""
        own = tuple(
            field
            for field, kind in _own_annotations(namespace).items()
            if not str(kind).startswith(("ClassVar", "typing.ClassVar"))
        )
        defaults: dict[str, Any] = {}
        inherited: tuple[str, ...] = ()
        for base in bases:
            inherited += getattr(base, "_fields", ())
            defaults |= getattr(base, "_defaults", {})
        defaults |= {field: namespace.pop(field) for field in own if field in namespace}
        namespace.setdefault("__slots__", own)
        made = super().__new__(cls, name, bases, namespace, **kwargs)
        made._fields = inherited + tuple(field for field in own if field not in inherited)
        made._defaults = defaults
        made._setters = tuple((field, getattr(made, field).__set__) for field in made._fields)
        return made


class Record(metaclass=RecordType):
    """The base of every value in this package. A subclass may define `_check` to refuse what cannot be."""

    _fields: ClassVar[tuple[str, ...]]
    _defaults: ClassVar[dict[str, Any]]
    _setters: ClassVar[tuple[tuple[str, Callable[[object, Any], None]], ...]]

    def __init__(self, **values: Any) -> None:
        """Set every field once; a missing or unknown name is a TypeError."""
        if len(values) != len(self._setters):
            values = self._defaults | values
        for field, put in self._setters:
            if field not in values:
                raise TypeError(self._complaint(values))
            put(self, values[field])
        if len(values) != len(self._setters):
            raise TypeError(self._complaint(values))
        self._check()

    def _complaint(self, values: dict[str, Any]) -> str:
        unknown = sorted(values.keys() - set(self._fields))
        missing = [field for field in self._fields if field not in values]
        wrong = f"has no {', '.join(unknown)}" if unknown else f"needs {missing[0]}"
        return f"{type(self).__name__}() {wrong}"

    def _check(self) -> None:
        """Refuse a value that cannot be; called once, after every field is set."""

    def __setattr__(self, name: str, value: object) -> None:
        """Records are frozen."""
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __delattr__(self, name: str) -> None:
        """Records are frozen."""
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __eq__(self, other: object) -> bool:
        """Equal when of the same class with equal fields."""
        if type(self) is not type(other):
            return NotImplemented
        return all(getattr(self, field) == getattr(other, field) for field in self._fields)

    def __hash__(self) -> int:
        """Over the fields: a record that holds something unhashable is unhashable."""
        return hash((type(self), *(getattr(self, field) for field in self._fields)))

    def __repr__(self) -> str:
        """The call that makes an equal record."""
        inside = ", ".join(f"{field}={getattr(self, field)!r}" for field in self._fields)
        return f"{type(self).__name__}({inside})"

    def replace(self, **changes: Any) -> Self:
        """An equal record but for the named fields."""
        return type(self)(**({field: getattr(self, field) for field in self._fields} | changes))
