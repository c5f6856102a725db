"""`vouchsafe upstream check`, as it is called: exit codes, formats, what is kept, and what is written for whom."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli_lab import Ended, plain_terminal, run
from tests.upstream.board import BOT, PROJECT, IssueBoard
from tests.upstream.forges import Forges
from tests.upstream.history import EVERYTHING, HISTORY, STANDING
from vouchsafe.testing.loopback import LoopbackServer, Request, Response
from vouchsafe.upstream.questions import KNOWN_AS_OF

__all__ = ["plain_terminal"]
KINDS = ("github", "gitlab/api/v4", "debian", "fedora")


class Site:
    """Forges and a board, and the command with a cache of its own."""

    def __init__(self, folder: Path, forges: Forges, server: LoopbackServer) -> None:
        self.folder = folder
        self.forges = forges
        self.server = server

    def check(self, *words: object, day: str = KNOWN_AS_OF, host: bool = False) -> Ended:
        """As on a day, for what upstream is concerned; the command has the machine's own clock."""
        self.forges.today = day
        where = [f"--service={kind.partition('/')[0]}={self.server.url}/{kind}" for kind in KINDS]
        alone = () if host else ("--without-host",)
        return run("upstream", "check", "--cache-dir", self.folder, *alone, *where, *words)

    def json(self, *words: object, **more: Any) -> tuple[int, Any]:
        """Its document."""
        ended = self.check("-o", "json", *words, **more)
        return ended.code, ended.json


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """On the last day of the notes."""
    forges = Forges((*STANDING, *HISTORY))
    with LoopbackServer(forges.answer) as server:
        yield Site(tmp_path / "cache", forges, server)


def test_nothing_new_then_something(site: Site) -> None:
    """0, 0, 10 and 0 again; in words, with the address where it can be read."""
    assert [site.check().code for _ in range(2)] == [0, 0]
    site.forges.events = EVERYTHING
    ended = site.check(day="2027-01-10")
    assert ended.code == 10
    assert "new  identity: merged, was proposed" in ended.out
    assert "new  fulcio-keys: key `buildSignerURI` is new" in ended.out
    assert "https://github.com/" in ended.out
    assert "something moved" in ended.out.splitlines()[-1]
    assert site.check(day="2027-01-10").code == 0


def test_could_not_ask(site: Site) -> None:
    """2, with the code and once for many questions; and 10 when something moved all the same."""
    site.check()
    site.forges.faults["/github"] = lambda _: Response(status=500)
    ended = site.check()
    assert ended.code == 2
    assert ended.out.count("could not ask") <= 3
    assert "questions: expected an answer from" in ended.out
    assert 'so this is not "nothing new"' in ended.out
    site.forges.events = EVERYTHING
    assert site.check(day="2027-08-01").code == 10


def test_json(site: Site) -> None:
    """By the schema; a first check is compared with what this version knew."""
    code, document = site.json()
    assert (code, document["outcome"], document["comparedWith"], document["news"]) == (
        0,
        "nothing-new",
        None,
        [],
    )
    assert {each["name"] for each in document["repositories"]} >= {"podman-container-tools/container-libs"}
    site.forges.events = EVERYTHING
    site.forges.faults["/debian"] = lambda _: Response(status=500)
    code, document = site.json(day="2027-03-15")
    questions = {each["question"]: each for matter in document["matters"] for each in matter["questions"]}
    assert (code, document["outcome"], questions["debian"]["asked"]) == (10, "moved", False)
    assert questions["debian"]["why"]["code"] == "http-status"
    assert questions["debian"]["evidence"] != []  # the last that is known


def test_markdown(site: Site) -> None:
    """The table, and the evidence of each question."""
    ended = site.check("-o", "markdown")
    assert "| policy.json can demand a pipeline's URI | **proposed** |" in ended.out
    assert "- container-libs #625: a key `buildSignerURI`: proposed" in ended.out
    assert (ended.code, ended.out.count("\n| ")) == (0, 9)


def test_made_again(site: Site) -> None:
    """--offline repeats the last check, asking nobody; --at the last until then; both say the same as it said."""
    nothing = site.check("--offline")
    assert (nothing.code, "[upstream-not-asked]" in nothing.err) == (2, True)
    first = site.check("-o", "json").out
    site.forges.events = EVERYTHING
    second = site.check("-o", "json", day="2027-01-10").out
    asked = len(site.server.requests)
    assert site.check("--offline", "-o", "json").out == second
    assert site.check("--offline", "-o", "json").code == 10
    at = json.loads((site.folder / "upstream.json").read_text(encoding="utf-8"))["checks"][0]
    assert site.check("--at", at, "-o", "json").out == first
    assert site.check("--at", json.loads(second)["at"], "-o", "json").out == second
    assert site.check("--at", "2020-01-01").code == 2
    assert len(site.server.requests) == asked


def test_this_host(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is asked unless told otherwise; where there is no client, that is the answer, also offline."""
    monkeypatch.setenv("PATH", "/nonexistent")
    code, document = site.json(host=True)
    questions = {each["question"]: each for matter in document["matters"] for each in matter["questions"]}
    assert (code, questions["host-keys"]["evidence"][0]["text"]) == (0, "no client on this host")
    assert site.json("--offline", host=True)[1]["matters"] == document["matters"]
    assert "host-keys" not in json.dumps(site.json()[1])


def test_tokens_stay_at_home(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the service that they belong to, in no output and nothing that is kept."""
    secrets = {"GITHUB_TOKEN": "ghp-secret", "GITLAB_TOKEN": "glpat-secret", "CI_JOB_TOKEN": "job-secret"}
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    said = site.check("-v")
    assert [each for each in site.server.requests if "secret" in str(each.headers)] == []
    monkeypatch.setenv("GITHUB_API_URL", f"{site.server.url}/github")
    said = said._replace(err=said.err + site.check("-v").err)
    with_token = {
        each.path.split("/")[1] for each in site.server.requests if "ghp-secret" in str(each.headers)
    }
    assert with_token == {"github"}
    kept = "".join(
        path.read_text(encoding="utf-8") for path in site.folder.iterdir() if path.suffix == ".json"
    )
    assert [value for value in secrets.values() if value in said.out + said.err + kept] == []


def test_an_issue(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opened, then updated with a comment; a dry run prints and keeps nothing."""
    board = IssueBoard()
    with LoopbackServer(board.answer) as server:
        monkeypatch.setenv("GITLAB_TOKEN", BOT)
        flags = ("--issue", f"gitlab:{PROJECT}", "--base-url", server.url)
        dry = site.check(*flags, "--dry-run")
        assert (dry.code, board.writes, site.folder.exists()) == (0, [], False)
        assert "would open" in dry.err
        assert "<!-- vouchsafe-upstream-watch -->" in dry.out
        assert site.json(*flags)[1]["issue"]["did"] == ["opened"]
        site.forges.events = EVERYTHING
        code, document = site.json(*flags, day="2027-01-10")
        assert (code, document["issue"]["did"]) == (10, ["updated", "commented"])
        assert (len(board.issues), len(board.notes[1])) == (1, 1)


def test_an_issue_that_cannot_be_written(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is no check that was told: the next one says the same news."""
    site.check()
    site.forges.events = EVERYTHING
    monkeypatch.setenv("GITLAB_TOKEN", "wrong")
    board = IssueBoard()
    with LoopbackServer(board.answer) as server:
        flags = ("--issue", f"gitlab:{PROJECT}", "--base-url", server.url)
        refused = site.check(*flags, day="2027-01-10")
        assert (refused.code, "[forge-token]" in refused.err) == (2, True)
        monkeypatch.setenv("GITLAB_TOKEN", BOT)
        assert site.check(*flags, day="2027-01-10").code == 10
    assert "buildSignerURI" in board.issues[1]["description"]


def test_two_at_once(site: Site) -> None:
    """The second waits for nothing: it says that the first is at it."""
    seen: list[Ended] = []

    def meanwhile(request: Request) -> Response:
        site.forges.faults.clear()
        seen.append(site.check())
        return site.forges.answer(request)

    site.forges.faults["/debian"] = meanwhile
    assert site.check().code == 0
    assert (seen[0].code, "[host-busy]" in seen[0].err) == (2, True)


@pytest.mark.parametrize(
    "words",
    [
        ("--issue", "github:a/b"),
        ("--issue", "gitlab:"),
        ("--issue", "gitlab:a/b", "--offline"),
        ("--token-file", "/x"),
        ("--base-url", "https://x.example"),
        ("--service", "github=ftp://x"),
        ("--service", "other=https://x.example"),
        ("--at", "yesterday"),
        ("--at", "2026-06-15T12:00:00"),
    ],
)
def test_usage(site: Site, words: tuple[str, ...]) -> None:
    """64, and nothing is asked."""
    assert (site.check(*words).code, site.server.requests) == (64, [])


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"schemaVersion": 2, "checks": [], "answers": []}',
        '{"schemaVersion": 1, "checks": ["2026-01-01"], "answers": []}',
        '{"schemaVersion": 1, "checks": ["soon"], "answers": []}',
        '{"schemaVersion": 1, "checks": [], "answers": [{"service": "ftp", "path": "x", "versions": []}]}',
    ],
)
def test_what_is_kept_is_read_strictly(site: Site, content: str) -> None:
    """78; a damaged memory is not taken for a first check."""
    site.folder.mkdir()
    (site.folder / "upstream.json").write_text(content, encoding="utf-8")
    ended = site.check()
    assert (ended.code, "[upstream-memory]" in ended.err) == (78, True)


def test_a_name_of_terminal_sequences(site: Site) -> None:
    """Titles of strangers reach the terminal escaped."""
    site.check()
    hostile = HISTORY[-1].replace(
        at="2026-10-01",
        kind="refer",
        number=4696,
        source="a/b#1",
        name="\x1b[2J\u202e",
        repository="sigstore/cosign",
    )
    site.forges.events = (*STANDING, *HISTORY, hostile)
    ended = site.check(day="2026-10-02")
    assert (ended.code, "\\x1b[2J" in ended.out) == (10, True)
    assert not {"\x1b", "\u202e"} & set(ended.out)
