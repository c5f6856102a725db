"""Questions of other shapes: a search, a flag's default, a service's configuration, a GitLab issue, this host."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from vouchsafe.errors import Unavailable
from vouchsafe.record import Record
from vouchsafe.strictjson import Fields
from vouchsafe.upstream import gosource
from vouchsafe.upstream.policies import LIBRARY, SOURCE, new_words
from vouchsafe.upstream.question import (
    Answers,
    Fact,
    Judgement,
    Query,
    State,
    attempt,
    day,
    moved,
    shape,
    whole,
    words,
)
from vouchsafe.upstream.releases import Releases, file_at, version

PAGE = 100
MOST_SERVICES = 50
# What the open patch calls it, and what its maintainers suggested; whatever upstream really has is added.
CANDIDATE_KEYS = ("buildSignerURI", "subjectURI")
CANDIDATE_TYPES = ("plugin",)


class Search(Record):
    """Issues and pull requests that speak of something. Open with the word in its title, a pull request proposes it."""

    id: str
    matter: str
    title: str
    repository: str
    terms: tuple[str, ...]
    word: str

    def asks(self, answers: Answers) -> tuple[Query, ...]:
        """See Question. Both kinds apart: with some tokens GitHub demands that one is named."""
        terms = "+".join(("repo:{repository}", *self.terms))
        return tuple(
            Query(
                service="github",
                repository=self.repository,
                path=f"search/issues?q={terms}+is:{kind}&sort=created&order=desc&per_page={PAGE}",
            )
            for kind in ("issue", "pull-request")
        )

    def _found(self, answers: Answers) -> Iterator[Fields]:
        for query in self.asks(answers):
            said = answers.get(query).fields(self.title)
            items = said.objects("items", PAGE)
            if said.boolean("incomplete_results") or said.integer("total_count") < len(items):
                raise Unavailable("upstream-shape", "expected all results of the search, got some of them")
            yield from items

    def judge(self, answers: Answers) -> Judgement:
        """See Question."""
        facts, state = [], State.NOT_STARTED
        for item in self._found(answers):
            is_pull = "pull_request" in item
            is_open = item.text("state") == "open"
            if is_pull and is_open and self.word in item.text("title").lower():
                state = State.PROPOSED
            kind = "pull request" if is_pull else "issue"
            text = (
                f"{kind} #{item.integer('number')} {words(item.text('title'))} ({words(item.text('state'))})"
            )
            at = day(item.text("created_at"))
            facts.append(
                Fact(key=f"found {item.integer('number')}", text=text, at=at, url=item.text("html_url"))
            )
        return Judgement(state=state, facts=tuple(facts))


class FlagDefault(Record):
    """What a program's flag is when nobody writes it, in its newest release."""

    id: str
    matter: str
    title: str
    repository: str
    path: str
    flag: str
    released_when: str

    @property
    def _releases(self) -> Releases:
        return Releases(repository=self.repository)

    def asks(self, answers: Answers) -> tuple[Query, ...]:
        """See Question."""
        tag = attempt(lambda: self._releases.newest(answers), "")
        return self._releases.asks(answers) + ((file_at(self.repository, self.path, tag),) if tag else ())

    def judge(self, answers: Answers) -> Judgement:
        """See Question."""
        tag = self._releases.newest(answers)
        source = answers.get(file_at(self.repository, self.path, tag)).text
        if not gosource.is_source(source):
            raise shape(self.path, "Go's source", "other text")
        found = gosource.argument_after(source, self.flag)
        value = "there is no such flag any more" if found is None else f"is {words(found)}"
        fact = Fact(key="default", text=f"--{self.flag} {value}")
        state = State.RELEASED if found == self.released_when else State.NOT_STARTED
        return Judgement(state=state, facts=(fact,))


class MajorRelease(Record):
    """Whether a program has reached a major version."""

    id: str
    matter: str
    title: str
    repository: str
    major: int

    def asks(self, answers: Answers) -> tuple[Query, ...]:
        """See Question."""
        return Releases(repository=self.repository).asks(answers)

    def judge(self, answers: Answers) -> Judgement:
        """See Question."""
        tag = Releases(repository=self.repository).newest(answers)
        number = version(tag)
        major = 0 if number is None else number[0]
        facts = (
            Fact(key="major", text=f"version {major} is the newest"),
            Fact(key="release", text=f"the newest release is {words(tag)}", is_quiet=True),
        )
        return Judgement(state=State.RELEASED if major >= self.major else State.NOT_STARTED, facts=facts)


class SigningConfig(Record):
    """Which Rekor the public Sigstore tells signers to use: released as soon as a v2 is among them."""

    id: str
    matter: str
    title: str
    repository: str
    path: str

    def asks(self, answers: Answers) -> tuple[Query, ...]:
        """See Question."""
        return (file_at(self.repository, self.path),)

    def judge(self, answers: Answers) -> Judgement:
        """See Question."""
        answer = answers.get(file_at(self.repository, self.path))
        logs = answer.fields(self.title).objects("rekorTlogUrls", MOST_SERVICES)
        if not logs:
            raise shape(self.title, "logs", "none")
        facts, state = [], State.NOT_STARTED
        for log in logs:
            major = log.integer("majorApiVersion")
            state = State.RELEASED if major >= 2 and not _is_over(log, answer.at) else state
            facts.append(
                Fact(key=f"log {words(log.text('url'))}", text=f"{words(log.text('url'))}, version {major}")
            )
        return Judgement(state=state, facts=tuple(facts))


def _is_over(log: Fields, at: datetime) -> bool:
    return "validFor" in log and log.fields("validFor").text("end", "9999")[:10] < f"{at:%Y-%m-%d}"


class GitLabIssue(Record):
    """An issue on GitLab, and the merge requests that belong to it."""

    id: str
    matter: str
    title: str
    repository: str
    number: int

    def _query(self, more: str = "") -> Query:
        return Query(service="gitlab", repository=self.repository, path=f"issues/{self.number}{more}")

    @property
    def _related(self) -> Query:
        return self._query(f"/related_merge_requests?per_page={PAGE}")

    def asks(self, answers: Answers) -> tuple[Query, ...]:
        """See Question."""
        return (self._query(), self._related)

    def judge(self, answers: Answers) -> Judgement:
        """See Question."""
        said = answers.get(self._query()).fields(self.title)
        state = said.text("state")
        if state not in {"opened", "closed"}:
            raise shape(self.title, "opened or closed", words(state))
        closed = f" {day(said.text('closed_at', ''))}" if state == "closed" else ""
        text = f"#{said.integer('iid')} {words(said.text('title'))}: {state}{closed}"
        at, url = day(said.text("created_at", "")), said.text("web_url", "")
        facts = [*moved(self._query(), answers), Fact(key="state", text=text, at=at, url=url)]
        far = State.MERGED if state == "closed" else State.NOT_STARTED
        for request in whole(self._related, answers, what=self.title, most=PAGE):
            where = request.text("state")
            far = max(far, State.PROPOSED if where == "opened" else State.NOT_STARTED)
            name = words(request.text("web_url"))
            text = f"merge request !{request.integer('iid')} {words(request.text('title'))} ({words(where)})"
            facts.append(
                Fact(key=f"request {name}", text=text, at=day(request.text("created_at", "")), url=name)
            )
        return Judgement(state=far, facts=tuple(facts))


class HostAbility(Record):
    """What the clients on this host can do, as they show it: `vouchsafe host probe` asks them by letting them pull.

    On my hosts when every client there is understands one and the same word. No client: nothing to tell.
    """

    id: str
    matter: str
    title: str
    ability: Literal["key", "type", "bundle"]

    def asks(self, answers: Answers) -> tuple[Query, ...]:
        """See Question."""
        source = file_at(LIBRARY, SOURCE)
        return (source, abilities(answers)) if answers.has(source) else (source,)

    def judge(self, answers: Answers) -> Judgement:
        """See Question."""
        said = answers.get(abilities(answers)).fields("the answers of this host's clients")
        findings = [each for each in said.objects("findings", 1000) if _ability(each) == self.ability]
        clients = dict.fromkeys(each.text("client") for each in findings)
        if not clients:
            return Judgement(
                state=State.NOT_STARTED, facts=(Fact(key="clients", text="no client on this host"),)
            )
        facts, able = [], dict.fromkeys(each.text("question") for each in findings)
        for each in findings:
            answer, client, question = each.text("answer"), each.text("client"), each.text("question")
            if answer not in {"yes", "no"}:
                raise Unavailable(
                    "upstream-host",
                    f"expected {client} to say whether it knows {question}, got: {each.text('evidence')}",
                )
            if answer == "no":
                able.pop(question, None)
            key = f"{words(client)}: {words(question)}"
            facts.append(Fact(key=key, text=f"{key}: {answer}", at=day(each.text("at"))))
        return Judgement(state=State.ON_MY_HOSTS if able else State.NOT_STARTED, facts=tuple(facts))


def abilities(answers: Answers) -> Query:
    """What this host's clients are asked: the words we guess, and those that upstream has by now."""
    keys = dict.fromkeys((*CANDIDATE_KEYS, *new_words(answers, "keys")))
    types = dict.fromkeys((*CANDIDATE_TYPES, *new_words(answers, "types")))
    asked = [*(f"key {key}" for key in keys), *(f"type {kind}" for kind in types), "bundle"]
    return Query(service="host", path="; ".join(asked))


def _ability(finding: Fields) -> str:
    return finding.text("question").partition(" ")[0]
