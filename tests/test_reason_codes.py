"""docs/reason-codes.md names every code that the package raises, and none that it does not."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reason-codes.md"
CODE = re.compile(r"[a-z][a-z0-9]+(?:-[a-z0-9]+)*")
ROW = re.compile(r"^\| `([a-z0-9-]+)` \|", re.MULTILINE)
ERRORS = frozenset(
    """
    MalformedError VerificationError ConfigurationError PolicyError Unavailable SigningError HostError Refused
    """.split()  # noqa: SIM905
)


def trees() -> Iterator[ast.Module]:
    """Every module of the package but the testing tools, whose wrong things are theirs."""
    for path in sorted((ROOT / "src" / "vouchsafe").rglob("*.py")):
        if "testing" not in path.parts:
            yield ast.parse(path.read_text(encoding="utf-8"))


def literals(node: ast.AST) -> set[str]:
    """The strings in an expression: `"a" if x else "b"` has two."""
    found = {each.value for each in ast.walk(node) if isinstance(each, ast.Constant)}
    return {value for value in found if isinstance(value, str) and CODE.fullmatch(value)}


def raised(tree: ast.Module) -> Iterator[str]:
    """Codes: the first argument of an error of ours and of `.error(…)`, and `code=` of a Reason or an Objection."""
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if (name in ERRORS or name == "error") and call.args:
            yield from literals(call.args[0])
        if name in {*ERRORS, "error", "Reason", "Objection"}:
            for keyword in call.keywords:
                if keyword.arg == "code" and not isinstance(keyword.value, ast.Call):
                    yield from literals(keyword.value)


def documented() -> list[str]:
    """The codes of the page, in its order."""
    return ROW.findall(PAGE.read_text(encoding="utf-8"))


def test_every_code_is_documented() -> None:
    """A code that a script may compare has a line that says what it means."""
    codes = {code for tree in trees() for code in raised(tree)}
    assert sorted(codes - set(documented())) == []


def test_no_code_is_stale() -> None:
    """What is documented is still written somewhere in the package."""
    written = {value for tree in trees() for value in literals(tree)}
    assert sorted(set(documented()) - written) == []


def test_each_code_has_one_line() -> None:
    """One meaning each."""
    codes = documented()
    assert sorted({code for code in codes if codes.count(code) > 1}) == []
