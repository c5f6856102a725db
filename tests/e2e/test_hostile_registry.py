"""A hostile registry on the wire: whatever it does, the whole verifier never accepts what it should not.

Two images are signed, one in each format, and every fault of `vouchsafe.testing` stands between them and
us. Nothing sleeps: pauses are written down. `facts` behind the rules are in docs/registries.md.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from vouchsafe.adapters.http import LONGEST_RETRY_AFTER, Budget, HttpClient
from vouchsafe.adapters.registry import RegistryClient
from vouchsafe.adapters.settings import Settings
from vouchsafe.admission import Question, admit
from vouchsafe.admission.material import World
from vouchsafe.errors import Unavailable
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference
from vouchsafe.policy import flags
from vouchsafe.policy.identity import IdentityPattern
from vouchsafe.policy.verdict import Accepted, Rejected, Undecided, Verdict
from vouchsafe.testing.faults import cut_short, endless, moving, redirect, slow, too_many, typed, with_body
from vouchsafe.testing.loopback import LoopbackServer, Response
from vouchsafe.testing.push import push_junk
from vouchsafe.testing.registry import (
    FAULTS,
    BasicAccess,
    Fault,
    RegistryServer,
    TokenAccess,
    push_bundle,
    push_image,
    push_signature,
)
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.verification.trust import TrustRoot, parse_trusted_root

REPOSITORY = "group/project"
ISSUER = "https://gitlab.example"
MAIN = "https://gitlab.example/group/project//.gitlab-ci.yml@refs/heads/main"
FORMATS = ("legacy", "bundle")


class Lab:
    """A Sigstore, a registry that may misbehave, and a client of it."""

    def __init__(self, settings: Settings) -> None:
        self.sigstore = VirtualSigstore()
        self.server = RegistryServer()
        self.digest = push_image(self.server.store, REPOSITORY)
        self.settings = settings
        self.pauses: list[float] = []
        self.faults: list[BaseException] = []

    def sign(self, how: str) -> None:
        """Attach a good signature to the image."""
        store, name = self.server.store, f"{self.server.address}/{REPOSITORY}"
        if how == "legacy":
            push_signature(store, REPOSITORY, self.digest, *self.sigstore.sign_legacy(self.digest, name))
        else:
            push_bundle(store, REPOSITORY, self.digest, self.sigstore.bundle(self.digest))

    def break_by(self, *faults: Fault) -> None:
        """From now on."""
        self.server.faults = list(faults)

    def log_in(self) -> None:
        """Credentials for this registry, and for it alone."""
        path = Path(self.settings.etc).parent / "auth.json"
        path.parent.mkdir()
        entry = {"auth": base64.b64encode(b"me:hunter2").decode()}
        path.write_text(json.dumps({"auths": {self.server.address: entry}}))
        self.settings = self.settings.replace(authfile=str(path))

    def verdict(self, rest: str = ":v1", *, seconds: float = 10.0, retries: int = 3) -> Verdict:
        """What we say about the image."""
        http = HttpClient(seconds=seconds, retries=retries, sleep=self.pauses.append, jitter=lambda: 1.0)
        client = RegistryClient(http, self.settings).within(Budget(300))
        pattern = IdentityPattern(issuer=ISSUER, subject=MAIN)
        question = Question(
            reference=Reference.parse(f"{self.server.address}/{REPOSITORY}{rest}"),
            policy=flags.by_identity(pattern, trusted_root="/root.json"),
        )
        world = World(files=self, trust=self, openpgp=self)
        try:
            return admit(question, registry=client, clock=self, world=world, report=self.faults.append)
        finally:
            http.close()

    def read(self, path: str, *, largest: int) -> bytes:
        """The Files port: the trust root."""
        return self.sigstore.trusted_root()

    def public_good(self) -> TrustRoot:
        """The TrustSource port."""
        return parse_trusted_root(self.sigstore.trusted_root())

    def verify(self, blob: bytes, keyring: bytes) -> bytes:
        """The OpenPGP port."""
        raise Unavailable("no-openpgp", "expected gpgv, got no such program")

    def now(self) -> Any:
        """The Clock port."""
        return self.sigstore.clock.now()


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """One that ends without an internal error, whatever it went through."""
    none = str(tmp_path / "none")
    made = Lab(Settings(tls_verify=False, etc=f"{none}/etc", share=none, run=none))
    with made.server:
        yield made
    assert made.faults == []


def codes(verdict: Verdict) -> set[str]:
    """The reasons' codes."""
    return {reason.code for reason in verdict.reasons}


@pytest.mark.parametrize("how", FORMATS)
def test_an_honest_registry(lab: Lab, how: str) -> None:
    """What all faults are compared with: accepted, in at most six requests, without a ping."""
    lab.sign(how)
    verdict = lab.verdict()
    assert isinstance(verdict, Accepted)
    assert verdict.digest == lab.digest
    assert len(lab.server.requests) <= 6
    assert [
        request.path for request in lab.server.requests if request.path in ("/v2", "/v2/", "/token")
    ] == []


PASSING = {"too-many-requests", "server-error", "connection-reset"}
# Served under text/plain, a manifest is still the manifest that was asked for.
HARMLESS = {"wrong-content-type"}


@pytest.mark.parametrize("how", FORMATS)
@pytest.mark.parametrize("name", sorted(FAULTS))
def test_every_fault(lab: Lab, name: str, how: str) -> None:
    """Trouble that passes is waited out; everything else denies, most of it because we could not tell."""
    lab.sign(how)
    fault = FAULTS[name]()
    lab.break_by(fault)
    verdict = lab.verdict(seconds=0.2 if name == "body-slow" else 10.0)
    if name in PASSING | HARMLESS or not fault.taken:
        assert isinstance(verdict, Accepted)
        assert verdict.digest == lab.digest
    else:
        assert isinstance(verdict, Rejected | Undecided)
    assert len(lab.server.requests) < 60
    assert sum(lab.pauses) < 60


@pytest.mark.parametrize("how", FORMATS)
@pytest.mark.parametrize("name", sorted(set(FAULTS) - PASSING - HARMLESS))
def test_a_fault_at_the_evidence_is_never_unsigned(lab: Lab, name: str, how: str) -> None:
    """The image is read, its evidence is not: nobody may conclude that there is none."""
    lab.sign(how)
    fault = FAULTS[name]()
    fault._skip = 1
    lab.break_by(fault)
    verdict = lab.verdict(seconds=0.2 if name == "body-slow" else 10.0)
    assert isinstance(verdict, Accepted) == (not fault.taken)
    if name != "html-404":  # a 404 is a registry's way of saying so
        assert "unsigned" not in codes(verdict)


def test_a_moving_tag(lab: Lab) -> None:
    """GHSA-3hfq-cx9j-923w: signed when first asked, another when asked again; it is asked once."""
    lab.sign("legacy")
    push_image(lab.server.store, REPOSITORY, "evil", content=b"evil")
    lab.break_by(Fault(moving("v1", "evil"), path="/manifests/v1"))
    verdict = lab.verdict()
    assert isinstance(verdict, Accepted)
    assert (verdict.digest, lab.server.count(path="/manifests/v1")) == (lab.digest, 1)


def test_a_tag_that_moved_before(lab: Lab) -> None:
    """To an image that nobody signed."""
    lab.sign("legacy")
    push_image(lab.server.store, REPOSITORY, "evil", content=b"evil")
    lab.break_by(Fault(moving("evil"), path="/manifests/v1"))
    assert isinstance(lab.verdict(), Rejected)


@pytest.mark.parametrize("how", FORMATS)
def test_cve_2023_33959_another_image_under_a_digest(lab: Lab, how: str) -> None:
    """By digest the registry answers with what is signed; what was asked for is another."""
    lab.sign(how)
    other = push_image(lab.server.store, REPOSITORY, "other", content=b"other")
    lab.break_by(Fault(moving("v1"), path=f"/manifests/{other}"))
    assert not isinstance(lab.verdict(f"@{other}"), Accepted)


def test_a_signature_of_another_image(lab: Lab) -> None:
    """Its `.sig` tag answered with somebody else's signatures."""
    lab.sign("legacy")
    other = push_image(lab.server.store, REPOSITORY, "other", content=b"other")
    lab.break_by(Fault(moving(f"{lab.digest.tag_prefix}.sig"), path=f"/manifests/{other.tag_prefix}.sig"))
    assert isinstance(lab.verdict(":other"), Rejected)


STORMS = {
    "no wait": ("0", 3),
    "a second": ("1", 3),
    "an hour": ("3600", 0),
    "a date long ago": ("Thu, 01 Jan 1970 00:00:00 GMT", 3),
    "nonsense": ("soon", 3),
    "a number beyond all numbers": ("9" * 100, 0),
}


@pytest.mark.parametrize("name", STORMS)
def test_a_storm_of_429(lab: Lab, name: str) -> None:
    """Waited for within reason, then Undecided, and it may be tried later."""
    value, pauses = STORMS[name]
    lab.sign("legacy")
    lab.break_by(Fault(too_many(value)))
    assert isinstance(lab.verdict(), Undecided)
    assert len(lab.pauses) == pauses
    assert all(0 <= pause <= LONGEST_RETRY_AFTER for pause in lab.pauses)


@pytest.mark.parametrize("path", ["/manifests/v1", ".sig", "/blobs/"])
def test_a_slow_loris(lab: Lab, path: str) -> None:
    """A byte now and then, for ever: the deadline of one exchange ends it."""
    lab.sign("legacy")
    lab.break_by(Fault(slow(0.05, 1), path=path))
    verdict = lab.verdict(seconds=0.3, retries=0)
    assert isinstance(verdict, Undecided)
    assert "timeout" in codes(verdict)


SPOILT: dict[str, Callable[[], Fault]] = {
    "endless evidence": lambda: Fault(endless, path=".sig"),
    "endless referrers": lambda: Fault(endless, path="/referrers/"),
    "cut short": lambda: Fault(cut_short, path=".sig"),
    "a byte more": lambda: Fault(with_body(lambda body: body + b" "), path="/blobs/"),
    "a byte less": lambda: Fault(with_body(lambda body: body[:-1]), path="/blobs/"),
    "a bit flipped": lambda: Fault(with_body(lambda body: bytes([body[0] ^ 1]) + body[1:]), path="/blobs/"),
    "an index where an image should be": lambda: Fault(
        typed("application/vnd.oci.image.index.v1+json"), path=".sig"
    ),
    "both index and image": lambda: Fault(
        with_body(lambda body: body.replace(b'"layers"', b'"manifests":[],"layers"', 1)), path=".sig"
    ),
    "duplicate keys": lambda: Fault(
        with_body(lambda body: body.replace(b'{"', b'{"schemaVersion":2,"', 1)), path=".sig"
    ),
    "deep JSON": lambda: Fault(with_body(lambda _: b"[" * 100_000), path=".sig"),
    "a layer of another size": lambda: Fault(
        with_body(lambda body: body.replace(b'"size":', b'"size":1', 3)), path=".sig"
    ),
}


@pytest.mark.parametrize("name", SPOILT)
def test_spoilt_evidence(lab: Lab, name: str) -> None:
    """Never accepted, never called unsigned."""
    lab.sign("legacy")
    lab.break_by(SPOILT[name]())
    verdict = lab.verdict()
    if name == "endless referrers":  # the signature is found before anybody lists referrers
        assert isinstance(verdict, Accepted)
        return
    assert not isinstance(verdict, Accepted)
    assert "unsigned" not in codes(verdict)


@pytest.mark.parametrize("how", FORMATS)
def test_ghsa_vh4v_2xq2_g5cg_blobs_on_another_host(lab: Lab, how: str) -> None:
    """Registries keep blobs elsewhere: followed, accepted, and the other host never sees a password."""
    lab.sign(how)
    lab.server.access = BasicAccess({"me": "hunter2"})
    lab.log_in()
    with RegistryServer(lab.server.store) as storage:
        lab.break_by(Fault(redirect(f"{storage.url}{{path}}?sig=secret"), path="/blobs/"))
        verdict = lab.verdict()
    assert isinstance(verdict, Accepted)
    assert storage.requests != []
    assert [name for request in storage.requests for name in request.headers if "auth" in name] == []


@pytest.mark.parametrize("where", ["/manifests/", "/blobs/"])
def test_a_redirect_to_a_thief(lab: Lab, where: str) -> None:
    """Who asks for a password after a redirect does not get it."""
    lab.sign("legacy")
    lab.server.access = BasicAccess({"me": "hunter2"})
    lab.log_in()
    challenge = Response(status=401, headers={"WWW-Authenticate": 'Basic realm="registry"'})
    with LoopbackServer(lambda _: challenge) as thief:
        lab.break_by(Fault(redirect(thief.url), path=where))
        verdict = lab.verdict()
    assert isinstance(verdict, Undecided)
    assert "hunter2" not in repr(thief.requests)
    assert [request for request in thief.requests if "authorization" in request.headers] == []


def test_ghsa_44f7_5fj5_h4px_a_foreign_realm(lab: Lab) -> None:
    """A registry that cannot prove itself names a realm elsewhere: no password goes there."""
    lab.sign("legacy")
    with LoopbackServer(lambda _: Response(body=b'{"token":"x"}')) as thief:
        lab.server.access = TokenAccess({"me": "hunter2"}, realm=f"http://localhost:{thief.port}/token")
        lab.log_in()
        verdict = lab.verdict()
    assert isinstance(verdict, Undecided)
    assert (codes(verdict), thief.requests) == ({"realm-foreign"}, [])


def test_ghsa_jxpm_75mh_9fp7_a_next_page_elsewhere(lab: Lab) -> None:
    """A Link to another host is not followed; the evidence at the fallback tag still counts."""
    lab.sign("bundle")
    with LoopbackServer(lambda _: Response()) as other:
        page = Response(
            headers={
                "Content-Type": "application/vnd.oci.image.index.v1+json",
                "Link": f"<{other.url}/v2/>; rel=next",
            },
            body=b'{"schemaVersion":2,"manifests":[]}',
        )
        lab.break_by(Fault(lambda _request, _honest: page, path="/referrers/"))
        verdict = lab.verdict()
    assert isinstance(verdict, Accepted)
    assert other.requests == []


def test_a_login_page_for_referrers(lab: Lab) -> None:
    """GHCR redirects to github.com: nobody but the image's registry is asked."""
    lab.sign("bundle")
    with LoopbackServer(lambda _: Response(body=b"<html>")) as other:
        lab.break_by(Fault(redirect(f"{other.url}/login", 303), path="/referrers/"))
        verdict = lab.verdict()
    assert isinstance(verdict, Accepted)
    assert other.requests == []


@pytest.mark.parametrize("mode", ["absent", "absent-json", "html", "empty"])
def test_no_referrers_api(lab: Lab, mode: Any) -> None:
    """However it is absent, the fallback tag is read."""
    lab.sign("bundle")
    lab.server.referrers_mode = mode
    assert isinstance(lab.verdict(), Accepted)
    assert len(lab.server.requests) <= 6


def test_ghsa_crc3_h8v6_qh57_words_that_drive_a_terminal(lab: Lab) -> None:
    """What the registry says is escaped wherever it is repeated."""
    words = "\x1b]0;owned\x07\x1b[2J\u202eevil".encode()
    lab.break_by(Fault(lambda _request, _honest: Response(status=418, body=words)))
    verdict = lab.verdict()
    told = " ".join(f"{reason.message} {reason.hint}" for reason in verdict.reasons)
    assert isinstance(verdict, Undecided)
    assert told.isprintable()


@pytest.mark.slow
def test_ten_thousand_junk_referrers(lab: Lab) -> None:
    """Ours is the last of them, and it is found: each is opened, and its content fetched unless it was before.

    Ten thousand different contents are judged in memory (tests/unit/admission): here it is the wire's turn.
    """
    push_junk(lab.server.store, REPOSITORY, lab.digest, 10_000, contents=100, fallback=False)
    push_bundle(lab.server.store, REPOSITORY, lab.digest, lab.sigstore.bundle(lab.digest), fallback=False)
    lab.server.referrers_mode = "api-unfiltered"
    lab.server.page = 1_000
    verdict = lab.verdict()
    assert isinstance(verdict, Accepted)
    assert lab.server.count(path="/referrers/") == 11
    assert lab.server.count(path="/manifests/sha256:") >= 10_000


def test_the_digest_is_the_bytes(lab: Lab) -> None:
    """A Docker-Content-Digest that names the signed image does not make another one it."""
    lab.sign("legacy")
    evil = push_image(lab.server.store, REPOSITORY, "evil", content=b"evil")

    def lie(request: Any, honest: Any) -> Response:
        return honest(request).with_headers(Docker_Content_Digest=str(lab.digest))

    lab.break_by(Fault(lie, path="/manifests/evil"))
    verdict = lab.verdict(":evil")
    assert isinstance(verdict, Rejected)
    assert (verdict.digest, evil == Digest.of(b"")) == (evil, False)
