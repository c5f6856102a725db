"""One issue on GitLab with the table of the last check, and a comment for each check that found something.

The issue is found again by a mark in its description, among our own only: whoever may open issues could write the
mark. Two checks at once end with one issue and one comment: each looks again after it has written, and whoever was
later takes back its own. A closed issue stays closed until there is something new.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from vouchsafe.errors import MalformedError
from vouchsafe.ports import Fetched, ForgeEdits
from vouchsafe.record import Record
from vouchsafe.strictjson import Fields, parse
from vouchsafe.upstream import markdown
from vouchsafe.upstream.check import Check

TITLE = "Upstream: what would make the countersigner needless"
MARK = "vouchsafe-upstream-watch"
LABEL = "vouchsafe-upstream"
PAGE = 100
MOST_PAGES = 20
LONGEST = 900_000  # characters; GitLab takes 1 048 576


class Published(Record):
    """What was done, or would be. `number` is 0 where the issue does not exist."""

    number: int
    url: str = ""
    did: tuple[str, ...] = ()


class Issue(Record):
    """An issue of ours."""

    number: int
    url: str
    is_closed: bool
    description: str


def description(check: Check) -> str:
    """The issue's text."""
    whole = markdown.document(check)
    text = whole if len(whole) <= LONGEST else markdown.document(check, details=False)
    return (
        f"<!-- {MARK} -->\n{text}\n---\nWritten by `vouchsafe upstream check --issue`; edits are lost. "
        "Comments are welcome.\n"
    )


def comment(check: Check) -> str:
    """What a check has to say, with a mark of its own."""
    return f"<!-- {MARK} {check.digest} -->\n{markdown.summary(check)}\n"


class Board:
    """The issues of one project, as one user."""

    def __init__(self, forge: ForgeEdits, project: str) -> None:
        """`project` is a path or a number."""
        self._forge = forge
        self._project = project

    def publish(self, check: Check, *, dry_run: bool) -> Published:
        """Open or update the issue; nothing is written with `dry_run`. Unavailable, MalformedError."""
        me = _fields(self._forge.get("/user"), "the user").integer("id")
        project = _fields(self._forge.get(f"/projects/{quote(self._project, safe='')}"), "the project")
        base = f"/projects/{project.integer('id')}/issues"
        issue = self._issue(base, me)
        if dry_run:
            return _would(issue, check)
        if issue is None:
            return self._open(base, me, check)
        return self._update(base, me, issue, check)

    def _issue(self, base: str, me: int) -> Issue | None:
        """The oldest of ours that carries the mark."""
        query = (
            f"?author_id={me}&search={MARK}&in=description&scope=all&state=all&order_by=created_at&sort=asc"
        )
        found = [
            Issue(
                number=each.integer("iid"),
                url=each.text("web_url"),
                is_closed=each.text("state") == "closed",
                description=each.text("description", ""),
            )
            for each in self._pages(f"{base}{query}", "issues")
            if each.text("description", "").startswith(f"<!-- {MARK} -->")
            and each.fields("author").integer("id") == me
        ]
        return min(found, key=lambda each: each.number, default=None)

    def _open(self, base: str, me: int, check: Check) -> Published:
        content = {"title": TITLE, "description": description(check), "labels": LABEL}
        made = _fields(self._forge.send("POST", base, content), "the issue")
        number, url = made.integer("iid"), made.text("web_url")
        first = self._issue(base, me)
        if first is None or first.number == number:
            return Published(number=number, url=url, did=("opened",))
        # Another check was quicker. Without its mark ours is not found again.
        taken_back = {"description": f"Opened twice; see #{first.number}.", "state_event": "close"}
        self._forge.send("PUT", f"{base}/{number}", taken_back)
        return self._update(base, me, first, check)

    def _update(self, base: str, me: int, issue: Issue, check: Check) -> Published:
        did = []
        changes: dict[str, object] = {}
        if issue.description.strip() != description(check).strip():
            changes["description"] = description(check)
            did.append("updated")
        if issue.is_closed and check.news:
            changes["state_event"] = "reopen"
            did.append("reopened")
        if changes:
            self._forge.send("PUT", f"{base}/{issue.number}", changes)
        if check.news and self._comment(f"{base}/{issue.number}/notes", me, check):
            did.append("commented")
        return Published(number=issue.number, url=issue.url, did=tuple(did))

    def _comment(self, notes: str, me: int, check: Check) -> bool:
        """Whether ours is the comment that stays."""
        if self._ours(notes, me, check):
            return False
        made = _fields(self._forge.send("POST", notes, {"body": comment(check)}), "the comment").integer("id")
        if min(self._ours(notes, me, check), default=made) == made:
            return True
        self._forge.send("DELETE", f"{notes}/{made}", {})
        return False

    def _ours(self, notes: str, me: int, check: Check) -> list[int]:
        """The comments of ours that say the same."""
        mark = f"<!-- {MARK} {check.digest} -->"
        return [
            each.integer("id")
            for each in self._pages(f"{notes}?sort=desc&order_by=created_at", "comments")
            if each.text("body").startswith(mark) and each.fields("author").integer("id") == me
        ]

    def _pages(self, path: str, what: str) -> list[Fields]:
        found: list[Fields] = []
        for number in range(1, MOST_PAGES + 1):
            fetched = self._forge.get(f"{path}&per_page={PAGE}&page={number}")
            listed = Fields({"list": parse(fetched.text.encode(), what=what)}, what)
            found += listed.objects("list", PAGE)
            if not fetched.has_more:
                return found
        raise MalformedError("upstream-issue", f"expected at most {MOST_PAGES * PAGE} {what}, got more")


def _would(issue: Issue | None, check: Check) -> Published:
    if issue is None:
        return Published(number=0, did=("would open",))
    did = ["would update"]
    did += ["would reopen"] if issue.is_closed and check.news else []
    did += ["would comment"] if check.news else []
    return Published(number=issue.number, url=issue.url, did=tuple(did))


def _fields(fetched: Fetched, what: str) -> Fields:
    value: Mapping[str, Any] = parse(fetched.text.encode(), what=what)
    return Fields(value, what)
