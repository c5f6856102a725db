"""A Digest: algorithm and hash, checked at birth, so that no `str` ever stands in for one.

A digest becomes part of a path, a tag and a URL; containers/image was walked out of its directory by
one that nobody had checked (CVE-2024-3727). Grammar: OCI image-spec, descriptor.md, "Digests".

>>> Digest.of(b"").hex[:8]
'e3b0c442'
>>> Digest.parse("sha256:../../etc")
Traceback (most recent call last):
vouchsafe.errors.MalformedError: expected sha256:<64 lower-case hex digits>, got 'sha256:../../etc'
"""

from __future__ import annotations

import hashlib

from vouchsafe.errors import MalformedError
from vouchsafe.record import Record

HEX_LENGTHS = {"sha256": 64, "sha384": 96, "sha512": 128}
SHA2 = {"sha256": hashlib.sha256, "sha384": hashlib.sha384, "sha512": hashlib.sha512}
_HEX = frozenset("0123456789abcdef")


class Digest(Record):
    """`algorithm` is sha256, sha384 or sha512; `hex` is its lower-case hexadecimal form."""

    algorithm: str
    hex: str

    def _check(self) -> None:
        length = HEX_LENGTHS.get(self.algorithm)
        if length is None or len(self.hex) != length or not _HEX.issuperset(self.hex):
            expected = f"{self.algorithm if length else 'sha256'}:<{length or 64} lower-case hex digits>"
            got = f"{self.algorithm}:{self.hex}"[:200]
            raise MalformedError("digest", f"expected {expected}, got {got!r}")

    @classmethod
    def parse(cls, untrusted_text: str) -> Digest:
        """Read `algorithm:hex`."""
        algorithm, _, hexadecimal = untrusted_text.partition(":")
        return cls(algorithm=algorithm, hex=hexadecimal)

    @classmethod
    def of(cls, content: bytes, algorithm: str = "sha256") -> Digest:
        """The digest of `content`."""
        if algorithm not in SHA2:
            raise MalformedError("digest", f"expected one of {', '.join(SHA2)}, got {algorithm!r}")
        return cls(algorithm=algorithm, hex=SHA2[algorithm](content).hexdigest())

    def matches(self, content: bytes) -> bool:
        """Whether `content` hashes to this digest."""
        return Digest.of(content, self.algorithm) == self

    @property
    def raw(self) -> bytes:
        """The hash itself."""
        return bytes.fromhex(self.hex)

    @property
    def tag_prefix(self) -> str:
        """`sha256-<hex>`: the referrers fallback tag, and the stem of `.sig` and `.att` (OCI distribution-spec)."""
        return f"{self.algorithm}-{self.hex}"

    def __str__(self) -> str:
        """`algorithm:hex`."""
        return f"{self.algorithm}:{self.hex}"
