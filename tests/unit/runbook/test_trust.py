"""Trust roots: usable, fresh, lasting, and the same as where it went well."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.unit.runbook.test_preflight import Files, Nobody, keyless, policy
from vouchsafe.admission.material import World
from vouchsafe.runbook import trust
from vouchsafe.runbook.step import Result
from vouchsafe.runbook.trust import Trusted
from vouchsafe.testing.clock import VIRTUAL_NOON
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.verification.inventory import inventory
from vouchsafe.verification.trust import LoadedRoot, TrustRoot, parse_trusted_root

SIGSTORE = VirtualSigstore()
ROOT = parse_trusted_root(SIGSTORE.trusted_root())
LOADED = LoadedRoot(root=ROOT, source="embedded", place="/x", sha256="00", as_of=VIRTUAL_NOON)
LAST_CA = max(each.end for each in inventory(ROOT) if each.kind == "certificate-authority" and each.end)
DAY = timedelta(days=1)


def judged(*found: Trusted, days: float = 0, **like: str) -> Result:
    """So many days later."""
    return trust.judged(found, VIRTUAL_NOON + days * DAY, like).judged(strict=False)


def codes(result: Result) -> list[tuple[str, str]]:
    """Of what speaks against it."""
    return [(each.code.removeprefix("runbook-trust-"), each.severity) for each in result.objections]


def test_good() -> None:
    """Counted, with its origin and one hash."""
    result = judged(Trusted(name="public-good root", root=ROOT, loaded=LOADED.replace(fresh_until=LAST_CA)))
    assert (result.outcome, result.objections) == ("passed", ())
    assert "1 × certificate authority, 2 × transparency log" in result.said[0]
    assert "embedded, /x, of 2026-11-02, fresh until" in result.said[0]
    assert result.facts["trust"] in result.said[-1]


def test_near_its_end() -> None:
    """Within two weeks nothing new could be verified any more: that is replaced first."""
    found = Trusted(name="/root.json", root=ROOT)
    near = (LAST_CA - VIRTUAL_NOON) / DAY
    assert codes(judged(found, days=near - 13)) == [("ends", "refuses")]
    assert set(codes(judged(found, days=near - 20))) == {("ending", "warns")}
    assert "replace /root.json" in judged(found, days=near - 13).objections[0].fix


def test_a_root_that_says_itself_when_it_ends() -> None:
    """Past that every verdict is undecided."""
    found = Trusted(name="/root.json", root=ROOT.replace(expires=VIRTUAL_NOON + 3 * DAY))
    assert codes(judged(found)) == [("ends", "refuses")]


def test_stale() -> None:
    """An embedded root that is older than half a year, and caches that were not used: refresh it."""
    found = Trusted(name="public-good root", root=ROOT, loaded=LOADED.replace(as_of=VIRTUAL_NOON - 200 * DAY))
    assert codes(judged(found)) == [("stale", "warns")]
    assert judged(found).objections[0].fix == "vouchsafe trust refresh"


def test_unusable() -> None:
    """What it says is shown; nothing else of it is."""
    assert codes(judged(Trusted(name="/x", problem="expected a file, got none"))) == [("unusable", "refuses")]


def test_like_the_first() -> None:
    """One hash over all of it, whatever order the policy names it in; another is refused, another fact not asked."""
    one, two = Trusted(name="/a", root=ROOT), Trusted(name="/b", root=TrustRoot())
    here = judged(one, two).facts["trust"]
    assert judged(two, one, trust=here, policy="other").outcome == "passed"
    assert codes(judged(one, trust=here)) == [("runbook-unlike", "refuses")]


def test_what_the_policy_names() -> None:
    """Each file once, the public root only where it is relied on; what cannot be read is not left out."""
    world = World(files=Files(SIGSTORE.trusted_root()), trust=Nobody(), openpgp=Nobody())
    missing = keyless() | {"fulcio": keyless()["fulcio"] | {"trustedRootPath": "/gone.json"}}
    found = list(trust.trusted(policy({"a.example": [keyless()], "b.example": [missing]}), world, LOADED))
    assert [(each.name, bool(each.problem), each.loaded) for each in found] == [
        ("/root.json", False, None),
        ("/gone.json", True, None),
    ]
    public = keyless() | {"fulcio": {"identities": keyless()["fulcio"]["identities"]}}
    (only,) = trust.trusted(policy({"a.example": [public]}), world, LOADED)
    assert (only.loaded, only.problem) == (LOADED, "none")


@pytest.mark.parametrize("root", [ROOT, TrustRoot()])
def test_a_keyring(root: TrustRoot) -> None:
    """gpg reads it, not we."""
    said = judged(Trusted(name="/k", root=root)).said[0]
    assert ("which gpg reads" in said) == (root == TrustRoot())
