"""GitHub, GitLab, Debian's and Fedora's lists of sources on loopback, as they were on a day of a history.

Answers have the shapes of the real ones, with members that nobody looks at; ETags, pages, 301 for what moved, and
what a stranger may ask in an hour. `faults` replaces the answer to whatever has a text in its path.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote

from tests.upstream.history import BEFORE, NUMBERS, Event
from vouchsafe.testing.loopback import Request, Response

RESET = 1_800_000_000  # Unix time; 2027-01-15
PAGE = 100
MEMBER = "glpat-of-a-member"
Fault = Callable[[Request], Response]


class Forges:
    """One server for all of them: `/github`, `/gitlab/api/v4`, `/debian`, `/fedora`."""

    def __init__(self, events: Iterable[Event]) -> None:
        """At the beginning of the history."""
        self.events = tuple(events)
        self.today = BEFORE
        self.allowed = 10_000  # requests that a stranger has left
        self.faults: dict[str, Fault] = {}
        self.tokens: set[str] = set()  # what came as credentials, and where it would be refused
        self.served = 0

    def answer(self, request: Request) -> Response:
        """As the real ones do."""
        for text, fault in self.faults.items():
            if text in request.path:
                return fault(request)
        kind, _, path = request.path.removeprefix("/").partition("/")
        if request.headers.get("authorization"):
            self.tokens.add(request.headers["authorization"])
        match kind:
            case "github":
                return self._limited(request, self._github(path, request))
            case "gitlab":
                return _tagged(request, self._gitlab(path.removeprefix("api/v4/"), request))
            case "debian":
                return self._debian()
            case "fedora":
                packaged = self._packages("fedora").get(path.partition("/")[0])
                return _json({"basename": "skopeo", "epoch": "1", "release": "1.fc45", "version": packaged})
            case _:
                return _json({"message": "Not Found"}, 404)

    def _limited(self, request: Request, response: Response) -> Response:
        tagged = _tagged(request, response)
        if self.allowed <= 0 and tagged.status != 304:
            body = {"message": "API rate limit exceeded for 192.0.2.1.", "documentation_url": "https://docs"}
            return _json(body, 403).with_headers(**_limits(0))
        if tagged.status != 304:
            self.allowed -= 1
            self.served += 1
        return tagged.with_headers(**_limits(self.allowed))

    # GitHub

    def _github(self, path: str, request: Request) -> Response:
        if path.startswith("search/issues"):
            return self._search(request)
        by_number = re.fullmatch(r"repositories/(\d+)(?:/(.*))?", path)
        if by_number:
            name = next((each for each, number in NUMBERS.items() if number == int(by_number[1])), "")
            return self._repository(name, by_number[2] or "", request)
        by_name = re.fullmatch(r"repos/([^/]+/[^/]+)(?:/(.*))?", path)
        if not by_name:
            return _json({"message": "Not Found"}, 404)
        rest = by_name[2] or ""
        for name in NUMBERS:
            if self._name(name) == by_name[1]:
                return self._repository(name, rest, request)
            if name == by_name[1]:
                where = f"/github/repositories/{NUMBERS[name]}" + (f"/{rest}" if rest else "")
                query = "&".join(f"{key}={value}" for key, value in request.pairs)
                location = f"http://{request.headers['host']}{where}{'?' if query else ''}{query}"
                moved = {"message": "Moved Permanently", "url": location}
                return _json(moved, 301).with_headers(Location=location)
        return _json({"message": "Not Found"}, 404)

    def _repository(self, name: str, rest: str, request: Request) -> Response:
        if not rest:
            return _json(
                {
                    "id": NUMBERS[name],
                    "node_id": "R_1",
                    "full_name": self._name(name),
                    "default_branch": "main",
                    "stargazers_count": len(self.today),
                }
            )
        kind, _, what = rest.partition("/")
        match kind:
            case "contents":
                return self._contents(name, what, request.query.get("ref", ""))
            case "git":
                prefix = what.removeprefix("matching-refs/tags/")
                tags = [tag for tag in self._tags(name) if tag.startswith(prefix)]
                return _json(
                    [{"ref": f"refs/tags/{tag}", "object": {"type": "commit", "sha": "0"}} for tag in tags]
                )
            case "releases":
                tag = self._tags(name)[-1]
                return _json(
                    {"tag_name": tag, "name": tag, "draft": False, "prerelease": False, "body": "notes"}
                )
            case "compare":
                return self._compare(name, unquote(what))
            case "issues" | "pulls":
                return self._thread(name, kind, what, request)
            case _:
                return _json({"message": "Not Found"}, 404)

    def _contents(self, name: str, path: str, ref: str) -> Response:
        """A file on the default branch, or as it was when a tag was made."""
        until = self.today
        if ref:
            made = [event for event in self._past("tag", name) if event.name == ref]
            if not made:
                return _json({"message": f"No commit found for the ref {ref}"}, 404)
            until = made[-1].at
        texts = [
            event.value for event in self._past("file", name) if event.name == path and event.at <= until
        ]
        if not texts:
            return _json({"message": "Not Found"}, 404)
        kind = "application/vnd.github.raw+json; charset=utf-8"
        return Response(headers={"Content-Type": kind}, body=texts[-1].encode())

    def _compare(self, name: str, what: str) -> Response:
        commit, _, tag = what.partition("...")
        merged = [event.at for event in self._past("merge", name) if event.value == commit]
        tagged = [event.at for event in self._past("tag", name) if event.name == tag]
        if not merged or not tagged:
            return _json({"message": "Not Found"}, 404)
        status = "ahead" if tagged[-1] > merged[-1] else "diverged"
        return _json({"status": status, "ahead_by": 1, "commits": [], "files": [{"patch": "+1"}]})

    def _thread(self, name: str, kind: str, what: str, request: Request) -> Response:
        number, _, more = what.partition("/")
        opened = next((e for e in self._past("open", name) if e.number == int(number)), None)
        if opened is None or (kind == "pulls" and not opened.is_pull):
            return _json({"message": "Not Found"}, 404)
        if more == "timeline":
            return self._timeline(name, opened, request)
        return _json(self._described(name, opened, as_pull=kind == "pulls"))

    def _described(self, name: str, opened: Event, *, as_pull: bool) -> dict[str, Any]:
        ended = [
            e for kind in ("close", "merge") for e in self._past(kind, name) if e.number == opened.number
        ]
        merged = next((e for e in ended if e.kind == "merge"), None)
        said: dict[str, Any] = {
            "id": opened.number,
            "number": opened.number,
            "title": opened.name,
            "state": "closed" if ended else "open",
            "user": _user(opened.who),
            "body": "text of a stranger, @everybody",
            "created_at": _time(opened.at),
            "closed_at": _time(ended[-1].at) if ended else None,
            "html_url": f"https://github.com/{self._name(name)}/issues/{opened.number}",
        }
        if as_pull:
            said |= {
                "draft": False,
                "merged": merged is not None,
                "merged_at": _time(merged.at) if merged else None,
                "merge_commit_sha": merged.value if merged else "f00d",
            }
        else:
            said["state_reason"] = ended[-1].value or None if ended else None
            if opened.is_pull:
                said["pull_request"] = {"merged_at": _time(merged.at) if merged else None}
        return said

    def _timeline(self, name: str, opened: Event, request: Request) -> Response:
        events = [
            shown
            for event in self._past("", name)
            if event.number == opened.number and (shown := self._event(event)) is not None
        ]
        subscribed = {"event": "subscribed", "actor": _user("reader"), "created_at": _time(opened.at)}
        return _page(request, [subscribed, *events])

    def _event(self, event: Event) -> dict[str, Any] | None:
        number = int(hashlib.sha256(repr(event).encode()).hexdigest()[:8], 16)
        common = {"created_at": _time(event.at), "node_id": "X"}
        match event.kind:
            case "comment":
                url = f"https://github.com/{self._name(event.repository)}/issues/{event.number}"
                said = {"id": number, "user": _user(event.who), "actor": _user(event.who), "html_url": url}
                return {"event": "commented", "body": "/close @all <!-- -->", **common, **said}
            case "review":
                said = {"id": number, "user": _user(event.who), "state": "COMMENTED"}
                return {"event": "reviewed", "submitted_at": _time(event.at), **said}
            case "refer":
                return {"event": "cross-referenced", "actor": _user(event.who), **common} | {
                    "source": {"type": "issue", "issue": self._source(event)}
                }
            case "close" | "merge":
                name = "closed" if event.kind == "close" else "merged"
                return {"event": name, "actor": None, "commit_id": event.value, **common}
            case _:
                return None

    def _source(self, event: Event) -> dict[str, Any]:
        repository, _, number = event.source.partition("#")
        known = next((name for name in NUMBERS if name == repository or self._name(name) == repository), "")
        opened = [e for e in self._past("open", known) if known and e.number == int(number)]
        said: dict[str, Any] = {
            "id": int(hashlib.sha256(number.encode()).hexdigest()[:8], 16),
            "number": int(number),
            "title": event.name,
            "state": "open",
            "user": _user(event.who),
            "html_url": f"https://github.com/{self._name(known) if known else repository}/issues/{number}",
            "repository": {"id": 1, "full_name": self._name(known) if known else repository},
        }
        if event.is_pull:
            said["pull_request"] = {"merged_at": None, "html_url": said["html_url"]}
        if opened:
            now = self._described(known, opened[0], as_pull=False)
            said |= {key: now[key] for key in ("state", "title", "pull_request") if key in now}
        return said

    def _search(self, request: Request) -> Response:
        terms = request.query["q"].split()
        name = next((each for each in NUMBERS if f"repo:{self._name(each)}" in terms), "")
        words = [term for term in terms if ":" not in term]
        items = [
            self._described(name, opened, as_pull=False)
            for opened in self._past("open", name)
            if all(word in opened.name.lower() for word in words)
            and ("is:pull-request" if opened.is_pull else "is:issue") in terms
        ]
        return _json({"total_count": len(items), "incomplete_results": False, "items": items})

    # GitLab

    def _gitlab(self, path: str, request: Request) -> Response:
        found = re.fullmatch(r"projects/([^/]+(?:/[^/]+)?)", path) or re.fullmatch(
            r"projects/(\d+)/issues/(.*)", path
        )
        name = next((n for n, i in NUMBERS.items() if found and found[1] in {str(i), n}), "")
        if not found or not name:
            return _json({"message": "404 Project Not Found"}, 404)
        if found.re.groups == 1:
            return _json({"id": NUMBERS[name], "path_with_namespace": name, "visibility": "public"})
        number, _, more = found[2].partition("/")
        if more:
            related = [e for e in self._past("refer", name) if e.number == int(number)]
            return _json([_request(name, each) for each in related])
        opened = next((e for e in self._past("open", name) if e.number == int(number)), None)
        if opened is None:
            return _json({"message": "404 Not found"}, 404)
        closed = [e.at for e in self._past("close", name) if e.number == opened.number]
        return _json(
            {
                "id": 9,
                "iid": opened.number,
                "title": opened.name,
                "state": "closed" if closed else "opened",
                "created_at": _time(opened.at),
                "closed_at": _time(closed[-1]) if closed else None,
                "web_url": f"https://gitlab.com/{name}/-/issues/{number}",
                "description": "text of a stranger",
            }
        )

    # distributions

    def _debian(self) -> Response:
        versions = [
            {"area": "main", "suites": [suite], "version": packaged}
            for suite, packaged in self._packages("debian").items()
        ]
        return _json(
            {"package": "skopeo", "path": "skopeo", "suite": "", "type": "package", "versions": versions}
        )

    def _packages(self, distribution: str) -> dict[str, str]:
        return {event.name: event.value for event in self._past("package", distribution)}

    # what happened until today

    def _past(self, kind: str, repository: str) -> list[Event]:
        return [
            event
            for event in self.events
            if event.at <= self.today and event.repository == repository and kind in ("", event.kind)
        ]

    def _name(self, repository: str) -> str:
        return next((event.value for event in reversed(self._past("move", repository))), repository)

    def _tags(self, repository: str) -> list[str]:
        return [event.name for event in self._past("tag", repository)]

    def host_keys(self) -> list[str]:
        """What this host's clients know by today."""
        return [event.value for event in self.events if event.kind == "host" and event.at <= self.today]


def _request(name: str, event: Event) -> dict[str, Any]:
    """A merge request that belongs to an issue."""
    url = f"https://gitlab.com/{name}/-/merge_requests/1"
    return {
        "id": 3,
        "iid": 1,
        "title": event.name,
        "state": "opened",
        "created_at": _time(event.at),
        "web_url": url,
    }


def _page(request: Request, everything: list[dict[str, Any]]) -> Response:
    size, number = int(request.query.get("per_page", "30")), int(request.query.get("page", "1"))
    response = _json(everything[(number - 1) * size : number * size])
    if len(everything) > number * size:
        url = f"http://{request.headers['host']}{request.path}"
        response = response.with_headers(
            Link=f'<{url}?per_page={size}&page={number + 1}>; rel="next", <{url}>; rel="last"'
        )
    return response


def _tagged(request: Request, response: Response) -> Response:
    if response.status != 200 or not isinstance(response.body, bytes):
        return response
    tag = f'W/"{hashlib.sha256(response.body).hexdigest()}"'
    if request.headers.get("if-none-match") == tag:
        return Response(status=304, headers={"ETag": tag})
    return response.with_headers(ETag=tag)


def _limits(left: int) -> dict[str, str]:
    return {
        "X_RateLimit_Limit": "60",
        "X_RateLimit_Remaining": str(max(left, 0)),
        "X_RateLimit_Reset": str(RESET),
    }


def _user(login: str) -> dict[str, Any]:
    return {"login": login, "id": 1, "avatar_url": "https://avatars", "site_admin": False}


def _time(day: str) -> str:
    return f"{day}T12:00:00Z"


def _json(value: object, status: int = 200) -> Response:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    return Response(status=status, headers=headers, body=json.dumps(value).encode())
