"""Regular expressions: RE2, the whole string, and errors of ours only."""

from __future__ import annotations

import pytest

from vouchsafe.errors import ConfigurationError
from vouchsafe.policy import regexp


@pytest.mark.parametrize(
    "pattern, text, expected",
    [
        ("acme", "acme", True),
        ("acme", "https://evil.example/acme", False),
        ("acme", "acme\n", False),
        ("acme$", "acme\n", False),
        ("^acme$", "acme", True),
        ("a|ab", "ab", True),
        (".*", "a\nb", False),
        ("(?s).*", "a\nb", True),
        (r"\pL+", "é", True),
        ("(a+)+b", "a" * 60, False),
        (".*", "\ud800", False),
        ("", "", True),
    ],
)
def test_matches(pattern: str, text: str, expected: bool) -> None:
    """Whole strings only (GHSA-59jp-pj84-45mr's class), in linear time (Connaisseur's ReDoS)."""
    assert expected is regexp.matches(pattern, text)


@pytest.mark.parametrize("text, expected", [("x/acme/y", True), ("x", False), ("\ud800", False)])
def test_finds(text: str, expected: bool) -> None:
    """Anywhere, for messages; text that is no Unicode holds nothing."""
    assert expected is regexp.finds("acme", text)


@pytest.mark.parametrize(
    "pattern, said",
    [
        ("(", "missing"),
        (r"(?=x)", "invalid perl operator"),
        (r"(a)\1", "invalid escape"),
        ("a{1001}", "repetition"),
        ("((a{100}){100}){100}", "repetition"),
        (r"[\pL\pN\pS]{900}", "too large"),
        ("\ud800", "Unicode"),
        ("a" * 4097, "4096 characters"),
    ],
)
def test_refused(pattern: str, said: str, capfd: pytest.CaptureFixture[str]) -> None:
    """What is no RE2 pattern, or too big a one, is the operator's error; nothing is printed by RE2."""
    with pytest.raises(ConfigurationError) as caught:
        regexp.check(pattern)
    assert caught.value.code == "policy-regexp"
    assert said in caught.value.message
    assert tuple(capfd.readouterr()) == ("", "")


@pytest.mark.parametrize("text", ["https://gitlab.com/a-b/c_d//.gitlab-ci.yml@", "a+b*c?(d)[e]{f}|^$\\ é"])
def test_escaped(text: str) -> None:
    """An escaped literal matches itself and no neighbour."""
    assert regexp.matches(regexp.escaped(text), text)
    assert not regexp.matches(regexp.escaped(text), text.replace(".", "x") + "x")
