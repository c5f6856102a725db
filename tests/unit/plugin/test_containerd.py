"""containerd's question: what is understood, and that everything else is no question."""

from __future__ import annotations

import json
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from vouchsafe.errors import MalformedError
from vouchsafe.plugin.containerd import DESCRIPTOR, LARGEST_DESCRIPTOR, LONGEST_SENTENCE, parse, sentence

DIGEST = "sha256:" + 64 * "a"
OTHER = "sha256:" + 64 * "b"
NAME = "registry.example:5000/group/app"


def descriptor(**changes: Any) -> bytes:
    """As containerd writes it: one line."""
    said = {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": DIGEST, "size": 491} | changes
    return json.dumps({key: value for key, value in said.items() if value is not ...}).encode() + b"\n"


def words(name: str = f"{NAME}:v1", **changes: str) -> list[str]:
    """As containerd gives them."""
    flags = {"name": name, "digest": DIGEST, "stdin_media_type": DESCRIPTOR} | changes
    return [word for flag, value in flags.items() for word in (f"-{flag.replace('_', '-')}", value)]


@pytest.mark.parametrize(
    "name, meant",
    [
        (f"{NAME}:v1", f"docker://{NAME}:v1"),
        (NAME, f"docker://{NAME}:latest"),
        (f"{NAME}@{DIGEST}", f"docker://{NAME}@{DIGEST}"),
        (f"{NAME}:v1@{DIGEST}", f"docker://{NAME}@{DIGEST}"),
        ("docker.io/library/alpine:3", "docker://docker.io/library/alpine:3"),
        ("localhost/app:v1", "docker://localhost/app:v1"),
    ],
)
def test_the_name_is_what_was_asked_for(name: str, meant: str) -> None:
    """With its tag, because policies have scopes of tags."""
    asked = parse(words(name), descriptor())
    assert (str(asked.reference), str(asked.digest)) == (meant, DIGEST)


def test_flags_as_go_reads_them() -> None:
    """One dash or two, the value beside or behind, and a value that looks like a flag."""
    asked = parse(
        [f"--name={NAME}:v1", "-digest", DIGEST, f"-stdin-media-type={DESCRIPTOR}", "-operation", "pull"],
        descriptor(data="AAAA", annotations={"a": "b"}),
    )
    assert str(asked.reference) == f"docker://{NAME}:v1"


@pytest.mark.parametrize(
    "name",
    [
        "alpine",  # what is a host to containerd is an image of Docker Hub to everybody else
        "group/app:v1",
        "docker.io/alpine:3",
        "index.docker.io/library/alpine:3",
        f"docker://{NAME}:v1",
        "oci:/srv/layout",
        "dir:/srv/image",
        "registry.example/App:v1",
        "registry.example/app:",
        "registry.example/../app:v1",
        "registry.example//app:v1",
        "user@registry.example/app:v1",
        "registry.example/app?x=1:v1",
        "registry.example/app:v1 ",
        f"{NAME}@sha256:0",
        f"{NAME}@{OTHER}",  # the digest was resolved to something else
        f"{NAME}:v1@{OTHER}",
        "-name",
        "\x1b[2J",
        "registry.example/" + 300 * "a",
    ],
)
def test_names_that_two_read_differently_are_refused(name: str) -> None:
    """A policy must not judge one image and let in another."""
    with pytest.raises(MalformedError):
        parse(words(name), descriptor())


@pytest.mark.parametrize(
    "given",
    [
        [],
        words()[:-1],
        words()[:-2],
        words()[2:],
        words("")[:],
        [*words(), "-verbose"],
        [*words(), "-policy", "/tmp/mine.json"],
        [*words(), "more"],
        [*words(), "--"],
        [*words(), "-name", "registry.example/other:v1"],
        [*words(), "---operation", "pull"],
        [*words(), "-operation", "run"],
        [*words(), "-operation="],
        words(digest="sha256:../../etc"),
        words(digest="md5:0"),
        words(digest=DIGEST.upper()),
        words(stdin_media_type="application/json"),
        words(stdin_media_type="application/vnd.containerd.image-verifier.input.v1+json"),
    ],
)
def test_other_words_are_no_question(given: list[str]) -> None:
    """A flag that nobody knows, one that is missing, one that comes twice, another operation."""
    with pytest.raises(MalformedError):
        parse(given, descriptor())


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"{}",
        b"null",
        b"[]",
        b"\xff",
        descriptor(digest=OTHER),
        descriptor(digest="sha256:0"),
        descriptor(digest=...),
        descriptor(digest=None),
        descriptor(mediaType=...),
        descriptor(mediaType=7),
        descriptor(size=...),
        descriptor(size=-1),
        descriptor(size="x"),
        descriptor() + descriptor(),
        b'{"digest":"' + OTHER.encode() + b'",' + descriptor()[1:],
        b"[" * 100_000,
        descriptor(data="A" * LARGEST_DESCRIPTOR),
    ],
)
def test_other_descriptors_are_no_question(blob: bytes) -> None:
    """Empty, cut, doubled, huge, deep, about another digest, or with two of them."""
    with pytest.raises(MalformedError):
        parse(words(), blob)


FLAGS = [
    "-name",
    "-digest",
    "--stdin-media-type",
    "-operation",
    "-name=a.example/b",
    "--",
    "-x",
    f"{NAME}:v1",
]


@hypothesis.given(
    given=st.lists(st.sampled_from([*FLAGS, DIGEST, DESCRIPTOR]) | st.text(max_size=20), max_size=9),
    blob=st.binary(max_size=50) | st.just(descriptor()),
)
def test_whatever_comes_is_a_question_or_none(given: list[str], blob: bytes) -> None:
    """Nothing else is raised, and what is understood is about what was said."""
    try:
        asked = parse(given, blob)
    except MalformedError:
        return
    assert (str(asked.digest), blob) == (DIGEST, descriptor())


def test_a_digest_mismatch_says_both() -> None:
    """What was expected and what came."""
    with pytest.raises(MalformedError) as caught:
        parse(words(), descriptor(digest=OTHER))
    assert (caught.value.code, DIGEST in caught.value.message, OTHER in caught.value.message) == (
        "containerd-question",
        True,
        True,
    )


def test_a_reason_drives_no_terminal() -> None:
    """One line of ASCII, of bounded length, whatever a certificate says."""
    said = sentence("signed by \x1b[2J\u202eé\n" + 1000 * "ü")
    assert said.isascii()
    assert said.isprintable()
    assert len(said) <= LONGEST_SENTENCE
    assert said.startswith("signed by \\x1b[2J\\u202e\\xe9\\n")
