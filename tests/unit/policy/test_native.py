"""Our policy without the countersigner: what moves, what stays and why, and that nothing is lost unsaid."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.unit.policy.test_compile import HOST, OURS, REJECT, THEIRS, read
from vouchsafe.errors import ConfigurationError
from vouchsafe.evidence import pem
from vouchsafe.policy.native import NativePolicy, Wish, compile_natively
from vouchsafe.policy.requirement import Signer
from vouchsafe.testing.clock import VirtualClock
from vouchsafe.testing.keys import KeySource, public_pem
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.verification.trust import TrustRoot, from_pem, parse_trusted_root

SCOPE = "registry.example/acme/router"
URI = "https://gitlab.example/acme/router//.gitlab-ci.yml@refs/heads/main"
ISSUER = "https://gitlab.example"
SIGSTORE = VirtualSigstore()
AT = VirtualClock().now()
KEY = "buildSignerURI"
NAMED = {"type": "matchRepository"}


def trust(_: Signer) -> TrustRoot:
    """The virtual Sigstore: a CA, a Rekor v1 and a v2."""
    return parse_trusted_root(SIGSTORE.trusted_root())


def requirement(more: dict[str, Any] | None = None, **fulcio: Any) -> dict[str, Any]:
    """By one URI."""
    said = {"oidcIssuer": ISSUER, "subjectURI": URI, **fulcio}
    return {"type": "sigstoreSigned", "fulcio": said, "signedIdentity": NAMED, **(more or {})}


def compiled(*requirements: Any, scope_more: dict[str, Any] | None = None, **wish: Any) -> NativePolicy:
    """One scope."""
    scope: Any = list(requirements)
    if scope_more:
        scope = {"requirements": scope, **scope_more}
    policy = read({"default": REJECT, "transports": {"docker": {SCOPE: scope}}})
    given: dict[str, Any] = {"key": KEY, "trust": trust, "at": AT} | wish
    return compile_natively(policy, HOST, Wish(**given))


def moved(native: NativePolicy) -> dict[str, Any]:
    """The one requirement of the scope, which has moved."""
    assert ([each.scope for each in native.moved], native.kept) == ([SCOPE], ())
    (said,) = json.loads(native.compiled.policy)["transports"]["docker"][SCOPE]
    return said


def why(native: NativePolicy) -> str:
    """Why the one scope stays; it is countersigned as before."""
    assert native.moved == ()
    assert [each.scope for each in native.compiled.countersigned] == [SCOPE]
    return native.kept[0].why


def test_one_uri_moves() -> None:
    """Issuer, URI and name as they were; the CA's whole chain and the log that clients can check, inline."""
    said = moved(compiled(requirement()))
    fulcio = said["fulcio"]
    assert (said["signedIdentity"], fulcio["oidcIssuer"], fulcio[KEY]) == (NAMED, ISSUER, URI)
    assert set(fulcio) == {"caData", "oidcIssuer", KEY}
    certificates = pem.certificates(base64.b64decode(fulcio["caData"]), "it")
    assert certificates == trust(Signer()).authorities[0].chain
    assert base64.b64decode(said["rekorPublicKeyData"]) == public_pem(SIGSTORE.rekor1.public_key)


def test_clients_look_beside_the_image() -> None:
    """Not at the countersigner."""
    native = compiled(requirement())
    lines = native.compiled.registries.decode()
    assert "use-sigstore-attachments: true" in lines
    assert (HOST.lookaside in lines, native.compiled.countersigned) == (False, ())


def test_several_logs() -> None:
    """All that are in force."""
    keys = [public_pem(KeySource("x").ec(name).public_key()) for name in ("a", "b")]
    root = trust(Signer()).replace(logs=from_pem(log_keys=tuple(keys)).logs)
    said = moved(compiled(requirement(), trust=lambda _: root, at=None))
    assert [base64.b64decode(each) for each in said["rekorPublicKeyDatas"]] == keys


def test_files_stay_files() -> None:
    """Where the policy names CA and log itself."""
    said = moved(compiled(requirement({"rekorPublicKeyPath": "/r.pub"}, caPath="/ca.pem"), trust=pytest.fail))
    assert (said["fulcio"]["caPath"], said["rekorPublicKeyPath"]) == ("/ca.pem", "/r.pub")


@pytest.mark.parametrize(
    "fulcio, key, lost",
    [
        ({"buildSignerURI": URI}, KEY, ()),
        ({"buildSignerURI": URI}, "subjectURI", ("build-signer-uri",)),
        ({"buildSignerURI": f"{URI}x"}, KEY, ("build-signer-uri",)),
        ({"claims": {"source-repository-identifier": "1"}}, KEY, ("source-repository-identifier",)),
    ],
)
def test_claims(fulcio: dict[str, Any], key: str, lost: tuple[str, ...]) -> None:
    """What would no longer be compared keeps the scope, unless its loss is wanted, and is named then too."""
    strict = compiled(requirement(**fulcio), key=key)
    if not lost:
        assert moved(strict)["fulcio"][key] == URI
        return
    assert why(strict) == f"clients would no longer compare {', '.join(lost)}"
    loose = compiled(requirement(**fulcio), key=key, drop_claims=True)
    assert loose.moved[0].lost == lost


def test_a_shorthand_is_more_than_a_uri() -> None:
    """Project, number and trigger would be lost."""
    said = why(compiled(OURS))
    assert [name in said for name in ("build-trigger", "source-repository-identifier")] == [True, True]


@pytest.mark.parametrize(
    "demanded, more, expected",
    [
        ([requirement()], {"maxAge": "90d"}, "how old"),
        ([requirement()], {"notBefore": "2026-01-01T00:00:00Z"}, "how old"),
        (
            [{**requirement(), "type": "sigstoreAttested", "predicateType": "https://cyclonedx.org/bom"}],
            {},
            "an attestation",
        ),
        ([requirement(subjectRegexp=".*")], {}, "one exact URI"),
        (
            [
                {
                    "type": "sigstoreSigned",
                    "fulcio": {"oidcIssuer": ISSUER, "subjectEmail": "a@b.example"},
                }
            ],
            {},
            "one exact URI",
        ),
        (
            [
                {
                    "type": "sigstoreSigned",
                    "fulcio": {
                        "identities": [{"oidcIssuer": ISSUER, "subjectURI": f"{URI}{n}"} for n in "ab"]
                    },
                }
            ],
            {},
            "one of 2 identities",
        ),
    ],
)
def test_what_clients_cannot_say(demanded: list[Any], more: dict[str, Any], expected: str) -> None:
    """Stays countersigned, and says why."""
    assert expected in why(compiled(*demanded, scope_more=more))


@pytest.mark.parametrize(
    "root, at",
    [
        (trust(Signer()).replace(logs=trust(Signer()).logs[1:]), AT),  # a Rekor v2 only
        (trust(Signer()).replace(authorities=()), AT),
        (trust(Signer()), datetime(2000, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_trust_root_that_clients_cannot_use(root: TrustRoot, at: datetime) -> None:
    """No log with a key that they know, no CA, or all of it over."""
    assert "in force" in why(compiled(requirement(), trust=lambda _: root, at=at))


def test_a_trust_root_that_cannot_be_read() -> None:
    """Moves nothing."""

    def unreadable(_: Signer) -> TrustRoot:
        raise ConfigurationError("file-missing", "expected a file at /root.json, got nothing")

    assert "/root.json" in why(compiled(requirement(), trust=unreadable))


@pytest.mark.parametrize("theirs", [THEIRS[6], THEIRS[8], THEIRS[3]])
def test_what_clients_know_already_goes_along(theirs: dict[str, Any]) -> None:
    """In a scope beside what moves."""
    theirs = {**theirs, "signedIdentity": NAMED}
    native = compiled(requirement(), theirs)
    said = json.loads(native.compiled.policy)["transports"]["docker"][SCOPE]
    assert (said[1], [each.scope for each in native.moved]) == (theirs, [SCOPE])


def test_other_scopes_are_as_before() -> None:
    """One moves, one stays, and one was never ours."""
    scopes = {SCOPE: [requirement()], "b.example/x": [OURS], "c.example": [THEIRS[6]]}
    policy = read({"default": REJECT, "transports": {"docker": scopes}})
    native = compile_natively(policy, HOST, Wish(key=KEY, trust=trust, at=AT))
    assert [each.scope for each in native.compiled.countersigned] == ["b.example/x"]
    lines = native.compiled.registries.decode().splitlines()
    answers = {
        line.strip(' ":'): lines[n + 2 : n + 3] for n, line in enumerate(lines) if line.startswith('  "')
    }
    assert answers[SCOPE] == ["    use-sigstore-attachments: true"]
    assert answers["b.example/x"] == ["    use-sigstore-attachments: false"]


def test_a_subject_of_any_kind() -> None:
    """What a flag gives is a URI when it looks like one."""
    from vouchsafe.policy.identity import IdentityPattern
    from vouchsafe.policy.native import _Inexpressible, _uri

    assert _uri(IdentityPattern(issuer=ISSUER, subject=URI)) == URI
    with pytest.raises(_Inexpressible):
        _uri(IdentityPattern(issuer=ISSUER, subject="somebody"))
