"""Whom to accept: each advisory's mistake, made here and refused."""

from __future__ import annotations

import pytest

from tests.judging import judge
from tests.unit.admission.test_admission import ISSUER, MAIN, Estate, by_main, written
from vouchsafe.admission.discovery import Candidate
from vouchsafe.errors import ConfigurationError
from vouchsafe.policy import document, regexp
from vouchsafe.policy.identity import IdentityPattern
from vouchsafe.policy.verdict import Accepted, Rejected, Undecided
from vouchsafe.testing.registry import MemoryRegistry
from vouchsafe.testing.wrongs import WRONGS


def mismatched(pattern: IdentityPattern, name: str) -> set[str]:
    """What differs in a wrong thing of this name."""
    identity = judge(WRONGS[name].make("bundle-rekor1")).identity
    assert identity is not None
    return {each.field for each in pattern.mismatches(identity)}


REGEXP = IdentityPattern(issuer=ISSUER, subject_regexp=regexp.escaped(MAIN))
EXACT = IdentityPattern(issuer=ISSUER, subject=MAIN)


@pytest.mark.parametrize("pattern", [EXACT, REGEXP], ids=["exact", "regexp"])
@pytest.mark.parametrize("name", ["other-branch", "other-issuer", "other-project", "email-for-pipeline"])
def test_ghsa_46mp_8w32_6g94_every_matcher_is_applied(pattern: IdentityPattern, name: str) -> None:
    """CVE-2025-29778: a regexp that was read and never used."""
    assert mismatched(pattern, name)


def test_ghsa_46mp_8w32_6g94_issuer_and_subject_are_mandatory() -> None:
    """Half an identity is nobody's."""
    for fields in ({"issuer": ISSUER}, {"subject": MAIN}, {}, {"issuer": "", "subject": MAIN}):
        with pytest.raises((ConfigurationError, TypeError)):
            IdentityPattern(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name", ["issuer-prefix", "branch-prefix", "subject-in-other-subject", "project-prefix"]
)
def test_ghsa_59jp_pj84_45mr_patterns_match_the_whole(name: str) -> None:
    """CVE-2026-22772: an unanchored pattern is found inside of the attacker's name."""
    loose = IdentityPattern(issuer=ISSUER, subject_regexp=regexp.escaped(MAIN))
    assert mismatched(loose, name)


def test_ghsa_f5mr_q85p_6hh6_a_dot_is_not_any_character() -> None:
    """CVE-2026-49478: what is written as a name is matched as a name; a pattern's dot is the lint's business."""
    assert not regexp.matches(regexp.escaped("https://gitlab.example"), "https://gitlabxexample")


def test_connaisseur_redos_patterns_take_linear_time() -> None:
    """With a backtracking matcher this test does not end."""
    assert not regexp.matches(r"(a+)+b", "a" * 4000)
    assert not regexp.matches(r"(a|aa)+$b", "a" * 4000)


def test_wirelog_1322_a_branch_that_looks_like_a_reference() -> None:
    """`…/.gitlab-ci.yml@refs/heads/x@refs/heads/main`: nothing is split at `@`."""
    assert mismatched(EXACT, "branch-with-at") == {"subject"}
    glob = rf"{regexp.escaped(MAIN.partition('@')[0])}@refs/heads/main"
    assert mismatched(IdentityPattern(issuer=ISSUER, subject_regexp=glob), "branch-with-at")


def test_duplicate_and_unknown_keys_spoil_a_policy() -> None:
    """As in containers/image: the whole file, not the key."""
    for text in (
        '{"default":[{"type":"reject"}],"default":[{"type":"insecureAcceptAnything"}]}',
        '{"default":[{"type":"reject"}],"Default":[{"type":"insecureAcceptAnything"}]}',
        '{"default":[{"type":"reject","keyPath":"/k"}]}',
    ):
        with pytest.raises(ConfigurationError):
            document.parse(text.encode(), dialect="vouchsafe", source="policy.json")


def test_ghsa_57wx_m636_g3g8_an_old_release_does_not_come_back() -> None:
    """CVE-2024-23332: validly signed, long ago; `notBefore` is judged on verified time."""
    estate = Estate()
    estate.legacy()
    estate.sigstore.virtual_clock.advance(days=30)
    rule = (
        '{"type":"sigstoreSigned","fulcio":{"trustedRootPath":"/root.json",'
        f'"oidcIssuer":"{ISSUER}","subjectURI":"{MAIN}"}},"signedIdentity":{{"type":"matchRepository"}}}}'
    )
    for bound in ('"notBefore":"2026-11-03T00:00:00Z"', '"maxAge":"7d"'):
        verdict = estate.ask(written(f'{{"default":{{"requirements":[{rule}],{bound}}}}}'))
        assert [reason.code for reason in verdict.reasons] == ["too-old"]


def test_ghsa_fgw4_v983_mgp8_nothing_found_is_not_accepted() -> None:
    """CVE-2025-25204: zero attestations were exit 0."""
    estate = Estate()
    for policy in (by_main(), by_main(predicate_type="https://cyclonedx.org/bom")):
        verdict = estate.ask(policy)
        assert isinstance(verdict, Rejected)
        assert verdict.reasons


def test_ghsa_7c37_gx6w_8vc5_a_crash_denies() -> None:
    """CVE-2026-44310: a panic became success. Whatever a port raises, the verdict is Undecided and says so."""

    def crash(kind: str, name: str) -> None:
        raise RuntimeError(kind + name)

    estate = Estate()
    estate.registry = MemoryRegistry(estate.registry.store, before=crash)
    assert isinstance(estate.ask(), Undecided)
    assert [type(fault) for fault in estate.faults] == [RuntimeError]


def test_ghsa_4c4x_jm2x_pf9j_evidence_names_no_address() -> None:
    """Rekor fetched keys from where an entry said: what evidence says is never a place to ask."""
    estate = Estate()
    blob = estate.sigstore.bundle(estate.digest)
    supplied = Candidate(
        origin="https://attacker.example/bundle.json",
        media_type="application/vnd.dev.sigstore.bundle.v0.3+json",
        annotations={"url": "https://attacker.example/"},
        read=lambda: blob,
    )
    verdict = estate.ask(reference=estate.reference.with_digest(estate.digest), supplied=(supplied,))
    assert isinstance(verdict, Accepted)
    assert estate.registry.asked == []
