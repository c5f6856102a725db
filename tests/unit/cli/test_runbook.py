"""`vouchsafe runbook`: what it says of itself, whom it asks, and what it refuses to begin with."""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli_lab import run
from tests.hosts import OPEN_POLICY, OURS, REJECT, Died, DyingDisk, Host, Said, Script
from tests.unit.host.test_plan import plan
from vouchsafe.cli import build_parser, runbook_about
from vouchsafe.cli.console import Console
from vouchsafe.cli.host_wish import Target
from vouchsafe.cli.runbook_output import Screen, last_line
from vouchsafe.errors import ConfigurationError
from vouchsafe.host import change
from vouchsafe.policy import applied
from vouchsafe.policy.compile import Host as Points
from vouchsafe.runbook.re_enable import RUNBOOK
from vouchsafe.runbook.running import Report, Shown
from vouchsafe.runbook.step import Step
from vouchsafe.wiring.places import Places

ROOT = Path(__file__).resolve().parents[3]
ENABLE = next(step for step in RUNBOOK.steps if step.changes)
PROVEN = {"outcome": "passed", "unproven": False, "dryRun": False, "facts": {"trust": "a", "policy": "b"}}


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host that accepts anything."""
    made = Host(tmp_path)
    made.write("/etc/containers/policy.json", OPEN_POLICY)
    scopes = {"registry.example/acme": [OURS]}
    written = {"default": [REJECT], "transports": {"docker": scopes}}
    made.write("/etc/vouchsafe/policy.json", json.dumps(written))
    return made


def parsed(host: Host, *words: str) -> argparse.Namespace:
    """The arguments."""
    return build_parser().parse_args(["runbook", "re-enable", "--root", str(host.folder), *words])


class Terminal(io.StringIO):
    """Where a person sits."""

    def isatty(self) -> bool:
        return True


def test_the_list() -> None:
    """What each step checks, does and undoes; as text and as data. Nothing is looked at."""
    ended = run("runbook", "re-enable", "--list")
    assert ended.code == 0
    for step in RUNBOOK.steps:
        assert all(
            text in ended.out for text in (step.name, step.checks, step.does, step.undoes, step.command)
        )
    document = run("runbook", "re-enable", "--list", "-o", "json").json
    assert [each["name"] for each in document["steps"]] == list(RUNBOOK.names)


@pytest.mark.parametrize("more", [["--until", "plan"], ["--from", "plan"], ["--dry-run"]])
def test_rolling_back_goes_alone(host: Host, more: list[str]) -> None:
    """Half a way back is none."""
    ended = run("runbook", "re-enable", "--roll-back", "--root", host.folder, *more)
    assert (ended.code, "--roll-back alone" in ended.err) == (64, True)


def test_nothing_was_run(host: Host) -> None:
    """No log; nothing to roll back, and nobody has to agree to nothing."""
    ended = run("runbook", "log", "--root", host.folder)
    assert (ended.code, "runbook-none" in ended.err) == (78, True)
    back = run("runbook", "re-enable", "--roll-back", "--root", host.folder)
    assert (back.code, "nothing was changed" in back.out) == (0, True)


def test_it_stops_without_an_image(host: Host) -> None:
    """And the log says so; a dry run leaves no trace."""
    before = host.tree()
    dry = run("runbook", "re-enable", "--root", host.folder, "--dry-run")
    assert (dry.code, "runbook-no-image" in dry.out, host.tree()) == (1, True, before)
    ended = run("runbook", "re-enable", "--root", host.folder)
    assert (ended.code, "stopped at preflight" in ended.out) == (1, True)
    log = run("runbook", "log", "--root", host.folder).out
    assert "preflight: rejected" in log
    assert "[runbook-no-image]" in log


def test_a_policy_that_is_not_there(host: Host) -> None:
    """78, as everywhere."""
    (host.folder / "etc/vouchsafe/policy.json").unlink()
    assert run("runbook", "re-enable", "--root", host.folder, "--image", "r.example/a").code == 78


def test_somebody_else_runs_it(host: Host) -> None:
    """One at a time."""
    with host.files.only_one("/etc/vouchsafe/host/runbook.lock"):
        ended = run("runbook", "re-enable", "--root", host.folder, "--image", "r.example/a")
    assert (ended.code, "host-busy" in ended.err) == (2, True)


def test_a_change_that_a_crash_left_is_not_touched_by_a_dry_run(host: Host) -> None:
    """It is said instead."""
    host.write("/etc/vouchsafe/host/change/journal.json", "{}")
    ended = run("runbook", "re-enable", "--root", host.folder, "--dry-run", "--image", "r.example/a")
    assert (ended.code, "vouchsafe host recover" in ended.err) == (78, True)


def test_which_images(host: Host) -> None:
    """As said, from files, or those that are tracked; each once, in a registry."""
    listed = host.write("/list", "r.example/b:v1  # the base\n\nr.example/a\n")
    arguments = parsed(host, "--image", "r.example/a", "--images", str(listed))
    target = Target(str(host.folder))
    assert runbook_about.images(arguments, target) == ("r.example/a:latest", "r.example/b:v1")
    host.write("/etc/vouchsafe/track", "r.example/tracked:v1\n")
    assert runbook_about.images(parsed(host), target) == ("r.example/tracked:v1",)
    ended = run("runbook", "re-enable", "--root", host.folder, "--image", "oci:/x")
    assert (ended.code, "an image of a registry" in ended.err) == (64, True)


@pytest.mark.parametrize(
    "said, expected",
    [
        (
            {"spec": {"image": {"image": "r.example/os:v1", "transport": "registry"}}, "status": {}},
            ["r.example/os:v1"],
        ),
        ({"spec": {"image": {"image": "/x", "transport": "oci"}}, "status": {}}, []),
        ({"spec": {"image": {"image": "A B", "transport": "registry"}}, "status": {}}, []),
        ({"spec": {}, "status": {}}, []),
        ({}, []),
    ],
)
def test_what_bootc_tracks(said: dict[str, Any], expected: list[str]) -> None:
    """Is what an image-mode host must be able to pull; what it does not say is not guessed."""
    bootc = Script({"bootc": lambda _: Said(0, json.dumps(said).encode())})
    assert [str(each).removeprefix("docker://") for each in runbook_about.of_bootc(bootc)] == expected
    assert list(runbook_about.of_bootc(Script({}))) == []


def test_what_a_crash_left_is_settled_first(host: Host) -> None:
    """And the log says so."""
    made = plan(host, with_units=False)
    with pytest.raises(Died):
        change.carry_out(made.changes, DyingDisk(host.files, 16))
    assert run("runbook", "re-enable", "--root", host.folder).code == 1
    assert not change.is_unfinished(host.files)
    assert "a change that a crash left was" in run("runbook", "log", "--root", host.folder).out


@pytest.mark.parametrize(
    "changes",
    [{"outcome": "rejected"}, {"unproven": True}, {"dryRun": True}, {"facts": {"trust": "a"}}, {"facts": 1}],
)
def test_like_what_was_not_proven(host: Host, changes: dict[str, Any]) -> None:
    """Only a host that went all the way is a model."""
    good = host.write("/good.json", json.dumps(PROVEN))
    assert runbook_about.like(str(good)) == {"trust": "a", "policy": "b"}
    with pytest.raises(ConfigurationError) as refused:
        runbook_about.like(str(host.write("/bad.json", json.dumps(PROVEN | changes))))
    assert refused.value.code == "runbook-like"


def test_what_a_result_rests_on(host: Host) -> None:
    """Another policy, another registries.conf, another wish or image: another basis; the change itself: the same."""
    target, arguments = Target(str(host.folder)), parsed(host)

    def basis(arguments: argparse.Namespace = arguments, image: str = "a") -> str:
        return runbook_about.basis(arguments, target, {}, (image,))

    first = basis()
    host.write("/etc/containers/policy.json", "{}")
    host.write("/etc/containers/registries.d/x.yaml", "{}")
    elsewhere = Points(ca_path="/x", lookaside="file:///x", physical={"a.example": ("b.example",)})
    host.write(applied.PATH, applied.write(applied.Applied(epoch="0", host=elsewhere)))
    assert basis() == first
    others = {first, basis(image="b"), basis(parsed(host, "--form", "key")), basis(parsed(host, "--strict"))}
    host.write("/etc/containers/registries.conf", "")
    others.add(basis())
    host.write("/etc/vouchsafe/policy.d/x.json", "{}")
    others.add(basis())
    host.write("/etc/machine-id", "0" * 32 + "\n")
    others.add(basis())
    assert len(others) == 7


def test_the_machine_is_not_named(host: Host) -> None:
    """machine-id(5) asks for it; an image has none."""
    places = Places.below(str(host.folder))
    assert runbook_about.machine_name(places) == ""
    host.write("/etc/machine-id", "0123456789abcdef" * 2 + "\n")
    name = runbook_about.machine_name(places)
    assert (len(name), "0123" in name) == (16, False)


def test_by_hand(host: Host) -> None:
    """The commands with this run's flags, as one could type them."""
    arguments = parsed(host, "--form", "key", "--without-units", "--refuse-transport", "dir")
    made = runbook_about.by_hand(RUNBOOK, arguments, Target(str(host.folder)), ("r.example/a b",))
    commands = {step.name: step.command for step in made.steps}
    assert commands["preflight"] == "vouchsafe explain 'r.example/a b'"
    assert commands["smoke"] == "vouchsafe host smoke --form key"
    assert commands["enable"].endswith("--form key --refuse-transport dir --without-units")
    assert f"--root {host.folder}" in commands["plan"]


@pytest.mark.parametrize(
    "typed, agreed", [("y\n", True), ("YES\n", True), ("\n", False), ("n\n", False), ("", False)]
)
def test_a_person_is_asked(typed: str, agreed: bool) -> None:
    """What would be changed is shown; only a yes is one."""
    err = Terminal()
    screen = Screen(Console(err=err, out=io.StringIO()), RUNBOOK, shows=False, answers=Terminal(typed))
    assert screen.agrees(ENABLE, ("replace /etc/containers/policy.json",)) is agreed
    assert "replace /etc/containers/policy.json" in err.getvalue()


def test_nobody_is_there() -> None:
    """A pipe is no person."""
    for err, answers in ((io.StringIO(), Terminal("y\n")), (Terminal(), io.StringIO("y\n"))):
        console = Console(err=err, out=io.StringIO())
        assert Screen(console, RUNBOOK, shows=False, answers=answers).agrees(ENABLE, ("x",)) is None


def shown(step: Step) -> Shown:
    """How a step ended."""
    from tests.unit.runbook.test_journal import ENTRY

    return Shown(step=step, how="done", entry=ENTRY)


@pytest.mark.parametrize(
    "report, says",
    [
        (Report(changed=True), "passed: changed"),
        (Report(unproven=True), "unproven until `status` has passed"),
        (Report(outcome="rejected", taken_back=True), "the host is as it was before"),
        (Report(outcome="rejected", shown=(shown(ENABLE),)), "stopped at enable"),
        (Report(outcome="undecided", unproven=True, shown=(shown(ENABLE),)), "or --roll-back"),
    ],
)
def test_the_last_line(report: Report, says: str) -> None:
    """How it came out, and what to do."""
    assert says in last_line(report, "passed", Console(out=io.StringIO(), err=io.StringIO(), colour=False))
