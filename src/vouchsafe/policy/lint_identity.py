"""What is unwise about an identity: patterns that accept strangers, refs that anybody may push to.

Patterns are probed, not parsed: a pattern that matches what no operator can have meant is too wide, however
it is written. Only where a wildcard stands (host, group, ref) is read off its text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from vouchsafe.errors import ConfigurationError
from vouchsafe.policy import github, gitlab, regexp
from vouchsafe.policy.finding import Suspicion
from vouchsafe.policy.identity import GITHUB_ISSUER, PROJECT_ID, PROJECT_URI, IdentityPattern

_STRANGERS = (
    "https://stranger.example/group/project//.gitlab-ci.yml@refs/heads/main",
    "https://stranger.example/owner/repository/.github/workflows/release.yml@refs/heads/main",
    "stranger@stranger.example",
)
_ANY_BRANCH = "refs/heads/xq7-feature"
_REQUESTS = ("refs/merge-requests/1/head", "refs/merge-requests/1/merge", "refs/pull/1/merge")
_URL = re.compile(
    r"\^?(?:\(\?:)?https\??:(?:\\?/){2}(?P<host>(?:\\.|[^/\\])*)(?:\\?/(?P<group>(?:\\.|[^/\\])*))?"
)
_META = re.compile(r"(?<!\\)(?:\\\\)*[.*+?\[\](){}|]|\\[dDwWsSpPC]")
_BARE_DOT = re.compile(r"(?<!\\)(?:\\\\)*\.(?![*+?{])")
_OWNER_ID = "source-repository-owner-identifier"
_NIL = "https://<nil>"


def of_identity(pattern: IdentityPattern, dialect: str) -> Iterator[Suspicion]:
    """Everything that is unwise about one identity. Claims cannot be written in the dialect `containers`."""
    yield from _issuer(pattern)
    yield from _exact_subject(pattern)
    if pattern.subject_regexp:
        yield from _subject_regexp(pattern.subject_regexp)
    if dialect == "vouchsafe":
        yield from _claims(pattern)


def _issuer(pattern: IdentityPattern) -> Iterator[Suspicion]:
    issuer = pattern.issuer
    if re.search(r"[\\*^$|()\[\]]", issuer):
        yield Suspicion(
            code="issuer-pattern",
            severity="error",
            message=f"expected an issuer's URL, got {issuer!r}, which is compared as it stands, not as a pattern",
            fix="Write the URL of one issuer; list several under `identities`.",
            key="oidcIssuer",
        )
    elif issuer.endswith("/"):
        yield Suspicion(
            code="issuer-slash",
            message=f"expected an issuer without a slash at the end, got {issuer!r}, which no known issuer uses",
            fix=f"Write {issuer.rstrip('/')}.",
            key="oidcIssuer",
        )


def _exact_subject(pattern: IdentityPattern) -> Iterator[Suspicion]:
    key = "subjectURI" if pattern.subject_uri else "subjectEmail"
    subject = pattern.subject_uri or pattern.subject_email
    if subject.startswith(_NIL):
        yield Suspicion(
            code="subject-nil",
            severity="error",
            message=f"expected a pipeline, got {_NIL}, which any project may get by keeping its CI file elsewhere",
            fix="Sign in a pipeline whose CI file is in the project itself.",
            key=key,
        )
    elif "*" in subject:
        yield Suspicion(
            code="subject-wildcard",
            severity="error",
            message=f"expected a subject, got {subject!r}, which is compared as it stands",
            fix="Use subjectRegexp, or refPattern in gitlab or github.",
            key=key,
        )


def _subject_regexp(text: str) -> Iterator[Suspicion]:
    key = "subjectRegexp"
    if any(regexp.matches(text, stranger) for stranger in _STRANGERS):
        yield Suspicion(
            code="subject-any",
            severity="error",
            message=f"expected a pattern of your own pipelines, got {text!r}, which matches everybody's",
            fix=r"Begin with the instance and the group: https://gitlab\.com/group/.*",
            key=key,
        )
        return
    if re.match(r"\^?\.[*+]", text):
        yield Suspicion(
            code="subject-prefix",
            severity="error",
            message=f"expected a pattern that begins with a host, got {text!r}: anything may stand before the name",
            fix="Remove the wildcard at the start; patterns match the whole subject here.",
            key=key,
        )
        return
    yield from _url(text)
    yield from _ref_of_regexp(text)


def _url(text: str) -> Iterator[Suspicion]:
    """Dots in the host, wildcards before the first fixed component of the path."""
    url = _URL.match(text)
    if url is None:
        return
    if _BARE_DOT.search(url["host"]):
        fixed = _BARE_DOT.sub(lambda dot: dot[0].replace(".", r"\."), url["host"])
        yield Suspicion(
            code="host-dot",
            message=f"expected escaped dots in the host, got {url['host']!r}: a dot matches any character",
            fix=f"Write {fixed}.",
            key="subjectRegexp",
        )
    wild_host = _META.search(_BARE_DOT.sub("", url["host"]))
    if wild_host or url["group"] is None or _META.search(_BARE_DOT.sub("", url["group"])):
        yield Suspicion(
            code="group-wildcard",
            severity="error",
            message=f"expected a fixed host and group, got {text!r}: the wildcard reaches into other groups",
            fix=r"Write the whole group and a slash before the wildcard: https://gitlab\.com/group/.*",
            key="subjectRegexp",
        )


def _ref_of_regexp(text: str) -> Iterator[Suspicion]:
    """The pattern after the last @ is that of the ref, where one can be told apart."""
    before, at, ref = text.removesuffix("$").rpartition("@")
    if not at or not before:
        if "://" in text.replace("\\", ""):
            yield _any_ref(text, "subjectRegexp")
        return
    try:
        yield from _ref_pattern(ref, "subjectRegexp")
    except ConfigurationError:  # part of a larger group: it cannot be judged alone
        return


def _ref_pattern(text: str, key: str) -> Iterator[Suspicion]:
    if regexp.matches(text, _ANY_BRANCH):
        yield _any_ref(text, key)
    elif any(regexp.matches(text, request) for request in _REQUESTS):
        yield Suspicion(
            code="ref-merge-requests",
            severity="error",
            message=f"expected a pattern of protected refs, got {text!r}, which matches merge or pull requests",
            fix="Name branches and tags: refs/heads/main, refs/tags/v[0-9.]+",
            key=key,
        )


def _any_ref(text: str, key: str) -> Suspicion:
    return Suspicion(
        code="ref-any",
        message=f"expected a pattern of protected refs, got {text!r}, which matches every branch",
        fix="Name the protected refs: refs/heads/main, refs/tags/v[0-9.]+",
        key=key,
    )


def _claims(pattern: IdentityPattern) -> Iterator[Suspicion]:
    """What the subject of a CI pipeline leaves open and only claims can close."""
    subject = pattern.subject or pattern.subject_uri or pattern.subject_regexp
    is_github = pattern.issuer == GITHUB_ISSUER
    if not is_github and ("://" not in subject.replace("\\", "") or "gitlab" not in subject + pattern.issuer):
        return
    shorthand = "github" if is_github else "gitlab"
    if not {PROJECT_ID, _OWNER_ID}.intersection(pattern.claims):
        id_key = "repositoryID" if is_github else "projectID"
        yield Suspicion(
            code="project-id",
            message=f"expected the numeric id of the project of {subject!r}, got a path: paths can be registered again",
            fix=f"Write {shorthand}.{id_key}, or the claim {PROJECT_ID} or {_OWNER_ID}.",
            key=shorthand,
        )
    if is_github and not {PROJECT_ID, PROJECT_URI}.intersection(pattern.claims):
        yield Suspicion(
            code="workflow-callers",
            message=f"expected the repository that {subject!r} was called from, got any: workflows are reusable",
            fix=f"Add the claim {PROJECT_URI} or {PROJECT_ID}.",
            key="subjectURI",
        )
    triggers = pattern.claims.get("build-trigger", ())
    if not triggers and "build-trigger" not in pattern.claim_regexps:
        yield Suspicion(
            code="trigger-any",
            message=f"expected triggers of {subject!r}, got any: a merge request can carry the same subject",
            fix=f"Use the shorthand {shorthand}, or add the claim build-trigger.",
            key="claims",
        )
    asked = sorted((gitlab.MERGE_REQUEST_TRIGGERS | github.PULL_REQUEST_TRIGGERS).intersection(triggers))
    if asked:
        yield Suspicion(
            code="trigger-merge-request",
            message=f"expected triggers that run reviewed code, got {asked[0]}: anybody may open a merge request",
            fix=f"Remove {asked[0]} from triggers.",
            key=shorthand,
        )
