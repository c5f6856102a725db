"""Our policy as clients enforce it by themselves, once they know a key for a pipeline's URI: the way off the bridge.

What a client of tomorrow can demand is an issuer and one exact URI, under CAs and logs that stand in the policy. So
a scope is moved only where nothing of it is lost; claims that would no longer be compared keep it countersigned,
unless their loss is wanted in so many words. What no client does (SCTs, the windows of CAs and logs, bundles) is
lost for every scope that moves, and said.

>>> from vouchsafe.policy.document import parse
>>> policy = parse(b'{"default":[{"type":"reject"}]}', dialect="vouchsafe", source="policy.json")
>>> host = Host(ca_path="/run/vouchsafe/ca.crt", lookaside="http://127.0.0.1:843")
>>> compile_natively(policy, host, Wish(key="buildSignerURI", trust=lambda _: TrustRoot(), at=None)).moved
()
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime
from typing import Any

from vouchsafe.errors import VouchsafeError
from vouchsafe.evidence import pem
from vouchsafe.policy.compile import Compiled, Host, compile_policy
from vouchsafe.policy.identity import IdentityPattern
from vouchsafe.policy.requirement import Fulcio, MatchRepository, Requirement, Signer, SigstoreSigned
from vouchsafe.policy.requirement_json import signed_identity_json, source_json, to_json
from vouchsafe.policy.scope import Policy, Rule
from vouchsafe.record import Record
from vouchsafe.verification.trust import TrustRoot

SIGNER_CLAIM = "build-signer-uri"
SIGNER_KEY = "buildSignerURI"
# id-ecPublicKey in a SubjectPublicKeyInfo: the only kind of log that containers/image checks.
_EC_KEY = bytes.fromhex("06072a8648ce3d0201")
ALWAYS_LOST = (
    "SCTs are not checked, and CAs and logs are believed for ever: the time windows of the trust root are lost",
    "bundles do not count: images need their `.sig`, with an entry in a Rekor v1",
    "the trust root stands in policy.json: its refreshes no longer reach this host",
)


class Wish(Record):
    """`key` is upstream's; `trust` says whom a signer's requirement believes; `at` is now (None: no window is over)."""

    key: str
    trust: Callable[[Signer], TrustRoot]
    at: datetime | None
    drop_claims: bool = False


class Moved(Record):
    """A scope that clients judge by themselves, and what is no longer compared there."""

    scope: str
    lost: tuple[str, ...]


class Kept(Record):
    """A scope that stays countersigned, and why."""

    scope: str
    why: str


class NativePolicy(Record):
    """Both files, and what became of each countersigned scope."""

    compiled: Compiled
    moved: tuple[Moved, ...]
    kept: tuple[Kept, ...]


class _Inexpressible(Exception):  # not an error: the scope stays as it is
    pass


def compile_natively(policy: Policy, host: Host, wish: Wish) -> NativePolicy:
    """What policy.json and registries.d would be. ConfigurationError as of `compile_policy`."""
    native: dict[str, list[dict[str, Any]]] = {}
    moved, kept = [], []
    docker = policy.transports.get("docker", {})
    for each in compile_policy(policy, host).countersigned:
        try:
            requirements, lost = _scope(docker[each.scope], wish)
        except _Inexpressible as why:
            kept.append(Kept(scope=each.scope, why=str(why)))
        except VouchsafeError as error:  # a trust root that cannot be read moves nothing
            kept.append(Kept(scope=each.scope, why=error.message))
        else:
            native[each.scope] = requirements
            moved.append(Moved(scope=each.scope, lost=lost))
    compiled = compile_policy(policy, host, native=native)
    return NativePolicy(compiled=compiled, moved=tuple(moved), kept=tuple(kept))


def demand(key: str, *, uri: str, issuer: str, ca: dict[str, Any], log: dict[str, Any]) -> dict[str, Any]:
    """The requirement that clients read; `ca` and `log` are its trust, as members."""
    fulcio = {**ca, "oidcIssuer": issuer, key: uri}
    return {
        "type": "sigstoreSigned",
        "fulcio": fulcio,
        **log,
        "signedIdentity": {"type": "matchRepository"},
    }


def _scope(rule: Rule, wish: Wish) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    if rule.not_before is not None or rule.max_age is not None:
        raise _Inexpressible("clients do not judge how old a signature is (notBefore, maxAge)")
    found, lost = [], []
    for requirement in rule.requirements:
        said, claims = _requirement(requirement, wish)
        found.append(said)
        lost += claims
    return found, tuple(dict.fromkeys(lost))


def _requirement(requirement: Requirement, wish: Wish) -> tuple[dict[str, Any], list[str]]:
    if not isinstance(requirement, SigstoreSigned):
        try:
            return to_json(requirement), []
        except TypeError as error:
            raise _Inexpressible("clients cannot demand an attestation") from error
    signer = requirement.signer
    if signer.fulcio is None:
        return to_json(requirement), []
    pattern = _only(signer.fulcio)
    if (
        pattern.subject_email
        and not (pattern.claims or pattern.claim_regexps)
        and signer.fulcio.ca is not None
    ):
        return to_json(requirement), []
    uri = _uri(pattern)
    lost = _lost(pattern, wish, uri)
    if lost and not wish.drop_claims:
        raise _Inexpressible(f"clients would no longer compare {', '.join(lost)}")
    ca, log = _trust(signer, wish)
    said = demand(wish.key, uri=uri, issuer=pattern.issuer, ca=ca, log=log)
    named = signed_identity_json(requirement.signed_identity or MatchRepository())
    return said | {"signedIdentity": named}, lost


def _only(fulcio: Fulcio) -> IdentityPattern:
    if len(fulcio.identities) != 1:
        raise _Inexpressible(f"clients cannot accept one of {len(fulcio.identities)} identities")
    return fulcio.identities[0]


def _uri(pattern: IdentityPattern) -> str:
    uri = pattern.subject_uri or (pattern.subject if "://" in pattern.subject else "")
    if not uri or pattern.subject_regexp or pattern.claim_regexps:
        raise _Inexpressible("clients compare one exact URI; this is a pattern, or no URI")
    return uri


def _lost(pattern: IdentityPattern, wish: Wish, uri: str) -> list[str]:
    """The claims that would no longer be compared."""
    claims = dict(pattern.claims)
    if wish.key == SIGNER_KEY and claims.get(SIGNER_CLAIM) == (uri,):
        del claims[SIGNER_CLAIM]
    return sorted(claims)


def _trust(signer: Signer, wish: Wish) -> tuple[dict[str, Any], dict[str, Any]]:
    """CA and log as members of a requirement: files where the policy names both, else what is believed now."""
    if signer.fulcio is not None and signer.fulcio.ca is not None and signer.rekor is not None:
        return source_json(signer.fulcio.ca, "ca"), source_json(signer.rekor, "rekorPublicKey")
    root = wish.trust(signer)
    certificates = [
        der for each in root.authorities if wish.at is None or wish.at in each.window for der in each.chain
    ]
    logs = [log.key for log in root.logs if _EC_KEY in log.key and (wish.at is None or wish.at in log.window)]
    if not certificates or not logs:
        raise _Inexpressible("the trust root has no CA, or no log with an ECDSA key, that is in force")
    ca = _base64(pem.written("CERTIFICATE", *certificates))
    keys = [_base64(pem.written("PUBLIC KEY", key)) for key in logs]
    return {"caData": ca}, {"rekorPublicKeyData": keys[0]} if len(keys) == 1 else {
        "rekorPublicKeyDatas": keys
    }


def _base64(text: bytes) -> str:
    return base64.b64encode(text).decode()
