"""What GitLab is asked, as whom, and what becomes of its answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.gitlab_instance import JOB, MEMBER, GitLabInstance, Hosted
from vouchsafe.adapters.gitlab import Question, Token, describe, question
from vouchsafe.adapters.http import HttpClient
from vouchsafe.errors import ConfigurationError, MalformedError, Unavailable, VouchsafeError
from vouchsafe.policy.gitlab_project import Project
from vouchsafe.testing.loopback import LoopbackServer, Request, Response

APP = Hosted(id=1234, path="group/app", branches=("main", "release/*"), tags=("v*",))
CI = {"CI_SERVER_URL": "https://git.corp.example", "CI_PROJECT_ID": "42", "CI_JOB_TOKEN": JOB}


def ask(server: LoopbackServer, project: str = "group/app", token: Token | None = None) -> Project:
    """One description."""
    http = HttpClient(retries=0)
    try:
        return describe(Question(instance=server.url, project=project, token=token), http)
    finally:
        http.close()


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    """An instance with one private and one public project."""
    public = Hosted(id=5, path="group/public", visibility="public", ci_config_path="ci/build.yml")
    with LoopbackServer(GitLabInstance(APP, public, page=1).answer) as made:
        yield made


PRIVATE = Token(header="PRIVATE-TOKEN", secret=MEMBER)


@pytest.mark.parametrize("project", ["group/app", "1234"])
def test_a_member_sees_everything(server: LoopbackServer, project: str) -> None:
    """By path or by number; refs over several pages; the instance by the name that it has for itself."""
    assert ask(server, project, PRIVATE) == Project(
        instance="https://gitlab.example",
        id="1234",
        path="group/app",
        default_branch="main",
        ci_config="",
        registry="registry.gitlab.example/group/app",
        branches=("main", "release/*"),
        tags=("v*",),
        asked=server.url,
    )


def test_a_stranger_sees_less(server: LoopbackServer) -> None:
    """What a public project hides from strangers is unknown, not empty."""
    found = ask(server, "group/public")
    assert (found.id, found.branches, found.tags, found.ci_config) == ("5", None, None, None)


def test_a_job_sees_what_strangers_see(server: LoopbackServer) -> None:
    """A job's token opens nothing here; where the project is public, nobody is asked for one."""
    token = Token(header="JOB-TOKEN", secret=JOB)
    assert ask(server, "group/public", token).id == "5"
    with pytest.raises(Unavailable):
        ask(server, "group/app", token)


def test_a_renamed_project(tmp_path: Path) -> None:
    """GitLab redirects within itself, and the token goes along; the path is the new one."""
    moved = APP.replace(moved_from="old/app")
    with LoopbackServer(GitLabInstance(moved).answer) as server:
        assert ask(server, "old/app", PRIVATE).path == "group/app"


def test_an_instance_below_a_path() -> None:
    """GitLab may be installed below a path of its host."""
    instance = GitLabInstance(APP, url="https://corp.example/gitlab")

    def below(request: Request) -> Response:
        return instance.answer(request.replace(path=request.path.removeprefix("/gitlab")))

    with LoopbackServer(below) as server:
        asked = Question(instance=f"{server.url}/gitlab", project="group/app", token=PRIVATE)
        assert describe(asked, HttpClient(retries=0)).instance == "https://corp.example/gitlab"


@pytest.mark.parametrize(
    "project, expected",
    [
        (APP.replace(registry_access="disabled"), {"registry": ""}),
        (APP.replace(ci_config_path=None), {"ci_config": ""}),
        (APP.replace(ci_config_path="x.yml@other/project"), {"ci_config": "x.yml@other/project"}),
        (APP.replace(default_branch=None), {"default_branch": ""}),
        (APP.replace(branches=(), tags=()), {"branches": (), "tags": ()}),
    ],
)
def test_what_a_project_may_lack(project: Hosted, expected: dict[str, Any]) -> None:
    """Nulls and empties of the API."""
    with LoopbackServer(GitLabInstance(project).answer) as server:
        found = ask(server, token=PRIVATE)
        assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.parametrize(
    "project, token, code, word",
    [
        ("group/none", PRIVATE, "gitlab-project", "(asked with a token)"),
        ("group/app", None, "gitlab-project", "(asked with no token)"),
        ("group/app", Token(header="PRIVATE-TOKEN", secret="expired"), "gitlab-token", "status 401"),
    ],
)
def test_not_found_and_not_let_in(
    server: LoopbackServer, project: str, token: Token | None, code: str, word: str
) -> None:
    """Each says what to do, and none shows the token."""
    with pytest.raises(Unavailable) as caught:
        ask(server, project, token)
    assert (caught.value.code, word in caught.value.message) == (code, True)
    assert "read_api" in caught.value.hint
    assert "expired" not in caught.value.message + caught.value.hint + repr(token)


@pytest.mark.parametrize(
    "answer, kind, code",
    [
        (Response(body=b"<html>Sign in</html>"), MalformedError, "gitlab-answer"),
        (Response(body=b"{}"), MalformedError, "json-type"),
        (Response(body=b"[]"), MalformedError, "json-type"),
        (
            Response(body=b'{"id": 1, "path_with_namespace": "a/b", "web_url": "x"}'),
            MalformedError,
            "gitlab-answer",
        ),
        (Response(status=418), Unavailable, "gitlab-answer"),
        (Response(status=500), Unavailable, "gitlab-answer"),
        (Response(status=302, headers={"Location": "https://sso.example/"}), Unavailable, "gitlab-redirect"),
        (Response(body=b" " * 5_000_000), MalformedError, "answer-too-large"),
    ],
)
def test_answers_that_are_none(answer: Response, kind: type[VouchsafeError], code: str) -> None:
    """What is no GitLab, or no longer one, is said to be so."""
    with LoopbackServer(lambda _: answer) as server, pytest.raises(kind) as caught:
        ask(server, token=PRIVATE)
    assert caught.value.code == code


def test_a_token_does_not_follow_a_redirect() -> None:
    """Not to another host, not to another port (the class of GHSA-vh4v-2xq2-g5cg)."""
    with LoopbackServer(lambda _: Response()) as elsewhere:
        away = Response(status=302, headers={"Location": f"{elsewhere.url}/api/v4/projects/1"})
        with LoopbackServer(lambda _: away) as server, pytest.raises(Unavailable):
            ask(server, token=PRIVATE)
        assert elsewhere.requests == []


def test_refs_without_end() -> None:
    """A listing that never ends is given up."""
    instance = GitLabInstance(APP.replace(branches=tuple(f"b{n}" for n in range(30))), page=1)
    with LoopbackServer(instance.answer) as server, pytest.raises(MalformedError):
        ask(server, token=PRIVATE)


@pytest.mark.parametrize(
    "environ, given, expected",
    [
        ({}, {"project": "group/app"}, ("https://gitlab.com", "group/app", None)),
        ({}, {"project": "https://git.example/group/app"}, ("https://git.example", "group/app", None)),
        ({}, {"project": "https://git.example/group/app.git/"}, ("https://git.example", "group/app", None)),
        (
            {},
            {"project": "group/app", "base_url": "https://git.example/api/v4/"},
            ("https://git.example", "group/app", None),
        ),
        (
            {"GITLAB_TOKEN": "t"},
            {"project": "7", "base_url": "http://127.0.0.1:8080"},
            ("http://127.0.0.1:8080", "7", "PRIVATE-TOKEN"),
        ),
        (CI, {}, ("https://git.corp.example", "42", "JOB-TOKEN")),
        (CI | {"GITLAB_TOKEN": "t"}, {}, ("https://git.corp.example", "42", "PRIVATE-TOKEN")),
        (CI | {"GITLAB_TOKEN": "t"}, {"base_url": "https://gitlab.com"}, ("https://gitlab.com", "42", None)),
        (
            CI | {"CI_API_V4_URL": "https://corp.example/git/api/v4"},
            {"project": "https://corp.example/git/group/app"},
            ("https://corp.example/git", "group/app", "JOB-TOKEN"),
        ),
    ],
    ids=[
        "default",
        "URL",
        "clone URL",
        "API URL",
        "local",
        "CI",
        "CI, better token",
        "CI, elsewhere",
        "CI, path",
    ],
)
def test_who_is_asked_and_as_whom(
    environ: dict[str, str], given: dict[str, str], expected: tuple[str, str, str | None]
) -> None:
    """Flags before CI variables; a job's tokens stay with the GitLab that gave them."""
    found = question(environ, **given)
    assert (found.instance, found.project, found.token and found.token.header) == expected


@pytest.mark.parametrize(
    "environ, given, code",
    [
        ({}, {}, "gitlab-project"),
        ({}, {"project": "https://a.example/x/y", "base_url": "https://b.example"}, "gitlab-project"),
        ({"GITLAB_TOKEN": "t"}, {"project": "a/b", "base_url": "http://git.example"}, "gitlab-token"),
        ({"GITLAB_TOKEN": "t"}, {"project": "a/b", "base_url": "http://localhost.example"}, "gitlab-token"),
        ({"GITLAB_TOKEN": "two words"}, {"project": "a/b"}, "gitlab-token"),
        ({"GITLAB_TOKEN": "a\r\nX: y"}, {"project": "a/b"}, "gitlab-token"),
        ({}, {"project": "a/b", "token_file": "/nonexistent"}, "file-missing"),
        ({}, {"project": "a/b", "base_url": "https://me:secret@git.example"}, "gitlab-url"),
    ],
    ids=[
        "no project",
        "two instances",
        "plain http",
        "like localhost",
        "words",
        "header",
        "no file",
        "password",
    ],
)
def test_questions_that_cannot_be_asked(environ: dict[str, str], given: dict[str, str], code: str) -> None:
    """Each is a configuration error, and shows no secret."""
    with pytest.raises(ConfigurationError) as caught:
        question(environ, **given)
    assert caught.value.code == code
    assert not any(word in caught.value.message for word in ("secret", "two words", "X: y"))


def test_a_token_from_a_file(tmp_path: Path) -> None:
    """Its first and only word; an empty file is refused."""
    path = tmp_path / "token"
    path.write_text("glpat-x\n")
    assert question({}, project="a/b", token_file=str(path)).token == Token(
        header="PRIVATE-TOKEN", secret="glpat-x"
    )
    path.write_text("\n")
    with pytest.raises(ConfigurationError):
        question({}, project="a/b", token_file=str(path))


def test_nothing_is_asked_twice(server: LoopbackServer) -> None:
    """The project, two pages of branches, one of tags."""
    ask(server, token=PRIVATE)
    kinds = [request.path.rpartition("/")[2] for request in server.requests]
    assert kinds == ["app", "protected_branches", "protected_branches", "protected_tags"]
