"""The kit passes on our plugin, alone and beside the countersigner, and fails on plugins that are broken on purpose."""

from __future__ import annotations

import os
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli_lab import Ended, run
from tests.countersigning import Machine, Running
from tests.plugins import executable, plugin_machine, plugin_of
from vouchsafe.plugin.conformance import Subjects, cases

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files that the plugin believes")


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """With a signed image v1, and an unsigned one."""
    with plugin_machine() as made:
        yield made


def conform(*words: object) -> Ended:
    """`vouchsafe plugin conform`."""
    return run("plugin", "conform", *words)


def subjects(machine: Machine) -> list[str]:
    """The flags that name an image that is accepted and one that is not."""
    good, bad = machine.image(content=b"good"), machine.image(tag="bad", content=b"bad")
    machine.sign(good)
    name = machine.name()
    return ["--accepted", f"{name}:v1@{good}", "--refused", f"{name}:bad@{bad}"]


def test_ours_passes_beside_the_countersigner(machine: Machine) -> None:
    """Every case, none left out."""
    flags = subjects(machine)
    with Running(machine, verdicts=True) as running:
        ended = conform("-o", "json", *flags, plugin_of(machine))
    report = ended.json
    assert [each for each in report["cases"] if each["outcome"] != "passed"] == []
    assert (ended.code, report["failed"], report["skipped"]) == (0, 0, 0)
    assert report["passed"] > 50
    assert len(running.journal.entries) > 1, "the countersigner was never asked"


def test_ours_passes_alone(machine: Machine) -> None:
    """Those that reach a judgement; the others end before it."""
    chosen = [
        "accepted",
        "refused",
        "other-digest",
        "again",
        "unknown-fields",
        "errors-closed",
        "output-full",
        "physical-hint",
        "list-hint",
        "secret-kept",
    ]
    words = [word for name in chosen for word in ("--case", name)]
    ended = conform(*words, *subjects(machine), plugin_of(machine))
    assert (ended.code, f"{len(chosen)} passed, 0 failed, 0 skipped" in ended.out) == (0, True)


# Each flaw, the case that is meant for it, and one that it does not disturb.
BROKEN = {
    "reads-nothing": ("not-json", "accepted"),
    "always-0": ("refused", "accepted"),
    "two-documents": ("plain", ""),
    "partial": ("plain", ""),
    "errors-only": ("plain", ""),
    "other-digest": ("accepted", "refused"),
    "ignores-requires": ("required-capability", "refused"),
    "refuses-unknown": ("unknown-fields", "accepted"),
    "believes-bytes": ("manifest-other", "manifest-text"),
    "reads-once": ("slow", "accepted"),
    "ignores-errors": ("output-full", "accepted"),
    "fixed-id": ("again", "accepted"),
    "crashes": ("digest-number", "refused"),
    "any-case": ("digest-capitals", "digest-short"),
    "duplicate-keys": ("duplicate-key", "not-a-number"),
    "judges-physical": ("physical-hint", "other-name"),
    "believes-list": ("list-hint", "accepted"),
    "leaks": ("secret-kept", "secret-malformed"),
    "leaks-errors": ("secret-malformed", "secret-kept"),
    "forgets-deadline": ("no-time", "accepted"),
    "allows-and-crashes": ("accepted", "refused"),
    "describes-one": ("describe-later", "describe"),
}
NAME, DIGEST = "registry.example/app:v1", f"sha256:{64 * '1'}"
FLAGS = ("--accepted", f"{NAME}@{DIGEST}", "--refused", f"registry.example/app:bad@{DIGEST}")


def foreign(folder: Path, flaw: str = "") -> str:
    """The plugin that shares no code with ours, broken in one way or in none."""
    text = (Path(__file__).parent.parent / "foreign_plugin.py").read_text()
    text = text.replace('"NAME": "DIGEST"', f'"{NAME}": "{DIGEST}"').replace('FLAW = ""', f'FLAW = "{flaw}"')
    return str(executable(folder / "foreign", f"#!{sys.executable} -IS\n{text}"))


def test_a_plugin_of_others_passes(tmp_path: Path) -> None:
    """The kit asks for what the protocol says, and not for what ours happens to do. Of much that is alike, a part."""
    known = cases(Subjects())
    alike = [case.name for case in known if case.expect == "refused"]
    chosen = [case.name for case in known if case.name not in alike] + alike[::4]
    words = [word for name in chosen for word in ("--case", name)]
    ended = conform(*words, *FLAGS, foreign(tmp_path))
    assert (ended.code, "0 failed, 0 skipped" in ended.out) == (0, True), ended.out


@pytest.mark.parametrize("flaw", BROKEN)
def test_a_broken_plugin_fails_where_it_is_broken(tmp_path: Path, flaw: str) -> None:
    """On the case that is meant, and on no other."""
    names = [name for name in BROKEN[flaw] if name]
    words = [word for name in names for word in ("--case", name)]
    ended = conform("-o", "json", *words, *FLAGS, foreign(tmp_path, flaw))
    assert ended.code == 1
    outcomes = {each["name"]: each["outcome"] for each in ended.json["cases"]}
    assert outcomes == dict.fromkeys(names, "passed") | {BROKEN[flaw][0]: "failed"}


def test_reports(tmp_path: Path) -> None:
    """JUnit tells a failure from what was not asked; without images not everything can be."""
    plugin = foreign(tmp_path, "always-0")
    chosen = ["--case", "describe", "--case", "refused", "--case", "empty"]
    failing = conform("-o", "junit", *chosen, plugin)
    assert failing.code == 1
    suite = ET.fromstring(failing.out)
    assert suite.attrib | {"name": ""} == {"name": "", "tests": "3", "failures": "1", "errors": "1"}
    ended = conform("--case", "refused", "--case", "describe", plugin)
    assert (ended.code, "1 passed, 0 failed, 1 skipped" in ended.out) == (2, True)


@pytest.mark.parametrize(
    "words",
    [[], ["--case", "nonsense", "x"], ["--accepted", "busybox:1", "x"]],
    ids=["none", "case", "image"],
)
def test_a_kit_that_is_asked_nothing(words: list[str]) -> None:
    """Usage."""
    assert conform(*words).code == 64
