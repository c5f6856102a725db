"""From what was verified to a verdict: every way in which a signature can fail to be the one that is wanted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vouchsafe.errors import Refused
from vouchsafe.evidence import parse
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference
from vouchsafe.policy.consider import consider
from vouchsafe.policy.evaluate import Outcome, describe, evaluate, refusal
from vouchsafe.policy.identity import IdentityPattern
from vouchsafe.policy.reading import Place
from vouchsafe.policy.requirement import (
    PKI,
    ExactRepository,
    Fulcio,
    InsecureAcceptAnything,
    MatchRepoDigestOrExact,
    MatchRepository,
    Reject,
    Requirement,
    SignedBaseLayer,
    SignedBy,
    Signer,
    SigstoreAttested,
    SigstoreSigned,
    Source,
)
from vouchsafe.policy.scope import Rule, Selected
from vouchsafe.policy.verdict import Accepted, Looked, Reason, Rejected, Undecided, Verdict, require
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.testing.workload import gitlab
from vouchsafe.verification import VerifiedSignature, verify
from vouchsafe.verification.trust import parse_trusted_root

DIGEST = Digest.of(b"image")
REFERENCE = Reference.parse("registry.example/group/project:v1")
NOW = datetime(2026, 11, 2, 12, 30, tzinfo=UTC)
ISSUER = "https://gitlab.example"
MAIN = "https://gitlab.example/group/project//.gitlab-ci.yml@refs/heads/main"
SBOM = "https://cyclonedx.org/bom"
ME = IdentityPattern(issuer=ISSUER, subject=MAIN)
SIGSTORE = VirtualSigstore()
ROOT = parse_trusted_root(SIGSTORE.trusted_root())
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
BY_ME = Signer(fulcio=Fulcio(identities=(ME,)))
BY_KEY = Signer(keys=Source(paths=("/key.pub",)))


def verified(**options: Any) -> VerifiedSignature:
    """A real one, from a bundle."""
    return verify(parse(SIGSTORE.bundle(DIGEST, **options), {}, BUNDLE), ROOT, at=NOW)


def legacy(reference: str) -> VerifiedSignature:
    """A real one that names a repository."""
    payload, annotations = SIGSTORE.sign_legacy(DIGEST, reference)
    kind = "application/vnd.dev.cosign.simplesigning.v1+json"
    return verify(parse(payload, annotations, kind), ROOT, at=NOW)


def by_own_ca(*subjects: str) -> VerifiedSignature:
    """What verification.pki makes: no identity, but subjects."""
    real = verified()
    fields = {name: getattr(real, name) for name in VerifiedSignature._fields}
    return VerifiedSignature(**(fields | {"identity": None, "subjects": subjects, "times": ()}))


def selected(*requirements: Requirement, **rule: Any) -> Selected:
    """A scope with these requirements."""
    place = Place(file="policy.json", line=1)
    return Selected(transport="", scope="", rule=Rule(requirements=requirements, place=place, **rule))


def against(
    requirement: Requirement, signature: VerifiedSignature, digest: Digest = DIGEST, **rule: Any
) -> list[str]:
    """Codes of all that speaks against."""
    found = consider(requirement, signature, REFERENCE, digest, selected(requirement, **rule), NOW)
    return [reason.code for reason in found]


SIGNED = SigstoreSigned(signer=BY_ME, signed_identity=MatchRepository())
ATTESTED = SigstoreAttested(predicate_type=SBOM, signer=BY_ME, signed_identity=MatchRepository())
OTHER = IdentityPattern(issuer="https://other.example", subject=MAIN)


GROUP = IdentityPattern(issuer=ISSUER, subject_regexp=r"https://gitlab\.example/group/.*")
SPREAD = IdentityPattern(issuer=ISSUER, subject_regexp=r"https://gitlab\.example/.*")
ELSEWHERE = gitlab(project_path="group/other")


def pki(**wanted: Any) -> SigstoreSigned:
    """A requirement of an own CA's certificate."""
    return SigstoreSigned(signer=Signer(pki=PKI(roots=Source(), **wanted)), signed_identity=MatchRepository())


@pytest.mark.parametrize(
    "requirement, signature, expected",
    [
        (SIGNED, verified(), []),
        (SIGNED, legacy("registry.example/group/project"), []),
        (SIGNED, legacy("registry.example/group/other"), ["other-repository"]),
        (SIGNED.replace(signed_identity=None), legacy("registry.example/group/other"), []),
        (SIGNED, verified(predicate_type=SBOM, predicate={}), ["not-a-signature"]),
        (SIGNED.replace(signer=Signer(fulcio=Fulcio(identities=(OTHER,)))), verified(), ["identity"]),
        (SIGNED.replace(signer=Signer(fulcio=Fulcio(identities=(OTHER, ME)))), verified(), []),
        (
            SIGNED.replace(signer=Signer(fulcio=Fulcio(identities=(ME.replace(subject=f"{MAIN}tenance"),)))),
            verified(),
            ["identity"],
        ),
        (SIGNED, by_own_ca(), ["identity"]),
        (ATTESTED, verified(predicate_type=SBOM, predicate={}), []),
        (ATTESTED, verified(), ["predicate-type"]),
        (ATTESTED, legacy("registry.example/group/project"), ["predicate-type"]),
        (SIGNED.replace(signer=BY_KEY), verified(), []),
        (SIGNED.replace(signer=Signer(fulcio=Fulcio(identities=(GROUP,)))), verified(), []),
        (
            SIGNED.replace(signer=Signer(fulcio=Fulcio(identities=(SPREAD,)))),
            verified(identity=ELSEWHERE),
            ["repository-unbound"],
        ),
        (pki(subject_email="me@acme.example"), by_own_ca("me@acme.example"), []),
        (pki(subject_email="me@acme.example"), by_own_ca("you@acme.example"), ["identity"]),
        (pki(subject_hostname="ci.acme.example"), by_own_ca("*.acme.example"), []),
        (pki(subject_hostname="ci.acme.example"), by_own_ca(), ["identity"]),
        (pki(subject_email="build"), by_own_ca("build"), ["identity"]),  # a host's name
        (pki(subject_hostname="me@acme.example"), by_own_ca("me@acme.example"), ["identity"]),
        (pki(subject_hostname="192.0.2.1"), by_own_ca("192.0.2.1"), ["identity"]),
        (SignedBy(key_type="GPGKeys", keys=Source()), verified(), []),
        (
            SignedBy(
                key_type="GPGKeys", keys=Source(), signed_identity=ExactRepository(repository="a.example/b")
            ),
            legacy("a.example/c"),
            ["other-repository"],
        ),
    ],
)
def test_consider(requirement: Requirement, signature: VerifiedSignature, expected: list[str]) -> None:
    """One signature against one requirement."""
    assert against(requirement, signature) == expected


@pytest.mark.parametrize(
    "image, named, expected",
    [
        ("registry.example/group/project:v1", "registry.example/group/project", "matchRepository"),
        ("registry.example/group/project:v1", "registry.example/group/project:v0", "under this name"),
        ("registry.example/group/project:v1", "registry.example/group/other", "under this name"),
        ("registry.example/group/project:v1", "not a name", "under this name"),
        ("oci:/srv/layout", "registry.example/group/project", "exactRepository"),
    ],
)
def test_what_to_do_about_another_name(image: str, named: str, expected: str) -> None:
    """cosign's names have no tag, images on disk no name; of another tag it must not be made light."""
    requirement = SIGNED.replace(signed_identity=MatchRepoDigestOrExact())
    asked = Reference.parse(image)
    (reason,) = consider(requirement, legacy(named), asked, DIGEST, selected(requirement), NOW)
    assert (reason.code, expected in reason.hint) == ("other-repository", True)


def test_a_default_that_rejects_says_that_no_scope_was_found() -> None:
    """The commonest mistake is a scope or an image that is misspelt."""
    hints = [
        judged_as.reasons[0].hint
        for judged_as in (
            refusal(selected(Reject()), REFERENCE),
            refusal(selected(Reject()).replace(transport="docker", scope="registry.example"), REFERENCE),
        )
        if judged_as is not None
    ]
    assert ["No scope" in hint for hint in hints] == [True, False]


def test_consider_compares_the_digest() -> None:
    """A signature of another image is none of this one."""
    assert against(SIGNED, verified(), Digest.of(b"another")) == ["other-digest"]


@pytest.mark.parametrize(
    "rule, expected",
    [
        ({"not_before": NOW - timedelta(hours=1)}, []),
        ({"not_before": NOW - timedelta(minutes=30)}, []),
        ({"not_before": NOW}, ["too-old"]),
        ({"max_age": timedelta(hours=1)}, []),
        ({"max_age": timedelta(minutes=30)}, []),
        ({"max_age": timedelta(minutes=1)}, ["too-old"]),
    ],
)
def test_consider_judges_age_on_verified_time(rule: dict[str, Any], expected: list[str]) -> None:
    """notBefore and maxAge; made at 12:00, judged at 12:30."""
    assert against(SIGNED, verified(), **rule) == expected


@pytest.mark.parametrize("rule", [{"not_before": NOW - timedelta(days=1)}, {"max_age": timedelta(days=1)}])
def test_what_a_key_signed_has_no_age(rule: dict[str, Any]) -> None:
    """However new its entry in a log is: anybody can log an old signature once more."""
    real = verified()
    fields = {name: getattr(real, name) for name in VerifiedSignature._fields}
    logged = VerifiedSignature(**(fields | {"identity": None, "key_id": "00ff"}))
    assert logged.time == real.time
    assert against(SIGNED.replace(signer=BY_KEY), logged, **rule) == ["too-old"]
    assert against(SIGNED.replace(signer=BY_KEY), logged) == []


def test_no_verified_time_is_too_old() -> None:
    """A key's signature without a log cannot prove that it is new."""
    assert against(SIGNED.replace(signer=BY_KEY), by_own_ca(), max_age=timedelta(days=1)) == ["too-old"]


def judged(*requirements: Requirement, **outcome: Any) -> Verdict:
    """A verdict from an outcome."""
    return evaluate(selected(*requirements), REFERENCE, DIGEST, Outcome(**outcome))


def look(*codes: str, requirement: int = 0) -> Looked:
    """Something that was looked at, with what spoke against it."""
    reasons = tuple(Reason(code=code, message=code) for code in codes)
    return Looked(
        requirement=requirement, origin="here", media_type="", against=reasons, signature=verified()
    )


@pytest.mark.parametrize(
    "requirements, outcome, expected, codes",
    [
        ((SIGNED,), {}, Rejected, ["unsigned"]),
        ((ATTESTED,), {}, Rejected, ["unsigned"]),
        ((SIGNED,), {"looked": (look(),)}, Accepted, []),
        ((SIGNED, ATTESTED), {"looked": (look(),)}, Rejected, ["unsigned"]),
        ((SIGNED, ATTESTED), {"looked": (look(), look(requirement=1))}, Accepted, []),
        ((InsecureAcceptAnything(), SIGNED), {"looked": (look(requirement=1),)}, Accepted, []),
        ((SIGNED, Reject()), {"looked": (look(),)}, Rejected, ["policy-rejects"]),
        ((SignedBaseLayer(base_layer_identity=MatchRepository()),), {}, Rejected, ["policy-rejects"]),
        (
            (SIGNED,),
            {
                "looked": (
                    look("signature"),
                    look("identity", "identity"),
                    look("identity"),
                    look("other-digest"),
                )
            },
            Rejected,
            ["identity", "identity", "identity", "other-digest", "signature"],
        ),
        ((SIGNED,), {"looked": (look("clock"),)}, Undecided, ["clock"]),
        (
            (SIGNED,),
            {"looked": (look("signature"),), "unanswered": (Reason(code="http-status", message="503"),)},
            Undecided,
            ["http-status", "signature"],
        ),
        ((SIGNED,), {"limit": Reason(code="limit-reached", message="more")}, Undecided, ["limit-reached"]),
        ((SIGNED,), {"troubles": (Reason(code="json-syntax", message="bad"),)}, Rejected, ["json-syntax"]),
    ],
)
def test_evaluate(
    requirements: tuple[Requirement, ...], outcome: dict[str, Any], expected: type[Verdict], codes: list[str]
) -> None:
    """All requirements, each by one signature; doubt where something could not be asked."""
    verdict = judged(*requirements, **outcome)
    assert (type(verdict), [reason.code for reason in verdict.reasons]) == (expected, codes)


def test_accepting_anything_is_marked() -> None:
    """No signature was verified, and the verdict says so; `require` refuses it unless it is asked for."""
    verdict = judged(InsecureAcceptAnything())
    assert isinstance(verdict, Accepted)
    assert not verdict.verified
    with pytest.raises(Refused) as refused:
        require(verdict)
    assert refused.value.code == "not-verified"
    assert require(verdict, allow_unverified=True) == DIGEST


def test_require_gives_the_digest_or_raises() -> None:
    """The way to act on a verdict."""
    assert require(judged(SIGNED, looked=(look(),))) == DIGEST
    with pytest.raises(Refused) as refused:
        require(judged(SIGNED))
    assert refused.value.code == "unsigned"
    with pytest.raises(Refused) as bare:
        require(Undecided(reference="x"))
    assert (bare.value.code, bare.value.message) == ("undecided", "x: undecided")


def test_a_verdict_has_no_truth_value() -> None:
    """`if verdict:` must not accept."""
    with pytest.raises(TypeError):
        bool(judged(SIGNED))


@pytest.mark.parametrize(
    "requirement, words",
    [
        (InsecureAcceptAnything(), "accept anything (insecure)"),
        (Reject(), "reject"),
        (
            SignedBaseLayer(base_layer_identity=MatchRepository()),
            "signed base layer (which nobody implements)",
        ),
        (SignedBy(key_type="GPGKeys", keys=Source()), "signed by an OpenPGP key"),
        (SIGNED, f"signed by {ME}"),
        (ATTESTED, f"attested ({SBOM}) by {ME}"),
        (SIGNED.replace(signer=BY_KEY), "signed by /key.pub"),
        (SIGNED.replace(signer=Signer(keys=Source(data=(b"",)))), "signed by a key that the policy holds"),
        (pki(subject_email="a@b.example"), "signed by a@b.example"),
    ],
)
def test_describe(requirement: Requirement, words: str) -> None:
    """Every requirement has words."""
    assert describe(requirement) == words


def test_an_error_becomes_a_reason() -> None:
    """With its code, and what it is about."""
    reason = Reason.of(Refused("code", "message", hint="hint"), about="here")
    assert reason == Reason(code="code", message="message", hint="hint", about="here")
