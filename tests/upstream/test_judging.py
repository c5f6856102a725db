"""Fail closed: an answer of another shape, or none, is "could not ask", whatever the question; never "nothing new"."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.upstream.forges import RESET, Forges
from tests.upstream.history import EVERYTHING, HISTORY, STANDING
from tests.upstream.watching import Watch, texts, watching
from vouchsafe.errors import Unavailable
from vouchsafe.testing.loopback import Response
from vouchsafe.upstream.others import HostAbility
from vouchsafe.upstream.question import (
    JSON,
    Answer,
    Answers,
    Judgement,
    Query,
    Question,
    State,
    Unasked,
    judged,
)
from vouchsafe.upstream.questions import KNOWN_AS_OF, QUESTIONS
from vouchsafe.upstream.threads import Thread

LATER = "2026-10-15"
HTML = "<html><body>Unicorn!</body></html>"
# Members whose loss a judgement may survive: dates and addresses are shown, not judged.
SHOWN_ONLY = frozenset(
    """
    created_at submitted_at closed_at merged_at html_url web_url user actor draft state_reason at evidence place start
    validFor suites end title comments
    """.split()  # noqa: SIM905
)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What is kept of a first check."""
    folder = tmp_path_factory.mktemp("first")
    with watching(Forges((*STANDING, *HISTORY)), folder) as made:
        assert made.check(KNOWN_AS_OF).outcome == "nothing-new"
    return (folder / "upstream.json").read_bytes()


@pytest.fixture
def watch(tmp_path: Path, first: bytes) -> Iterator[Watch]:
    """After a first check."""
    (tmp_path / "upstream.json").write_bytes(first)
    with watching(Forges((*STANDING, *HISTORY)), tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    """What everybody answers in the end, when every kind of thing has happened."""
    from vouchsafe.upstream.inquiry import recalled
    from vouchsafe.upstream.memory import Memory

    with watching(Forges(EVERYTHING), tmp_path_factory.mktemp("answers")) as made:
        at = made.check("2027-08-01").at
        return recalled(QUESTIONS, Memory.load(made.files), at=at, strict=True)


def spoilt(answers: Answers, query: Query, text: str) -> Answers:
    """The same, but for one answer."""
    made = Answers()
    made._found = {**answers._found, query: answers.get(query).replace(text=text)}
    return made


def used(question: Question, answers: Answers) -> tuple[Query, ...]:
    """What a question asked."""
    return tuple(query for query in question.asks(answers) if answers.known(query) is not None)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda each: each.id)
def test_other_shapes(answers: Answers, question: Question) -> None:
    """Each answer in turn becomes HTML, nothing, half of itself, another type, or loses a member that is judged."""
    assert isinstance(judged(question, answers), Judgement)
    taken = []
    for query in used(question, answers):
        whole = answers.get(query).text
        texts_ = [HTML, "", "null", "{}", "[{}]", '"text"', whole[: len(whole) // 2]]
        if query.accept == JSON:
            texts_ += list(without_a_member(json.loads(whole)))
        if isinstance(question, HostAbility) and query.service == "github":
            continue  # only for new words; the guessed ones are asked anyhow
        for text in texts_:
            got = judged(question, spoilt(answers, query, text))
            if not isinstance(got, Unasked):
                taken.append(f"{query}: {text[:200]}")
    assert taken == []


def without_a_member(value: Any) -> Iterator[str]:
    """The document, each time without one member of its first object, or of the first of its list."""
    first = value[0] if isinstance(value, list) and value else value
    if not isinstance(first, dict):
        return
    only_when_merged = set() if first.get("merged") else {"merge_commit_sha"}
    for key in first.keys() - SHOWN_ONLY - {"id", "pull_request", "commit_id"} - only_when_merged:
        left = {name: member for name, member in first.items() if name != key}
        yield json.dumps([left, *value[1:]] if isinstance(value, list) else left)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda each: each.id)
def test_no_answer(answers: Answers, question: Question) -> None:
    """Why there is none is the question's answer."""
    for query in used(question, answers):
        if isinstance(question, HostAbility) and query.service == "github":
            continue
        failed = spoilt(answers, query, "")
        failed.put(query, Unavailable("dns", "expected an address, got none"))
        got = judged(question, failed)
        assert isinstance(got, Unasked)
        assert got.code == "dns"


@pytest.mark.parametrize(
    "where, response, code",
    [
        ("issues/388/timeline", Response(status=500), "http-status"),
        ("issues/388", Response(headers={"Content-Type": "text/html"}, body=HTML.encode()), "forge-answer"),
        (
            "pulls/625",
            Response(headers={"Content-Type": "application/json"}, body=b'{"number": 625}'),
            "json-type",
        ),
        ("compare", Response(status=404), ""),
        ("policy_types.go", Response(status=404), "forge-missing"),
        (
            "policy_types.go",
            Response(
                headers={"Content-Type": "application/vnd.github.raw+json"}, body=b"package signature\n"
            ),
            "upstream-shape",
        ),
        ("/debian", Response(status=500), "http-status"),
    ],
)
def test_one_that_cannot_be_asked(watch: Watch, where: str, response: Response, code: str) -> None:
    """Is named with its code; its matter keeps the state it had, and the outcome is not "nothing new"."""
    watch.forges.faults[where] = lambda _: response
    done = watch.check(LATER)
    if not code:  # nothing is merged yet, so nobody compares
        assert done.outcome == "nothing-new"
        return
    assert (done.outcome, done.news) == ("could-not-ask", ())
    assert {why.code for _, why in done.unasked} == {code}
    assert all(each.state == each.matter.known for each in done.standings)


def test_what_moved_is_told_beside_what_could_not_be_asked(watch: Watch) -> None:
    """And what moved behind a failure is told as soon as it can be asked again."""
    watch.forges.events = EVERYTHING
    watch.forges.faults["policy_types.go"] = lambda _: Response(status=500)
    done = watch.check("2027-01-10")
    assert (done.outcome, "merged 2027-01-10" in texts(done)) == ("moved", True)
    assert "fulcio-keys" in {question.id for question, _ in done.unasked}
    watch.forges.faults.clear()
    assert "key `buildSignerURI` is new" in texts(watch.check("2027-01-11"))


def test_the_limit_of_an_hour(watch: Watch) -> None:
    """It stops asking, says until when, and goes on next time without paying twice."""
    watch.forges.events = tuple(
        event.replace(name=f"{event.name}!") if event.kind == "open" else event
        for event in watch.forges.events
    )
    watch.forges.allowed = 4
    done = watch.check(LATER)
    limited = [why for _, why in done.unasked]
    assert {why.code for why in limited} == {"forge-limit"}
    assert all("2027-01-15" in why.hint for why in limited)
    assert RESET == 1_800_000_000
    assert sum(each.path.startswith("/github") for each in watch.server.requests) < 110
    watch.forges.allowed = 60
    assert watch.check("2026-10-16").unasked == ()


def test_a_repository_that_is_another(watch: Watch) -> None:
    """A number that leads to another number: nothing of it is read."""
    body = json.dumps({"id": 666, "full_name": "podman-container-tools/container-libs"}).encode()
    other = Response(headers={"Content-Type": "application/json"}, body=body)
    watch.forges.faults["repositories/1001"] = lambda _: other
    done = watch.check(LATER)
    assert {why.code for _, why in done.unasked} == {"upstream-other-repository"}
    assert not [
        each for each in watch.server.requests[-60:] if "/issues/388" in each.path and LATER in each.path
    ]
    watch.forges.faults.clear()
    assert watch.check("2026-10-16").outcome == "nothing-new"


def test_a_name_that_somebody_else_took(watch: Watch) -> None:
    """After the first check a repository is found by its number: whoever has its old name is not asked."""
    watch.forges.faults["/github/repos/podman-container-tools/container-libs"] = lambda request: (
        watch.forges._github(request.path.removeprefix("/github/"), request)
        if request.path.count("/") > 4
        else pytest.fail("asked by name")
    )
    assert watch.check(LATER).outcome == "nothing-new"


def test_pages(watch: Watch) -> None:
    """An event on the second page is seen, and a list without end is not taken for a whole one."""
    comments = tuple(
        HISTORY[1].replace(at="2026-10-01", who=f"person-{number}", number=388, seen="")
        for number in range(100)
    )
    watch.forges.events = (*STANDING, *HISTORY, *comments)
    assert "comment by person-99" in texts(watch.check(LATER))
    endless = Response(headers={"Content-Type": "application/json", "Link": '<x>; rel="next"'}, body=b"[]")
    watch.forges.faults["issues/388/timeline"] = lambda _: endless
    done = watch.check("2026-10-16")
    assert {question.id: why.code for question, why in done.unasked} == {
        "container-libs-388": "upstream-shape"
    }


def test_a_thread_that_went_elsewhere(watch: Watch) -> None:
    """An issue that was transferred answers from another repository: told."""
    location = "/github/repositories/1004/issues/3927"
    watch.forges.faults["container-libs/issues/34"] = lambda request: (
        watch.forges._github(request.path.removeprefix("/github/"), request)
        if "timeline" in request.path
        else Response(status=301, headers={"Location": location})
    )
    assert f"issues/34 is now at {location.removeprefix('/github')}" in texts(watch.check(LATER))


def test_what_happens_to_a_pull_request(answers: Answers) -> None:
    """Commits, comments on code and rewriting are evidence; what moves nothing is not; nobody is a ghost."""
    question = next(each for each in QUESTIONS if isinstance(each, Thread) and each.number == 1153)
    when = {"created_at": "2026-10-01T00:00:00Z"}
    events = [
        {"event": "committed", "sha": "0123456789abcdef", "html_url": "https://github.com/x"},
        {"event": "line-commented", "comments": [{"id": 7}, {"id": 8}]},
        {"event": "commit-commented", "comments": []},
        {"event": "head_ref_force_pushed", "actor": None, **when},
        {"event": "labeled", "actor": {"login": "x"}, **when},
        {"event": "renamed", "actor": {"login": "x"}, **when},
    ]
    got = judged(question, spoilt(answers, question.timeline, json.dumps(events)))
    assert isinstance(got, Judgement)
    assert [fact.text for fact in got.facts][1:] == [
        "commit 0123456789ab",
        "comment on the code",
        "rewritten by ghost",
        "renamed by x",
    ]


def test_logs_whose_time_is_over(answers: Answers) -> None:
    """A Rekor v2 that was tried and ended is not the default."""
    question = next(each for each in QUESTIONS if each.id == "signing-config")
    (query,) = used(question, answers)
    log = {
        "url": "https://log2025-1.rekor.sigstore.dev",
        "majorApiVersion": 2,
        "validFor": {"end": "2026-01-01T"},
    }
    got = judged(question, spoilt(answers, query, json.dumps({"rekorTlogUrls": [log]})))
    assert isinstance(got, Judgement)
    assert got.state == State.NOT_STARTED


@pytest.mark.parametrize(
    "answers_, state, code",
    [
        ({"a": "yes", "b": "yes"}, State.ON_MY_HOSTS, ""),
        ({"a": "yes", "b": "no"}, State.NOT_STARTED, ""),
        ({"a": "yes", "b": "unknown"}, None, "upstream-host"),
        ({}, State.NOT_STARTED, ""),
    ],
)
def test_this_host(answers: Answers, answers_: dict[str, str], state: State | None, code: str) -> None:
    """Every client must know it; one that tells nothing is no answer; without clients there is none to tell."""
    findings = [
        {"client": client, "question": "key x", "answer": answer, "evidence": "why", "at": "2026-01-01"}
        for client, answer in answers_.items()
    ]
    from vouchsafe.upstream.others import abilities

    given = Answers()
    question = next(each for each in QUESTIONS if each.id == "host-keys")
    given.put(
        abilities(given),
        Answer(text=json.dumps({"findings": findings}), at=answers.get(used(question, answers)[0]).at),
    )
    got = judged(question, given)
    assert (got.code if isinstance(got, Unasked) else got.state) == (code or state)
