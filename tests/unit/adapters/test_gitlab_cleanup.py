"""What GitLab says of a project's cleanup policy, and to whom."""

from __future__ import annotations

from typing import Any

import pytest

from tests.gitlab_instance import MEMBER, GitLabInstance, Hosted
from tests.judging import code
from vouchsafe.adapters.gitlab import Question, Token, cleanup
from vouchsafe.adapters.http import HttpClient
from vouchsafe.policy.cleanup import Cleanup
from vouchsafe.testing.loopback import LoopbackServer

# As GitLab 18's API writes it.
WRITTEN = {
    "cadence": "1d",
    "enabled": True,
    "keep_n": 10,
    "older_than": "90d",
    "name_regex": ".*",
    "name_regex_keep": "(?:main|v.+)",
    "next_run_at": "2026-11-23T03:00:00.000Z",
}
SOURCE = "group/app: cleanup policy"
PRIVATE = Token(header="PRIVATE-TOKEN", secret=MEMBER)


def ask(written: dict[str, Any] | None, token: Token | None = PRIVATE) -> Cleanup:
    """One answer."""
    app = Hosted(id=1234, path="group/app", visibility="public", cleanup=written)
    http = HttpClient(retries=0)
    with LoopbackServer(GitLabInstance(app).answer) as server:
        try:
            return cleanup(Question(instance=server.url, project="group/app", token=token), http)
        finally:
            http.close()


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({}, {}),
        ({"name_regex_keep": None}, {"keep": ""}),
        ({"keep_n": None}, {"keep_n": None}),
        ({"enabled": False}, {"enabled": False}),
        ({"name_regex_delete": "dev-.*"}, {"delete": "dev-.*"}),
        ({"name_regex": None}, {"delete": ""}),
    ],
)
def test_a_member_sees_it(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    """Absent and null say the same; the new name of an attribute wins."""
    usual = Cleanup(delete=".*", keep="(?:main|v.+)", keep_n=10, enabled=True, source=SOURCE)
    assert ask(WRITTEN | changes) == usual.replace(**expected)


@pytest.mark.parametrize("written, token", [(WRITTEN, None), (None, PRIVATE)])
def test_what_is_not_shown_is_not_guessed(written: dict[str, Any] | None, token: Token | None) -> None:
    """A stranger, and a project without one."""
    assert code(lambda: ask(written, token)) == "gitlab-cleanup"
