"""One digest passes for a while: what is written, that it ends, and that nothing else changes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.hosts import ACCEPT, REJECT, Died, DyingDisk, Host
from tests.unit.host.test_plan import plan, policy
from vouchsafe.cli import main
from vouchsafe.errors import ConfigurationError, HostError
from vouchsafe.host import break_glass, change, enforce
from vouchsafe.host.break_glass import Glass
from vouchsafe.image.reference import Reference

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
POLICY = "/etc/containers/policy.json"
REGISTRIES = "/etc/containers/registries.d/vouchsafe-break-glass.yaml"
DIGESTS = [f"registry.example/acme/app@sha256:{digit * 64}" for digit in "01"]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host that enforces."""
    made = Host(tmp_path)
    made.write(POLICY, json.dumps({"default": [ACCEPT]}))
    enforce.enable(lambda: plan(made, with_units=False), made.files)
    return made


def glass(image: str = DIGESTS[0], lasting: timedelta = HOUR) -> Glass:
    """A broken glass."""
    return break_glass.wanted(Reference.parse(image), "it burns", lasting, AT)


def docker(host: Host) -> dict[str, object]:
    """The docker scopes that clients read."""
    found: dict[str, object] = json.loads(host.read(POLICY))["transports"]["docker"]
    return found


def test_what_is_written_and_taken_back(host: Host) -> None:
    """Exactly the scope, and a lookaside that asks nobody; afterwards every file is as it was."""
    before, scopes = host.tree(), docker(host)
    break_glass.break_it(glass().replace(places=("mirror.example/app",)), host.files)
    assert docker(host) == {**scopes, DIGESTS[0]: [ACCEPT]}
    section = {"lookaside": "file:///run/vouchsafe/none", "use-sigstore-attachments": False}
    assert json.loads(host.read(REGISTRIES)) == {
        "docker": {DIGESTS[0]: section, "mirror.example/app": section}
    }
    assert break_glass.broken(host.files) == (glass().replace(places=("mirror.example/app",)),)
    ended = break_glass.end(host.files)
    assert ([each.scope for each in ended], host.tree()) == ([DIGESTS[0]], before)


def test_a_dry_run_shows_and_changes_nothing(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither breaking nor mending; what it shows is what is done without it."""
    words = ["break-glass", "--root", str(host.folder), "--dry-run"]
    before = host.tree()
    assert main([*words, DIGESTS[0], "--reason", "it burns"]) == 0
    shown = capsys.readouterr().out
    assert host.tree() == before
    assert f"replace {POLICY}\n" in shown
    assert f"create {REGISTRIES}\n" in shown
    assert f'+      "{DIGESTS[0]}": [' in shown

    break_glass.break_it(glass(), host.files)
    before = host.tree()
    for end in ("--end", "--expire"):  # its time was over long ago
        assert main([*words, end]) == 0
        shown = capsys.readouterr().out
        assert host.tree() == before
        assert f"remove {REGISTRIES}\n" in shown
    assert main([*words[:3], "--end"]) == 0
    capsys.readouterr()
    assert main([*words, "--end"]) == 0
    assert capsys.readouterr().out == "nothing to change\n"


def test_several_end_one_by_one(host: Host) -> None:
    """Each when its own time is over."""
    before = host.tree()
    break_glass.break_it(glass(DIGESTS[0]), host.files)
    break_glass.break_it(glass(DIGESTS[1], HOUR * 2), host.files)
    assert break_glass.over(host.files, AT + HOUR) == (DIGESTS[0],)
    break_glass.end(host.files, scopes=DIGESTS[:1])
    assert (DIGESTS[0] in docker(host), DIGESTS[1] in docker(host)) == (False, True)
    break_glass.end(host.files, scopes=DIGESTS[1:])
    assert host.tree() == before


def test_breaking_again_renews(host: Host) -> None:
    """The last word counts, and what was there before the first is what comes back."""
    before = host.tree()
    break_glass.break_it(glass(), host.files)
    break_glass.break_it(glass(lasting=HOUR * 3), host.files)
    assert [each.until for each in break_glass.broken(host.files)] == [AT + HOUR * 3]
    break_glass.end(host.files)
    assert host.tree() == before


def test_a_clock_that_went_back_ends_it(host: Host) -> None:
    """Or it would last for ever."""
    break_glass.break_it(glass(), host.files)
    assert break_glass.over(host.files, AT - HOUR) == (DIGESTS[0],)
    assert break_glass.over(host.files, AT + HOUR - timedelta(seconds=1)) == ()


def test_what_the_policy_said_of_the_digest_comes_back(tmp_path: Path) -> None:
    """A digest that the policy itself refuses."""
    host = Host(tmp_path)
    policy = {"default": [REJECT], "transports": {"docker": {DIGESTS[0]: [REJECT]}}}
    host.write(POLICY, json.dumps(policy, indent=2) + "\n", 0o640)
    before = host.tree()
    break_glass.break_it(glass(), host.files)
    assert docker(host) == {DIGESTS[0]: [ACCEPT]}
    break_glass.end(host.files)
    assert host.tree() == before


def test_a_digest_that_the_applied_policy_names(tmp_path: Path) -> None:
    """It would be an edit of what was applied: the countersigner would answer nobody any more."""
    host = Host(tmp_path)
    host.write(POLICY, json.dumps({"default": [ACCEPT]}))
    named = policy({DIGESTS[0]: [REJECT]})
    enforce.enable(lambda: plan(host, named, with_units=False), host.files)
    before = host.tree()
    with pytest.raises(ConfigurationError, match="does not name itself") as caught:
        break_glass.break_it(glass(), host.files)
    assert (caught.value.code, host.tree()) == ("break-glass", before)
    break_glass.break_it(glass(DIGESTS[1]), host.files)
    break_glass.break_it(glass(DIGESTS[1], HOUR * 2), host.files)
    break_glass.end(host.files)
    assert host.tree() == before


@pytest.mark.parametrize(
    "image, reason, lasting",
    [
        ("registry.example/app:v1", "x", HOUR),
        ("registry.example/app", "x", HOUR),
        (f"registry.example/app@sha512:{'0' * 128}", "x", HOUR),
        (f"oci:/srv/x@sha256:{'0' * 64}", "x", HOUR),
        (DIGESTS[0], " ", HOUR),
        (DIGESTS[0], "x", timedelta(0)),
        (DIGESTS[0], "x", timedelta(days=8)),
    ],
)
def test_only_one_digest_with_a_reason_for_a_while(image: str, reason: str, lasting: timedelta) -> None:
    """Anything wider is refused."""
    with pytest.raises(ConfigurationError) as refused:
        break_glass.wanted(Reference.parse(image), reason, lasting, AT)
    assert refused.value.code == "break-glass"


@pytest.mark.parametrize("content", [None, "{", '{"default": [{"type": "x"}]}'])
def test_a_policy_that_no_client_loads(tmp_path: Path, content: str | None) -> None:
    """Cannot be broken usefully."""
    host = Host(tmp_path)
    if content is not None:
        host.write(POLICY, content)
    with pytest.raises(ConfigurationError):
        break_glass.break_it(glass(), host.files)


@pytest.mark.parametrize(
    "content",
    ['{"schemaVersion": 1, "exceptions": [{"scope": 1}]}', '{"schemaVersion": 2, "exceptions": []}', ""],
)
def test_a_damaged_record(host: Host, content: str) -> None:
    """Is said, not guessed."""
    host.write("/etc/vouchsafe/host/break-glass.json", content)
    with pytest.raises(HostError) as refused:
        break_glass.broken(host.files)
    assert refused.value.code == "break-glass-record"


@pytest.mark.parametrize("content", ["", "{", '{"schemaVersion": 2, "exceptions": []}'])
@pytest.mark.parametrize("scopes", [None, [DIGESTS[0]]])
def test_what_nobody_can_read_ends(host: Host, content: str, scopes: list[str] | None) -> None:
    """Else it would be accepted for ever: neither its timer nor the next boot would know when to end it."""
    before = host.tree()
    for image in DIGESTS:
        break_glass.break_it(glass(image), host.files)
    host.write("/etc/vouchsafe/host/break-glass.json", content)
    assert break_glass.over(host.files, AT) is None
    assert {each.scope for each in break_glass.end(host.files, scopes=scopes)} == set(DIGESTS)
    assert host.tree() == before
    host.write("/etc/vouchsafe/host/break-glass.json", content)  # of nothing
    assert (break_glass.end(host.files), host.tree()) == ((), before)


def test_enabling_and_disabling_wait(host: Host) -> None:
    """They would close it without a word."""
    break_glass.break_it(glass(), host.files)
    assert [each.code for each in plan(host, with_units=False).objections] == ["host-glass-broken"]
    with pytest.raises(HostError):
        enforce.disable(host.files)
    break_glass.end(host.files)
    assert plan(host, with_units=False).changes == ()


@pytest.mark.parametrize("writes", range(24))
def test_dying_while_breaking(host: Host, writes: int) -> None:
    """Afterwards it is broken as recorded, or not at all."""
    before = host.tree()
    try:
        break_glass.break_it(glass(), DyingDisk(host.files, writes))
    except Died:
        change.recover(host.files)
    whole = bool(break_glass.broken(host.files))
    assert (DIGESTS[0] in docker(host), host.files.look(REGISTRIES).kind == "file") == (whole, whole)
    break_glass.end(host.files)
    assert host.tree() == before
