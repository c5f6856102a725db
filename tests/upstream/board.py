"""The issues of one GitLab project on loopback: as much of its REST API as opens, finds, changes and comments them."""

from __future__ import annotations

import json
import re
import threading
from typing import Any
from urllib.parse import unquote

from vouchsafe.testing.loopback import Request, Response

BOT, STRANGER = "glpat-of-our-bot", "glpat-of-a-stranger"
USERS = {BOT: 7, STRANGER: 8}
PROJECT, NUMBER = "platform/hosts", 4711
FORMERLY = "ops/hosts"


class IssueBoard:
    """`issues` by number; `notes` by issue. `together`: so many lists of issues wait for each other, once."""

    def __init__(self, *, page: int = 100, together: int = 1) -> None:
        self.page = page
        self.issues: dict[int, dict[str, Any]] = {}
        self.notes: dict[int, list[dict[str, Any]]] = {}
        self.writes: list[str] = []
        self._waiting = threading.Barrier(together)
        self._lists = 0
        self._together = together
        self._lock = threading.Lock()
        self._ids = 100

    def answer(self, request: Request) -> Response:
        """As GitLab's API v4 does."""
        user = USERS.get(request.headers.get("private-token", ""))
        path = request.path.removeprefix("/api/v4")
        if user is None:
            return _json({"message": "401 Unauthorized"}, 401)
        if path == "/user":
            return _json({"id": user, "username": "bot", "email": "bot@example"})
        if unquote(path) == f"/projects/{FORMERLY}":
            return Response(status=301, headers={"Location": f"/api/v4/projects/{NUMBER}"})
        if unquote(path) in (f"/projects/{PROJECT}", f"/projects/{NUMBER}"):
            return _json({"id": NUMBER, "path_with_namespace": PROJECT})
        found = re.fullmatch(rf"/projects/{NUMBER}/issues(?:/(\d+)(/notes(?:/(\d+))?)?)?", path)
        if not found:
            return _json({"message": "404 Not Found"}, 404)
        if request.method == "GET" and not found[1]:
            self._wait()
        with self._lock:
            if request.method != "GET":
                self.writes.append(f"{request.method} {path}")
            if found[2]:
                return self._notes(request, int(found[1]), found[3], user)
            return self._issues(request, found[1], user)

    def open(self, user: int, description: str, *, state: str = "opened") -> int:
        """An issue by somebody."""
        number = len(self.issues) + 1
        self.issues[number] = {
            "id": 1000 + number,
            "iid": number,
            "title": "t",
            "state": state,
            "description": description,
            "author": {"id": user, "username": "x"},
            "web_url": f"https://gitlab.example/{PROJECT}/-/issues/{number}",
        }
        self.notes[number] = []
        return number

    def note(self, issue: int, user: int, body: str) -> int:
        """A comment by somebody."""
        self._ids += 1
        self.notes[issue].append({"id": self._ids, "body": body, "author": {"id": user}, "system": False})
        return self._ids

    def _wait(self) -> None:
        self._lists += 1
        if self._lists <= self._together and self._together > 1:
            self._waiting.wait(timeout=10)

    def _issues(self, request: Request, number: str | None, user: int) -> Response:
        if request.method == "GET":
            query = request.query
            found = [
                issue
                for issue in self.issues.values()
                if str(issue["author"]["id"]) == query["author_id"]
                and query["search"] in issue["description"]
            ]
            return self._paged(request, found)
        content = json.loads(request.body)
        if request.method == "POST":
            made = self.open(user, content["description"])
            self.issues[made] |= {"title": content["title"], "labels": content["labels"].split(",")}
            return _json(self.issues[made], 201)
        issue = self.issues[int(number or 0)]
        if "state_event" in content:
            issue["state"] = {"close": "closed", "reopen": "opened"}[content["state_event"]]
        issue["description"] = content.get("description", issue["description"])
        return _json(issue)

    def _notes(self, request: Request, issue: int, note: str | None, user: int) -> Response:
        if request.method == "GET":
            return self._paged(request, list(reversed(self.notes[issue])))
        if request.method == "DELETE":
            self.notes[issue] = [each for each in self.notes[issue] if each["id"] != int(note or 0)]
            return Response(status=204)
        made = self.note(issue, user, json.loads(request.body)["body"])
        return _json({"id": made, "body": "", "author": {"id": user}}, 201)

    def _paged(self, request: Request, everything: list[dict[str, Any]]) -> Response:
        number = int(request.query["page"])
        shown = everything[(number - 1) * self.page : number * self.page]
        more = len(everything) > number * self.page
        return _json(shown).with_headers(X_Next_Page=str(number + 1) if more else "")


def _json(value: object, status: int = 200) -> Response:
    headers = {"Content-Type": "application/json"}
    return Response(status=status, headers=headers, body=json.dumps(value).encode())
