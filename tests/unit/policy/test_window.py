"""`notBefore` and `maxAge`: what is a time and what is not."""

from __future__ import annotations

import pytest

from vouchsafe.policy.window import duration, instant


@pytest.mark.parametrize(
    "text, expected",
    [
        ("90d", "90 days, 0:00:00"),
        ("12h", "12:00:00"),
        ("5m", "0:05:00"),
        ("30s", "0:00:30"),
        ("36500d", "36500 days, 0:00:00"),
        ("36501d", "None"),
        ("999999999d", "None"),
        ("0d", "None"),
        ("-1d", "None"),
        ("1.5h", "None"),
        ("1w", "None"),
        ("1d12h", "None"),
        ("", "None"),
        ("٣d", "None"),
        ("1d\n", "None"),
    ],
)
def test_duration(text: str, expected: str) -> None:
    """One number, one unit, at most a hundred years."""
    assert expected == str(duration(text))


@pytest.mark.parametrize(
    "text, expected",
    [
        ("2026-01-02T03:04:05Z", "2026-01-02 03:04:05+00:00"),
        ("2026-01-02t03:04:05z", "2026-01-02 03:04:05+00:00"),
        ("2026-01-02T03:04:05.25+02:00", "2026-01-02 01:04:05.250000+00:00"),
        ("2026-01-02T03:04:05", "None"),
        ("2026-01-02", "None"),
        ("2026-02-30T00:00:00Z", "None"),
        ("0001-01-01T00:00:00+14:00", "None"),
        ("2026-01-02 03:04:05Z", "None"),
        ("20260102T030405Z", "None"),
        ("", "None"),
    ],
)
def test_instant(text: str, expected: str) -> None:
    """RFC 3339 with an offset, and nothing that only ISO 8601 allows."""
    assert expected == str(instant(text))
