"""The benchmark: us and cosign in turns on one registry, and what verification itself costs.

.venv/bin/python -m bench.run                      everything, about four minutes
.venv/bin/python -m bench.run --quick              each piece once, figures that mean nothing
.venv/bin/python -m bench.run --only "one image"   cases with that in their name
.venv/bin/python -m bench.run --write              renew the tables in docs/benchmarks.md
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench import cases, imports, inprocess, machine, report
from bench.children import Starter
from bench.report import Figures
from bench.stage import ROOT, Sizes, staged

DOCUMENT = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
QUICK = Sizes(bundles=3, legacy=3, images=2)


def main(argv: Sequence[str] | None = None) -> int:
    """0 when it ran; whether targets were met is said, and judged by people."""
    arguments = _arguments(argv)
    imports.compile_sources(ROOT)
    figures = measure(arguments)
    text = report.markdown(figures)
    print(text)
    for words in report.missed(figures):
        print(f"MISSED {words}")
    if arguments.json:
        arguments.json.write_text(json.dumps(report.as_json(figures), indent=1), encoding="utf-8")
    if arguments.write:
        write(DOCUMENT, text)
    return 0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="measure vouchsafe beside cosign")
    parser.add_argument("--quick", action="store_true", help="each piece once, with few signatures")
    parser.add_argument("--only", metavar="WORDS", default="", help="cases with this in their name")
    parser.add_argument("--network", choices=cases.NETWORKS, action="append", help="default: both")
    parser.add_argument("--json", metavar="FILE", type=Path, help="every sample")
    parser.add_argument("--write", action="store_true", help="renew the tables in docs/benchmarks.md")
    return parser.parse_args(argv)


def measure(arguments: argparse.Namespace) -> Figures:
    """Everything that is asked for."""
    only, quick = arguments.only, arguments.quick
    described = tuple(machine.describe())
    results: list[cases.Result] = []
    in_process: list[inprocess.InProcess] = []
    profile = None
    if only in "in process":
        in_process = inprocess.measure(rounds=1 if quick else 31, repeats=2 if quick else 50)
    if only != "in process":
        progress("making signatures")
        with staged(QUICK if quick else Sizes()) as stage, Starter() as starter:
            for case in cases.cases(stage, arguments.network or cases.NETWORKS, quick=quick):
                if only in case.name:
                    results += cases.measure(case, starter, progress)
            if only in "imports":
                profile = imports.measure(stage, starter, rounds=1 if quick else 7)
    progress("")
    return Figures(
        machine=described,
        date=time.strftime("%Y-%m-%d"),
        results=tuple(results),
        in_process=tuple(in_process),
        profile=profile,
    )


def write(document: Path, block: str, marks: tuple[str, str] = (BEGIN, END)) -> None:
    """Put the block between the document's marks."""
    text = document.read_text(encoding="utf-8")
    before, begin, rest = text.partition(marks[0])
    _, end, after = rest.partition(marks[1])
    if not (begin and end):
        raise ValueError(f"expected {marks[0]} and {marks[1]} in {document.name}, got one of them or none")
    document.write_text(f"{before}{begin}\n{block}{end}{after}", encoding="utf-8")


def progress(text: str) -> None:
    """A line on a terminal, over the one before."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
