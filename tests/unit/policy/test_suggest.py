"""What a safe policy would say: it accepts the certificate it was made from, and nothing that differs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.policy.test_meaning import named
from vouchsafe.policy.document import parse
from vouchsafe.policy.identity import CLAIM_NAMES
from vouchsafe.policy.lint import lint
from vouchsafe.policy.requirement import SigstoreSigned
from vouchsafe.policy.scope import Policy
from vouchsafe.policy.suggest import Suggestion, suggest
from vouchsafe.testing.workload import email, github, gitlab, other
from vouchsafe.verification.identity import Identity

NOW = datetime(2026, 11, 2, tzinfo=UTC)
GITLAB = "https://gitlab.com"


def policy(suggestion: Suggestion) -> Policy:
    """The suggestion inside a policy, read as a file would be."""
    scopes = {"registry.example/group/project": [suggestion.requirement]}
    document = {"default": [{"type": "reject"}], "transports": {"docker": scopes}}
    return parse(json.dumps(document).encode(), dialect="vouchsafe", source="policy.json")


def accepts(suggestion: Suggestion, identity: Identity) -> bool:
    """Whether the policy as written accepts somebody; the pattern beside it must agree."""
    rule = policy(suggestion).transports["docker"]["registry.example/group/project"]
    (requirement,) = rule.requirements
    assert isinstance(requirement, SigstoreSigned)
    assert requirement.signer.fulcio is not None
    (pattern,) = requirement.signer.fulcio.identities
    assert pattern == suggestion.pattern
    return not pattern.mismatches(identity)


def test_a_gitlab_pipeline() -> None:
    """The shorthand, complete: project, number, ref, runner; the instance where it is not gitlab.com."""
    found = suggest(named(gitlab(GITLAB)))
    assert found.fulcio == {
        "gitlab": {
            "project": "group/project",
            "projectID": named(gitlab(GITLAB)).claims["source-repository-identifier"],
            "ref": "refs/heads/main",
            "runnerEnvironment": "gitlab-hosted",
        }
    }
    assert found.remarks == ("Protect main: whoever may push to it may sign.",)
    assert lint(policy(found), now=NOW) == ()


@pytest.mark.parametrize(
    "changes, key, value",
    [
        ({"instance": "https://git.corp.example"}, "instance", "https://git.corp.example"),
        ({"config": "ci/release.yml"}, "ciConfig", "ci/release.yml"),
        ({"pipeline_source": "parent_pipeline"}, "triggers", ["parent_pipeline"]),
        ({"ref": "refs/tags/v1.2.3"}, "refPattern", "refs/tags/[^/]+"),
        ({"ref": "refs/heads/release/1.2"}, "ref", "refs/heads/release/1.2"),
    ],
)
def test_what_differs_from_the_usual(changes: dict[str, Any], key: str, value: object) -> None:
    """What a pipeline does differently is written, and accepts it."""
    identity = named(gitlab(**({"instance": GITLAB} | changes)))
    found = suggest(identity)
    assert found.fulcio is not None
    assert found.fulcio["gitlab"][key] == value
    assert accepts(found, identity)


@pytest.mark.parametrize(
    "stranger",
    [
        named(gitlab(GITLAB, ref="refs/heads/feature")),
        named(gitlab(GITLAB, ref="refs/heads/main2")),
        named(gitlab(GITLAB, project_path="group/other")),
        named(gitlab(GITLAB, project_id="999")),
        named(gitlab(GITLAB, pipeline_source="merge_request_event")),
        named(gitlab(GITLAB, runner_environment="self-hosted")),
        named(gitlab(GITLAB, config="other.yml")),
        named(gitlab("https://gitlab.evil.example")),
        named(gitlab(GITLAB)).replace(issuer="https://gitlab.evil.example"),
    ],
    ids=[
        "branch",
        "longer branch",
        "project",
        "same path again",
        "merge request",
        "runner",
        "file",
        "instance",
        "issuer",
    ],
)
def test_strangers_are_not_meant(stranger: Identity) -> None:
    """Nothing that differs in one thing is accepted."""
    own = named(gitlab(GITLAB))
    assert (accepts(suggest(own), own), accepts(suggest(own), stranger)) == (True, False)


def test_the_names_that_cosign_signs_are_meant() -> None:
    """A repository without a tag; and of a private Sigstore, the root that it was verified by."""
    requirement = suggest(named(gitlab(GITLAB)), trusted_root="/etc/vouchsafe/root.json").requirement
    assert requirement is not None
    assert requirement["signedIdentity"] == {"type": "matchRepository"}
    assert requirement["fulcio"]["trustedRootPath"] == "/etc/vouchsafe/root.json"


def test_a_release_by_tag() -> None:
    """The next tag is accepted, a branch is not; that tags must be protected is said."""
    found = suggest(named(gitlab(GITLAB, ref="refs/tags/v1.0")))
    assert accepts(found, named(gitlab(GITLAB, ref="refs/tags/v2.0"))) is True
    assert accepts(found, named(gitlab(GITLAB, ref="refs/heads/v2.0"))) is False
    assert "Protect the tags" in found.remarks[0]


def test_a_github_workflow() -> None:
    """The shorthand, complete."""
    identity = named(github(ref="refs/tags/v1"))
    found = suggest(identity)
    assert found.fulcio == {
        "github": {
            "repository": "group/project",
            "workflow": "release.yml",
            "repositoryID": identity.claims["source-repository-identifier"],
            "refPattern": "refs/tags/[^/]+",
            "runnerEnvironment": "github-hosted",
        }
    }
    assert accepts(found, identity)


def test_a_reusable_workflow() -> None:
    """It is written out, with the repository that called it: the subject alone is everybody's."""
    identity = named(github(), source_repository_uri="https://github.com/caller/app")
    found = suggest(identity)
    assert found.fulcio is not None
    assert found.fulcio["claims"]["source-repository-uri"] == "https://github.com/caller/app"
    assert accepts(found, identity)
    assert accepts(found, named(github())) is False


@pytest.mark.parametrize(
    "identity, fulcio",
    [
        (
            named(email("a@b.example", "https://accounts.example")),
            {"oidcIssuer": "https://accounts.example", "subjectEmail": "a@b.example"},
        ),
        (
            named(other("a!b.example", "https://accounts.example")),
            {"oidcIssuer": "https://accounts.example", "subjectRegexp": r"a!b\.example"},
        ),
        (
            Identity(
                issuer="https://k8s.example", subject="https://k8s.example/sa", subject_kind="uri", claims={}
            ),
            {"oidcIssuer": "https://k8s.example", "subjectURI": "https://k8s.example/sa"},
        ),
    ],
    ids=["person", "user name", "workload"],
)
def test_other_signers(identity: Identity, fulcio: dict[str, Any]) -> None:
    """Issuer and subject, exactly."""
    found = suggest(identity)
    assert (found.fulcio, accepts(found, identity)) == (fulcio, True)


@pytest.mark.parametrize(
    "identity, reason",
    [
        (named(gitlab(GITLAB, ci_config_ref_uri=None)), "No policy can name this signer"),
        (named(gitlab(GITLAB, pipeline_source="merge_request_event")), "anybody may open one"),
        (named(github(event_name="pull_request_target")), "anybody may open one"),
        (named(gitlab(GITLAB), source_repository_uri=f"{GITLAB}/fork/project"), "names another project"),
        (
            Identity(issuer="https://i.example", subject="x" * 5000, subject_kind="other", claims={}),
            "of that name",
        ),
        (Identity(issuer="https://i.example", subject="", subject_kind="other", claims={}), "of that name"),
    ],
    ids=["nil", "merge request", "pull request", "fork", "unwritable", "empty"],
)
def test_some_signers_have_no_safe_policy(identity: Identity, reason: str) -> None:
    """Then there is none, and it says why; a tempting line to copy is not printed."""
    found = suggest(identity)
    assert (found.requirement, found.pattern) == (None, None)
    assert reason in found.remarks[0]


def test_a_name_that_the_shorthand_has_no_words_for() -> None:
    """A project path with odd characters is written out instead."""
    identity = named(gitlab(GITLAB, project_path="group/projëct"))
    found = suggest(identity)
    assert found.fulcio is not None
    assert (found.fulcio["subjectURI"], accepts(found, identity)) == (identity.subject, True)


def test_claims_that_contradict_each_other() -> None:
    """Where the shorthand would refuse its own certificate, what is there is written out."""
    identity = named(gitlab(GITLAB), source_repository_ref="refs/heads/other")
    found = suggest(identity)
    assert found.fulcio is not None
    assert ("subjectURI" in found.fulcio, accepts(found, identity)) == (True, True)


def test_a_certificate_of_old() -> None:
    """Without numbers the suggestion is the best there is, and the gap is named."""
    identity = named(gitlab(GITLAB), source_repository_identifier=None)
    found = suggest(identity)
    assert accepts(found, identity)
    assert [each.code for each in lint(policy(found), now=NOW)] == ["project-id"]


@given(
    st.sampled_from([GITLAB, "https://token.actions.githubusercontent.com", "https://i.example", "x"]),
    st.text(max_size=40) | st.from_regex(r"https://gitlab\.com/[a-z./]{1,9}//[a-z.]{0,9}@refs/.{0,9}"),
    st.sampled_from(["uri", "email", "other"]),
    st.dictionaries(st.sampled_from(CLAIM_NAMES), st.text(max_size=20)),
)
def test_any_identity_leads_to_a_suggestion_or_a_reason(
    issuer: str, subject: str, kind: Any, claims: dict[str, str]
) -> None:
    """Whatever a certificate says: a policy that loads and accepts it, or none with a reason; never a crash."""
    identity = Identity(issuer=issuer, subject=subject, subject_kind=kind, claims=claims)
    found = suggest(identity)
    if found.requirement is None:
        assert found.remarks != ()
    else:
        assert accepts(found, identity) is True
