"""The index of advisories names tests that exist, and every test that carries an advisory stands in it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.advisories.index import TESTS

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
REASON = re.compile(r"\(.+: .+\)")


def names(path: Path) -> set[str]:
    """The test functions of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("advisory", TESTS)
def test_named_tests_exist(advisory: str) -> None:
    """A test that was renamed or removed leaves its advisory without a proof."""
    path, double_colon, name = TESTS[advisory].partition("::")
    if not double_colon:
        assert REASON.fullmatch(path)
        return
    assert name in names(ROOT / path)


def test_nothing_here_is_forgotten() -> None:
    """Each test of this folder that carries an advisory in its name is somebody's proof."""
    listed = {value.partition("::")[2] for value in TESTS.values()}
    carried = {
        name
        for path in HERE.glob("test_*.py")
        for name in names(path)
        if re.match(r"test_(ghsa|cve|cosign|sigstore|wirelog)_", name)
    }
    stems = {name[:24] for name in listed}
    assert {name for name in carried - listed if name[:24] not in stems} == set()
