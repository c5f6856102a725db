"""Any bytes are a policy or a ConfigurationError, and where there is a policy, lint has its say too."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.policy.policies import CASES, mutants
from vouchsafe.errors import ConfigurationError
from vouchsafe.policy.document import parse
from vouchsafe.policy.godecode import SyntaxProblem, as_text, base64_data, decode
from vouchsafe.policy.grammar import Dialect
from vouchsafe.policy.layers import File, load
from vouchsafe.policy.lint import lint, named_files
from vouchsafe.policy.reading import PolicyError
from vouchsafe.policy.requirement import SigstoreAttested, SigstoreSigned

NOW = datetime(2026, 11, 22, tzinfo=UTC)
DIALECTS: tuple[Dialect, ...] = ("containers", "vouchsafe")

# JSON that looks like a policy: upstream's and our keys over values of every kind, right and wrong.
TEXTS = st.sampled_from(
    (
        "",
        "/k",
        "a.b/c",
        "a.b/c:d",
        "eA==",
        "GPGKeys",
        "https://gitlab.com",
        "https://gitlab.com/g/p//.gitlab-ci.yml@refs/heads/main",
        "a@b.example",
        ".*",
        "(",
        "refs/heads/main",
        "group/app",
        "release.yml",
        "2026-01-01T00:00:00Z",
        "90d",
        "push",
    )
) | st.text(max_size=8)
SCALARS = st.none() | st.booleans() | st.integers(-1, 300) | TEXTS
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


def _object(keys: tuple[str, ...], **members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Any of these keys over odd values, some keys over fitting ones."""
    odd = st.dictionaries(st.sampled_from(keys), TEXTS | ANYTHING, max_size=3)
    right = st.fixed_dictionaries({}, optional=members)
    return st.builds(lambda one, other: {**one, **other}, odd, right)


GITLAB = _object(
    ("project", "projectID", "ref", "refPattern", "ciConfig", "instance", "triggers", "runnerEnvironment"),
    project=st.just("group/app"),
    ref=st.just("refs/heads/main"),
)
GITHUB = _object(
    ("repository", "repositoryID", "workflow", "ref", "refPattern", "triggers", "runnerEnvironment"),
    repository=st.just("acme/app"),
    workflow=st.just("release.yml"),
    refPattern=st.sampled_from(("refs/tags/.*", "(", ".*")),
)
_IDENTITY = ("oidcIssuer", "subjectEmail", "subjectURI", "subjectRegexp", "buildSignerURI", "claims")
IDENTITY = _object(
    _IDENTITY,
    oidcIssuer=st.just("https://gitlab.com"),
    subjectRegexp=TEXTS,
    claims=st.dictionaries(
        st.sampled_from(("build-trigger", "token-subject", "x")), TEXTS | ANYTHING, max_size=2
    ),
    gitlab=GITLAB,
    github=GITHUB,
)
FULCIO = IDENTITY | _object(
    (*_IDENTITY, "caPath", "caData", "trustedRootPath"), identities=st.lists(IDENTITY, max_size=2)
)
PKI = _object(
    ("caRootsPath", "caRootsData", "caIntermediatesPath", "subjectEmail", "subjectHostname"),
    caRootsPath=st.just("/c"),
    subjectEmail=st.just("a@b.example"),
)
SIGNED_IDENTITY = _object(
    ("type", "dockerReference", "dockerRepository", "prefix", "signedPrefix"),
    type=st.sampled_from(
        ("matchExact", "matchRepository", "exactReference", "exactRepository", "remapIdentity")
    ),
)
FIELDS = st.dictionaries(
    st.sampled_from(("/a", "/a/0", "/~1", "a", "", "/~2")),
    TEXTS
    | ANYTHING
    | st.fixed_dictionaries({"version": TEXTS | st.sampled_from((">=1.0.0", "<2.0.0 >3.0.0", "=1"))}),
    max_size=2,
)
REQUIREMENT = _object(
    ("keyPath", "keyPaths", "keyData", "keyDatas", "keyType", "rekorPublicKeyPath", "rekorPublicKeyDatas"),
    type=st.sampled_from(
        (
            "insecureAcceptAnything",
            "reject",
            "signedBy",
            "signedBaseLayer",
            "sigstoreSigned",
            "sigstoreAttested",
        )
    ),
    predicateType=TEXTS,
    predicateFields=FIELDS,
    fulcio=FULCIO,
    pki=PKI,
    signedIdentity=SIGNED_IDENTITY,
    baseLayerIdentity=SIGNED_IDENTITY,
)
RULE = (
    st.lists(REQUIREMENT, max_size=2)
    | _object(
        ("notBefore", "maxAge", "repositoryOfProject"),
        requirements=st.lists(REQUIREMENT, max_size=2),
        repositoryOfProject=st.dictionaries(TEXTS | st.just("*"), TEXTS | st.lists(TEXTS), max_size=2),
    )
    | ANYTHING
)
SCOPES = st.dictionaries(TEXTS | st.sampled_from(("/a", "[/x]y", "*.b", "A.b/c")), RULE, max_size=2)
TRANSPORTS = st.dictionaries(
    st.sampled_from(("docker", "oci", "dir", "atomic", "containers-storage", "docker-daemon", "x")),
    SCOPES | ANYTHING,
    max_size=2,
)
POLICY = st.fixed_dictionaries({"default": RULE}, optional={"transports": TRANSPORTS})


def judge(blob: bytes) -> bool:
    """Load in both dialects; a policy that loads is linted. Whether the stock dialect took it."""
    taken = []
    for dialect in DIALECTS:
        try:
            policy = parse(blob, dialect=dialect, source="policy.json")
        except PolicyError:
            taken.append(False)
            continue
        taken.append(True)
        assert all(finding.line >= 1 for finding in lint(policy, now=NOW))
        assert len(set(named_files(policy))) == len(named_files(policy))
    assert taken != [True, False], "a policy of stock clients must load as one of ours"
    return taken[0]


@given(st.binary(max_size=200))
def test_any_bytes(blob: bytes) -> None:
    """Bytes load or are a PolicyError, in both dialects; ours takes whatever the other takes."""
    judge(blob)


@given(POLICY)
def test_any_shape(value: Any) -> None:
    """So does JSON with the right keys in wrong places."""
    judge(json.dumps(value).encode())


@given(st.sampled_from([blob for _, blob, _ in CASES]), st.data())
def test_damaged_policies(blob: bytes, data: st.DataObject) -> None:
    """So does a policy with a byte changed."""
    at = data.draw(st.integers(0, len(blob) - 1))
    judge(blob[:at] + bytes([data.draw(st.integers(0, 255))]) + blob[at + 1 :])


def test_mutated_policies() -> None:
    """So does everything that skopeo is asked about; some load, most do not."""
    taken = [judge(blob) for blob in mutants(1000, seed=7)]
    assert 100 < sum(taken) < 900


@given(ANYTHING)
def test_json_is_read_as_python_reads_it(value: Any) -> None:
    """Where Go and Python agree on JSON, the values are the same."""
    text = json.dumps(value)
    assert _plain(decode(text)) == json.loads(text)


def _plain(node: Any) -> Any:
    if node.kind == "object":
        return {key: _plain(member) for key, member in node.value.items()}
    if node.kind == "array":
        return [_plain(item) for item in node.value]
    return int(node.value) if node.kind == "number" else node.value


@given(st.text(max_size=20), st.booleans())
def test_strings(text: str, ascii_only: bool) -> None:
    """Any Unicode text survives, escaped or not; a lone surrogate becomes U+FFFD."""
    blob = json.dumps(text, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    expected = "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)
    found = str(decode(as_text(blob)).value)
    if ascii_only:
        expected = json.loads(blob).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        assert found.replace("\ufffd", "") == expected.replace("\ufffd", "")
    else:  # a raw surrogate is three bytes that are no UTF-8
        assert found.replace("\ufffd\ufffd\ufffd", "\ufffd") == expected.replace(
            "\ufffd\ufffd\ufffd", "\ufffd"
        )


@given(st.binary(max_size=40), st.lists(st.integers(0, 60), max_size=4))
def test_base64(data: bytes, breaks: list[int]) -> None:
    """Line breaks anywhere change nothing; a character less is no base64."""
    import base64

    text = base64.b64encode(data).decode()
    broken = text
    for at in breaks:
        broken = broken[:at] + "\r\n" + broken[at:]
    assert base64_data(broken) == data
    assert not text or base64_data(text[:-1]) is None


@given(st.integers(60, 20_000))
def test_depth(depth: int) -> None:
    """However deep, it is a SyntaxProblem and never the interpreter's limit."""
    with pytest.raises(SyntaxProblem):
        decode('{"a":' * depth + "[" * depth)


@given(st.lists(st.sampled_from(("a.b", "c.d", "e.f")), max_size=4))
def test_layers(scopes: list[str]) -> None:
    """Drop-ins with one scope each load if no scope is there twice, in any order."""
    reject = [{"type": "reject"}]
    main = File(source="main", blob=json.dumps({"default": reject}).encode())
    files = [
        File(source=str(number), blob=json.dumps({"transports": {"docker": {scope: reject}}}).encode())
        for number, scope in enumerate(scopes)
    ]
    try:
        policy = load(main, files)
    except ConfigurationError:
        assert len(set(scopes)) < len(scopes)
    else:
        assert scopes == list(policy.transports.get("docker", {}))


@given(st.lists(IDENTITY, min_size=1, max_size=3))
def test_no_identity_without_issuer_and_subject(identities: list[Any]) -> None:
    """Whatever loads, each identity has an issuer and a subject."""
    requirement = {"type": "sigstoreSigned", "fulcio": {"identities": identities}}
    blob = json.dumps({"default": [requirement]}).encode()
    try:
        (found,) = parse(blob, dialect="vouchsafe", source="p").default.requirements
    except PolicyError:
        return
    assert isinstance(found, SigstoreSigned | SigstoreAttested)
    assert found.signer.fulcio is not None
    for pattern in found.signer.fulcio.identities:
        assert pattern.issuer
        assert pattern.subject_uri or pattern.subject_email or pattern.subject_regexp
