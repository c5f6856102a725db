"""A policy for a GitLab project as GitLab describes it: anchored on its number, its refs and its CI file.

GitLab's wildcards (`*`: any characters, slashes too) become RE2 over the whole ref. What weakens the policy,
or cannot be known, is a warning and never a silent choice.
"""

from __future__ import annotations

from typing import Any

from vouchsafe.errors import ConfigurationError, MalformedError
from vouchsafe.image.reference import Repository
from vouchsafe.policy import gitlab, regexp
from vouchsafe.policy.identity import IdentityPattern
from vouchsafe.record import Record

# Instances whose pipelines the public-good Fulcio certifies (fulcio, config/identity/config.yaml).
PUBLIC_GOOD_INSTANCES = frozenset(
    (
        "https://gitlab.com",
        "https://dev.gitlab.org",
        "https://ops.gitlab.net",
        "https://gitlab.archlinux.org",
    )
)
_BRANCH = "refs/heads/"
_TAG = "refs/tags/"


class Project(Record):
    """`branches` and `tags` are the protected ones, as GitLab writes them; None: GitLab did not tell.

    `instance` is what GitLab calls itself, and the issuer of its tokens; `asked` where it was asked.
    `ci_config` is "" where GitLab's default applies and None where it did not tell. `registry` is where
    the project's images are, host and path; "" where it has no registry.
    """

    instance: str
    id: str
    path: str
    default_branch: str = ""
    ci_config: str | None = ""
    registry: str = ""
    branches: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    asked: str = ""


class Wanted(Record):
    """What the operator chose: refs ((), the default branch), where images are, which trust root."""

    refs: tuple[str, ...] = ()
    registry: str = ""
    trusted_root: str = ""
    runner_environment: str = "any"


class Written(Record):
    """The policy, as JSON values, and what the operator should know."""

    transports: dict[str, Any]
    patterns: tuple[IdentityPattern, ...]
    warnings: tuple[str, ...]

    @property
    def document(self) -> dict[str, Any]:
        """A complete policy: everything else is refused."""
        return {"default": [{"type": "reject"}], **self.drop_in}

    @property
    def drop_in(self) -> dict[str, Any]:
        """For /etc/vouchsafe/policy.d, where the default is another file's business."""
        return {"transports": self.transports}


def write(project: Project, wanted: Wanted) -> Written:
    """The policy for the project's pipelines. ConfigurationError when none can be written."""
    file = _ci_file(project)
    refs = [full_ref(ref) for ref in wanted.refs] or _usual_refs(project)
    said = [_said(project, ref, file, wanted) for ref in dict.fromkeys(refs)]
    patterns = tuple(_pattern(each) for each in said)
    fulcio: dict[str, Any] = {"trustedRootPath": wanted.trusted_root} if wanted.trusted_root else {}
    fulcio |= {"gitlab": said[0]} if len(said) == 1 else {"identities": [{"gitlab": each} for each in said]}
    # cosign signs the repository without a tag, which the default of containers/image refuses.
    requirement = {
        "type": "sigstoreSigned",
        "fulcio": fulcio,
        "signedIdentity": {"type": "matchRepository"},
    }
    return Written(
        transports={"docker": {_scope(project, wanted): [requirement]}},
        patterns=patterns,
        warnings=tuple(_warnings(project, refs, wanted)),
    )


def full_ref(text: str) -> str:
    """`main` is the branch; tags are written in full."""
    if not text.startswith("refs/"):
        return f"{_BRANCH}{text}"
    if not text.startswith((_BRANCH, _TAG)) or text in (_BRANCH, _TAG):
        raise ConfigurationError(
            "gitlab-ref",
            f"expected refs/heads/… or refs/tags/…, got {text!r}",
            hint="Merge requests are refused: anybody may open one.",
        )
    return text


def wildcard(text: str) -> str:
    """RE2 for GitLab's wildcards."""
    return ".*".join(regexp.escaped(part) for part in text.split("*"))


def is_protected(project: Project, ref: str) -> bool | None:
    """Whether only those whom the project names may push a ref (or any ref of a wildcard); None: unknown."""
    listed = project.tags if ref.startswith(_TAG) else project.branches
    if listed is None:
        return None
    name = ref.removeprefix(_TAG).removeprefix(_BRANCH)
    # A wildcard is covered by itself, and by a broader one that ends in a star: `v1.*` by `v*`.
    return any(each == name or regexp.matches(wildcard(each), name) for each in listed)


def _usual_refs(project: Project) -> list[str]:
    if not project.default_branch:
        raise ConfigurationError(
            "gitlab-ref",
            f"expected a default branch of {project.path}, got none: the project is empty",
            hint="Name a ref: --ref refs/heads/main",
        )
    return [f"{_BRANCH}{project.default_branch}"]


def _ci_file(project: Project) -> str:
    file = project.ci_config or gitlab.DEFAULT_CI_CONFIG
    if "@" in file or "://" in file:
        raise ConfigurationError(
            "gitlab-ci-config",
            f"expected the CI configuration in {project.path} itself, got {file!r}",
            hint="GitLab names no configuration of elsewhere in its tokens: such pipelines cannot be told apart."
            " Keep a .gitlab-ci.yml in the project that includes the other one.",
        )
    return file


def _said(project: Project, ref: str, file: str, wanted: Wanted) -> dict[str, Any]:
    elsewhere = project.instance != gitlab.GITLAB_COM
    said: dict[str, Any] = {"instance": project.instance} if elsewhere else {}
    said |= {"project": project.path, "projectID": project.id}
    if "*" in ref:
        said["refPattern"] = wildcard(ref)
    else:
        said["ref"] = ref
    if file != gitlab.DEFAULT_CI_CONFIG:
        said["ciConfig"] = file
    if wanted.runner_environment != "any":
        said["runnerEnvironment"] = wanted.runner_environment
    return said


def _pattern(said: dict[str, Any]) -> IdentityPattern:
    return gitlab.pattern(
        project=said["project"],
        project_id=said["projectID"],
        ref=said.get("ref", ""),
        ref_pattern=said.get("refPattern", ""),
        ci_config=said.get("ciConfig", gitlab.DEFAULT_CI_CONFIG),
        instance=said.get("instance", gitlab.GITLAB_COM),
        runner_environment=said.get("runnerEnvironment", "any"),
    )


def _scope(project: Project, wanted: Wanted) -> str:
    written = wanted.registry or project.registry
    if not written:
        raise ConfigurationError(
            "gitlab-registry",
            f"expected a container registry of {project.path}, got none",
            hint="Name where its images are: --registry registry.example/group/app",
        )
    try:
        name = Repository.parse(written).name
    except MalformedError as error:
        raise ConfigurationError("gitlab-registry", error.message, hint=error.hint) from error
    if name != written:
        raise ConfigurationError(
            "gitlab-registry", f"expected a name in full such as {name}, got {written!r}"
        )
    return name


def _warnings(project: Project, refs: list[str], wanted: Wanted) -> list[str]:
    found = []
    for ref in dict.fromkeys(refs):
        protected = is_protected(project, ref)
        if protected is None:
            found.append(f"whether {ref} is protected is unknown: GitLab tells members only. Use a token.")
        elif not protected:
            found.append(
                f"{ref} is not protected: everybody who may push to the project may sign. Protect it."
            )
    if project.asked not in ("", project.instance):
        found.append(
            f"{project.asked} calls itself {project.instance}: that is whose tokens the policy accepts. Is it?"
        )
    if project.ci_config is None:
        found.append(
            f"which CI file the project uses is unknown: {gitlab.DEFAULT_CI_CONFIG} is assumed. Use a token."
        )
    if project.instance not in PUBLIC_GOOD_INSTANCES and not wanted.trusted_root:
        found.append(
            f"the public-good Sigstore issues no certificates to {project.instance}: a private one is needed. Name"
            " its root with --trusted-root."
        )
    if not wanted.refs and project.tags:
        shown = ", ".join(project.tags)
        found.append(f"tags {shown} are protected but not accepted: add --ref 'refs/tags/{project.tags[0]}'")
    return found
