"""Content that passes piece by piece: right to the last, or the last is withheld."""

from __future__ import annotations

import pytest

from tests.judging import code
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import Descriptor
from vouchsafe.image.pieces import checked

CONTENT = b"0123456789"


def described(content: bytes = CONTENT, algorithm: str = "sha256", size: int | None = None) -> Descriptor:
    """What somebody says of some content."""
    digest = Digest.of(content, algorithm)
    return Descriptor(
        media_type="a/b", digest=digest, size=len(content) if size is None else size, annotations={}
    )


@pytest.mark.parametrize(
    "descriptor, pieces",
    [
        (described(), [CONTENT]),
        (described(), [b"01234", b"56789"]),
        (described(algorithm="sha512"), [bytes([byte]) for byte in CONTENT]),
        (described(b""), []),
        (described(b""), [b""]),
        (described(), [b"", CONTENT]),
    ],
)
def test_what_is_right_passes(descriptor: Descriptor, pieces: list[bytes]) -> None:
    """Whole, in order."""
    assert b"".join(checked(descriptor, pieces)) == b"".join(pieces)


@pytest.mark.parametrize(
    "descriptor, pieces, passes, expected",
    [
        (described(), [b"01234", b"5678x"], b"01234", "digest-mismatch"),
        (described(), [b"x1234", b"56789"], b"x1234", "digest-mismatch"),
        (described(), [b"01234", b"5678"], b"01234", "blob-size"),
        (described(), [], b"", "blob-size"),
        (described(), [b"01234", b"56789", b"x"], b"01234", "blob-size"),
        (described(size=11), [CONTENT], b"", "blob-size"),
        (described(b"", size=0), [b"x"], b"", "blob-size"),
    ],
)
def test_what_is_wrong_is_never_whole(
    descriptor: Descriptor, pieces: list[bytes], passes: bytes, expected: str
) -> None:
    """The last piece does not come."""
    passed: list[bytes] = []
    assert code(lambda: passed.extend(checked(descriptor, pieces))) == expected
    assert b"".join(passed) == passes
