"""The component that watches upstream, run: what a scheduled pipeline leaves behind, and what turns it red."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ci.pipeline import TOOL_IMAGE, Estate, component
from tests.upstream.board import BOT, NUMBER, PROJECT, IssueBoard
from tests.upstream.forges import Forges
from tests.upstream.history import EVERYTHING
from tests.upstream.test_command import KINDS
from vouchsafe.testing.loopback import LoopbackServer
from vouchsafe.upstream.questions import KNOWN_AS_OF

pytestmark = pytest.mark.peers


def test_a_scheduled_pipeline(loopback: Estate, tmp_path: Path) -> None:
    """One issue, opened and then commented; what moved is a warning, and answers stay for the next run."""
    forges, board = Forges(EVERYTHING), IssueBoard()
    forges.today = KNOWN_AS_OF
    with LoopbackServer(forges.answer) as server, LoopbackServer(board.answer) as gitlab:
        services = " ".join(f"{kind.partition('/')[0]}={server.url}/{kind}" for kind in KINDS)
        include = component(
            "upstream-watch", tool_image=TOOL_IMAGE, retries=0, services=services, issue_project=str(NUMBER)
        )
        project = loopback.project(tmp_path, {"include": [include]})
        variables = {
            "CI_PIPELINE_SOURCE": "schedule",
            "CI_API_V4_URL": f"{gitlab.url}/api/v4",
            "GITLAB_TOKEN": BOT,
        }
        first = loopback.run(project, variables)
        assert (first.code, len(board.issues), board.notes[1]) == (0, 1, []), first.log
        forges.today = "2027-01-10"
        second = loopback.run(project, variables)
    written = second.json("upstream-watch/vouchsafe-upstream-watch/upstream.json")
    assert (written["outcome"], written["issue"]["did"]) == ("moved", ["updated", "commented"])
    assert written["comparedWith"] is not None  # the first run's answers were kept
    assert "WARN  upstream-watch" in second.log
    assert "key `buildSignerURI` is new" in second.log
    page = second.text("upstream-watch/vouchsafe-upstream-watch/upstream.md")
    assert "| policy.json can demand a pipeline's URI | **merged** |" in page
    assert (len(board.issues), len(board.notes[1])) == (1, 1)
    assert PROJECT in board.issues[1]["web_url"]
    assert BOT not in first.log + second.log
