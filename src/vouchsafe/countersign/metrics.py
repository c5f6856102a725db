"""What is counted, for Prometheus: answers by outcome and reason, how long they took, what ends when.

Counted in plain numbers: every answer is, and the library's import would be a fifth of a start that a pull
waits for. It is loaded when somebody asks for the page. Labels are bounded: a reason code is one of our own,
and beyond MOST_CODES different ones it is "other". Images and users are in the log, never in a label.
"""

from __future__ import annotations

import importlib.util
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import accumulate
from typing import TYPE_CHECKING

from vouchsafe.countersign.desk import Told
from vouchsafe.record import Record

if TYPE_CHECKING:
    from prometheus_client import Metric

if importlib.util.find_spec("prometheus_client") is None:  # said at the start, and not by the first scrape
    raise ModuleNotFoundError("expected prometheus_client, got none", name="prometheus_client")

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MOST_CODES = 100
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0)  # seconds


class Condition(Record):
    """How the service is at this moment; None where there is no such end, or nothing to say.

    `believed_ends`: the first of what the policy believes that has an end; `trust_ends` is about the refreshing of
    the public-good root alone.
    """

    problem: str
    authority_ends: datetime | None
    trust_ends: datetime | None
    connections: int
    believed_ends: datetime | None = None


class _Times:
    """How long answers took, by bucket; the last one has no upper end."""

    def __init__(self) -> None:
        self.counts = [0] * (len(_BUCKETS) + 1)
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        """One answer."""
        self.counts[bisect_left(_BUCKETS, seconds)] += 1
        self.seconds += seconds

    def cumulative(self) -> list[tuple[str, float]]:
        """As Prometheus wants them: so many took no longer than that."""
        ends = (*map(str, _BUCKETS), "+Inf")
        return list(zip(ends, map(float, accumulate(self.counts)), strict=True))


class Metrics:
    """Counts, and writes the page. Thread-safe."""

    def __init__(self, condition: Callable[[], Condition], now: Callable[[], datetime]) -> None:
        """`condition` is asked when the page is."""
        self._condition = condition
        self._now = now
        self._lock = threading.Lock()
        self._codes: set[str] = set()
        self._last: datetime | None = None
        self._answers: dict[tuple[str, str], int] = {}
        self._times = {"yes": _Times(), "no": _Times()}
        self._upstream: dict[str, int] = {}

    def given(self, told: Told) -> None:
        """Count an answer."""
        answer = told.answer
        with self._lock:
            key = (answer.outcome, self._bounded(answer.code))
            self._answers[key] = self._answers.get(key, 0) + 1
            self._times["yes" if told.remembered else "no"].add(told.seconds)
            if answer.outcome == "accepted":
                self._last = self._now()

    def accepted_before(self, at: datetime) -> None:
        """When an image was accepted last, before this process began: a start is no update."""
        self._last = at

    def upstream_error(self, code: str) -> None:
        """Count a question that was not answered."""
        with self._lock:
            key = self._bounded(code)
            self._upstream[key] = self._upstream.get(key, 0) + 1

    def page(self) -> bytes:
        """The exposition, as it is now."""
        from prometheus_client import CollectorRegistry, generate_latest
        from prometheus_client.process_collector import ProcessCollector

        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        registry.register(self)
        return generate_latest(registry)

    def collect(self) -> Iterator[Metric]:
        """Every family (prometheus_client's Collector)."""
        condition = self._condition()
        with self._lock:
            families = [*self._counted(), *self._conditions(condition)]
        yield from families

    def _counted(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

        answers = CounterMetricFamily("vouchsafe_answers", "Answers given.", labels=("outcome", "code"))
        for labels, count in self._answers.items():
            answers.add_metric(labels, count)
        yield answers
        what = "How long answers took; remembered: no evidence was looked at."
        seconds = HistogramMetricFamily("vouchsafe_answer_seconds", what, labels=("remembered",))
        for remembered, times in self._times.items():
            seconds.add_metric((remembered,), times.cumulative(), times.seconds)
        yield seconds
        what = "Questions that a registry did not answer."
        upstream = CounterMetricFamily("vouchsafe_upstream_errors", what, labels=("code",))
        for code, count in self._upstream.items():
            upstream.add_metric((code,), count)
        yield upstream

    def _conditions(self, condition: Condition) -> Iterator[Metric]:
        from prometheus_client.core import GaugeMetricFamily

        what = "1 while nothing is answered, for this reason."
        broken = GaugeMetricFamily("vouchsafe_config_broken", what, labels=("code",))
        broken.add_metric((self._bounded(condition.problem) or "none",), 1 if condition.problem else 0)
        yield broken
        ends = GaugeMetricFamily("vouchsafe_ends_timestamp_seconds", "When something ends.", labels=("what",))
        for label, end in (
            ("ca", condition.authority_ends),
            ("trust-root", condition.trust_ends),
            ("policy", condition.believed_ends),
        ):
            if end is not None:
                ends.add_metric((label,), end.timestamp())
        yield ends
        since = float("inf") if self._last is None else (self._now() - self._last).total_seconds()
        what = "Since an image was last accepted."
        yield GaugeMetricFamily("vouchsafe_since_accepted_seconds", what, value=max(0.0, since))
        yield GaugeMetricFamily("vouchsafe_connections", "Open connections.", value=condition.connections)

    def _bounded(self, code: str) -> str:
        if code in self._codes or len(self._codes) < MOST_CODES:
            self._codes.add(code)
            return code
        return "other"
