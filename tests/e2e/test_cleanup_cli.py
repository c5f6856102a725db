"""`vouchsafe ci lint-cleanup` as a pipeline runs it: exits, formats, and a GitLab that is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.cli_lab import Ended, run
from tests.gitlab_instance import MEMBER, GitLabInstance, Hosted
from vouchsafe.testing.loopback import LoopbackServer

POLICY: dict[str, Any] = {"enabled": True, "keep_n": 10, "name_regex": ".*", "name_regex_keep": "main"}
SAFE = r"(?:main|sha256-[0-9a-f]{64}(?:\.(?:sig|att|sbom))?)"
# By code, as GitLab's documentation of the format lists them.
CODE_QUALITY = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "properties": {
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {"lines": {"type": "object", "required": ["begin"]}},
            },
        },
    },
}


def lint(*words: object) -> Ended:
    """The command."""
    return run("ci", "lint-cleanup", *words)


@pytest.fixture
def gitlab() -> Iterator[LoopbackServer]:
    """An instance with a project whose policy is enabled, and one whose is not."""
    app = Hosted(id=1, path="group/app", cleanup=POLICY)
    idle = Hosted(id=2, path="group/idle", cleanup=POLICY | {"enabled": False})
    with LoopbackServer(GitLabInstance(app, idle).answer) as server:
        yield server


@pytest.fixture
def token(tmp_path: Path) -> Path:
    """A member's."""
    path = tmp_path / "token"
    path.write_text(MEMBER)
    return path


@pytest.mark.parametrize(
    "words, code",
    [
        (["--keep-regex", "main"], 1),
        (["--keep-regex", SAFE], 0),
        (["--delete-regex", "dev-.*"], 0),
        (["--keep-regex", "main", "--keep-n", "10"], 1),
        (["--keep-regex", "(?!main)"], 1),
        ([], 64),
        (["--keep-n", "10"], 64),
        (["--keep-n", "-1", "--keep-regex", ""], 64),
        (["--project", "group/app", "--keep-regex", "main"], 64),
    ],
)
def test_exits(words: list[str], code: int) -> None:
    """0 safe, 1 found, 64 asked for nothing or for two things."""
    assert lint(*words).code == code


def test_text() -> None:
    """Findings and one fix on standard output, all else beside it."""
    ended = lint("--keep-regex", "main", "--at", "registry.tf:12")
    lines = ended.out.splitlines()
    assert lines[0].startswith("registry.tf:12: cleanup-signature: expected sha256-….sig to be kept")
    assert (lines[-1], ended.err) == (f"    fix: name_regex_keep: {SAFE}", "")
    assert lint("--keep-regex", SAFE).err == "vouchsafe: signatures, attestations and referrers are kept\n"


@pytest.mark.parametrize("words", [["--keep-regex", "main", "--at", "x:tf"], ["--keep-regex", SAFE]])
def test_json(words: list[str]) -> None:
    """The policy as it was understood."""
    document = lint(*words, "-o", "json").json
    assert document["policy"]["keep"] == words[1]


def test_code_quality() -> None:
    """GitLab's format; a fingerprint is the finding's own, wherever in the file it stands."""
    first = json.loads(lint("--keep-regex", "main", "--at", "registry.tf:12", "-o", "codequality").out)
    jsonschema.validate(first, CODE_QUALITY)
    assert first[0]["location"] == {"path": "registry.tf", "lines": {"begin": 12}}
    moved = json.loads(lint("--keep-regex", "main", "--at", "registry.tf:99", "-o", "codequality").out)
    prints = [issue["fingerprint"] for issue in first]
    assert (prints, len(set(prints))) == ([issue["fingerprint"] for issue in moved], len(prints))
    assert json.loads(lint("--keep-regex", SAFE, "-o", "codequality").out) == []


def test_a_project(gitlab: LoopbackServer, token: Path) -> None:
    """Its policy is read from GitLab, and the findings name the project."""
    ended = lint("--project", "group/app", "--base-url", gitlab.url, "--token-file", token)
    assert (ended.code, ended.out.startswith("group/app: cleanup policy: cleanup-signature")) == (1, True)
    assert f"name_regex_keep: {SAFE}" in ended.out


def test_a_policy_that_is_not_enabled(gitlab: LoopbackServer, token: Path) -> None:
    """Deletes nothing."""
    ended = lint("--project", "group/idle", "--base-url", gitlab.url, "--token-file", token)
    assert (ended.code, ended.out) == (0, "")
    assert ended.err == "vouchsafe: this cleanup policy is not enabled: it deletes nothing\n"


def test_a_stranger_is_told_what_to_do(gitlab: LoopbackServer) -> None:
    """Not found out is not safe."""
    ended = lint("--project", "group/app", "--base-url", gitlab.url)
    assert (ended.code, "scope read_api" in ended.err) == (2, True)


def test_the_jobs_own_project(gitlab: LoopbackServer, token: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a value, from the variables of the job."""
    monkeypatch.setenv("CI_SERVER_URL", gitlab.url)
    monkeypatch.setenv("CI_PROJECT_ID", "2")
    assert lint("--project", "--token-file", token).code == 0
