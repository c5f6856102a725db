"""Our policy as stock clients enforce it: nothing of ours is written, and nothing that they know is changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vouchsafe.errors import ConfigurationError
from vouchsafe.policy import document
from vouchsafe.policy.compile import (
    FILE_LOOKASIDE,
    Compiled,
    Form,
    Host,
    compile_policy,
    epoch,
    key_path,
    marker,
)
from vouchsafe.policy.identity import IdentityPattern
from vouchsafe.policy.requirement import Fulcio, Signer, SigstoreAttested, SigstoreSigned
from vouchsafe.policy.requirement_json import to_json
from vouchsafe.policy.scope import Policy

HOST = Host(ca_path="/run/vouchsafe/ca.crt", lookaside="http://127.0.0.1:843")
REJECT = [{"type": "reject"}]
OURS: dict[str, Any] = {
    "type": "sigstoreSigned",
    "fulcio": {
        "identities": [{"gitlab": {"project": "acme/router", "projectID": "1", "ref": "refs/heads/main"}}]
    },
    "signedIdentity": {"type": "matchRepository"},
}
ANYBODY = {"oidcIssuer": "https://i.example", "subjectEmail": "a@b.example"}
THEIRS: list[dict[str, Any]] = [
    {"type": "insecureAcceptAnything"},
    {"type": "reject"},
    {"type": "signedBaseLayer", "baseLayerIdentity": {"type": "matchExact"}},
    {"type": "signedBy", "keyType": "GPGKeys", "keyPath": "/a.gpg", "signedIdentity": {"type": "matchExact"}},
    {"type": "signedBy", "keyType": "GPGKeys", "keyPaths": ["/a.gpg", "/b.gpg"]},
    {"type": "signedBy", "keyType": "GPGKeys", "keyData": "YQ=="},
    {"type": "sigstoreSigned", "keyPath": "/a.pub", "rekorPublicKeyPaths": ["/r.pub", "/s.pub"]},
    {"type": "sigstoreSigned", "keyDatas": ["YQ==", "Yg=="], "rekorPublicKeyData": "YQ=="},
    {
        "type": "sigstoreSigned",
        "fulcio": {"caPath": "/ca.pem", "oidcIssuer": "https://i.example", "subjectEmail": "a@b.example"},
        "rekorPublicKeyPath": "/r.pub",
        "signedIdentity": {"type": "exactReference", "dockerReference": "a.example/b:c"},
    },
    {
        "type": "sigstoreSigned",
        "pki": {"caRootsData": "YQ==", "caIntermediatesPath": "/i.pem", "subjectEmail": "a@b.example"},
        "signedIdentity": {"type": "exactRepository", "dockerRepository": "a.example/b"},
    },
    {
        "type": "sigstoreSigned",
        "pki": {"caRootsPath": "/r.pem", "subjectHostname": "ci.example"},
        "signedIdentity": {"type": "remapIdentity", "prefix": "a.example/b", "signedPrefix": "c.example/d"},
    },
]


def read(policy: object) -> Policy:
    """A policy in our dialect."""
    return document.parse(json.dumps(policy).encode(), dialect="vouchsafe", source="policy.json")


def compiled(scopes: dict[str, Any], default: Any = REJECT, transport: str = "docker") -> Compiled:
    """A policy with these scopes, compiled, and read back by the stock clients' rules."""
    made = compile_policy(read({"default": default, "transports": {transport: scopes}}), HOST)
    document.parse(made.policy, dialect="containers", source="compiled")
    return made


@pytest.mark.parametrize("requirement", THEIRS, ids="-".join)
def test_what_stock_clients_know_passes_through(requirement: dict[str, Any]) -> None:
    """Byte for byte the same meaning, and a file lookaside that works while we are down."""
    made = compiled({"a.example/b": [requirement]})
    assert json.loads(made.policy)["transports"]["docker"]["a.example/b"] == [requirement]
    assert (made.countersigned, made.registries) == ((), b"")


def test_a_keyless_scope_becomes_one_demand() -> None:
    """For this host's CA, with the scope's own marker, signedIdentity unchanged."""
    by_key = {**THEIRS[6], "signedIdentity": OURS["signedIdentity"]}
    made = compiled({"registry.example:5000/acme/router": [OURS, by_key]})
    name = marker(made.epoch, "registry.example:5000/acme/router")
    assert json.loads(made.policy)["transports"]["docker"]["registry.example:5000/acme/router"] == [
        {
            "type": "sigstoreSigned",
            "pki": {"caRootsPath": HOST.ca_path, "subjectEmail": name},
            "signedIdentity": {"type": "matchRepository"},
        }
    ]
    assert [(each.scope, each.marker) for each in made.countersigned] == [
        ("registry.example:5000/acme/router", name)
    ]
    assert b'lookaside: "http://127.0.0.1:843/registry.example:5000"' in made.registries


@pytest.mark.parametrize(
    "requirement, more",
    [
        (THEIRS[0], ""),
        (THEIRS[3], ""),
        # Inherited, the `false` above would hide the very signature that is demanded.
        (THEIRS[6], "    use-sigstore-attachments: true\n"),
    ],
)
def test_scopes_below_ours_that_are_not_ours(requirement: dict[str, Any], more: str) -> None:
    """Work while the countersigner is down, and find their own signatures: every key of a section is inherited."""
    made = compiled({"a.example": [OURS], "a.example/theirs": [requirement], "": REJECT})
    assert f'  "a.example/theirs":\n    lookaside: "{FILE_LOOKASIDE}"\n{more}' in made.registries.decode()
    assert ("use-sigstore-attachments: true" in made.registries.decode()) == bool(more)


def test_scopes_of_other_transports_ask_no_registry() -> None:
    """However they are called: registries.d is read for docker images."""
    scopes = {"docker": {"a.example": [OURS]}, "atomic": {"a.example/theirs": [THEIRS[0]]}}
    made = compile_policy(read({"default": REJECT, "transports": scopes}), HOST)
    assert "theirs" not in made.registries.decode()


def test_scopes_beside_ours_are_the_administrators() -> None:
    """A namespace that stands in two files ends every pull, so none is written without need."""
    made = compiled({"a.example/ours": [OURS], "a.example/theirs": [THEIRS[6]], "a.example": [THEIRS[0]]})
    assert "theirs" not in made.registries.decode()
    assert made.registries.count(b"lookaside:") == 1


def test_clients_ask_under_the_name_of_a_mirror() -> None:
    """Each place that a scope's images come from has a section; what is not ours keeps a file there too."""
    far = {"a.example": ("near.example/a",), "a.example/theirs": ("near.example/a/theirs",)}
    read_policy = read(
        {
            "default": REJECT,
            "transports": {"docker": {"a.example": [OURS], "a.example/theirs": [THEIRS[0]]}},
        }
    )
    made = compile_policy(read_policy, HOST.replace(physical=far)).registries.decode()
    assert '  "near.example/a":\n    lookaside: "http://127.0.0.1:843/near.example"\n' in made
    assert f'  "near.example/a/theirs":\n    lookaside: "{FILE_LOOKASIDE}"\n' in made


@pytest.mark.parametrize(
    "scopes, default, transport, code",
    [
        ({}, [OURS], "docker", "compile-scope"),
        ({"": [OURS]}, REJECT, "docker", "compile-scope"),
        ({"*.example": [OURS]}, REJECT, "docker", "compile-scope"),
        ({"/srv/image": [OURS]}, REJECT, "oci", "compile-transport"),
        ({"a.example": [OURS, THEIRS[3]]}, REJECT, "docker", "compile-signed-identity"),
    ],
)
def test_what_cannot_be_enforced_is_refused(
    scopes: dict[str, Any], default: Any, transport: str, code: str
) -> None:
    """Named, with what to write instead."""
    with pytest.raises(ConfigurationError) as refused:
        compiled(scopes, default, transport)
    assert refused.value.code == code


@pytest.mark.parametrize(
    "rule",
    [
        [OURS],
        [OURS, THEIRS[0]],
        {"requirements": [THEIRS[6]], "maxAge": "90d"},
        {"requirements": [THEIRS[6]], "notBefore": "2026-01-01T00:00:00Z"},
        [{**OURS, "type": "sigstoreAttested", "predicateType": "https://cyclonedx.org/bom"}],
        [{**THEIRS[8], "fulcio": {**THEIRS[8]["fulcio"], "claims": {"build-trigger": "push"}}}],
        [
            {
                **THEIRS[8],
                "fulcio": {
                    "caPath": "/ca.pem",
                    "identities": [ANYBODY, {**ANYBODY, "subjectEmail": "c@d.e"}],
                },
            }
        ],
    ],
)
def test_what_only_we_judge_is_countersigned(rule: Any) -> None:
    """Our matchers, attestations and ages."""
    assert len(compiled({"a.example/b": rule}).countersigned) == 1


def test_an_epoch_names_what_is_said() -> None:
    """White space and order of keys do not matter, another rule does; a scope's marker follows."""
    one = document.parse(b'{"default":[{"type":"reject"}],"transports":{}}', dialect="vouchsafe", source="a")
    same = document.parse(
        b'{ "transports": {}, "default": [{"type":"reject"}] }', dialect="vouchsafe", source="b"
    )
    other = read({"default": THEIRS[:1]})
    assert epoch(one) == epoch(same) != epoch(other)
    assert marker(epoch(one), "a") != marker(epoch(other), "a") != marker(epoch(other), "b")


@pytest.mark.parametrize(
    "form, said, ending",
    [
        ("key", {"type": "sigstoreSigned"}, "pub"),
        ("openpgp", {"type": "signedBy", "keyType": "GPGKeys"}, "gpg"),
    ],
)
def test_forms_for_clients_that_read_no_certificates(form: Form, said: dict[str, str], ending: str) -> None:
    """Each scope's own key, in a file that another policy would name otherwise."""
    host = HOST.replace(form=form, keys="/run/vouchsafe/keys")
    compiled = compile_policy(
        read({"default": REJECT, "transports": {"docker": {"a.example/b": [OURS]}}}), host
    )
    ((scope, requirements),) = json.loads(compiled.policy)["transports"]["docker"].items()
    (found,) = compiled.countersigned
    assert scope == found.scope == "a.example/b"
    path = f"/run/vouchsafe/keys/{found.marker.partition('@')[0]}.{ending}"
    assert key_path(found.marker, host) == path
    assert requirements == [said | {"keyPath": path, "signedIdentity": {"type": "matchRepository"}}]


def test_what_only_we_know_has_no_words() -> None:
    """Nothing of ours can slip into a stock client's file."""
    pattern = IdentityPattern(issuer="https://gitlab.com", subject="x")
    signer = Signer(fulcio=Fulcio(identities=(pattern,)))
    for ours in (SigstoreAttested(predicate_type="x", signer=signer), SigstoreSigned(signer=signer)):
        with pytest.raises(TypeError):
            to_json(ours)


def test_every_policy_that_skopeo_loads_is_compiled_to_itself() -> None:
    """The recorded 124: what loads there loads again after us, with the same requirements."""
    table = Path(__file__).resolve().parents[4] / "shared" / "facts" / "policy-strictness.jsonl"
    if not table.exists():
        pytest.skip("the recorded policies are missing")
    for line in table.read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        if case["results"]["1.22.0"]["outcome"] == "parse-error":
            continue
        before = document.parse(
            case["policy"].encode("utf-8", "surrogateescape"), dialect="containers", source="a"
        )
        after = document.parse(compile_policy(before, HOST).policy, dialect="containers", source="b")
        assert after.default.requirements == before.default.requirements, case["name"]
