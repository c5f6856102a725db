"""What the use cases need of the world, each a Protocol of one to four methods.

`adapters` implements them for real, `vouchsafe.testing` in memory; nothing between here and the pure
layers knows which. Every method raises VouchsafeError subclasses only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Protocol

from vouchsafe.evidence.types import LogEntry
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import Descriptor, Manifest
from vouchsafe.image.reference import Reference, Repository
from vouchsafe.policy.scope import Policy
from vouchsafe.record import Record
from vouchsafe.verification.identity import Identity
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


class Catalogue(Registry, Protocol):
    """A registry that also tells which tags a repository has."""

    def tags(self, reference: Reference, *, most: int) -> tuple[str, ...]:
        """Tags of the repository, at most so many; a hint about what to look at. Unavailable, MalformedError."""


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


class PushRegistry(Registry, Protocol):
    """A registry that can also be written to. Reads go where writes go: no mirror stands between."""

    def push_blob(self, reference: Reference, content: bytes) -> Digest:
        """Keep a blob in the repository of `reference`; nothing refers to it yet."""

    def push_manifest(
        self, reference: Reference, content: bytes, *, media_type: str, tag: str = ""
    ) -> tuple[Digest, bool]:
        """Keep a manifest, under `tag` if one is given; True when its subject's referrers now list it."""


class BlobSource(Registry, Protocol):
    """A place whose blobs can be read whatever their size."""

    def pieces(self, reference: Reference, descriptor: Descriptor) -> Iterator[bytes]:
        """The content, piece by piece; the last one only when size and digest hold. Unavailable, MalformedError."""


class Depot(PushRegistry, Protocol):
    """A place that takes whole images."""

    def has_blob(self, reference: Reference, descriptor: Descriptor) -> bool:
        """Whether the repository of `reference` has this blob already."""

    def keep_blob(
        self,
        reference: Reference,
        descriptor: Descriptor,
        opened: Callable[[], Iterable[bytes]],
        *,
        origin: Repository | None,
    ) -> bool:
        """Keep a blob whose pieces `opened` gives, anew for each attempt.

        `origin`: a repository of the same registry that has it; True when it was taken from there and nothing
        travelled.
        """

    def publish(self, reference: Reference, manifest: Manifest) -> None:
        """From now on `reference` means this manifest, which is there already."""


class Submission(Record):
    """What a log is asked to record: this signature over `message`, which this signer's key checks.

    `signer` is a DER certificate, or a bare DER key; `key_details` the key's name in Sigstore's protobuf.
    `envelope`: the DSSE envelope in JSON when the signature is one of an envelope, else empty.
    """

    signature: bytes
    signer: bytes
    is_certificate: bool
    key_details: str
    message: Digest
    envelope: bytes = b""


class CertificateIssuer(Protocol):
    """Turns an identity token into a certificate: Fulcio."""

    def certify(self, token: str, request: bytes) -> tuple[bytes, ...]:
        """The DER chain, leaf first, for a certificate signing request in PEM. SigningError, Unavailable.

        The token is a secret: it is sent, and appears nowhere else.
        """


class TransparencyLog(Protocol):
    """Records signatures for everybody to see: Rekor."""

    def add(self, submission: Submission) -> LogEntry:
        """The entry as the log promises or proves it, not yet believed. SigningError, Unavailable."""


class TimestampAuthority(Protocol):
    """Vouches for when something was seen (RFC 3161)."""

    def stamp(self, content: bytes) -> bytes:
        """A TimeStampResp in DER over `content`, not yet believed. SigningError, Unavailable."""


class Rules(Record):
    """What an image is judged by on a host: contents of files, None where there is none.

    `applied` says how the policy was put in force; `containers_policy` and `registries` what clients read.
    """

    policy: Policy | None
    applied: bytes | None
    containers_policy: bytes | None
    registries: bytes | None
    tombstones: bytes


class Standing(Rules):
    """What stands on a host that countersigns."""

    certificate: bytes | None
    key: bytes | None
    published: bytes | None
    rotation: bytes | None
    machine_id: str


class HostConfiguration(Protocol):
    """The files behind a countersigner."""

    def stamp(self, *paths: str) -> object:
        """Something that differs when a file has changed: of `paths`, or without any, ours. Never raises."""

    def read(self) -> Standing:
        """Everything. ConfigurationError, HostError."""


class Signature(Record):
    """Whose signature a program is asked to find: an identity, or a public key in PEM; under which name."""

    identity: Identity | None = None
    key: bytes = b""
    name: str


class ImageReader(Protocol):
    """Somebody else's program that looks for signatures, as installed on this machine."""

    @property
    def name(self) -> str:
        """The program and its version."""

    def read(self, image: Reference, signature: Signature) -> str:
        """Empty when it found the signature on the image (named by digest), else its own words. Unavailable."""


class Fetched(Record):
    """What a service answered. `place`: the path that did, after redirects. `is_same`: nothing changed since `etag`."""

    text: str
    etag: str = ""
    place: str = ""
    has_more: bool = False
    is_same: bool = False


class Forge(Protocol):
    """A service that tells of projects, issues or packages: GitHub, GitLab, a distribution."""

    def get(self, path: str, *, accept: str = "application/json", etag: str = "") -> Fetched:
        """What is at a path. Unavailable also for what is not there; MalformedError for what is no answer."""


class ForgeEdits(Forge, Protocol):
    """One that can be written to."""

    def send(self, method: str, path: str, content: Mapping[str, object]) -> Fetched:
        """Ask for a change, once: it is never repeated by itself. Unavailable, MalformedError."""
