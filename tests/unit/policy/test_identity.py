"""IdentityPattern: every matcher that is written is applied, and a miss says what was different."""

from __future__ import annotations

import pytest

from vouchsafe.errors import ConfigurationError
from vouchsafe.policy.identity import CLAIM_NAMES, IdentityPattern, Mismatch, project_path, project_uri
from vouchsafe.verification import identity_reading as certificate
from vouchsafe.verification.identity import Identity

GITLAB = "https://gitlab.example"
SUBJECT = f"{GITLAB}/group/app//.gitlab-ci.yml@refs/heads/main"
CLAIMS = {
    "source-repository-uri": "https://gitlab.com/group/app",
    "source-repository-identifier": "42",
    "source-repository-ref": "refs/heads/main",
    "build-signer-uri": SUBJECT,
    "build-trigger": "push",
}
PIPELINE = Identity(issuer=GITLAB, subject=SUBJECT, subject_kind="uri", claims=CLAIMS)
PERSON = Identity(issuer="https://accounts.example", subject="a@b.example", subject_kind="email", claims={})


def miss(field: str, expected: str, got: str) -> Mismatch:
    """A mismatch."""
    return Mismatch(field=field, expected=expected, got=got)


@pytest.mark.parametrize(
    "written, expected",
    [
        ({"subject": SUBJECT}, ()),
        ({"subject_uri": SUBJECT}, ()),
        ({"subject_regexp": r"https://gitlab\.example/group/.*"}, ()),
        ({"subject_uri": SUBJECT, "claims": {"build-trigger": ("web", "push")}}, ()),
        ({"subject_uri": SUBJECT, "claim_regexps": {"source-repository-ref": "refs/heads/.*"}}, ()),
        (
            {"subject_uri": f"{SUBJECT}2"},
            (miss("subject", f"{SUBJECT}2", SUBJECT),),
        ),
        ({"subject_email": SUBJECT}, (miss("subject-kind", "email", "uri"),)),
        (
            {"subject_regexp": "gitlab"},
            (miss("subject", "all of it to match /gitlab/", SUBJECT),),
        ),
        (
            {"subject_uri": SUBJECT, "subject_regexp": "x"},
            (miss("subject", "all of it to match /x/", SUBJECT),),
        ),
        (
            {"subject_uri": SUBJECT, "claims": {"build-trigger": ("web", "api")}},
            (miss("build-trigger", "web or api", "push"),),
        ),
        (
            {"subject_uri": SUBJECT, "claims": {"runner-environment": ("gitlab-hosted",)}},
            (miss("runner-environment", "gitlab-hosted", "nothing"),),
        ),
        (
            {"subject_uri": SUBJECT, "claim_regexps": {"source-repository-ref": "heads"}},
            (miss("source-repository-ref", "all of it to match /heads/", "refs/heads/main"),),
        ),
        (
            {"subject_uri": SUBJECT, "claim_regexps": {"token-subject": ".*"}},
            (miss("token-subject", "/.*/", "nothing"),),
        ),
    ],
)
def test_mismatches(written: dict, expected: tuple[Mismatch, ...]) -> None:
    """Nothing differs, or exactly what is named."""
    assert expected == IdentityPattern(issuer=GITLAB, **written).mismatches(PIPELINE)


def test_all_mismatches_are_told() -> None:
    """Issuer first, then the subject, then claims."""
    pattern = IdentityPattern(issuer=GITLAB, subject_uri=SUBJECT, claims={"build-trigger": ("push",)})
    found = pattern.mismatches(PERSON)
    assert [each.field for each in found] == ["issuer", "subject", "subject-kind", "build-trigger"]
    assert f"expected issuer {GITLAB}, got https://accounts.example" == str(found[0])


def test_issuer_is_exact() -> None:
    """A slash more is another issuer."""
    pattern = IdentityPattern(issuer=f"{GITLAB}/", subject=SUBJECT)
    assert (miss("issuer", f"{GITLAB}/", GITLAB),) == pattern.mismatches(PIPELINE)


def test_email() -> None:
    """An e-mail address matches exactly, and only as an e-mail address."""
    pattern = IdentityPattern(issuer=PERSON.issuer, subject_email="a@b.example")
    assert pattern.mismatches(PERSON) == ()
    assert pattern.mismatches(PERSON.replace(subject="A@b.example"))
    assert pattern.mismatches(PERSON.replace(subject_kind="other"))


@pytest.mark.parametrize(
    "written, message",
    [
        ({"issuer": "", "subject": "s"}, "expected an issuer, got none"),
        ({"issuer": "i"}, "expected a subject, got none"),
        ({"issuer": "i", "subject": "s", "claims": {"build-trigger": ("push", "")}}, "expected a value of"),
        ({"issuer": "i", "subject": "s", "claims": {"colour": ("red",)}}, "got the claim 'colour'"),
        ({"issuer": "i", "subject": "s", "claim_regexps": {"colour": "red"}}, "got the claim 'colour'"),
        ({"issuer": "i", "subject": "s", "claims": {"build-trigger": ()}}, "expected a value"),
        ({"issuer": "i", "subject": "s", "claims": {"build-trigger": ("",)}}, "expected a value"),
        ({"issuer": "i", "subject_regexp": "("}, "expected an RE2 pattern"),
        ({"issuer": "i", "subject": "s", "claim_regexps": {"build-trigger": "("}}, "expected an RE2 pattern"),
    ],
)
def test_refused(written: dict, message: str) -> None:
    """No issuer, no subject, unknown or empty claims, patterns that are none (CVE-2025-29778's class)."""
    with pytest.raises(ConfigurationError, match="expected") as caught:
        IdentityPattern(**written)
    assert message in caught.value.message


@pytest.mark.parametrize(
    "written, expected",
    [
        ({"subject_uri": SUBJECT}, True),
        ({"subject": SUBJECT}, True),
        ({"subject_email": "a@b.example"}, False),
        ({"subject": "a@b.example"}, False),
        ({"subject_regexp": ".*"}, False),
        ({"subject_regexp": ".*", "claims": {"source-repository-identifier": ("42",)}}, True),
        ({"subject_regexp": ".*", "claims": {"source-repository-identifier": ("42", "43")}}, False),
        ({"subject_regexp": ".*", "claims": {"source-repository-uri": ("https://gitlab.com/g/p",)}}, True),
        (
            {
                "subject_regexp": ".*",
                "claims": {"source-repository-uri": ("https://gitlab.com/g/p", "https://gitlab.example/g/p")},
            },
            True,
        ),
        (
            {
                "subject_regexp": ".*",
                "claims": {"source-repository-uri": ("https://gitlab.com/g/p", "https://gitlab.com/g/q")},
            },
            False,
        ),
        ({"subject_regexp": ".*", "claims": {"source-repository-uri": ("https://gitlab.com/g",)}}, False),
    ],
)
def test_pins_project(written: dict, expected: bool) -> None:
    """By id, by URI, or by a subject that is the project's own."""
    assert expected is IdentityPattern(issuer=GITLAB, **written).pins_project(PIPELINE)


def test_shared_configuration_pins_nothing() -> None:
    """The subject of a configuration in another project is that of everybody who includes it."""
    including = PIPELINE.replace(claims={"source-repository-uri": "https://gitlab.com/group/other"})
    pattern = IdentityPattern(issuer=GITLAB, subject_uri=SUBJECT)
    assert [pattern.pins_project(PIPELINE), pattern.pins_project(including)] == [True, False]


def test_old_certificates_are_pinned_by_their_subject() -> None:
    """A certificate that names no project, and a subject that holds none, are taken by the subject."""
    bare = PIPELINE.replace(claims={})
    assert IdentityPattern(issuer=GITLAB, subject_uri=SUBJECT).pins_project(bare)
    assert IdentityPattern(issuer=GITLAB, subject_uri="https://ci.example/acme/job").pins_project(PIPELINE)


@pytest.mark.parametrize(
    "issuer",
    ["https://token.actions.githubusercontent.com", "https://token.actions.githubusercontent.com/acme"],
)
def test_github_subject_pins_nothing(issuer: str) -> None:
    """It names a reusable workflow, which any repository may call; wherever GitHub will let those lie."""
    for place in (".github/workflows", ".elsewhere"):
        subject = f"https://github.com/acme/flows/{place}/sign.yml@refs/heads/main"
        assert IdentityPattern(issuer=issuer, subject_uri=subject).pins_project(PIPELINE) is False


@pytest.mark.parametrize(
    "subject",
    [
        "https://ghes.example/acme/flows/.github/workflows/sign.yml@refs/heads/main",
        "https://<nil>",
        "https://gitlab.example/acme/ci//dir//sign.yml@refs/heads/main",
        "https://gitlab.example/acme/ci//.gitlab-ci.yml@refs/heads/a//b",
    ],
)
def test_a_subject_that_others_share_pins_nothing(subject: str) -> None:
    """Of an own GitHub server, of nobody, or of another project whatever is in its names: any caller has it."""
    pattern = IdentityPattern(issuer=GITLAB, subject_uri=subject)
    assert pattern.pins_project(PIPELINE.replace(subject=subject)) is False


@pytest.mark.parametrize(
    "uri, expected",
    [
        ("https://gitlab.com/group/app", "group/app"),
        ("https://gitlab.com/group/sub/app/", "group/sub/app"),
        ("https://gitlab.com/group", ""),
        ("https://gitlab.com/group//app", ""),
        ("https://gitlab.com/../app", ""),
        ("https://gitlab.com/", ""),
        ("group/app", ""),
        ("://gitlab.com/group/app", ""),
        ("https:///group/app", ""),
        ("", ""),
    ],
)
def test_project_path(uri: str, expected: str) -> None:
    """Group and project of a URI, nothing for anything else."""
    assert expected == project_path(uri)


@pytest.mark.parametrize(
    "issuer, subject, written, expected",
    [
        (GITLAB, SUBJECT, "https://gitlab.com/group/app", f"{GITLAB}/group/app"),
        (
            "https://gitlab.com",
            "https://gitlab.com/g/p//x@y",
            "https://gitlab.com/g/p",
            "https://gitlab.com/g/p",
        ),
        ("https://ci.example", SUBJECT, "https://gitlab.com/g/p", "https://gitlab.com/g/p"),
        (GITLAB, SUBJECT, "https://github.com/g/p", "https://github.com/g/p"),
        (GITLAB, SUBJECT, "", ""),
    ],
)
def test_project_uri(issuer: str, subject: str, written: str, expected: str) -> None:
    """Where Fulcio's template wrote gitlab.com for another GitLab, the issuer is the instance."""
    claims = {"source-repository-uri": written} if written else {}
    identity = Identity(issuer=issuer, subject=subject, subject_kind="uri", claims=claims)
    assert expected == project_uri(identity)


def test_claim_names_are_those_of_certificates() -> None:
    """What a policy may name is what verification reads."""
    assert frozenset(CLAIM_NAMES) == certificate.CLAIM_NAMES


def test_words() -> None:
    """A pattern prints as its subject and issuer."""
    assert f"{SUBJECT} (issuer {GITLAB})" == str(IdentityPattern(issuer=GITLAB, subject_uri=SUBJECT))
    assert str(IdentityPattern(issuer="i", subject_regexp="x.*")) == "/x.*/ (issuer i)"
