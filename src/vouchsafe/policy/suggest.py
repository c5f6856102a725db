"""What a safe policy for a signer would say: anchored, complete, and accepting exactly that kind of signature.

A suggestion is made from a certificate that somebody has, so it accepts that certificate, or there is none
and it says why. It pins issuer, subject, numeric id, ref, trigger and, on the platform's own machines, the
runner; what nobody can know from a certificate is a remark, beside the `cautions` of `meaning`.
"""

from __future__ import annotations

from typing import Any

from vouchsafe.errors import ConfigurationError
from vouchsafe.policy import github, gitlab, regexp
from vouchsafe.policy.identity import PROJECT_ID, PROJECT_URI, IdentityPattern, project_path
from vouchsafe.policy.meaning import NIL, is_foreign, platform
from vouchsafe.record import Record
from vouchsafe.verification.identity import Identity

TAG_PATTERN = "refs/tags/[^/]+"
_PINNED_BESIDES = (PROJECT_URI, PROJECT_ID, "build-trigger")  # where no shorthand fits
_HOSTED = frozenset(("gitlab-hosted", "github-hosted"))


class Suggestion(Record):
    """`fulcio` is the object for `sigstoreSigned`, None where nothing safe can be said; `remarks` are for people."""

    fulcio: dict[str, Any] | None
    pattern: IdentityPattern | None
    remarks: tuple[str, ...]

    @property
    def requirement(self) -> dict[str, Any] | None:
        """The requirement to put into a scope of a policy."""
        if self.fulcio is None:
            return None
        # cosign signs the repository without a tag, which the default of containers/image refuses.
        name = {"type": "matchRepository"}
        return {"type": "sigstoreSigned", "fulcio": self.fulcio, "signedIdentity": name}


def suggest(identity: Identity, *, trusted_root: str = "") -> Suggestion:
    """For the signer that this certificate names; `trusted_root`: the file of whom it was verified by."""
    why_not = refused(identity)
    if why_not:
        return Suggestion(fulcio=None, pattern=None, remarks=(why_not,))
    shorthand = {"gitlab": _gitlab, "github": _github, "other": _explicit}[platform(identity)]
    for make in (shorthand, _explicit):  # a name may be one that the shorthand has no words for
        try:
            fulcio, pattern, remarks = make(identity)
        except ConfigurationError:
            continue
        if not pattern.mismatches(identity):
            trust = {"trustedRootPath": trusted_root} if trusted_root else {}
            return Suggestion(fulcio=trust | fulcio, pattern=pattern, remarks=remarks)
    return Suggestion(
        fulcio=None, pattern=None, remarks=("No policy can be written for a signer of that name.",)
    )


_Made = tuple[dict[str, Any], IdentityPattern, tuple[str, ...]]


def refused(identity: Identity) -> str:
    """Why no safe policy accepts this signer; "" where one may."""
    trigger = identity.claims.get("build-trigger", "")
    if identity.subject.startswith(NIL):
        return (
            "No policy can name this signer: its subject belongs to every pipeline whose configuration lies elsewhere."
            " Keep the configuration in the project itself, and sign again."
        )
    if trigger in gitlab.MERGE_REQUEST_TRIGGERS | github.PULL_REQUEST_TRIGGERS:
        return (
            f"No safe policy accepts a build that a {trigger} started: anybody may open one. Sign on protected"
            " branches and tags."
        )
    if platform(identity) == "gitlab" and is_foreign(identity):
        return "No safe policy accepts a pipeline whose subject names another project than its token."
    return ""


def _gitlab(identity: Identity) -> _Made:
    project = project_path(identity.claims.get(PROJECT_URI, ""))
    base = f"{identity.issuer}/{project}//"
    file, _, ref = identity.subject.removeprefix(base).rpartition("@")
    said: dict[str, Any] = {"instance": identity.issuer} if identity.issuer != gitlab.GITLAB_COM else {}
    said |= {"project": project} | _said(identity, "projectID", ref)
    said |= {"ciConfig": file} if file != gitlab.DEFAULT_CI_CONFIG else {}
    said |= _triggers(identity, gitlab.DEFAULT_TRIGGERS)
    pattern = gitlab.pattern(
        project=project,
        project_id=said.get("projectID", ""),
        ref=said.get("ref", ""),
        ref_pattern=said.get("refPattern", ""),
        ci_config=file,
        instance=identity.issuer,
        triggers=tuple(said.get("triggers", gitlab.DEFAULT_TRIGGERS)),
        runner_environment=said.get("runnerEnvironment", "any"),
    )
    return {"gitlab": said}, pattern, _ref_remarks(ref)


def _github(identity: Identity) -> _Made:
    repository = project_path(identity.claims.get(PROJECT_URI, ""))
    base = f"{github.GITHUB}/{repository}/.github/workflows/"
    workflow, _, ref = identity.subject.removeprefix(base).rpartition("@")
    said: dict[str, Any] = {"repository": repository, "workflow": workflow}
    said |= _said(identity, "repositoryID", ref)
    said |= _triggers(identity, github.DEFAULT_TRIGGERS)
    pattern = github.pattern(
        repository=repository,
        workflow=workflow,
        repository_id=said.get("repositoryID", ""),
        ref=said.get("ref", ""),
        ref_pattern=said.get("refPattern", ""),
        triggers=tuple(said.get("triggers", github.DEFAULT_TRIGGERS)),
        runner_environment=said.get("runnerEnvironment", "any"),
    )
    return {"github": said}, pattern, _ref_remarks(ref)


def _said(identity: Identity, id_key: str, ref: str) -> dict[str, Any]:
    """What both shorthands have: id, ref, runner."""
    said: dict[str, Any] = {id_key: identity.claims[PROJECT_ID]} if PROJECT_ID in identity.claims else {}
    # The next release has another tag, so that only a pattern is of use.
    said |= {"refPattern": TAG_PATTERN} if regexp.matches(TAG_PATTERN, ref) else {"ref": ref}
    runner = identity.claims.get("runner-environment", "")
    return said | ({"runnerEnvironment": runner} if runner in _HOSTED else {})


def _triggers(identity: Identity, usual: tuple[str, ...]) -> dict[str, Any]:
    trigger = identity.claims.get("build-trigger", "")
    return {} if not trigger or trigger in usual else {"triggers": [trigger]}


def _ref_remarks(ref: str) -> tuple[str, ...]:
    if ref.startswith("refs/tags/"):
        return (
            "Protect the tags (or narrow refPattern to the protected ones): whoever may push a tag may sign.",
        )
    return (f"Protect {ref.removeprefix('refs/heads/')}: whoever may push to it may sign.",)


def _explicit(identity: Identity) -> _Made:
    """Everything written out, for signers that no shorthand covers."""
    claims = {name: identity.claims[name] for name in _PINNED_BESIDES if identity.claims.get(name)}
    fulcio: dict[str, Any] = {"oidcIssuer": identity.issuer}
    patterns = {name: (value,) for name, value in claims.items()}
    match identity.subject_kind:
        case "uri":
            fulcio["subjectURI"] = identity.subject
            pattern = IdentityPattern(issuer=identity.issuer, subject_uri=identity.subject, claims=patterns)
        case "email":
            fulcio["subjectEmail"] = identity.subject
            pattern = IdentityPattern(issuer=identity.issuer, subject_email=identity.subject, claims=patterns)
        case _:
            escaped = regexp.escaped(identity.subject)
            fulcio["subjectRegexp"] = escaped
            pattern = IdentityPattern(issuer=identity.issuer, subject_regexp=escaped, claims=patterns)
    if claims:
        fulcio["claims"] = claims
    return fulcio, pattern, ()
