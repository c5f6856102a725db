"""`predicateFields`: what a predicate must say, where, and every way in which it says something else."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.unit.policy.test_evaluate import BY_ME, DIGEST, NOW, OTHER, REFERENCE, selected, verified
from vouchsafe.image.digest import Digest
from vouchsafe.policy.consider import consider
from vouchsafe.policy.document import parse
from vouchsafe.policy.evaluate import Outcome, describe, evaluate
from vouchsafe.policy.lint import lint
from vouchsafe.policy.predicate import LONGEST_TOLD, PredicateField
from vouchsafe.policy.reading import PolicyError
from vouchsafe.policy.requirement import Fulcio, MatchRepository, Signer, SigstoreAttested
from vouchsafe.policy.verdict import Looked, Rejected
from vouchsafe.policy.version import MOST_BOUNDS, Versions, is_version, precedence
from vouchsafe.signing import provenance

SLSA = provenance.PREDICATE_TYPE
COMPONENT = "/buildDefinition/externalParameters/component"
CATALOG = "gitlab.com/acme/catalog/sign"
JOB = {
    "CI_SERVER_URL": "https://gitlab.example",
    "CI_PROJECT_URL": "https://gitlab.example/group/project",
    "CI_PROJECT_ID": "42",
    "CI_COMMIT_SHA": "0" * 40,
    "CI_JOB_URL": "https://gitlab.example/group/project/-/jobs/7",
    "CI_COMPONENT_NAME": CATALOG,
}
WANTED = {f"{COMPONENT}/name": CATALOG, f"{COMPONENT}/version": {"version": ">=5.2.0"}}


def requirement(fields: Any, **more: Any) -> dict[str, Any]:
    """A demand for provenance, as a policy writes it."""
    who = {
        "oidcIssuer": "https://gitlab.example",
        "subjectURI": "https://gitlab.example/group/project//.gitlab-ci.yml@refs/heads/main",
    }
    return {
        "type": "sigstoreAttested",
        "predicateType": SLSA,
        "predicateFields": fields,
        "fulcio": who,
        "signedIdentity": {"type": "matchRepository"},
        **more,
    }


def read(fields: Any) -> tuple[PredicateField, ...]:
    """The fields that a policy demands."""
    blob = json.dumps({"default": [requirement(fields)]}).encode()
    (found,) = parse(blob, dialect="vouchsafe", source="policy.json").default.requirements
    assert isinstance(found, SigstoreAttested)
    return found.predicate_fields


@pytest.mark.parametrize(
    "versions, taken, refused",
    [
        (
            ">=5.2.0",
            ["5.2.0", "v5.2.0", "5.10.0", "10.0.0", "5.2.0+build", "5.2.1-rc.1"],
            ["5.1.9", "5.2.0-rc.1"],
        ),
        (">5.2.0", ["5.2.1", "5.3.0-alpha"], ["5.2.0", "5.2.0+1"]),
        ("<=5.2.0", ["5.2.0", "5.2.0-rc.1", "0.0.0"], ["5.2.1-0"]),
        ("<6.0.0", ["6.0.0-rc.1", "5.99.0"], ["6.0.0"]),
        (">= 5.2.0 <6.0.0-0", ["5.9.9", "5.10.0"], ["6.0.0-0", "6.0.0-rc.1", "5.1.0"]),
        ("=1.0.0-rc.1", ["1.0.0-rc.1", "1.0.0-rc.1+b"], ["1.0.0", "1.0.0-rc.01", "1.0.0-rc.1.0"]),
        (
            ">=0.0.0-0",
            ["0.0.0-0", "1.0.0--", "1.0.0-0a.0"],
            [
                "",
                "5",
                "5.2",
                "v5",
                "vv1.0.0",
                "V1.0.0",
                "main",
                "~latest",
                "1.0.0 ",
                " 1.0.0",
                "1.0.0\n",
                "01.0.0",
            ],
        ),
        (
            ">=0.0.0",
            ["1.0.0+a.b-1"],
            ["1.0.0-", "1.0.0+", "1.0.0-a..b", "1.0.0-01", "1.0.0.0", "1.0.0-ä", "١.0.0", "1" * 260 + ".0.0"],
        ),
    ],
)
def test_versions(versions: str, taken: list[str], refused: list[str]) -> None:
    """semver.org 2.0.0, by precedence; what is no version is in no range."""
    wanted = Versions.parse(versions)
    assert (
        [each for each in taken if not wanted.has(each)],
        [each for each in refused if wanted.has(each)],
    ) == (
        [],
        [],
    )


def test_precedence() -> None:
    """The order that semver.org gives as its example, and the numbers between."""
    alpha = ["1.0.0-0", "1.0.0-2", "1.0.0-11", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta"]
    beta = ["1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1"]
    written = [*alpha, *beta, "1.0.0", "1.0.9", "1.0.10", "1.9.0", "1.10.0", "2.0.0", "10.0.0"]
    keys = [precedence(each) for each in written]
    assert None not in keys
    assert sorted(written) != written  # text would have another order
    assert sorted(keys, key=lambda key: key or ()) == keys
    assert (is_version("v1.0.0"), precedence("v1.0.0"), precedence("1.0.0+a") == precedence("1.0.0+b")) == (
        True,
        None,
        True,
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5.2.0",
        "^5.2.0",
        "~>5.2.0",
        ">=5.2",
        ">=v5.2.0",
        ">=5.2.0+build",
        ">=5.2.0,<6.0.0",
        ">=5.2.0  <6.0.0",
        ">=5.2.0 ",
        ">=  5.2.0",
        ">5.2.0 6.0.0",
        "==5.2.0",
        "!=5.2.0",
        ">=latest",
        ">=5.2.0\n",
        " ".join([">=1.0.0"] * (MOST_BOUNDS + 1)),
    ],
)
def test_no_range(text: str) -> None:
    """Nothing is guessed: an operator and a whole version, one space between bounds."""
    with pytest.raises(PolicyError) as caught:
        read({"/version": {"version": text}})
    assert (caught.value.code, caught.value.path) == (
        "policy-version",
        'default[0].predicateFields["/version"].version',
    )
    assert "expected" in caught.value.message


@pytest.mark.parametrize(
    "text, empty",
    [
        (">=6.0.0 <5.0.0", True),
        (">=5.0.0 <5.0.0", True),
        (">5.0.0 <=5.0.0", True),
        (">=5.0.0 <=5.0.0", False),
        ("=5.0.0 <5.0.0", True),
        ("=5.0.0 <6.0.0", False),
        ("=5.0.0 =6.0.0", True),
        (">=5.0.0", False),
        (">=1.0.0 >=3.0.0 <2.0.0 <9.0.0", True),
    ],
)
def test_empty_ranges(text: str, empty: bool) -> None:
    """Bounds that exclude each other."""
    assert Versions.parse(text).is_empty == empty


PREDICATE: dict[str, Any] = {
    "name": "app",
    "number": 1,
    "yes": True,
    "none": None,
    "float": 1.0,
    "text-1": "1",
    "a/b": {"~": {"": "deep"}},
    "list": ["first", {"id": 2}, "third"],
    "0": "zero",
    "version": "5.2.0",
    "versions": ["5.2.0"],
}


@pytest.mark.parametrize(
    "pointer, wanted",
    [
        ("/name", "app"),
        ("/name", ["other", "app"]),
        ("/number", 1),
        ("/yes", True),
        ("/text-1", "1"),
        ("/a~1b/~0/", "deep"),
        ("/list/0", "first"),
        ("/list/1/id", [3, 2]),
        ("/0", "zero"),
        ("/version", {"version": "=5.2.0"}),
        ("/versions/0", {"version": "<=5.2.0"}),
    ],
)
def test_said(pointer: str, wanted: Any) -> None:
    """The very value at the very place."""
    (field,) = read({pointer: wanted})
    assert field.mismatch(PREDICATE) is None
    assert field.mismatch({}) is not None


@pytest.mark.parametrize(
    "pointer, wanted, got",
    [
        ("/name", "App", "'app'"),
        ("/name", "ap", "'app'"),
        ("/Name", "app", "nothing"),
        ("/name/", "app", "nothing"),
        ("/name/0", "a", "nothing"),
        ("/number", True, "1"),
        ("/number", "1", "1"),
        ("/yes", 1, "true"),
        ("/yes", "true", "true"),
        ("/float", 1, "1.0"),
        ("/text-1", 1, "'1'"),
        ("/none", "null", "null"),
        ("/none/x", "x", "nothing"),
        ("/list", "first", "a list"),
        ("/a~1b", "deep", "an object"),
        ("/list/00", "first", "nothing"),
        ("/list/-1", "third", "nothing"),
        ("/list/-", "third", "nothing"),
        ("/list/3", "third", "nothing"),
        ("/list/+1", "third", "nothing"),
        ("/list/1e0", "third", "nothing"),
        ("/list/٠", "first", "nothing"),
        ("/list/first", "first", "nothing"),
        ("/list/" + "9" * 30, "first", "nothing"),
        ("/versions", {"version": ">=0.0.1"}, "a list"),
        ("/number", {"version": ">=0.0.1"}, "1"),
        ("/name", {"version": ">=0.0.1"}, "'app', which is no semantic version"),
        ("/missing", {"version": ">=0.0.1"}, "nothing"),
        ("/version", {"version": ">5.2.0"}, "'5.2.0'"),
    ],
)
def test_not_said(pointer: str, wanted: Any, got: str) -> None:
    """Absent, of another kind, or another value: no match, and it says what is there."""
    (field,) = read({pointer: wanted})
    miss = field.mismatch(PREDICATE)
    assert miss is not None
    assert (miss.field, miss.got) == (pointer, got)


@pytest.mark.parametrize("predicate", [None, [], "app", 1, True, {}, {"component": None}])
def test_any_predicate(predicate: object) -> None:
    """Whatever a predicate is, it is no more than it says."""
    (field,) = read({"/component/name": "app"})
    assert str(field.mismatch(predicate)) == "expected /component/name 'app', got nothing"


def test_a_long_value_is_cut() -> None:
    """A message holds the beginning of what a stranger wrote."""
    (field,) = read({"/name": ["a", "b"]})
    miss = field.mismatch({"name": "x" * 1_000_000})
    assert miss is not None
    assert (len(miss.got), miss.expected) == (LONGEST_TOLD + 1, "'a' or 'b'")
    assert len(str(field.mismatch({"name": 10**4000}))) < 2 * LONGEST_TOLD


@pytest.mark.parametrize(
    "fields, code, path",
    [
        (None, "policy-type", "predicateFields"),
        ({}, "policy-empty", "predicateFields"),
        ([], "policy-type", "predicateFields"),
        ({"": "x"}, "policy-predicate", 'predicateFields[""]'),
        ({"name": "x"}, "policy-predicate", "predicateFields.name"),
        ({"$.name": "x"}, "policy-predicate", 'predicateFields["$.name"]'),
        ({"#/name": "x"}, "policy-predicate", 'predicateFields["#/name"]'),
        ({"/a~2": "x"}, "policy-predicate", 'predicateFields["/a~2"]'),
        ({"/a~": "x"}, "policy-predicate", 'predicateFields["/a~"]'),
        ({"/a" * 65: "x"}, "policy-predicate", f'predicateFields["{"/a" * 65}"]'),
        ({"/a": ""}, "policy-empty", 'predicateFields["/a"]'),
        ({"/a": None}, "policy-type", 'predicateFields["/a"]'),
        ({"/a": 1.5}, "policy-type", 'predicateFields["/a"]'),
        ({"/a": 10**19}, "policy-type", 'predicateFields["/a"]'),
        ({"/a": []}, "policy-empty", 'predicateFields["/a"]'),
        ({"/a": ["x", ""]}, "policy-empty", 'predicateFields["/a"][1]'),
        ({"/a": ["x", None]}, "policy-type", 'predicateFields["/a"][1]'),
        ({"/a": [["x"]]}, "policy-type", 'predicateFields["/a"][0]'),
        ({"/a": [{"version": ">=1.0.0"}]}, "policy-type", 'predicateFields["/a"][0]'),
        ({"/a": {}}, "policy-missing-key", 'predicateFields["/a"]'),
        ({"/a": {"versions": ">=1.0.0"}}, "policy-unknown-key", 'predicateFields["/a"]'),
        ({"/a": {"version": ">=1.0.0", "x": 1}}, "policy-unknown-key", 'predicateFields["/a"]'),
        ({"/a": {"version": None}}, "policy-version", 'predicateFields["/a"].version'),
        ({"/a": {"version": 5}}, "policy-type", 'predicateFields["/a"].version'),
        ({"/a": {"version": [">=1.0.0"]}}, "policy-type", 'predicateFields["/a"].version'),
    ],
)
def test_refused(fields: Any, code: str, path: str) -> None:
    """What is not understood to the last sign spoils the file."""
    with pytest.raises(PolicyError) as caught:
        read(fields)
    assert (caught.value.code, caught.value.path) == (code, f"default[0].{path}")


@pytest.mark.parametrize(
    "text, code",
    [
        ('{"/a": "x", "/\\u0061": "y"}', "policy-duplicate-key"),
        ('{"/a": 1e3}', "policy-type"),
        ('{"/a": -0}', "policy-type"),
    ],
)
def test_refused_texts(text: str, code: str) -> None:
    """One place twice, and numbers that two writers write differently."""
    whole = json.dumps({"default": [requirement("HERE")]}).replace('"HERE"', text)
    with pytest.raises(PolicyError) as caught:
        parse(whole.encode(), dialect="vouchsafe", source="p")
    assert caught.value.code == code


@pytest.mark.parametrize(
    "rule, code",
    [
        ({**requirement({"/a": "x"}), "type": "sigstoreSigned"}, "policy-unknown-key"),
        ({**requirement({"/a": "x"}), "predicate": {}}, "policy-unknown-key"),
    ],
)
def test_elsewhere(rule: dict[str, Any], code: str) -> None:
    """It belongs to an attestation; other names of it are unknown."""
    with pytest.raises(PolicyError) as caught:
        parse(json.dumps({"default": [rule]}).encode(), dialect="vouchsafe", source="p")
    assert caught.value.code == code


def attested(**component: str) -> Any:
    """Provenance of a job that one component ran, signed by the pipeline that is wanted."""
    predicate = provenance.gitlab(JOB | component)
    return verified(predicate_type=SLSA, predicate=predicate)


def demand(fields: Any = WANTED) -> SigstoreAttested:
    """As a policy that was read demands it."""
    return SigstoreAttested(
        predicate_type=SLSA,
        predicate_fields=read(fields),
        signer=BY_ME,
        signed_identity=MatchRepository(),
    )


@pytest.mark.parametrize(
    "component, expected",
    [
        ({"CI_COMPONENT_VERSION": "5.2.0"}, []),
        ({"CI_COMPONENT_VERSION": "v5.10.1"}, []),
        ({"CI_COMPONENT_VERSION": "5.1.9"}, [f"{COMPONENT}/version"]),
        ({"CI_COMPONENT_VERSION": "5.2"}, [f"{COMPONENT}/version"]),
        ({"CI_COMPONENT_VERSION": "unreleased"}, [f"{COMPONENT}/version"]),
        ({}, [f"{COMPONENT}/version"]),
        (
            {"CI_COMPONENT_NAME": "gitlab.com/eve/catalog/sign", "CI_COMPONENT_VERSION": "9.0.0"},
            [f"{COMPONENT}/name"],
        ),
        ({"CI_COMPONENT_NAME": ""}, [f"{COMPONENT}/name", f"{COMPONENT}/version"]),
    ],
)
def test_signed_by_a_component_of_a_version(component: dict[str, str], expected: list[str]) -> None:
    """What `attest --provenance gitlab` writes, against "component X at version 5.2.0 or newer"."""
    wanted = demand()
    found = consider(wanted, attested(**component), REFERENCE, DIGEST, selected(wanted), NOW)
    assert [reason.about for reason in found] == expected
    assert {reason.code for reason in found} <= {"predicate-field"}


def test_two_attestations_do_not_add_up() -> None:
    """One has the name, the other the version: neither says what is wanted, and the verdict says what is missing."""
    wanted = demand()
    ours = attested(CI_COMPONENT_VERSION="4.0.0")
    theirs = attested(CI_COMPONENT_NAME="gitlab.com/eve/x", CI_COMPONENT_VERSION="5.2.0")
    looked = tuple(
        Looked(
            requirement=0,
            origin=f"att {number}",
            media_type="x",
            against=consider(wanted, each, REFERENCE, DIGEST, selected(wanted), NOW),
            signature=each,
        )
        for number, each in enumerate((ours, theirs))
    )
    verdict = evaluate(selected(wanted), REFERENCE, DIGEST, Outcome(looked=looked))
    assert isinstance(verdict, Rejected)
    assert [reason.message for reason in verdict.reasons] == [
        f"expected an attestation with {COMPONENT}/version >=5.2.0, got '4.0.0'",
        f"expected an attestation with {COMPONENT}/name '{CATALOG}', got 'gitlab.com/eve/x'",
    ]


@pytest.mark.parametrize(
    "change, digest, code",
    [
        ({"predicate_type": "https://slsa.dev/provenance/v0.2"}, DIGEST, "predicate-type"),
        ({}, Digest.of(b"another image"), "other-digest"),
        ({"signer": Signer(fulcio=Fulcio(identities=(OTHER,)))}, DIGEST, "identity"),
    ],
)
def test_only_the_right_signers_word_is_read(change: dict[str, Any], digest: Digest, code: str) -> None:
    """Of anybody else, or about another image, the right fields change nothing, and wrong ones are not told."""
    wanted = demand().replace(**change)
    for version in ("9.0.0", "1.0.0"):
        found = consider(
            wanted, attested(CI_COMPONENT_VERSION=version), REFERENCE, digest, selected(wanted), NOW
        )
        assert [reason.code for reason in found] == [code]


def test_in_words() -> None:
    """As `policy show` and every verdict say it."""
    assert describe(demand({"/a": ["x", 2, True], "/v": {"version": ">=1.0.0"}})).startswith(
        f"attested ({SLSA}, /a 'x' or 2 or true, /v >=1.0.0) by https://gitlab.example/"
    )


@pytest.mark.parametrize(
    "fields, codes",
    [
        ({"/a/name": "x", "/a/version": {"version": ">=1.0.0 <2.0.0-0"}}, []),
        ({"/a/name": "x", "/a/version": {"version": "<2.0.0"}}, ["version-prerelease"]),
        ({"/a/name": "x", "/a/version": {"version": ">=1.0.0 <=2.0.0"}}, []),
        ({"/a/name": "x", "/a/version": {"version": ">=2.0.0 <1.0.0-0"}}, ["requirement-never-met"]),
        ({"/a/version": {"version": ">=1.0.0"}}, ["version-of-what"]),
        ({"/b/name": "x", "/a/version": {"version": ">=1.0.0"}}, ["version-of-what"]),
    ],
)
def test_lint(fields: Any, codes: list[str]) -> None:
    """Each finding stands at its field."""
    pinned = {"gitlab": {"project": "a/b", "projectID": 1, "ref": "refs/heads/main"}}
    text = json.dumps({"default": [requirement(fields, fulcio=pinned)]}, indent=1)
    policy = parse(text.encode(), dialect="vouchsafe", source="policy.json")
    found = lint(policy, now=datetime(2026, 1, 1, tzinfo=UTC))
    lines = text.splitlines()
    assert [each.code for each in found] == codes
    assert all('"/a/version"' in lines[each.line - 1] for each in found)
