"""IdentityPattern: whom we accept, and exactly what was different about somebody else.

Issuer and subject are both mandatory, and every matcher that is written is applied (CVE-2025-29778: a
matcher that was read and never used). A claim that a certificate does not carry matches nothing.

>>> pattern = IdentityPattern(
...     issuer="https://gitlab.com", subject_uri="https://gitlab.com/g/p//.gitlab-ci.yml@refs/heads/main"
... )
>>> str(pattern)
'https://gitlab.com/g/p//.gitlab-ci.yml@refs/heads/main (issuer https://gitlab.com)'
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vouchsafe.errors import ConfigurationError
from vouchsafe.policy import regexp
from vouchsafe.record import Record

if TYPE_CHECKING:
    from vouchsafe.verification.identity import Identity

# Fulcio's oid-info.md in kebab-case, .2 to .6 and .9 to .24. By number again in verification.identity_reading:
# a plugin compares identities without X.509. A test holds both together.
CLAIM_NAMES = (
    "github-workflow-trigger",
    "github-workflow-sha",
    "github-workflow-name",
    "github-workflow-repository",
    "github-workflow-ref",
    "build-signer-uri",
    "build-signer-digest",
    "runner-environment",
    "source-repository-uri",
    "source-repository-digest",
    "source-repository-ref",
    "source-repository-identifier",
    "source-repository-owner-uri",
    "source-repository-owner-identifier",
    "build-config-uri",
    "build-config-digest",
    "build-trigger",
    "run-invocation-uri",
    "source-repository-visibility-at-signing",
    "deployment-environment",
    "token-subject",
)
PROJECT_URI = "source-repository-uri"
PROJECT_ID = "source-repository-identifier"
GITHUB_ISSUER = "https://token.actions.githubusercontent.com"
ABSENT = "nothing"
NIL = "https://<nil>"  # the subject of every GitLab pipeline whose configuration lies elsewhere
_WORKFLOWS = "/.github/workflows/"
_EVERY_GITLAB = "https://gitlab.com/"


class Mismatch(Record):
    """One thing that differs. `field` is issuer, subject, subject-kind or a claim's name."""

    field: str
    expected: str
    got: str

    def __str__(self) -> str:
        """For people."""
        return f"expected {self.field} {self.expected}, got {self.got}"


class IdentityPattern(Record):
    """Whom a requirement accepts. All of what is written must hold; at least one subject must be written.

    `subject` is exact and of any kind (what `--certificate-identity` gives), `subject_uri` and
    `subject_email` are exact and of that kind, `subject_regexp` is RE2 over the whole subject. A claim of
    `claims` must equal one of its values; a claim of `claim_regexps` must match as a whole.
    """

    issuer: str
    subject: str = ""
    subject_uri: str = ""
    subject_email: str = ""
    subject_regexp: str = ""
    claims: Mapping[str, tuple[str, ...]] = {}
    claim_regexps: Mapping[str, str] = {}

    def _check(self) -> None:
        if not self.issuer:
            raise ConfigurationError("policy-identity", "expected an issuer, got none")
        if not (self.subject or self.subject_uri or self.subject_email or self.subject_regexp):
            raise ConfigurationError("policy-identity", "expected a subject, got none")
        for name, values in self.claims.items():
            _known(name)
            if not values or not all(values):
                raise ConfigurationError("policy-identity", f"expected a value of the claim {name}, got none")
        for name, pattern in self.claim_regexps.items():
            _known(name)
            regexp.check(pattern)
        if self.subject_regexp:
            regexp.check(self.subject_regexp)

    def mismatches(self, identity: Identity) -> tuple[Mismatch, ...]:
        """What differs, the most telling first; nothing when this is whom we accept."""
        found: list[Mismatch] = []
        _compare(found, "issuer", (self.issuer,), identity.issuer)
        for wanted, kind in ((self.subject, ""), (self.subject_uri, "uri"), (self.subject_email, "email")):
            if wanted:
                _compare(found, "subject", (wanted,), identity.subject)
                if kind and identity.subject_kind != kind:
                    found.append(Mismatch(field="subject-kind", expected=kind, got=identity.subject_kind))
        if self.subject_regexp:
            _compare_regexp(found, "subject", self.subject_regexp, identity.subject)
        for name, values in self.claims.items():
            _compare(found, name, values, identity.claims.get(name))
        for name, pattern in self.claim_regexps.items():
            _compare_regexp(found, name, pattern, identity.claims.get(name))
        return tuple(found)

    def pins_project(self, identity: Identity) -> bool:
        """Whether only one project can be meant: by its id, by its URI, or by a subject that is the project's own.

        GitHub's subject is not, of github.com or of an own server: it names the reusable workflow, which any
        repository may call. Nor is that of a GitLab pipeline whose configuration lies in another project, named
        or not: all that include it share it.
        """
        if len(self.claims.get(PROJECT_ID, ())) == 1:
            return True
        paths = {project_path(value) for value in self.claims.get(PROJECT_URI, ())}
        if len(paths) == 1 and "" not in paths:
            return True
        subject = self.subject_uri or self.subject
        if "://" not in subject or self._is_github or _WORKFLOWS in subject or subject.startswith(NIL):
            return False
        scheme, _, rest = subject.partition("://")  # a file's name or a ref may hold `//` again
        project, file, _ = rest.partition("//")
        configured = project_path(f"{scheme}://{project}") if file else ""
        built = project_path(identity.claims.get(PROJECT_URI, ""))
        return not configured or not built or configured == built

    @property
    def _is_github(self) -> bool:
        return self.issuer == GITHUB_ISSUER or self.issuer.startswith(f"{GITHUB_ISSUER}/")

    def __str__(self) -> str:
        """For people: the subject and the issuer; a pattern stands between slashes."""
        exact = self.subject or self.subject_uri or self.subject_email
        return f"{exact or f'/{self.subject_regexp}/'} (issuer {self.issuer})"


def project_path(uri: str) -> str:
    """`group/project` of a project's URI, "" when it has no such path. The host is not looked at:

    Fulcio's template writes https://gitlab.com there for every GitLab, and the issuer names the instance.
    """
    scheme, _, rest = uri.partition("://")
    host, _, path = rest.partition("/")
    parts = path.removesuffix("/").split("/")
    if not scheme or not host or len(parts) < 2 or any(part in {"", ".", ".."} for part in parts):
        return ""
    return "/".join(parts)


def project_uri(identity: Identity) -> str:
    """The URI of the project that a certificate names, "" when it names none.

    Where Fulcio wrote https://gitlab.com for a pipeline of another GitLab, the issuer is the instance.
    """
    written = identity.claims.get(PROJECT_URI, "")
    if written.startswith(_EVERY_GITLAB) and identity.subject.startswith(f"{identity.issuer}/"):
        return f"{identity.issuer}/{written.removeprefix(_EVERY_GITLAB)}"
    return written


def _known(name: str) -> None:
    if name not in CLAIM_NAMES:
        raise ConfigurationError(
            "policy-claim", f"expected one of {', '.join(CLAIM_NAMES)}, got the claim {name!r}"
        )


def _compare(found: list[Mismatch], field: str, wanted: tuple[str, ...], got: str | None) -> None:
    if got not in wanted:
        found.append(Mismatch(field=field, expected=" or ".join(wanted), got=got or ABSENT))


def _compare_regexp(found: list[Mismatch], field: str, pattern: str, got: str | None) -> None:
    if got is None or not regexp.matches(pattern, got):
        # Whoever comes from cosign, which matches anywhere, is told what is different here.
        part = got is not None and regexp.finds(pattern, got)
        expected = f"all of it to match /{pattern}/" if part else f"/{pattern}/"
        found.append(Mismatch(field=field, expected=expected, got=got or ABSENT))
