"""`make test` and `make check`: lint, types, architecture, tests, coverage; all of them even when one fails.

The pure layers must be covered by their own tests, so only those are measured: a tracer costs half of
everything that runs under it. Decides what counts as failed, and says at the end which peers were missing;
the last line is `N passed, N failed, N skipped`. Each skipped test is named by tests/conftest.py, with its
reason. Before that stands how many pulls real clients made, and how many of them succeeded that a policy
refuses: one fails the run.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / ".build"
PURE_LAYERS = ("record", "errors", "strictjson", "image", "evidence", "verification", "policy", "protocol")
JUNIT = tuple(BUILD / f"junit-{name}.xml" for name in ("architecture", "pure", "others"))
ARCHITECTURE = "tests/test_architecture.py"
# Whose tests cover the pure layers: their own, and what made holes into advisories.
PURE_TESTS = (
    *(f"tests/unit/{name}" for name in ("image", "evidence", "verification", "policy", "protocol")),
    *(f"tests/unit/test_{name}.py" for name in ("record", "errors", "strictjson")),
    "tests/advisories",
)
TYPED_FOLDERS = ("src", "tests", "tools", "bench", "demo")
# Each worker imports every test, which costs it some seconds; but many tests wait for other programs.
CORES = os.cpu_count() or 1
WORKERS = min(8, 2 * CORES)
NO_TESTS = 5  # pytest's exit code where nothing was selected
# Kept from run to run, whoever asks for none: reading every test anew would cost each worker ten seconds.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that was run, and how it ended."""

    name: str
    passed: bool
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What pytest counted."""

    passed: int
    failed: int
    skipped: int


class Begun:
    """One Python tool of the environment that runs beside others; what it says is shown when it is waited for."""

    def __init__(self, name: str, *arguments: str) -> None:
        """At once."""
        self._name = name
        self._began = time.monotonic()
        self._said = BUILD / f"{arguments[0]}.txt"
        command = [sys.executable, "-m", *arguments]
        BUILD.mkdir(exist_ok=True)
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=ENVIRONMENT, stdout=said, stderr=subprocess.STDOUT
            )

    def end(self) -> Step:
        """Wait for it; what it says is of interest where it failed."""
        passed = self._process.wait() == 0
        step = Step(name=self._name, passed=passed, seconds=time.monotonic() - self._began)
        said = self._said.read_text(encoding="utf-8", errors="replace")
        print(f"== {self._name}", *([] if passed else [said]), sep="\n", flush=True)
        return step


def run(name: str, *arguments: str, fine: Collection[int] = (0,)) -> Step:
    """Runs one Python tool of the environment with its output shown."""
    print(f"== {name}", flush=True)
    began = time.monotonic()
    ended = subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, env=ENVIRONMENT, check=False)
    return Step(name=name, passed=ended.returncode in fine, seconds=time.monotonic() - began)


def checks(*, before_tests: bool) -> list[Step]:
    """What needs no test to run; beside it, where tests will follow, they are read for the first time."""
    typed = [folder for folder in TYPED_FOLDERS if (ROOT / folder).is_dir()]
    for path in JUNIT:
        path.unlink(missing_ok=True)
    begun = [Begun("types", "mypy", *typed)]
    if before_tests:
        begun.append(Begun("reading the tests", "pytest", "-qq", "--collect-only", "tests"))
    return [
        run("lint", "ruff", "check", "--quiet", "."),
        run("format", "ruff", "format", "--quiet", "--check", "."),
        run("tests of the architecture", "pytest", "-q", f"--junitxml={JUNIT[0]}", ARCHITECTURE),
        *(each.end() for each in begun),
    ]


def tests(extra: Sequence[str]) -> list[Step]:
    """The tests and the examples in the docstrings, spread over the cores; branches of the pure layers counted."""
    common = ("pytest", "-q", "--dist", "worksteal", "--durations", "10", *extra)
    fine = (0, NO_TESTS) if extra else (0,)
    pure = run(
        "tests of the pure layers, and examples",
        *(*common, "--numprocesses", str(CORES), f"--junitxml={JUNIT[1]}"),
        *("--cov", "--cov-report=", "--doctest-modules"),
        *("src/vouchsafe", *PURE_TESTS),
        fine=fine,
    )
    others = (f"--ignore={path}" for path in (ARCHITECTURE, *PURE_TESTS))
    rest = run(
        "tests",
        *(*common, "--numprocesses", str(WORKERS), f"--junitxml={JUNIT[2]}", *others, "tests"),
        fine=fine,
    )
    return [pure, rest]


def coverage() -> Step:
    """The pure layers, each branch; what pyproject.toml demands of them."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    demanded = settings["tool"]["vouchsafe"]["pure-branch-coverage"]
    include = ",".join(f"src/vouchsafe/{name}{end}" for name in PURE_LAYERS for end in (".py", "/*"))
    return run(
        f"branch coverage of the pure layers, {demanded} % demanded",
        *("coverage", "report", f"--include={include}", f"--fail-under={demanded}", "--precision=1"),
    )


def counts(paths: Sequence[Path]) -> Counts:
    """What pytest wrote down; a file that is not there is one failure."""
    passed = failed = skipped = 0
    for path in paths:
        try:
            suites = list(ET.parse(path).getroot().iter("testsuite"))  # noqa: S314 - pytest's own, of this run
        except (OSError, ET.ParseError):
            failed += 1
            continue
        found = {
            key: sum(int(suite.get(key, "0")) for suite in suites)
            for key in ("tests", "failures", "errors", "skipped")
        }
        bad = found["failures"] + found["errors"]
        failed += bad
        skipped += found["skipped"]
        passed += found["tests"] - bad - found["skipped"]
    return Counts(passed=passed, failed=failed, skipped=skipped)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulls:
    """What real clients pulled in the tests (tests/pulls.py keeps the books)."""

    accepted: int
    refused: int
    wrongly_accepted: int

    @property
    def sentence(self) -> str:
        """For the summary."""
        if not self.accepted + self.refused + self.wrongly_accepted:
            return "pulls by real clients: none, the peers are missing"
        return (
            f"pulls by real clients: {self.accepted} accepted, {self.refused} refused,"
            f" {self.wrongly_accepted} accepted that the policy refuses"
        )


def pulls(paths: Sequence[Path]) -> Pulls:
    """The sum of all books, which pytest wrote down."""
    total = dict.fromkeys(("accepted", "refused", "wrongly_accepted"), 0)
    for path in paths:
        try:
            properties = list(ET.parse(path).getroot().iter("property"))  # noqa: S314 - pytest's own, of this run
        except (OSError, ET.ParseError):
            continue  # `counts` has it as a failure
        for each in properties:
            name = each.get("name", "").removeprefix("pulls-").replace("-", "_")
            if name in total:
                total[name] += int(each.get("value", "0"))
    return Pulls(**total)


def peers() -> list[str]:
    """One line for each peer: what was compared with, and what was not."""
    try:
        manifest = json.loads((ROOT / ".peers" / "peers.json").read_text(encoding="utf-8"))
    except OSError:
        return ["peer: none, `make peers` has not run"]
    lines = [f"peer: {name} {entry['version']}" for name, entry in sorted(manifest["peers"].items())]
    return lines + [f"peer MISSING: {name}: {reason}" for name, reason in sorted(manifest["missing"].items())]


def summarise(steps: Sequence[Step], counted: Counts, pulled: Pulls) -> int:
    """Says what happened, worst last; returns the exit code."""
    print("== summary")
    for line in peers():
        print(re.sub(r"\s+", " ", line))
    for step in steps:
        print(f"{'ok    ' if step.passed else 'FAILED'} {step.name} ({step.seconds:.0f} s)")
    # A step that failed without a failed test (lint, coverage, a crash) counts as one failure.
    failed = counted.failed + sum(not step.passed for step in steps if not step.name.startswith("tests"))
    if counted.failed == 0:
        failed += sum(not step.passed for step in steps if step.name.startswith("tests"))
    if pulled.wrongly_accepted and not counted.failed:
        failed += 1  # written down, and its test went on
    print(pulled.sentence)
    print(f"{counted.passed} passed, {failed} failed, {counted.skipped} skipped", flush=True)
    return 1 if failed or not counted.passed else 0


def main() -> int:
    """0 only when every step and every test passed."""
    parser = argparse.ArgumentParser(description="lint, types, architecture, tests and coverage")
    parser.add_argument("--checks-only", action="store_true", help="no tests but the architecture's")
    parser.add_argument("pytest", nargs="*", help="further arguments for pytest")
    options = parser.parse_args()
    steps = checks(before_tests=not options.checks_only)
    if options.checks_only:
        for step in steps:
            print(f"{'ok    ' if step.passed else 'FAILED'} {step.name}")
        return 0 if all(step.passed for step in steps) else 1
    steps += [*tests(options.pytest), coverage()]
    return summarise(steps, counts(JUNIT), pulls(JUNIT))


if __name__ == "__main__":
    sys.exit(main())
