"""Asks a GitLab instance about one project: ids, refs, CI file, registry (REST API v4).

A token goes to the instance it belongs to and nowhere else: over https (or to this machine), never after a
redirect, and the tokens that a CI job finds in its environment only to the GitLab that runs the job.
It is never part of a message. What GitLab does not tell a stranger comes back as unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from vouchsafe.adapters.files import SystemFiles
from vouchsafe.adapters.forge import Token as Token  # noqa: PLC0414  # part of a Question
from vouchsafe.adapters.forge import keeps_secrets, sound
from vouchsafe.adapters.http import HttpClient, Response
from vouchsafe.errors import ConfigurationError, MalformedError, Unavailable
from vouchsafe.policy.cleanup import Cleanup
from vouchsafe.policy.gitlab_project import Project
from vouchsafe.record import Record
from vouchsafe.strictjson import Fields, parse

GITLAB_COM = "https://gitlab.com"
PAGE = 100  # entries, the most that GitLab gives at once
MOST_PAGES = 20
LARGEST_TOKEN = 4096  # bytes
JOB_TOKEN = "JOB-TOKEN"
_API = "/api/v4"
_REFUSED = frozenset((401, 403))


class Question(Record):
    """Which project of which instance, and as whom. `token` None: as a stranger."""

    instance: str
    project: str
    token: Token | None = None


def question(
    environ: Mapping[str, str], *, project: str = "", base_url: str = "", token_file: str = ""
) -> Question:
    """What flags and CI variables mean. ConfigurationError when it cannot be told.

    `project` is a path, a number or the project's URL; without it the project of the running pipeline.
    """
    in_ci = _instance(environ.get("CI_API_V4_URL") or environ.get("CI_SERVER_URL") or "")
    if "://" in project:
        found, project = _split(project, in_ci)
        if base_url and _instance(base_url) != found:
            raise ConfigurationError(
                "gitlab-project", f"expected a project of {base_url}, got one of {found}"
            )
        base_url = base_url or found
    instance = _instance(base_url) or in_ci or GITLAB_COM
    project = project or environ.get("CI_PROJECT_ID", "")
    if not project:
        raise ConfigurationError(
            "gitlab-project", "expected a project, got none", hint="Write its path: group/project"
        )
    token = _token(environ, token_file, at_home=not in_ci or instance == in_ci)
    if token is not None and not keeps_secrets(instance):
        raise ConfigurationError(
            "gitlab-token",
            f"expected https for a token, got {instance}",
            hint="Everybody on the way could read the token.",
        )
    return Question(instance=instance, project=project, token=token)


def describe(asked: Question, http: HttpClient) -> Project:
    """What GitLab says of the project. Unavailable, MalformedError."""
    client = _Client(asked, http)
    found = client.project()
    path = found.text("path_with_namespace")
    url = found.text("web_url")
    instance = url.removesuffix(f"/{path}")
    if instance == url:
        raise MalformedError("gitlab-answer", f"expected a web_url that ends with {path}, got {url!r}")
    number = str(found.integer("id"))
    return Project(
        instance=instance,
        id=number,
        path=path,
        default_branch=found.text("default_branch", ""),
        ci_config=found.text("ci_config_path", "") if "ci_config_path" in found.keys() else None,  # noqa: SIM118
        registry=_registry(found),
        branches=client.protected(number, "protected_branches"),
        tags=client.protected(number, "protected_tags"),
        asked=asked.instance,
    )


def cleanup(asked: Question, http: HttpClient) -> Cleanup:
    """The project's cleanup policy for registry tags. Unavailable where GitLab shows none."""
    found = _Client(asked, http).project()
    path = found.text("path_with_namespace")
    if "container_expiration_policy" not in found:
        raise Unavailable(
            "gitlab-cleanup",
            f"expected the registry's cleanup policy of {path}, got none",
            hint="GitLab shows it to members only: use a token with the scope read_api. Has it a registry?",
        )
    policy = found.fields("container_expiration_policy")
    return Cleanup(
        delete=policy.text("name_regex_delete", "") or policy.text("name_regex", ""),
        keep=policy.text("name_regex_keep", ""),
        keep_n=policy.integer("keep_n", 0) or None,
        enabled=policy.boolean("enabled", False),
        source=f"{path}: cleanup policy",
    )


def _registry(found: Fields) -> str:
    enabled = found.text("container_registry_access_level", "enabled") != "disabled"
    return found.text("container_registry_image_prefix", "") if enabled else ""


def _instance(url: str) -> str:
    """The instance's own URL, without the API's path. A password in it would end up in messages."""
    if "@" in urlsplit(url).netloc:
        raise ConfigurationError("gitlab-url", "expected a URL without user and password, got one with them")
    return url.rstrip("/").removesuffix(_API)


def _split(url: str, in_ci: str) -> tuple[str, str]:
    """Instance and path of a project's URL; an instance below a path is known from CI only."""
    url = url.rstrip("/").removesuffix(".git")
    if in_ci and url.startswith(f"{in_ci}/"):
        return in_ci, url.removeprefix(f"{in_ci}/")
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    return f"{scheme}://{host}", path


def _token(environ: Mapping[str, str], token_file: str, *, at_home: bool) -> Token | None:
    if token_file:
        secret = SystemFiles().read(token_file, largest=LARGEST_TOKEN).decode("ascii", "replace").strip()
        return Token(header="PRIVATE-TOKEN", secret=sound(secret, token_file, code="gitlab-token"))
    if not at_home:
        return None
    if environ.get("GITLAB_TOKEN"):
        return Token(
            header="PRIVATE-TOKEN", secret=sound(environ["GITLAB_TOKEN"], "GITLAB_TOKEN", code="gitlab-token")
        )
    if environ.get("CI_JOB_TOKEN"):
        return Token(
            header=JOB_TOKEN, secret=sound(environ["CI_JOB_TOKEN"], "CI_JOB_TOKEN", code="gitlab-token")
        )
    return None


class _Client:
    """One instance, asked as one user."""

    def __init__(self, asked: Question, http: HttpClient) -> None:
        self._asked = asked
        self._http = http
        self._headers = {"Accept": "application/json"}
        if asked.token is not None:
            self._headers[asked.token.header] = asked.token.secret

    def project(self) -> Fields:
        path = f"/projects/{quote(self._asked.project, safe='')}"
        answer = self._get(path)
        if answer.status in {*_REFUSED, 404} and self._headers.pop(JOB_TOKEN, ""):
            answer = self._get(path)  # a job's own token opens less than the door that is open to all
        self._check(answer)
        return Fields(self._parsed(answer), "the project")

    def protected(self, number: str, what: str) -> tuple[str, ...] | None:
        """Names and wildcards of the protected branches or tags; None when this user may not know."""
        names: list[str] = []
        for page in range(1, MOST_PAGES + 1):
            answer = self._get(f"/projects/{number}/{what}?per_page={PAGE}&page={page}")
            if answer.status in _REFUSED or answer.status == 404:
                return None
            self._check(answer)
            listed = Fields({"list": self._parsed(answer)}, what).objects("list", PAGE)
            names += [each.text("name") for each in listed]
            if not answer.headers.get("x-next-page"):
                return tuple(names)
        raise MalformedError("gitlab-answer", f"expected at most {MOST_PAGES * PAGE} {what}, got more")

    def _get(self, path: str) -> Response:
        url = f"{self._asked.instance}{_API}{path}"
        answer = self._http.request("GET", url, headers=self._headers, leave_origin=False)
        if answer.left_origin or answer.status in {301, 302, 303, 307, 308}:
            raise Unavailable(
                "gitlab-redirect",
                f"expected an answer of {self._asked.instance}, got a redirect to elsewhere",
                hint="Name the instance by the URL that it uses itself: --base-url",
            )
        return answer

    def _check(self, answer: Response) -> None:
        if answer.status == 200:
            return
        known = "a token" if self._asked.token is not None else "no token"
        if answer.status == 404:
            raise Unavailable(
                "gitlab-project",
                f"expected the project {self._asked.project} at {self._asked.instance}, got none (asked with {known})",
                hint="A private project needs a token with the scope read_api: GITLAB_TOKEN or --token-file."
                " A job's own token sees few projects.",
            )
        if answer.status in _REFUSED:
            raise Unavailable(
                "gitlab-token",
                f"expected to be let in at {self._asked.instance}, got status {answer.status} (asked with {known})",
                hint="Use a token with the scope read_api: GITLAB_TOKEN or --token-file.",
            )
        raise Unavailable(
            "gitlab-answer",
            f"expected an answer of {self._asked.instance}, got status {answer.status}",
            hint="Is this a GitLab instance?",
        )

    def _parsed(self, answer: Response) -> Any:
        try:
            return parse(answer.body, what="GitLab's answer")
        except MalformedError as error:
            hint = "Is this a GitLab instance, and does the URL lack a path?"
            raise MalformedError("gitlab-answer", error.message, hint=hint) from error
