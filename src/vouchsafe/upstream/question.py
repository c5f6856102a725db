"""What is asked, what was answered, and what that says: Query, Answer, Fact, Judgement; all plain data.

A question is a record with two pure methods: `asks` says what it still needs to know, given what was answered so
far, and `judge` says what that means. "Could not ask" and "another shape than expected" are errors that `judge`
raises; they are never read as "nothing new".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from enum import IntEnum
from typing import Any, Literal, Protocol, TypeVar

from vouchsafe.errors import MalformedError, Unavailable, VouchsafeError, printable
from vouchsafe.record import Record
from vouchsafe.strictjson import Fields, parse

JSON = "application/json"
RAW = "application/vnd.github.raw+json"  # GitHub's media type for a file as it is
LONGEST_TEXT = 200  # characters of somebody's title in a fact
MOST_PAGES = 10  # of one list
# `host`: what this host's own clients answer.
ServiceName = Literal["github", "gitlab", "debian", "fedora", "host"]
T = TypeVar("T")


class State(IntEnum):
    """How far something is; each includes those before it."""

    NOT_STARTED = 0
    PROPOSED = 1
    MERGED = 2
    RELEASED = 3
    ON_MY_HOSTS = 4

    @property
    def words(self) -> str:
        """As people read it."""
        return self.name.lower().replace("_", " ")


class Query(Record):
    """One request. `repository` is a name of ours, `path` is below it; `{repository}` stands for its full name."""

    service: ServiceName
    repository: str = ""
    path: str = ""
    accept: str = JSON

    def page(self, number: int) -> Query:
        """The same, another page of it."""
        if number == 1:
            return self
        separator = "&" if "?" in self.path else "?"
        return self.replace(path=f"{self.path}{separator}page={number}")

    def __str__(self) -> str:
        """For people: where it leads."""
        return f"{self.service}: {'/'.join(filter(None, (self.repository, self.path)))}"


class Answer(Record):
    """What was answered. `at`: when it was last known to be so. `place`: what answered, if not what was asked for."""

    text: str
    at: datetime
    place: str = ""
    has_more: bool = False

    def json(self, what: str) -> Any:
        """The value in it. MalformedError."""
        return parse(self.text.encode(), what=what)

    def fields(self, what: str) -> Fields:
        """The object in it. MalformedError."""
        return Fields(self.json(what), what)

    def objects(self, what: str, most: int) -> list[Fields]:
        """The list of objects in it. MalformedError."""
        return Fields({"list": self.json(what)}, what).objects("list", most)


class Answers:
    """What was answered so far, or why it was not."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._found: dict[Query, Answer | VouchsafeError] = {}

    def put(self, query: Query, answer: Answer | VouchsafeError) -> None:
        """Keep one."""
        self._found[query] = answer

    def has(self, query: Query) -> bool:
        """Whether it was asked, however that went."""
        return query in self._found

    def get(self, query: Query) -> Answer:
        """The answer; raises why there is none."""
        found = self._found.get(query)
        if found is None:
            raise Unavailable("upstream-not-asked", f"expected an answer about {query}, got none asked")
        if isinstance(found, VouchsafeError):
            raise found
        return found

    def known(self, query: Query) -> Answer | None:
        """The answer, None when there is none for whatever reason."""
        found = self._found.get(query)
        return found if isinstance(found, Answer) else None

    def every(self) -> Iterator[tuple[Query, Answer | VouchsafeError]]:
        """All of them, in the order of asking."""
        yield from self._found.items()


class Fact(Record):
    """One piece of evidence. `key` is what a later check compares by; `at` is a date or empty.

    `is_quiet`: shown, and no news when it changes (a release without what is waited for).
    """

    key: str
    text: str
    at: str = ""
    url: str = ""
    is_quiet: bool = False


class Judgement(Record):
    """How far it is by these answers, and why."""

    state: State
    facts: tuple[Fact, ...]


class Unasked(Record):
    """It could not be found out; why."""

    code: str
    message: str
    hint: str = ""

    @classmethod
    def because(cls, error: VouchsafeError) -> Unasked:
        """From what was raised."""
        return cls(code=error.code, message=error.message, hint=error.hint)


class Question(Protocol):
    """`matter` names what it is about; `id` never changes, for answers are compared by it."""

    @property
    def id(self) -> str:
        """A stable name."""

    @property
    def matter(self) -> str:
        """The id of a Matter."""

    @property
    def title(self) -> str:
        """For people."""

    def asks(self, answers: Answers) -> tuple[Query, ...]:
        """What must be known to judge, as far as that can be said by now. Never raises."""

    def judge(self, answers: Answers) -> Judgement:
        """What it means. VouchsafeError when it cannot be told."""


class Matter(Record):
    """What an operator waits for, or must be ready for; `means` has a sentence for each state.

    `known` is how far it was when this version was made (questions.KNOWN_AS_OF). `unblocks`: once it is on a host,
    that host can do without the countersigner.
    """

    id: str
    title: str
    known: State
    means: Mapping[State, str]
    unblocks: bool = False


def attempt(call: Callable[[], T], otherwise: T) -> T:
    """For `asks`, which never raises: what cannot be told by now is for `judge` to say."""
    try:
        return call()
    except VouchsafeError:
        return otherwise


def pages(query: Query, answers: Answers) -> tuple[Query, ...]:
    """Its pages, as far as they are known to exist."""
    found = [query]
    while len(found) < MOST_PAGES and (known := answers.known(found[-1])) is not None and known.has_more:
        found.append(query.page(len(found) + 1))
    return tuple(found)


def whole(query: Query, answers: Answers, *, what: str, most: int) -> Iterator[Fields]:
    """The objects of a list, over all of its pages. VouchsafeError when one is missing or there are too many."""
    listed = pages(query, answers)
    for page in listed:
        yield from answers.get(page).objects(what, most)
    if answers.get(listed[-1]).has_more:
        raise Unavailable("upstream-shape", f"expected at most {MOST_PAGES} pages of {what}, got more")


def home(service: ServiceName, repository: str) -> Query:
    """What describes a repository: its number, and its full name as it is now."""
    return Query(service=service, repository=repository)


def moved(query: Query, answers: Answers) -> tuple[Fact, ...]:
    """A fact when something else than what was asked for answered: a thread that went to another repository."""
    place = answers.get(query).place
    path = query.path.partition("?")[0]
    if not place:
        return ()
    return (Fact(key=f"moved {path}", text=f"{words(path)} is now at {words(place)}"),)


def judged(question: Question, answers: Answers) -> Judgement | Unasked:
    """The one place where an error becomes "could not ask"."""
    try:
        return question.judge(answers)
    except VouchsafeError as error:
        return Unasked.because(error)


def shape(what: str, expected: str, got: object) -> MalformedError:
    """The answer has another shape than the question was written for."""
    return MalformedError(
        "upstream-shape",
        f"expected {expected} in {what}, got {got}",
        hint="Upstream has changed in a way that this question does not know: look yourself, and update vouchsafe.",
    )


def words(untrusted_text: str) -> str:
    """Somebody's title, fit for one line."""
    return printable(untrusted_text, LONGEST_TEXT)


def day(untrusted_time: str) -> str:
    """The date of an RFC 3339 time, as far as it is one."""
    head = untrusted_time[:10]
    return head if len(head) == 10 and head.replace("-", "").isdigit() else ""
