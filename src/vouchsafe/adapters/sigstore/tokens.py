"""Where an identity token comes from: a file, a variable, or the CI system itself (library `id`).

Never the command line, which every user of the machine can read. What is taken from the environment is also
removed from it, so that programs that are started later (cosign, skopeo, credential helpers) do not inherit it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping

from vouchsafe.adapters.files import Missing, read_regular
from vouchsafe.adapters.http import redacted
from vouchsafe.errors import SigningError, Unavailable

VARIABLE = "SIGSTORE_ID_TOKEN"
PASSWORDS = ("VOUCHSAFE_KEY_PASSWORD", "COSIGN_PASSWORD")
LARGEST_TOKEN = 64 * 1024  # bytes
STDIN = "-"
# Where `id` finds a token without asking a network that may not be there.
AMBIENT = ("GITHUB_ACTIONS", "GITLAB_CI", "BUILDKITE", "CIRCLECI", "GOOGLE_SERVICE_ACCOUNT_NAME")
REQUEST_TOKEN = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
_HINT = (
    "In GitLab CI add `id_tokens: SIGSTORE_ID_TOKEN: aud: sigstore` to the job; on GitHub `permissions: "
    "id-token: write`; elsewhere give --identity-token FILE, or --key to sign without an identity."
)


def identity_token(path: str, *, audience: str, environ: MutableMapping[str, str] = os.environ) -> str:
    """The token of `path` (`-` is standard input), else of SIGSTORE_ID_TOKEN, else of the CI system.

    SigningError `token-absent`; Unavailable when the CI system should have one and gives none.
    """
    from_variable = environ.pop(VARIABLE, "").strip()
    if path:
        return _from_file(path)
    if from_variable:
        return from_variable
    if any(environ.get(name) for name in AMBIENT):
        found = _ambient(environ, audience)
        if found:
            return found
    raise SigningError("token-absent", "expected an identity token to sign with, got none", hint=_HINT)


def key_password(environ: MutableMapping[str, str] = os.environ) -> str:
    """The password of a private key's file, "" when none is set."""
    found = [environ.pop(name, "") for name in PASSWORDS]
    return next((password for password in found if password), "")


def looks_like_a_token(text: str) -> bool:
    """Whether this is a JWT rather than the name of a file."""
    return text.startswith("eyJ") and text.count(".") == 2 and "/" not in text


def _from_file(path: str) -> str:
    if looks_like_a_token(path):  # whoever wrote this must be told without it being shown again
        raise SigningError(
            "token-on-command-line",
            "expected the name of a file with the identity token, got what looks like the token itself",
            hint="The command line is readable by every user of the machine. Use SIGSTORE_ID_TOKEN or a file.",
        )
    if path == STDIN:
        content = sys.stdin.buffer.read(LARGEST_TOKEN + 1)
    else:
        try:
            content = read_regular(path, largest=LARGEST_TOKEN)
        except Missing as absent:
            raise SigningError(
                "token-absent",
                f"expected an identity token in the file {path}, got no such file",
                hint="--identity-token takes a file's name, or - for standard input; never the token itself.",
            ) from absent
    token = content.decode("ascii", "replace").strip()
    if not token:
        raise SigningError("token-absent", "expected an identity token, got an empty file", hint=_HINT)
    return token


def _ambient(environ: MutableMapping[str, str], audience: str) -> str:
    import id as ambient  # the library's name; imported where a CI system gives tokens itself
    from urllib3.exceptions import HTTPError

    request_token = environ.get(REQUEST_TOKEN, "")
    try:
        return ambient.detect_credential(audience) or ""
    except ambient.GitHubOidcPermissionCredentialError:
        raise SigningError(
            "token-absent", "expected GitHub to give this job an identity token, got none", hint=_HINT
        ) from None
    except ambient.IdentityError as error:
        said = redacted(str(error), request_token)
        if environ.get("GITLAB_CI"):
            raise SigningError(
                "token-absent", "expected an identity token to sign with, got none", hint=_HINT
            ) from None
        raise Unavailable(
            "token-ambient", f"expected an identity token from the CI system, got: {said}", retryable=True
        ) from None
    except HTTPError as error:
        kind = type(error).__name__
        raise Unavailable(
            "token-ambient", f"expected an identity token from the CI system, got {kind}", retryable=True
        ) from None
    finally:
        environ.pop(REQUEST_TOKEN, None)
