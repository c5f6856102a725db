"""What was asked for: a transport and a name, parsed once by the grammar containers/image uses.

`docker://` is the default when no transport is written. Familiar names are expanded as every
container tool does (`busybox` is `docker.io/library/busybox:latest`). Grammar: distribution/reference.

>>> str(Reference.parse("registry.example/group/app:v1"))
'docker://registry.example/group/app:v1'
>>> Reference.parse("busybox").repository.name
'docker.io/library/busybox'
>>> Reference.parse("oci:/srv/layout:v1").tag
'v1'
"""

from __future__ import annotations

import re

from vouchsafe.errors import MalformedError, Unavailable
from vouchsafe.image.digest import Digest
from vouchsafe.record import Record

LONGEST_NAME = 255  # characters of domain and path, as distribution/reference
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_HOST = rf"{_LABEL}(?:\.{_LABEL})*(?::[0-9]+)?"  # no IPv6: containers/image has no way to write one
DOMAIN = re.compile(_HOST, re.ASCII)
DOMAIN_PREFIX = re.compile(rf"{_HOST}/", re.ASCII)
NAME = re.compile(rf"(?:{_HOST}/)?{_COMPONENT}(?:/{_COMPONENT})*", re.ASCII)
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*", re.ASCII)
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_HEX_NAME = re.compile(r"[a-f0-9]{64}", re.ASCII)
_DEFAULT_DOMAIN = "docker.io"


class Repository(Record):
    """`domain` is host[:port], `path` the rest: `registry.example:5000` and `group/app`."""

    domain: str
    path: str

    def _check(self) -> None:
        if len(self.name) > LONGEST_NAME:
            got = f"{len(self.name)} characters"
            raise MalformedError(
                "reference", f"expected a name of at most {LONGEST_NAME} characters, got {got}"
            )
        # A "host" with an underscore passes as the first component of the path, as it does upstream.
        if "/" in self.domain or not (DOMAIN.fullmatch(self.domain) or _PATH.fullmatch(self.domain)):
            raise MalformedError("reference", f"expected a registry host, got {self.domain!r}")
        if not _PATH.fullmatch(self.path):
            raise MalformedError(
                "reference",
                f"expected a repository path of lower-case components, got {self.path!r}",
                hint="Write it as host/path:tag or host/path@sha256:…",
            )

    @classmethod
    def parse(cls, untrusted_text: str) -> Repository:
        """Read and expand a repository name that carries no tag and no digest."""
        _refuse_image_id(untrusted_text)
        domain, path = _split_domain(untrusted_text)
        return cls(domain=domain, path=path)

    @property
    def name(self) -> str:
        """`domain/path`."""
        return f"{self.domain}/{self.path}"

    def __str__(self) -> str:
        """`domain/path`."""
        return self.name


class Reference(Record):
    """`transport` is docker, oci or dir; `repository` for docker, `path` for the others.

    A docker reference always has a tag or a digest; with both written the digest decides and the
    tag is dropped, as podman does.
    """

    transport: str
    repository: Repository | None = None
    path: str | None = None
    tag: str | None = None
    digest: Digest | None = None

    @classmethod
    def parse(cls, untrusted_text: str) -> Reference:
        """Read a reference as a person writes it; MalformedError says what is wrong with it.

        A path may hold spaces, as with skopeo; line ends and what a terminal would obey nothing may.
        """
        if not untrusted_text or not untrusted_text.isprintable():
            raise MalformedError("reference", f"expected an image reference, got {untrusted_text!r}")
        if untrusted_text.startswith("docker://"):
            return _docker(untrusted_text.removeprefix("docker://"))
        if untrusted_text.startswith("oci:"):
            return _layout(untrusted_text.removeprefix("oci:"))
        if untrusted_text.startswith("dir:"):
            return cls(transport="dir", path=_path(untrusted_text.removeprefix("dir:")))
        scheme = untrusted_text.partition(":")[0]
        if scheme in _OTHER_TRANSPORTS or "://" in untrusted_text:
            raise MalformedError(
                "reference-transport",
                f"expected docker://, oci: or dir:, got {untrusted_text!r}",
                hint=_NO_URL if scheme in ("http", "https") else _NO_TRANSPORT,
            )
        return _docker(untrusted_text)

    @property
    def identity(self) -> str:
        """The string that policy scopes and `signedIdentity` see (containers-policy.json(5))."""
        if self.repository is None:
            return self.path or ""
        return f"{self.repository}@{self.digest}" if self.digest else f"{self.repository}:{self.tag}"

    def with_digest(self, digest: Digest) -> Reference:
        """The same image, named by digest."""
        return self.replace(digest=digest, tag=None)

    def __str__(self) -> str:
        """As one would write it, transport included."""
        if self.repository is not None:
            return f"docker://{self.identity}"
        image = f":@{self.digest}" if self.digest else f":{self.tag}" if self.tag else ""
        return f"{self.transport}:{self.path}{image}"


def absent(reference: Reference) -> Unavailable:
    """What to raise where nothing has that name."""
    hint = _NO_IMAGE if reference.transport == "docker" else ""
    return Unavailable("no-such-image", f"expected an image at {reference}, got none", hint=hint)


_NO_IMAGE = "Is the name right? Some registries say so of what the credentials may not see, too."
_NO_URL = "An image is named without https://, as host/path:tag or host/path@sha256:…"
_NO_TRANSPORT = "Copy the image with skopeo to one of these transports first."
_OTHER_TRANSPORTS = frozenset(
    (
        "atomic",
        "containers-storage",
        "docker-archive",
        "docker-daemon",
        "oci-archive",
        "sif",
        "tarball",
        "ostree",
    )
)


def parse_named(untrusted_text: str) -> tuple[Repository, str | None, Digest | None]:
    """Repository, tag and digest of a normalised name, none of them added (ParseNormalizedNamed)."""
    _refuse_image_id(untrusted_text)
    rest, at, digest_text = untrusted_text.partition("@")
    digest = Digest.parse(digest_text) if at else None
    slash = rest.rfind("/")
    colon = rest.rfind(":")
    tag = None
    if colon > slash:
        rest, tag = rest[:colon], rest[colon + 1 :]
        if not _TAG.fullmatch(tag):
            raise MalformedError("reference", f"expected a tag of letters, digits, _ . -, got {tag!r}")
    domain, path = _split_domain(rest)
    return Repository(domain=domain, path=path), tag, digest


def _refuse_image_id(text: str) -> None:
    """Only the bare 64 digits: with a tag they are a name again (ParseNormalizedNamed)."""
    if _HEX_NAME.fullmatch(text):
        raise MalformedError("reference", "expected a repository name, got 64 hex digits (an image ID?)")


def _docker(text: str) -> Reference:
    repository, tag, digest = parse_named(text)
    if digest is not None:
        return Reference(transport="docker", repository=repository, digest=digest)
    return Reference(transport="docker", repository=repository, tag=tag or "latest")


def _split_domain(name: str) -> tuple[str, str]:
    """distribution/reference, normalize.go: a first component is a host if it looks like one."""
    first, slash, rest = name.partition("/")
    host_like = "." in first or ":" in first or first == "localhost"
    if not slash or not host_like:
        domain, path = _DEFAULT_DOMAIN, name
    else:
        domain, path = first, rest
    if domain == "index.docker.io":
        domain = _DEFAULT_DOMAIN
    if domain == _DEFAULT_DOMAIN and "/" not in path:
        path = f"library/{path}"
    return domain, path


def _layout(text: str) -> Reference:
    path, colon, image = text.partition(":")
    if colon and not image:
        raise MalformedError("reference", f"expected oci:PATH or oci:PATH:TAG, got {'oci:' + text!r}")
    if image.startswith("@"):
        return Reference(transport="oci", path=_path(path), digest=Digest.parse(image[1:]))
    return Reference(transport="oci", path=_path(path), tag=image or None)


def _path(text: str) -> str:
    if not text:
        raise MalformedError("reference", "expected a path, got nothing")
    return text
