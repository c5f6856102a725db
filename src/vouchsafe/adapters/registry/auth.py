"""Whose password belongs to which repository: auth files and credential helpers (containers-auth.json(5)).

Files are read in podman's order and the first that knows the repository wins; in a file the longest
path matches first, `host/group/app` before `host/group` before `host`. Read anew for each question,
because tokens are rotated under a resident service.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress

from vouchsafe.adapters.files import Missing, read_regular
from vouchsafe.adapters.process import Programs
from vouchsafe.adapters.settings import Settings
from vouchsafe.errors import ConfigurationError, MalformedError, Unavailable
from vouchsafe.image.reference import Repository
from vouchsafe.record import Record
from vouchsafe.strictjson import Fields, base64_bytes
from vouchsafe.strictjson import parse as parse_json

LARGEST_FILE = 1024 * 1024  # bytes
SECONDS_FOR_HELPER = 30.0  # some ask a cloud
HUB = "docker.io"
HUB_KEY = "https://index.docker.io/v1/"  # how docker has always called it in its files
_HUB_NAMES = frozenset(("docker.io", "index.docker.io", "registry-1.docker.io"))
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
_TOKEN_USER = "<token>"  # what a helper answers as user when the secret is an identity token
_NOT_FOUND = b"credentials not found"


class Credentials(Record):
    """`username` and `password`, or an `identity_token` that is exchanged at the realm."""

    username: str = ""
    password: str = ""
    identity_token: str = ""

    def __repr__(self) -> str:
        """Says who, never the secret: a record ends in logs and tracebacks."""
        return f"Credentials(username={self.username!r}, …)"


class AuthFile(Record):
    """One file: credentials by key, helpers by host, the helper for all other hosts."""

    auths: dict[str, Credentials | None]
    helpers: dict[str, str]
    store: str = ""
    legacy: bool = False

    @classmethod
    def parse(cls, content: bytes, path: str, *, legacy: bool = False) -> AuthFile:
        """Read `auth.json`, `config.json` or (`legacy`) `.dockercfg`; ConfigurationError names `path`."""
        try:
            if not content.strip():
                return cls(auths={}, helpers={}, legacy=legacy)
            document = Fields(parse_json(content, what=path, largest=LARGEST_FILE), path)
            written = document.raw("auths") if "auths" in document else {}
            auths = document if legacy else Fields(written, f"{path}: auths")
            return cls(
                auths={key: _entry(auths.fields(key)) for key in sorted(auths.keys()) if key in auths},
                helpers={} if legacy else document.texts("credHelpers"),
                store="" if legacy else document.text("credsStore", ""),
                legacy=legacy,
            )
        except MalformedError as error:
            raise ConfigurationError("auth-file", f"{path}: {error.message}") from error

    def stored(self, repository: Repository) -> Credentials | None:
        """What `auths` holds for the repository: longest path first, then keys written as URLs."""
        for key in lookup_keys(repository):
            found = self.auths.get(key)
            if found is not None:
                return found
        wanted = _plain_host(repository.domain)
        for key, credentials in self.auths.items():
            if credentials is not None and self._host_of(key) == wanted:
                return credentials
        return None

    def _host_of(self, key: str) -> str | None:
        """The host a key means. A key with a path and no scheme is for that path only."""
        bare = key.removeprefix("http://").removeprefix("https://")
        if bare != key or self.legacy:
            bare = bare.partition("/")[0]
        return _plain_host(bare) if "/" not in bare else None


def _entry(fields: Fields) -> Credentials | None:
    token = fields.text("identitytoken", "")
    username, password = fields.text("username", ""), fields.text("password", "")
    if encoded := fields.text("auth", ""):
        text = base64_bytes(encoded, f"{fields.what}.auth").decode("utf-8", "replace")
        username, colon, password = text.partition(":")
        password = password.strip("\0")
        if not colon:  # docker ignores these
            username = password = ""
    if not (username or token):
        return None
    return Credentials(username=username, password=password, identity_token=token)


def _plain_host(host: str) -> str:
    return HUB if host in _HUB_NAMES else host


def lookup_keys(repository: Repository) -> Iterator[str]:
    """`host/a/b`, `host/a`, `host`."""
    key = repository.name
    while key:
        yield key
        key = key.rpartition("/")[0]


def find(settings: Settings, repository: Repository, programs: Programs) -> Credentials | None:
    """The credentials for a repository, None when nobody has any."""
    for path, legacy, must_exist in files(settings):
        try:
            content = read_regular(path, largest=LARGEST_FILE)
        except Missing as absent:
            if must_exist:
                raise ConfigurationError("auth-file", f"expected a file at {path}, got nothing") from absent
            continue
        except ConfigurationError:
            # `podman login` of root makes /run/containers for root alone, and with it what would be the service's.
            if settings.auth_broker and not must_exist:
                continue
            raise
        found = _in_file(AuthFile.parse(content, path, legacy=legacy), repository, programs)
        if found is not None:
            return found
    for path, content in _shared(settings):
        found = _in_file(AuthFile.parse(content, path), repository, programs)
        if found is not None:
            return found
    return None


def _shared(settings: Settings) -> Iterator[tuple[str, bytes]]:
    """What a service may use besides its own: an absent file, or one that is root's alone, is normal."""
    for path in settings.authfiles:
        with suppress(Missing, ConfigurationError):
            yield path, read_regular(path, largest=LARGEST_FILE)
    if settings.auth_broker:
        from vouchsafe.adapters.registry import broker

        yield from broker.ask(settings.auth_broker).files


def files(settings: Settings) -> Iterable[tuple[str, bool, bool]]:
    """Paths in podman's order; whether each is a .dockercfg; whether the person named it."""
    if settings.authfile:
        yield settings.authfile, False, True
        return
    if settings.runtime_dir:
        yield f"{settings.runtime_dir}/containers/auth.json", False, False
    else:
        yield f"{settings.run}/containers/{settings.uid}/auth.json", False, False
    if settings.config_home:
        yield f"{settings.config_home}/containers/auth.json", False, False
    if settings.docker_config:
        yield f"{settings.docker_config}/config.json", False, False
    if settings.home:
        yield f"{settings.home}/.dockercfg", True, False


def _in_file(file: AuthFile, repository: Repository, programs: Programs) -> Credentials | None:
    host = repository.domain
    server = HUB_KEY if host == HUB else host
    helper = file.helpers.get(host) or file.helpers.get(server)
    if helper:
        return _ask_helper(helper, host if host in file.helpers else server, programs)
    found = file.stored(repository)
    if found is None and file.store:
        return _ask_helper(file.store, server, programs)
    return found


def _ask_helper(name: str, server: str, programs: Programs) -> Credentials | None:
    """The docker-credential-helpers protocol: `get`, the server on stdin, JSON on stdout."""
    if not _HELPER.fullmatch(name):
        raise ConfigurationError("auth-helper", f"expected the name of a credential helper, got {name!r}")
    program = programs.find(f"docker-credential-{name}")
    if program is None:
        raise Unavailable("auth-helper", f"expected docker-credential-{name} in PATH, got nothing")
    finished = programs.run((program, "get"), given=server.encode(), seconds=SECONDS_FOR_HELPER)
    if finished.status != 0:
        if _NOT_FOUND in finished.output.lower() + finished.errors.lower():
            return None
        message = f"expected credentials from docker-credential-{name}, got status {finished.status}"
        raise Unavailable("auth-helper", message)
    try:
        answer = Fields.parse(finished.output, what=f"the answer of docker-credential-{name}")
        username, secret = answer.text("Username", ""), answer.text("Secret", "")
    except MalformedError:
        # A JSON error holds the answer, and the answer is a secret: nothing of it goes on.
        raise Unavailable(
            "auth-helper", f"expected JSON from docker-credential-{name}, got something else"
        ) from None
    if username == _TOKEN_USER:
        return Credentials(identity_token=secret)
    return Credentials(username=username, password=secret) if username or secret else None
