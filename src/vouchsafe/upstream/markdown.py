"""A check as Markdown: for a page, and for an issue, where text of strangers must not be markup.

Whatever upstream's people wrote stands in a code span: no mention, no quick action, no link and no HTML comes of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from vouchsafe.upstream.check import Check, News, Row, Standing, first_compared_with
from vouchsafe.upstream.question import Fact, Judgement, Unasked

LONGEST = 300  # characters of one span
MOST_FACTS = 60  # of one question; the newest
_URL = re.compile(r"https://[A-Za-z0-9.-]+(?::\d+)?/[A-Za-z0-9._~/#?=&%+-]*", re.ASCII)
_OUTCOMES = {
    "nothing-new": "Nothing new.",
    "moved": "Something moved.",
    "unblocked": "**Unblocked: run `vouchsafe upstream act` on a host.**",
    "could-not-ask": 'Not everything could be asked, so this is not "nothing new".',
}


def code(untrusted_text: str) -> str:
    """A code span that ends where it should, also in a table."""
    one_line = " ".join(untrusted_text[:LONGEST].split())
    return f"`{one_line.replace('`', chr(39)).replace('|', '¦') or ' '}`"


def link(untrusted_url: str) -> str:
    """The address if it is a plain one, else nothing."""
    return f" <{untrusted_url}>" if _URL.fullmatch(untrusted_url) else ""


def document(check: Check, *, level: int = 2, details: bool = True) -> str:
    """The whole check: what is new, the table, what could not be asked, and the evidence."""
    parts = [summary(check), table(check), *_unasked(check, level)]
    if details:
        parts += [f"{'#' * level} Evidence", *(_standing(each, level + 1) for each in check.standings)]
    return "\n\n".join(part for part in parts if part) + "\n"


def summary(check: Check) -> str:
    """When, compared with what, and what is new."""
    before = f"{check.compared_with:%Y-%m-%d}" if check.compared_with else first_compared_with()
    lines = [f"As of {check.at:%Y-%m-%d %H:%M} UTC, compared with {before}. {_OUTCOMES[check.outcome]}"]
    if check.news:
        lines += ["", *news(check)]
    return "\n".join(lines)


def news(check: Check) -> Iterator[str]:
    """One line each."""
    for each in check.news:
        yield f"- {_news(each)}"


def table(check: Check) -> str:
    """A row for each matter."""
    rows = ["| what | state | it means |", "|---|---|---|"]
    for each in check.standings:
        doubt = " (not all asked)" if any(isinstance(row.now, Unasked) for row in each.rows) else ""
        rows.append(f"| {each.matter.title} | **{each.state.words}**{doubt} | {each.means} |")
    return "\n".join(rows)


def _news(each: News) -> str:
    about = f"{each.question or each.matter}: " if each.question or each.matter else ""
    when = f" ({each.at})" if each.at else ""
    match each.kind:
        case "state":
            return f"**{about}{each.text}**, was {each.was}"
        case "changed":
            return f"{about}{code(each.text)}, was {code(each.was)}{when}{link(each.url)}"
        case "gone":
            return f"{about}no longer: {code(each.text)}{link(each.url)}"
        case _:
            return f"{about}{code(each.text)}{when}{link(each.url)}"


def _unasked(check: Check, level: int) -> Iterator[str]:
    if check.unasked:
        yield f"{'#' * level} Could not ask"
        lines = [
            f"- {question.title}: {code(why.message)}" + (f" {code(why.hint)}" if why.hint else "")
            for question, why in check.unasked
        ]
        yield "\n".join(lines)


def _standing(standing: Standing, level: int) -> str:
    lines = [f"{'#' * level} {standing.matter.title}: {standing.state.words}", ""]
    for row in standing.rows:
        lines += [_row(row), *(f"  - {_fact(fact)}" for fact in _facts(row))]
    return "\n".join(lines)


def _row(row: Row) -> str:
    if isinstance(row.now, Judgement):
        return f"- {row.question.title}: {row.now.state.words}"
    before = f", was {row.last.state.words}" if row.last else ""
    return f"- {row.question.title}: could not ask{before}"


def _facts(row: Row) -> tuple[Fact, ...]:
    known = row.now if isinstance(row.now, Judgement) else row.last
    return () if known is None else known.facts[-MOST_FACTS:]


def _fact(fact: Fact) -> str:
    return f"{f'{fact.at} ' if fact.at else ''}{code(fact.text)}{link(fact.url)}"
