"""Content that is too large to hold, checked while it passes.

The last piece is kept back until size and digest are known to hold: whoever writes what comes out of here
never has the whole of something wrong.

>>> whole = Descriptor(media_type="", digest=Digest.of(b"abc"), size=3, annotations={})
>>> list(checked(whole, [b"a", b"bc"]))
[b'a', b'bc']
>>> passed = []
>>> passed.extend(checked(whole, [b"a", b"xx"]))
Traceback (most recent call last):
vouchsafe.errors.MalformedError: expected content with digest sha256:ba7816bf…, got another
>>> passed
[b'a']
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vouchsafe.errors import MalformedError
from vouchsafe.image.digest import SHA2, Digest
from vouchsafe.image.manifest import Descriptor

_SHOWN = 15  # characters of a digest in a message


def checked(descriptor: Descriptor, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces, if together they are what the descriptor says. MalformedError otherwise."""
    hashed = SHA2[descriptor.digest.algorithm]()
    size = 0
    held = b""
    for piece in pieces:
        size += len(piece)
        if size > descriptor.size:
            raise MalformedError(
                "blob-size", f"expected {descriptor.size} bytes of {_short(descriptor)}, got more"
            )
        hashed.update(piece)
        if held:
            yield held
        held = piece
    if size != descriptor.size:
        raise MalformedError(
            "blob-size", f"expected {descriptor.size} bytes of {_short(descriptor)}, got {size}"
        )
    if Digest(algorithm=descriptor.digest.algorithm, hex=hashed.hexdigest()) != descriptor.digest:
        raise MalformedError(
            "digest-mismatch", f"expected content with digest {_short(descriptor)}, got another"
        )
    if held:
        yield held


def _short(descriptor: Descriptor) -> str:
    return f"{str(descriptor.digest)[:_SHOWN]}…"
