"""What containerd is told: in its own words, or as far as its files say; what cannot be read is an error."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.hosts import Host, Said, Script
from vouchsafe.errors import ConfigurationError, Unavailable
from vouchsafe.host.containerd import settings
from vouchsafe.host.containerd.settings import CONFIG, IMAGES, TRANSFER, VERIFIER

DUMP = f"""version = 3
disabled_plugins = ['io.containerd.grpc.v1.cri']
[grpc]
  address = '/run/containerd/containerd.sock'
[plugins.'{VERIFIER}']
  bin_dir = '/opt/verifiers'
  max_verifiers = 10
  per_verifier_timeout = '10s'
[plugins.'{TRANSFER}']
  max_concurrent_downloads = 3
"""


def asked(answer: Said) -> settings.Settings:
    """A containerd that answers so."""
    return settings.ask(Script({"containerd": lambda _: answer}), "/usr/bin/containerd", CONFIG)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host below a folder."""
    return Host(tmp_path)


def test_containerd_says_what_it_was_built_with(host: Host) -> None:
    """A plugin that it does not name is not there; in files, not named means its default."""
    found = asked(Said(output=DUMP.encode()))
    assert found.verifier is not None
    assert found.verifier.text("bin_dir") == "/opt/verifiers"
    assert (found.images, found.is_complete, found.serves_cri) == (None, True, False)
    assert found.address == "/run/containerd/containerd.sock"
    host.write(CONFIG, "version = 3\n")
    read = settings.read(host.files, CONFIG)
    assert read.images is not None
    assert (read.images.values, read.is_complete, read.serves_cri, read.address) == ({}, False, True, "")


def test_what_is_asked() -> None:
    """`containerd --config FILE config dump`."""
    script = Script({"containerd": lambda _: Said(output=DUMP.encode())})
    settings.ask(script, "/usr/bin/containerd", "/etc/other.toml")
    assert script.ran == [("/usr/bin/containerd", "--config", "/etc/other.toml", "config", "dump")]


@pytest.mark.parametrize(
    "answer, message",
    [
        (Said(status=1, errors=b"time=x level=error\ncontainerd: toml: expected '='\n"), "expected '='"),
        (Said(status=1), "exit 1"),
        (Said(output=b"\xff"), "expected TOML"),
        (Said(output=b"version = 2\n"), "expected version 3"),
        (Said(output=b""), "expected version 3"),
        (Said(output=b"version = 3\nplugins = 7\n"), "expected a table"),
        (Said(output=b"version = 3\ndisabled_plugins = 'x'\n"), "expected an array"),
    ],
)
def test_what_containerd_cannot_say_is_an_error(answer: Said, message: str) -> None:
    """Not a configuration without objections."""
    with pytest.raises(ConfigurationError, match=message):
        asked(answer)


def test_a_containerd_that_hangs() -> None:
    """Is nobody who said that all is well."""

    def hang(_: Sequence[str]) -> Said:
        raise Unavailable("program-timeout", "expected an end, got none")

    with pytest.raises(Unavailable):
        settings.ask(Script({"containerd": hang}), "/usr/bin/containerd", CONFIG)


def test_files_without_containerd(host: Host) -> None:
    """The main file, what it imports, by patterns and relative paths, each once, missing ones passed over."""
    host.write(
        CONFIG,
        'version = 3\nimports = ["conf.d/*.toml", "/etc/containerd/absent.toml", "config.toml"]\n'
        f'disabled_plugins = ["a.b"]\n[plugins."{IMAGES}"]\nsnapshotter = "native"\n',
    )
    host.write("/etc/containerd/conf.d/10.toml", f'version = 3\n[plugins."{VERIFIER}"]\nbin_dir = "/x"\n')
    host.write(
        "/etc/containerd/conf.d/20.toml", 'version = 3\ndisabled_plugins = ["c.d"]\n[grpc]\naddress = "/s"\n'
    )
    host.write("/etc/containerd/conf.d/not.txt", "nonsense")
    found = settings.read(host.files, CONFIG)
    assert found.verifier is not None
    assert found.images is not None
    assert (found.verifier.text("bin_dir"), found.images.text("snapshotter")) == ("/x", "native")
    assert (found.disabled, found.address, found.objections) == (("a.b", "c.d"), "/s", ())


def test_no_file_at_all(host: Host) -> None:
    """Then everything is as containerd has it."""
    found = settings.read(host.files, CONFIG)
    assert (found.objections, found.serves_cri) == ((), True)


def test_one_table_in_two_files_is_unclear(host: Host) -> None:
    """One release replaces the table, another joins it: then containerd must be asked."""
    host.write(CONFIG, f'version = 3\nimports = ["more.toml"]\n[plugins."{VERIFIER}"]\nbin_dir = "/x"\n')
    host.write("/etc/containerd/more.toml", f'version = 3\n[plugins."{VERIFIER}"]\nmax_verifiers = 1\n')
    found = settings.read(host.files, CONFIG)
    assert [(each.code, each.severity) for each in found.objections] == [
        ("containerd-config-unclear", "refuses")
    ]


@pytest.mark.parametrize(
    "main, message",
    [
        ("version = 2\n", "expected version 3"),
        ("", "expected version 3"),
        ("version = '3'\n", "expected version 3"),
        ("= nonsense", "expected TOML"),
        ("version = 3\nimports = 'x'\n", "expected file names"),
        ("version = 3\nimports = [7]\n", "expected file names"),
        ("version = 3\nimports = ['/etc/*/x.toml']\n", "last part"),
        ("version = 3\nimports = ['/etc/containerd/[^a]*.toml']\n", "no pattern but"),
        ("version = 3\nimports = ['/etc/containerd/\\*.toml']\n", "no pattern but"),
        ("version = 3\nimports = ['/etc/[^a]/*.toml']\n", "no pattern but"),
        ("version = 3\ngrpc = 7\n", "expected a table"),
        ("version = 3\n[grpc]\naddress = 7\n", "expected a string"),
    ],
)
def test_files_that_cannot_be_used(host: Host, main: str, message: str) -> None:
    """Say so; they do not pass for empty ones."""
    host.write(CONFIG, main)
    with pytest.raises(ConfigurationError, match=message) as caught:
        settings.read(host.files, CONFIG)
    assert caught.value.code == "containerd-config"


def test_imports_without_end(host: Host) -> None:
    """A hundred files are enough for anybody."""
    for number in range(settings.MOST_FILES + 1):
        host.write(f"/etc/containerd/{number}.toml", f'version = 3\nimports = ["{number + 1}.toml"]\n')
    with pytest.raises(ConfigurationError, match="at most 100 files"):
        settings.read(host.files, "/etc/containerd/0.toml")


def test_values_of_another_type_are_an_error() -> None:
    """containerd would not start with them."""
    table = settings.Table("x", {"a": True, "b": 1, "c": "s", "d": [1], "e": {}})
    for wrong in (
        lambda: table.integer("a", 0),
        lambda: table.boolean("b", default=False),
        lambda: table.text("b"),
        lambda: table.table("c"),
        lambda: table.tables("d"),
        lambda: table.tables("e"),
    ):
        with pytest.raises(ConfigurationError):
            wrong()
    assert table.tables("absent") == ()
