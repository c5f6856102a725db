r"""Our policy as stock clients can enforce it: pure containers-policy.json(5), and the lookasides to go with it.

A scope that only vouchsafe can judge becomes one requirement: a certificate of this host's own CA whose
e-mail name says *which* rule of *which* policy accepted (`<epoch>.<scope>@vouchsafe.invalid`). Everything
that stock clients can judge passes through unchanged. One unknown key here and every pull on the host fails,
so nothing of ours is ever written.

>>> from vouchsafe.policy.document import parse
>>> policy = parse(b'{"default":[{"type":"reject"}]}', dialect="vouchsafe", source="policy.json")
>>> compile_policy(policy, Host(ca_path="/run/vouchsafe/ca.crt", lookaside="http://127.0.0.1:843")).policy
b'{\n  "default": [\n    {\n      "type": "reject"\n    }\n  ],\n  "transports": {}\n}\n'
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, assert_never

from vouchsafe.errors import ConfigurationError
from vouchsafe.policy.godecode import Node
from vouchsafe.policy.requirement import SignedBy, SignedIdentity, SigstoreAttested, SigstoreSigned
from vouchsafe.policy.requirement_json import signed_identity_json, to_json
from vouchsafe.policy.scope import Policy, Rule, candidates
from vouchsafe.record import Record

EPOCH_LENGTH = 16  # hexadecimal digits of a SHA-256: 64 bits tell a host's policies apart
MARKER_DOMAIN = "vouchsafe.invalid"  # RFC 2606: nobody can be mailed there
# Images that are on this host already: none of these transports asks a registry.
LOCAL_TRANSPORTS = (
    "containers-storage",
    "dir",
    "docker-archive",
    "docker-daemon",
    "oci",
    "oci-archive",
    "tarball",
)
FILE_LOOKASIDE = (
    "file:///var/lib/containers/sigstore"  # what containers/image uses when nothing is configured
)
KEYS = "/run/vouchsafe/keys"  # published beside the CA's certificate, and absent at boot like that
Form = Literal["pki", "key", "openpgp"]
Native = Mapping[str, Sequence[dict[str, Any]]]
FORMS: tuple[Form, ...] = ("pki", "key", "openpgp")
_SUFFIX = {"key": "pub", "openpgp": "gpg"}


class Host(Record):
    """What the compiled policy points to: the CA certificate's path, and the countersigner's URL.

    `open_transports`: local transports (`containers-storage`, `oci`, …) that accept anything unless the
    policy itself speaks of them; a `default` of reject would end `podman save`, `build` and bootc's storage.
    `physical`: where images of a scope are fetched as well (registries.conf): clients ask under that name.
    `form`: what clients are asked to demand. Certificates that name epoch and scope and live for minutes
    (`pki`); for clients that cannot, a key of each scope's own, in `keys`: a bare one (`key`), or OpenPGP.
    """

    ca_path: str
    lookaside: str
    open_transports: tuple[str, ...] = ()
    physical: Mapping[str, tuple[str, ...]] = {}
    form: Form = "pki"
    keys: str = KEYS


class Countersigned(Record):
    """A docker scope that the countersigner judges, and the e-mail name that its answers must carry."""

    scope: str
    marker: str


class Compiled(Record):
    """`policy` for /etc/containers/policy.json, `registries` for a file of registries.d (YAML)."""

    policy: bytes
    registries: bytes
    epoch: str
    countersigned: tuple[Countersigned, ...]


class _Section(Record):
    """One namespace of registries.d; `attachments` None: as a broader section says."""

    lookaside: str
    attachments: bool | None = None


def epoch(policy: Policy) -> str:
    """A name of what the policy says: the same for other white space and file names, another for another rule."""
    said = [_plain(document.root) for document in policy.documents]
    canonical = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:EPOCH_LENGTH]


def marker(of_epoch: str, scope: str) -> str:
    """The e-mail name of a scope of a policy. Scopes hold what e-mail names cannot, so the scope is hashed."""
    return f"{of_epoch}.{hashlib.sha256(scope.encode()).hexdigest()[:EPOCH_LENGTH]}@{MARKER_DOMAIN}"


def needs_countersignature(rule: Rule) -> bool:
    """Whether only vouchsafe can judge this rule."""
    if rule.not_before is not None or rule.max_age is not None:
        return True
    return any(isinstance(r, SigstoreAttested) or not _is_upstream(r) for r in rule.requirements)


def compile_policy(policy: Policy, host: Host, *, native: Native = MappingProxyType({})) -> Compiled:
    """Both files. ConfigurationError `compile-…` names what cannot be enforced and says what to write.

    `native`: docker scopes that clients judge by themselves, with what they are told there (`policy.native`).
    """
    if needs_countersignature(policy.default):
        raise _nowhere_to_ask("default")
    made = _Compilation(policy, host, native)
    for transport, scopes in policy.transports.items():
        made.transports[transport] = {
            scope: made.requirements(transport, scope, rule) for scope, rule in scopes.items()
        }
    for transport in host.open_transports:
        made.transports.setdefault(transport, {"": [{"type": "insecureAcceptAnything"}]})
    default = [to_json(r) for r in policy.default.requirements]
    return Compiled(
        policy=_pretty({"default": default, "transports": made.transports}),
        registries=_registries(made.sections) if made.countersigned or native else b"",
        epoch=made.epoch,
        countersigned=tuple(made.countersigned),
    )


class _Compilation:
    """What is collected on the way: scopes, where clients ask for each, and what is asked of us."""

    def __init__(self, policy: Policy, host: Host, native: Native) -> None:
        self.epoch = epoch(policy)
        self.transports: dict[str, dict[str, Any]] = {}
        self.countersigned: list[Countersigned] = []
        self._theirs: dict[str, _Section] = {}
        self._moved: dict[str, _Section] = {}
        self._asked: dict[str, _Section] = {}
        self._host = host
        self._native = native

    @property
    def sections(self) -> dict[str, _Section]:
        """By scope. Where a place belongs to several, those that are asked of us win.

        Each key of a section is inherited, so only what lies below one of ours needs a word to the contrary; every
        other namespace stays free for files of the administrator's.
        """
        below = {
            place: section
            for place, section in self._theirs.items()
            if self._asked.keys() & candidates("docker", place)[1:]
        }
        return below | self._moved | self._asked

    def requirements(self, transport: str, scope: str, rule: Rule) -> list[dict[str, Any]]:
        """Of one scope, as clients read it."""
        places = (scope, *self._host.physical.get(scope, ()))
        is_docker = transport == "docker"
        if is_docker and scope in self._native:
            self._moved |= dict.fromkeys(places, _Section(lookaside=FILE_LOOKASIDE, attachments=True))
            return list(self._native[scope])
        if not needs_countersignature(rule):
            if is_docker and scope:
                self._theirs |= dict.fromkeys(places, _of_theirs(rule))
            return [to_json(r) for r in rule.requirements]
        _must_be_askable(transport, scope)
        name = marker(self.epoch, scope)
        self.countersigned.append(Countersigned(scope=scope, marker=name))
        for place in places:
            # What lies at the origin's .sig tag could make every pull fail, and is not needed here.
            self._asked[place] = _Section(
                lookaside=f"{self._host.lookaside}/{_domain(place)}", attachments=False
            )
        return [_demand(rule, scope, name, self._host)]


def _is_upstream(requirement: object) -> bool:
    """Whether stock clients read this requirement: no matcher of ours, trust from files of theirs."""
    if not isinstance(requirement, SigstoreSigned) or requirement.signer.fulcio is None:
        return True
    fulcio = requirement.signer.fulcio
    if fulcio.ca is None or len(fulcio.identities) != 1:
        return False
    pattern = fulcio.identities[0]
    only_email = pattern.replace(issuer="x", subject_email="x") == type(pattern)(
        issuer="x", subject_email="x"
    )
    return bool(pattern.subject_email) and only_email


def _must_be_askable(transport: str, scope: str) -> None:
    if transport != "docker":
        raise ConfigurationError(
            "compile-transport",
            f"expected keyless requirements for docker images, got one for {transport}:{scope}",
            hint="Clients ask for signatures beside registries only; verify such images with `vouchsafe verify`.",
        )
    if not scope or scope.startswith("*."):
        raise _nowhere_to_ask(f'transports.docker["{scope}"]')


def _nowhere_to_ask(where: str) -> ConfigurationError:
    return ConfigurationError(
        "compile-scope",
        f"expected keyless requirements under a scope that names a registry, got one in {where}",
        hint="Write a scope for each registry: the lookaside that a client asks has no host in its path.",
    )


def _demand(rule: Rule, scope: str, name: str, host: Host) -> dict[str, Any]:
    identities = {
        repr(identity): identity for r in rule.requirements if (identity := _identity_of(r)) is not None
    }
    if len(identities) > 1:
        raise ConfigurationError(
            "compile-signed-identity",
            f"expected one signedIdentity in the scope {scope}, got {len(identities)} different ones",
            hint="One countersignature answers for the whole scope, so it can carry one name.",
        )
    demand = _signed_by_host(name, host)
    for identity in identities.values():
        demand["signedIdentity"] = signed_identity_json(identity)
    return demand


def _signed_by_host(name: str, host: Host) -> dict[str, Any]:
    """The form that this host's clients understand; each scope's own marker, or its own key."""
    match host.form:
        case "pki":
            pki = {"caRootsPath": host.ca_path, "subjectEmail": name}
            return {"type": "sigstoreSigned", "pki": pki}
        case "key":
            return {"type": "sigstoreSigned", "keyPath": key_path(name, host)}
        case "openpgp":
            return {"type": "signedBy", "keyType": "GPGKeys", "keyPath": key_path(name, host)}
        case _:
            assert_never(host.form)


def key_path(name: str, host: Host) -> str:
    """Where the public key of a scope's marker is published: another file after every policy change."""
    return f"{host.keys}/{name.partition('@')[0]}.{_SUFFIX[host.form]}"


def _identity_of(requirement: object) -> SignedIdentity | None:
    if isinstance(requirement, SignedBy | SigstoreSigned | SigstoreAttested):
        return requirement.signed_identity
    return None


def _domain(scope: str) -> str:
    return scope.partition("/")[0]


def _of_theirs(rule: Rule) -> _Section:
    """Where a scope that clients judge themselves has its signatures: sigstore's lie in the registry."""
    sigstore = any(isinstance(each, SigstoreSigned) for each in rule.requirements)
    return _Section(lookaside=FILE_LOOKASIDE, attachments=True if sigstore else None)


def _registries(sections: Mapping[str, _Section]) -> bytes:
    """YAML, one section a scope; a string of JSON is a string of YAML."""
    lines = [
        "# Written by vouchsafe; changes are lost. `vouchsafe host status` says whether this is in force.",
        "docker:",
    ]
    for scope, section in sorted(sections.items()):
        lines += [f"  {json.dumps(scope)}:", f"    lookaside: {json.dumps(section.lookaside)}"]
        if section.attachments is not None:
            lines.append(f"    use-sigstore-attachments: {json.dumps(section.attachments)}")
    return ("\n".join(lines) + "\n").encode()


def _plain(node: Node) -> Any:
    value = node.value
    if isinstance(value, dict):
        return {key: _plain(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return [node.kind, value]


def _pretty(value: object) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=True) + "\n").encode()
