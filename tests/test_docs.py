"""The documentation holds: links lead somewhere, commands parse, policies load, Python blocks run.

Every fenced block says what it is. `json` that is a policy is loaded in our dialect; each line of `sh` that
begins with `vouchsafe` goes through the real parser; `python` runs.
"""

from __future__ import annotations

import doctest
import json
import re
import shlex
from pathlib import Path

import pytest

from vouchsafe.cli import build_parser
from vouchsafe.policy import document

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("[bt]*/README.md")])
BLOCK = re.compile(r"^```([a-z]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)]*)?\)")


def blocks(kind: str) -> list[tuple[str, str]]:
    """(page, text) of every fenced block of a kind."""
    found: list[tuple[str, str]] = []
    for page in PAGES:
        name, text = str(page.relative_to(ROOT)), page.read_text(encoding="utf-8")
        found += [(name, match[2]) for match in BLOCK.finditer(text) if match[1] == kind]
    return found


def commands() -> list[tuple[str, str]]:
    """(page, command line) of every `vouchsafe …` in a shell block, continuation lines joined."""
    found = []
    for page, text in blocks("sh"):
        for line in text.replace("\\\n", " ").splitlines():
            words = line.split("#")[0].strip()
            if words.startswith(("vouchsafe ", ".venv/bin/vouchsafe ")) and "|" not in words:
                found.append((page, words))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file of the project."""
    targets = [match[1] for match in LINK.finditer(page.read_text(encoding="utf-8"))]
    assert [t for t in targets if "://" not in t and not (page.parent / t).exists()] == []


def test_every_decision_is_listed() -> None:
    """docs/adr/README.md has each page, by its title."""
    folder = ROOT / "docs" / "adr"
    pages = {path.name: path.read_text(encoding="utf-8").partition("\n")[0] for path in folder.glob("0*.md")}
    rows = [f"| [{title[2:6]}]({name}) | {title[7:]} |" for name, title in sorted(pages.items())]
    assert (folder / "README.md").read_text(encoding="utf-8").splitlines()[-len(rows) :] == rows


def test_the_map_of_the_tests() -> None:
    """tests/README.md has every folder, and everything beside them that is no test itself."""
    tests = ROOT / "tests"
    page = (tests / "README.md").read_text(encoding="utf-8")
    folders = {f"{path.name}/" for path in tests.iterdir() if path.is_dir() and path.name != "__pycache__"}
    files = {path.name for path in tests.glob("*.py") if not path.name.startswith(("test_", "conftest"))}
    assert sorted(name for name in folders | files if f"`{name}`" not in page) == []


@pytest.mark.parametrize("page, line", commands())
def test_commands_parse(page: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A command that the documentation shows is one that the parser takes."""
    code: object = 0
    try:
        build_parser().parse_args(shlex.split(line)[1:])
    except SystemExit as left:
        code = left.code
    assert not code, f"{page}: {line}: {capsys.readouterr().err}"


@pytest.mark.parametrize("page, text", blocks("json"))
def test_policies_load(page: str, text: str) -> None:
    """JSON is JSON, and what looks like a policy is one."""
    value = json.loads(text)
    if isinstance(value, dict) and "default" in value:
        document.parse(text.encode(), dialect="vouchsafe", source=page)


@pytest.mark.parametrize("page", sorted({page for page, _ in blocks("python")}))
def test_python_runs(page: str) -> None:
    """A page's blocks run, one after the other, as a reader would type them; their asserts hold."""
    namespace: dict[str, object] = {"__name__": "__docs__"}
    for name, text in blocks("python"):
        if name == page and ">>>" in text:
            session = doctest.DocTestParser().get_doctest(text, namespace, page, page, 0)
            assert (
                doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(session, clear_globs=False).failed
                == 0
            )
            namespace |= session.globs
        elif name == page:
            exec(compile(text, page, "exec"), namespace)


def test_there_is_documentation() -> None:
    """The patterns above find something: a test without cases proves nothing."""
    assert min(len(blocks("json")), len(commands()), len(PAGES)) > 0
