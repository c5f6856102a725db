"""Figures as tables in Markdown, and as JSON for other programs."""

from __future__ import annotations

from statistics import median
from typing import Any

from bench.cases import LARGEST_PEAK_MIB, Result
from bench.children import Sample
from bench.imports import Profile
from bench.inprocess import LARGEST_RATIO, InProcess
from vouchsafe.record import Record

_PACKAGES_SHOWN = 5


class Figures(Record):
    """Everything that one run of the benchmark found out; what was not asked for is empty."""

    machine: tuple[str, ...]
    date: str
    results: tuple[Result, ...] = ()
    in_process: tuple[InProcess, ...] = ()
    profile: Profile | None = None


def missed(figures: Figures) -> list[str]:
    """Targets that were not met, in words."""
    words = [
        f"{each.network}: {each.case}, {each.label}: {each.ratio:.2f}, target {each.target}"
        for each in figures.results
        if each.theirs and each.target is not None and each.ratio > each.target
    ]
    words += [
        f"{each.name}: {each.ratio:.2f} of the floor, target {LARGEST_RATIO}"
        for each in figures.in_process[:1]
        if each.ratio > LARGEST_RATIO
    ]
    peak = max((each.peak_mib for each in figures.results), default=0)
    return words + (
        [f"peak memory: {peak:.0f} MiB, target {LARGEST_PEAK_MIB}"] if peak > LARGEST_PEAK_MIB else []
    )


def markdown(figures: Figures) -> str:
    """The block that docs/benchmarks.md carries."""
    parts = [f"Measured on {figures.date}.\n", *(f"- {line}" for line in figures.machine)]
    for network in dict.fromkeys(each.network for each in figures.results):
        parts += [
            "",
            f"### {'Bare loopback' if network == 'loopback' else f'{network} added to every answer'}",
            "",
        ]
        parts += _table([each for each in figures.results if each.network == network])
    if figures.results:
        peak = max(each.peak_mib for each in figures.results)
        verdict = "ok" if peak <= LARGEST_PEAK_MIB else "**MISSED**"
        parts += ["", f"Our largest peak: **{peak:.0f} MiB**, target ≤ {LARGEST_PEAK_MIB}: {verdict}"]
    if figures.in_process:
        parts += ["", "### In process", "", *_in_process(figures.in_process)]
    if figures.profile:
        parts += ["", "### Imports of one `vouchsafe verify`", "", *_imports(figures.profile)]
    return "\n".join(parts) + "\n"


def _table(results: list[Result]) -> list[str]:
    lines = [
        "| what | command | vouchsafe ms | cosign ms | ratio (min–max) | target | | peak MiB, ours / cosign |",
        "|---|---|---:|---:|---:|---:|---|---:|",
    ]
    for each in results:
        theirs, ratio, verdict, peak = "–", "–", "", "–"
        if each.theirs:
            theirs = f"{_milliseconds(each.theirs):.0f}"
            ratio = f"**{each.ratio:.2f}** ({min(each.ratios):.2f}–{max(each.ratios):.2f})"
            verdict = "" if each.target is None else "ok" if each.ratio <= each.target else "**MISSED**"
            peak = f"{max(sample.peak_mib for sample in each.theirs):.0f}"
        target = "" if each.target is None else f"≤ {each.target}"
        ours = f"{_milliseconds(each.ours):.0f}"
        lines.append(
            f"| {each.case} | `{each.label}` | {ours} | {theirs} | {ratio} | {target} | {verdict} "
            f"| {each.peak_mib:.0f} / {peak} |"
        )
    return lines


def _milliseconds(samples: tuple[Sample, ...]) -> float:
    return median(each.seconds for each in samples) * 1000


def _in_process(measured: tuple[InProcess, ...]) -> list[str]:
    lines = [
        "| what | a second | µs | floor µs | ratio (min–max) | target | |",
        "|---|---:|---:|---:|---:|---:|---|",
    ]
    for number, each in enumerate(measured):
        target, verdict = "", ""
        if number == 0:
            target = f"≤ {LARGEST_RATIO}"
            verdict = "ok" if each.ratio <= LARGEST_RATIO else "**MISSED**"
        spread = f"{min(each.ratios):.2f}–{max(each.ratios):.2f}"
        lines.append(
            f"| {each.name} | {1 / each.verify_seconds:.0f} | {each.verify_seconds * 1e6:.0f} "
            f"| {each.floor_seconds * 1e6:.0f} | **{each.ratio:.2f}** ({spread}) | {target} | {verdict} |"
        )
    return lines


def _imports(profile: Profile) -> list[str]:
    shown = profile.packages[:_PACKAGES_SHOWN]
    total = sum(each.milliseconds for each in profile.packages)
    return [
        "| package | modules | own ms |",
        "|---|---:|---:|",
        *(f"| {each.name} | {each.modules} | {each.milliseconds:.1f} |" for each in shown),
        f"| all | {profile.modules} | {total:.1f} |",
    ]


def as_json(figures: Figures) -> dict[str, Any]:
    """Every sample, for other programs."""
    return {
        "date": figures.date,
        "machine": list(figures.machine),
        "missed": missed(figures),
        "results": [
            {
                "case": each.case,
                "network": each.network,
                "command": each.label,
                "target": each.target,
                "ratio": each.ratio if each.theirs else None,
                "vouchsafe": [_sample(sample) for sample in each.ours],
                "cosign": [_sample(sample) for sample in each.theirs],
            }
            for each in figures.results
        ],
        "in_process": [
            {
                "name": each.name,
                "verify_seconds": each.verify_seconds,
                "floor_seconds": each.floor_seconds,
                "ratio": each.ratio,
                "ratios": list(each.ratios),
            }
            for each in figures.in_process
        ],
        "imports": [
            {"package": each.name, "modules": each.modules, "milliseconds": each.milliseconds}
            for each in (figures.profile.packages if figures.profile else ())
        ],
    }


def _sample(sample: Sample) -> dict[str, float]:
    return {
        "seconds": sample.seconds,
        "cpu_seconds": sample.cpu_seconds,
        "peak_mib": sample.peak_mib,
    }
