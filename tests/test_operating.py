"""docs/operating.md and pull-refused.md name every setting, limit, unit, metric and id, and none that there is not."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

import pytest

from tests.unit_files import SYSTEMD
from vouchsafe.cli import build_parser
from vouchsafe.countersign.fairness import Limits
from vouchsafe.countersign.metrics import Condition, Metrics
from vouchsafe.host.units import ENABLED, OFFERED
from vouchsafe.testing.clock import VirtualClock

DOCS = Path(__file__).resolve().parent.parent / "docs"
SOURCE = DOCS.parent / "src" / "vouchsafe"
OPERATING = (DOCS / "operating.md").read_text(encoding="utf-8")
REFUSED = (DOCS / "pull-refused.md").read_text(encoding="utf-8")
HOST = (DOCS / "host.md").read_text(encoding="utf-8")
CODES = (DOCS / "reason-codes.md").read_text(encoding="utf-8")
# What every command has.
USUAL = {"--help", "--output", "--verbose"}


def flags(*words: str) -> set[str]:
    """The long flags of a command."""
    parser: argparse.ArgumentParser = build_parser()
    for word in words:
        (sub,) = (each for each in parser._actions if isinstance(each, argparse._SubParsersAction))
        parser = sub.choices[word]
    found = {option for each in parser._actions for option in each.option_strings}
    return {option for option in found if option.startswith("--")} - USUAL


@pytest.mark.parametrize("words", [("host", "enable"), ("countersign", "serve"), ("host", "disable")])
def test_every_flag(words: tuple[str, ...]) -> None:
    """What it does and what it prevents is said somewhere on the page."""
    assert [flag for flag in sorted(flags(*words)) if f"`{flag}" not in OPERATING] == []


def test_every_limit() -> None:
    """Each number of the service's own limits is in the table."""
    (table,) = re.findall(r"^\| limit \|.*?\n\n", OPERATING, re.MULTILINE | re.DOTALL)
    numbers = {float(number.replace(" ", "")) for number in re.findall(r"\d+(?: \d{3})*(?:\.\d+)?", table)}
    limits = Limits()
    assert {getattr(limits, name) for name in limits._fields} <= numbers


def test_every_unit() -> None:
    """What is enabled is explained; what is explained is there."""
    pages = OPERATING + HOST
    assert [unit for unit in (*ENABLED, *OFFERED) if f"`{unit}`" not in pages] == []
    named = set(re.findall(r"vouchsafe-[a-z-]+\.(?:service|socket|timer|path)", pages + REFUSED))
    assert sorted(named - {path.name for path in SYSTEMD.iterdir()}) == []


def test_every_metric() -> None:
    """As the page for Prometheus has them."""
    condition = Condition(problem="", authority_ends=None, trust_ends=None, connections=0)
    page = Metrics(lambda: condition, VirtualClock().now).page().decode()
    there = set(re.findall(r"^# TYPE (vouchsafe_\S+)", page, re.MULTILINE))
    assert there == set(re.findall(r"^\| `(vouchsafe_[a-z_]+)`", OPERATING, re.MULTILINE))


def test_every_message_id() -> None:
    """journalctl finds what the page says."""
    written = "\n".join(path.read_text(encoding="utf-8") for path in sorted(SOURCE.rglob("*.py")))
    ids = re.findall(r'^(?!MACHINE)[A-Z]+_ID = "([0-9a-f]{32})"', written, re.MULTILINE)
    assert len(ids) == len(set(ids)) > 4
    assert sorted(re.findall(r"^\| `([0-9a-f]{32})`", OPERATING, re.MULTILINE)) == sorted(ids)


def test_the_codes_of_refused_pulls() -> None:
    """Each is documented, and those that an answer often has are here."""
    rows = re.findall(r"^\| (`[^|]*)\|", REFUSED.partition("## Rejected")[2], re.MULTILINE)
    named = {code for row in rows for code in re.findall(r"`([a-z][a-z-]+[a-z])`", row)}
    assert len(named) > 20
    assert [code for code in sorted(named) if f"| `{code}` |" not in CODES] == []


@pytest.mark.parametrize("page", [OPERATING, REFUSED], ids=["operating", "pull-refused"])
def test_commands_in_sentences(page: str) -> None:
    """In tables too, where no fenced block is: they parse, or are the name of a command."""
    found = set(re.findall(r"`vouchsafe ([a-z-]+(?: [^`…]*)?)`", page))
    assert len(found) > 10
    for words in sorted(found):
        if not is_a_name(words.split()):
            build_parser().parse_args(shlex.split(words.replace("URL", "http://127.0.0.1:843")))


def is_a_name(words: list[str]) -> bool:
    """Whether it is a command without arguments."""
    try:
        flags(*words)
    except (KeyError, ValueError):
        return False
    return True
