"""The pieces of the countersigning benchmark run, with a handful of images; no time is asserted."""

from __future__ import annotations

import os

import pytest

from bench import countersigning
from bench.answering import Answered, Grown, Started
from bench.countersigning import Figures, markdown, missed
from bench.estate import estate
from bench.load import Load
from bench.pairs import Pair
from bench.stage import peers

PAIR = Pair(name="verdict", beside="`cosign verify`", target=0.6, ours=(1.0, 2.0), theirs=(2.0, 4.0))
GROWN = Grown(images=10_000, rss_mib=70.0, peak_mib=71.0, store_mib=50.0, cpu_seconds=60.0)


def answered(*milliseconds: float) -> Answered:
    """A run under load."""
    load = Load(milliseconds=milliseconds, statuses={"200": 1, "404": 1}, signatures=2, leaves=1)
    return Answered(name="in memory", load=load, cpu_microseconds=600.0, rss_before=48.0, rss_after=49.0)


@pytest.mark.peers
@pytest.mark.slow
def test_each_piece_runs() -> None:
    """On one host: what is signed is countersigned, everywhere, and what is not is refused."""
    if os.geteuid() != 0:
        pytest.skip("only root makes files that the countersigner believes")
    with estate(countersigning.QUICK) as place:
        figures = countersigning.measure(place, only="", quick=True, progress=lambda _: None)
    first, _, restarted = figures.warm
    assert first.load.signatures == restarted.load.signatures == countersigning.QUICK.warm
    assert len(figures.pairs) == 4 * ("cosign3" in peers()) + 3 * ("skopeo" in peers())
    assert [each.images for each in figures.grown][-1] == countersigning.QUICK.many
    text = markdown(figures)
    assert all(f"### {title}" in text for title in ("200 requests a second", "Beside others", "Memory"))
    assert "from the first connection to the first answer" in text


def test_percentiles_count_answers() -> None:
    """The slowest of a hundred is the 99th, of ten the same one."""
    load = answered(*map(float, range(1, 101))).load
    assert (load.percentile(0), load.percentile(50), load.percentile(99)) == (1.0, 51.0, 100.0)
    assert answered(1.0, 2.0).load.percentile(99) == 2.0


def test_ratios_are_of_pairs() -> None:
    """The median of the ratios."""
    assert PAIR.replace(ours=(1.0, 2.0, 9.0), theirs=(2.0, 4.0, 1.0)).ratio == 0.5


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({"warm": (answered(1.0),), "pairs": (PAIR,), "grown": (GROWN,)}, []),
        ({"warm": (answered(11.0),)}, ["in memory: p99 11.0 ms, target 10"]),
        ({"warm": (answered(1.0), answered(99.0))}, []),
        ({"pairs": (PAIR.replace(theirs=(1.0, 2.0)),)}, ["verdict: 1.00, target 0.6"]),
        ({"pairs": (PAIR.replace(theirs=(1.0, 2.0), target=None),)}, []),
        ({"grown": (GROWN.replace(rss_mib=101.0),)}, ["resident memory: 101 MiB, target 100"]),
    ],
)
def test_says_what_was_missed(changes: dict[str, object], expected: list[str]) -> None:
    """A target that is met, or that nobody set, is not mentioned; the tables say the same."""
    figures = Figures(machine=("a machine",), **changes)  # type: ignore[arg-type]
    assert missed(figures) == expected
    assert ("**MISSED**" in markdown(figures)) == bool(expected)


def test_a_start_is_said_in_words() -> None:
    """How it was started belongs to the figure."""
    started = Started(how="by socket activation", seconds=(0.1, 0.2, 0.3), cpu_seconds=(0.1,))
    assert "Started by socket activation" in markdown(Figures(machine=(), started=started))
    assert "**200 ms** (100–300), 100 ms of CPU" in markdown(Figures(machine=(), started=started))
