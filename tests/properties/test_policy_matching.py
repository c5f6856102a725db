"""Scopes, names and identities: what must hold for every image and every pattern."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from vouchsafe.errors import ConfigurationError, MalformedError
from vouchsafe.image.reference import Reference, parse_named
from vouchsafe.policy import gitlab, regexp
from vouchsafe.policy.binding import speaks_for
from vouchsafe.policy.document import parse
from vouchsafe.policy.identity import IdentityPattern
from vouchsafe.policy.match import accepts
from vouchsafe.policy.requirement import (
    ExactReference,
    ExactRepository,
    MatchExact,
    MatchRepoDigestOrExact,
    MatchRepository,
    RemapIdentity,
)
from vouchsafe.policy.scope import candidates, select
from vouchsafe.verification.identity import Identity

HEX = "0123456789abcdef" * 4
HOSTS = st.sampled_from(
    ("a.example", "b.a.example", "a.example:5000", "localhost", "docker.io", "127.0.0.1:1")
)
PATHS = st.lists(st.sampled_from(("a", "b", "ab", "library")), min_size=1, max_size=3).map("/".join)
ENDS = st.sampled_from((":v1", ":latest", f"@sha256:{HEX}", f"@sha256:{HEX[::-1]}"))
IMAGES = st.builds(lambda host, path, end: f"{host}/{path}{end}", HOSTS, PATHS, ENDS)
KINDS = st.sampled_from(
    (
        MatchExact(),
        MatchRepoDigestOrExact(),
        MatchRepository(),
        ExactReference(reference="a.example/a:v1"),
        ExactRepository(repository="a.example/a"),
        RemapIdentity(prefix="a.example", signed_prefix="b.a.example/x"),
    )
)


@given(IMAGES, st.lists(IMAGES, max_size=3), st.data())
def test_the_most_specific_scope_wins(image: str, others: list[str], data: st.DataObject) -> None:
    """What is selected is the first of the image's candidates that is written; then "", then default."""
    reference = Reference.parse(image)
    own = candidates("docker", reference.identity)
    written = data.draw(st.lists(st.sampled_from((*own, "", "c.example", *others)), unique=True))
    blob = json.dumps(
        {
            "default": [{"type": "reject"}],
            "transports": {"docker": {scope: [{"type": "reject"}] for scope in written}},
        }
    )
    found = select(parse(blob.encode(), dialect="containers", source="p"), reference)
    expected = next((scope for scope in (*own, "") if scope in written), None)
    assert (found.transport, found.scope) == (("docker", expected) if expected is not None else ("", ""))


@given(IMAGES)
def test_candidates_shrink(image: str) -> None:
    """Each candidate covers the one before: shorter names by whole components, then wider wildcards."""
    found = candidates("docker", Reference.parse(image).identity)
    assert len(set(found)) == len(found)
    names = [each for each in found if not each.startswith("*.")]
    for narrow, wide in pairwise(names):
        assert narrow.startswith(wide)
        assert narrow[len(wide)] in "/:@"
    host = names[-1].partition(":")[0]
    for wildcard in found[len(names) :]:
        assert host.endswith(wildcard[1:])
        assert host != wildcard[2:]


@given(st.text(max_size=60))
def test_any_text_as_a_reference(text: str) -> None:
    """A name reads the same once it is written in full, or it is malformed."""
    try:
        reference = Reference.parse(text)
    except MalformedError:
        return
    assert Reference.parse(str(reference)) == reference


@given(KINDS, IMAGES | st.just("oci:/srv/x"), IMAGES | st.text(max_size=30))
def test_any_docker_reference(kind: Any, image: str, signed: str) -> None:
    """Whatever a signature names: an answer; and matchExact implies the others."""
    reference = Reference.parse(image)
    answer = accepts(kind, reference, signed)
    assert answer in {True, False}
    if accepts(MatchExact(), reference, signed):
        assert accepts(MatchRepoDigestOrExact(), reference, signed)
    if accepts(MatchRepoDigestOrExact(), reference, signed):
        assert accepts(MatchRepository(), reference, signed)
        assert parse_named(signed)[0] == reference.repository


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), st.text(max_size=20))
def test_escaped_literals(literal: str, other: str) -> None:
    """An escaped literal matches itself, whole, and nothing else."""
    pattern = regexp.escaped(literal)
    assert regexp.matches(pattern, literal)
    assert regexp.matches(pattern, other) == (literal == other)


@given(st.from_regex(r"[a-c.*+|()\[\]?]{1,8}", fullmatch=True), st.text("abc", max_size=6))
def test_whole_strings(pattern: str, text: str) -> None:
    """Where Python's re knows the pattern too, both agree on the whole string."""
    try:
        theirs = re.compile(pattern, re.ASCII)
        regexp.check(pattern)
    except (re.error, ConfigurationError, FutureWarning):
        return
    if "++" not in pattern and "*+" not in pattern and "?+" not in pattern:  # possessive in Python only
        assert regexp.matches(pattern, text) == (theirs.fullmatch(text) is not None)


@given(
    st.from_regex(r"[a-z.|()*\\]{1,10}", fullmatch=True),
    st.sampled_from(("https://gitlab.com/eve/app//.gitlab-ci.yml@", "https://evil.example/", "")),
    st.text("abcmain/|", max_size=10),
)
def test_a_ref_pattern_stays_in_the_ref(ref_pattern: str, before: str, ref: str) -> None:
    """However a refPattern is written, the project before the @ stays the one that was meant."""
    try:
        pattern = gitlab.pattern(project="group/app", ref_pattern=ref_pattern)
    except ConfigurationError:
        return
    stranger = Identity(
        issuer="https://gitlab.com",
        subject=before + ref,
        subject_kind="uri",
        claims={
            "source-repository-uri": "https://gitlab.com/group/app",
            "source-repository-ref": ref,
            "build-trigger": "push",
        },
    )
    assert "subject" in [each.field for each in pattern.mismatches(stranger)]


@given(IMAGES, st.lists(st.sampled_from(("a", "b", "ab", "A")), min_size=1, max_size=3).map("/".join))
def test_bound_by_path(image: str, project: str) -> None:
    """A group's pattern binds a project to its own path and below, by whole components."""
    repository = Reference.parse(image).repository
    assert repository is not None
    signer = Identity(
        issuer="https://gitlab.com",
        subject=f"https://gitlab.com/{project}//x@refs/heads/main",
        subject_kind="uri",
        claims={"source-repository-uri": f"https://gitlab.com/{project}"},
    )
    group = IdentityPattern(issuer="https://gitlab.com", subject_regexp=".*")
    wanted = project.lower().split("/")
    under = repository.path.split("/")[: len(wanted)] == wanted
    assert speaks_for(group, signer, repository, {}) is (under and len(wanted) > 1)
