"""Issues and pull requests on GitHub: how far each is, and everything that was said about it or refers to it.

REST API: `issues`, `pulls`, `timeline`. A timeline's `cross-referenced` events are how a pull request is found that
nobody told us of. Titles of strangers are cut and escaped; comments are known by author, date and address only.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from vouchsafe.record import Record
from vouchsafe.strictjson import Fields
from vouchsafe.upstream.question import (
    Answers,
    Fact,
    Judgement,
    Query,
    State,
    attempt,
    day,
    home,
    moved,
    pages,
    shape,
    whole,
    words,
)
from vouchsafe.upstream.releases import Releases

Kind = Literal["issue", "pull"]
PAGE = 100  # events, the most that GitHub gives at once
_NOBODY = "ghost"  # as GitHub calls whoever is no longer there
# Events that move something; subscriptions, mentions and labels do not.
_MOVES = {
    "closed": "closed",
    "reopened": "reopened",
    "merged": "merged",
    "renamed": "renamed",
    "transferred": "transferred from another repository",
    "locked": "locked",
    "head_ref_force_pushed": "rewritten",
    "ready_for_review": "ready for review",
    "convert_to_draft": "made a draft again",
    "converted_to_discussion": "became a discussion",
    "added_to_merge_queue": "queued to be merged",
    "referenced": "named by a commit",
}


class Thread(Record):
    """An issue or a pull request, with its timeline. `releases`: those that may contain the merge."""

    id: str
    matter: str
    title: str
    repository: str
    number: int
    kind: Kind
    releases: Releases | None = None

    @property
    def itself(self) -> Query:
        """What describes it."""
        path = "pulls" if self.kind == "pull" else "issues"
        return Query(service="github", repository=self.repository, path=f"{path}/{self.number}")

    @property
    def timeline(self) -> Query:
        """What lists its events."""
        path = f"issues/{self.number}/timeline?per_page={PAGE}"
        return Query(service="github", repository=self.repository, path=path)

    def asks(self, answers: Answers) -> tuple[Query, ...]:
        """See Question."""
        found = (self.itself, *pages(self.timeline, answers))
        commit = attempt(lambda: self._merge(answers), "")
        return (
            found if self.releases is None or not commit else found + self.releases.contain(commit, answers)
        )

    def judge(self, answers: Answers) -> Judgement:
        """See Question."""
        events = list(whole(self.timeline, answers, what=f"the timeline of {self.title}", most=PAGE))
        itself = answers.get(self.itself).fields(self.title)
        facts = [*moved(self.itself, answers), _described(itself, self.kind)]
        here = answers.get(home("github", self.repository)).fields("the repository").text("full_name")
        facts += [fact for event in events if (fact := _event(event, here)) is not None]
        state = _of_issue(itself, events, here) if self.kind == "issue" else _of_pull(itself)
        commit = self._merge(answers)
        if commit and self.releases is not None:
            tag = self.releases.containing(commit, answers)
            state = State.RELEASED if tag else state
            facts.append(Fact(key="release", text=f"in {words(tag)}" if tag else "merged, in no release yet"))
        return Judgement(state=state, facts=_once(facts))

    def _merge(self, answers: Answers) -> str:
        """The commit of the merge, empty when there is none. VouchsafeError."""
        said = answers.get(self.itself).fields(self.title)
        if self.kind == "issue" or not said.boolean("merged"):
            return ""
        return said.text("merge_commit_sha")


def _of_pull(said: Fields) -> State:
    state = said.text("state")
    if state not in {"open", "closed"}:
        raise shape(said.what, "open or closed", words(state))
    if said.boolean("merged"):
        return State.MERGED
    return State.PROPOSED if state == "open" else State.NOT_STARTED


def _of_issue(said: Fields, events: list[Fields], repository: str) -> State:
    """Closed as done is merged; open, it is proposed while an open pull request of its repository refers to it."""
    state = said.text("state")
    if state == "closed":
        return State.MERGED if said.text("state_reason", "") == "completed" else State.NOT_STARTED
    if state != "open":
        raise shape(said.what, "open or closed", words(state))
    sources = [source for event in events if (source := _source(event)) is not None]
    ours = [source for source in sources if "pull_request" in source and _repository_of(source) == repository]
    return State.PROPOSED if any(source.text("state") == "open" for source in ours) else State.NOT_STARTED


def _described(said: Fields, kind: str) -> Fact:
    """What it is now: one fact, so that each change of it is one piece of news."""
    if "number" not in said:
        raise shape(said.what, "a number", "none")
    state = said.text("state")
    if kind == "pull" and said.boolean("merged"):
        state = f"merged {day(said.text('merged_at', ''))}".strip()
    elif state == "closed":
        reason = said.text("state_reason", "").replace("_", " ")
        state = " ".join(filter(None, ("closed", day(said.text("closed_at", "")), reason and f"as {reason}")))
    elif said.boolean("draft", False):
        state = "open, a draft"
    return Fact(
        key="state",
        text=f"#{said.integer('number')} {words(said.text('title'))}: {words(state)}",
        at=day(said.text("created_at", "")),
        url=said.text("html_url", ""),
    )


def _source(event: Fields) -> Fields | None:
    """The issue or pull request that a cross-reference comes from."""
    if event.text("event") != "cross-referenced":
        return None
    return event.fields("source").fields("issue")


def _repository_of(source: Fields) -> str:
    return source.fields("repository").text("full_name")


def _event(event: Fields, here: str) -> Fact | None:
    kind = event.text("event")
    source = _source(event)
    if source is not None:
        return _reference(source, event, here)
    who = _who(event)
    at = event.text("created_at", "") or event.text("submitted_at", "")
    match kind:
        case "commented":
            return _said(event, f"comment {event.integer('id')}", f"comment by {who}", at)
        case "reviewed":
            verdict = words(event.text("state", "").lower().replace("_", " "))
            return _said(event, f"review {event.integer('id')}", f"review by {who}: {verdict}", at)
        case "committed":
            sha = event.text("sha")[:12]
            return _said(event, f"commit {sha}", f"commit {words(sha)}", "")
        case "line-commented" | "commit-commented":
            first = event.objects("comments", PAGE)[:1]
            return (
                _said(event, f"{kind} {first[0].integer('id')}", "comment on the code", "") if first else None
            )
        case _ if kind in _MOVES:
            return _said(event, f"{kind} {at}", f"{_MOVES[kind]} by {who}", at)
        case _:
            return None


def _said(event: Fields, key: str, text: str, at: str) -> Fact:
    return Fact(key=key, text=text, at=day(at), url=event.text("html_url", ""))


def _who(event: Fields) -> str:
    for name in ("actor", "user"):
        if name in event:
            return words(event.fields(name).text("login"))
    return _NOBODY


def _reference(source: Fields, event: Fields, here: str) -> Fact:
    """A thread that names this one; how far that is stands in the fact, so that a merge there is news.

    Of the same repository it has no name but its number, so that a repository's move does not make it another.
    """
    where = _repository_of(source)
    name = f"{'' if where == here else where}#{source.integer('number')}"
    is_pull = "pull_request" in source
    state = source.text("state")
    if is_pull and source.fields("pull_request").text("merged_at", ""):
        state = "merged"
    author = words(source.fields("user").text("login")) if "user" in source else _NOBODY
    return Fact(
        key=f"reference {source.integer('id')}",
        text=f"{'pull request' if is_pull else 'issue'} {words(name)} by {author}:"
        f" {words(source.text('title'))} ({words(state)})",
        at=day(event.text("created_at", "")),
        url=source.text("html_url", ""),
    )


def _once(facts: Iterable[Fact]) -> tuple[Fact, ...]:
    """Each key once, its last word kept in the first one's place."""
    return tuple({fact.key: fact for fact in facts}.values())
