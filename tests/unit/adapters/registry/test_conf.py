"""registries.conf: the semantics of containers/image, table by table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vouchsafe.adapters.registry.conf import Registries, load, matched, parse
from vouchsafe.adapters.settings import Settings
from vouchsafe.errors import ConfigurationError, Unavailable
from vouchsafe.image.reference import Repository

OwnHost = Callable[..., Settings]

MATCHES = [
    ("example.com/ns/app", "example.com", 11),
    ("example.com/ns/app", "example.com/ns", 14),
    ("example.com/ns/app", "example.com/ns/app", 18),
    ("example.com/ns/app", "example.com/n", -1),
    ("example.com/ns/app", "example.co", -1),
    ("example.com/ns/app", "ample.com", -1),
    ("example.com/ns/app", "example.com/ns/app/sub", -1),
    ("example.com:5000/app", "example.com", 11),
    ("example.com:5000/app", "example.com:5000", 16),
    ("example.com:5000/app", "example.com:500", -1),
    ("a.example.com/app", "*.example.com", 13),
    ("a.b.c.example.com/app", "*.example.com", 17),
    ("example.com/app", "*.example.com", -1),
    ("a.example.com:5000/app", "*.example.com", 13),
    ("aexample.com/app", "*.example.com", -1),
    ("a.example.community/app", "*.example.com", -1),
    ("other.org/a.example.com/app", "*.example.com", -1),
    ("a.example.com/app", "*.com", 13),
    ("docker.io/library/busybox", "docker.io", 9),
    ("docker.io/library/busybox", "docker.io/library/busybox", 25),
]


@pytest.mark.parametrize("name, prefix, expected", MATCHES)
def test_prefixes(name: str, prefix: str, expected: int) -> None:
    """At component borders, `*.` for any number of labels, a host for all its ports."""
    assert matched(name, prefix) == expected


def sources(text: str, name: str, *, by_digest: bool = False) -> list[tuple[str, bool]]:
    """Where an image is looked for."""
    registries = Registries(entries=parse(text.encode(), "registries.conf"))
    found = registries.sources(Repository.parse(name), by_digest=by_digest)
    return [(source.repository.name, source.insecure) for source in found]


REMAP = """
[[registry]]
prefix = "example.com/foo"
location = "internal.example/bar"
[[registry]]
prefix = "example.com/foo/deep"
location = "deep.example"
insecure = true
[[registry]]
prefix = "*.wild.example"
[[registry]]
prefix = "*.moved.wild.example"
location = "one.example/all"
[[registry]]
location = "plain.example"
insecure = true
"""
REWRITES = [
    ("example.com/foo/app", [("internal.example/bar/app", False)]),
    ("example.com/foo", [("internal.example/bar", False)]),
    ("example.com/foo/deep/app", [("deep.example/app", True)]),
    ("example.com/other", [("example.com/other", False)]),
    ("a.wild.example/app", [("a.wild.example/app", False)]),
    ("a.moved.wild.example/app", [("one.example/all/app", False)]),
    ("plain.example/app", [("plain.example/app", True)]),
    ("plain.example:5000/app", [("plain.example:5000/app", True)]),
    ("unknown.example/app", [("unknown.example/app", False)]),
]


@pytest.mark.parametrize("name, expected", REWRITES)
def test_rewrites(name: str, expected: list[tuple[str, bool]]) -> None:
    """The longest prefix wins; a location without mirrors is a pure remap, with no way back to the origin."""
    assert sources(REMAP, name) == expected


MIRRORS = """
[[registry]]
location = "example.com"
[[registry.mirror]]
location = "both.example/m"
[[registry.mirror]]
location = "digests.example"
pull-from-mirror = "digest-only"
insecure = true
[[registry.mirror]]
location = "tags.example"
pull-from-mirror = "tag-only"
[[registry.mirror]]
location = "all.example"
pull-from-mirror = "all"
[[registry]]
location = "strict.example"
mirror-by-digest-only = true
[[registry.mirror]]
location = "mirror.example"
"""
PULLS = [
    (
        "example.com/app",
        False,
        ["both.example/m/app", "tags.example/app", "all.example/app", "example.com/app"],
    ),
    (
        "example.com/app",
        True,
        ["both.example/m/app", "digests.example/app", "all.example/app", "example.com/app"],
    ),
    ("strict.example/app", False, ["strict.example/app"]),
    ("strict.example/app", True, ["mirror.example/app", "strict.example/app"]),
]


@pytest.mark.parametrize("name, by_digest, expected", PULLS)
def test_mirrors(name: str, by_digest: bool, expected: list[str]) -> None:
    """In the order of the file, those that apply, then the primary."""
    assert [place for place, _ in sources(MIRRORS, name, by_digest=by_digest)] == expected


def test_insecure_is_each_endpoints_own() -> None:
    """A mirror without TLS does not make the primary one."""
    assert [unsafe for _, unsafe in sources(MIRRORS, "example.com/app", by_digest=True)] == [
        False,
        True,
        False,
        False,
    ]


def test_blocked() -> None:
    """The operator's word: Unavailable, so never accepted and never asked."""
    text = (
        '[[registry]]\nlocation = "example.com"\nblocked = true\n[[registry]]\nlocation = "example.com/ok"\n'
    )
    with pytest.raises(Unavailable) as caught:
        sources(text, "example.com/app")
    assert (caught.value.code, caught.value.retryable) == ("registry-blocked", False)
    assert sources(text, "example.com/ok/app") == [("example.com/ok/app", False)]


def test_a_location_that_makes_no_name() -> None:
    """What is not a repository when put together is the operator's mistake, told when it matters."""
    with pytest.raises(ConfigurationError):
        sources('[[registry]]\nprefix = "example.com"\nlocation = "UPPER/CASE"\n', "example.com/app")


GOOD = [
    "",
    "# only words\n\n",
    'unqualified-search-registries = ["docker.io"]\nshort-name-mode = "permissive"\n',
    '[aliases]\n"x" = "docker.io/x"\n',
    '[[registry]]\nlocation = "a.example/"\n',
    '[[registry]]\nprefix = "*.a.example"\n',
    '[[registry]]\nprefix = "a.example"\nlocation = "b.example"\nsomething-new = 1\n',
    "registry = []\n",
]
BAD: dict[str, str | bytes] = {
    "syntax": "[[registry]\n",
    "not UTF-8": b"\xff\xfe",
    "version 1": '[registries.search]\nregistries = ["docker.io"]\n',
    "neither prefix nor location": "[[registry]]\ninsecure = true\n",
    "prefix without location": '[[registry]]\nprefix = "a.example"\n',
    "a scheme": '[[registry]]\nlocation = "https://a.example"\n',
    "a scheme in a mirror": '[[registry]]\nlocation = "a.example"\n[[registry.mirror]]\nlocation = "http://m"\n',
    "an empty mirror": '[[registry]]\nlocation = "a.example"\n[[registry.mirror]]\ninsecure = true\n',
    "only slashes": '[[registry]]\nlocation = "//"\n',
    "a wrong pull": '[[registry]]\nlocation = "a"\n[[registry.mirror]]\nlocation = "m"\npull-from-mirror = "x"\n',
    "pull at the primary": '[[registry]]\nlocation = "a"\npull-from-mirror = "all"\n',
    "both restrictions": (
        '[[registry]]\nlocation = "a"\nmirror-by-digest-only = true\n'
        '[[registry.mirror]]\nlocation = "m"\npull-from-mirror = "all"\n'
    ),
    "insecure contradicted": (
        '[[registry]]\nlocation = "a"\n[[registry]]\nprefix = "b"\nlocation = "a"\ninsecure = true\n'
    ),
    "blocked contradicted": (
        '[[registry]]\nlocation = "a"\nblocked = true\n[[registry]]\nprefix = "b"\nlocation = "a"\n'
    ),
    "a number for a location": "[[registry]]\nlocation = 1\n",
    "a string for a flag": '[[registry]]\nlocation = "a"\ninsecure = "yes"\n',
    "a table for a list": '[registry]\nlocation = "a"\n',
    "a mirror that is none": '[[registry]]\nlocation = "a"\nmirror = ["m"]\n',
    "no end of brackets": "a = " + "[" * 100_000,
}


@pytest.mark.parametrize("text", GOOD)
def test_loads(text: str) -> None:
    """What containers/image loads; keys it does not know are left alone, as it does."""
    parse(text.encode(), "registries.conf")


@pytest.mark.parametrize("name", BAD)
def test_refuses(name: str) -> None:
    """A file that cannot be understood stops the pull and is named."""
    content = BAD[name]
    with pytest.raises(ConfigurationError) as caught:
        parse(content.encode() if isinstance(content, str) else content, "/etc/x.conf")
    assert (caught.value.code, "/etc/x.conf" in caught.value.message) == ("registries-conf", True)


def test_the_first_of_one_prefix_wins_in_a_file() -> None:
    """Across files the later one does (below)."""
    text = '[[registry]]\nprefix = "a"\nlocation = "one"\n[[registry]]\nprefix = "a"\nlocation = "two"\n'
    assert [entry.location for entry in parse(text.encode(), "f")] == ["one"]


def put(path: str, location: str) -> None:
    """A file that sends `example.com` to a location."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(f'[[registry]]\nprefix = "example.com"\nlocation = "{location}"\n')


def place(settings: Settings) -> str:
    """Where `example.com/app` is looked for on this host."""
    return load(settings).sources(Repository.parse("example.com/app"), by_digest=False)[0].repository.domain


def test_files_in_podmans_order(own_host: OwnHost, tmp_path: Path) -> None:
    """Named file, the user's, /etc, /usr/share: one main file; drop-ins on top, the user's last."""
    settings = own_host()
    system, own = f"{settings.etc}/containers", f"{settings.home}/.config/containers"
    seen = [place(settings)]
    for path, name in [
        (f"{settings.share}/containers/registries.conf", "share.example"),
        (f"{system}/registries.conf", "etc.example"),
        (f"{own}/registries.conf", "own.example"),
        (f"{system}/registries.conf.d/10.conf", "drop10.example"),
        (f"{system}/registries.conf.d/20.conf", "drop20.example"),
        (f"{system}/registries.conf.d/30.conf.off", "off.example"),
        (f"{own}/registries.conf.d/05.conf", "owndrop.example"),
    ]:
        put(path, name)
        seen.append(place(settings))
    assert seen == [
        "example.com",
        "share.example",
        "etc.example",
        "own.example",
        "drop10.example",
        "drop20.example",
        "drop20.example",
        "owndrop.example",
    ]


def test_a_named_file_replaces_the_main_one_only(own_host: OwnHost, tmp_path: Path) -> None:
    """Drop-ins are merged on top of --registries-conf too, as containers/image 5.39 does."""
    settings = own_host(registries_conf=f"{tmp_path}/mine.conf")
    with pytest.raises(ConfigurationError, match=r"mine\.conf"):
        load(settings)
    put(f"{settings.etc}/containers/registries.conf", "etc.example")
    put(f"{tmp_path}/mine.conf", "mine.example")
    assert place(settings) == "mine.example"
    put(f"{settings.etc}/containers/registries.conf.d/1.conf", "drop.example")
    assert place(settings) == "drop.example"


def test_a_broken_drop_in_is_named(own_host: OwnHost) -> None:
    """Every file counts."""
    settings = own_host()
    path = Path(f"{settings.etc}/containers/registries.conf.d/50.conf")
    path.parent.mkdir(parents=True)
    path.write_text("[[")
    with pytest.raises(ConfigurationError, match=r"50\.conf"):
        load(settings)


@given(st.binary(max_size=200) | st.text(alphabet='[]="registymo\n. {}12', max_size=80).map(str.encode))
def test_any_bytes(content: bytes) -> None:
    """Entries or ConfigurationError."""
    try:
        parse(content, "f")
    except ConfigurationError:
        return


_TABLE = st.dictionaries(
    st.sampled_from(
        ["prefix", "location", "insecure", "blocked", "mirror-by-digest-only", "pull-from-mirror"]
    ),
    st.sampled_from(['"a.example"', '"*.b.example"', "true", "false", '"all"', '"tag-only"', "1", '""']),
)


@given(st.lists(_TABLE, max_size=4))
def test_any_tables(tables: list[dict[str, str]]) -> None:
    """Whatever is written: sources for a repository, or one of our errors."""
    text = "".join("[[registry]]\n" + "".join(f"{k} = {v}\n" for k, v in table.items()) for table in tables)
    try:
        found = Registries(entries=parse(text.encode(), "f")).sources(
            Repository.parse("x.b.example/app"), by_digest=False
        )
    except (ConfigurationError, Unavailable):
        return
    assert len(found) == 1
