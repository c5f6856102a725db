"""What one `vouchsafe verify` imports, and how long that takes, by package: `-X importtime`, summed up."""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path
from statistics import median

from bench.children import Starter
from bench.stage import COMMAND, LOOPBACK, Stage
from vouchsafe.record import Record

_LINE = re.compile(r"^import time: +(?P<own>\d+) \| +\d+ \| +(?P<name>\S+)$", re.MULTILINE)
_NATIVE = "_rust"  # cryptography's one extension module counts for itself: it is most of the package


class Package(Record):
    """A top-level package: how many of its modules, and their own time together (median of the runs)."""

    name: str
    modules: int
    milliseconds: float


class Profile(Record):
    """`bare_seconds`: the interpreter alone, for the same program."""

    packages: tuple[Package, ...]

    @property
    def modules(self) -> int:
        """Of all packages."""
        return sum(each.modules for each in self.packages)


def measure(stage: Stage, starter: Starter, *, rounds: int) -> Profile:
    """The imports of one image with a bundle; times are higher than without -X importtime."""
    command = stage.ours("verify", LOOPBACK, "one/rekor1:v1")
    times: dict[str, list[float]] = defaultdict(list)
    modules: dict[str, int] = {}
    for _ in range(rounds):
        starter.run([[sys.executable, "-X", "importtime", str(COMMAND), *command[1:]]])
        found = parse(starter.output())
        for name, (count, milliseconds) in found.items():
            modules[name] = count
            times[name].append(milliseconds)
    packages = [Package(name=name, modules=modules[name], milliseconds=median(times[name])) for name in times]
    return Profile(packages=tuple(sorted(packages, key=lambda each: -each.milliseconds)))


def parse(text: str) -> dict[str, tuple[int, float]]:
    """Modules and milliseconds by package, from what the interpreter prints."""
    found: dict[str, tuple[int, float]] = {}
    for line in _LINE.finditer(text):
        name = _package(line["name"])
        count, milliseconds = found.get(name, (0, 0.0))
        found[name] = (count + 1, milliseconds + int(line["own"]) / 1000)
    return found


def _package(module: str) -> str:
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names or top in {"zipimport", "site", "sitecustomize", "usercustomize"}:
        return "standard library"
    return f"{top}'s native part" if module.endswith(_NATIVE) else top


def compile_sources(root: Path) -> None:
    """Compile what is measured: an editable install otherwise pays for it at each start."""
    import compileall

    compileall.compile_dir(str(root / "src"), quiet=1)
