"""What a cleanup policy does to signatures: each rule, GitLab's odd anchors, and that every fix is one."""

from __future__ import annotations

import re

import pytest

from vouchsafe.policy.cleanup import KEEP, LONGEST, Cleanup, deletes, lint, safe_keep

HEX = "4b" * 32
LOSSES = ["cleanup-signature", "cleanup-attestation", "cleanup-referrers", "cleanup-sbom"]


def codes(**policy: object) -> list[str]:
    """The findings' codes."""
    return [finding.code for finding in lint(Cleanup(**policy))]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "policy, expected",
    [
        ({}, LOSSES),
        ({"keep": "(?:main|v.+)"}, LOSSES),
        ({"keep": KEEP}, []),
        ({"keep": "sha256-.*"}, []),
        ({"keep": r"(?:main|sha256-[a-f0-9]+(?:\..*)?)"}, []),
        ({"keep": r"sha256-[0-9a-f]+\.(?:sig|att)"}, ["cleanup-referrers", "cleanup-sbom"]),
        ({"keep": r".*\.sig"}, LOSSES[1:]),
        ({"keep": r"sha256-[0-9]+.*"}, LOSSES),  # not every digest is of decimal digits
        ({"keep": r"sha256-[0-9a-e]+.*"}, LOSSES),
        ({"keep": r"sha256-[0-9a-f]{63}(?:\..*)?"}, LOSSES),
        ({"delete": "dev-.*"}, []),
        ({"delete": ""}, []),
        ({"delete": r"sha256-.*\.att"}, ["cleanup-attestation"]),
        ({"delete": ".*", "keep": KEEP, "keep_n": 10}, []),
        ({"keep": "main", "keep_n": 10}, [*LOSSES, "cleanup-keep-n"]),
        ({"keep": ".*"}, ["cleanup-keeps-all"]),
        ({"keep": "(?!main)"}, ["cleanup-regexp"]),
        ({"delete": "dev-("}, ["cleanup-regexp"]),
        ({"keep": "a)|(b"}, ["cleanup-regexp"]),
        ({"keep": f"(?:{KEEP}|{'x' * LONGEST})"}, ["cleanup-too-long"]),
        ({"enabled": False}, []),
    ],
)
def test_findings(policy: dict[str, object], expected: list[str]) -> None:
    """A table of policies."""
    assert codes(**policy) == expected


@pytest.mark.parametrize(
    "delete, tag, expected",
    [
        ("v1|v2", "v1-anything", True),  # \Av1|v2\z: begins with v1
        ("v1|v2", "anything-v2", True),
        ("(?:v1|v2)", "v1-anything", False),
        ("v1", "v1-anything", False),
        (".*", "latest", False),
        ("^v.*$", "v3", True),
        ("(?i)MAIN", "main", True),
    ],
)
def test_expressions_are_anchored_as_gitlab_does(delete: str, tag: str, expected: bool) -> None:
    """Without brackets, found anywhere."""
    assert deletes(Cleanup(delete=delete), tag) == expected


@pytest.mark.parametrize(
    "expression, first, last",
    [
        ("a|b", "a", "b"),
        ("a|b|c", "a", "c"),
        (r"a\|b|c", r"a\|b", "c"),
        ("[|]x|c", "[|]x", "c"),
        ("[]|]x|c", "[]|]x", "c"),
        ("[^]|]x|c", "[^]|]x", "c"),
        ("[[:alpha:]|]|c", "[[:alpha:]|]", "c"),
        (r"[\]|]|c", r"[\]|]", "c"),
        (r"\Qa|b\E|c", r"\Qa|b\E", "c"),
        ("(a|b)|c", "(a|b)", "c"),
    ],
)
def test_an_alternation_without_brackets_is_shown(expression: str, first: str, last: str) -> None:
    """By its first and last part, with the brackets that were meant."""
    found = [each for each in lint(Cleanup(delete=expression)) if each.code == "cleanup-alternation"]
    assert [f"`{first}` or ends with `{last}`" in each.message for each in found] == [True]
    assert found[0].fix == f"name_regex_delete: (?:{expression})"


@pytest.mark.parametrize(
    "expression", ["(a|b)", "[|]", r"\|", r"\Qa|b", "a", "", r"(?:a|(b|c))", "[[:alpha:]|"]
)
def test_no_alternation(expression: str) -> None:
    """What only looks like one."""
    assert "cleanup-alternation" not in codes(delete=expression)


@pytest.mark.parametrize("keep", ["", "main", "main|v.+", "(?i)release-.*", r"sha256-.*\.sig"])
def test_the_fix_is_one(keep: str) -> None:
    """What is proposed has no finding, and keeps what was kept before."""
    fixes = {each.fix for each in lint(Cleanup(keep=keep)) if each.code in LOSSES}
    assert fixes == {f"name_regex_keep: {safe_keep(keep)}"}
    assert codes(keep=safe_keep(keep)) == []


@pytest.mark.parametrize("keep", [r"\Qmain", "x" * 230])
def test_a_fix_that_gitlab_would_not_take_is_described(keep: str) -> None:
    """An open quotation, or no room for it."""
    (finding, *_) = lint(Cleanup(keep=keep))
    assert finding.fix == f"name_regex_keep: add the alternative {KEEP} in at most {LONGEST} characters"


def test_it_says_which_images_are_hit() -> None:
    """When only some digests are."""
    finding, *_ = lint(Cleanup(keep="sha256-0.*"))
    assert re.search(r"of some images, such as sha256-[0-9a-f]{64}\.sig\)", finding.message)
    assert deletes(Cleanup(keep="sha256-0.*"), f"sha256-{HEX}.sig")


def test_the_place_is_the_callers() -> None:
    """File and line, for reports."""
    (finding, *_) = lint(Cleanup(source="registry.tf", line=12))
    assert str(finding).startswith("registry.tf:12: error: expected sha256-….sig to be kept")
