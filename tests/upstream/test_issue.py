"""One issue, whoever asks and however often: found again, reopened for news, and one comment for each change."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.judging import code
from tests.upstream.board import BOT, FORMERLY, PROJECT, STRANGER, USERS, IssueBoard
from vouchsafe.testing.loopback import LoopbackServer, Response
from vouchsafe.upstream import issue, markdown
from vouchsafe.upstream.check import Check, News, Row, Standing
from vouchsafe.upstream.issue import MARK, Board, Published
from vouchsafe.upstream.question import Fact, Judgement, State, Unasked
from vouchsafe.upstream.questions import MATTERS, QUESTIONS
from vouchsafe.wiring import upstream as wired

AT = datetime(2026, 11, 22, 3, tzinfo=UTC)
HOSTILE = "x` | @all\n/close <script> [a](https://evil.example) <!-- -->"
NEWS = (
    News(kind="new", question="container-libs-388", text=HOSTILE, at="2026-11-20", url="javascript:alert(1)"),
    News(kind="changed", question="q", text="now", was="then", url="https://github.com/a/b/issues/1"),
    News(kind="gone", question="q", text="no more"),
    News(kind="state", matter="identity", text="merged", was="proposed"),
    News(kind="moved", text="a/b is now c/d (still number 1)"),
)
OURS = f"<!-- {MARK} -->\n"


def done(*news: News, **more: Any) -> Check:
    """A check with this news."""
    standings = tuple(
        Standing(matter=each, state=State.PROPOSED, was=State.PROPOSED, rows=()) for each in MATTERS
    )
    given: dict[str, Any] = {"at": AT, "compared_with": AT.replace(month=10), "homes": {}, **more}
    return Check(standings=standings, news=news, **given)


class Site:
    """A board and where it is."""

    def __init__(self, board: IssueBoard, server: LoopbackServer) -> None:
        self.board = board
        self.server = server

    def publish(
        self, check: Check, *, token: str = BOT, project: str = PROJECT, dry_run: bool = False
    ) -> Published:
        environ = {"GITLAB_TOKEN": token, "CI_API_V4_URL": f"{self.server.url}/api/v4"}
        with wired.board(environ, uid=0, project=project, base_url="", token_file="") as (forge, asked):
            return Board(forge, asked).publish(check, dry_run=dry_run)


@pytest.fixture
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """A project without issues; parameters are the board's."""
    board = IssueBoard(**getattr(request, "param", {}))
    with LoopbackServer(board.answer) as server:
        yield Site(board, server)


def test_opened_once_then_updated(site: Site) -> None:
    """The table each time; a comment only when something moved, and not twice for the same."""
    assert site.publish(done()).did == ("opened",)
    assert site.publish(done()).did == ()
    later = done(at=AT.replace(day=23))
    assert site.publish(later).did == ("updated",)
    moved = done(NEWS[1])
    assert site.publish(moved).did == ("updated", "commented")
    assert site.publish(moved.replace(at=AT.replace(day=24))).did == ("updated",)
    assert (len(site.board.issues), len(site.board.notes[1])) == (1, 1)
    assert site.board.issues[1]["labels"] == [issue.LABEL]


def test_text_of_strangers_is_no_markup(site: Site) -> None:
    """No mention, quick action, link or table cell comes of it."""
    site.publish(done())
    site.publish(done(*NEWS))
    body = site.board.notes[1][0]["body"]
    lines = body.splitlines()
    assert [line for line in lines if line.startswith("/")] == []
    (hostile,) = (line for line in lines if "evil" in line)
    inside = hostile.split("`")
    assert (len(inside), "@all" in inside[1], "evil" in inside[1]) == (3, True, True)
    assert "javascript" not in body
    assert "<https://github.com/a/b/issues/1>" in body


def test_a_closed_issue(site: Site) -> None:
    """Stays closed, and is opened again for news."""
    site.publish(done())
    site.board.issues[1]["state"] = "closed"
    assert site.publish(done(at=AT.replace(day=23))).did == ("updated",)
    assert site.board.issues[1]["state"] == "closed"
    assert site.publish(done(NEWS[1])).did == ("updated", "reopened", "commented")
    assert site.board.issues[1]["state"] == "opened"


def test_a_stranger_s_issue_is_not_ours(site: Site) -> None:
    """Who copies the mark, into an issue or a comment, neither takes the place of ours nor silences it."""
    site.board.open(USERS[STRANGER], issue.description(done()))
    assert site.publish(done()).number == 2
    moved = done(NEWS[1])
    site.board.note(2, USERS[STRANGER], issue.comment(moved))
    assert "commented" in site.publish(moved).did
    assert site.board.issues[1]["description"] == issue.description(done())


def test_an_issue_that_quotes_the_mark(site: Site) -> None:
    """Ours, but another issue: only one that begins with the mark is the one."""
    site.board.open(USERS[BOT], f"see {MARK}")
    assert site.publish(done()).number == 2


@pytest.mark.parametrize("site", [{"page": 1}], indirect=True)
def test_many_issues(site: Site) -> None:
    """Over all pages; the oldest of ours is the one."""
    for _ in range(3):
        site.board.open(USERS[BOT], f"see {MARK}")
    site.board.open(USERS[BOT], OURS)
    site.board.open(USERS[BOT], OURS)
    assert site.publish(done()).number == 4


@pytest.mark.parametrize("site", [{"together": 2}], indirect=True)
def test_two_at_once(site: Site) -> None:
    """Both look before either writes: one issue stays open, with the table and one comment."""
    said: list[Published] = []
    moved = done(NEWS[1])
    threads = [threading.Thread(target=lambda: said.append(site.publish(moved))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [each.number for each in said] == [1, 1]
    marked = {n for n, each in site.board.issues.items() if each["description"].startswith(OURS)}
    still_open = {n for n, each in site.board.issues.items() if each["state"] == "opened"}
    assert marked == still_open == {1}
    assert len(site.board.notes[1]) <= 1


def test_two_comments_at_once(site: Site) -> None:
    """Whoever was later takes its own back."""
    site.publish(done())
    moved = done(NEWS[1])
    plain = site.board.answer

    def quicker(request: Any) -> Response:
        if request.method == "POST" and request.path.endswith("/notes") and len(site.board.notes[1]) == 0:
            site.board.note(1, USERS[BOT], issue.comment(moved))
        return plain(request)

    with LoopbackServer(quicker) as server:
        did = Site(site.board, server).publish(moved).did
    assert ("commented" in did, len(site.board.notes[1])) == (False, 1)


def test_a_dry_run_writes_nothing(site: Site) -> None:
    """It says what it would do."""
    assert site.publish(done(NEWS[1]), dry_run=True) == Published(number=0, did=("would open",))
    site.publish(done())
    site.board.issues[1]["state"] = "closed"
    written = list(site.board.writes)
    would = site.publish(done(NEWS[1]), dry_run=True)
    assert (would.number, would.did) == (1, ("would update", "would reopen", "would comment"))
    assert site.board.writes == written


def test_a_project_that_moved(site: Site) -> None:
    """Is written to by its number."""
    assert site.publish(done(), project=FORMERLY).number == 1
    assert site.board.writes == ["POST /projects/4711/issues"]


def test_without_a_token_that_may(site: Site) -> None:
    """Nothing is written; the hint says which token."""
    assert code(lambda: site.publish(done(), token="wrong")) == "forge-token"
    assert site.board.writes == []


def test_the_news_has_a_name() -> None:
    """The same whenever it was found; another for other news, and for another time span."""
    one = done(NEWS[1], NEWS[2])
    assert one.digest == done(NEWS[2], NEWS[1], at=AT.replace(day=23)).digest
    assert one.digest != done(NEWS[1]).digest
    assert one.digest != done(NEWS[1], NEWS[2], compared_with=None).digest


def test_an_issue_has_a_largest_size() -> None:
    """Beyond it the evidence is left out, and the table stays."""
    facts = tuple(Fact(key=str(n), text="x" * 400, url=f"https://x.example/{'y' * 400}") for n in range(60))
    long = Row(question=QUESTIONS[0], now=Judgement(state=State.PROPOSED, facts=facts))
    whole = done()
    huge = whole.replace(standings=(whole.standings[0].replace(rows=(long,) * 40), *whole.standings[1:]))
    said = issue.description(huge)
    assert len(said) < 20_000 < issue.LONGEST < len(markdown.document(huge))
    assert said.startswith(OURS)
    assert said.count("**proposed**") == len(MATTERS)


def test_what_could_not_be_asked() -> None:
    """Stands in the table, in a list with its reason, and with the evidence that is known."""
    last = Judgement(state=State.MERGED, facts=(Fact(key="a", text="known before", at="2026-01-01"),))
    why = Unasked(code="dns", message="expected an address, got `none`", hint="Look at the network.")
    rows = (Row(question=QUESTIONS[0], now=why, last=last), Row(question=QUESTIONS[1], now=why))
    whole = done()
    said = markdown.document(
        whole.replace(standings=(whole.standings[0].replace(rows=rows), *whole.standings[1:]))
    )
    assert 'so this is not "nothing new"' in said
    assert "**proposed** (not all asked)" in said
    assert (
        "- keys of a `fulcio` requirement: `expected an address, got 'none'` `Look at the network.`" in said
    )
    assert (
        "- keys of a `fulcio` requirement: could not ask, was merged\n  - 2026-01-01 `known before`" in said
    )
    assert "- types of requirements: could not ask\n" in said


@pytest.mark.parametrize(
    "url, shown",
    [
        ("https://github.com/a/b/pull/1#issuecomment-2", True),
        ("https://github.com/a b", False),
        ("https://x.example/)[a](b", False),
        ("http://github.com/a", False),
        ("", False),
    ],
)
def test_links(url: str, shown: bool) -> None:
    """Plain https addresses only."""
    assert bool(markdown.link(url)) is shown
