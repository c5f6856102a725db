"""`make test` and `make check`: lint, types, architecture, tests, coverage; all of them even when one fails.

Decides what counts as failed, and says at the end which peers were missing; the last line is
`N passed, N failed, N skipped`. Each skipped test is named by tests/conftest.py, with its reason.
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
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / ".build"
JUNIT = BUILD / "junit.xml"
PURE_LAYERS = ("record", "errors", "strictjson", "image", "evidence", "verification", "policy", "protocol")
TYPED_FOLDERS = ("src", "tests", "tools", "bench", "demo")
WORKERS = min(8, 2 * (os.cpu_count() or 1))  # many tests wait for other programs


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


def run(name: str, *arguments: str) -> Step:
    """Runs one Python tool of the environment with its output shown."""
    print(f"== {name}", flush=True)
    began = time.monotonic()
    ended = subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, check=False)
    return Step(name=name, passed=ended.returncode == 0, seconds=time.monotonic() - began)


def checks() -> list[Step]:
    """What needs no test to run."""
    typed = [folder for folder in TYPED_FOLDERS if (ROOT / folder).is_dir()]
    return [
        run("lint", "ruff", "check", "--quiet", "."),
        run("format", "ruff", "format", "--quiet", "--check", "."),
        run("types", "mypy", *typed),
        run("architecture", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_architecture.py"),
    ]


def tests(extra: Sequence[str]) -> Step:
    """The tests and the examples in the docstrings, spread over the cores, with branches counted."""
    BUILD.mkdir(exist_ok=True)
    JUNIT.unlink(missing_ok=True)
    return run(
        "tests",
        *("pytest", "-q", "--doctest-modules", "--numprocesses", str(WORKERS), "--dist", "worksteal"),
        *("--durations", "10", f"--junitxml={JUNIT}", "--cov", "--cov-report=", *extra),
        *("src/vouchsafe", "tests"),
    )


def coverage() -> Step:
    """The pure layers, each branch; what pyproject.toml demands of them."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    demanded = settings["tool"]["vouchsafe"]["pure-branch-coverage"]
    include = ",".join(f"src/vouchsafe/{name}{end}" for name in PURE_LAYERS for end in (".py", "/*"))
    began = time.monotonic()
    print("== branch coverage of everything", flush=True)
    subprocess.run(
        [sys.executable, "-m", "coverage", "report", "--format=total"],
        cwd=ROOT,
        check=False,
    )
    step = run(
        f"branch coverage of the pure layers, {demanded} % demanded",
        *("coverage", "report", f"--include={include}", f"--fail-under={demanded}", "--precision=1"),
    )
    return Step(name=step.name, passed=step.passed, seconds=time.monotonic() - began)


def counts() -> Counts:
    """What pytest wrote down; nothing written is one failure."""
    try:
        suites = list(ET.parse(JUNIT).getroot().iter("testsuite"))  # noqa: S314 - pytest's own, of this run
    except (OSError, ET.ParseError):
        return Counts(passed=0, failed=1, skipped=0)
    total, failures, errors, skipped = (
        sum(int(suite.get(key, "0")) for suite in suites)
        for key in ("tests", "failures", "errors", "skipped")
    )
    failed = failures + errors
    return Counts(passed=total - failed - skipped, failed=failed, skipped=skipped)


def peers() -> list[str]:
    """One line for each peer: what was compared with, and what was not."""
    try:
        manifest = json.loads((ROOT / ".peers" / "peers.json").read_text(encoding="utf-8"))
    except OSError:
        return ["peer: none, `make peers` has not run"]
    lines = [f"peer: {name} {entry['version']}" for name, entry in sorted(manifest["peers"].items())]
    return lines + [f"peer MISSING: {name}: {reason}" for name, reason in sorted(manifest["missing"].items())]


def summarise(steps: Sequence[Step], counted: Counts) -> int:
    """Says what happened, worst last; returns the exit code."""
    print("== summary")
    for line in peers():
        print(re.sub(r"\s+", " ", line))
    for step in steps:
        print(f"{'ok    ' if step.passed else 'FAILED'} {step.name} ({step.seconds:.0f} s)")
    # A step that failed without a failed test (lint, coverage, a crash) counts as one failure.
    failed = counted.failed + sum(not step.passed for step in steps if step.name != "tests")
    if counted.failed == 0:
        failed += sum(not step.passed for step in steps if step.name == "tests")
    print(f"{counted.passed} passed, {failed} failed, {counted.skipped} skipped", flush=True)
    return 1 if failed or not counted.passed else 0


def main() -> int:
    """0 only when every step and every test passed."""
    parser = argparse.ArgumentParser(description="lint, types, architecture, tests and coverage")
    parser.add_argument("--checks-only", action="store_true", help="no tests but the architecture's")
    parser.add_argument("pytest", nargs="*", help="further arguments for pytest")
    options = parser.parse_args()
    steps = checks()
    if options.checks_only:
        for step in steps:
            print(f"{'ok    ' if step.passed else 'FAILED'} {step.name}")
        return 0 if all(step.passed for step in steps) else 1
    steps += [tests(options.pytest), coverage()]
    return summarise(steps, counts())


if __name__ == "__main__":
    sys.exit(main())
