"""Tokens: everything that goes wrong with one has a code and a way out, before anything is asked."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import pytest

from vouchsafe.errors import SigningError
from vouchsafe.signing.token import IdentityToken, check, is_github, is_gitlab
from vouchsafe.testing.claims import github_claims, gitlab_claims
from vouchsafe.testing.sigstore import VirtualSigstore

SIGSTORE = VirtualSigstore()
NOW = SIGSTORE.clock.now()


VALID = "expected an identity token that is valid"
TIMES = {"aud": "sigstore", "exp": int(NOW.timestamp()) + 300, "nbf": int(NOW.timestamp())}


def unsigned(claims: dict[str, Any]) -> IdentityToken:
    """A token with these claims, those of `...` left out: nobody here looks at its signature."""
    said = {name: value for name, value in claims.items() if value is not ...}
    body = base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")
    return IdentityToken.parse(f"eyJhbGciOiJSUzI1NiJ9.{body}.c2lnbmF0dXJl")


def gitlab(**claims: Any) -> IdentityToken:
    """A GitLab token."""
    return IdentityToken.parse(SIGSTORE.oidc.gitlab_token(**claims))


def problem(token: IdentityToken, **options: Any) -> tuple[str, str]:
    """Code and message of what is wrong with a token; two empty strings when nothing is."""
    try:
        check(token, **({"at": NOW} | options))
    except SigningError as error:
        return error.code, error.message
    return "", ""


@pytest.mark.parametrize(
    "token",
    [
        gitlab(),
        gitlab(ref="refs/tags/v1.0"),
        gitlab(pipeline_source="schedule"),
        IdentityToken.parse(SIGSTORE.oidc.github_token()),
        IdentityToken.parse(SIGSTORE.oidc.token(gitlab_claims(aud=["other", "sigstore"]))),
    ],
)
def test_right(token: IdentityToken) -> None:
    """Tokens of branches, tags and schedules, and those for several audiences."""
    assert problem(token) == ("", "")


@pytest.mark.parametrize(
    "claims, code, message",
    [
        (
            {"aud": "https://gitlab.example"},
            "token-audience",
            "expected an identity token for the audience 'sigstore', got one for 'https://gitlab.example'",
        ),
        (
            {"aud": None},
            "token-audience",
            "expected an identity token for the audience 'sigstore', got one for none",
        ),
        (
            {"aud": []},
            "token-audience",
            "expected an identity token for the audience 'sigstore', got one for none",
        ),
        (
            {"exp": int(NOW.timestamp()) - 60},
            "token-expired",
            f"{VALID}, got one that expired 60 s ago ({NOW - timedelta(seconds=60):%F %T} UTC)",
        ),
        (
            {"exp": int(NOW.timestamp()) + 3},
            "token-expired",
            f"{VALID}, got one that expires in 3 s ({NOW + timedelta(seconds=3):%F %T} UTC)",
        ),
        ({"exp": ...}, "token-malformed", "expected a time in the identity token's exp, got none"),
        ({"exp": True}, "token-malformed", "expected a time in the identity token's exp, got none"),
        ({"exp": 1e300}, "token-malformed", "expected a time in the identity token's exp, got none"),
        ({"iss": ""}, "token-issuer", "expected an issuer (iss) in the identity token, got none"),
        ({"sub": ...}, "token-subject", "expected a subject (sub) in the identity token, got none"),
        (
            {"ci_config_ref_uri": None},
            "token-config-ref",
            "expected a claim ci_config_ref_uri that names the pipeline's configuration, got null",
        ),
        (
            {"ci_config_ref_uri": ...},
            "token-config-ref",
            "expected a claim ci_config_ref_uri that names the pipeline's configuration, got none",
        ),
        (
            {"pipeline_source": "merge_request_event"},
            "token-merge-request",
            "expected the pipeline of a branch or tag, got one of merge_request_event",
        ),
    ],
)
def test_wrong(claims: dict[str, Any], code: str, message: str) -> None:
    """Each wrong thing has its own code and sentence."""
    assert problem(unsigned(gitlab_claims() | TIMES | claims)) == (code, message)


def test_not_yet() -> None:
    """A token of the future is a clock that is wrong; half a minute is nothing."""
    moment = NOW - timedelta(minutes=5)
    assert problem(gitlab(), at=moment)[0] == "token-early"
    assert problem(gitlab(), at=NOW - timedelta(seconds=30)) == ("", "")


def test_a_pull_request_is_a_merge_request() -> None:
    """GitHub's event is refused alike."""
    token = IdentityToken.parse(SIGSTORE.oidc.github_token(event_name="pull_request_target"))
    assert problem(token)[0] == "token-merge-request"


def test_a_merge_request_can_be_insisted_on() -> None:
    """By the flag, and only that."""
    token = gitlab(pipeline_source="merge_request_event")
    assert problem(token, allow_merge_request=True) == ("", "")


def test_another_audience_can_be_asked_for() -> None:
    """A private Fulcio may have one of its own."""
    token = IdentityToken.parse(SIGSTORE.oidc.token(gitlab_claims(), audience="fulcio"))
    assert (problem(token)[0], problem(token, audience="fulcio")[0]) == ("token-audience", "")


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "a.b", "a.b.c", "a.b.c.d", "eyJhbGciOiJSUzI1NiJ9.W10.c2ln", "ey J.e30.x", "é.e30.x"),
        "e30." * 3,
        f"{'a' * 70_000}.e30.x",
    ],
)
def test_not_a_token(text: str) -> None:
    """Whatever is no JWT of a JSON object; and its text is not repeated."""
    with pytest.raises(SigningError) as raised:
        IdentityToken.parse(text)
    assert (raised.value.code, raised.value.__cause__) == ("token-malformed", None)
    assert len(text) < 4 or text not in raised.value.message + raised.value.hint


def test_no_secret_in_its_repr() -> None:
    """Nor in that of anything that holds it."""
    token = gitlab()
    assert token.secret not in repr(token)
    assert all(part not in repr([token]) for part in token.secret.split("."))
    assert repr(token).startswith("IdentityToken(iss='https://gitlab.example', sub='project_path:")


def test_kinds() -> None:
    """Who brought it."""
    hub = IdentityToken.parse(SIGSTORE.oidc.token(github_claims()))
    assert [(is_gitlab(each), is_github(each)) for each in (gitlab(), hub)] == [(True, False), (False, True)]
