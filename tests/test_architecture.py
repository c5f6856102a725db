"""The house's rules that a machine can check, by the standard library's ast: layers, foreign names, sizes.

Imports point one way (docs/architecture.md). A module that has no layer fails, so a new one must say
where it stands. Each rule is tried on a wrong example too: a rule that cannot fail proves nothing.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Callable, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"
PACKAGE = "vouchsafe"

LONGEST_FUNCTION_LINES = 40
LONGEST_MODULE_LINES = 300

# Lowest first. What shares a line are siblings: they never import each other.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("record",),
    ("errors",),
    ("strictjson",),
    ("image",),
    ("evidence",),
    ("verification",),
    ("policy",),
    ("protocol",),
    ("ports", "machine"),
    ("admission", "signing"),
    ("transfer",),
    ("adapters", "testing"),
    ("wiring",),
    ("countersign", "host", "plugin", "upstream", "ci"),
    ("runbook",),
    ("cli",),
    # `import vouchsafe` shows everybody's names: above all.
    ("__init__",),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
PURE = frozenset(
    {"record", "errors", "strictjson", "image", "evidence", "verification", "policy", "protocol"}
)
# What adapters may import of each other; everything else in adapters stands alone.
# `http` is a door of several modules: connections, failures, proxies, streams, tls and urls are what it is made of.
SHARED_ADAPTERS = frozenset(
    {
        "budget",
        "http",
        "connections",
        "direct",
        "failures",
        "proxied",
        "proxies",
        "streams",
        "tls",
        "urls",
        "settings",
        "files",
        "forge",
        "process",
    }
)

# A foreign name -> the layers that may import it, as a dotted prefix of the module's own name.
OUTSIDE = ("adapters", "testing", "cli")
FOREIGN: dict[str, tuple[str, ...]] = {
    "urllib3": ("adapters", "testing"),
    "http": ("adapters", "testing"),
    "urllib.request": ("adapters", "testing"),
    "h11": ("countersign.server", "testing"),
    "prometheus_client": ("countersign.metrics",),
    "sqlite3": ("countersign.database", "countersign.room", "countersign.store"),
    "tuf": ("adapters",),
    "id": ("adapters",),
    "securesystemslib": (),
    "sigstore": (),
    "requests": (),
    "cryptography": ("verification", "signing", "countersign", "testing"),
    "rfc3161_client": ("verification", "testing"),
    "re2": ("policy",),
    "rich": ("cli",),
    "shtab": ("cli",),
    "subprocess": OUTSIDE,
    # A pull waits for the plugin, and wiring brings cryptography: it speaks to the countersigner by itself.
    "socket": (
        *OUTSIDE,
        "countersign.server",
        "countersign.service",
        "wiring.countersign",
        "plugin.resident",
    ),
    "ssl": OUTSIDE,
    "os": (*OUTSIDE, "plugin.resident", "plugin.pipes", "plugin.program", "plugin.verifier"),
    "pathlib": OUTSIDE,
    "tempfile": OUTSIDE,
    "shutil": OUTSIDE,
    "glob": OUTSIDE,
    "fcntl": OUTSIDE,
    # vouchsafe.record stands in: a dataclass costs 0.44 ms to define and imports inspect and ast.
    "dataclasses": ("testing",),
}
# The world, for a pure layer: no file, socket, process, clock, environment, chance or log.
IMPURE_MODULES = frozenset(
    """
    asyncio atexit fcntl getpass glob http importlib.resources io.open locale logging mmap multiprocessing os
    pathlib platform random requests secrets select selectors shutil signal socket ssl subprocess tempfile
    threading time urllib.request urllib3 warnings
    """.split()  # noqa: SIM905 - a list of words reads as one
)
IMPURE_CALLS = frozenset({"open", "print", "input", "eval", "exec", "breakpoint"})
CLOCK_CALLS = frozenset({"now", "utcnow", "today"})
# Only those who own an edge may turn any exception into an answer.
BROAD_EXCEPT = frozenset({"admission", "countersign", "plugin", "cli", "testing"})
BAD_NAMES = frozenset(
    {"util", "utils", "helper", "helpers", "manager", "managers", "common", "model", "models"},
)

# Path -> why it may be longer. An entry that is no longer needed fails.
LONG_MODULES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {}


class Module:
    """One parsed file of the package (or of tests, tools, bench, demo) with its dotted name."""

    def __init__(self, name: str, text: str, *, is_package: bool = False) -> None:
        self.name = name
        self.text = text
        self.tree = ast.parse(text)
        self.is_package = is_package

    @property
    def layer(self) -> str:
        """The first word below the package."""
        words = self.name.split(".")
        return words[1] if len(words) > 1 else "__init__"

    @property
    def inner(self) -> str:
        """The dotted name below the package."""
        return self.name.partition(".")[2] or "__init__"

    def imports(self) -> Iterator[tuple[str, int]]:
        """Every name imported, as far as it is written: `from a.b import c` is a.b.c."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((alias.name, node.lineno) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                parts = self.name.split(".")
                keep = len(parts) - node.level + (1 if self.is_package else 0)
                base = ".".join(
                    [*(parts[:keep] if node.level else []), *([node.module] if node.module else [])]
                )
                yield from ((f"{base}.{alias.name}", node.lineno) for alias in node.names)


@cache  # read by the first test that asks, not by every worker that collects this file
def modules(*folders: str) -> list[Module]:
    """Every Python file below these folders of the project, named from the folder's parent."""
    found = []
    for folder in folders:
        base = SOURCE if folder == PACKAGE else ROOT
        for path in sorted((base / folder).rglob("*.py")):
            parts = path.relative_to(base).with_suffix("").parts
            is_package = parts[-1] == "__init__"
            name = ".".join(parts[:-1] if is_package else parts)
            found.append(Module(name, path.read_text(encoding="utf-8"), is_package=is_package))
    return found


def ours() -> list[Module]:
    """The package."""
    return modules(PACKAGE)


def theirs() -> list[Module]:
    """What surrounds it."""
    return modules("tests", "tools", "bench", "demo")


def under(name: str, prefixes: tuple[str, ...] | frozenset[str]) -> bool:
    """Whether a dotted name is one of the prefixes or lies below one."""
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def has_layer(module: Module) -> Iterator[str]:
    """A module without a layer is in nobody's house."""
    if module.layer not in RANK:
        yield f"{module.name}: has no layer; name it in LAYERS or move it"


def points_down(module: Module) -> Iterator[str]:
    """Ours are imported only from a lower layer, or from within the same one."""
    for name, line in module.imports():
        if not under(name, (PACKAGE,)):
            continue
        target = name.split(".")[1] if "." in name else "__init__"
        if target not in RANK:
            target = "__init__"  # a name that vouchsafe/__init__.py defines
        if target == "__init__" and name == f"{PACKAGE}.__version__":
            continue
        if target != module.layer and RANK[target] >= RANK.get(module.layer, -1):
            yield f"{module.name}:{line}: {module.layer} must not import {name}"


def adapters_stand_alone(module: Module) -> Iterator[str]:
    """An adapter imports itself and the shared ones; only wiring names adapters; nobody ships doubles."""
    own = module.inner.split(".")[1:2]
    for name, line in module.imports():
        words = name.split(".")
        if under(name, (f"{PACKAGE}.adapters",)):
            if module.layer not in {"adapters", "wiring"}:
                yield f"{module.name}:{line}: only wiring may name {name}"
            if module.layer == "adapters" and words[2:3] != own and words[2] not in SHARED_ADAPTERS:
                yield f"{module.name}:{line}: adapters share {', '.join(sorted(SHARED_ADAPTERS))} only, not {name}"
        if under(name, (f"{PACKAGE}.testing",)) and module.layer != "testing":
            yield f"{module.name}:{line}: vouchsafe.testing is for tests, not for {module.layer}"


def foreign_names_stay(module: Module) -> Iterator[str]:
    """A foreign library is known in one place."""
    for name, line in module.imports():
        for foreign, allowed in FOREIGN.items():
            if under(name, (foreign,)) and not under(module.inner, allowed):
                yield f"{module.name}:{line}: {foreign} belongs to {', '.join(allowed) or 'nobody'}"


def pure_is_pure(module: Module) -> Iterator[str]:
    """The pure layers have no world: what they know, they were given."""
    if module.layer not in PURE:
        return
    for name, line in module.imports():
        if under(name, IMPURE_MODULES):
            yield f"{module.name}:{line}: a pure layer must not import {name}"
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id in IMPURE_CALLS:
            yield f"{module.name}:{node.lineno}: a pure layer must not call {node.func.id}()"
        if isinstance(node.func, ast.Attribute) and node.func.attr in CLOCK_CALLS:
            yield f"{module.name}:{node.lineno}: time enters as `at`, not by .{node.func.attr}()"


def broad_except_only_at_edges(module: Module) -> Iterator[str]:
    """`except Exception` is an edge's alone; nobody catches everything."""
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.ExceptHandler) or raises_again(node):
            continue
        caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        names = {name.id for name in caught if isinstance(name, ast.Name)}
        if node.type is None or "BaseException" in names:
            yield f"{module.name}:{node.lineno}: catches everything"
        elif "Exception" in names and module.layer not in BROAD_EXCEPT:
            yield f"{module.name}:{node.lineno}: `except Exception` outside an edge"


def raises_again(handler: ast.ExceptHandler) -> bool:
    """Whether the handler only cleans up: its last word is a bare `raise`."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def is_short(module: Module) -> Iterator[str]:
    """Modules and functions that fit in a head; docstrings are not counted against a function."""
    lines = module.text.count("\n")
    if lines > LONGEST_MODULE_LINES and module.name not in LONG_MODULES:
        yield f"{module.name}: {lines} lines, expected at most {LONGEST_MODULE_LINES}"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = function_lines(node)
            if length > LONGEST_FUNCTION_LINES and f"{module.name}.{node.name}" not in LONG_FUNCTIONS:
                yield (
                    f"{module.name}.{node.name}:{node.lineno}: {length} lines,"
                    f" expected at most {LONGEST_FUNCTION_LINES}"
                )


def function_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the end, less the docstring's."""
    length = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node, clean=False) is not None:
        length -= (first.end_lineno or first.lineno) - first.lineno + 1
    return length


def has_docstring(module: Module) -> Iterator[str]:
    """A module says first what it decides or hides; an empty `__init__` outside the package may be silent."""
    if not ast.get_docstring(module.tree) and (module.text.strip() or under(module.name, (PACKAGE,))):
        yield f"{module.name}: has no docstring"


def has_a_good_name(module: Module) -> Iterator[str]:
    """A name says what is inside."""
    if bad := BAD_NAMES & set(module.name.split(".")):
        yield f"{module.name}: {min(bad)} says nothing"


def patches_nothing(module: Module) -> Iterator[str]:
    """Tests use the ports and vouchsafe.testing; replacing names behind a module's back is not needed."""
    for name, line in module.imports():
        if under(name, ("unittest.mock", "mock", "pytest_mock")):
            yield f"{module.name}:{line}: imports {name}"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and node.attr == "setattr":
            yield f"{module.name}:{node.lineno}: patches by .setattr"
        if isinstance(node, ast.arg) and node.arg == "mocker":
            yield f"{module.name}:{node.lineno}: uses mocker"


Rule = Callable[[Module], Iterator[str]]

HOUSE_RULES: tuple[Rule, ...] = (
    has_layer,
    points_down,
    adapters_stand_alone,
    foreign_names_stay,
    pure_is_pure,
    broad_except_only_at_edges,
    is_short,
    has_docstring,
    has_a_good_name,
)


@pytest.mark.parametrize("rule", HOUSE_RULES, ids=lambda rule: rule.__name__)
def test_the_package_keeps(rule: Rule) -> None:
    """No module of the package breaks this rule."""
    assert [broken for module in ours() for broken in rule(module)] == []


@pytest.mark.parametrize(
    "rule", [has_docstring, has_a_good_name, patches_nothing], ids=lambda rule: rule.__name__
)
def test_what_surrounds_the_package_keeps(rule: Rule) -> None:
    """No file of tests, tools, bench or demo breaks this rule."""
    assert [broken for module in theirs() for broken in rule(module)] == []


def test_what_surrounds_the_package_is_short() -> None:
    """Tools, benchmarks and the demonstration keep to the same sizes; tables of tests need not."""
    others = [module for module in theirs() if not under(module.name, ("tests",))]
    assert [broken for module in others for broken in is_short(module)] == []


def circle(everything: list[Module]) -> list[str]:
    """Modules that import each other, at once or by way of others; imports for types alone count too."""
    names = {module.name for module in everything}
    graph = {module.name: {owner(name, names) for name, _ in module.imports()} for module in everything}
    try:
        TopologicalSorter({name: others & names - {name} for name, others in graph.items()}).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found
    return []


def owner(name: str, names: set[str]) -> str:
    """The module that an imported name is in: itself one, or defined in its parent."""
    return name if name in names else name.rpartition(".")[0]


def test_no_modules_import_each_other() -> None:
    """A circle has no lowest stone: none of it can be read, tested or moved alone."""
    assert circle(ours()) == []


def test_a_circle_is_seen() -> None:
    """Directly, by a third, and where it is for types alone."""
    a, b, c = "vouchsafe.a", "vouchsafe.b", "vouchsafe.c"
    typed = "if TYPE_CHECKING:\n    from vouchsafe.a import X"
    assert set(circle([Module(a, f"import {b}"), Module(b, typed)])) == {a, b}
    assert set(circle([Module(a, f"import {b}"), Module(b, f"import {c}"), Module(c, typed)])) == {a, b, c}
    assert circle([Module(a, f"import {b}, {c}"), Module(b, f"import {c}"), Module(c, "")]) == []


def test_every_layer_has_a_module() -> None:
    """What is in no folder any more is no layer."""
    assert sorted(set(RANK) - {module.layer for module in ours()}) == []


def test_the_page_shows_every_layer() -> None:
    """The picture in docs/architecture.md names each of them, and nothing else as a layer."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    (picture,) = re.findall(r"## Layers\n\n```mermaid\n(.*?)```", page, re.DOTALL)
    shown = {name for box in re.findall(r'\["([a-z ·]+)', picture) for name in box.split(" · ")}
    groups = {"touches the world", "use cases", "pure", "the edges"}
    assert {name.strip() for name in shown} - groups == set(RANK) - {"__init__"}


def test_no_exception_is_stale() -> None:
    """An exception to a size is taken back when it is no longer needed."""
    everything = ours() + theirs()
    too_long = {module.name for module in everything if module.text.count("\n") > LONGEST_MODULE_LINES}
    functions = {
        f"{module.name}.{node.name}"
        for module in everything
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and function_lines(node) > LONGEST_FUNCTION_LINES
    }
    assert (set(LONG_MODULES) - too_long, set(LONG_FUNCTIONS) - functions) == (set(), set())


def example_id(part: Rule | str) -> str:
    """The rule's name, and the first line of an example."""
    return part.partition("\n")[0][:60] if isinstance(part, str) else part.__name__


WRONG: tuple[tuple[Rule, str, str], ...] = (
    (has_layer, "vouchsafe.stray", ""),
    (points_down, "vouchsafe.image.digest", "from vouchsafe.policy import match"),
    (points_down, "vouchsafe.image.digest", "from ..policy import match"),
    (points_down, "vouchsafe.image.digest", "import vouchsafe.evidence"),
    (points_down, "vouchsafe.image.digest", "def late():\n    from vouchsafe import ports"),
    (points_down, "vouchsafe.admission", "from vouchsafe.signing import sign"),
    (points_down, "vouchsafe.host.plan", "from vouchsafe import upstream"),
    (points_down, "vouchsafe.adapters.http", "from vouchsafe.testing import registry"),
    (points_down, "vouchsafe.cli.verify", "from vouchsafe import require"),
    (adapters_stand_alone, "vouchsafe.adapters.registry", "from vouchsafe.adapters.tuf import refresh"),
    (adapters_stand_alone, "vouchsafe.cli.verify", "from vouchsafe.adapters import http"),
    (adapters_stand_alone, "vouchsafe.wiring", "from vouchsafe.testing import sigstore"),
    (foreign_names_stay, "vouchsafe.cli.verify", "import urllib3"),
    (foreign_names_stay, "vouchsafe.cli.verify", "from cryptography import x509"),
    (foreign_names_stay, "vouchsafe.wiring", "import subprocess"),
    (foreign_names_stay, "vouchsafe.admission", "from urllib import request"),
    (pure_is_pure, "vouchsafe.policy.match", "import os.path"),
    (pure_is_pure, "vouchsafe.policy.match", "def f():\n    import logging"),
    (pure_is_pure, "vouchsafe.policy.match", "open('x')"),
    (pure_is_pure, "vouchsafe.policy.match", "datetime.now(UTC)"),
    (broad_except_only_at_edges, "vouchsafe.image.digest", "try:\n    x\nexcept (A, Exception):\n    y"),
    (broad_except_only_at_edges, "vouchsafe.cli.verify", "try:\n    x\nexcept:\n    y"),
    (is_short, "vouchsafe.cli.verify", "def f():\n" + "    x\n" * LONGEST_FUNCTION_LINES),
    (is_short, "vouchsafe.cli.verify", "x\n" * (LONGEST_MODULE_LINES + 1)),
    (has_docstring, "vouchsafe.cli.verify", "x = 1"),
    (has_docstring, "vouchsafe.cli", ""),
    (has_a_good_name, "vouchsafe.cli.utils", ""),
    (patches_nothing, "tests.test_x", "from unittest import mock"),
    (patches_nothing, "tests.test_x", "def f(monkeypatch):\n    monkeypatch.setattr(a, 'b', 1)"),
    (patches_nothing, "tests.test_x", "def f(mocker): ..."),
)


@pytest.mark.parametrize("rule, name, text", WRONG, ids=example_id)
def test_a_rule_sees_what_is_wrong(rule: Rule, name: str, text: str) -> None:
    """Each rule fails on an example that breaks it."""
    assert list(rule(Module(name, textwrap.dedent(text)))) != []


RIGHT: tuple[tuple[Rule, str, str], ...] = (
    (points_down, "vouchsafe.policy.match", "from vouchsafe.image.digest import Digest\nimport json"),
    (points_down, "vouchsafe.policy.match", "from .document import read"),
    (points_down, "vouchsafe.cli.version", "from vouchsafe import __version__"),
    (points_down, "vouchsafe", "from vouchsafe.policy import evaluate"),
    (adapters_stand_alone, "vouchsafe.adapters.registry", "from vouchsafe.adapters import http"),
    (adapters_stand_alone, "vouchsafe.adapters.registry.auth", "from vouchsafe.adapters.registry import x"),
    (foreign_names_stay, "vouchsafe.adapters.http", "import urllib3"),
    (
        broad_except_only_at_edges,
        "vouchsafe.adapters.http",
        "try:\n    x\nexcept BaseException:\n    y\n    raise",
    ),
    (is_short, "vouchsafe.cli.x", 'def f():\n    """' + "x\n" * 50 + '"""\n' + "    x\n" * 39),
)


@pytest.mark.parametrize("rule, name, text", RIGHT, ids=example_id)
def test_a_rule_lets_pass_what_is_right(rule: Rule, name: str, text: str) -> None:
    """No rule fails on an example that keeps it."""
    assert list(rule(Module(name, text))) == []
