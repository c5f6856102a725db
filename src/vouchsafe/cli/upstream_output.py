"""A check for people and for programs (docs/upstream.schema.json)."""

from __future__ import annotations

from vouchsafe.cli.console import Console
from vouchsafe.errors import printable
from vouchsafe.upstream.check import Check, News, Row, Standing, first_compared_with
from vouchsafe.upstream.issue import Published
from vouchsafe.upstream.question import Fact, Judgement, State, Unasked

MOST_TITLES = 3  # of questions that could not be asked for one reason
Json = dict[str, object]
_STYLES = {
    State.NOT_STARTED: "dim",
    State.PROPOSED: "warn",
    State.MERGED: "warn",
    State.RELEASED: "good",
    State.ON_MY_HOSTS: "good",
}
_OUTCOMES = {
    "nothing-new": "nothing new",
    "moved": "something moved",
    "unblocked": "unblocked: run `vouchsafe upstream act`",
    "could-not-ask": 'not everything could be asked, so this is not "nothing new"',
}


def as_text(check: Check, console: Console) -> None:
    """The table, the news, what could not be asked; evidence with --verbose."""
    for standing in check.standings:
        _print_standing(standing, console)
    for each in check.news:
        console.print(f"{console.style('new', 'bold')}  {_news(each)}")
        if each.url:
            console.print(f"     {printable(each.url)}")
    for why, titles in _by_reason(check).items():
        about = (
            "; ".join(titles) if len(titles) <= MOST_TITLES or console.verbose else f"{len(titles)} questions"
        )
        console.print(
            f"{console.style('could not ask', 'bad')}  {about}: {printable(why.message)} [{why.code}]"
        )
    for hint in dict.fromkeys(why.hint for _, why in check.unasked if why.hint):
        console.note(f"vouchsafe: hint: {printable(hint)}")
    before = f"{check.compared_with:%Y-%m-%d %H:%M} UTC" if check.compared_with else first_compared_with()
    console.print(f"as of {check.at:%Y-%m-%d %H:%M} UTC, compared with {before}: {_OUTCOMES[check.outcome]}")


def _by_reason(check: Check) -> dict[Unasked, list[str]]:
    """One service that does not answer is one line."""
    found: dict[Unasked, list[str]] = {}
    for question, why in check.unasked:
        found.setdefault(why, []).append(question.title)
    return found


def _print_standing(standing: Standing, console: Console) -> None:
    state = console.style(f"{standing.state.words:<12}", _STYLES[standing.state])
    console.print(f"{state}  {standing.matter.title}")
    console.print(f"              {standing.means}")
    if not console.verbose:
        return
    for row in standing.rows:
        console.print(f"              {row.question.title}: {_row(row)}")
        for fact in _facts(row):
            when = f"{fact.at} " if fact.at else ""
            console.print(f"                {when}{printable(fact.text)}")


def _row(row: Row) -> str:
    return row.now.state.words if isinstance(row.now, Judgement) else "could not ask"


def _facts(row: Row) -> tuple[Fact, ...]:
    return row.now.facts if isinstance(row.now, Judgement) else ()


def _news(each: News) -> str:
    about = f"{each.question or each.matter}: " if each.question or each.matter else ""
    when = f" ({each.at})" if each.at else ""
    was = f", was {printable(each.was)}" if each.was and each.kind != "gone" else ""
    gone = "no longer: " if each.kind == "gone" else ""
    return f"{about}{gone}{printable(each.text)}{was}{when}"


def as_json(check: Check, published: Published | None) -> Json:
    """One document."""
    return {
        "at": f"{check.at:%Y-%m-%dT%H:%M:%SZ}",
        "comparedWith": f"{check.compared_with:%Y-%m-%dT%H:%M:%SZ}" if check.compared_with else None,
        "outcome": check.outcome,
        "unblocked": [matter.id for matter in check.unblocked],
        "matters": [_standing(each) for each in check.standings],
        "news": [_news_json(each) for each in check.news],
        "repositories": [
            {"repository": name, "number": home.number, "name": home.name}
            for name, home in check.homes.items()
        ],
        "issue": None if published is None else _published(published),
    }


def _standing(standing: Standing) -> Json:
    return {
        "matter": standing.matter.id,
        "title": standing.matter.title,
        "state": standing.state.words,
        "was": standing.was.words,
        "means": standing.means,
        "unblocks": standing.matter.unblocks,
        "questions": [_question(row) for row in standing.rows],
    }


def _question(row: Row) -> Json:
    answered = isinstance(row.now, Judgement)
    known = row.now if isinstance(row.now, Judgement) else row.last
    return {
        "question": row.question.id,
        "title": row.question.title,
        "asked": answered,
        "state": known.state.words if known else None,
        "why": _why(row.now) if isinstance(row.now, Unasked) else None,
        "evidence": [
            {"key": fact.key, "text": fact.text, "at": fact.at or None, "url": fact.url or None}
            for fact in (known.facts if known else ())
        ],
    }


def _why(unasked: Unasked) -> Json:
    return {"code": unasked.code, "message": unasked.message, "hint": unasked.hint or None}


def _news_json(each: News) -> Json:
    return {
        "kind": each.kind,
        "matter": each.matter or None,
        "question": each.question or None,
        "text": each.text,
        "was": each.was or None,
        "at": each.at or None,
        "url": each.url or None,
    }


def _published(published: Published) -> Json:
    return {"number": published.number or None, "url": published.url or None, "did": list(published.did)}
