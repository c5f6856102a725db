"""What a signer's certificate says, in words: each claim, who wrote it, and how far it may be relied on.

Fulcio copies claims from the token of the signer's platform, so a claim is as true as the platform that
issued the token, and no more. What a name meant yesterday it may not mean tomorrow: the advice says which
claims to pin, which to compare besides, and which are for people. Extensions: Fulcio's oid-info.md.
"""

from __future__ import annotations

import re
from typing import Literal

from vouchsafe.policy.identity import GITHUB_ISSUER, PROJECT_ID, PROJECT_URI, project_path
from vouchsafe.record import Record
from vouchsafe.verification.identity import Identity

Advice = Literal["pin", "compare", "informs"]
Platform = Literal["gitlab", "github", "other"]
ARC = "1.3.6.1.4.1.57264.1"
NIL = "https://<nil>"
_GITLAB_SUBJECT = re.compile(r"https://[^/]+(?P<project>/.+)//(?P<file>.+)@(?P<ref>refs/.+)", re.DOTALL)
_MERGE_REQUESTS = frozenset(
    ("merge_request_event", "external_pull_request_event", "pull_request", "pull_request_target")
)


class Meaning(Record):
    """One thing a certificate says. `advice`: pin it in a policy, compare it besides, or read it only."""

    name: str
    extension: str
    value: str
    advice: Advice
    text: str


_ANY: dict[str, tuple[str, Advice, str]] = {
    "build-signer-uri": ("9", "compare", "The file with the build's instructions, and its ref."),
    "build-signer-digest": ("10", "informs", "The commit of that file."),
    "runner-environment": ("11", "compare", "Whose machine ran the job, as the platform tells it."),
    PROJECT_URI: (
        "12",
        "compare",
        "The project, by its path. A path can be renamed, and registered again by somebody else.",
    ),
    "source-repository-digest": ("13", "informs", "The commit that was built."),
    "source-repository-ref": (
        "14",
        "pin",
        "The branch or tag that was built. Whether it is protected, no certificate says.",
    ),
    PROJECT_ID: (
        "15",
        "pin",
        (
            "The project's number. The platform gives each number once, so that it survives renames and is not"
            " had by registering a path again. It means something together with the issuer only."
        ),
    ),
    "source-repository-owner-uri": ("16", "informs", "The group, user or organisation, by its path."),
    "source-repository-owner-identifier": ("17", "compare", "Its number, given once like the project's."),
    "build-config-uri": ("18", "compare", "The top-level build configuration, and its ref."),
    "build-config-digest": ("19", "informs", "The commit of that configuration."),
    "build-trigger": (
        "20",
        "pin",
        "What started the build. Builds that anybody may start must not sign for you.",
    ),
    "run-invocation-uri": ("21", "informs", "The run itself: a link for people, different every time."),
    "source-repository-visibility-at-signing": (
        "22",
        "informs",
        "Who could see the project then. Public logs show the names of private projects, too.",
    ),
    "deployment-environment": (
        "23",
        "compare",
        "The environment that the job deployed to. It is worth something where the platform protects it.",
    ),
    "token-subject": ("24", "informs", "The subject of the token, as the platform wrote it."),
    "github-workflow-trigger": ("2", "informs", "Of old, from GitHub only: use build-trigger."),
    "github-workflow-sha": ("3", "informs", "Of old, from GitHub only: use source-repository-digest."),
    "github-workflow-name": (
        "4",
        "informs",
        "Of old, from GitHub only: the workflow's display name, which its author chooses freely.",
    ),
    "github-workflow-repository": ("5", "informs", "Of old, from GitHub only: use source-repository-uri."),
    "github-workflow-ref": ("6", "informs", "Of old, from GitHub only: use source-repository-ref."),
}
_GITLAB: dict[str, str] = {
    "build-signer-uri": "The pipeline's configuration and its ref: with GitLab the same as the subject. CI/CD"
    " components and included files are not named anywhere in the certificate.",
    "build-config-uri": "The pipeline's configuration and its ref: with GitLab the same as the subject.",
    "runner-environment": "gitlab-hosted is GitLab's own machine, self-hosted any runner that was registered.",
    PROJECT_URI: "The project, by its path. Fulcio writes https://gitlab.com here for every GitLab instance: the"
    " issuer names the instance. A path can be registered again by somebody else.",
    "build-trigger": "What started the pipeline. merge_request_event runs the code of whoever opened the merge"
    " request; push, web, schedule, api and trigger need write access or a token.",
    "deployment-environment": "The job's `environment`. Only protected environments restrict who may name it.",
}
_GITHUB: dict[str, str] = {
    "build-signer-uri": "The workflow that ran, and its ref: a reusable one where the job called one. Any"
    " repository may call a reusable workflow of a public repository.",
    "build-config-uri": "The workflow of the repository itself that started the run.",
    "runner-environment": "github-hosted is GitHub's own machine, self-hosted any runner that was registered.",
    "build-trigger": "What started the workflow. pull_request and pull_request_target can run the code of"
    " whoever opened the pull request, the latter under the base's own ref.",
}
_SUBJECTS: dict[str, str] = {
    "gitlab": "The pipeline's configuration file and the ref it ran on. Any job of that pipeline can get this"
    " name. By itself it is no identity: the path may be registered again, and merge requests may carry it.",
    "github": "The workflow file and its ref. A reusable workflow has this name in every repository that calls"
    " it, so by itself it is no identity.",
    "uri": "The name that the issuer's kind of workload has in Fulcio.",
    "email": "A person, by a mail address that the issuer says was verified. Whoever gets into the mailbox or"
    " the account can sign as this person.",
    "other": "A user's name together with the issuer's domain.",
}


def platform(identity: Identity) -> Platform:
    """Whose rules the claims follow. Self-managed GitLab instances are told by the form of the subject."""
    if identity.issuer == GITHUB_ISSUER or identity.issuer.startswith(f"{GITHUB_ISSUER}/"):
        return "github"
    run = identity.claims.get("run-invocation-uri", "")
    is_gitlab = identity.subject == NIL or "/-/jobs/" in run or _GITLAB_SUBJECT.fullmatch(identity.subject)
    return "gitlab" if is_gitlab else "other"


def meanings(identity: Identity) -> tuple[Meaning, ...]:
    """Issuer, subject, then each claim in the order of its extension."""
    kind = platform(identity)
    said = _GITLAB if kind == "gitlab" else _GITHUB if kind == "github" else {}
    claims = [
        Meaning(
            name=name,
            extension=f"{ARC}.{number}",
            value=identity.claims[name],
            advice=advice,
            text=said.get(name, text),
        )
        for name, (number, advice, text) in _ANY.items()
        if name in identity.claims
    ]
    return (_issuer(identity), _subject(identity, kind), *claims)


def _issuer(identity: Identity) -> Meaning:
    text = (
        "Who vouched for the signer: Fulcio accepted a token of this issuer. Names mean nothing without it,"
        " because another issuer may vouch for the same ones."
    )
    return Meaning(name="issuer", extension=f"{ARC}.8", value=identity.issuer, advice="pin", text=text)


def _subject(identity: Identity, kind: Platform) -> Meaning:
    text = _SUBJECTS[identity.subject_kind if kind == "other" else kind]
    return Meaning(
        name="subject", extension="subjectAltName", value=identity.subject, advice="pin", text=text
    )


def cautions(identity: Identity) -> tuple[str, ...]:
    """What is dangerous about exactly this certificate, the worst first."""
    found = []
    if identity.subject.startswith(NIL):
        found.append(
            f"The subject is {NIL}: the pipeline's configuration lies outside of the project. Every such pipeline of"
            " every project has this subject, so that it names nobody."
        )
    trigger = identity.claims.get("build-trigger", "")
    if trigger in _MERGE_REQUESTS:
        found.append(
            f"A {trigger} started the build: it ran code that its author proposed and nobody had to review."
        )
    if is_foreign(identity):
        found.append(
            f"The subject names one project, {PROJECT_URI} another ({identity.claims[PROJECT_URI]}): a fork's merge"
            " request, or a reusable workflow of somebody else."
        )
    if platform(identity) != "other" and PROJECT_ID not in identity.claims:
        found.append(
            "There is no numeric project id: whoever registers this path again cannot be told from its owner."
        )
    if identity.claims.get("runner-environment") == "self-hosted":
        found.append("The job ran on a self-hosted runner: whoever controls that machine could have signed.")
    return tuple(found)


def is_foreign(identity: Identity) -> bool:
    """Whether the subject lies in another project than the one that the token was made for."""
    project = project_path(identity.claims.get(PROJECT_URI, ""))
    match platform(identity):
        case "gitlab":
            return bool(project) and f"/{project}//" not in identity.subject
        case "github":
            return bool(project) and not identity.subject.startswith(f"https://github.com/{project}/")
        case _:
            return False
