"""Where tokens come from, and that they stay nowhere."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest

from vouchsafe.adapters.sigstore.tokens import AMBIENT, identity_token, key_password
from vouchsafe.errors import ConfigurationError, SigningError, Unavailable, VouchsafeError
from vouchsafe.testing.loopback import LoopbackServer, Request, Response
from vouchsafe.testing.sigstore import VirtualSigstore

TOKEN = VirtualSigstore().oidc.github_token()


@pytest.fixture(autouse=True)
def no_ci_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests may themselves run in CI."""
    for name in (
        *AMBIENT,
        "SIGSTORE_ID_TOKEN",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
        "ACTIONS_ID_TOKEN_REQUEST_URL",
    ):
        monkeypatch.delenv(name, raising=False)


def problem(path: str = "", environ: dict[str, str] | None = None) -> VouchsafeError:
    """What is said when there is no token."""
    with pytest.raises((SigningError, Unavailable, ConfigurationError)) as raised:
        identity_token(path, audience="sigstore", environ=environ if environ is not None else os.environ)
    return raised.value


def test_from_the_variable() -> None:
    """And it is gone from the environment, so that no program inherits it."""
    environ = {"SIGSTORE_ID_TOKEN": f"{TOKEN}\n", "PATH": "/bin"}
    assert identity_token("", audience="sigstore", environ=environ) == TOKEN
    assert environ == {"PATH": "/bin"}


def test_from_a_file(tmp_path: Path) -> None:
    """It wins over the variable, which is removed all the same; line ends do not count."""
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n", encoding="ascii")
    environ = {"SIGSTORE_ID_TOKEN": "other"}
    assert (identity_token(str(path), audience="sigstore", environ=environ), environ) == (TOKEN, {})


def test_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `-`."""

    class Stdin:
        buffer = io.BytesIO(TOKEN.encode())

    monkeypatch.setitem(vars(__import__("sys")), "stdin", Stdin())
    assert identity_token("-", audience="sigstore", environ={}) == TOKEN


@pytest.mark.parametrize(
    "content, code",
    [
        (None, "token-absent"),
        (b"", "token-absent"),
        (b"\n", "token-absent"),
        (b"x" * 70_000, "file-too-large"),
    ],
)
def test_no_file(tmp_path: Path, content: bytes | None, code: str) -> None:
    """Absent, empty or too large."""
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    assert problem(str(path)).code == code


def test_the_token_itself_on_the_command_line() -> None:
    """Refused, and not shown again."""
    error = problem(TOKEN, {})
    assert error.code == "token-on-command-line"
    assert all(part not in error.message + error.hint for part in TOKEN.split("."))


def test_absent() -> None:
    """Says how each CI system gives one."""
    error = problem(environ={})
    assert error.code == "token-absent"
    assert "id_tokens" in error.hint


def test_absent_in_gitlab(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GitLab job without `id_tokens`."""
    monkeypatch.setenv("GITLAB_CI", "true")
    assert problem().code == "token-absent"


def test_github_without_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    """`permissions: id-token: write` is missing."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    error = problem()
    assert (error.code, "id-token: write" in error.hint) == ("token-absent", True)


def github(monkeypatch: pytest.MonkeyPatch, server: LoopbackServer) -> None:
    """A job on GitHub."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "request-secret")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"{server.url}/token?api-version=2")


def test_from_github(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for with the audience; the right to ask is removed afterwards."""

    def handler(request: Request) -> Response:
        assert request.query["audience"] == "sigstore"
        assert request.headers["authorization"] == "bearer request-secret"
        return Response(body=f'{{"value":"{TOKEN}"}}'.encode())

    with LoopbackServer(handler) as server:
        github(monkeypatch, server)
        assert identity_token("", audience="sigstore") == TOKEN
    assert "ACTIONS_ID_TOKEN_REQUEST_TOKEN" not in os.environ


@pytest.mark.parametrize(
    "answer",
    [Response(status=500, body=b"request-secret is wrong"), Response(body=b"{}"), Response(reset=True)],
)
def test_github_does_not_answer_well(monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    """Said without what could ask again."""
    with LoopbackServer(lambda _request: answer) as server:
        github(monkeypatch, server)
        error = problem()
    assert error.code == "token-ambient"
    assert "request-secret" not in error.message + error.hint


@pytest.mark.parametrize(
    "environ, password",
    [
        ({}, ""),
        ({"VOUCHSAFE_KEY_PASSWORD": "a"}, "a"),
        ({"COSIGN_PASSWORD": "b"}, "b"),
        ({"COSIGN_PASSWORD": "b", "VOUCHSAFE_KEY_PASSWORD": "a"}, "a"),
    ],
)
def test_key_password(environ: dict[str, str], password: str) -> None:
    """Ours before cosign's; both are removed."""
    assert (key_password(environ), environ) == (password, {})
