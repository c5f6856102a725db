"""Asks the questions: of the services, or of the memory alone; follows repositories to where they are now.

A repository is known by its number. It may be called otherwise than last time, which is told; a name that leads
to another number is another repository, and nothing of it is believed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from urllib.parse import quote

from vouchsafe.errors import Unavailable, VouchsafeError
from vouchsafe.ports import Forge
from vouchsafe.record import Record
from vouchsafe.upstream.memory import Memory
from vouchsafe.upstream.question import Answer, Answers, Fact, Query, Question, home, words
from vouchsafe.upstream.questions import REPOSITORIES, Repository

MOST_ROUNDS = 16  # of questions that follow from answers
_BY_NUMBER = {"github": "/repositories/{}", "gitlab": "/projects/{}"}


class Home(Record):
    """Where a repository is, as its service says."""

    number: int
    name: str


class Inquiry:
    """One check's asking. `report` hears of each request that is made."""

    def __init__(
        self,
        memory: Memory,
        services: Mapping[str, Forge],
        *,
        at: datetime,
        repositories: Mapping[str, Repository] = REPOSITORIES,
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`services` by name: those that are to be asked. `repositories`: where they are looked for the first time."""
        self._memory = memory
        self._repositories = repositories
        self._services = services
        self._at = at
        self._report = report
        self.answers = Answers()

    def ask(self, questions: Sequence[Question]) -> Answers:
        """Everything that they want to know, and what follows from it."""
        for _ in range(MOST_ROUNDS):
            wanted = [
                query
                for query in dict.fromkeys(
                    each for question in questions for each in question.asks(self.answers)
                )
                if not self.answers.has(query)
            ]
            if not wanted:
                return self.answers
            for query in wanted:
                self._put(query)
        return self.answers

    def _put(self, query: Query) -> None:
        if query.repository:
            where = home(query.service, query.repository)
            if not self.answers.has(where):
                self.answers.put(where, self._attempt(lambda: self._home(where)))
        self.answers.put(query, self._attempt(lambda: self._answer(query)))

    @staticmethod
    def _attempt(call: Callable[[], Answer]) -> Answer | VouchsafeError:
        try:
            return call()
        except VouchsafeError as error:
            return error

    def _home(self, where: Query) -> Answer:
        """By its number once that is known; by its name the first time."""
        known = self._memory.kept(where)
        if known is None:
            return self._fetch(where, self._by_name(where), check=lambda answer: found(answer, where))
        number = found(known.answer, where).number

        def check(answer: Answer) -> None:
            got = found(answer, where).number
            if got != number:
                raise Unavailable(
                    "upstream-other-repository",
                    f"expected the repository {number} as {where.repository}, got {got}",
                    hint="Somebody else may have taken its name. Nothing of it was read.",
                )

        return self._fetch(where, _BY_NUMBER[where.service].format(number), check=check)

    def _by_name(self, where: Query) -> str:
        name = self._repositories[where.repository].name
        return f"/projects/{quote(name, safe='')}" if where.service == "gitlab" else f"/repos/{quote(name)}"

    def _answer(self, query: Query) -> Answer:
        if not query.repository:
            return self._fetch(query, f"/{query.path}")
        here = found(self.answers.get(home(query.service, query.repository)), query)
        if "{repository}" in query.path:  # a search, which is not below a repository
            return self._fetch(query, "/" + query.path.replace("{repository}", quote(here.name, safe="/")))
        base = f"/projects/{here.number}" if query.service == "gitlab" else f"/repos/{quote(here.name)}"
        return self._fetch(query, f"{base}/{query.path}" if query.path else base)

    def _fetch(
        self, query: Query, path: str, *, check: Callable[[Answer], object] = lambda _: None
    ) -> Answer:
        """Ask, and remember what passes `check`."""
        service = self._services.get(query.service)
        if service is None:
            raise Unavailable("upstream-not-asked", f"expected to ask {query}, got no such service")
        self._report(str(query))
        known = self._memory.kept(query)
        fetched = service.get(path, accept=query.accept, etag=known.fetched.etag if known else "")
        if fetched.is_same and known is None:
            raise Unavailable("upstream-not-asked", f"expected an answer about {query}, got 'not modified'")
        if not fetched.is_same:
            check(Answer(text=fetched.text, at=self._at))
        return self._memory.remember(query, fetched, at=self._at)


def found(answer: Answer, query: Query) -> Home:
    """What a service says of a repository. MalformedError."""
    said = answer.fields(f"the repository {query.repository}")
    name = said.text("path_with_namespace" if query.service == "gitlab" else "full_name")
    return Home(number=said.integer("id"), name=name)


def recalled(questions: Sequence[Question], memory: Memory, *, at: datetime, strict: bool) -> Answers:
    """The answers as they were known at a time; nobody is asked.

    `strict`: as that check had them, so what it could not ask is missing; else the newest that were known by then.
    """
    answers = Answers()
    for _ in range(MOST_ROUNDS):
        asked = dict.fromkeys(each for question in questions for each in question.asks(answers))
        for query in [each for each in asked if each.repository]:
            asked[home(query.service, query.repository)] = None
        wanted = [query for query in asked if not answers.has(query)]
        if not wanted:
            break
        for query in wanted:
            answers.put(query, _recall(query, memory, at, strict=strict))
    return answers


def _recall(query: Query, memory: Memory, at: datetime, *, strict: bool) -> Answer | VouchsafeError:
    kept = memory.kept(query, at=at)
    if kept is None or (strict and kept.last < at):
        since = f", last {kept.last:%Y-%m-%d}" if kept else ""
        return Unavailable(
            "upstream-not-asked", f"expected an answer about {query} of {at:%Y-%m-%d}, got none{since}"
        )
    return kept.answer


def homes(answers: Answers) -> dict[str, Home]:
    """Where each repository was found."""
    places = {}
    for query, answer in answers.every():
        if query == home(query.service, query.repository) and query.repository and isinstance(answer, Answer):
            places[query.repository] = found(answer, query)
    return places


def moves(
    before: Mapping[str, Home], now: Mapping[str, Home], repositories: Mapping[str, Repository] = REPOSITORIES
) -> tuple[Fact, ...]:
    """Repositories that are called otherwise than before, or than was known."""
    facts = []
    for repository, here in now.items():
        was = before[repository].name if repository in before else repositories[repository].name
        if here.name != was:
            text = f"{words(was)} is now {words(here.name)} (still number {here.number})"
            facts.append(Fact(key=f"repository {repository}", text=text))
    return tuple(facts)
