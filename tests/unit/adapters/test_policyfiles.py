"""A host's policy on disk, and paths as scopes see them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vouchsafe.adapters.paths import fully_explicit
from vouchsafe.adapters.policyfiles import of_files, of_host
from vouchsafe.errors import ConfigurationError, MalformedError

STRICT = '{"default": [{"type": "reject"}]}'


def scope(name: str) -> str:
    """A drop-in with one scope."""
    return f'{{"transports": {{"docker": {{"{name}": [{{"type": "reject"}}]}}}}}}'


def test_no_policy_is_none(tmp_path: Path) -> None:
    """Neither file nor folder: the caller decides."""
    assert of_host(str(tmp_path / "nowhere")) is None


def test_drop_ins_are_read_by_name(tmp_path: Path) -> None:
    """Sorted, `.json` only, hidden ones not."""
    (tmp_path / "policy.json").write_text(STRICT)
    folder = tmp_path / "policy.d"
    folder.mkdir()
    for name in ("20-b.json", "10-a.json", ".x.json", "y.json.bak"):
        (folder / name).write_text(scope(name[:2]))
    policy = of_host(str(tmp_path))
    assert policy is not None
    assert [os.path.basename(each.source) for each in policy.documents] == [
        "policy.json",
        "10-a.json",
        "20-b.json",
    ]


def test_one_scope_in_two_files_names_both(tmp_path: Path) -> None:
    """No file quietly loosens another."""
    for name, text in (("p.json", STRICT), ("a.json", scope("x")), ("b.json", scope("x"))):
        (tmp_path / name).write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        of_files([str(tmp_path / name) for name in ("p.json", "a.json", "b.json")])
    assert caught.value.code == "policy-duplicate-scope"
    assert ("a.json" in caught.value.message, "b.json" in caught.value.message) == (True, True)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: None])
def test_what_is_no_file_is_a_configuration_error(tmp_path: Path, make: object) -> None:
    """A folder, a FIFO that would hang us, nothing."""
    path = tmp_path / "policy.json"
    make(path)  # type: ignore[operator]
    with pytest.raises(ConfigurationError):
        of_files([str(path)])


def test_a_folder_that_may_not_be_read(tmp_path: Path) -> None:
    """Never as if it were empty."""
    if os.getuid() == 0:
        pytest.skip("root may read everything")
    (tmp_path / "policy.json").write_text(STRICT)
    (tmp_path / "policy.d").mkdir(mode=0)
    with pytest.raises(ConfigurationError):
        of_host(str(tmp_path))


def test_paths_are_fully_explicit(tmp_path: Path) -> None:
    """Absolute, links followed, dots gone."""
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "link").symlink_to(real)
    assert fully_explicit(f"{tmp_path}/link/../link/./x") == f"{tmp_path}/real/x"
    assert os.path.isabs(fully_explicit("x"))
    with pytest.raises(MalformedError):
        fully_explicit("a\0b")
