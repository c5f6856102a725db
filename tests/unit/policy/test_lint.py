"""Lint: each code with a policy that earns it, its line, and one that does not."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.policy.policies import HEX
from vouchsafe.policy.document import parse
from vouchsafe.policy.grammar import Dialect
from vouchsafe.policy.layers import File, load
from vouchsafe.policy.lint import PUBLIC_GOOD_ROOT, Finding, Material, lint, named_files
from vouchsafe.policy.reading import PolicyError
from vouchsafe.policy.scope import Policy

NOW = datetime(2026, 11, 22, tzinfo=UTC)
ACCEPT = [{"type": "insecureAcceptAnything"}]
REJECT = [{"type": "reject"}]
SIGNED = [{"type": "sigstoreSigned", "keyPath": "/k"}]
DOCS = Path(__file__).resolve().parents[3] / "docs" / "policy-json.md"


def policy(value: Any, dialect: Dialect = "vouchsafe") -> Policy:
    """A policy, one value a line."""
    return parse(json.dumps(value, indent=1).encode(), dialect=dialect, source="policy.json")


def codes(value: Any, dialect: Dialect = "vouchsafe") -> list[str]:
    """The codes of what lint finds."""
    return [finding.code for finding in lint(policy(value, dialect), now=NOW)]


def scoped(scope: str, requirements: Any = REJECT, transport: str = "docker") -> dict[str, Any]:
    """A strict policy with one scope."""
    return {"default": REJECT, "transports": {transport: {scope: requirements}}}


def keyless(**fulcio: Any) -> dict[str, Any]:
    """A strict policy with one keyless scope."""
    return scoped("registry.gitlab.com/acme", [{"type": "sigstoreSigned", "fulcio": fulcio}])


def regexp(pattern: str) -> list[str]:
    """The codes of a pattern, without those about claims."""
    found = codes(keyless(oidcIssuer="https://gitlab.com", subjectRegexp=pattern))
    return [code for code in found if code not in {"project-id", "trigger-any"}]


@pytest.mark.parametrize(
    "value, expected",
    [
        ({"default": REJECT}, []),
        ({"default": SIGNED}, []),
        ({"default": ACCEPT}, ["default-accepts"]),
        ({"default": ACCEPT * 2}, ["default-accepts"]),
        (scoped("", ACCEPT), ["default-undone"]),
        (scoped("", ACCEPT, "atomic"), ["default-undone"]),
        (scoped("", ACCEPT, "docker-daemon"), []),
        (scoped("", SIGNED), []),
        (scoped("", ACCEPT, "oci"), []),
        ({"default": ACCEPT, "transports": {"docker": {"": ACCEPT}}}, ["default-accepts"]),
        (scoped("a.b", transport="dokcer"), ["transport-unknown"]),
        (scoped("a.b/c", ACCEPT), ["scope-accepts"]),
        (scoped("*.a.b", ACCEPT), ["scope-accepts"]),
        (
            {"default": ACCEPT, "transports": {"docker": {"a.b": SIGNED, "a.b/c": ACCEPT, "c.d": ACCEPT}}},
            ["default-accepts", "scope-accepts"],
        ),
        (
            {"default": ACCEPT, "transports": {"docker": {"*.b": SIGNED, "*.a.b": ACCEPT, "": SIGNED}}},
            ["default-accepts", "scope-accepts"],
        ),
        ({"default": [*SIGNED, *REJECT]}, ["requirement-pointless"]),
        ({"default": [*SIGNED, *ACCEPT]}, ["requirement-pointless"]),
        ({"default": [*ACCEPT, *REJECT]}, ["requirement-pointless"] * 2),
        ({"default": {"requirements": REJECT, "notBefore": "2027-01-01T00:00:00Z"}}, ["not-before-future"]),
        ({"default": {"requirements": REJECT, "notBefore": "2026-01-01T00:00:00Z"}}, []),
        ({"default": {"requirements": REJECT, "repositoryOfProject": {"*": "a.b/c"}}}, ["mapping-any"]),
        ({"default": [{"type": "sigstoreSigned", "keyPath": "k"}]}, ["path-relative"]),
    ],
)
def test_rules(value: Any, expected: list[str]) -> None:
    """The default, transports, lists and bounds."""
    assert expected == codes(value)


@pytest.mark.parametrize(
    "scope, expected",
    [
        ("registry.example", ""),
        ("registry.example:5000", ""),
        ("localhost", ""),
        ("localhost/x", ""),
        ("*.example.com", ""),
        ("registry.example/a/b:v1", ""),
        (f"registry.example/a@sha256:{HEX}", ""),
        ("docker.io", ""),
        ("docker.io/acme", ""),
        ("docker.io/library/busybox", ""),
        ("busybox", "scope-never-matches"),
        ("library/busybox", "scope-never-matches"),
        ("docker.io/busybox:v1", "scope-never-matches"),
        ("index.docker.io", "scope-never-matches"),
        ("index.docker.io/library/x", "scope-never-matches"),
        ("registry.example/", "scope-never-matches"),
        ("https://registry.example/a", "scope-never-matches"),
        ("registry.example/A", "scope-never-matches"),
        ("registry.example/a b", "scope-never-matches"),
        (f"registry.example/a:v1@sha256:{HEX}", "scope-never-matches"),
        ("*", "scope-never-matches"),
        ("*.example.com/a", "scope-never-matches"),
        ("registry.*", "scope-never-matches"),
        ("Registry.example/a", "scope-capitals"),
    ],
)
def test_scopes(scope: str, expected: str) -> None:
    """Scopes that no image can have, and those that only capitals match."""
    assert ([expected] if expected else []) == codes(scoped(scope))


@pytest.mark.parametrize(
    "pattern, expected",
    [
        (r"https://gitlab\.com/acme/app//\.gitlab-ci\.yml@refs/heads/main", []),
        (r"^https://gitlab\.com/acme/[^/]+//\.gitlab-ci\.yml@refs/(heads/main|tags/v[0-9.]+)$", []),
        (r"release@acme\.example", []),
        (".*", ["subject-any"]),
        (".+", ["subject-any"]),
        ("https://.*", ["subject-any"]),
        (r".*@stranger\.example", ["subject-any"]),
        (r".*gitlab\.com/acme/app.*@refs/heads/main", ["subject-prefix"]),
        (r"^.+/acme/app", ["subject-prefix"]),
        (r"https://gitlab.com/acme/app//x@refs/heads/main", ["host-dot"]),
        (r"https://gitlab\.com/.*@refs/heads/main", ["group-wildcard"]),
        (r"https://gitlab\.com/acme.*@refs/heads/main", ["group-wildcard"]),
        (r"https://gitlab\.com/(acme|evil)/app//x@refs/heads/main", ["group-wildcard"]),
        (r"https://[a-z]+\.example/acme/app//x@refs/heads/main", ["group-wildcard"]),
        (r"https://gitlab\.com", ["group-wildcard", "ref-any"]),
        (r"https://gitlab\.com/acme/app//x@.*", ["ref-any"]),
        (r"https://gitlab\.com/acme/app//x@refs/heads/.*", ["ref-any"]),
        (r"https://gitlab\.com/acme/.*", ["ref-any"]),
        (r"https://gitlab\.com/acme/app//x@refs/merge-requests/.*", ["ref-merge-requests"]),
        (r"https://github\.com/acme/app/x@refs/pull/[0-9]+/merge", ["ref-merge-requests"]),
        (r"(?:https://gitlab\.com/acme/app//x@refs/heads/main)", []),
        (r"(https://gitlab\.com/acme/app//x@refs/heads/(main|next))", []),
        ("spiffe", []),
    ],
)
def test_patterns(pattern: str, expected: list[str]) -> None:
    """Patterns that accept strangers, other groups, any ref; and sound ones."""
    assert expected == regexp(pattern)


@pytest.mark.parametrize(
    "fulcio, expected",
    [
        ({"gitlab": {"project": "acme/app", "projectID": 1, "ref": "refs/heads/main"}}, []),
        ({"gitlab": {"project": "acme/app", "ref": "refs/heads/main"}}, ["project-id"]),
        ({"gitlab": {"project": "acme/app", "projectID": 1, "refPattern": "refs/.*"}}, ["ref-any"]),
        (
            {
                "gitlab": {
                    "project": "acme/app",
                    "projectID": 1,
                    "refPattern": "refs/merge-requests/.*",
                    "triggers": "merge_request_event",
                }
            },
            ["ref-merge-requests", "trigger-merge-request"],
        ),
        (
            {
                "github": {
                    "repository": "a/b",
                    "repositoryID": 1,
                    "workflow": "x.yml",
                    "ref": "refs/heads/main",
                }
            },
            [],
        ),
        ({"github": {"repository": "a/b", "workflow": "x.yml", "ref": "refs/heads/main"}}, ["project-id"]),
        ({"oidcIssuer": "https://i.example", "subjectEmail": "a@b.example"}, []),
        (
            {"oidcIssuer": "https://gitlab.com", "subjectURI": "https://gitlab.com/a/b//x@refs/heads/main"},
            ["project-id", "trigger-any"],
        ),
        (
            {
                "oidcIssuer": "https://token.actions.githubusercontent.com",
                "subjectURI": "https://github.com/a/b/.github/workflows/x.yml@refs/heads/main",
                "claims": {"build-trigger": "push"},
            },
            ["project-id", "workflow-callers"],
        ),
        ({"oidcIssuer": "https://i.example/", "subjectEmail": "a@b.example"}, ["issuer-slash"]),
        ({"oidcIssuer": r"https://i\.example", "subjectEmail": "a@b.example"}, ["issuer-pattern"]),
        ({"oidcIssuer": "https://i.example", "subjectEmail": "*@b.example"}, ["subject-wildcard"]),
        ({"oidcIssuer": "https://i.example", "subjectURI": "https://<nil>"}, ["subject-nil"]),
    ],
)
def test_identities(fulcio: dict[str, Any], expected: list[str]) -> None:
    """What a certificate's subject leaves open, and what cannot be meant."""
    assert expected == codes(keyless(**fulcio))


def test_stock_dialect_has_no_claims() -> None:
    """Where claims cannot be written, their absence is no finding."""
    fulcio = {"caPath": "/c", "oidcIssuer": "https://gitlab.com", "subjectEmail": "https://gitlab.com/a/b"}
    value = scoped("a.b", [{"type": "sigstoreSigned", "fulcio": fulcio, "rekorPublicKeyPath": "/r"}])
    assert codes(value, "containers") == []


@pytest.mark.parametrize(
    "requirement, transport, dialect, expected",
    [
        ({"type": "signedBaseLayer", "baseLayerIdentity": {"type": "matchExact"}}, "docker", "containers", 1),
        ({"type": "signedBy", "keyType": "GPGKeys", "keyPaths": []}, "docker", "containers", 1),
        ({"type": "signedBy", "keyType": "GPGKeys", "keyPath": "/k"}, "docker", "containers", 0),
        ({"type": "signedBy", "keyType": "signedByGPGKeys", "keyPath": "/k"}, "docker", "containers", 1),
        ({"type": "sigstoreSigned", "keyPath": "/k"}, "oci", "containers", 1),
        ({"type": "sigstoreSigned", "keyPath": "/k"}, "oci", "vouchsafe", 0),
        ({"type": "signedBy", "keyType": "GPGKeys", "keyPath": "/k"}, "dir", "vouchsafe", 1),
        (
            {
                "type": "sigstoreSigned",
                "keyPath": "/k",
                "signedIdentity": {"type": "exactRepository", "dockerRepository": "a.b/c"},
            },
            "oci",
            "containers",
            0,
        ),
        (
            {
                "type": "sigstoreSigned",
                "keyPath": "/k",
                "signedIdentity": {"type": "remapIdentity", "prefix": "a.b", "signedPrefix": "localhost/x"},
            },
            "docker",
            "containers",
            0,
        ),
        (
            {
                "type": "sigstoreSigned",
                "keyPath": "/k",
                "signedIdentity": {"type": "remapIdentity", "prefix": "busybox", "signedPrefix": "ns/app"},
            },
            "docker",
            "containers",
            2,
        ),
    ],
)
def test_never_met(requirement: Any, transport: str, dialect: Dialect, expected: int) -> None:
    """Requirements that load and can never be met."""
    scope = "/x" if transport in {"oci", "dir"} else "a.b"
    assert ["requirement-never-met"] * expected == codes(scoped(scope, [requirement], transport), dialect)


EVERYTHING = scoped(
    "a.b",
    [
        {"type": "signedBy", "keyType": "GPGKeys", "keyPath": "/gpg"},
        {"type": "sigstoreSigned", "keyPaths": ["/k1", "/k2"], "rekorPublicKeyPath": "/rekor"},
        {
            "type": "sigstoreSigned",
            "pki": {"caRootsPath": "/pki", "caIntermediatesPath": "/int", "subjectEmail": "a"},
        },
        {"type": "sigstoreSigned", "fulcio": {"oidcIssuer": "i", "subjectEmail": "a"}},
        {
            "type": "sigstoreSigned",
            "fulcio": {"trustedRootPath": "/root", "oidcIssuer": "i", "subjectEmail": "a"},
        },
        {
            "type": "sigstoreAttested",
            "predicateType": "p",
            "fulcio": {"caPath": "/ca", "oidcIssuer": "i", "subjectEmail": "a"},
            "rekorPublicKeyPath": "/rekor",
        },
    ],
)


def test_named_files() -> None:
    """Every file that somebody must be able to read, once, and the embedded root."""
    expected = ("/gpg", "/k1", "/k2", "/rekor", "/pki", "/int", PUBLIC_GOOD_ROOT, "/root", "/ca")
    assert expected == named_files(policy(EVERYTHING))


def test_material() -> None:
    """Unreadable, expired and expiring files are told, where they are named; sound ones are not."""
    material = {
        "/gpg": Material(problem="no such file"),
        "/k1": Material(expires=NOW + timedelta(days=400)),
        "/k2": Material(expires=NOW - timedelta(days=1)),
        "/pki": Material(expires=NOW + timedelta(days=29)),
        PUBLIC_GOOD_ROOT: Material(expires=NOW + timedelta(days=1)),
    }
    found = lint(policy(EVERYTHING), now=NOW, material=material)
    expected = [
        ("material-unusable", "error"),
        ("material-expired", "error"),
        ("material-expiring", "warning"),
        ("material-expiring", "warning"),
    ]
    assert expected == [(each.code, each.severity) for each in found]
    text = json.dumps(EVERYTHING, indent=1).splitlines()
    assert [text[each.line - 1].split('"')[1] for each in found] == [
        "keyPath",
        "keyPaths",
        "caRootsPath",
        "fulcio",
    ]
    assert "trust refresh" in found[-1].fix


def test_lines() -> None:
    """A finding points at the very key, inside alternatives and inside the object of a scope too."""
    value = scoped(
        "a.b",
        {
            "requirements": [
                {
                    "type": "sigstoreSigned",
                    "fulcio": {
                        "identities": [
                            {"oidcIssuer": "https://i.example", "subjectEmail": "a@b.example"},
                            {"oidcIssuer": "https://i.example", "subjectRegexp": ".*"},
                            {"gitlab": {"project": "a/b", "ref": "refs/heads/main"}},
                        ]
                    },
                }
            ],
            "notBefore": "2027-01-01T00:00:00Z",
        },
    )
    text = json.dumps(value, indent=1).splitlines()
    found = lint(policy(value), now=NOW)
    assert [each.code for each in found] == ["subject-any", "project-id", "not-before-future"]
    assert [text[each.line - 1].split('"')[1] for each in found] == ["subjectRegexp", "gitlab", "notBefore"]


def test_several_files() -> None:
    """Findings come in the order of the files, each with its own."""
    main = File(source="z.json", blob=json.dumps({"default": ACCEPT}).encode())
    other = File(source="a.json", blob=json.dumps({"transports": {"docker": {"busybox": REJECT}}}).encode())
    found = lint(load(main, [other]), now=NOW)
    assert [(each.file, each.code) for each in found] == [
        ("z.json", "default-accepts"),
        ("a.json", "scope-never-matches"),
    ]


def test_a_finding_in_one_line() -> None:
    """As compilers write it."""
    (found,) = lint(policy({"default": ACCEPT}), now=NOW)
    assert str(found).startswith("policy.json:2: warning: expected a strict default")
    assert '[default-accepts] Fix: Write "default"' in str(found)
    assert str(found.replace(fix="")).endswith("[default-accepts]")


def test_an_error_as_a_finding() -> None:
    """A policy that does not load is told in the same shape."""
    with pytest.raises(PolicyError) as caught:
        policy({"default": [{"type": "reject", "x": 1}]})
    expected = Finding(
        file="policy.json",
        line=5,
        code="policy-unknown-key",
        message="expected one of type, got the key 'x' in default[0]",
        fix="",
        severity="error",
    )
    assert expected == Finding.of(caught.value)
    assert Finding.of(PolicyError("c", "bare")).message == "bare"
