"""What a containerd is told to do: in its own words where the program is, else as far as its files say.

`containerd config dump` knows defaults, imports and older grammars, and names only what it was built with, so it
is asked rather than imitated. In an image that is being built there is nobody to ask: then the files are read,
and what they leave open speaks against them.
"""

from __future__ import annotations

import fnmatch
import posixpath
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from vouchsafe.errors import ConfigurationError
from vouchsafe.host.objection import Objection
from vouchsafe.host.places import LARGEST_FILE
from vouchsafe.machine import HostFiles, Runner
from vouchsafe.record import Record

CONFIG = "/etc/containerd/config.toml"
VERIFIER = "io.containerd.image-verifier.v1.bindir"
IMAGES = "io.containerd.cri.v1.images"
TRANSFER = "io.containerd.transfer.v1.local"
CRI = "io.containerd.grpc.v1.cri"
OF_INTEREST = (VERIFIER, IMAGES, TRANSFER)
OLDEST_VERSION = 3  # of the grammar; older ones name the same settings otherwise
DEFAULT_BIN_DIR = "/opt/containerd/image-verifier/bin"
MOST_FILES = 100
_SECONDS = 30.0  # for one `config dump`
_UNLIKE = frozenset("[\\")  # `[^a]` is `[!a]` to fnmatch, and a backslash is itself


class Table:
    """One table of the configuration; a value of another type is one that containerd would not load."""

    def __init__(self, name: str, values: Mapping[str, Any]) -> None:
        """`name` is for people."""
        self.name = name
        self.values = values

    def text(self, key: str, default: str = "") -> str:
        """A string."""
        return str(self._value(key, default, str, "a string"))

    def integer(self, key: str, default: int) -> int:
        """A whole number."""
        return int(self._value(key, default, int, "a number"))

    def boolean(self, key: str, *, default: bool) -> bool:
        """True or false."""
        return bool(self._value(key, default, bool, "true or false"))

    def table(self, key: str) -> Table:
        """A table in it; an empty one where there is none."""
        return Table(f"{self.name}.{key}", self._value(key, {}, dict, "a table"))

    def tables(self, key: str) -> tuple[Table, ...]:
        """An array of tables."""
        listed = self._value(key, [], list, "an array")
        if not all(isinstance(each, dict) for each in listed):
            raise _unusable(f"expected tables in {self.name}.{key}, got something else")
        return tuple(Table(f"{self.name}.{key}", each) for each in listed)

    def _value(self, key: str, default: Any, kind: type, words: str) -> Any:
        value = self.values.get(key, default)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise _unusable(f"expected {words} in {self.name}.{key}, got {value!r}")
        return value


class Settings(Record):
    """`source`: whose words these are. A table is None where containerd was built without that plugin."""

    source: str
    verifier: Table | None
    images: Table | None
    transfer: Table | None
    disabled: tuple[str, ...] = ()
    address: str = ""
    is_complete: bool = True
    objections: tuple[Objection, ...] = ()

    @property
    def serves_cri(self) -> bool:
        """Whether a kubelet can pull through it at all."""
        return CRI not in self.disabled and IMAGES not in self.disabled


def ask(runner: Runner, program: str, path: str) -> Settings:
    """In the words of the program. ConfigurationError, Unavailable."""
    ended = runner.run((program, "--config", path, "config", "dump"), seconds=_SECONDS)
    if ended.status != 0:
        said = ended.errors.decode("utf-8", "replace").strip().splitlines() or [f"exit {ended.status}"]
        raise _unusable(f"expected {program} to load {path}, got: {said[-1]}")
    said_toml = _toml(ended.output, f"`{program} config dump`")
    _must_be_current(said_toml, program)
    return _settings(said_toml, f"{program} config dump", built_with=True)


def read(files: HostFiles, path: str) -> Settings:
    """As far as its files say. ConfigurationError, HostError."""
    merged: dict[str, Any] = {}
    told_by: dict[str, str] = {}
    objections: list[Objection] = []
    for name, document in _documents(files, path):
        _must_be_current(document, name)
        plugins = Table(name, document).table("plugins").values
        for plugin in sorted(OF_INTEREST & plugins.keys()):
            if plugin in told_by:
                objections.append(_unclear(plugin, told_by[plugin], name))
            told_by[plugin] = name
        merged = _joined(merged, document)
    return _settings(merged, path, built_with=False).replace(objections=tuple(objections))


def _joined(before: Any, now: Any) -> Any:
    """As newer releases have it: tables are joined key by key, lists add up, of anything else the later counts."""
    if isinstance(before, list) and isinstance(now, list):
        return before + now
    if isinstance(before, dict) and isinstance(now, dict):
        return before | {key: _joined(before.get(key), value) for key, value in now.items()}
    return now


def _settings(document: Mapping[str, Any], source: str, *, built_with: bool) -> Settings:
    """`built_with`: a plugin that is not named is one that is not there."""
    top = Table(source, document)
    plugins = top.table("plugins")
    found = {
        plugin: None
        if built_with and plugin not in plugins.values
        else Table(plugin, plugins.table(plugin).values)
        for plugin in OF_INTEREST
    }
    disabled = document.get("disabled_plugins") or []
    if not isinstance(disabled, list):
        raise _unusable(f"expected an array in {source}.disabled_plugins, got {disabled!r}")
    return Settings(
        source=source,
        verifier=found[VERIFIER],
        images=found[IMAGES],
        transfer=found[TRANSFER],
        disabled=tuple(str(each) for each in disabled),
        address=top.table("grpc").text("address") if document.get("grpc") is not None else "",
        is_complete=built_with,
    )


def _documents(files: HostFiles, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The main file and what it imports, in the order in which containerd reads them."""
    waiting, seen = [path], set[str]()
    while waiting:
        name = waiting.pop(0)
        if name in seen:
            continue
        seen.add(name)
        if len(seen) > MOST_FILES:
            raise _unusable(f"expected at most {MOST_FILES} files imported by {path}, got more")
        content = files.read(name, largest=LARGEST_FILE)
        if content is None:  # containerd passes over what is not there, and has defaults for all of it
            continue
        document = _toml(content, name)
        yield name, document
        imports = document.get("imports") or []
        if not isinstance(imports, list) or not all(isinstance(each, str) for each in imports):
            raise _unusable(f"expected file names in {name}.imports, got {imports!r}")
        for each in imports:
            waiting += _matching(files, posixpath.normpath(posixpath.join(posixpath.dirname(name), each)))


def _matching(files: HostFiles, pattern: str) -> list[str]:
    """What containerd would match (Go's filepath.Glob, where there is a star); its classes and escapes are not ours."""
    folder, name = posixpath.split(pattern)
    if "*" in folder or ("*" in name and not _UNLIKE.isdisjoint(pattern)):
        raise _unusable(
            f"expected no pattern but * and ? in the last part of an import, got {pattern}",
            hint="ask where containerd is installed: it is asked for its own reading",
        )
    if "*" not in name:
        return [pattern]
    return [f"{folder}/{each}" for each in files.names(folder) if fnmatch.fnmatchcase(each, name)]


def _toml(content: bytes, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise _unusable(f"expected TOML in {name}, got: {error}") from error


def _must_be_current(document: Mapping[str, Any], name: str) -> None:
    version = document.get("version", 1)
    if not isinstance(version, int) or version < OLDEST_VERSION:
        raise _unusable(
            f"expected version {OLDEST_VERSION} of containerd's configuration in {name}, got {version!r}",
            hint="`containerd config migrate` prints it",
        )


def _unclear(plugin: str, first: str, second: str) -> Objection:
    return Objection(
        code="containerd-config-unclear",
        message=f"expected one file to configure {plugin}, got {first} and {second},"
        " which releases of containerd join differently",
        fix="keep the table in one file, or check where containerd is installed",
    )


def _unusable(message: str, *, hint: str = "") -> ConfigurationError:
    return ConfigurationError("containerd-config", message, hint=hint)
