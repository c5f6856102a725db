"""What the use cases need of the world, each a Protocol of one to four methods.

`adapters` implements them for real, `vouchsafe.testing` in memory; nothing between here and the pure
layers knows which. Every method raises VouchsafeError subclasses only.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import Descriptor, Manifest
from vouchsafe.image.reference import Reference
from vouchsafe.verification.trust import TrustRoot


class Registry(Protocol):
    """One place that holds images: a registry, an OCI layout, a `dir:` folder.

    Methods take the reference that the person gave, for its transport and repository; what to fetch
    there is the second argument. Absence is None or an empty tuple; every failure to find out is
    Unavailable, and bytes that are not what was asked for are MalformedError.
    """

    def manifest(self, reference: Reference, wanted: str | Digest | None) -> Manifest | None:
        """The manifest of a tag or digest (None: the one the reference itself means); None when there is none.

        What is asked for by digest has been hashed and compared.
        """

    def blob(self, reference: Reference, descriptor: Descriptor, *, largest: int) -> bytes:
        """The content of a descriptor, at most `largest` bytes, hashed and compared with its digest."""

    def referrers(self, reference: Reference, digest: Digest) -> tuple[Descriptor, ...]:
        """What the referrers API lists for `digest`; empty too where there is no usable API (GitLab answers HTML).

        The fallback tag is not this method's business. Never filtered by artifactType.
        """

    def signatures(self, reference: Reference, digest: Digest) -> tuple[bytes, ...]:
        """Signature blobs kept beside the image as containers/image does (`dir:`'s signature-N)."""


class Clock(Protocol):
    """Tells what time it is."""

    def now(self) -> datetime:
        """The current time, aware, UTC."""


class Files(Protocol):
    """Reads the files that a policy names: keys, CAs, trust roots."""

    def read(self, path: str, *, largest: int) -> bytes:
        """The content of an absolute path; ConfigurationError when absent, unreadable or too large."""


class OpenPGP(Protocol):
    """Checks OpenPGP signatures (`signedBy`) with a program that can."""

    def verify(self, blob: bytes, keyring: bytes) -> bytes:
        """The signed payload of `blob` if a key in `keyring` made it; VerificationError if not.

        Unavailable when there is no such program.
        """


class TrustSource(Protocol):
    """Knows the public-good trust root, as fresh as this host has it."""

    def public_good(self) -> TrustRoot:
        """The root that vouchsafe ships or has refreshed; ConfigurationError when it cannot be read."""
