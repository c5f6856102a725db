"""Our keys on top of upstream's: what they compile to, what they refuse, and where the error points."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vouchsafe.policy import github, gitlab
from vouchsafe.policy.document import parse
from vouchsafe.policy.identity import IdentityPattern
from vouchsafe.policy.reading import PolicyError
from vouchsafe.policy.requirement import (
    Fulcio,
    MatchRepository,
    Signer,
    SigstoreAttested,
    SigstoreSigned,
    Source,
)
from vouchsafe.policy.scope import Policy, Rule

ISSUER = "https://gitlab.com"
URI = "https://gitlab.com/group/app//.gitlab-ci.yml@refs/heads/main"
CALLER = {"oidcIssuer": ISSUER, "subjectURI": URI}
SHORT = {"project": "group/app", "projectID": 42, "ref": "refs/heads/main"}


def load(value: Any) -> Policy:
    """A policy in our dialect."""
    return parse(json.dumps(value).encode(), dialect="vouchsafe", source="policy.json")


def signed(fulcio: Any, **beside: Any) -> SigstoreSigned:
    """The requirement of a keyless default."""
    (found,) = load(
        {"default": [{"type": "sigstoreSigned", "fulcio": fulcio, **beside}]}
    ).default.requirements
    assert isinstance(found, SigstoreSigned)
    return found


def keyless(fulcio: Any, **beside: Any) -> Fulcio:
    """The fulcio of a keyless default."""
    found = signed(fulcio, **beside).signer.fulcio
    assert found is not None
    return found


def refused(value: Any) -> PolicyError:
    """Why a policy does not load."""
    with pytest.raises(PolicyError) as caught:
        load(value)
    return caught.value


def refused_fulcio(fulcio: Any, **beside: Any) -> PolicyError:
    """Why a fulcio does not load."""
    return refused({"default": [{"type": "sigstoreSigned", "fulcio": fulcio, **beside}]})


@pytest.mark.parametrize(
    "written, expected",
    [
        (CALLER, IdentityPattern(issuer=ISSUER, subject_uri=URI)),
        (
            {"oidcIssuer": ISSUER, "subjectEmail": "a@b.example"},
            IdentityPattern(issuer=ISSUER, subject_email="a@b.example"),
        ),
        (
            {"oidcIssuer": ISSUER, "subjectRegexp": "https://.*"},
            IdentityPattern(issuer=ISSUER, subject_regexp="https://.*"),
        ),
        (
            {**CALLER, "subjectRegexp": "https://.*", "buildSignerURI": "u"},
            IdentityPattern(
                issuer=ISSUER,
                subject_uri=URI,
                subject_regexp="https://.*",
                claims={"build-signer-uri": ("u",)},
            ),
        ),
        (
            {**CALLER, "claims": {"build-trigger": ["push", "web"], "token-subject": "x"}},
            IdentityPattern(
                issuer=ISSUER,
                subject_uri=URI,
                claims={"build-trigger": ("push", "web"), "token-subject": ("x",)},
            ),
        ),
        (
            {"gitlab": SHORT},
            gitlab.pattern(project="group/app", project_id="42", ref="refs/heads/main"),
        ),
        (
            {
                "gitlab": {
                    "project": "group/app",
                    "projectID": "42",
                    "refPattern": "refs/tags/.*",
                    "ciConfig": "ci/x.yml",
                    "instance": "https://gitlab.example",
                    "triggers": ["push"],
                    "runnerEnvironment": "self-hosted",
                }
            },
            gitlab.pattern(
                project="group/app",
                project_id="42",
                ref_pattern="refs/tags/.*",
                ci_config="ci/x.yml",
                instance="https://gitlab.example",
                triggers=("push",),
                runner_environment="self-hosted",
            ),
        ),
        (
            {
                "github": {
                    "repository": "acme/app",
                    "workflow": "release.yml",
                    "ref": "refs/tags/v1",
                    "repositoryID": 7,
                    "triggers": "push",
                }
            },
            github.pattern(
                repository="acme/app",
                workflow="release.yml",
                ref="refs/tags/v1",
                repository_id="7",
                triggers=("push",),
            ),
        ),
        (
            {"github": {"repository": "acme/app", "workflow": "release.yml", "ref": "refs/tags/v1"}},
            github.pattern(repository="acme/app", workflow="release.yml", ref="refs/tags/v1"),
        ),
    ],
)
def test_identities(written: Any, expected: IdentityPattern) -> None:
    """An identity written out or by a shorthand; the public-good root where no other is named."""
    assert Fulcio(identities=(expected,)) == keyless(written)
    assert Fulcio(identities=(expected,)) == keyless({"identities": [written]})
    assert keyless(written).uses_public_good_root


def test_claims_beside_a_shorthand() -> None:
    """A shorthand may be narrowed by claims it does not compare itself."""
    (found,) = keyless({"gitlab": SHORT, "claims": {"deployment-environment": "production"}}).identities
    assert found.claims["deployment-environment"] == ("production",)
    assert found.claims["source-repository-identifier"] == ("42",)


def test_alternatives() -> None:
    """Several identities, in the order they were written."""
    found = keyless({"identities": [{"gitlab": SHORT}, CALLER]}).identities
    assert ["push" in found[0].claims["build-trigger"], URI] == [True, found[1].subject_uri]


def test_trust() -> None:
    """A CA with Rekor's keys, a trusted root, the public-good root with or without other logs' keys."""
    by_ca = signed({"caPath": "/c", **CALLER}, rekorPublicKeyPath="/r")
    by_root = signed({"trustedRootPath": "/t", **CALLER})
    by_logs = signed(CALLER, rekorPublicKeyPaths=["/r", "/s"])
    pattern = IdentityPattern(issuer=ISSUER, subject_uri=URI)
    expected = [
        Signer(fulcio=Fulcio(ca=Source(paths=("/c",)), identities=(pattern,)), rekor=Source(paths=("/r",))),
        Signer(fulcio=Fulcio(trusted_root="/t", identities=(pattern,))),
        Signer(fulcio=Fulcio(identities=(pattern,)), rekor=Source(paths=("/r", "/s"))),
    ]
    assert expected == [by_ca.signer, by_root.signer, by_logs.signer]
    assert [each.fulcio.uses_public_good_root for each in expected if each.fulcio is not None] == [
        False,
        False,
        True,
    ]


def test_attested() -> None:
    """An attestation of a predicate type, by anybody a signature may be by."""
    written = {
        "type": "sigstoreAttested",
        "predicateType": "https://spdx.dev/Document",
        "keyPath": "/k",
        "signedIdentity": {"type": "matchRepository"},
    }
    expected = SigstoreAttested(
        predicate_type="https://spdx.dev/Document",
        signer=Signer(keys=Source(paths=("/k",))),
        signed_identity=MatchRepository(),
    )
    assert (expected,) == load({"default": [written]}).default.requirements


def test_bounds_of_a_scope() -> None:
    """A scope may be an object that holds the list and its bounds; so may default."""
    rule = {
        "requirements": [{"type": "reject"}],
        "notBefore": "2026-01-01T00:00:00Z",
        "maxAge": "90d",
        "repositoryOfProject": {
            "https://gitlab.com/group/app": ["quay.io/mirror", "a.example:5000/x"],
            "a@b.example": "docker.io/library/x",
            "*": "localhost/y",
        },
    }
    policy = load({"default": rule, "transports": {"docker": {"a.b": rule, "c.d": rule["requirements"]}}})
    expected = Rule(
        requirements=policy.default.requirements,
        not_before=datetime(2026, 1, 1, tzinfo=UTC),
        max_age=timedelta(days=90),
        repository_of_project={
            "https://gitlab.com/group/app": ("quay.io/mirror", "a.example:5000/x"),
            "a@b.example": ("docker.io/library/x",),
            "*": ("localhost/y",),
        },
        place=policy.default.place,
    )
    assert expected == policy.default
    assert expected == policy.transports["docker"]["a.b"].replace(place=policy.default.place)
    assert None is policy.transports["docker"]["c.d"].max_age


@pytest.mark.parametrize(
    "fulcio, code, said",
    [
        ({}, "policy-identity", "expected oidcIssuer, got none"),
        ({"oidcIssuer": ISSUER}, "policy-identity", "expected a subject"),
        ({"oidcIssuer": ISSUER, "buildSignerURI": "u"}, "policy-identity", "expected a subject"),
        ({"subjectURI": URI}, "policy-identity", "expected oidcIssuer"),
        ({**CALLER, "subjectEmail": "a"}, "policy-identity", "got both"),
        ({**CALLER, "subjectRegexp": ""}, "policy-empty", "subjectRegexp"),
        ({**CALLER, "subjectEmail": None}, "policy-empty", "subjectEmail"),
        ({**CALLER, "buildSignerURI": ""}, "policy-empty", "buildSignerURI"),
        ({**CALLER, "trustedRootPath": ""}, "policy-empty", "trustedRootPath"),
        ({**CALLER, "subjectRegexp": "("}, "policy-regexp", "RE2"),
        ({**CALLER, "subject": "x"}, "policy-unknown-key", "'subject'"),
        ({**CALLER, "claims": {"colour": "red"}}, "policy-claim", "'colour'"),
        ({**CALLER, "claims": {"build-trigger": []}}, "policy-empty", "list of strings"),
        ({**CALLER, "claims": {"build-trigger": ["push", ""]}}, "policy-empty", "list of strings"),
        ({**CALLER, "claims": {"build-trigger": None}}, "policy-empty", "list of strings"),
        ({**CALLER, "claims": {"build-trigger": 1}}, "policy-type", "a string"),
        ({**CALLER, "claims": None}, "policy-type", "an object"),
        (
            {**CALLER, "buildSignerURI": "u", "claims": {"build-signer-uri": "u"}},
            "policy-claim",
            "got both",
        ),
        ({**CALLER, "caPath": "/c", "trustedRootPath": "/t"}, "policy-key-source", "got two"),
        ({**CALLER, "caPath": "/c", "caData": "eA=="}, "policy-key-source", "got both"),
        ({**CALLER, "caPath": "/c"}, "policy-key-source", "beside fulcio"),
        ({"identities": []}, "policy-empty", "at least one identity"),
        ({"identities": None}, "policy-empty", "at least one identity"),
        ({"identities": [{}]}, "policy-identity", "oidcIssuer"),
        ({"identities": [{**CALLER, "caPath": "/c"}]}, "policy-unknown-key", "'caPath'"),
        ({"identities": [CALLER], "oidcIssuer": ISSUER}, "policy-identity", "oidcIssuer beside identities"),
        ({"identities": [CALLER], "claims": {}}, "policy-identity", "claims beside identities"),
        ({"gitlab": SHORT, "oidcIssuer": ISSUER}, "policy-identity", "oidcIssuer beside it"),
        ({"gitlab": SHORT, "github": {}}, "policy-identity", "gitlab beside it"),
        ({"gitlab": None}, "policy-type", "an object"),
        ({"gitlab": {**SHORT, "branch": "main"}}, "policy-unknown-key", "'branch'"),
        ({"gitlab": {**SHORT, "projectID": 1.5}}, "policy-gitlab", "projectID"),
        ({"gitlab": {**SHORT, "projectID": True}}, "policy-type", "a string"),
        ({"gitlab": {**SHORT, "projectID": ""}}, "policy-empty", "projectID"),
        ({"gitlab": {**SHORT, "triggers": []}}, "policy-empty", "list of strings"),
        ({"gitlab": {"projectID": 1, "ref": "refs/heads/main"}}, "policy-gitlab", "as project"),
        ({"gitlab": {"project": "a/b"}}, "policy-gitlab", "one of ref"),
        ({"gitlab": {"project": "a/b", "refPattern": "("}}, "policy-regexp", "RE2"),
        ({"github": {"repository": "a/b"}}, "policy-github", "as workflow"),
        (
            {"gitlab": SHORT, "claims": {"build-trigger": "push"}},
            "policy-claim",
            "build-trigger from gitlab only",
        ),
        (
            {
                "gitlab": {"project": "a/b", "refPattern": ".*"},
                "claims": {"source-repository-ref": "refs/heads/main"},
            },
            "policy-claim",
            "source-repository-ref from gitlab only",
        ),
    ],
)
def test_refused(fulcio: Any, code: str, said: str) -> None:
    """An incomplete, empty or contradictory identity spoils the file (CVE-2025-29778's class)."""
    error = refused_fulcio(fulcio)
    assert (code, True) == (error.code, said in error.message), error.message


def test_logs_beside_a_trusted_root() -> None:
    """A trusted root names the logs; keys beside it would mean two answers."""
    error = refused_fulcio({**CALLER, "trustedRootPath": "/t"}, rekorPublicKeyPath="/r")
    assert error.code == "policy-key-source"
    assert "The trusted root holds" in error.hint


@pytest.mark.parametrize(
    "rule, code, path",
    [
        ({"requirements": []}, "policy-empty", "default.requirements"),
        ({}, "policy-missing-key", "default"),
        (
            {"requirements": [{"type": "reject"}], "notBefore": "yesterday"},
            "policy-time",
            "default.notBefore",
        ),
        ({"requirements": [{"type": "reject"}], "maxAge": "1 year"}, "policy-time", "default.maxAge"),
        ({"requirements": [{"type": "reject"}], "maxAge": 90}, "policy-type", "default.maxAge"),
        ({"requirements": [{"type": "reject"}], "maxAge": ""}, "policy-empty", "default.maxAge"),
        ({"requirements": [{"type": "reject"}], "x": 1}, "policy-unknown-key", "default"),
        ({"type": "reject"}, "policy-unknown-key", "default"),
        (
            {"requirements": [{"type": "reject"}], "repositoryOfProject": {"group/app": "a.b/c"}},
            "policy-project",
            'default.repositoryOfProject["group/app"]',
        ),
        (
            {"requirements": [{"type": "reject"}], "repositoryOfProject": {"*": "a.b/c:tag"}},
            "policy-project",
            'default.repositoryOfProject["*"]',
        ),
        (
            {"requirements": [{"type": "reject"}], "repositoryOfProject": {"*": "busybox"}},
            "policy-project",
            'default.repositoryOfProject["*"]',
        ),
        (
            {"requirements": [{"type": "reject"}], "repositoryOfProject": {"*": []}},
            "policy-empty",
            'default.repositoryOfProject["*"]',
        ),
    ],
)
def test_bounds_refused(rule: Any, code: str, path: str) -> None:
    """A bound that cannot be read is no bound: the file does not load, and the error says where."""
    error = refused({"default": rule})
    assert (code, path) == (error.code, error.path)


@pytest.mark.parametrize("value", [None, "", 1])
def test_attested_needs_a_predicate_type(value: Any) -> None:
    """Without a type, any attestation would do."""
    error = refused({"default": [{"type": "sigstoreAttested", "keyPath": "/k", "predicateType": value}]})
    assert "policy-" in error.code
    assert "default[0]" in error.path


def test_keys_in_the_wrong_place() -> None:
    """A matcher beside fulcio instead of in it gets a hint."""
    error = refused({"default": [{"type": "sigstoreSigned", "subjectURI": URI}]})
    assert "belongs into the object `fulcio`" in error.hint
