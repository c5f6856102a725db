"""docs/runbooks/re-enable.md is the runbook in prose: the same steps, commands, undoing and texts, and real alerts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vouchsafe.cli import build_parser
from vouchsafe.runbook import announcement
from vouchsafe.runbook.re_enable import RUNBOOK
from vouchsafe.runbook.step import Step

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "runbooks" / "re-enable.md").read_text(encoding="utf-8")
RULES = (ROOT / "deploy" / "prometheus" / "vouchsafe.rules.yaml").read_text(encoding="utf-8")
METRICS = (ROOT / "src" / "vouchsafe" / "countersign" / "metrics.py").read_text(encoding="utf-8")
HEADING = re.compile(r"^### (\d+)\. (\S+)$", re.MULTILINE)


def section(step: Step) -> str:
    """What the page says of a step."""
    return PAGE.split(f". {step.name}\n", 1)[1].split("\n## ", 1)[0].split("\n### ", 1)[0]


def test_the_same_steps_in_the_same_order() -> None:
    """No more and no less, numbered."""
    expected = [(str(number), name) for number, name in enumerate(RUNBOOK.names, 1)]
    assert HEADING.findall(PAGE) == expected


@pytest.mark.parametrize("step", RUNBOOK.steps, ids=lambda step: step.name)
def test_a_step_in_prose(step: Step) -> None:
    """What it checks, does and undoes, and how by hand; and more than that."""
    said = section(step)
    assert f"\n{step.title}.\n" in said
    rows = (
        ("checks", step.checks),
        ("does", step.does),
        ("undoes", step.undoes),
        ("by hand", f"`{step.command}`"),
    )
    for label, text in rows:
        assert f"\n| {label} | {text} |\n" in said
    assert len(said.split("by hand")[1].splitlines()) > 2


@pytest.mark.parametrize("step", RUNBOOK.steps, ids=lambda step: step.name)
def test_a_command_that_does_it_by_hand(step: Step) -> None:
    """Is one that the parser takes."""
    build_parser().parse_args(step.command.split()[1:])


@pytest.mark.parametrize("text", [announcement.ahead, announcement.done, announcement.back])
def test_what_to_announce(text: object) -> None:
    """Stands there as it is written, with names in place of facts."""
    assert callable(text)
    assert f"```text\n{text(announcement.FACTS).strip()}\n```" in PAGE


def test_an_announcement_is_filled_in() -> None:
    """Every fact has a place; of many scopes a person reads the first."""
    facts = {"host": "one", "policy": "00ff", "scopes": "\n".join(map(str, range(30))), "time": "noon"}
    said = announcement.done(facts)
    assert "Since noon" in said
    assert "policy 00ff" in said
    assert "… and 10 more" in said
    assert "<contact>" in said
    assert "(nothing)" in announcement.done({"unjudged": ""})


def test_what_to_watch_exists() -> None:
    """Alerts are in the rules, metrics in the code."""
    alerts = set(re.findall(r"`(Vouchsafe[A-Za-z]+)`", PAGE))
    metrics = set(re.findall(r"`(vouchsafe_[a-z_]+)", PAGE))
    assert alerts == set(re.findall(r"alert: (\w+)", RULES))
    assert metrics
    assert [name for name in metrics if name.removesuffix("_total") not in METRICS] == []
    assert [name for name in metrics if name not in RULES] == []


def test_flags_exist() -> None:
    """What the tables tell people to type is in the help."""
    flags = set(re.findall(r"`(--[a-z-]+)", PAGE)) - {"--format", "--check", "--verbose"}  # of other programs
    help_text = next(text for command, text in _helps() if command.endswith("runbook re-enable"))
    assert [flag for flag in sorted(flags) if flag not in help_text] == []


def _helps() -> list[tuple[str, str]]:
    from tools.cli_help import helps

    return list(helps(build_parser()))
