"""Who reads decides which form is readable: both ways, with real signatures of a virtual Sigstore."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.hosts import ACCEPT, REJECT
from vouchsafe.admission.material import World
from vouchsafe.errors import ConfigurationError, Unavailable
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference
from vouchsafe.policy import document
from vouchsafe.policy.scope import Policy
from vouchsafe.runbook import preflight
from vouchsafe.runbook.preflight import Eyes, Inspected
from vouchsafe.runbook.step import Result
from vouchsafe.testing.keys import public_pem
from vouchsafe.testing.memory_registry import MemoryRegistry
from vouchsafe.testing.push import push_bundle, push_image, push_index, push_signature
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.testing.workload import gitlab
from vouchsafe.verification.trust import TrustRoot

NAME = "registry.example/acme/app"
MAIN = "https://gitlab.example/acme/app//.gitlab-ci.yml@refs/heads/main"
REFUSES = "Source image rejected: A signature was required, but no signature exists"


class Files:
    """One file: the trust root."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def read(self, path: str, *, largest: int) -> bytes:
        if path != "/root.json":
            raise ConfigurationError("file-missing", f"expected {path}, got nothing")
        return self.content


class Nobody:
    """Neither a public-good root nor gpg."""

    def public_good(self) -> TrustRoot:
        raise ConfigurationError("installation", "none")

    def verify(self, blob: bytes, keyring: bytes) -> bytes:
        raise Unavailable("gpg", "none")


class CI:
    """A registry that a pipeline and the holder of a key sign in."""

    def __init__(self) -> None:
        self.sigstore = VirtualSigstore()
        self.registry = MemoryRegistry()
        self.key = self.sigstore.keys.ec("somebody")
        self.client: Callable[[Reference], str | None] = lambda _: None
        self.asked: list[Reference] = []

    def image(self) -> Digest:
        """One platform."""
        return push_image(self.registry.store, "acme/app")

    def legacy(self, digest: Digest, **options: Any) -> None:
        """A `.sig`."""
        made = self.sigstore.sign_legacy(digest, f"{NAME}:v1", gitlab(project_path="acme/app"), **options)
        push_signature(self.registry.store, "acme/app", digest, *made)

    def bundle(self, digest: Digest, **options: Any) -> None:
        """A bundle."""
        made = self.sigstore.bundle(digest, gitlab(project_path="acme/app"), **options)
        push_bundle(self.registry.store, "acme/app", digest, made)

    @property
    def by_key(self) -> dict[str, Any]:
        """A requirement that clients judge by themselves."""
        data = base64.b64encode(public_pem(self.key.public_key())).decode()
        return {"type": "sigstoreSigned", "keyData": data, "signedIdentity": {"type": "matchRepository"}}

    def inspect(self, *requirements: dict[str, Any], image: str = f"{NAME}:v1", **scopes: Any) -> Inspected:
        """The image under a policy with these requirements for it."""
        eyes = Eyes(
            registry=self.registry,
            world=World(files=Files(self.sigstore.trusted_root()), trust=Nobody(), openpgp=Nobody()),
            clock=self.sigstore.clock,
            client=self._ask,
        )
        return preflight.inspect(Reference.parse(image), policy({NAME: list(requirements), **scopes}), eyes)

    def _ask(self, instance: Reference) -> str | None:
        self.asked.append(instance)
        return self.client(instance)

    def judged(self, *requirements: dict[str, Any]) -> Result:
        """And what follows."""
        return preflight.judged(self.inspect(*requirements)).judged(strict=False)


def policy(scopes: dict[str, Any]) -> Policy:
    """A policy of ours."""
    written = {"default": [REJECT], "transports": {"docker": scopes}}
    return document.parse(json.dumps(written).encode(), dialect="vouchsafe", source="policy.json")


def keyless(subject: str = MAIN) -> dict[str, Any]:
    """A requirement that vouchsafe judges."""
    identity = {"oidcIssuer": "https://gitlab.example", "subjectURI": subject}
    return {
        "type": "sigstoreSigned",
        "fulcio": {"trustedRootPath": "/root.json", "identities": [identity]},
        "signedIdentity": {"type": "matchRepository"},
    }


@pytest.fixture
def ci() -> CI:
    """Nothing signed yet."""
    return CI()


def codes(result: Result) -> list[tuple[str, str]]:
    """Of what speaks against it, with what it does."""
    return [(each.code, each.severity) for each in result.objections]


@pytest.mark.parametrize("form", ["legacy", "bundle"])
def test_keyless_in_either_form(ci: CI, form: str) -> None:
    """vouchsafe judges and reads both; no client is asked; it says who signed, when, and as what."""
    digest = ci.image()
    getattr(ci, form)(digest)
    result = ci.judged(keyless())
    assert (result.outcome, result.objections, ci.asked) == ("passed", (), [])
    said = "\n".join(result.said)
    assert f"signed by {MAIN} (issuer https://gitlab.example) at 2026-11-02T12:00:00Z" in said
    assert ("hosts that do not ask vouchsafe would not see it" in said) == (form == "bundle")
    assert str(digest) in said


def test_both_forms(ci: CI) -> None:
    """Are both named."""
    digest = ci.image()
    ci.legacy(digest)
    ci.bundle(digest)
    assert "as .sig and bundle; judged by vouchsafe" in "\n".join(ci.judged(keyless()).said)


def test_signed_by_somebody_else(ci: CI) -> None:
    """Not whom the policy names: the nearest miss is the reason."""
    ci.bundle(ci.image())
    result = ci.judged(keyless(MAIN.replace("main", "release")))
    assert (result.outcome, codes(result)) == ("rejected", [("identity", "refuses")])
    assert NAME in result.objections[0].message


def test_unsigned(ci: CI) -> None:
    """CI does not sign at all."""
    ci.image()
    result = ci.judged(keyless())
    assert (result.outcome, codes(result)) == ("rejected", [("unsigned", "refuses")])


def test_a_registry_that_does_not_answer(ci: CI) -> None:
    """Is no refusal: nobody could tell."""
    assert ci.judged(keyless()).outcome == "undecided"


KEYED = {"log": None}


def test_a_native_scope_that_the_client_reads(ci: CI) -> None:
    """The client's own answer counts, about the very digest."""
    digest = ci.image()
    ci.legacy(digest, key=ci.key, **KEYED)
    ci.client = lambda _: ""
    result = ci.judged(ci.by_key)
    assert (result.outcome, result.objections) == ("passed", ())
    assert [str(each.digest) for each in ci.asked] == [str(digest)]
    assert "this host's own client accepts it" in result.said[0]


@pytest.mark.parametrize("client", [None, REFUSES])
def test_a_native_scope_signed_with_a_bundle_only(ci: CI, client: str | None) -> None:
    """vouchsafe could read it and is not asked there: stops, and says what CI must do."""
    ci.bundle(ci.image(), key=ci.key, **KEYED)
    ci.client = lambda _: client
    result = ci.judged(ci.by_key)
    assert (result.outcome, codes(result)) == ("rejected", [("runbook-unreadable", "refuses")])
    objection = result.objections[0]
    assert "got bundle" in objection.message
    assert (client or "vouchsafe is not asked") in objection.message
    assert "--format both" in objection.fix


def test_a_native_scope_without_attachments(ci: CI) -> None:
    """A `.sig` is there, and the client is not told to look for it."""
    ci.legacy(ci.image(), key=ci.key, **KEYED)
    ci.client = lambda _: REFUSES
    result = ci.judged(ci.by_key)
    assert codes(result) == [("runbook-client-refuses", "refuses")]
    assert "use-sigstore-attachments" in result.objections[0].fix


def test_a_native_scope_and_nobody_to_ask(ci: CI) -> None:
    """Our verdict stands in, and that is said."""
    ci.legacy(ci.image(), key=ci.key, **KEYED)
    result = ci.judged(ci.by_key)
    assert (result.outcome, codes(result)) == ("passed", [("runbook-client-unasked", "warns")])


@pytest.mark.parametrize("client, code", [(None, "unsigned"), (REFUSES, "runbook-client-refuses")])
def test_a_native_scope_unsigned(ci: CI, client: str | None, code: str) -> None:
    """Refused, whoever says so."""
    ci.image()
    ci.client = lambda _: client
    result = ci.judged(ci.by_key)
    assert (result.outcome, codes(result)) == ("rejected", [(code, "refuses")])


def test_a_native_scope_that_only_the_client_can_judge(ci: CI) -> None:
    """An OpenPGP signature in a lookaside that vouchsafe does not look into."""
    ci.image()
    ci.client = lambda _: ""
    assert ci.judged(ci.by_key).outcome == "passed"


def test_a_native_scope_and_an_index(ci: CI) -> None:
    """podman and skopeo ask about the platform: a signature on the index alone says nothing to them."""
    index, instances = push_index(ci.registry.store, "acme/app")
    ci.legacy(index, key=ci.key, **KEYED)
    ci.legacy(instances["amd64"], key=ci.key, **KEYED)
    result = ci.judged(ci.by_key)
    assert (result.outcome, codes(result)) == (
        "rejected",
        [("runbook-client-unasked", "warns"), ("unsigned", "refuses")],
    )
    assert f"{NAME}:v1 (linux/arm64)" in result.objections[1].message
    assert {str(each.digest) for each in ci.asked} == {str(each) for each in instances.values()}


def test_a_countersigned_index(ci: CI) -> None:
    """Where vouchsafe judges, the index's signature is enough."""
    index, _ = push_index(ci.registry.store, "acme/app")
    ci.bundle(index)
    assert ci.judged(keyless()).outcome == "passed"


def test_two_demands(ci: CI) -> None:
    """A form in which only one of them is met reads as none for clients that need both."""
    digest = ci.image()
    ci.legacy(digest, key=ci.key, **KEYED)
    other = CI()
    other.registry, other.key = ci.registry, ci.sigstore.keys.ec("another")
    other.bundle(digest, key=other.key, **KEYED)
    result = ci.judged(ci.by_key, other.by_key)
    assert codes(result) == [("runbook-unreadable", "refuses")]
    assert "no one form" in result.objections[0].message


def test_a_scope_that_accepts_anything(ci: CI) -> None:
    """Proves nothing about CI."""
    ci.image()
    result = ci.judged(ACCEPT)
    assert (result.outcome, codes(result)) == ("passed", [("runbook-image-unjudged", "warns")])


def test_an_image_that_no_scope_names(ci: CI) -> None:
    """Would be refused."""
    push_image(ci.registry.store, "acme/other")
    found = ci.inspect(keyless(), image="registry.example/acme/other:v1")
    result = preflight.judged(found).judged(strict=False)
    assert (result.outcome, codes(result)) == ("rejected", [("policy-rejects", "refuses")])


def test_a_native_image_that_is_not_there(ci: CI) -> None:
    """Unavailable: nobody could tell."""
    with pytest.raises(Unavailable):
        ci.inspect(ci.by_key)


def test_scopes_without_an_image(ci: CI) -> None:
    """Are named: nothing is known of them."""
    of = policy({NAME: [keyless()], "a.example": [ci.by_key], "b.example": [ACCEPT]})
    ci.bundle(ci.image())
    found = list(preflight.untried(of, (ci.inspect(keyless()),)))
    assert [(each.code, "a.example" in each.message) for each in found] == [("runbook-scope-untried", True)]


def test_certain_refusals_outweigh_what_is_unknown(ci: CI) -> None:
    """One image refused and one that nobody could tell of: refused."""
    unknown = preflight.judged(ci.inspect(keyless()))
    ci.image()
    refused = preflight.judged(ci.inspect(keyless()))
    assert unknown.joined(refused).judged(strict=False).outcome == "rejected"
    assert unknown.joined(unknown).judged(strict=False).outcome == "undecided"
    assert Result().joined(unknown).judged(strict=False).outcome == "undecided"
