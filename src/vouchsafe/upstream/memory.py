"""What was answered, when, and at which checks: so that a check can be made again without a network, as of any day.

One file, replaced whole. Each version of an answer is kept with the first and the last check that got it; a check
is known by its time alone, for what it said follows from the answers. Of JSON only what a judgement looks at is
kept: no bodies and comments of strangers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from vouchsafe.errors import ConfigurationError, MalformedError
from vouchsafe.machine import HostEdits
from vouchsafe.ports import Fetched
from vouchsafe.record import Record
from vouchsafe.strictjson import Fields, parse
from vouchsafe.upstream.question import JSON, Answer, Query

PATH = "/upstream.json"  # below the cache's folder
LOCK = "/upstream.lock"
SCHEMA_VERSION = 1
LARGEST = 64 * 1024 * 1024  # bytes
MOST_ANSWERS = 10_000
MOST_VERSIONS = 24  # of one answer; the oldest go
MOST_RUNS = 120  # ten years of months
_MODE = 0o644
_MOST_VALUES = 4 * 1024 * 1024
# Every member that a judgement reads, of any service's answers. What is not here is not kept.
LOOKED_AT = frozenset(
    """
    id number iid full_name path_with_namespace title state state_reason draft merged merged_at merge_commit_sha
    created_at closed_at submitted_at html_url web_url event actor user login source issue repository pull_request
    sha comments total_count incomplete_results items ref tag_name status rekorTlogUrls url majorApiVersion validFor
    start end versions version suites findings client question answer evidence at
    """.split()  # noqa: SIM905
)


class Kept(Record):
    """One version of an answer; `first` and `last` are the checks that got it."""

    first: datetime
    last: datetime
    fetched: Fetched

    @property
    def answer(self) -> Answer:
        """As a judgement sees it."""
        return Answer(
            text=self.fetched.text, at=self.last, place=self.fetched.place, has_more=self.fetched.has_more
        )


class Memory:
    """All answers, and the times of all checks."""

    def __init__(
        self,
        runs: tuple[datetime, ...] = (),
        answers: Mapping[Query, tuple[Kept, ...]] | None = None,
        *,
        is_example: bool = False,
    ) -> None:
        """Oldest first. `is_example`: made up, to be read and never asked further."""
        self.is_example = is_example
        self._runs = runs
        self._answers = dict(answers or {})

    @property
    def runs(self) -> tuple[datetime, ...]:
        """The times of the checks, oldest first."""
        return self._runs

    def kept(self, query: Query, *, at: datetime | None = None) -> Kept | None:
        """The version that was known at a time; the newest without one."""
        versions = self._answers.get(query, ())
        return next((each for each in reversed(versions) if at is None or each.first <= at), None)

    def queries(self) -> tuple[Query, ...]:
        """Whatever was ever answered."""
        return tuple(self._answers)

    def remember(self, query: Query, fetched: Fetched, *, at: datetime) -> Answer:
        """Keep an answer of a check at `at`."""
        versions = self._answers.get(query, ())
        before = versions[-1] if versions else None
        fresh = _fresh(query, fetched, None if before is None else before.fetched)
        if before is not None and _same(before.fetched, fresh):
            kept = before.replace(last=at, fetched=fresh)
            versions = versions[:-1]
        else:
            kept = Kept(first=at, last=at, fetched=fresh)
        self._answers[query] = (*versions, kept)[-MOST_VERSIONS:]
        return kept.answer

    def checked(self, at: datetime) -> None:
        """A check at `at` was made, and whoever wanted its result has it."""
        self._runs = (*self._runs, at)[-MOST_RUNS:]

    @classmethod
    def load(cls, files: HostEdits) -> Memory:
        """From a folder; empty where there is none yet. ConfigurationError for a file that is none of ours."""
        blob = files.read(PATH, largest=LARGEST)
        if blob is None:
            return cls()
        try:
            fields = Fields(parse(blob, what=PATH, largest=LARGEST, most=_MOST_VALUES), "the memory")
            return cls._read(fields)
        except MalformedError as error:
            raise ConfigurationError(
                "upstream-memory",
                f"expected what was answered before in {files.root}{PATH}, got other content: {error.message}",
                hint="Move it away: the next check is then a first one.",
            ) from error

    @classmethod
    def _read(cls, fields: Fields) -> Memory:
        if fields.integer("schemaVersion") != SCHEMA_VERSION:
            raise MalformedError("upstream-memory", f"expected schemaVersion {SCHEMA_VERSION}, got another")
        runs = tuple(_moment(str(each), fields.what) for each in fields.items("checks", MOST_RUNS))
        answers = {}
        for each in fields.objects("answers", MOST_ANSWERS):
            query = Query(
                service=_service(each.text("service")),
                repository=each.text("repository", ""),
                path=each.text("path", ""),
                accept=each.text("accept", JSON),
            )
            answers[query] = tuple(_kept(version) for version in each.objects("versions", MOST_VERSIONS))
        return cls(runs, answers, is_example=fields.boolean("example", False))

    def save(self, files: HostEdits) -> None:
        """Into a folder. HostError."""
        document = {
            "schemaVersion": SCHEMA_VERSION,
            **({"example": True} if self.is_example else {}),
            "checks": [_written(run) for run in self._runs],
            "answers": [_as_json(query, versions) for query, versions in self._answers.items()],
        }
        files.put(PATH, (json.dumps(document, indent=1) + "\n").encode(), mode=_MODE)


def _fresh(query: Query, fetched: Fetched, before: Fetched | None) -> Fetched:
    """As it is kept: slim, and with its place only where that is not what was asked for."""
    path = f"/{query.path.partition('?')[0]}"
    place = "" if not query.path or fetched.place.endswith(path) else fetched.place
    if fetched.is_same and before is not None:
        return before.replace(etag=fetched.etag or before.etag, place=place)
    text = fetched.text if query.accept != JSON else slim(fetched.text, str(query))
    return fetched.replace(text=text, place=place)


def slim(text: str, what: str) -> str:
    """JSON without what no judgement looks at. MalformedError for what is no JSON."""
    value = parse(text.encode(), what=what, largest=LARGEST, most=_MOST_VALUES)
    return json.dumps(_slim(value), ensure_ascii=False)


def _slim(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _slim(member) for key, member in value.items() if key in LOOKED_AT}
    if isinstance(value, list):
        return [_slim(item) for item in value]
    return value


def _same(before: Fetched, fresh: Fetched) -> bool:
    return before.replace(etag="") == fresh.replace(etag="")


def _as_json(query: Query, versions: tuple[Kept, ...]) -> dict[str, Any]:
    said: dict[str, Any] = {"service": query.service, "repository": query.repository, "path": query.path}
    if query.accept != JSON:
        said["accept"] = query.accept
    said["versions"] = [
        {
            "first": _written(each.first),
            "last": _written(each.last),
            "etag": each.fetched.etag,
            "place": each.fetched.place,
            "hasMore": each.fetched.has_more,
            "text": each.fetched.text,
        }
        for each in versions
    ]
    return said


def _kept(fields: Fields) -> Kept:
    fetched = Fetched(
        text=fields.text("text"),
        etag=fields.text("etag", ""),
        place=fields.text("place", ""),
        has_more=fields.boolean("hasMore", False),
    )
    first, last = (_moment(fields.text(name), fields.what) for name in ("first", "last"))
    return Kept(first=first, last=last, fetched=fetched)


def _service(text: str) -> Any:
    if text not in {"github", "gitlab", "debian", "fedora", "host"}:
        raise MalformedError("upstream-memory", f"expected a service, got {text!r}")
    return text


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _moment(text: str, what: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise MalformedError("upstream-memory", f"expected a time in {what}, got {text!r}") from error
    if found.tzinfo is None:
        raise MalformedError("upstream-memory", f"expected a time with its zone in {what}, got {text!r}")
    return found
