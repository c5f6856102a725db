"""`re-enable` on a host below a folder: real plans and changes, killed at every write, and what it says."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.hosts import ACCEPT, OURS, Died, DyingDisk
from tests.unit.runbook.site import GOOD, IMAGE, REFUSED, SCOPE, Estate, answers, written
from vouchsafe.adapters.hosttree import HostTree
from vouchsafe.errors import ConfigurationError
from vouchsafe.host import enforce
from vouchsafe.host.status import ENFORCING
from vouchsafe.policy.finding import Finding
from vouchsafe.runbook.actions import Wanted
from vouchsafe.runbook.site import Probed
from vouchsafe.runbook.step import Result
from vouchsafe.runbook.trust import Trusted, fingerprint

MUTANT = REFUSED.replace(name="mutant", pulled=True, said="")
OPEN = written(default=ACCEPT)
OTHER = {SCOPE: [OURS], "registry.example/other": [OURS]}
MOST_WRITES = 80


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    """A host that accepts anything."""
    return Estate(tmp_path)


def codes(result: Result) -> list[str]:
    """Of what speaks against it."""
    return [each.code for each in result.objections]


def test_green(estate: Estate) -> None:
    """Enforcing, proven, announced; the second run changes nothing and announces nothing."""
    report = estate.run()
    assert (report.outcome, report.changed, report.unproven) == ("passed", True, False)
    assert estate.status().word == ENFORCING
    assert f"  {SCOPE}\n" in estate.text("announce")
    assert "Subject: one.example refuses" in estate.text("announce")
    assert report.facts["trust"] == fingerprint(estate.roots)
    again = estate.run()
    assert (again.outcome, again.changed, estate.text("announce")) == ("passed", False, "")


def test_it_is_announced_before(estate: Estate) -> None:
    """`--until plan` is what to do some days before."""
    before = estate.tree()
    report = estate.run(until="plan")
    assert (report.outcome, estate.tree()) == ("passed", before)
    assert "Subject: one.example will refuse" in estate.text("plan")
    assert "Tell ops\n" in estate.text("plan")


def test_what_cannot_be_enabled_is_not_announced(estate: Estate) -> None:
    """Somebody would send it."""
    estate.loaded = OPEN
    assert estate.run(until="plan").outcome == "rejected"
    assert estate.text("plan") == ""


def test_the_proof_fails(estate: Estate) -> None:
    """Everything is as it was, and nobody was told anything."""
    before = estate.tree()
    estate.legs = (GOOD, MUTANT)
    report = estate.run()
    assert (report.outcome, report.taken_back, estate.tree()) == ("rejected", True, before)
    assert codes(report.shown[6].entry.result) == ["runbook-proof"]
    assert [(each.step.name, each.how) for each in report.shown[-2:]] == [
        ("enable", "undone"),
        ("announce", "undone"),
    ]
    assert report.shown[-1].entry.result.text == ""
    assert estate.activation.told == ["start", "applied", "stop"]


def test_there_is_nobody_to_prove_it(estate: Estate) -> None:
    """Which is no proof."""
    before = estate.tree()
    estate.legs = ()
    report = estate.run()
    assert (report.outcome, report.taken_back, estate.tree()) == ("undecided", True, before)


def test_roll_back(estate: Estate) -> None:
    """To the letter, and those who were told are told."""
    before = estate.tree()
    estate.run()
    report = estate.run(back=True)
    assert (report.outcome, report.changed, estate.tree()) == ("passed", True, before)
    assert "no longer refuses" in estate.text("announce")
    again = estate.run(back=True)
    assert (again.outcome, again.changed, estate.text("announce")) == ("passed", False, "")
    assert "`vouchsafe host disable`" in again.shown[-2].entry.result.said[0]


def test_nobody_is_told_of_a_roll_back_that_is_not(estate: Estate) -> None:
    """Refused, or not agreed to: the host enforces as before, and so says nobody anything else."""
    estate.run()
    enforce.disable(estate.files)
    estate.loaded = written(OTHER)
    enforce.enable(estate.plan, estate.files)
    report = estate.run(back=True)
    assert [(each.step.name, each.entry.result.text) for each in report.shown] == [("enable", "")]


def test_roll_back_of_another_policy(estate: Estate) -> None:
    """One change back, not all the way: the policy before is in force again, and the countersigner goes on."""
    estate.run()
    before = estate.tree()
    estate.loaded = written(OTHER)
    estate.legs = (MUTANT,)
    report = estate.run(basis="c")
    assert (report.taken_back, estate.tree()) == (True, before)
    assert estate.activation.told[-1] == "applied"
    estate.loaded = written()
    assert estate.status().word == ENFORCING


def test_two_changes_without_a_proof_between(estate: Estate) -> None:
    """Go back to before the first."""
    before = estate.tree()
    estate.run(until="enable")
    estate.loaded = written(OTHER)
    estate.legs = (MUTANT,)
    report = estate.run(basis="c")
    assert (report.taken_back, estate.tree()) == (True, before)


def test_what_others_did_since_is_not_taken_back(estate: Estate) -> None:
    """Disabled, or enabled with another policy by hand: refused, and nothing is opened or closed by it."""
    estate.run()
    enforce.disable(estate.files)
    estate.loaded = written(OTHER)
    enforce.enable(estate.plan, estate.files)
    before = estate.tree()
    report = estate.run(back=True)
    assert (report.outcome, report.changed, estate.tree()) == ("rejected", False, before)
    assert "changed by others since" in report.shown[-1].entry.result.objections[0].message


def test_an_image_that_is_not_there(estate: Estate) -> None:
    """Does not hide what is wrong with the next one; nobody could tell."""
    estate.missing = {"registry.example/acme/gone:v1"}
    estate.wanted = estate.wanted.replace(images=("registry.example/acme/gone:v1", IMAGE))
    report = estate.run(until="preflight")
    result = report.shown[0].entry.result
    assert (report.outcome, codes(result)) == ("undecided", ["no-such-image"])
    assert IMAGE in result.said[0]


def killed(folder: Path, writes: int) -> tuple[Estate, dict[str, Any], bool]:
    """A host whose machine died after so many writes of a run, what it was before, and whether it died."""
    estate = Estate(folder)
    before = estate.tree()
    estate.files = DyingDisk(HostTree(str(folder)), writes)
    died = False
    try:
        estate.run()
    except Died:
        died = True
    estate.files = HostTree(str(folder))
    return estate, before, died


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A folder that is quick to write to, where this machine has such: a thousand syncs are not the point."""
    quick = Path("/dev/shm")
    if not os.access(quick, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=quick) as folder:
        yield Path(folder)


def test_killed_at_every_write(memory: Path) -> None:
    """The next run goes on, or goes back: the host enforces and is proven, or is what it was."""
    for writes in range(MOST_WRITES):
        estate, before, died = killed(memory / str(writes), writes)
        report = estate.run(back=bool(writes % 2))
        assert (report.outcome, report.unproven) == ("passed", False)
        if writes % 2:
            assert estate.tree() == before
        else:
            assert estate.status().word == ENFORCING
        if not died:
            break
    assert (died, writes > 30) == (False, True)


@pytest.mark.parametrize("writes", range(0, 50, 7))
def test_killed_while_going_back(memory: Path, writes: int) -> None:
    """The proof failed and the machine died taking it back: who asks to go back gets back."""
    estate = Estate(memory)
    before = estate.tree()
    estate.run(until="enable")
    estate.legs = (MUTANT,)
    estate.files = DyingDisk(HostTree(str(memory)), writes)
    with suppress(Died):
        estate.run()
    estate.files = HostTree(str(memory))
    estate.run(back=True)
    assert estate.tree() == before


def test_edited_while_somebody_was_asked(estate: Estate) -> None:
    """What was not checked is not put into force."""
    before = estate.tree()
    asked = []

    def edited() -> None:
        asked.append(1)
        if len(asked) == 3:  # `plan`, what would be changed, and then under the lock
            estate.loaded = written(OTHER)

    estate.on_plan = edited
    report = estate.run()
    assert (report.outcome, report.changed, estate.tree()) == ("rejected", False, before)
    assert "edited meanwhile" in report.shown[-1].entry.result.objections[0].message
    assert not report.unproven


def test_the_countersigner_does_not_start(estate: Estate) -> None:
    """`enable` takes it back by itself; nothing is left to take back."""
    before = estate.tree()
    estate.activation.broken = True
    report = estate.run()
    assert (report.outcome, report.unproven, estate.tree()) == ("rejected", False, before)
    assert codes(report.shown[-1].entry.result) == ["host-proof"]


def test_a_knowingly_open_default(estate: Estate) -> None:
    """Is said, and is no reason to take it back."""
    estate.wish = estate.wish.replace(insecure_default=True)
    estate.loaded = OPEN
    assert (estate.run().outcome, estate.run(back=True).outcome) == ("rejected", "passed")
    estate.wanted = estate.wanted.replace(insecure_default=True)
    report = estate.run()
    assert (report.outcome, codes(report.shown[-2].entry.result)) == ("passed", ["host-default-open"])


def stop(estate: Estate, step: str, **changes: Any) -> tuple[str, list[str]]:
    """The outcome of a run that must stop at a step without a change, and why."""
    before = estate.tree()
    for name, value in changes.items():
        setattr(estate, name, value)
    report = estate.run()
    assert (report.shown[-1].step.name, estate.tree(), report.changed) == (step, before, False)
    return report.outcome, codes(report.shown[-1].entry.result)


LINTED = Finding(file="policy.json", line=3, code="never", message="m", fix="f", severity="error")


@pytest.mark.parametrize(
    "step, changes, outcome, why",
    [
        (
            "preflight",
            {"loaded": ConfigurationError("policy-missing", "x")},
            "configuration",
            ["policy-missing"],
        ),
        ("preflight", {"wanted": Wanted(images=())}, "rejected", ["runbook-no-image"]),
        ("trust", {"roots": (Trusted(name="x", problem="gone"),)}, "rejected", ["runbook-trust-unusable"]),
        ("trust", {"wanted": Wanted(images=(IMAGE,), like={"trust": "x"})}, "rejected", ["runbook-unlike"]),
        ("policy", {"findings": (LINTED,)}, "rejected", ["never"]),
        ("policy", {"wanted": Wanted(images=(IMAGE,), like={"policy": "x"})}, "rejected", ["runbook-unlike"]),
        ("probe", {"probed": Probed(findings=(), notes=())}, "undecided", ["runbook-no-client"]),
        (
            "probe",
            {"probed": Probed(findings=answers(pki="no"), notes=())},
            "rejected",
            ["runbook-client-cannot"],
        ),
        ("plan", {"loaded": OPEN}, "rejected", ["host-default-open"]),
    ],
)
def test_what_stops(estate: Estate, step: str, changes: dict[str, Any], outcome: str, why: list[str]) -> None:
    """Before anything is changed, with its reason."""
    assert stop(estate, step, **changes) == (outcome, why)


def test_a_policy_that_is_all_clients_own(estate: Estate) -> None:
    """Needs no image to look at, because nothing in it demands a signature."""
    estate.loaded = written({SCOPE: [ACCEPT]})
    estate.wanted = Wanted(images=())
    assert estate.run(until="preflight").outcome == "passed"


def test_findings_that_only_warn(estate: Estate) -> None:
    """Are shown, and stop nobody but who is strict."""
    estate.findings = (LINTED.replace(severity="warning"),)
    assert estate.run(until="policy").outcome == "passed"
    assert estate.run(until="policy", again_from="policy", strict=True).outcome == "rejected"


def test_a_dry_run(estate: Estate) -> None:
    """Shows each file, tries the proof, writes nothing at all."""
    before = estate.host.tree()
    report = estate.run(dry_run=True)
    assert (report.outcome, estate.host.tree()) == ("passed", before)
    assert "replace /etc/containers/policy.json" in report.shown[5].entry.result.said
    assert [each.how for each in report.shown[5:]] == ["foretold", "foretold", "passed over", "passed over"]


def test_facts_of_one_host_are_compared_with_anothers(tmp_path: Path) -> None:
    """The canary's policy and trust, by its own report; the same ones pass."""
    canary, next_one = Estate(tmp_path / "canary"), Estate(tmp_path / "next")
    facts = canary.run().facts
    next_one.wanted = next_one.wanted.replace(like={"trust": facts["trust"], "policy": facts["policy"]})
    assert next_one.run().outcome == "passed"
