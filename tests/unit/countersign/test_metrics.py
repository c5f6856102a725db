"""The page for Prometheus: bounded labels, what is broken, what ends; and rules and a dashboard that speak of it."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PEERS
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
    page = (
        made(clock, problem="not-applied", authority_ends=ends, trust_ends=ends, believed_ends=ends)
        .page()
        .decode()
    )
    assert 'vouchsafe_config_broken{code="not-applied"} 1.0' in page
    found = re.findall(r'^vouchsafe_ends_timestamp_seconds\{what="([a-z-]+)"\} (\S+)$', page, re.MULTILINE)
    assert {what: float(value) for what, value in found} == dict.fromkeys(
        ("ca", "policy", "trust-root"), ends.timestamp()
    )


def test_when_what_the_policy_believes_ends(machine: Machine, counter: Counter) -> None:
    """A pipeline's own CA ends some day: of each kind the last counts, of the kinds the first."""

    def ends() -> list[str]:
        page = counter.service.metrics.page().decode()
        return re.findall(r'^vouchsafe_ends_timestamp_seconds\{what="policy"\} (\S+)$', page, re.MULTILINE)

    believed = json.loads(machine.sigstore.trusted_root())
    for number, authority in enumerate(believed["certificateAuthorities"]):
        authority["validFor"]["end"] = f"2027-0{number + 1}-01T00:00:00Z"
    machine.write("etc/trusted_root.json", json.dumps(believed))
    last = datetime(2027, len(believed["certificateAuthorities"]), 1, tzinfo=UTC)
    assert [float(each) for each in ends()] == [last.timestamp()]
    machine.write("etc/trusted_root.json", "{")
    assert ends() == []


def test_upstream_errors_are_counted(machine: Machine, counter: Counter) -> None:
    """By the code of what was not answered."""
    digest = machine.image()
    machine.registry.close()
    counter.ask(digest)
    page = counter.service.metrics.page().decode()
    assert 'vouchsafe_upstream_errors_total{code="connection-refused"}' in page


def test_a_start_is_no_update(machine: Machine) -> None:
    """How long ago an image was accepted is known again after a restart; never is never."""

    def since() -> float:
        with Running(machine) as running:
            page = running.service.metrics.page().decode()
        return float(re.findall(r"^vouchsafe_since_accepted_seconds (\S+)$", page, re.MULTILINE)[0])

    digest = machine.image()
    assert since() == float("inf")
    machine.sign(digest)
    with Running(machine) as running:
        running.asked(digest)
    assert 0 <= since() < 3600


@pytest.fixture(scope="module")
def rules() -> list[dict[str, Any]]:
    """The alerts, read by a real YAML parser: gitlab-ci-local brings one."""
    program = (
        json.loads((PEERS / "peers.json").read_text())["peers"].get("gitlab-ci-local")
        if PEERS.is_dir()
        else None
    )
    if program is None:
        pytest.skip("peer gitlab-ci-local is missing, which brings a parser of YAML")
    node, script = program["argv"]
    modules = script.partition("gitlab-ci-local/")[0]
    library = json.dumps(f"{modules}js-yaml")
    read = f"console.log(JSON.stringify(require({library}).load(require('fs').readFileSync(0))))"
    done = subprocess.run([node, "-e", read], input=RULES.read_bytes(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    (group,) = json.loads(done.stdout)["groups"]
    assert set(group) == {"name", "rules"}
    found: list[dict[str, Any]] = group["rules"]
    return found


def test_alerts_are_what_prometheus_reads(rules: list[dict[str, Any]]) -> None:
    """Its keys, durations, severities; every label that a sentence shows is one that the expression keeps."""
    names = [rule["alert"] for rule in rules]
    assert len(set(names)) == len(names) >= 7
    for rule in rules:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}, rule
        assert re.fullmatch(r"[0-9]+[smhd]", rule.get("for", "1m"))
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert rule["annotations"]["summary"]
        assert rule["expr"].count("(") == rule["expr"].count(")")
        shown = set(re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"])))
        kept = re.search(r"\bby \(([^)]*)\)", rule["expr"])
        if kept:
            assert shown <= {each.strip() for each in kept[1].split(",")}, rule


def test_alerts_for_what_matters(rules: list[dict[str, Any]]) -> None:
    """Updates stopped, undecided rising, something ends, nothing is answered; what they mean is documented."""
    expressions = " ".join(rule["expr"] for rule in rules)
    for metric in (
        "since_accepted_seconds",
        "ends_timestamp_seconds",
        "config_broken",
        'outcome="undecided"',
    ):
        assert metric in expressions
    page = (ROOT / "docs/operating.md").read_text()
    assert [rule["alert"] for rule in rules if f"`{rule['alert']}`" not in page] == []


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
