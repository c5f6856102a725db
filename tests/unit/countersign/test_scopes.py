"""Which scopes could have selected a pull, when only repository and digest are known."""

from __future__ import annotations

import pytest

from vouchsafe.countersign.scopes import Table, for_judging, tag_matters
from vouchsafe.policy.reading import Place
from vouchsafe.policy.requirement import (
    ExactReference,
    ExactRepository,
    MatchExact,
    MatchRepoDigestOrExact,
    MatchRepository,
    RemapIdentity,
    SignedIdentity,
    Signer,
    SigstoreSigned,
)
from vouchsafe.policy.scope import Rule

DIGEST = "sha256:" + "0" * 64
SCOPES = (
    "",
    "*.example",
    "r.example",
    "r.example/team",
    "r.example/team/app:prod",
    "r.example/team/app:dev",
    f"r.example/team/app@{DIGEST}",
    f"r.example/team/app@sha256:{'1' * 64}",
    "r.example/team/other",
    "r.example/team/app2",
    "port.example:5000",
    "port.example:5000/app",
)


@pytest.mark.parametrize(
    "repository, scopes",
    [
        (
            "r.example/team/app",
            (
                *("r.example/team/app:prod", "r.example/team/app:dev"),
                *(f"r.example/team/app@{DIGEST}", "r.example/team"),
            ),
        ),
        ("r.example/team/other", ("r.example/team/other",)),
        ("r.example/team/other/deeper", ("r.example/team/other",)),
        ("r.example/else", ("r.example",)),
        ("port.example:5000/app", ("port.example:5000/app",)),
        ("port.example:5000/web", ("port.example:5000",)),
        ("port.example/app", ()),
        ("R.example/team/app", ()),
        ("elsewhere.example/app", ()),
    ],
)
def test_what_could_select(repository: str, scopes: tuple[str, ...]) -> None:
    """Every tag and this digest, then the most specific of the repository and its parents; no wildcard."""
    assert scopes == Table(SCOPES).could_select(repository, DIGEST)


@pytest.mark.parametrize(
    "identity, judged, matters",
    [
        (MatchExact(), MatchRepository(), True),
        (MatchRepoDigestOrExact(), MatchRepository(), True),
        (MatchRepository(), MatchRepository(), False),
        (ExactReference(reference="r.example/a:b"), ExactReference(reference="r.example/a:b"), False),
        (ExactRepository(repository="r.example/a"), ExactRepository(repository="r.example/a"), False),
        (
            RemapIdentity(prefix="a.b", signed_prefix="c.d"),
            RemapIdentity(prefix="a.b", signed_prefix="c.d"),
            True,
        ),
    ],
)
def test_a_tag_is_left_to_the_client(identity: SignedIdentity, judged: SignedIdentity, matters: bool) -> None:
    """We cannot know it, and the client compares it: docker-reference and signedIdentity reach it unchanged."""
    requirement = SigstoreSigned(signer=Signer(), signed_identity=identity)
    rule = Rule(requirements=(requirement,), place=Place(file="policy.json", line=1))
    (loosened,) = for_judging(rule).requirements
    assert isinstance(loosened, SigstoreSigned)
    assert (judged, matters) == (loosened.signed_identity, tag_matters(rule))
