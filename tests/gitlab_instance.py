"""A GitLab instance on loopback: as much of its REST API as tells of projects, and of who may see them.

It answers as GitLab does: strangers see public projects, without CI file and protected refs; a job's token
opens none of these endpoints; what one may not see is a 404.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from vouchsafe.record import Record
from vouchsafe.testing.loopback import Request, Response

MEMBER = "glpat-of-a-member"
JOB = "glcbt-of-a-job"
_OF_MEMBERS = ("ci_config_path", "container_registry_access_level", "container_expiration_policy")


class Hosted(Record):
    """A project; `moved_from` is a path that it had before."""

    id: int
    path: str
    default_branch: str | None = "main"
    ci_config_path: str | None = ""
    registry: str = "registry.gitlab.example"
    registry_access: str = "enabled"
    visibility: str = "private"
    branches: tuple[str, ...] = ("main",)
    tags: tuple[str, ...] = ("v*",)
    moved_from: str = ""
    cleanup: dict[str, Any] | None = None


class GitLabInstance:
    """`url` is what it calls itself, wherever it listens."""

    def __init__(self, *projects: Hosted, url: str = "https://gitlab.example", page: int = 100) -> None:
        """`page`: so many refs in one answer."""
        self.projects = projects
        self.url = url
        self.page = page

    def answer(self, request: Request) -> Response:
        """As GitLab's API v4 does."""
        path = request.path.removeprefix("/api/v4/projects/")
        if path == request.path:
            return _json({"error": "404 Not Found"}, 404)
        presented = request.headers.get("private-token", "") or request.headers.get("job-token", "")
        if presented not in ("", MEMBER, JOB):
            return _json({"message": "401 Unauthorized"}, 401)
        is_member = presented == MEMBER
        wanted, _, what = path.rpartition("/")
        if what not in ("protected_branches", "protected_tags"):
            return self._project(unquote(path), is_member)
        found = self._find(wanted)
        if found is None or not is_member:
            return _json({"message": "404 Project Not Found"}, 404)
        names = found.branches if what == "protected_branches" else found.tags
        return self._page(names, int(request.query.get("page", "1")))

    def _find(self, name: str) -> Hosted | None:
        return next((each for each in self.projects if name in (str(each.id), each.path)), None)

    def _project(self, name: str, is_member: bool) -> Response:
        moved = next((each for each in self.projects if each.moved_from and each.moved_from == name), None)
        if moved is not None:
            return Response(status=301, headers={"Location": f"/api/v4/projects/{moved.id}"})
        found = self._find(name)
        if found is None or not (is_member or found.visibility == "public"):
            return _json({"message": "404 Project Not Found"}, 404)
        described: dict[str, Any] = {
            "id": found.id,
            "path_with_namespace": found.path,
            "web_url": f"{self.url}/{found.path}",
            "default_branch": found.default_branch,
            "visibility": found.visibility,
            "container_registry_image_prefix": f"{found.registry}/{found.path}",
            "ci_config_path": found.ci_config_path,
            "container_registry_access_level": found.registry_access,
        }
        if found.cleanup is not None:
            described["container_expiration_policy"] = found.cleanup
        hidden = () if is_member else _OF_MEMBERS
        return _json({name: value for name, value in described.items() if name not in hidden})

    def _page(self, names: tuple[str, ...], number: int) -> Response:
        start = (number - 1) * self.page
        rest = len(names) > start + self.page
        listed = [{"id": 1, "name": name} for name in names[start : start + self.page]]
        return _json(listed).with_headers(X_Next_Page=str(number + 1) if rest else "")


def _json(value: object, status: int = 200) -> Response:
    return Response(
        status=status, headers={"Content-Type": "application/json"}, body=json.dumps(value).encode()
    )
