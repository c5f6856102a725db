"""Tables of cases that a policy is tested with, read strictly."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from vouchsafe.errors import ConfigurationError
from vouchsafe.policy import cases
from vouchsafe.policy.cases import Case

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def test_a_table_of_cases() -> None:
    """What is not said has its default; a case without a name is called by its image."""
    text = """[
        {"image": "r.example/a", "expect": "accepted"},
        {"name": "b", "image": "r.example/b", "fixture": "oci:b", "expect": "rejected", "reason": "unsigned",
         "at": "2026-11-02T12:00:00Z"}
    ]"""
    assert cases.parse(text.encode(), source="cases.json") == (
        Case(name="r.example/a", image="r.example/a", expect="accepted"),
        Case(name="b", image="r.example/b", fixture="oci:b", expect="rejected", reason="unsigned", at=NOON),
    )


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[]",
        "[1]",
        '[{"image": "x"}]',
        '[{"image": "x", "expect": "yes"}]',
        '[{"image": "x", "expect": "accepted", "extra": 1}]',
        '[{"image": "x", "expect": "accepted", "at": "noon"}]',
        "[",
    ],
)
def test_a_table_that_cannot_be_used(text: str) -> None:
    """Says which case and why."""
    with pytest.raises(ConfigurationError) as caught:
        cases.parse(text.encode(), source="cases.json")
    assert caught.value.code == "policy-cases"
    assert "cases.json" in caught.value.message
