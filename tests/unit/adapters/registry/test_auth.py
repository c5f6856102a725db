"""Auth files: order, longest path, helpers, and what a broken one does."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vouchsafe.adapters.process import Programs
from vouchsafe.adapters.registry.auth import AuthFile, Credentials, find, lookup_keys
from vouchsafe.adapters.settings import Settings
from vouchsafe.errors import ConfigurationError, Unavailable
from vouchsafe.image.reference import Repository

OwnHost = Callable[..., Settings]


def entry(pair: str) -> dict[str, str]:
    """An entry of `auths` as podman login writes it."""
    return {"auth": base64.b64encode(pair.encode()).decode()}


def write(path: str, document: Any) -> None:
    """A JSON file and the folders above it."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(json.dumps(document), encoding="utf-8")


def auths(**entries: str) -> dict[str, Any]:
    """A file with these `user:password` pairs; `__` stands for what a name cannot hold."""
    return {"auths": {key: entry(pair) for key, pair in entries.items()}}


def look_up(settings: Settings, name: str) -> Credentials | None:
    """The credentials for a repository."""
    return find(settings, Repository.parse(name), Programs(settings.search_path))


def test_keys_from_the_longest_path() -> None:
    """containers-auth.json(5): `host/ns/repo`, `host/ns`, `host`."""
    assert list(lookup_keys(Repository.parse("r.example:5000/a/b/c"))) == [
        "r.example:5000/a/b/c",
        "r.example:5000/a/b",
        "r.example:5000/a",
        "r.example:5000",
    ]


PATHS = {
    "r.example/group/app": "app:1",
    "r.example/group": "group:2",
    "r.example": "host:3",
    "r.example:5000": "port:4",
    "https://old.example/v1/": "old:5",
    "http://older.example": "older:6",
    "https://index.docker.io/v1/": "hub:7",
    "only.example/team": "team:8",
}
LOOKUPS = [
    ("r.example/group/app", "app"),
    ("r.example/group/app/sub", "app"),
    ("r.example/group/application", "group"),
    ("r.example/other", "host"),
    ("r.example:5000/group/app", "port"),
    ("r.example:5001/group/app", None),
    ("old.example/x", "old"),
    ("older.example/x/y", "older"),
    ("docker.io/library/busybox", "hub"),
    ("busybox", "hub"),
    ("only.example/team/x", "team"),
    ("only.example/other", None),
    ("unknown.example/x", None),
]


@pytest.mark.parametrize("name, user", LOOKUPS)
def test_longest_path_match(own_host: OwnHost, tmp_path: Path, name: str, user: str | None) -> None:
    """A namespace's credentials are for that namespace; a URL as key is for its host."""
    write(f"{tmp_path}/auth.json", {"auths": {key: entry(pair) for key, pair in PATHS.items()}})
    found = look_up(own_host(authfile=f"{tmp_path}/auth.json"), name)
    assert (found.username if found else None) == user


def test_podmans_order(own_host: OwnHost) -> None:
    """Run-time folder, ~/.config, ~/.docker/config.json, ~/.dockercfg; the first that knows wins."""
    settings = own_host()
    files = [
        (f"{settings.runtime_dir}/containers/auth.json", auths(**{"r.example": "first:1"})),
        (f"{settings.config_home}/containers/auth.json", auths(**{"r.example": "second:2"})),
        (f"{settings.docker_config}/config.json", auths(**{"r.example": "third:3"})),
        (f"{settings.home}/.dockercfg", {"https://r.example/v1/": entry("fourth:4")}),
    ]
    seen = []
    for path, document in files:
        write(path, document)
    for path, _ in files:
        found = look_up(settings, "r.example/app")
        seen.append(found.username if found else None)
        Path(path).unlink()
    assert seen == ["first", "second", "third", "fourth"]
    assert look_up(settings, "r.example/app") is None


def test_a_file_that_does_not_know_leaves_it_to_the_next(own_host: OwnHost) -> None:
    """The order decides between files that both know."""
    settings = own_host()
    write(f"{settings.runtime_dir}/containers/auth.json", auths(**{"other.example": "other:1"}))
    write(f"{settings.docker_config}/config.json", auths(**{"r.example": "mine:2"}))
    found = look_up(settings, "r.example/app")
    assert found == Credentials(username="mine", password="2")


def test_without_a_runtime_folder(own_host: OwnHost) -> None:
    """/run/containers/<uid>/auth.json, as podman in a shell without a session."""
    settings = own_host(runtime_dir="", uid=1234)
    write(f"{settings.run}/containers/1234/auth.json", auths(**{"r.example": "me:1"}))
    found = look_up(settings, "r.example/app")
    assert found == Credentials(username="me", password="1")


def test_a_named_file_is_the_only_one(own_host: OwnHost, tmp_path: Path) -> None:
    """--authfile and REGISTRY_AUTH_FILE replace the search, and must exist."""
    settings = own_host(authfile=f"{tmp_path}/mine.json")
    write(f"{settings.docker_config}/config.json", auths(**{"r.example": "other:1"}))
    with pytest.raises(ConfigurationError, match=r"mine\.json"):
        look_up(settings, "r.example/app")
    write(f"{tmp_path}/mine.json", {})
    assert look_up(settings, "r.example/app") is None


ENTRIES = [
    (entry("me:pass:word"), Credentials(username="me", password="pass:word")),
    (entry("me:word\0\0"), Credentials(username="me", password="word")),
    ({"username": "me", "password": "word"}, Credentials(username="me", password="word")),
    (
        {"identitytoken": "long", **entry("<token>:")},
        Credentials(username="<token>", identity_token="long"),
    ),
    ({"identitytoken": "long"}, Credentials(identity_token="long")),
    (entry("no colon"), None),
    ({}, None),
    ({"auth": ""}, None),
    ({"auth": None}, None),
]


@pytest.mark.parametrize("written, expected", ENTRIES)
def test_entries(written: dict[str, Any], expected: Credentials | None) -> None:
    """What an entry may hold; an empty one says that somebody else keeps the secret."""
    file = AuthFile.parse(json.dumps({"auths": {"r.example": written}}).encode(), "f")
    assert file.stored(Repository.parse("r.example/app")) == expected


BROKEN = [
    b"{",
    b"[]",
    b'{"auths": []}',
    b'{"auths": {"r.example": "x"}}',
    b'{"auths": {"r.example": {"auth": "***"}}}',
    b'{"auths": {"r.example": {"auth": 1}}}',
    b'{"auths": {"r.example": {}, "r.example": {}}}',
    b'{"credHelpers": {"r.example": 1}}',
    b'{"credsStore": []}',
    b"\xff",
]


@pytest.mark.parametrize("content", BROKEN)
def test_a_broken_file_is_named(own_host: OwnHost, tmp_path: Path, content: bytes) -> None:
    """Not skipped: the next file's credentials might belong to somebody else."""
    path = tmp_path / "auth.json"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        look_up(own_host(authfile=str(path)), "r.example/app")
    assert (caught.value.code, str(path) in caught.value.message) == ("auth-file", True)


@pytest.mark.parametrize(
    "content", [b"", b" \n", b"{}", b'{"auths": null}', b'{"auths": {"r.example": null}}']
)
def test_an_empty_file_knows_nobody(content: bytes) -> None:
    """podman logout leaves such files."""
    assert AuthFile.parse(content, "f").stored(Repository.parse("r.example/app")) is None


def test_a_secret_is_never_shown() -> None:
    """GHSA-v6mg-7f7p-qmqp: a record ends in a log or a traceback sooner or later."""
    shown = repr(Credentials(username="me", password="hunter2", identity_token="hunter3"))
    assert shown == "Credentials(username='me', …)"


@given(st.binary(max_size=200))
def test_any_bytes(content: bytes) -> None:
    """A value or ConfigurationError."""
    for legacy in (False, True):
        try:
            AuthFile.parse(content, "f", legacy=legacy).stored(Repository.parse("r.example/app"))
        except ConfigurationError:
            continue


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["auths", "r.example", "auth", "credHelpers", "credsStore", "identitytoken", "x"]
            ),
            inner,
            max_size=4,
        )
    ),
)


@given(_JSON)
def test_any_json(document: Any) -> None:
    """A value or ConfigurationError, whatever stands where."""
    try:
        AuthFile.parse(json.dumps(document).encode(), "f").stored(Repository.parse("r.example/app"))
    except ConfigurationError:
        return


HELPER = """#!/bin/sh
server=$(cat)
echo "$1 $server" >> {log}
case "$server" in
  r.example) echo '{{"ServerURL":"r.example","Username":"helped","Secret":"pw"}}';;
  token.example) echo '{{"Username":"<token>","Secret":"identity"}}';;
  https://index.docker.io/v1/) echo '{{"Username":"hub","Secret":"pw"}}';;
  none.example) echo "credentials not found in native keychain"; exit 1;;
  odd.example) echo 'hunter2';;
  *) echo "locked" >&2; exit 1;;
esac
"""


@pytest.fixture
def helper(tmp_path: Path) -> Path:
    """docker-credential-test in the search path of `own_host`; the returned file says what it was asked."""
    log = tmp_path / "asked"
    program = tmp_path / "bin" / "docker-credential-test"
    program.parent.mkdir()
    program.write_text(HELPER.format(log=log))
    program.chmod(0o755)
    return log


def by_helper(*hosts: str) -> dict[str, Any]:
    """A file that has a helper for these hosts."""
    return {"credHelpers": dict.fromkeys(hosts, "test")}


HELPED = [
    (by_helper("r.example"), "r.example/app", Credentials(username="helped", password="pw")),
    (by_helper("token.example"), "token.example/a", Credentials(identity_token="identity")),
    (by_helper("none.example"), "none.example/a", None),
    (by_helper("r.example"), "other.example/a", None),
    (by_helper("https://index.docker.io/v1/"), "busybox", Credentials(username="hub", password="pw")),
    ({"credsStore": "test"}, "r.example/app", Credentials(username="helped", password="pw")),
    (
        {"credsStore": "test", "auths": {"r.example": {}}},
        "r.example/app",
        Credentials(username="helped", password="pw"),
    ),
    ({"credsStore": "test"}, "busybox", Credentials(username="hub", password="pw")),
    ({"credsStore": "test"}, "none.example/app", None),
    (
        {"credsStore": "broken", **auths(**{"r.example": "stored:1"})},
        "r.example/app",
        Credentials(username="stored", password="1"),
    ),
]


@pytest.mark.parametrize("document, name, expected", HELPED)
def test_helpers(
    own_host: OwnHost, tmp_path: Path, helper: Path, document: Any, name: str, expected: Credentials | None
) -> None:
    """credHelpers by host, credsStore for what the file itself does not hold."""
    write(f"{tmp_path}/auth.json", document)
    assert look_up(own_host(authfile=f"{tmp_path}/auth.json"), name) == expected


def test_a_helper_is_told_by_stdin(own_host: OwnHost, tmp_path: Path, helper: Path) -> None:
    """The protocol: `get`, and the server where no other user can read it."""
    write(f"{tmp_path}/auth.json", by_helper("r.example"))
    look_up(own_host(authfile=f"{tmp_path}/auth.json"), "r.example/app")
    assert helper.read_text() == "get r.example\n"


@pytest.mark.parametrize("host", ["locked.example", "odd.example"])
def test_a_helper_that_fails_is_no_anonymity(
    own_host: OwnHost, tmp_path: Path, helper: Path, host: str
) -> None:
    """Unavailable, so that a locked key ring is not mistaken for a public image; its answer is not shown."""
    write(f"{tmp_path}/auth.json", by_helper(host))
    with pytest.raises(Unavailable) as caught:
        look_up(own_host(authfile=f"{tmp_path}/auth.json"), f"{host}/app")
    assert (caught.value.code, "hunter2" in str(caught.value)) == ("auth-helper", False)


def test_a_missing_helper_is_unavailable(own_host: OwnHost, tmp_path: Path) -> None:
    """Named, so that it can be installed."""
    write(f"{tmp_path}/auth.json", by_helper("r.example"))
    with pytest.raises(Unavailable, match="docker-credential-test"):
        look_up(own_host(authfile=f"{tmp_path}/auth.json"), "r.example/app")


@pytest.mark.parametrize("name", ["../../bin/sh", "a/b", "-x", "a b", ".hidden", "\n"])
def test_a_helper_is_a_name(own_host: OwnHost, tmp_path: Path, name: str) -> None:
    """Not a path to any program."""
    write(f"{tmp_path}/auth.json", {"credHelpers": {"r.example": name}})
    with pytest.raises(ConfigurationError):
        look_up(own_host(authfile=f"{tmp_path}/auth.json"), "r.example/app")
