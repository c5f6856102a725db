"""Where upstream is asked: the services, as whom, and what is kept of their answers on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from vouchsafe.adapters import gitlab
from vouchsafe.adapters.forge import Forge, Service, Token, sound
from vouchsafe.adapters.hosttree import HostTree
from vouchsafe.adapters.http import Budget, HttpClient
from vouchsafe.adapters.settings import Settings
from vouchsafe.adapters.trustroots import cache_directories
from vouchsafe.machine import HostEdits
from vouchsafe.ports import ForgeEdits

SECONDS = 900.0  # of one check's requests
GITHUB = "https://api.github.com"
GITLAB = "https://gitlab.com/api/v4"
URLS = {
    "github": GITHUB,
    "gitlab": GITLAB,
    "debian": "https://sources.debian.org/api",
    "fedora": "https://mdapi.fedoraproject.org",
}
# Requests of one run that count. GitHub: 60 an hour for strangers, of everybody behind one address; 5000 with a token.
_MOST = {"github": 55, "gitlab": 60, "debian": 10, "fedora": 10}
_MOST_WITH_TOKEN = 500
_MORE_WITH = {
    "github": "A token in GITHUB_TOKEN or GH_TOKEN raises the limit.",
    "gitlab": "A token in GITLAB_TOKEN raises the limit.",
}
_HEADERS = {"github": {"X-GitHub-Api-Version": "2022-11-28"}}


def folder(environ: Mapping[str, str], *, uid: int, cache_dir: str = "") -> HostEdits:
    """Where answers are kept."""
    return HostTree(cache_dir or f"{cache_directories(environ, uid)[0]}/upstream")


@contextmanager
def services(environ: Mapping[str, str], *, uid: int, urls: Mapping[str, str]) -> Iterator[dict[str, Forge]]:
    """Every service, at `urls` where one is given. ConfigurationError."""
    settings = Settings.of(environ, uid=uid)
    http = HttpClient(proxies=settings.proxies, trust=settings.trust).within(Budget(SECONDS))
    try:
        yield {name: Forge(_service(environ, name, urls.get(name, url)), http) for name, url in URLS.items()}
    finally:
        http.close()


@contextmanager
def board(
    environ: Mapping[str, str], *, uid: int, project: str, base_url: str, token_file: str
) -> Iterator[tuple[ForgeEdits, str]]:
    """The GitLab that an issue is written to, and the project there; see `adapters.gitlab.question`."""
    settings = Settings.of(environ, uid=uid)
    asked = gitlab.question(environ, project=project, base_url=base_url, token_file=token_file)
    service = Service(name="gitlab", url=f"{asked.instance}/api/v4", token=asked.token, most=_MOST_WITH_TOKEN)
    http = HttpClient(proxies=settings.proxies, trust=settings.trust)
    try:
        yield Forge(service, http), asked.project
    finally:
        http.close()


def _service(environ: Mapping[str, str], name: str, url: str) -> Service:
    url = url.rstrip("/")
    token = _token(environ, name, url)
    return Service(
        name=name,
        url=url,
        token=token,
        headers=_HEADERS.get(name, {}),
        more_with=_MORE_WITH.get(name, ""),
        most=_MOST[name] if token is None else _MOST_WITH_TOKEN,
    )


def _token(environ: Mapping[str, str], name: str, url: str) -> Token | None:
    """The environment's token, where this is the service that it belongs to.

    A job of another GitHub or GitLab has that server's token in the same variable.
    """
    if name == "github" and (environ.get("GITHUB_API_URL") or GITHUB).rstrip("/") == url:
        secret = environ.get("GH_TOKEN") or environ.get("GITHUB_TOKEN") or ""
        where = "GH_TOKEN" if environ.get("GH_TOKEN") else "GITHUB_TOKEN"
        value = f"Bearer {sound(secret, where, code='forge-token')}" if secret else ""
        return Token(header="Authorization", secret=value) if value else None
    if name == "gitlab" and (environ.get("CI_API_V4_URL") or GITLAB).rstrip("/") == url:
        secret = environ.get("GITLAB_TOKEN", "")
        return (
            Token(header="PRIVATE-TOKEN", secret=sound(secret, "GITLAB_TOKEN", code="forge-token"))
            if secret
            else None
        )
    return None
