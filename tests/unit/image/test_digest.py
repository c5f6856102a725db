"""Digests: checked at birth, so that none ever leads out of a directory."""

from __future__ import annotations

import pytest

from tests.judging import code
from vouchsafe.errors import MalformedError
from vouchsafe.image.digest import HEX_LENGTHS, SHA2, Digest

EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

WRONG = {
    "empty": "",
    "no-colon": "e3b0c442",
    "no-hex": "sha256:",
    "no-algorithm": ":" + "0" * 64,
    "short": "sha256:" + "0" * 63,
    "long": "sha256:" + "0" * 65,
    "capitals": "sha256:" + "E" * 64,
    "capital-algorithm": "SHA256:" + "0" * 64,
    "not-hex": "sha256:" + "g" * 64,
    "arabic-digits": "sha256:" + "٣" * 64,
    "wide-digits": "sha256:" + "０" * 64,
    "sha512-of-256": "sha512:" + "0" * 64,
    "sha1": "sha1:" + "0" * 40,
    "md5": "md5:" + "0" * 32,
    "path": "sha256:../../etc/passwd",
    "path-in-algorithm": "../../sha256:" + "0" * 64,
    "newline": "sha256:" + "0" * 64 + "\n",
    "space": " sha256:" + "0" * 64,
    "two-colons": "sha256:sha256:" + "0" * 64,
    "plus": "sha256+b64:" + "0" * 64,
}


@pytest.mark.parametrize("name", WRONG)
def test_ghsa_6wvf_f2vw_3425_digest_grammar(name: str) -> None:
    """CVE-2024-3727: what is not `algorithm:hex` of the right length never becomes part of a path."""
    assert code(lambda: Digest.parse(WRONG[name])) == "digest"


@pytest.mark.parametrize("algorithm", SHA2)
def test_each_algorithm(algorithm: str) -> None:
    """SHA-2 in three lengths, read, written and compared."""
    digest = Digest.of(b"content", algorithm)
    assert Digest.parse(str(digest)) == digest
    assert len(digest.hex) == HEX_LENGTHS[algorithm] == 2 * len(digest.raw)
    assert digest.matches(b"content")
    assert not digest.matches(b"Content")
    assert digest.tag_prefix == f"{algorithm}-{digest.hex}"


def test_default_is_sha256() -> None:
    """What every registry uses."""
    assert str(Digest.of(b"")) == EMPTY


def test_other_algorithms_are_refused() -> None:
    """Also when they exist in hashlib."""
    for algorithm in ("md5", "sha1", "sha224", "blake2b", ""):
        assert code(lambda name=algorithm: Digest.of(b"", name)) == "digest"  # type: ignore[misc]


def test_same_hex_of_other_algorithm_is_another_digest() -> None:
    """A digest is compared with its algorithm."""
    assert Digest(algorithm="sha256", hex="0" * 64) != Digest(algorithm="sha384", hex="0" * 96)


def test_message_is_short_and_says_what_was_expected() -> None:
    """Whatever was sent in place of a digest."""
    with pytest.raises(MalformedError) as caught:
        Digest.parse("sha384:" + "x" * 10_000)
    assert caught.value.message.startswith("expected sha384:<96 lower-case hex digits>, got 'sha384:xxx")
    assert len(caught.value.message) < 300
