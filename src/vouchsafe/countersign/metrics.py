"""What is counted, for Prometheus: answers by outcome and reason, how long they took, what ends when.

Labels are bounded: a reason code is one of our own, and beyond MOST_CODES different ones it is "other".
Images and users are in the log, never in a label.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.process_collector import ProcessCollector

from vouchsafe.countersign.desk import Told
from vouchsafe.record import Record

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MOST_CODES = 100
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0)  # seconds


class Condition(Record):
    """How the service is at this moment; None where there is no such end, or nothing to say."""

    problem: str
    authority_ends: datetime | None
    trust_ends: datetime | None
    connections: int


class Metrics:
    """Counts, and writes the page. Used from one thread."""

    def __init__(self, condition: Callable[[], Condition], now: Callable[[], datetime]) -> None:
        """`condition` is asked when the page is."""
        self._condition = condition
        self._now = now
        self._codes: set[str] = set()
        self._last: datetime | None = None
        registry = self._registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._answers = Counter("vouchsafe_answers", "Answers given.", ("outcome", "code"), registry=registry)
        self._seconds = Histogram(
            "vouchsafe_answer_seconds",
            "How long answers took; remembered: no evidence was looked at.",
            ("remembered",),
            buckets=_BUCKETS,
            registry=registry,
        )
        self._upstream = Counter(
            "vouchsafe_upstream_errors",
            "Questions that a registry did not answer.",
            ("code",),
            registry=registry,
        )
        self._broken = Gauge(
            "vouchsafe_config_broken",
            "1 while nothing is answered, for this reason.",
            ("code",),
            registry=registry,
        )
        self._ends = Gauge(
            "vouchsafe_ends_timestamp_seconds", "When something ends.", ("what",), registry=registry
        )
        self._since = Gauge(
            "vouchsafe_since_accepted_seconds", "Since an image was last accepted.", registry=registry
        )
        self._connections = Gauge("vouchsafe_connections", "Open connections.", registry=registry)

    def given(self, told: Told) -> None:
        """Count an answer."""
        self._answers.labels(told.answer.outcome, self._bounded(told.answer.code)).inc()
        self._seconds.labels("yes" if told.remembered else "no").observe(told.seconds)
        if told.answer.outcome == "accepted":
            self._last = self._now()

    def accepted_before(self, at: datetime) -> None:
        """When an image was accepted last, before this process began: a start is no update."""
        self._last = at

    def upstream_error(self, code: str) -> None:
        """Count a question that was not answered."""
        self._upstream.labels(self._bounded(code)).inc()

    def page(self) -> bytes:
        """The exposition, as it is now."""
        condition = self._condition()
        self._broken.clear()
        self._broken.labels(self._bounded(condition.problem) or "none").set(1 if condition.problem else 0)
        self._ends.clear()
        for what, end in (("ca", condition.authority_ends), ("trust-root", condition.trust_ends)):
            if end is not None:
                self._ends.labels(what).set(end.timestamp())
        if self._last is not None:
            self._since.set(max(0.0, (self._now() - self._last).total_seconds()))
        else:
            self._since.set(float("inf"))
        self._connections.set(condition.connections)
        return generate_latest(self._registry)

    def _bounded(self, code: str) -> str:
        if code in self._codes or len(self._codes) < MOST_CODES:
            self._codes.add(code)
            return code
        return "other"
