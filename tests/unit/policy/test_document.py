"""containers-policy.json(5) with containers/image's strictness: our table, and what real skopeo said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.policy.policies import ACCEPT, CASES, identity, sigstore, with_default, with_scope
from vouchsafe.errors import ConfigurationError
from vouchsafe.policy import requirement as kinds
from vouchsafe.policy.document import parse
from vouchsafe.policy.grammar import Dialect
from vouchsafe.policy.reading import LARGEST_POLICY, PolicyError

FACTS = Path(__file__).resolve().parents[4] / "shared" / "facts" / "policy-strictness.jsonl"


def loads(blob: bytes, dialect: Dialect = "containers") -> bool:
    """Whether the policy loads; anything but a PolicyError with a place is a failure."""
    try:
        parse(blob, dialect=dialect, source="policy.json")
    except PolicyError as error:
        if not (error.code.startswith("policy-") and error.message and error.line >= 1):
            raise
        return False
    return True


def refused(blob: bytes, dialect: Dialect = "containers") -> PolicyError:
    """The error of a policy that must not load."""
    with pytest.raises(PolicyError) as caught:
        parse(blob, dialect=dialect, source="policy.json")
    return caught.value


def one(blob: bytes, dialect: Dialect = "containers") -> kinds.Requirement:
    """The one requirement of a default."""
    (found,) = parse(blob, dialect=dialect, source="policy.json").default.requirements
    return found


@pytest.mark.parametrize("name, blob, expected", CASES, ids=[name for name, _, _ in CASES])
def test_table(name: str, blob: bytes, expected: bool) -> None:
    """Every line of our table loads, or does not, as containers/image does."""
    assert expected == loads(blob), name


@pytest.mark.parametrize("name, blob", [(name, blob) for name, blob, loads in CASES if loads])
def test_valid_upstream_policies_are_valid_here(name: str, blob: bytes) -> None:
    """Any valid upstream policy loads as one of ours, with the same requirements."""
    ours = parse(blob, dialect="vouchsafe", source="p")
    theirs = parse(blob, dialect="containers", source="p")
    assert theirs == ours.replace(dialect="containers"), name


def test_strictness_of_real_skopeo() -> None:
    """124 policies of which real skopeo 1.22 said whether they load: no difference."""
    if not FACTS.is_file():
        pytest.skip("the shared facts are missing: expected ../shared/facts/policy-strictness.jsonl")
    lines = [json.loads(line) for line in FACTS.read_text(encoding="utf-8").splitlines()]
    expected, actual = {}, {}
    for line in lines:
        text, name = line["policy"], line["name"]
        blob = text.encode("latin-1") if "invalid utf8" in name else text.encode()
        expected[name] = line["results"]["1.22.0"]["outcome"] != "parse-error"
        actual[name] = loads(blob)
    assert len(lines) >= 100
    assert expected == actual


def test_requirements_are_read() -> None:
    """Each of upstream's types becomes its Record."""
    policy = parse(
        with_default(
            ACCEPT,
            '{"type":"reject"}',
            '{"type":"signedBaseLayer","baseLayerIdentity":{"type":"matchExact"}}',
            '{"type":"signedBy","keyType":"GPGKeys","keyPaths":["/a","/b"]}',
            '{"type":"sigstoreSigned","keyDatas":["eA==","eQ=="],"rekorPublicKeyPath":"/r"}',
        ),
        dialect="containers",
        source="policy.json",
    )
    expected = (
        kinds.InsecureAcceptAnything(),
        kinds.Reject(),
        kinds.SignedBaseLayer(base_layer_identity=kinds.MatchExact()),
        kinds.SignedBy(key_type="GPGKeys", keys=kinds.Source(paths=("/a", "/b"))),
        kinds.SigstoreSigned(
            signer=kinds.Signer(keys=kinds.Source(data=(b"x", b"y")), rekor=kinds.Source(paths=("/r",)))
        ),
    )
    assert expected == policy.default.requirements
    assert [each.verifies_signatures for each in expected] == [False, False, False, True, True]


@pytest.mark.parametrize(
    "members, expected",
    [
        ('"type":"matchExact"', kinds.MatchExact()),
        ('"type":"matchRepoDigestOrExact"', kinds.MatchRepoDigestOrExact()),
        ('"type":"matchRepository"', kinds.MatchRepository()),
        ('"type":"exactReference","dockerReference":"a:b"', kinds.ExactReference(reference="a:b")),
        ('"type":"exactRepository","dockerRepository":"a"', kinds.ExactRepository(repository="a")),
        (
            '"type":"remapIdentity","prefix":"a.b","signedPrefix":"c.d"',
            kinds.RemapIdentity(prefix="a.b", signed_prefix="c.d"),
        ),
    ],
)
def test_signed_identities_are_read(members: str, expected: kinds.SignedIdentity) -> None:
    """Each kind of signedIdentity becomes its Record."""
    found = one(identity(members))
    assert isinstance(found, kinds.SigstoreSigned)
    assert expected == found.signed_identity


def test_without_signed_identity() -> None:
    """matchRepoDigestOrExact is what applies when none is written."""
    found = one(sigstore('"keyPath":"/k"'))
    assert isinstance(found, kinds.SigstoreSigned)
    assert kinds.MatchRepoDigestOrExact() == found.signed_identity


def test_scopes_are_kept() -> None:
    """Transports and scopes stay as written, known or not."""
    policy = parse(with_scope("frobnicate", "any thing"), dialect="containers", source="policy.json")
    assert list(policy.transports) == ["frobnicate"]
    assert list(policy.transports["frobnicate"]) == ["any thing"]


def test_errors_say_where() -> None:
    """File, line and path of the fault are in the message and on the error."""
    blob = b"""{
  "default": [{"type": "reject"}],
  "transports": {
    "docker": {
      "registry.example/x": [
        {"type": "sigstoreSigned",
         "fulcio": {"caPath": "/c", "oidcIssuer": 1, "subjectEmail": "a"},
         "rekorPublicKeyPath": "/r"}
      ]
    }
  }
}"""
    error = refused(blob)
    path = 'transports.docker["registry.example/x"][0].fulcio.oidcIssuer'
    assert ("policy-type", "policy.json", 7, path) == (error.code, error.file, error.line, error.path)
    assert f"expected a string, got number in {path} in policy.json:7" == error.message
    assert isinstance(error, ConfigurationError)


@pytest.mark.parametrize(
    "blob, code, hint",
    [
        (b"\xef\xbb\xbf{}", "policy-json", "byte order mark"),
        (b"{}", "policy-missing-key", "reject"),
        (b'{"default":[]}', "policy-empty", "reject"),
        (sigstore('"subjectURI":"u","keyPath":"/k"'), "policy-unknown-key", "vouchsafe's"),
        (
            sigstore('"fulcio":{"subjectURI":"u"}'),
            "policy-unknown-key",
            "stock clients refuse the whole file",
        ),
        (with_default('{"type":"sigstoreAttested"}'), "policy-requirement-type", "This type is vouchsafe's"),
        (with_scope("docker", "a.b", f'{{"requirements":[{ACCEPT}]}}'), "policy-type", "vouchsafe's"),
        (with_scope("docker", "a.b", ACCEPT), "policy-type", "brackets"),
        (with_scope("oci", "/a/"), "policy-scope", "absolute path"),
        (with_scope("tarball", "/a"), "policy-scope", "is a scope here"),
        (with_scope("docker-archive", "/a"), "policy-scope", "is a scope here"),
        (sigstore('"keyData":"eA"'), "policy-base64", "base64 -w0"),
        (
            identity('"type":"exactReference","dockerReference":"a"'),
            "policy-signed-identity",
            "exactRepository",
        ),
    ],
)
def test_errors_help(blob: bytes, code: str, hint: str) -> None:
    """Each error has a stable code, and a hint where there is a way out."""
    error = refused(blob)
    assert code == error.code
    assert hint in error.hint


def test_too_large() -> None:
    """A file beyond the limit is not looked into."""
    error = refused(b" " * (LARGEST_POLICY + 1))
    assert (error.code, error.line) == ("policy-too-large", 0)


def test_duplicate_key_is_named() -> None:
    """A key written twice has its own code and line."""
    error = refused(b'{"default":[],\n"default":[]}')
    assert (error.code, error.line) == ("policy-duplicate-key", 2)


@pytest.mark.parametrize(
    "requirement",
    [
        '{"type":"sigstoreSigned","pki":{"caRootsPath":"/r","subjectEmail":"a@b.example"},"rekorPublicKeyPath":"/k"}',
        '{"type":"sigstoreSigned","keyPaths":null}',
        '{"type":"signedBy","keyType":"GPGKeys","keyPaths":null}',
    ],
)
def test_keys_out_of_place_are_refused(requirement: str) -> None:
    """A log's key beside `pki`, and a list of keys that is null."""
    with pytest.raises(PolicyError):
        parse(f'{{"default":[{requirement}]}}'.encode(), dialect="containers", source="policy.json")
