"""The one door: what it reads, in which order, where it stops, and that nothing gets through by an error."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests import own_ca
from vouchsafe.admission import BUILT, Question, admit, search
from vouchsafe.admission.material import World
from vouchsafe.errors import ConfigurationError, Unavailable, VerificationError
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference
from vouchsafe.policy import document, flags
from vouchsafe.policy.identity import IdentityPattern
from vouchsafe.policy.scope import Policy
from vouchsafe.policy.verdict import Accepted, Rejected, Undecided, Verdict, require
from vouchsafe.testing.annotations import simple_signing
from vouchsafe.testing.canonical import pem
from vouchsafe.testing.registry import (
    MemoryRegistry,
    push_attestation,
    push_bundle,
    push_image,
    push_signature,
)
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.testing.workload import gitlab
from vouchsafe.verification.trust import TrustRoot, parse_trusted_root

REPOSITORY = "group/project"
NAME = f"registry.example/{REPOSITORY}"
ISSUER = "https://gitlab.example"
MAIN = "https://gitlab.example/group/project//.gitlab-ci.yml@refs/heads/main"
CYCLONEDX = "https://cyclonedx.org/bom"


class Estate:
    """One virtual Sigstore, one registry with one image, and the world an admission sees."""

    def __init__(self) -> None:
        self.sigstore = VirtualSigstore()
        self.registry = MemoryRegistry()
        self.digest = push_image(self.registry.store, REPOSITORY)
        self.reference = Reference.parse(f"{NAME}:v1")
        self.files: dict[str, bytes] = {"/root.json": self.sigstore.trusted_root()}
        self.world = World(files=self, trust=self, openpgp=self)
        self.faults: list[BaseException] = []

    def read(self, path: str, *, largest: int) -> bytes:
        """The Files port."""
        if path not in self.files:
            raise ConfigurationError("file-missing", f"expected a file at {path}, got nothing")
        assert len(self.files[path]) <= largest
        return self.files[path]

    def public_good(self) -> TrustRoot:
        """The TrustSource port: this Sigstore plays the public one."""
        return parse_trusted_root(self.sigstore.trusted_root())

    def verify(self, blob: bytes, keyring: bytes) -> bytes:
        """The OpenPGP port: a signature is its payload after the key's name."""
        name, _, payload = blob.partition(b":")
        if name == b"\x90absent":
            raise Unavailable("no-openpgp", "expected gpgv, got no such program")
        if name[1:] != keyring:
            raise VerificationError("openpgp", "expected a signature by a trusted key, got another")
        return payload

    def now(self) -> datetime:
        """The Clock port."""
        return self.sigstore.clock.now()

    @property
    def requests(self) -> int:
        """How many requests a registry would have seen."""
        return sum(kind != "signatures" for kind, _ in self.registry.asked)

    def legacy(self, **options: Any) -> None:
        """Attach a `.sig` layer."""
        push_signature(
            self.registry.store,
            REPOSITORY,
            self.digest,
            *self.sigstore.sign_legacy(self.digest, NAME, **options),
        )

    def bundle(self, digest: Digest | None = None, **options: Any) -> Digest:
        """Attach a bundle, listed in the fallback tag as cosign does it."""
        blob = self.sigstore.bundle(digest or self.digest, **options)
        return push_bundle(self.registry.store, REPOSITORY, self.digest, blob)

    def ask(
        self, policy: Policy | None = None, reference: Reference | None = None, **question: Any
    ) -> Verdict:
        """Admit."""
        asked = Question(reference=reference or self.reference, policy=policy or by_main(), **question)
        return admit(asked, registry=self.registry, clock=self, world=self.world, report=self.faults.append)


def by_main(**changes: Any) -> Policy:
    """Whom most tests accept."""
    return flags.by_identity(
        IdentityPattern(issuer=ISSUER, subject=MAIN), trusted_root="/root.json", **changes
    )


def written(text: str) -> Policy:
    """A policy as one writes it."""
    return document.parse(text.encode(), dialect="vouchsafe", source="policy.json")


@pytest.fixture
def estate() -> Estate:
    """A fresh one."""
    return Estate()


def codes(verdict: Verdict) -> list[str]:
    """The reasons' codes."""
    return [reason.code for reason in verdict.reasons]


def test_accepts_a_legacy_signature_in_three_requests(estate: Estate) -> None:
    """Tag, `.sig`, payload: nothing else is asked."""
    estate.legacy()
    verdict = estate.ask()
    assert isinstance(verdict, Accepted)
    assert (estate.digest, 3) == (require(verdict), estate.requests)


def test_accepts_a_bundle_in_six_requests(estate: Estate) -> None:
    """Tag, `.sig` (absent), referrers (absent), fallback tag, its manifest, the bundle."""
    estate.bundle()
    assert isinstance(estate.ask(), Accepted)
    assert estate.requests == 6


def test_resolves_a_tag_once(estate: Estate) -> None:
    """A tag that moves between two requests cannot be judged by one image and used as another."""
    estate.legacy()
    estate.ask()
    assert [asked for asked in estate.registry.asked if asked[1] == "v1"] == [("manifest", "v1")]


def test_both_formats_count(estate: Estate) -> None:
    """A stranger's bundle does not hide our `.sig` (cosign 3 refuses this image)."""
    estate.bundle(identity=gitlab(project_path="evil/project"))
    estate.legacy()
    assert isinstance(estate.ask(), Accepted)


def test_a_strangers_broken_signature_denies_nothing(estate: Estate) -> None:
    """Malformed evidence beside ours is noted, not believed, and not fatal."""
    push_bundle(estate.registry.store, REPOSITORY, estate.digest, b"{not json")
    estate.bundle()
    verdict = estate.ask()
    assert isinstance(verdict, Accepted)
    assert [note.code for note in verdict.notes] == ["json-syntax"]


def test_unsigned_is_rejected(estate: Estate) -> None:
    """Nothing found is a refusal, not a doubt."""
    verdict = estate.ask()
    assert (Rejected, ["unsigned"]) == (type(verdict), codes(verdict))


def test_an_attestation_is_not_a_signature(estate: Estate) -> None:
    """What cosign 3.1.1 accepts, and must not be."""
    blob = estate.sigstore.bundle(
        estate.digest, predicate_type=CYCLONEDX, predicate={"bomFormat": "CycloneDX"}
    )
    push_bundle(estate.registry.store, REPOSITORY, estate.digest, blob)
    verdict = estate.ask()
    assert (Rejected, ["not-a-signature"]) == (type(verdict), codes(verdict))


def test_an_attestation_is_found_in_both_formats(estate: Estate) -> None:
    """`--type` asks for it in `.att` and in bundles; a signature is not one."""
    policy = by_main(predicate_type=CYCLONEDX)
    estate.legacy()
    assert codes(estate.ask(policy)) == ["predicate-type"]
    push_attestation(
        estate.registry.store, REPOSITORY, estate.digest, *estate.sigstore.attest_legacy(estate.digest, NAME)
    )
    assert isinstance(estate.ask(policy), Accepted)


def test_says_who_signed_instead(estate: Estate) -> None:
    """The nearest miss, in words."""
    estate.bundle(identity=gitlab(ref="refs/heads/feature"))
    verdict = estate.ask()
    assert isinstance(verdict, Rejected)
    assert f"signed by {MAIN.replace('main', 'feature')}, expected {MAIN}" == verdict.reasons[0].message


def test_ten_thousand_junk_referrers_cannot_hide_ours(estate: Estate) -> None:
    """Ours is last, behind junk that is no evidence and strangers' bundles beyond every limit (design rule 1)."""
    stranger = estate.sigstore.bundle(estate.digest, gitlab(project_path="evil/project"))
    for number in range(search.MOST_VERIFICATIONS + 44):
        blob = stranger + b" " * number  # each another blob, the same evidence
        push_bundle(estate.registry.store, REPOSITORY, estate.digest, blob)
    ours = estate.bundle()
    index = estate.registry.store.manifest(REPOSITORY, estate.digest.tag_prefix)
    assert index is not None
    assert index.raw.find(str(ours).encode()) > len(index.raw) - 1_000
    assert isinstance(estate.ask(), Accepted)


def test_more_than_can_be_verified_is_undecided(estate: Estate) -> None:
    """Beyond the limit it says that there is more, never that there is none."""
    stranger = estate.sigstore.bundle(estate.digest, gitlab(project_path="evil/project"))
    for number in range(search.MOST_VERIFICATIONS + 1):
        push_bundle(estate.registry.store, REPOSITORY, estate.digest, stranger + b" " * number)
    verdict = estate.ask()
    assert (Undecided, "limit-reached") == (type(verdict), codes(verdict)[0])


def test_forged_names_use_up_the_limit_and_accept_nothing(estate: Estate) -> None:
    """Who forges our name in front of ours can at most make us undecided."""
    forged = VirtualSigstore("attacker").bundle(estate.digest)
    for number in range(search.MOST_VERIFICATIONS + 1):
        push_bundle(estate.registry.store, REPOSITORY, estate.digest, forged + b" " * number)
    verdict = estate.ask()
    assert (Undecided, "limit-reached") == (type(verdict), codes(verdict)[0])


def test_thorough_looks_at_everything(estate: Estate) -> None:
    """`explain` reads on after the answer."""
    for _ in range(3):
        estate.legacy()
    estate.bundle()
    assert len(estate.ask().looked) == 1
    assert len(estate.ask(thorough=True).looked) == 4


def test_the_likely_layer_is_read_first(estate: Estate) -> None:
    """Of a `.sig` with strangers' layers in front, one payload is fetched."""
    for _ in range(5):
        estate.legacy(identity=gitlab(project_path="evil/project"))
    estate.legacy()
    assert isinstance(estate.ask(), Accepted)
    assert sum(kind == "blob" for kind, _ in estate.registry.asked) == 1


def test_supplied_evidence_asks_nobody(estate: Estate) -> None:
    """A bundle from a file and a digest: no request at all."""
    from vouchsafe.admission.discovery import Candidate

    blob = estate.sigstore.bundle(estate.digest)
    supplied = Candidate(
        origin="b.json",
        media_type="application/vnd.dev.sigstore.bundle.v0.3+json",
        annotations={},
        read=lambda: blob,
    )
    verdict = estate.ask(reference=estate.reference.with_digest(estate.digest), supplied=(supplied,))
    assert isinstance(verdict, Accepted)
    assert estate.registry.asked == []


@pytest.mark.parametrize("what", ["manifest", "referrers", "blob"])
def test_an_outage_is_undecided(estate: Estate, what: str) -> None:
    """What could not be asked is not what is not there."""
    estate.bundle()

    def down(kind: str, name: str) -> None:
        if kind == what:
            raise Unavailable("http-status", "expected an answer, got 503", retryable=True)

    estate.registry = MemoryRegistry(estate.registry.store, before=down)
    verdict = estate.ask()
    expected = Accepted if what == "referrers" else Undecided  # the fallback tag answered
    assert expected is type(verdict)


def test_an_outage_of_one_place_is_undecided(estate: Estate) -> None:
    """Everything else was asked and has nothing: the signature may be where nobody could look."""
    estate.legacy()

    def down(kind: str, name: str) -> None:
        if name.endswith(".sig"):
            raise Unavailable("http-status", "expected an answer, got 503", retryable=True)

    estate.registry = MemoryRegistry(estate.registry.store, before=down)
    verdict = estate.ask(reference=estate.reference.with_digest(estate.digest))
    assert (Undecided, ["http-status"]) == (type(verdict), codes(verdict))


def test_a_crash_is_undecided_and_reported(estate: Estate) -> None:
    """An error of our own denies (GHSA-7c37-gx6w-8vc5: a panic that became 0)."""

    def crash(kind: str, name: str) -> None:
        raise ZeroDivisionError(kind + name)

    estate.registry = MemoryRegistry(estate.registry.store, before=crash)
    verdict = estate.ask()
    assert (Undecided, ["internal"], [ZeroDivisionError]) == (
        type(verdict),
        codes(verdict),
        [type(f) for f in estate.faults],
    )


def test_an_absent_image_is_undecided(estate: Estate) -> None:
    """By tag and by digest: not the same as unsigned."""
    absent = Reference.parse(f"{NAME}:nothing")
    assert codes(estate.ask(reference=absent)) == ["no-such-image"]
    assert codes(estate.ask(reference=absent.with_digest(Digest.of(b"nothing")))) == ["no-such-image"]


@pytest.mark.parametrize(
    "at, question",
    [
        (BUILT - timedelta(seconds=1), {}),
        (BUILT + timedelta(days=1), {"newest_seen": BUILT + timedelta(days=2)}),
        (datetime(2026, 11, 2, 11, 50, tzinfo=UTC), {}),  # the signature is from noon
    ],
)
def test_a_wrong_clock_is_undecided(estate: Estate, at: datetime, question: dict[str, Any]) -> None:
    """Before the release, before what was seen, before the signature was made."""
    estate.legacy()
    estate.sigstore.virtual_clock.set(at)
    verdict = estate.ask(**question)
    assert (Undecided, ["clock"]) == (type(verdict), codes(verdict))


def test_an_expired_trust_root_is_undecided(estate: Estate) -> None:
    """A root that should have been refreshed decides nothing."""
    estate.legacy()
    root = estate.public_good().replace(expires=estate.now() - timedelta(seconds=1))

    class Old:
        def public_good(self) -> TrustRoot:
            return root

    estate.world = estate.world.replace(trust=Old())
    policy = flags.by_identity(IdentityPattern(issuer=ISSUER, subject=MAIN))
    assert codes(estate.ask(policy)) == ["clock"]


def test_a_missing_file_denies(estate: Estate) -> None:
    """A trust root that cannot be read never shrinks the demand."""
    estate.legacy()
    del estate.files["/root.json"]
    verdict = estate.ask()
    assert (Undecided, ["file-missing"]) == (type(verdict), codes(verdict))


def test_time_runs_out(estate: Estate) -> None:
    """A registry that trickles costs a bounded time."""
    estate.legacy(identity=gitlab(ref="refs/heads/feature"))

    def slow(kind: str, name: str) -> None:
        estate.sigstore.virtual_clock.advance(minutes=2)

    estate.registry = MemoryRegistry(estate.registry.store, before=slow)
    verdict = estate.ask(longest=timedelta(minutes=3))
    assert (Undecided, "limit-reached") == (type(verdict), codes(verdict)[0])


def test_a_later_fallback_tag_is_read_beside_the_api(estate: Estate) -> None:
    """A registry that got the API later still has what was pushed before."""
    estate.bundle()
    estate.registry.referrers_api = True
    assert isinstance(estate.ask(), Accepted)


REJECTS = '{"default":[{"type":"reject"}]}'
ANYTHING = '{"default":[{"type":"insecureAcceptAnything"}]}'


def test_a_policy_that_rejects_asks_nobody(estate: Estate) -> None:
    """No signature could change it; it says which scope."""
    verdict = estate.ask(written(REJECTS))
    assert estate.requests == 0
    assert (Rejected, ["policy-rejects"]) == (type(verdict), codes(verdict))


def test_accept_anything_is_not_verified(estate: Estate) -> None:
    """Shown as what it is."""
    verdict = estate.ask(written(ANYTHING))
    assert isinstance(verdict, Accepted)
    assert not verdict.verified


def test_every_requirement_must_be_met(estate: Estate) -> None:
    """Signed by main, and an SBOM attested by it: the second alone is missing at first."""
    signer = f'"fulcio":{{"trustedRootPath":"/root.json","oidcIssuer":"{ISSUER}","subjectURI":"{MAIN}"}}'
    policy = written(
        f'{{"default":[{{"type":"sigstoreSigned",{signer},"signedIdentity":{{"type":"matchRepository"}}}},'
        f'{{"type":"sigstoreAttested","predicateType":"{CYCLONEDX}",{signer},"signedIdentity":{{"type":"matchRepository"}}}}]}}'
    )
    estate.legacy()
    assert (Rejected, ["predicate-type"]) == (type(estate.ask(policy)), codes(estate.ask(policy)))
    blob = estate.sigstore.bundle(estate.digest, predicate_type=CYCLONEDX, predicate={})
    push_bundle(estate.registry.store, REPOSITORY, estate.digest, blob)
    verdict = estate.ask(policy)
    assert isinstance(verdict, Accepted)
    assert [each.role for each in verdict.signatures] == ["signature", "attestation"]


def test_notation_of_age(estate: Estate) -> None:
    """notBefore and maxAge are judged on verified time, so an old release cannot come back."""
    estate.legacy()
    rule = (
        f'[{{"type":"sigstoreSigned","fulcio":{{"trustedRootPath":"/root.json","oidcIssuer":"{ISSUER}",'
        f'"subjectURI":"{MAIN}"}},"signedIdentity":{{"type":"matchRepository"}}}}]'
    )
    for bound in ('"notBefore":"2026-11-02T12:30:00Z"', '"maxAge":"1h"'):
        estate.sigstore.virtual_clock.set(datetime(2026, 11, 2, 14, tzinfo=UTC))
        verdict = estate.ask(written(f'{{"default":{{"requirements":{rule},{bound}}}}}'))
        assert (Rejected, ["too-old"]) == (type(verdict), codes(verdict))
    assert isinstance(estate.ask(written(f'{{"default":{{"requirements":{rule},"maxAge":"3h"}}}}')), Accepted)


def test_a_bundle_copied_between_two_projects_of_a_group_is_unbound(estate: Estate) -> None:
    """A bundle names no repository: a group-wide identity must not let one project speak for another."""
    pattern = r"https://gitlab\\.example/group/[^/]+//\\.gitlab-ci\\.yml@refs/heads/main"
    policy = written(
        f'{{"default":[{{"type":"sigstoreSigned","fulcio":{{"trustedRootPath":"/root.json","oidcIssuer":"{ISSUER}",'
        f'"subjectRegexp":"{pattern}"}},"signedIdentity":{{"type":"matchRepository"}}}}]}}'
    )
    other = push_image(estate.registry.store, "group/router")
    assert other == estate.digest
    push_bundle(estate.registry.store, "group/router", other, estate.sigstore.bundle(other))
    estate.bundle()
    assert isinstance(estate.ask(policy), Accepted)
    verdict = estate.ask(policy, Reference.parse("registry.example/group/router:v1"))
    assert (Rejected, ["repository-unbound"]) == (type(verdict), codes(verdict))


def test_a_signature_for_another_repository_is_refused(estate: Estate) -> None:
    """The docker-reference of a `.sig` is held against signedIdentity."""
    estate.legacy()
    rule = (
        f'{{"type":"sigstoreSigned","fulcio":{{"trustedRootPath":"/root.json","oidcIssuer":"{ISSUER}","subjectURI":"{MAIN}"}},'
        '"signedIdentity":{"type":"exactRepository","dockerRepository":"registry.example/group/other"}}'
    )
    verdict = estate.ask(written(f'{{"default":[{rule}]}}'))
    assert (Rejected, ["other-repository"]) == (type(verdict), codes(verdict))


def openpgp_payload(digest: Digest) -> bytes:
    """As atomic and containers/image write it."""
    return (
        f'{{"critical":{{"type":"atomic container signature","image":{{"docker-manifest-digest":"{digest}"}},'
        f'"identity":{{"docker-reference":"{NAME}:v1"}}}},"optional":{{}}}}'
    ).encode()


@pytest.mark.parametrize(
    "blob, expected, code",
    [
        (lambda d: b"\x90key:" + openpgp_payload(d), Accepted, None),
        (lambda d: b"\x90other:" + openpgp_payload(d), Rejected, "openpgp"),
        (lambda d: b"\x90absent:" + openpgp_payload(d), Undecided, "no-openpgp"),
    ],
)
def test_signed_by_asks_the_program(
    estate: Estate, blob: Callable[[Digest], bytes], expected: type[Verdict], code: str | None
) -> None:
    """An OpenPGP signature beside the image; without a program, clearly undecided."""
    estate.files["/key.gpg"] = b"key"
    estate.registry.beside = {estate.digest: (blob(estate.digest),)}
    verdict = estate.ask(
        written('{"default":[{"type":"signedBy","keyType":"GPGKeys","keyPath":"/key.gpg"}]}')
    )
    assert (expected, code) == (type(verdict), codes(verdict)[0] if verdict.reasons else None)


def test_signed_by_looks_only_at_openpgp(estate: Estate) -> None:
    """A Sigstore signature is none; other key types are refused as upstream."""
    estate.files["/key.gpg"] = b"key"
    estate.legacy()
    assert codes(
        estate.ask(written('{"default":[{"type":"signedBy","keyType":"GPGKeys","keyPath":"/key.gpg"}]}'))
    ) == ["not-openpgp"]
    other = '{"default":[{"type":"signedBy","keyType":"X509Certificates","keyPath":"/key.gpg"}]}'
    assert codes(estate.ask(written(other))) == ["key-type"]


def test_keys_and_private_authorities(estate: Estate, tmp_path: Path) -> None:
    """keyPath, and caPath with Rekor's key, as containers/image has them."""
    estate.files |= {f"/{name}": content for name, content in estate.sigstore.pem_files().items()}
    estate.legacy()
    identity = '"signedIdentity":{"type":"matchRepository"}'
    fulcio = f'"fulcio":{{"caPath":"/fulcio-chain.pem","oidcIssuer":"{ISSUER}","subjectURI":"{MAIN}"}}'
    verdict = estate.ask(
        written(
            f'{{"default":[{{"type":"sigstoreSigned",{fulcio},"rekorPublicKeyPath":"/rekor1.pub",{identity}}}]}}'
        )
    )
    assert isinstance(verdict, Accepted)
    assert verdict.signatures[0].sct == "not checked"
    by_key = estate.ask(
        written(f'{{"default":[{{"type":"sigstoreSigned","keyPath":"/rekor1.pub",{identity}}}]}}')
    )
    assert (Rejected, ["signature"]) == (type(by_key), codes(by_key))


def test_a_key_with_a_trust_root_demands_its_logs(estate: Estate) -> None:
    """`--key` alone asks for no log, `--key --trusted-root` does."""
    from vouchsafe.testing.keys import KeySource, public_pem

    key = KeySource("managed").ec("managed")
    estate.files["/key.pub"] = public_pem(key.public_key())
    estate.legacy(key=key, log=None)
    assert isinstance(estate.ask(flags.by_key("/key.pub")), Accepted)
    logged = flags.by_key("/key.pub", trusted_root="/root.json")
    assert codes(estate.ask(logged)) == ["log-entry"]
    estate.legacy(key=key)
    assert isinstance(estate.ask(logged), Accepted)


def test_an_old_key_signature_logged_again_is_not_new(estate: Estate) -> None:
    """Anybody can log it once more: an age bound counts certificates of minutes only."""
    from vouchsafe.testing.keys import KeySource, public_pem

    key = KeySource("managed").ec("managed")
    estate.files |= {
        "/key.pub": public_pem(key.public_key()),
        "/rekor.pub": estate.sigstore.pem_files()["rekor1.pub"],
    }
    estate.legacy(key=key)
    rule = (
        '[{"type":"sigstoreSigned","keyPath":"/key.pub","rekorPublicKeyPath":"/rekor.pub",'
        '"signedIdentity":{"type":"matchRepository"}}]'
    )
    assert isinstance(estate.ask(written(f'{{"default":{rule}}}')), Accepted)
    bounded = estate.ask(written(f'{{"default":{{"requirements":{rule},"maxAge":"1h"}}}}'))
    assert codes(bounded) == ["too-old"]


def sigstore_signed(**demands: str) -> str:
    """A requirement that compares repositories; `demands` are its other members, keyless ones under `fulcio`."""
    fulcio = {key: demands.pop(key) for key in ("trustedRootPath", "caPath") if key in demands}
    said: dict[str, Any] = {"type": "sigstoreSigned", "signedIdentity": {"type": "matchRepository"}}
    if "keyPath" not in demands:
        said["fulcio"] = {"oidcIssuer": ISSUER, "subjectURI": MAIN, **fulcio}
    said.update(demands)
    return json.dumps(said)


def test_two_trust_roots_are_two_questions(estate: Estate) -> None:
    """What one root believes answers no requirement of another, whichever stands first."""
    other = VirtualSigstore("another")
    estate.files["/other.json"] = other.trusted_root()
    demands = [sigstore_signed(trustedRootPath=each) for each in ("/root.json", "/other.json")]
    both, reverse = (written(f'{{"default":[{",".join(each)}]}}') for each in (demands, demands[::-1]))
    estate.legacy()
    assert [type(estate.ask(each)) for each in (both, reverse)] == [Rejected, Rejected]
    layer = other.sign_legacy(estate.digest, NAME)
    push_signature(estate.registry.store, REPOSITORY, estate.digest, *layer)
    assert [type(estate.ask(each)) for each in (both, reverse)] == [Accepted, Accepted]


def test_two_keyrings_are_two_questions(estate: Estate) -> None:
    """Also where no trust root tells them apart."""
    estate.files |= {"/one.gpg": b"one", "/two.gpg": b"two"}
    demand = '{{"type":"signedBy","keyType":"GPGKeys","keyPath":"/{}.gpg"}}'
    policy = written(f'{{"default":[{demand.format("one")},{demand.format("two")}]}}')
    one, two = (b"\x90" + name + b":" + openpgp_payload(estate.digest) for name in (b"one", b"two"))
    for beside, expected in (((one,), Rejected), ((two,), Rejected), ((one, two), Accepted)):
        estate.registry.beside = {estate.digest: beside}
        assert isinstance(estate.ask(policy), expected)


@pytest.mark.parametrize(
    "right, wrong",
    [
        ({"keyPath": "/key.pub", "rekorPublicKeyPath": "/rekor.pub"}, {"rekorPublicKeyPath": "/other.pub"}),
        ({"caPath": "/ca.pem", "rekorPublicKeyPath": "/rekor.pub"}, {"rekorPublicKeyPath": "/other.pub"}),
        ({"caPath": "/ca.pem", "rekorPublicKeyPath": "/rekor.pub"}, {"caPath": "/other.pem"}),
        ({"rekorPublicKeyPath": "/rekor.pub"}, {"rekorPublicKeyPath": "/other.pub"}),
        ({"trustedRootPath": "/root.json"}, {"trustedRootPath": "/other.json"}),
    ],
)
def test_nothing_that_a_signer_names_goes_unused(
    estate: Estate, right: dict[str, str], wrong: dict[str, str]
) -> None:
    """A log, a CA or a root that is another denies, also where the public-good root would believe it."""
    from vouchsafe.testing.keys import KeySource, public_pem

    key = KeySource("managed").ec("managed")
    other = VirtualSigstore("another")
    ours, theirs = estate.sigstore.pem_files(), other.pem_files()
    estate.files |= {
        "/key.pub": public_pem(key.public_key()),
        "/rekor.pub": ours["rekor1.pub"],
        "/ca.pem": ours["fulcio-chain.pem"],
        "/other.pub": theirs["rekor1.pub"],
        "/other.pem": theirs["fulcio-chain.pem"],
        "/other.json": other.trusted_root(),
    }
    if "keyPath" in right:
        estate.legacy(key=key)
    else:
        estate.legacy()
    asked = [written(f'{{"default":[{sigstore_signed(**each)}]}}') for each in (right, right | wrong)]
    assert [type(estate.ask(each)) for each in asked] == [Accepted, Rejected]


@pytest.mark.parametrize(
    "demands, expected",
    [
        ({"caRootsPath": "/root.pem", "caIntermediatesPath": "/middle.pem"}, Accepted),
        ({"caRootsPath": "/middle.pem"}, Accepted),
        ({"caRootsPath": "/root.pem"}, Rejected),
        ({"caRootsPath": "/other.pem", "caIntermediatesPath": "/middle.pem"}, Rejected),
        ({"caRootsPath": "/other.pem", "caIntermediatesPath": "/root.pem"}, Rejected),
        ({"caRootsPath": "/root.pem", "caIntermediatesPath": "/nothing.pem"}, Undecided),
    ],
)
def test_an_own_ca(estate: Estate, demands: dict[str, str], expected: type[Verdict]) -> None:
    """Roots are believed, intermediates only lead to them; a name that is demanded must be in the leaf."""
    other = own_ca.certificate("other", "other", is_ca=True)
    certificates = {"root": own_ca.ROOT, "middle": own_ca.MIDDLE, "other": other}
    estate.files |= {f"/{name}.pem": pem(each) for name, each in certificates.items()}
    payload = simple_signing(str(estate.digest), NAME)
    push_signature(estate.registry.store, REPOSITORY, estate.digest, payload, own_ca.written_beside(payload))
    another = Undecided if expected is Undecided else Rejected
    for subject, verdict in (("release@example.com", expected), ("other@example.com", another)):
        signer = {"pki": demands | {"subjectEmail": subject}, "signedIdentity": {"type": "matchRepository"}}
        asked = estate.ask(written(json.dumps({"default": [{"type": "sigstoreSigned"} | signer]})))
        assert isinstance(asked, verdict)
