"""The file that we ship is written whole, or not at all."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.hosts import Died, DyingDisk, Host
from vouchsafe.errors import HostError
from vouchsafe.host.containerd import dropin
from vouchsafe.host.containerd.settings import CONFIG, VERIFIER


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host below a folder."""
    return Host(tmp_path)


def test_a_host_without_a_configuration(host: Host) -> None:
    """Gets a main file that reads the drop-in; a second time there is nothing to do."""
    wanted = dropin.edits(host.files, CONFIG)
    assert [edit.path for edit in wanted] == [dropin.PATH, CONFIG]
    dropin.make(wanted, host.files)
    assert tomllib.loads(host.read(dropin.PATH))["plugins"][VERIFIER]["max_verifiers"] == -1
    assert tomllib.loads(host.read(CONFIG))["imports"] == ["/etc/containerd/conf.d/*.toml"]
    assert dropin.edits(host.files, CONFIG) == ()
    dropin.undo(wanted, host.files)
    assert host.tree() == {}


def test_a_main_file_is_left_alone(host: Host) -> None:
    """Whoever wrote it has reasons; a drop-in of before is put back as it was."""
    host.write(CONFIG, "version = 3\n")
    host.write(dropin.PATH, "# of before\n", 0o600)
    before = host.tree()
    wanted = dropin.edits(host.files, CONFIG, "/elsewhere")
    assert [edit.path for edit in wanted] == [dropin.PATH]
    dropin.make(wanted, host.files)
    assert 'bin_dir = "/elsewhere"' in host.read(dropin.PATH)
    dropin.undo(wanted, host.files)
    assert host.tree() == before


def test_a_folder_that_is_no_toml() -> None:
    """Stays one value, whatever is in its name."""
    said = tomllib.loads(dropin.text('/a" \\\nmax_verifiers = 0 # ü'))
    assert said["plugins"][VERIFIER]["bin_dir"] == '/a" \\\nmax_verifiers = 0 # ü'
    assert said["plugins"][VERIFIER]["max_verifiers"] == -1


def test_a_disk_that_dies(host: Host) -> None:
    """The drop-in comes first: without the main file nothing reads it."""
    with pytest.raises(Died):
        dropin.make(dropin.edits(host.files, CONFIG), DyingDisk(host.files, 1))
    assert list(host.tree()) == [dropin.PATH[1:]]


def test_a_folder_in_the_way(host: Host) -> None:
    """Is an error, and nothing is left behind."""
    (host.folder / CONFIG[1:]).parent.mkdir(parents=True)
    wanted = dropin.edits(host.files, CONFIG)
    (host.folder / CONFIG[1:]).mkdir()
    with pytest.raises(HostError):
        dropin.make(wanted, host.files)
    assert host.tree() == {}
    assert (host.folder / CONFIG[1:]).is_dir()
