"""The policy of a namespace: narrower than the host's, for registries only, and never in another's folder."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.hosts import ACCEPT, OURS, REJECT
from vouchsafe.errors import ConfigurationError, MalformedError
from vouchsafe.policy import crio, document
from vouchsafe.policy.compile import LOCAL_TRANSPORTS, Compiled, Host, compile_policy

HOST = Host(
    ca_path="/run/vouchsafe/ca.crt",
    lookaside="http://127.0.0.1:843",
    open_transports=LOCAL_TRANSPORTS,
    form="key",
)
SCOPES = {"registry.example/a": [OURS], "registry.example/b": [OURS], "open.example": [ACCEPT]}


def compiled(
    default: dict[str, Any] = REJECT, scopes: dict[str, Any] = SCOPES, host: Host = HOST
) -> Compiled:
    """A host's policy."""
    said = {"default": [default], "transports": {"docker": scopes}}
    return compile_policy(
        document.parse(json.dumps(said).encode(), dialect="vouchsafe", source="policy.json"), host
    )


def docker(content: bytes) -> dict[str, Any]:
    """Its docker scopes; it has nothing else."""
    said = json.loads(content)
    assert said["default"] == [REJECT]
    assert list(said["transports"]) == ["docker"]
    document.parse(content, dialect="containers", source="namespace.json")
    return dict(said["transports"]["docker"])


def test_what_is_in_force_and_nothing_local() -> None:
    """The same demands as the host's; local transports, which the host leaves open, are not."""
    whole = compiled()
    assert docker(crio.narrowed(whole, HOST)) == json.loads(whole.policy)["transports"]["docker"]


def test_some_scopes_only() -> None:
    """The rest is rejected."""
    found = docker(crio.narrowed(compiled(), HOST, ["registry.example/b"]))
    assert list(found) == ["registry.example/b"]
    assert found["registry.example/b"][0]["keyPath"].startswith("/run/vouchsafe/keys/")


SCOPE = "registry.example/b"
SAYS_MORE: list[dict[str, Any]] = [
    {"default": [ACCEPT]},
    {"transports": {"docker": {SCOPE: [ACCEPT]}}},
    {"transports": {"docker": {SCOPE: []}}},
    {"transports": {"docker": {SCOPE: [{"type": "sigstoreSigned", "keyPath": "/tmp/mine.pub"}]}}},
    {"transports": {"docker": {}, "dir": {"": [ACCEPT]}}},
    {"transports": {}},
    {"transports": []},
    {"transports": {"docker": {SCOPE: {"type": "reject"}}}},
]


def test_how_it_stands_to_the_hosts() -> None:
    """Written from what is in force; from another policy, whose keys are gone; or not by us."""
    now, scopes = compiled(), [SCOPE]
    narrow = crio.narrowed(now, HOST, scopes)
    assert crio.standing(narrow, now.policy, HOST) == "current"
    later = compiled(scopes={**SCOPES, "registry.example/c": [OURS]})
    assert crio.standing(narrow, later.policy, HOST) == "old"
    without = compiled(scopes={"registry.example/a": [OURS]})
    assert crio.standing(narrow, without.policy, HOST) == "old"
    assert crio.standing(narrow, b"{", HOST) == "foreign"


@pytest.mark.parametrize("edit", SAYS_MORE)
def test_what_says_more_than_ours_is_not_ours(edit: dict[str, Any]) -> None:
    """Somebody's edit of what we wrote, too."""
    now = compiled()
    edited = json.loads(crio.narrowed(now, HOST, [SCOPE])) | edit
    assert crio.standing(json.dumps(edited).encode(), now.policy, HOST) == "foreign"


def test_an_open_default_is_not_taken_over() -> None:
    """A namespace has reject."""
    assert docker(crio.narrowed(compiled(ACCEPT), HOST)) != {}


def test_no_registries_at_all() -> None:
    """Rejects everything."""
    assert docker(crio.narrowed(compiled(scopes={}), HOST)) == {}


@pytest.mark.parametrize("form", ["pki", "openpgp"])
def test_forms_that_do_not_last(form: Any) -> None:
    """CRI-O judges again when a container starts."""
    host = HOST.replace(form=form)
    with pytest.raises(ConfigurationError) as caught:
        crio.narrowed(compiled(host=host), host)
    assert (caught.value.code, "--form key" in caught.value.hint) == ("crio-form", True)


@pytest.mark.parametrize("scopes, there", [(SCOPES, "registry.example/a"), ({}, "none")])
def test_a_scope_that_the_policy_has_not(scopes: dict[str, Any], there: str) -> None:
    """Is a mistake, and the hint shows what there is."""
    with pytest.raises(ConfigurationError) as caught:
        crio.narrowed(compiled(scopes=scopes), HOST, ["registry.example"])
    assert (caught.value.code, there in caught.value.hint) == ("crio-scope", True)


@pytest.mark.parametrize("name", ["a", "team-a", "0", "a" * 63])
def test_namespaces(name: str) -> None:
    """As Kubernetes names them."""
    assert crio.path(name) == f"/etc/crio/policies/{name}.json"
    assert crio.path(name, "/elsewhere") == f"/elsewhere/{name}.json"


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "/etc/x",
        "a.b",
        "A",
        "-a",
        "a-",
        "a" * 64,
        "a\n",
        "a\x00",
        "ä",
        "a b",
        "a_b",
    ],
)
def test_names_that_lead_elsewhere(name: str) -> None:
    """A name becomes part of a path."""
    with pytest.raises(MalformedError, match="Kubernetes namespace"):
        crio.path(name)


@pytest.mark.parametrize(
    "content, ours",
    [
        (crio.narrowed(compiled(), HOST), True),
        (crio.narrowed(compiled(scopes={"open.example": [ACCEPT]}), HOST), False),
        (b"", False),
        (b"\xff", False),
        (b"[]", False),
        (b"{}", False),
        (b'{"transports":[]}', False),
        (b'{"transports":{"docker":{"a":7}}}', False),
        (b'{"transports":{"docker":{"a":[7]}}}', False),
        (b'{"transports":{"docker":{"a":[{"keyPath":7}]}}}', False),
        (b'{"transports":{"docker":{"a":[{"keyPath":"/etc/theirs.pub"}]}}}', False),
    ],
)
def test_whose_file_it_is(content: bytes, ours: bool) -> None:
    """Ours demands a key that we publish, also one of an older policy."""
    assert crio.is_ours(content, HOST) is ours
