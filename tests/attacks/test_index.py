"""The tables of cases and attacks name tests that exist and pull, and every test of countersigning stands in them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.attacks.index import ATTACKS, CASES

ROOT = Path(__file__).resolve().parents[2]
REASON = re.compile(r"\(.+: .+\)")
# Fixtures that keep a book of pulls, which demands legs of both kinds (tests/conftest.py).
BOOKS = frozenset(("pulls", "fleet", "everyone", "openpgp_client", "client", "machine"))
TABLES = CASES | ATTACKS


def functions_of(path: Path) -> dict[str, set[str]]:
    """The test functions of a file, with what they ask for."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        node.name: {argument.arg for argument in node.args.args}
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


@pytest.mark.parametrize("name", TABLES)
def test_named_tests_exist_and_pull(name: str) -> None:
    """A test that was renamed or removed leaves its case without a proof."""
    proof = TABLES[name]
    if isinstance(proof, str):
        assert REASON.fullmatch(proof)
        return
    assert proof
    for each in proof:
        path, _, function = each.partition("::")
        found = functions_of(ROOT / path)
        assert function in found, each
        assert found[function] & BOOKS, f"expected {each} to keep a book of its pulls"


def test_every_pull_has_its_place() -> None:
    """Each test of countersigning with real clients is somebody's proof."""
    listed = {each for proof in TABLES.values() if not isinstance(proof, str) for each in proof}
    folder = ROOT / "tests/e2e"
    every = {
        f"tests/e2e/{path.name}::{name}"
        for path in folder.glob("test_countersign_*.py")
        for name, asks in functions_of(path).items()
        if asks & (BOOKS - {"machine"})
    }
    assert every - listed == set()
