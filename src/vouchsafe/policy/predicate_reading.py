"""Reads `predicateFields`: JSON pointers into a predicate, each with the values or versions that count there."""

from __future__ import annotations

import re

from vouchsafe.policy.predicate import PredicateField, Scalar
from vouchsafe.policy.reading import Field, Members
from vouchsafe.policy.version import Versions

_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}", re.ASCII)


def read_predicate_fields(field: Field) -> tuple[PredicateField, ...]:
    """An object of at least one field: pointer → exact value, list of them, or {"version": RANGE}."""
    written = field.members()
    if not written:
        raise field.error("policy-empty", "expected at least one field of the predicate, got none")
    return tuple(_read(pointer, value) for pointer, value in written.items())


def _read(pointer: str, value: Field) -> PredicateField:
    if value.node.kind == "object":
        versions = _versions(value)
        return value.built(lambda: PredicateField.parse(pointer, versions=versions))
    values = _several(value) if value.node.kind == "array" else (_scalar(value),)
    return value.built(lambda: PredicateField.parse(pointer, values=values))


def _versions(value: Field) -> Versions:
    text = Members(value, frozenset(("version",)), {}).need("version")
    return text.built(lambda: Versions.parse(text.text() or ""))


def _several(value: Field) -> tuple[Scalar, ...]:
    values = tuple(_scalar(item) for item in value.items())
    if not values:
        raise value.error("policy-empty", "expected at least one value, got an empty list")
    return values


def _scalar(value: Field) -> Scalar:
    """Text, true or false, or a whole number: what two writers of JSON write alike."""
    found = value.node.value
    if value.node.kind == "boolean":
        return bool(found)
    if value.node.kind == "number" and _INTEGER.fullmatch(str(found)):
        return int(str(found))
    if value.node.kind != "string":
        raise value.error(
            "policy-type",
            f"expected a string, true, false or a whole number, got {value.node.kind}",
            hint='A value that is compared exactly; {"version": ">=1.0.0"} for a range of versions.',
        )
    if not found:
        raise value.error("policy-empty", "expected a value, got an empty string")
    return str(found)
