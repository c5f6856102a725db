"""The page for Prometheus: bounded labels, what is broken, what ends; and rules and a dashboard that speak of it."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.countersigning import Counter, Machine, Running
from vouchsafe.countersign.answer import Answer
from vouchsafe.countersign.desk import Told
from vouchsafe.countersign.metrics import MOST_CODES, Condition, Metrics
from vouchsafe.testing.clock import VIRTUAL_NOON, VirtualClock

ROOT = Path(__file__).resolve().parents[3]
DASHBOARD = ROOT / "deploy/grafana/vouchsafe.json"
RULES = ROOT / "deploy/prometheus/vouchsafe.rules.yaml"


def told(outcome: str, code: str = "", *, remembered: bool = False) -> Told:
    """An answer that was given."""
    answer = Answer(status=200, outcome=outcome, code=code)
    return Told(asked=None, uid=0, answer=answer, seconds=0.004, remembered=remembered)


def made(clock: VirtualClock, **condition: object) -> Metrics:
    """Metrics of a service in some condition."""
    usual: dict[str, Any] = {"problem": "", "authority_ends": None, "trust_ends": None, "connections": 3}
    return Metrics(lambda: Condition(**(usual | condition)), clock.now)


def test_answers_are_counted_by_outcome_and_code(clock: VirtualClock) -> None:
    """And timed by whether they were at hand."""
    metrics = made(clock)
    for each in (told("accepted"), told("accepted", remembered=True), told("rejected", "unsigned")):
        metrics.given(each)
    clock.advance(minutes=5)
    page = metrics.page().decode()
    assert 'vouchsafe_answers_total{code="",outcome="accepted"} 2.0' in page
    assert 'vouchsafe_answers_total{code="unsigned",outcome="rejected"} 1.0' in page
    assert 'vouchsafe_answer_seconds_count{remembered="yes"} 1.0' in page
    assert "vouchsafe_since_accepted_seconds 300.0" in page
    assert "vouchsafe_connections 3.0" in page


def test_labels_are_bounded(clock: VirtualClock) -> None:
    """Whatever codes there will be."""
    metrics = made(clock)
    for number in range(3 * MOST_CODES):
        metrics.given(told("rejected", f"code-{number}"))
        metrics.upstream_error(f"error-{number}")
    codes = set(re.findall(r'code="([^"]*)"', metrics.page().decode()))
    assert ("other" in codes, len(codes) <= MOST_CODES + 2) == (True, True)


def test_what_is_broken_and_what_ends(clock: VirtualClock) -> None:
    """One series, which changes its code."""
    ends = VIRTUAL_NOON + timedelta(days=1)
    page = made(clock, problem="not-applied", authority_ends=ends, trust_ends=ends).page().decode()
    assert 'vouchsafe_config_broken{code="not-applied"} 1.0' in page
    found = re.findall(r'^vouchsafe_ends_timestamp_seconds\{what="([a-z-]+)"\} (\S+)$', page, re.MULTILINE)
    assert {what: float(value) for what, value in found} == dict.fromkeys(
        ("ca", "trust-root"), ends.timestamp()
    )


def test_upstream_errors_are_counted(machine: Machine, counter: Counter) -> None:
    """By the code of what was not answered."""
    digest = machine.image()
    machine.registry.close()
    counter.ask(digest)
    page = counter.service.metrics.page().decode()
    assert 'vouchsafe_upstream_errors_total{code="connection-refused"}' in page


def test_rules_and_dashboard_speak_of_what_there_is(machine: Machine) -> None:
    """Every metric that they name is on the page of a service that has answered."""
    digest, unsigned = machine.image(), machine.image(content=b"unsigned")
    machine.sign(digest)
    with Running(machine) as running:
        for each in (digest, unsigned):
            running.asked(each)
        page = running.service.metrics.page().decode()
    there = set(re.findall(r"^# TYPE (\S+)", page, re.MULTILINE))
    there |= {f"{name}{end}" for name in there for end in ("_bucket", "_count", "_sum", "_total")}
    text = DASHBOARD.read_text() + RULES.read_text()
    assert sorted(set(re.findall(r"\b(vouchsafe_[a-z_]+|process_[a-z_]+)\b", text)) - there) == []
    assert json.loads(DASHBOARD.read_text())["panels"] != []
