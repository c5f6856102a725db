"""What a certificate says, in words, and what is dangerous about it."""

from __future__ import annotations

import pytest

from vouchsafe.policy.identity import CLAIM_NAMES
from vouchsafe.policy.meaning import cautions, is_foreign, meanings, platform
from vouchsafe.testing.workload import EXTENSIONS, Workload, email, github, gitlab, other
from vouchsafe.verification.identity import Identity


def named(workload: Workload, **changes: str | None) -> Identity:
    """The identity of a workload, claims changed; None removes one. Underscores stand for hyphens."""
    claims: dict[str, str | None] = dict(workload.claims)
    claims |= {name.replace("_", "-"): value for name, value in changes.items()}
    kind = workload.subject_kind
    assert kind in ("uri", "email", "other")
    return Identity(
        issuer=workload.issuer,
        subject=workload.subject,
        subject_kind=kind,  # type: ignore[arg-type]
        claims={name: value for name, value in claims.items() if value is not None},
    )


def test_every_claim_has_a_meaning() -> None:
    """No documented claim is shown without a sentence, and each has its own extension."""
    everything = Identity(
        issuer="https://issuer.example",
        subject="a",
        subject_kind="other",
        claims=dict.fromkeys(CLAIM_NAMES, "value"),
    )
    found = meanings(everything)
    assert {each.name for each in found} == {"issuer", "subject", *CLAIM_NAMES}
    numbers = {each.name: each.extension.rpartition(".")[2] for each in found[2:]}
    assert numbers == {name: str(EXTENSIONS[name]) for name in CLAIM_NAMES}
    assert all(each.text.endswith(".") for each in found)


def test_only_what_is_there_is_explained() -> None:
    """A certificate of old has an issuer and a subject, no more."""
    assert [each.name for each in meanings(named(email("a@b.example")))] == ["issuer", "subject"]


@pytest.mark.parametrize(
    "identity, found",
    [
        (named(gitlab()), "gitlab"),
        (named(gitlab(ci_config_ref_uri=None), run_invocation_uri=None), "gitlab"),
        (named(gitlab(), run_invocation_uri=None), "gitlab"),
        (named(github()), "github"),
        (named(github().replace(issuer="https://token.actions.githubusercontent.com/corp")), "github"),
        (named(github().replace(issuer="https://token.actions.githubusercontent.com.example")), "other"),
        (named(email("a@b.example")), "other"),
        (named(other("a!b.example")), "other"),
    ],
)
def test_platforms(identity: Identity, found: str) -> None:
    """By the issuer, or by the form that only GitLab's subjects have."""
    assert platform(identity) == found


def test_words_follow_the_platform() -> None:
    """The same claim is another promise on another platform."""
    texts = {each.name: each.text for each in meanings(named(gitlab()))}
    assert "for every GitLab instance" in texts["source-repository-uri"]
    assert "By itself it is no identity" in texts["subject"]
    assert {
        each.advice for each in meanings(named(gitlab())) if each.name == "source-repository-identifier"
    } == {"pin"}
    assert "reusable" in {each.name: each.text for each in meanings(named(github()))}["subject"]


@pytest.mark.parametrize(
    "identity, word",
    [
        (named(gitlab(ci_config_ref_uri=None)), "names nobody"),
        (named(gitlab(pipeline_source="merge_request_event")), "merge_request_event started the build"),
        (named(github(event_name="pull_request_target")), "pull_request_target started the build"),
        (named(gitlab(), source_repository_uri="https://gitlab.example/fork/project"), "names one project"),
        (named(github(), source_repository_uri="https://github.com/caller/app"), "names one project"),
        (named(gitlab(), source_repository_identifier=None), "no numeric project id"),
        (named(gitlab(), runner_environment="self-hosted"), "self-hosted runner"),
    ],
)
def test_cautions(identity: Identity, word: str) -> None:
    """Each trap is named, the worst first."""
    assert word in cautions(identity)[0]


@pytest.mark.parametrize("workload", [gitlab(), github(), email("a@b.example"), other("a!b.example")])
def test_nothing_to_be_careful_of(workload: Workload) -> None:
    """An ordinary signer is not talked down."""
    assert (cautions(named(workload)), is_foreign(named(workload))) == ((), False)


def test_a_prefix_is_not_a_project() -> None:
    """`group/project` is not `evil/group/project2`, nor its child."""
    longer = named(gitlab(), source_repository_uri="https://gitlab.example/group/proj")
    assert is_foreign(longer) is True
