"""Does a registry say that it keeps signatures itself? Then clients read no lookaside beside it.

`X-Registry-Supports-Signatures: 1` in the answer to /v2/ makes containers/image ask the registry's own extension in
place of the lookaside (docker/docker_client.go): a countersignature is never seen, and every pull is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from vouchsafe.adapters.http import HttpClient
from vouchsafe.adapters.registry import certs, conf, physical
from vouchsafe.adapters.registry.conf import Registries
from vouchsafe.adapters.registry.endpoints import HUB, HUB_HOST
from vouchsafe.adapters.settings import Settings
from vouchsafe.errors import ConfigurationError, MalformedError, Unavailable
from vouchsafe.image.reference import Repository

HEADER = "x-registry-supports-signatures"
SECONDS = 5.0  # for one registry
LARGEST = 64 * 1024  # bytes of an answer that is not read
MOST = 64  # registries
AT_ONCE = 8


def of_scopes(http: HttpClient, settings: Settings, scopes: Iterable[str]) -> Mapping[str, bool | str]:
    """For each registry that images of these scopes are fetched from: whether it does, or why nobody can tell.

    ConfigurationError for a registries.conf that does not load.
    """
    places = sorted(_places(conf.load(settings), scopes).items())[:MOST]

    def ask(place: tuple[str, bool]) -> bool | str:
        try:
            return _claims(http, settings, *place)
        except (Unavailable, ConfigurationError, MalformedError) as error:
            return error.message

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return dict(zip((domain for domain, _ in places), threads.map(ask, places), strict=True))


def _places(registries: Registries, scopes: Iterable[str]) -> dict[str, bool]:
    """Domains, and whether they may be asked without TLS."""
    found: dict[str, bool] = {}
    for scope in scopes:
        name, _ = physical.split(scope)
        try:
            repository = Repository.parse(name if "/" in name else f"{name}/any")
            sources = registries.sources(repository, by_digest=True)
        except (MalformedError, Unavailable):  # a wildcard, or blocked: nothing is fetched by that name
            continue
        for source in sources:
            domain = source.repository.domain
            found[domain] = found.get(domain, False) or source.insecure
    return found


def _claims(http: HttpClient, settings: Settings, domain: str, insecure: bool) -> bool:
    host = HUB_HOST if domain == HUB else domain
    schemes = ("https", "http") if insecure else ("https",)
    failure: Unavailable | None = None
    for scheme in schemes:
        tls = certs.tls_of(settings, domain, insecure=insecure)
        try:
            answer = http.request(
                "GET", f"{scheme}://{host}/v2/", tls=tls, largest=LARGEST, retries=0, seconds=SECONDS
            )
        except Unavailable as error:
            failure = failure or error
            continue
        return answer.headers.get(HEADER, "") == "1"
    raise failure or Unavailable("network", f"expected an answer from {domain}, got none")
