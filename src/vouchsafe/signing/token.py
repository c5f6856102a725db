"""An OIDC identity token, read but not believed: what would go wrong with it, said before anything is published.

Fulcio verifies tokens; here only the claims are read, because its refusals come late and say little
(expired, wrong audience and garbage give one message). The token itself is a secret: it is no part of any
repr, message or record but this one.

>>> IdentityToken.parse("nonsense")
Traceback (most recent call last):
vouchsafe.errors.SigningError: expected an identity token (a JWT of three parts), got something else
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from vouchsafe.errors import MalformedError, SigningError
from vouchsafe.record import Record
from vouchsafe.strictjson import base64_bytes
from vouchsafe.strictjson import parse as parse_json

AUDIENCE = "sigstore"
LARGEST_TOKEN = 64 * 1024  # characters; GitLab's have 1 500
LEAST_LEFT = timedelta(seconds=5)  # of life, so that the token arrives alive
SKEW = timedelta(minutes=1)  # by which the issuer's clock may be ahead of ours
_JWT = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=")

_LIFE_HINT = (
    "Sign in a job of its own, right after the build; of many images some in each call. What is signed already is not "
    "signed again."
)
_GITLAB_LIFE_HINT = (
    f"{_LIFE_HINT} A GitLab id token lives as long as the job's `timeout:`, or 5 minutes where none is set."
)
_CONFIG_HINT = (
    "The pipeline's configuration must be a file of this project: AutoDevOps, a child pipeline or a "
    "configuration of another project has no identity that Fulcio can name."
)
_REQUEST_HINT = (
    "A merge request's pipeline may be somebody else's code under this project's name. Sign in the pipeline of "
    "a protected branch or tag; in the merge request use --dry-run, or insist with --allow-merge-request."
)


class IdentityToken(Record):
    """`secret` is the token as it is sent; `claims` are what it says, believed by nobody here."""

    secret: str
    claims: dict[str, Any]

    @classmethod
    def parse(cls, untrusted_text: str) -> IdentityToken:
        """Read the claims of a JWT (RFC 7519) without checking its signature. SigningError `token-malformed`."""
        parts = untrusted_text.split(".")
        if len(parts) != 3 or len(untrusted_text) > LARGEST_TOKEN or not _JWT.issuperset(untrusted_text):
            raise _malformed()
        try:
            body = base64_bytes(parts[1], "identity token")
            claims = parse_json(body, what="identity token")
        except MalformedError:
            raise _malformed() from None  # a parser's message quotes what it could not read
        if not isinstance(claims, dict):
            raise _malformed()
        return cls(secret=untrusted_text, claims=claims)

    @property
    def expires(self) -> datetime:
        """When the token ends (`exp`). SigningError when it does not say."""
        return _moment(self.claims.get("exp"), "exp")

    def text(self, name: str) -> str:
        """A claim, "" when it is absent, null or no text."""
        value = self.claims.get(name)
        return value if isinstance(value, str) else ""

    def __repr__(self) -> str:
        """Without the secret."""
        return f"IdentityToken(iss={self.text('iss')!r}, sub={self.text('sub')!r}, …)"


def check(
    token: IdentityToken, *, at: datetime, audience: str = AUDIENCE, allow_merge_request: bool = False
) -> None:
    """Raise SigningError with a code and a way out for what Fulcio would refuse, or a host would."""
    check_audience(token, audience)
    check_life(token, at=at)
    if not token.text("iss"):
        raise SigningError("token-issuer", "expected an issuer (iss) in the identity token, got none")
    if not token.text("sub"):
        raise SigningError("token-subject", "expected a subject (sub) in the identity token, got none")
    _check_gitlab(token)
    if not allow_merge_request and is_merge_request(token):
        raise SigningError(
            "token-merge-request",
            f"expected the pipeline of a branch or tag, got one of {_trigger(token)}",
            hint=_REQUEST_HINT,
        )


def check_audience(token: IdentityToken, audience: str) -> None:
    """The token must be meant for Fulcio: SigningError `token-audience`."""
    said = token.claims.get("aud")
    audiences = said if isinstance(said, list) else [said]
    if audience not in audiences:
        got = ", ".join(repr(each) for each in audiences if isinstance(each, str)) or "none"
        raise SigningError(
            "token-audience",
            f"expected an identity token for the audience {audience!r}, got one for {got}",
            hint=f"In GitLab: `id_tokens: SIGSTORE_ID_TOKEN: aud: {audience}`.",
        )


def check_life(token: IdentityToken, *, at: datetime) -> None:
    """The token must be alive: SigningError `token-expired` or `token-early`."""
    left = (token.expires - at).total_seconds()
    if left < LEAST_LEFT.total_seconds():
        when = f"expires in {left:.0f} s" if left > 0 else f"expired {-left:.0f} s ago"
        raise SigningError(
            "token-expired",
            f"expected an identity token that is valid, got one that {when} ({token.expires:%F %T} UTC)",
            hint=_GITLAB_LIFE_HINT if is_gitlab(token) else _LIFE_HINT,
        )
    if "nbf" in token.claims and _moment(token.claims["nbf"], "nbf") > at + SKEW:
        raise SigningError(
            "token-early",
            f"expected an identity token that is valid, got one for after {_moment(token.claims['nbf'], 'nbf')}",
            hint="Is this machine's clock right?",
        )


def is_gitlab(token: IdentityToken) -> bool:
    """Whether a GitLab pipeline brought it."""
    return "project_path" in token.claims and "namespace_id" in token.claims


def is_github(token: IdentityToken) -> bool:
    """Whether a GitHub workflow brought it."""
    return "job_workflow_ref" in token.claims


def is_merge_request(token: IdentityToken) -> bool:
    """Whether it speaks of code that nobody has merged."""
    if is_gitlab(token):
        return token.text("pipeline_source") == "merge_request_event"
    return is_github(token) and token.text("event_name").startswith("pull_request")


def _check_gitlab(token: IdentityToken) -> None:
    """`ci_config_ref_uri` null makes Fulcio certify `https://<nil>`; absent, it refuses."""
    if is_gitlab(token) and not token.text("ci_config_ref_uri"):
        got = "null" if "ci_config_ref_uri" in token.claims else "none"
        raise SigningError(
            "token-config-ref",
            f"expected a claim ci_config_ref_uri that names the pipeline's configuration, got {got}",
            hint=_CONFIG_HINT,
        )


def _trigger(token: IdentityToken) -> str:
    return token.text("pipeline_source") or token.text("event_name")


def _moment(value: object, name: str) -> datetime:
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise SigningError("token-malformed", f"expected a time in the identity token's {name}, got none")


def _malformed() -> SigningError:
    return SigningError(
        "token-malformed",
        "expected an identity token (a JWT of three parts), got something else",
        hint="Pass the token alone: no quotes, no line breaks, not the name of a variable.",
    )
