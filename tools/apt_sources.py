"""Where this machine's apt reads from: sources.list(5) in both its forms, and the proxies of apt.conf(5).

Believes nothing that is found there; tools/debian_archive.py compares hashes and signatures.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

APT = Path("/etc/apt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One line of apt's sources: an archive's base address and the suites that are read from it."""

    base: str
    suites: tuple[str, ...]
    components: tuple[str, ...]


def sources(apt: Path = APT) -> list[Source]:
    """Every enabled binary source with a main component, in apt's order."""
    found: list[Source] = []
    lists = [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*.list"))]
    for path in lists:
        if path.is_file():
            found += parse_one_line(path.read_text(encoding="utf-8", errors="replace"))
    for path in sorted((apt / "sources.list.d").glob("*.sources")):
        found += parse_deb822(path.read_text(encoding="utf-8", errors="replace"))
    return [source for source in found if "main" in source.components]


def parse_one_line(text: str) -> list[Source]:
    """`deb [options] URI suite component...`, sources.list(5)."""
    found = []
    for line in text.splitlines():
        words = re.sub(r"\[.*?\]", " ", line.split("#", 1)[0]).split()
        if len(words) > 3 and words[0] == "deb":
            found += [
                Source(base=base, suites=(words[2],), components=tuple(words[3:]))
                for base in _bases(words[1])
            ]
    return found


def parse_deb822(text: str) -> list[Source]:
    """Stanzas of `Types:`, `URIs:`, `Suites:`, `Components:`, sources.list(5)."""
    found = []
    uncommented = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for stanza in re.split(r"\n[ \t]*\n", uncommented):
        fields = fields_of(stanza)
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").lower() in {
            "no",
            "false",
        }:
            continue
        for uri in fields.get("uris", "").split():
            found += [
                Source(
                    base=base,
                    suites=tuple(fields.get("suites", "").split()),
                    components=tuple(fields.get("components", "").split()),
                )
                for base in _bases(uri)
            ]
    return found


def _bases(uri: str) -> Iterator[str]:
    """The http addresses behind an apt URI; cloud images list theirs in a file (apt-transport-mirror(1))."""
    if uri.startswith("mirror+file:"):
        path = Path(uri.removeprefix("mirror+file:"))
        for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
            yield from _bases(line.split("\t")[0].split()[0] if line.strip() else "")
    elif uri.startswith(("http://", "https://")):
        yield uri.rstrip("/")


def fields_of(stanza: str) -> dict[str, str]:
    """RFC 822 fields with their continuation lines joined, names in lower case."""
    fields: dict[str, str] = {}
    name = ""
    for line in stanza.splitlines():
        if line[:1] in {" ", "\t"}:
            fields[name] = f"{fields.get(name, '')}\n{line.strip()}"
        elif ":" in line:
            name, value = line.split(":", 1)
            name = name.strip().lower()
            fields[name] = value.strip()
    return fields


def proxies() -> dict[str, str]:
    """The proxies that apt is told to use; the environment's otherwise."""
    found = urllib.request.getproxies()
    if shutil.which("apt-config"):
        dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False).stdout
        for scheme, value in re.findall(r'^Acquire::(http|https)::Proxy "([^"]+)";', dump, re.MULTILINE):
            found[scheme.lower()] = value
    return {scheme: value for scheme, value in found.items() if value != "DIRECT"}
