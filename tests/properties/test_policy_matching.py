"""Scopes, names and identities: what must hold for every image and every pattern."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
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
from vouchsafe.policy.predicate import PredicateField
from vouchsafe.policy.requirement import (
    ExactReference,
    ExactRepository,
    MatchExact,
    MatchRepoDigestOrExact,
    MatchRepository,
    RemapIdentity,
)
from vouchsafe.policy.scope import candidates, select
from vouchsafe.policy.version import Versions, is_version
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


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("a/~01", max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


def leaves(value: object, pointer: str = "") -> Iterator[tuple[str, object]]:
    """Every place of a document that is no object and no array, as RFC 6901 writes it."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield from leaves(member, f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, f"{pointer}/{index}")
    elif pointer:
        yield pointer, value


@given(JSON, JSON)
def test_a_field_finds_its_own_value_only(document: object, other: object) -> None:
    """Each leaf that a policy can name is matched by itself; in another document by the very same value alone."""
    elsewhere = dict(leaves(other))
    for pointer, value in leaves(document):
        if isinstance(value, str | bool | int):
            field = PredicateField.parse(pointer, values=(value,))
            assert field.mismatch(document) is None
            there = elsewhere.get(pointer, ...)
            assert (field.mismatch(other) is None) == (type(there) is type(value) and there == value)
        versions = PredicateField.parse(pointer, versions=Versions.parse(">=0.0.0-0"))
        assert (versions.mismatch(document) is None) == (isinstance(value, str) and is_version(value))


_WORDS = st.sampled_from(("0", "1", "2", "10", "a", "B", "b", "-", "1a", "rc"))
VERSIONS = st.builds(
    lambda numbers, pre: ".".join(map(str, numbers)) + (f"-{'.'.join(pre)}" if pre else ""),
    st.lists(st.sampled_from((0, 1, 2, 9, 10, 11)), min_size=3, max_size=3),
    st.lists(_WORDS, max_size=3),
)


def newer(one: str, other: str) -> bool:
    """Whether `one` has the higher precedence, written down as semver.org 2.0.0 §11 says it."""
    (core, _, pre), (other_core, _, other_pre) = one.partition("-"), other.partition("-")
    if core != other_core:
        return [int(n) for n in core.split(".")] > [int(n) for n in other_core.split(".")]
    if not pre or not other_pre:
        return bool(other_pre) and not pre
    mine, theirs = pre.split("."), other_pre.split(".")
    for a, b in zip(mine, theirs, strict=False):
        if a != b:
            if a.isdigit() and b.isdigit():
                return int(a) > int(b)
            return b.isdigit() if a.isdigit() != b.isdigit() else a.encode() > b.encode()
    return len(mine) > len(theirs)


@given(VERSIONS, VERSIONS)
def test_versions_have_one_order(one: str, other: str) -> None:
    """Whatever two versions are compared, every operator agrees with the definition."""
    said = [Versions.parse(f"{operator}{other}").has(one) for operator in (">", ">=", "=", "<=", "<")]
    more, less = newer(one, other), newer(other, one)
    assert said == [more, not less, not more and not less, not more, less]


@given(
    st.text(max_size=12)
    | st.from_regex(r"v?[0-9]{1,2}(\.[0-9]{1,2}){1,3}([-+][0-9a-z.]{1,4})?", fullmatch=True)
)
def test_any_text_as_a_version(text: str) -> None:
    """Either it is a version and in exactly one of two halves, or it is in neither."""
    halves = [Versions.parse(text_).has(text) for text_ in (">=1.2.3", "<1.2.3")]
    assert halves.count(True) == (1 if is_version(text) else 0)
