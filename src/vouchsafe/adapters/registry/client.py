"""`docker://`: asks a registry for manifests, blobs and referrers (OCI distribution-spec 1.1).

No `/v2/` ping and no token before one is asked for. What is asked by digest is hashed and compared;
`Docker-Content-Digest` is the registry's word about itself and is not read. Which host really holds
an image is registries.conf's business: the source that gave the top-level manifest gives the rest.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Self, TypeVar

from vouchsafe.adapters.http import Budget, HttpClient, Response
from vouchsafe.adapters.registry import conf
from vouchsafe.adapters.registry.conf import Registries, Source
from vouchsafe.adapters.registry.endpoints import Endpoints, Question
from vouchsafe.adapters.registry.referrers import next_page, read_page
from vouchsafe.adapters.registry.tags import LARGEST_PAGE, read_tags
from vouchsafe.adapters.settings import Settings
from vouchsafe.errors import ConfigurationError, MalformedError, Unavailable, VouchsafeError
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import ACCEPT, LARGEST_MANIFEST, MOST_ENTRIES, OCI_INDEX, Descriptor, Manifest
from vouchsafe.image.reference import Reference

if TYPE_CHECKING:
    from vouchsafe.adapters.process import Programs

MOST_PAGES = 1_000  # of one referrers listing
MOST_REMEMBERED = 4_096  # images whose source is kept
LARGE = (
    256 * 1024
)  # bytes of a manifest; one such is parsed at a time, because it may take 15 times as much memory
_ACCEPT_MANIFEST = ", ".join(ACCEPT)
_WEB_PAGES = frozenset(("text/html", "application/xhtml+xml"))

T = TypeVar("T")


class RegistryClient:
    """Implements `ports.Registry` for docker references. Thread-safe."""

    def __init__(
        self,
        http: HttpClient,
        settings: Settings,
        *,
        programs: Programs | None = None,
        actions: str = "pull",
    ) -> None:
        """Reads registries.conf at the first question, auth files when a registry asks who we are."""
        self._settings = settings
        self._endpoints = Endpoints(http, settings, programs, actions=actions)
        self._registries: list[Registries] = []
        self._chosen: dict[tuple[str, str], Source] = {}
        self._one_large = threading.Lock()

    def within(self, budget: Budget) -> Self:
        """The same client, with everything it has learned, spending from `budget`."""
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        copy._endpoints = self._endpoints.within(budget)
        return copy

    def manifest(self, reference: Reference, wanted: str | Digest | None) -> Manifest | None:
        """The manifest of a tag or digest; None when there is none."""
        own = reference.digest or reference.tag or "latest"
        asked = own if wanted is None else wanted
        if asked != own:
            return self._of_image(reference, lambda source: self._manifest(source, asked))
        sources = self._sources(reference)
        found = _first(sources, lambda source: _beside(source, self._manifest(source, asked)))
        if found is None:
            return None
        source, manifest = found
        if len(sources) > 1:
            self._remember(reference, manifest.digest, source)
        return manifest

    def blob(self, reference: Reference, descriptor: Descriptor, *, largest: int) -> bytes:
        """The content of a descriptor: its size and digest hold."""
        if descriptor.size > largest:
            message = f"expected a blob of at most {largest} bytes, got {descriptor.size}"
            raise MalformedError("blob-too-large", message)
        return self._of_image(reference, lambda source: self._blob(source, descriptor))

    def referrers(self, reference: Reference, digest: Digest) -> tuple[Descriptor, ...]:
        """What the referrers API lists; empty where there is no such API."""
        return self._of_image(reference, lambda source: self._referrers(source, digest))

    def signatures(self, reference: Reference, digest: Digest) -> tuple[bytes, ...]:
        """None: a registry keeps no signature files beside an image."""
        return ()

    def tags(self, reference: Reference, *, most: int) -> tuple[str, ...]:
        """The repository's tags, at most so many; which are left out is the registry's choice."""
        return self._of_image(reference, lambda source: self._tags(source, most))

    def _sources(self, reference: Reference) -> tuple[Source, ...]:
        if reference.repository is None:
            raise MalformedError(
                "reference-transport", f"expected a docker reference, got {str(reference)!r}"
            )
        if not self._registries:
            self._registries.append(conf.load(self._settings))
        return self._registries[0].sources(reference.repository, by_digest=reference.digest is not None)

    def _remember(self, reference: Reference, digest: Digest, source: Source) -> None:
        if len(self._chosen) >= MOST_REMEMBERED:
            self._chosen.clear()
        name = str(reference.repository)
        self._chosen[name, str(reference.digest or reference.tag)] = source
        self._chosen[name, str(digest)] = source

    def _of_image(self, reference: Reference, ask: Callable[[Source], T]) -> T:
        """Ask the source that gave the image, or would give it: its evidence is there and nowhere else."""
        sources = self._sources(reference)
        if len(sources) > 1 and self._source(reference, sources) is None:
            self.manifest(reference, None)
        return ask(self._source(reference, sources) or sources[-1])

    def _source(self, reference: Reference, sources: tuple[Source, ...]) -> Source | None:
        chosen = self._chosen.get((str(reference.repository), str(reference.digest or reference.tag)))
        return chosen if chosen in sources else None

    def _manifest(self, source: Source, wanted: str | Digest) -> Manifest | None:
        question = Question(suffix=f"manifests/{wanted}", accept=_ACCEPT_MANIFEST, largest=LARGEST_MANIFEST)
        response = self._endpoints.ask(source, question)
        if response.status == 404:
            return None
        _demand_ok(response)
        if response.content_type in _WEB_PAGES:
            raise Unavailable(
                "registry-html",
                f"expected a manifest from {response.url.shown}, got a web page",
                hint="A proxy or a login page answered in the registry's place.",
            )
        algorithm = "sha256"
        if isinstance(wanted, Digest):
            _demand_digest(wanted, response.body)
            algorithm = wanted.algorithm
        with self._one_large if len(response.body) > LARGE else nullcontext():
            return Manifest.parse(response.body, served_as=response.content_type, algorithm=algorithm)

    def _blob(self, source: Source, descriptor: Descriptor) -> bytes:
        digest = descriptor.digest
        question = Question(suffix=f"blobs/{digest}", accept="*/*", largest=descriptor.size)
        response = self._endpoints.ask(source, question)
        if response.status == 404:
            raise Unavailable("blob-missing", f"expected blob {digest} in {source.repository}, got none")
        _demand_ok(response)
        if len(response.body) != descriptor.size:
            raise MalformedError(
                "blob-size", f"expected {descriptor.size} bytes of {digest}, got {len(response.body)}"
            )
        _demand_digest(digest, response.body)
        return response.body

    def _referrers(self, source: Source, digest: Digest) -> tuple[Descriptor, ...]:
        found: list[Descriptor] = []
        suffix = f"referrers/{digest}"
        for _ in range(MOST_PAGES):
            # A redirect to another host is a login page, not an API (GHCR sends one to github.com).
            question = Question(suffix=suffix, accept=OCI_INDEX, largest=LARGEST_MANIFEST, leave_origin=False)
            response = self._endpoints.ask(source, question)
            page = read_page(response)
            if page is None and not found:
                self._has_no_referrers(source)
                return ()
            if page is None:
                raise Unavailable(
                    "referrers-page", f"expected a page of referrers from {response.url.shown}, got none"
                )
            found += page
            following = next_page(response)
            if following is None:
                return tuple(found)
            suffix = f"referrers/{digest}?{following}"
            if len(found) > MOST_ENTRIES:
                break
        message = f"expected the end of the referrers of {digest}, got more than the limit"
        raise Unavailable("limit-referrers", message)

    def _has_no_referrers(self, source: Source) -> None:
        """Told that this is no answer of a referrers API."""

    def _tags(self, source: Source, most: int) -> tuple[str, ...]:
        found: list[str] = []
        suffix = "tags/list"
        for _ in range(MOST_PAGES):
            question = Question(suffix=suffix, accept="application/json", largest=LARGEST_PAGE)
            response = self._endpoints.ask(source, question)
            found += read_tags(response)
            following = next_page(response)
            if following is None or len(found) >= most:
                break
            suffix = f"tags/list?{following}"
        return tuple(found[:most])


def _first(sources: tuple[Source, ...], ask: Callable[[Source], T | None]) -> T | None:
    """The first answer that is not None; every failure told when there is none."""
    failures: list[VouchsafeError] = []
    for source in sources:
        try:
            found = ask(source)
        except ConfigurationError:
            raise
        except VouchsafeError as error:
            failures.append(error)
        else:
            if found is not None:
                return found
    if not failures:
        return None
    if len(failures) == 1:
        raise failures[0]
    told = "; ".join(error.message for error in failures)
    again = any(isinstance(error, Unavailable) and error.retryable for error in failures)
    raise Unavailable(
        "registry-sources", f"expected one of {len(sources)} sources to answer, got: {told}", retryable=again
    )


def _beside(source: Source, manifest: Manifest | None) -> tuple[Source, Manifest] | None:
    return None if manifest is None else (source, manifest)


def _demand_digest(digest: Digest, content: bytes) -> None:
    if not digest.matches(content):
        got = Digest.of(content, digest.algorithm)
        raise MalformedError("digest-mismatch", f"expected content with digest {digest}, got {got}")


def _demand_ok(response: Response) -> None:
    if response.status != 200:
        raise Unavailable(
            "http-status",
            f"expected an answer from {response.url.shown}, got status {response.status}",
            hint=f"The registry says: {response.excerpt}" if response.body else "",
        )
