"""What countersigning costs: answers under load, verdicts beside cosign, pulls beside pulls without a policy.

.venv/bin/python -m bench.countersigning                 about six minutes
.venv/bin/python -m bench.countersigning --quick         each piece once, figures that mean nothing
.venv/bin/python -m bench.countersigning --only warm     pieces with that in their name
.venv/bin/python -m bench.countersigning --write         renew the tables in docs/benchmarks.md
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from statistics import median

from bench import answering, imports, machine, pairs, run
from bench.answering import Answered, Grown, Started
from bench.children import Starter
from bench.estate import Estate, Sizes, estate
from bench.pairs import Pair
from bench.stage import ROOT
from vouchsafe.record import Record

BEGIN, END = "<!-- countersigning: begin -->", "<!-- countersigning: end -->"
QUICK = Sizes(warm=4, new=4, rounds=0, many=8, large_bytes=1024)
SECONDS, QUICK_SECONDS = 60.0, 0.5
LARGEST_P99_MS = 10.0
LARGEST_RSS_MIB = 100.0
PIECES = ("warm", "verdict", "pull", "start", "memory")


class Figures(Record):
    """Everything that one run found out; what was not asked for is empty."""

    machine: tuple[str, ...]
    warm: tuple[Answered, ...] = ()
    pairs: tuple[Pair, ...] = ()
    started: Started | None = None
    grown: tuple[Grown, ...] = ()


def measure(place: Estate, *, only: str, quick: bool, progress: Callable[[str], None]) -> Figures:
    """The pieces that are asked for, in their order."""
    wanted = {name for name in PIECES if only in name}
    figures = Figures(machine=tuple(machine.describe()))
    seconds = QUICK_SECONDS if quick else SECONDS
    with Starter() as starter:
        if "warm" in wanted:
            progress(f"answers for {seconds:g} s, and twice a third of that")
            figures = figures.replace(warm=answering.warm(place, seconds))
        if "verdict" in wanted:
            figures = figures.replace(pairs=pairs.verdicts(place, starter, progress))
        if "pull" in wanted and place.skopeo:
            figures = figures.replace(pairs=(*figures.pairs, *pairs.pulls(place, starter, progress)))
        if "start" in wanted:
            progress("starts")
            figures = figures.replace(started=answering.start_up(place, rounds=1 if quick else 11))
        if "memory" in wanted and os.geteuid() == 0:  # others may not cause so many judgements
            figures = figures.replace(grown=answering.grow(place, progress))
    return figures


def missed(figures: Figures) -> list[str]:
    """Targets that were not met, in words."""
    words = [
        f"{each.name}: p99 {each.load.percentile(99):.1f} ms, target {LARGEST_P99_MS:g}"
        for each in figures.warm[:1]
        if each.load.percentile(99) > LARGEST_P99_MS
    ]
    words += [
        f"{each.name}: {each.ratio:.2f}, target {each.target}"
        for each in figures.pairs
        if each.target is not None and each.ratio > each.target
    ]
    peak = max((each.rss_mib for each in figures.grown), default=0.0)
    return words + (
        [f"resident memory: {peak:.0f} MiB, target {LARGEST_RSS_MIB:g}"] if peak > LARGEST_RSS_MIB else []
    )


def markdown(figures: Figures) -> str:
    """The block that docs/benchmarks.md carries."""
    parts = [*(f"- {line}" for line in figures.machine)]
    if figures.warm:
        parts += ["", f"### {answering.RATE:g} requests a second", "", *_warm(figures.warm)]
    if figures.pairs:
        parts += ["", "### Beside others", "", *_pairs(figures.pairs)]
    if figures.started:
        times = [1000 * each for each in figures.started.seconds]
        parts += [
            "",
            (
                f"Started {figures.started.how}, from the first connection to the first answer: "
                f"**{median(times):.0f} ms** ({min(times):.0f}–{max(times):.0f}), "
                f"{1000 * median(figures.started.cpu_seconds):.0f} ms of CPU."
            ),
        ]
    if figures.grown:
        parts += ["", "### Memory", "", *_grown(figures.grown)]
    return "\n".join(parts) + "\n"


def _verdict(value: float, target: float | None) -> tuple[str, str]:
    """The target, and whether it was met, as two cells."""
    return ("", "") if target is None else (f"≤ {target:g}", "ok" if value <= target else "**MISSED**")


def _warm(answered: Sequence[Answered]) -> list[str]:
    lines = [
        (
            "| | p50 ms | p99 ms | target | | largest ms | CPU µs an answer | MiB at the start, at the end "
            "| answers | signatures | leaves |"
        ),
        "|---|---:|---:|---:|---|---:|---:|---:|---:|---:|---:|",
    ]
    for number, each in enumerate(answered):
        load = each.load
        target, met = _verdict(load.percentile(99), LARGEST_P99_MS if number < 1 else None)
        lines.append(
            f"| {each.name} | {load.percentile(50):.1f} | **{load.percentile(99):.1f}** | {target} | {met} "
            f"| {max(load.milliseconds):.0f} | {each.cpu_microseconds:.0f} | {each.rss_before:.0f}, "
            f"{each.rss_after:.0f} | {len(load.milliseconds)} | {load.signatures} | {load.leaves} |"
        )
    return lines


def _pairs(measured: Sequence[Pair]) -> list[str]:
    lines = [
        "| what | ms | beside | ms | ratio (min–max) | target | |",
        "|---|---:|---|---:|---:|---:|---|",
    ]
    for each in measured:
        target, met = _verdict(each.ratio, each.target)
        lines.append(
            f"| {each.name} | {each.ours_ms:.0f} | {each.beside} | {each.theirs_ms:.0f} "
            f"| **{each.ratio:.2f}** ({min(each.ratios):.2f}–{max(each.ratios):.2f}) | {target} | {met} |"
        )
    return lines


def _grown(grown: Sequence[Grown]) -> list[str]:
    target, met = _verdict(max(each.rss_mib for each in grown), LARGEST_RSS_MIB)
    lines = [
        "| different images, half of them signed | resident MiB | largest so far | database MiB |",
        "|---:|---:|---:|---:|",
        *(
            f"| {each.images} | {each.rss_mib:.0f} | {each.peak_mib:.0f} | {each.store_mib:.0f} |"
            for each in grown
        ),
    ]
    spent = 1000 * grown[-1].cpu_seconds / max(1, grown[-1].images)
    return [*lines, "", f"Resident, target {target} MiB: {met}. Each cost {spent:.1f} ms of CPU."]


def main(argv: Sequence[str] | None = None) -> int:
    """0 when it ran; whether targets were met is said, and judged by people."""
    parser = argparse.ArgumentParser(description="measure countersigning")
    parser.add_argument("--quick", action="store_true", help="each piece once")
    parser.add_argument("--only", metavar="WORD", default="", help=f"one of {', '.join(PIECES)}")
    parser.add_argument("--write", action="store_true", help="renew the tables in docs/benchmarks.md")
    arguments = parser.parse_args(argv)
    imports.compile_sources(ROOT)
    run.progress("making images and signatures")
    with estate(QUICK if arguments.quick else sizes(arguments.only)) as place:
        figures = measure(place, only=arguments.only, quick=arguments.quick, progress=run.progress)
    run.progress("")
    text = markdown(figures)
    print(text)
    for words in missed(figures):
        print(f"MISSED {words}")
    if arguments.write:
        run.write(run.DOCUMENT, text, marks=(BEGIN, END))
    return 0


def sizes(only: str) -> Sizes:
    """No more images than the pieces need."""
    return Sizes() if only in "memory" else Sizes(many=0)


if __name__ == "__main__":
    sys.exit(main())
