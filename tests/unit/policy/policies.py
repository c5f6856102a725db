"""Policies for containers/image's grammar: a table of what loads and what does not, and a mutator.

The table is ours; real skopeo is asked about every line of it in test_against_skopeo.py.
"""

from __future__ import annotations

import json
import random
from typing import Any

ACCEPT = '{"type":"insecureAcceptAnything"}'
HEX = "0123456789abcdef" * 4
KEY = "LS0tLS1CRUdJTg=="


def with_default(*requirements: str) -> bytes:
    """A policy whose default is these requirements."""
    return f'{{"default":[{",".join(requirements)}]}}'.encode("utf-8", "surrogateescape")


def with_scope(transport: str, scope: str, requirements: str = f"[{ACCEPT}]") -> bytes:
    """A policy with one scope, written as JSON text."""
    text = f'{{"default":[{ACCEPT}],"transports":{{"{transport}":{{"{scope}":{requirements}}}}}}}'
    return text.encode("utf-8", "surrogateescape")


def sigstore(members: str) -> bytes:
    """A policy with one sigstoreSigned."""
    return with_default(f'{{"type":"sigstoreSigned",{members}}}')


def identity(members: str) -> bytes:
    """A policy with one signedIdentity."""
    return sigstore(f'"keyPath":"/k","signedIdentity":{{{members}}}')


def repository(name: str) -> bytes:
    """A policy with one exactRepository."""
    return identity(f'"type":"exactRepository","dockerRepository":"{name}"')


def fulcio(members: str, beside: str = ',"rekorPublicKeyPath":"/r"') -> bytes:
    """A policy with one fulcio."""
    return sigstore(f'"fulcio":{{{members}}}{beside}')


CALLER = '"oidcIssuer":"https://i.example","subjectEmail":"a@b.example"'

# name, policy, whether containers/image 5.39 loads it
CASES: list[tuple[str, bytes, bool]] = [
    # JSON as Go reads it
    ("a document cut short", with_scope("docker", "")[:-1], False),
    ("white space of JSON", b' \t\r\n{"default":[' + ACCEPT.encode() + b"]}\r\n", True),
    ("vertical tab", with_default(ACCEPT) + b"\x0b", False),
    ("no-break space", with_default(ACCEPT) + "\u00a0".encode(), False),
    ("a control character in a string", with_scope("docker", "a\x1fb"), False),
    ("DEL in a string", with_scope("docker", "a\x7fb"), True),
    ("an escaped control character", with_scope("docker", r"a\u0000b"), True),
    ("every escape", with_scope("docker", r"\"\\\/\b\f\n\r\t\u00E9"), True),
    ("an unknown escape", with_scope("docker", r"\x41"), False),
    ("a short escape", with_scope("docker", r"\u12"), False),
    ("an escape cut off", b'{"default', False),
    ("a string cut off after a backslash", b'{"a\\', False),
    ("a lone low surrogate", with_scope("docker", r"\udc00"), True),
    ("two high surrogates", with_scope("docker", r"\ud800\ud800"), True),
    ("invalid UTF-8", with_scope("docker", "\udcff"), True),
    (
        "the same key after replacement",
        with_scope("docker", rf'\ud800":[{ACCEPT}],"{chr(0xDCFF)}'),
        False,
    ),
    ("the same key, paired and plain", with_scope("docker", rf'\ud83d\ude00":[{ACCEPT}],"😀'), False),
    (
        "the same key, high surrogate and letter",
        with_scope("docker", rf'\ud800A":[{ACCEPT}],"\ufffdA'),
        False,
    ),
    ("single quotes", b"{'default':[]}", False),
    ("a key that is no string", b"{1:2}", False),
    ("a missing colon", b'{"default" [' + ACCEPT.encode() + b"]}", False),
    ("a missing comma", b'{"default":[' + ACCEPT.encode() + b'] "transports":{}}', False),
    ("a trailing comma in an array", b'{"default":[' + ACCEPT.encode() + b",]}", False),
    ("an array for the document", b"[]", False),
    ("null for the document", b"null", False),
    ("a number for the document", b"0", False),
    ("a leading zero", with_default('{"type":"signedBy","keyType":01}'), False),
    ("a word cut short", with_default("tru"), False),
    ("too deep", b'{"default":' + b"[" * 10_001 + b"]" * 10_001 + b"}", False),
    ("deep enough for nothing", b'{"default":' + b"[" * 100 + b"]" * 100 + b"}", False),
    # shapes
    ("null as a requirement", with_default("null"), False),
    ("a list as a requirement", with_default("[]"), False),
    ("null as type", with_default('{"type":null}'), False),
    ("a number as type", with_default('{"type":1}'), False),
    ("true as a list", b'{"default":true}', False),
    ("a string for transports", b'{"default":[' + ACCEPT.encode() + b'],"transports":""}', False),
    ("an object for a scope", with_scope("docker", "a.b", ACCEPT), False),
    ("our attested", with_default('{"type":"sigstoreAttested","keyPath":"/k","predicateType":"x"}'), False),
    ("our object of a scope", with_scope("docker", "a.b", f'{{"requirements":[{ACCEPT}]}}'), False),
    ("a key beside acceptance", with_default('{"type":"insecureAcceptAnything","keyPath":"/k"}'), False),
    ("a key beside reject", with_default('{"type":"reject","keyPath":"/k"}'), False),
    # scopes
    ("an alien transport", with_scope("ostree", "any"), True),
    ("sif, relative", with_scope("sif", "a"), False),
    ("oci-archive", with_scope("oci-archive", "/a/b.tar"), True),
    ("a path with a dot", with_scope("oci", "/a/./b"), False),
    ("a path that climbs", with_scope("dir", "/.."), False),
    ("a path with two slashes", with_scope("dir", "//a"), False),
    ("a path with three dots", with_scope("dir", "/a/..."), True),
    ("an empty scope everywhere", with_scope("tarball", ""), True),
    ("atomic, host alone", with_scope("atomic", "h:80"), True),
    ("atomic, a tag on the namespace", with_scope("atomic", "h/ns:tag"), False),
    ("atomic, a line break", with_scope("atomic", r"h/ns\n"), True),
    ("an image's digest", with_scope("docker-daemon", f"sha256:{HEX}"), False),
    ("a longer digest", with_scope("docker-daemon", f"sha512:{HEX}{HEX}"), False),
    ("an unknown digest", with_scope("docker-daemon", f"md5:{HEX[:32]}"), True),
    ("a digest in capitals", with_scope("docker-daemon", f"sha256:{HEX.upper()}"), True),
    ("storage, root only", with_scope("containers-storage", "[/var/lib]"), True),
    ("storage, no end", with_scope("containers-storage", "[/var/lib"), False),
    ("storage, nothing inside", with_scope("containers-storage", "[]x"), False),
    ("storage, no driver", with_scope("containers-storage", "[@/x]"), False),
    ("storage, no root", with_scope("containers-storage", "[overlay@]"), False),
    ("storage, relative root", with_scope("containers-storage", "[overlay@x]"), False),
    ("storage, two at signs", with_scope("containers-storage", "[overlay@/x@y]n"), True),
    ("storage, name and id", with_scope("containers-storage", f"[/x]n@{HEX}"), True),
    ("storage, name and digest", with_scope("containers-storage", f"[/x]n@sha256:{HEX}"), True),
    ("storage, name and junk", with_scope("containers-storage", "[/x]n@junk"), False),
    ("storage, all three", with_scope("containers-storage", f"[/x]n@sha256:{HEX}@{HEX}"), True),
    ("storage, a bad digest of three", with_scope("containers-storage", f"[/x]n@junk@{HEX}"), False),
    ("storage, a bad id of three", with_scope("containers-storage", f"[/x]n@sha256:{HEX}@junk"), False),
    ("storage, four", with_scope("containers-storage", f"[/x]n@sha256:{HEX}@{HEX}@{HEX}"), False),
    # keys
    ("bytes as numbers", sigstore('"keyData":[45,255,0]'), True),
    ("bytes, null among them", sigstore('"keyData":[null]'), True),
    ("bytes, too large", sigstore('"keyData":[256]'), False),
    ("bytes, a fraction", sigstore('"keyData":[1.0]'), False),
    ("bytes, below zero", sigstore('"keyData":[-0]'), False),
    ("bytes, a string", sigstore('"keyData":["1"]'), False),
    ("bytes, none", sigstore('"keyData":[]'), True),
    ("bytes as an object", sigstore('"keyData":{}'), False),
    ("bytes as a number", sigstore('"keyData":1'), False),
    ("several, one of them numbers", sigstore('"keyDatas":["eA==",[1],null]'), True),
    ("several, none", sigstore('"keyDatas":[]'), False),
    ("several, null", sigstore('"keyDatas":null'), False),
    ("several, one is no base64", sigstore('"keyDatas":["eA"]'), False),
    ("paths with null", sigstore('"keyPaths":[null]'), True),
    ("paths with a number", sigstore('"keyPaths":[1]'), False),
    ("base64, loose bits at the end", sigstore('"keyData":"eB=="'), True),
    ("base64, a break in the padding", sigstore(r'"keyData":"eA=\r\n="'), True),
    ("base64, more after the padding", sigstore('"keyData":"eA==eA=="'), False),
    ("base64, padding alone", sigstore('"keyData":"===="'), False),
    ("base64, beyond ASCII", sigstore('"keyData":"é==="'), False),
    ("path and paths", sigstore('"keyPath":"/k","keyPaths":["/k"]'), False),
    ("an empty path beside data", sigstore(f'"keyPath":"","keyData":"{KEY}"'), True),
    ("null fulcio beside a key", sigstore('"keyPath":"/k","fulcio":null'), False),
    ("keys and pki", sigstore('"keyPath":"/k","pki":{"caRootsPath":"/c","subjectEmail":"a"}'), False),
    ("rekor by data", sigstore('"keyPath":"/k","rekorPublicKeyData":""'), True),
    ("rekor by paths", sigstore('"keyPath":"/k","rekorPublicKeyPaths":["/a","/b"]'), True),
    ("rekor by no paths", sigstore('"keyPath":"/k","rekorPublicKeyPaths":[]'), False),
    (
        "rekor by an empty path and data",
        sigstore('"keyPath":"/k","rekorPublicKeyPath":"","rekorPublicKeyData":""'),
        True,
    ),
    (
        "rekor twice",
        sigstore('"keyPath":"/k","rekorPublicKeyPath":"/r","rekorPublicKeyDatas":["eA=="]'),
        False,
    ),
    ("signedBy by paths", with_default('{"type":"signedBy","keyType":"GPGKeys","keyPaths":["/a"]}'), True),
    (
        "signedBy by data",
        with_default(f'{{"type":"signedBy","keyType":"signedByGPGKeys","keyData":"{KEY}"}}'),
        True,
    ),
    ("signedBy, null data", with_default('{"type":"signedBy","keyType":"GPGKeys","keyData":null}'), False),
    (
        "signedBy, path and null",
        with_default('{"type":"signedBy","keyType":"GPGKeys","keyPath":"/k","keyData":null}'),
        False,
    ),
    ("signedBy, null type of key", with_default('{"type":"signedBy","keyType":null,"keyPath":"/k"}'), False),
    (
        "signedBy, number as type of key",
        with_default('{"type":"signedBy","keyType":1,"keyPath":"/k"}'),
        False,
    ),
    # fulcio and pki
    ("fulcio by path", fulcio(f'"caPath":"/c",{CALLER}'), True),
    ("fulcio by data", fulcio(f'"caData":"{KEY}",{CALLER}'), True),
    ("fulcio, empty path and data", fulcio(f'"caPath":"","caData":"",{CALLER}'), True),
    ("fulcio without CA", fulcio(CALLER), False),
    ("fulcio, empty issuer", fulcio('"caPath":"/c","oidcIssuer":"","subjectEmail":"a"'), False),
    ("fulcio, null e-mail", fulcio('"caPath":"/c","oidcIssuer":"i","subjectEmail":null'), False),
    ("fulcio with buildSignerURI", fulcio(f'"caPath":"/c",{CALLER},"buildSignerURI":"u"'), False),
    ("fulcio, empty log key", fulcio(f'"caPath":"/c",{CALLER}', ',"rekorPublicKeyPath":""'), False),
    ("fulcio, a list", sigstore('"fulcio":[]'), False),
    ("pki with e-mail", sigstore('"pki":{"caRootsPath":"/c","subjectEmail":"a"}'), True),
    (
        "pki with everything",
        sigstore(
            '"pki":{"caRootsData":"eA==","caIntermediatesData":"eA==","subjectEmail":"a","subjectHostname":"b"}'
        ),
        True,
    ),
    ("pki without roots", sigstore('"pki":{"subjectEmail":"a"}'), False),
    ("pki, both roots", sigstore('"pki":{"caRootsPath":"/c","caRootsData":"","subjectEmail":"a"}'), False),
    (
        "pki, both intermediates",
        sigstore(
            '"pki":{"caRootsPath":"/c","caIntermediatesPath":"/i","caIntermediatesData":"","subjectEmail":"a"}'
        ),
        False,
    ),
    (
        "pki, empty intermediates' path",
        sigstore('"pki":{"caRootsPath":"/c","caIntermediatesPath":"","subjectEmail":"a"}'),
        True,
    ),
    ("pki, unknown key", sigstore('"pki":{"caRootsPath":"/c","subjectEmail":"a","subjectURI":"b"}'), False),
    # signedIdentity
    ("matchExact", identity('"type":"matchExact"'), True),
    ("matchRepoDigestOrExact", identity('"type":"matchRepoDigestOrExact"'), True),
    ("matchRepository", identity('"type":"matchRepository"'), True),
    (
        "exactReference by digest",
        identity(f'"type":"exactReference","dockerReference":"a@sha256:{HEX}"'),
        True,
    ),
    (
        "exactReference by both",
        identity(f'"type":"exactReference","dockerReference":"a:t@sha256:{HEX}"'),
        True,
    ),
    (
        "exactReference by sha512",
        identity(f'"type":"exactReference","dockerReference":"a@sha512:{HEX}{HEX}"'),
        True,
    ),
    (
        "exactReference by a bad digest",
        identity('"type":"exactReference","dockerReference":"a@sha256:00"'),
        False,
    ),
    ("exactReference null", identity('"type":"exactReference","dockerReference":null'), False),
    ("exactRepository missing", identity('"type":"exactRepository"'), False),
    ("remap to a path", identity('"type":"remapIdentity","prefix":"a.b/c","signedPrefix":"d.e:5/f"'), True),
    (
        "remap of two words",
        identity('"type":"remapIdentity","prefix":"foo/bar","signedPrefix":"FOO/bar"'),
        True,
    ),
    (
        "remap with capitals",
        identity('"type":"remapIdentity","prefix":"foo/BAR","signedPrefix":"q.io"'),
        False,
    ),
    (
        "remap with an underscore",
        identity('"type":"remapIdentity","prefix":"a_b.c","signedPrefix":"q.io"'),
        False,
    ),
    (
        "remap, underscore and path",
        identity('"type":"remapIdentity","prefix":"a_b.c/d","signedPrefix":"q.io"'),
        False,
    ),
    ("remap null", identity('"type":"remapIdentity","prefix":null,"signedPrefix":"q.io"'), False),
    # names
    ("a short name", repository("busybox"), True),
    ("IPv6", repository("[::1]:5000/a"), False),
    ("capitals without a dot", repository("HOST/a"), False),
    ("capitals with a dot", repository("HOST.example/a"), True),
    ("capitals with a port", repository("HOST:1/a"), True),
    ("localhost", repository("localhost/a"), True),
    ("a host with an underscore", repository("a_b.c/d"), True),
    ("a host with a dash at its end", repository("a-.b/c"), False),
    ("a port that is none", repository("a:b/c"), False),
    ("an image's id", repository(HEX), False),
    ("an image's id with a tag", repository(f"{HEX}:t"), True),
    ("an image's id as a component", repository(f"h.example/{HEX}"), True),
    ("255 characters", repository("h.x/" + "a" * 251), True),
    ("256 characters", repository("h.x/" + "a" * 252), False),
    ("255 characters with what is added", repository("a" * 237), True),
    ("256 characters with what is added", repository("a" * 238), False),
    ("three dashes", repository("a---b"), True),
    ("three underscores", repository("a___b"), False),
    ("two kinds of separators", repository("a_.b"), False),
    ("a tag of 128", repository("a:" + "t" * 128), True),
    ("a tag of 129", repository("a:" + "t" * 129), False),
    ("a tag that begins with a dot", repository("a:.t"), False),
    ("an empty tag", repository("a:"), False),
    ("an empty digest", repository("a@"), False),
    ("an empty component", repository("a//b"), False),
    ("a slash first", repository("/a"), False),
    ("a line break", repository(r"a\n"), False),
]


class Pairs(list[tuple[str, Any]]):
    """An object that may hold a key twice."""


class Raw(str):
    """JSON text that is written as it stands."""

    __slots__ = ()


def written(value: Any) -> str:
    """JSON text of plain values, Pairs and Raw."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, Pairs):
        return "{" + ",".join(f"{json.dumps(key)}:{written(member)}" for key, member in value) + "}"
    if isinstance(value, dict):
        return written(Pairs(value.items()))
    if isinstance(value, list):
        return "[" + ",".join(written(item) for item in value) + "]"
    return json.dumps(value)


_FULCIO = {"caPath": "/c", "oidcIssuer": "https://i.example", "subjectEmail": "a@b.example"}
_ODD: list[Any] = [
    None,
    "",
    [],
    {},
    0,
    True,
    Raw("1e3"),
    Raw('"\\ud800"'),
    Raw('"\\/"'),
    "eA==",
    "eA",
    [1, 2],
    ["a"],
    [""],
    "busybox",
]
_WORDS = [
    "type", "Type", "keyPath", "keyPaths", "keyData", "keyDatas", "keyType", "fulcio", "pki", "signedIdentity",
    "rekorPublicKeyPath", "rekorPublicKeyDatas", "caPath", "caData", "oidcIssuer", "subjectEmail", "subjectURI",
    "caRootsPath", "caRootsData", "subjectHostname", "dockerReference", "dockerRepository", "prefix",
    "signedPrefix", "default", "transports", "docker", "oci", "dir", "atomic", "containers-storage",
    "docker-daemon", "tarball", "", "/a/b", "a.b/c", "[/x]y", "x@y", "GPGKeys", "reject", "insecureAcceptAnything",
    "sigstoreSigned", "signedBy", "signedBaseLayer", "matchExact", "matchRepository", "exactReference",
    "exactRepository", "remapIdentity", "a.b/c:d", "A/b", "a.b:1", f"a@sha256:{HEX}", "requirements", "claims",
]  # fmt: skip
_SEEDS: list[Any] = [
    {
        "default": [{"type": "reject"}],
        "transports": {"docker": {"a.b": [{"type": "insecureAcceptAnything"}]}},
    },
    {"default": [{"type": "signedBy", "keyType": "GPGKeys", "keyPath": "/k"}]},
    {"default": [{"type": "signedBaseLayer", "baseLayerIdentity": {"type": "matchExact"}}]},
    {"default": [{"type": "sigstoreSigned", "keyPath": "/k", "signedIdentity": {"type": "matchRepository"}}]},
    {"default": [{"type": "sigstoreSigned", "keyDatas": ["eA=="], "rekorPublicKeyPath": "/r"}]},
    {"default": [{"type": "sigstoreSigned", "fulcio": _FULCIO, "rekorPublicKeyData": "eA=="}]},
    {"default": [{"type": "sigstoreSigned", "pki": {"caRootsPath": "/c", "subjectHostname": "h.example"}}]},
    {
        "default": [
            {
                "type": "sigstoreSigned",
                "keyPath": "/k",
                "signedIdentity": {"type": "remapIdentity", "prefix": "a.b", "signedPrefix": "c.d/e"},
            }
        ]
    },
    {
        "default": [{"type": "insecureAcceptAnything"}],
        "transports": {
            "oci": {"/a": [{"type": "reject"}], "": [{"type": "reject"}]},
            "containers-storage": {"[overlay@/x]a.b/c": [{"type": "reject"}]},
            "atomic": {"h/n/s:t": [{"type": "reject"}]},
            "docker-daemon": {"a.b/c": [{"type": "reject"}]},
        },
    },
]


def mutants(count: int, seed: int) -> list[bytes]:
    """Policies near to valid ones: keys renamed, doubled, dropped, values replaced, text damaged."""
    chance = random.Random(seed)
    return [_mutant(chance) for _ in range(count)]


def _mutant(chance: random.Random) -> bytes:
    value = _thawed(chance.choice(_SEEDS))
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        _change(value, chance)
    blob = written(value).encode()
    if chance.random() < 0.1:
        at = chance.randrange(len(blob))
        blob = blob[:at] + chance.choice((b"", b"\xff", b"\\", b'"', b" ", b"\x00", b",")) + blob[at + 1 :]
    return blob


def _thawed(value: Any) -> Any:
    if isinstance(value, dict):
        return Pairs((key, _thawed(member)) for key, member in value.items())
    return [_thawed(item) for item in value] if isinstance(value, list) else value


def _change(value: Any, chance: random.Random) -> None:
    """Change one place somewhere inside, the deeper the likelier."""
    while isinstance(value, list) and value:
        index = chance.randrange(len(value))
        inner = value[index][1] if isinstance(value, Pairs) else value[index]
        if isinstance(inner, list) and inner and chance.random() < 0.75:
            value = inner
            continue
        _replace(value, index, inner, chance)
        return


def _replace(value: Any, index: int, inner: Any, chance: random.Random) -> None:
    what = chance.randrange(6)
    new = chance.choice(_ODD + _WORDS)
    if chance.random() < 0.5:  # something of the same kind: half of these load
        what, new = 1, _alike(inner, chance)
    if not isinstance(value, Pairs):
        value[index : index + 1] = [[], [new], [inner, inner], [new, inner], [inner], [None]][what]
        return
    key = value[index][0]
    other = chance.choice(_WORDS)
    value[index : index + 1] = [
        [],
        [(key, new)],
        [(key, inner), (key, inner)],
        [(other, inner)],
        [(key, inner), (other, new)],
        [(key.swapcase(), inner)],
    ][what]


def _alike(value: Any, chance: random.Random) -> Any:
    """A value of the same shape, from the seeds or the words."""
    if isinstance(value, str):
        return chance.choice(_WORDS)
    found = [
        each
        for seed in _SEEDS
        for each in _inside(seed)
        if isinstance(each, dict) == isinstance(value, Pairs)
    ]
    return _thawed(chance.choice(found))


def _inside(value: Any) -> list[Any]:
    """All objects and arrays of a seed."""
    if not isinstance(value, dict | list):
        return []
    members = value.values() if isinstance(value, dict) else value
    return [value, *(each for member in members for each in _inside(member))]
