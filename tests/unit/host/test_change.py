"""A change of several files is undone or done, whatever write the machine dies at."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from tests.hosts import Died, DyingDisk, Host
from vouchsafe.errors import HostError
from vouchsafe.host import change
from vouchsafe.host.change import JOURNAL, Edit, carry_out, recover, undo
from vouchsafe.host.places import CHANGE
from vouchsafe.host.state import ABSENT, file, link, state_of

POLICY, REGISTRIES = "/etc/containers/policy.json", "/etc/containers/registries.d/vouchsafe.yaml"
NOTE, UNIT = "/etc/vouchsafe/host/note", "/etc/systemd/system/sockets.target.wants/a.socket"
OLD, NEW, EMPTY = b"old", b"new", b"docker: {}\n"
MOST_WRITES = 60

# What both clients' files may read like at any moment: before the turn, or after it.
BEFORE, AFTER = (OLD, {None, EMPTY}), (NEW, {NEW})


def edits(host: Host) -> tuple[Edit, ...]:
    """A note first, two files together, a link last."""
    files = host.files
    wanted = [
        Edit(path=NOTE, before=state_of(files, NOTE), after=file(b"note", 0o600), when="first"),
        Edit(
            path=REGISTRIES,
            before=state_of(files, REGISTRIES),
            after=file(NEW, 0o644),
            when="together",
            neutral=EMPTY,
        ),
        Edit(path=POLICY, before=state_of(files, POLICY), after=file(NEW, 0o644), when="together"),
        Edit(
            path=UNIT,
            before=state_of(files, UNIT),
            after=link("/usr/lib/systemd/system/a.socket"),
            when="last",
        ),
    ]
    return tuple(wanted)


def reads(host: Host) -> tuple[bytes | None, bytes | None]:
    """What a client would read."""
    files = host.files
    return files.read(POLICY, largest=1000), files.read(REGISTRIES, largest=1000)


def is_whole(host: Host) -> bool:
    """Whether a client reads both files of before or both of after."""
    policy, registries = reads(host)
    return any(policy == side[0] and registries in side[1] for side in (BEFORE, AFTER))


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host with a policy and no registries.d."""
    made = Host(tmp_path)
    made.write(POLICY, OLD, 0o640)
    return made


def test_a_change_and_its_way_back(host: Host) -> None:
    """Every file is as it shall be, and nothing of the change itself is left; then all is as it was."""
    before = host.tree()
    made = edits(host)
    carry_out(made, host.files)
    assert host.tree() == {
        "etc/containers/policy.json": (0o644, NEW),
        "etc/containers/registries.d/vouchsafe.yaml": (0o644, NEW),
        "etc/systemd/system/sockets.target.wants/a.socket": (0, "/usr/lib/systemd/system/a.socket"),
        "etc/vouchsafe/host/note": (0o600, b"note"),
    }
    undo(made, host.files)
    assert host.tree() == before


@pytest.mark.parametrize("writes", range(MOST_WRITES))
def test_dying_leaves_before_or_after(host: Host, writes: int) -> None:
    """At once, without anybody's help, and after recovery to the letter; both outcomes occur."""
    before = host.tree()
    made = edits(host)
    try:
        carry_out(made, DyingDisk(host.files, writes))
    except Died:
        assert is_whole(host)
        turned = reads(host)[0] == NEW
        recover(host.files)
        assert (host.tree() == before) is not turned
        assert not change.is_unfinished(host.files)
    assert is_whole(host)


@pytest.mark.parametrize("writes", range(0, MOST_WRITES, 3))
@pytest.mark.parametrize("second", [0, 1, 2, 5, 9])
def test_dying_again_while_recovering(host: Host, writes: int, second: int) -> None:
    """Recovery may be interrupted and repeated."""
    with contextlib.suppress(Died):
        carry_out(edits(host), DyingDisk(host.files, writes))
    try:
        recover(DyingDisk(host.files, second))
    except Died:
        assert is_whole(host)
    recover(host.files)
    assert is_whole(host)
    assert not change.is_unfinished(host.files)


def test_the_number_of_writes_covers_a_change(host: Host) -> None:
    """The table above reaches the end of a change: a change that grew would not be covered."""
    carry_out(edits(host), DyingDisk(host.files, MOST_WRITES - 1))


def test_a_link_is_put_back_as_a_link(tmp_path: Path) -> None:
    """A policy.json that was a link reads the same during the change, and is that link again after it."""
    host = Host(tmp_path)
    host.write("/etc/shared/policy.json", OLD)
    host.files.link(POLICY, "../shared/policy.json")
    made = edits(host)
    for writes in range(MOST_WRITES):
        try:
            carry_out(made, DyingDisk(host.files, writes))
        except Died:
            assert is_whole(host)
            recover(host.files)
        if reads(host)[0] == NEW:
            undo(made, host.files)
        assert host.tree()["etc/containers/policy.json"] == (0, "../shared/policy.json")


def test_nothing_there_before(tmp_path: Path) -> None:
    """Without a policy.json clients pull nothing: before, and again after the way back."""
    host = Host(tmp_path)
    made = edits(host)
    assert made[2].before == ABSENT
    carry_out(made, host.files)
    undo(made, host.files)
    assert host.tree() == {}


def test_an_unfinished_change_is_not_run_over(host: Host) -> None:
    """It is recovered first."""
    with pytest.raises(Died):
        carry_out(edits(host), DyingDisk(host.files, 16))
    with pytest.raises(HostError) as refused:
        carry_out(edits(host), host.files)
    assert refused.value.code == "host-unfinished"


def test_a_damaged_journal_is_refused(host: Host) -> None:
    """Nothing is put back that is not what the journal knows."""
    with pytest.raises(Died):
        carry_out(edits(host), DyingDisk(host.files, 16))
    host.write(f"{CHANGE}/before/2", b"something else")
    with pytest.raises(HostError) as refused:
        recover(host.files)
    assert refused.value.code == "host-journal"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"edits": []}', '{"schemaVersion": 2, "edits": []}'])
def test_a_journal_that_is_none_of_ours(host: Host, content: str) -> None:
    """Of another release or of nobody: not taken for one with nothing to do, and left where it is."""
    with pytest.raises(Died):
        carry_out(edits(host), DyingDisk(host.files, 16))
    host.write(JOURNAL, content)
    before = host.tree()
    with pytest.raises(HostError) as refused:
        recover(host.files)
    assert (refused.value.code, host.tree()) == ("host-journal", before)
