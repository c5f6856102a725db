"""What was measured with: figures without it mean nothing. Names no host."""

from __future__ import annotations

import json
import os
import platform
import re
from importlib.metadata import version
from pathlib import Path

from bench.stage import ROOT

_LIBRARIES = ("cryptography", "urllib3", "google-re2", "rfc3161-client")


def describe() -> list[str]:
    """Lines for people."""
    system = re.sub(r"[^\w .()/-]", "", platform.freedesktop_os_release().get("PRETTY_NAME", "Linux"))
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    kernel = platform.release().partition("-")[0]
    return [
        f"{os.cpu_count()} × {_processor()}, {_memory_gib():.0f} GiB, {system}, Linux {kernel}",
        f"Python {platform.python_version()}, {libraries}",
        ", ".join(_peers()) or "no peers",
        f"load before: {os.getloadavg()[0]:.1f}",
    ]


def _processor() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", _read("/proc/cpuinfo"), re.MULTILINE)
    return found[1].strip() if found else platform.machine()


def _memory_gib() -> float:
    found = re.search(r"^MemTotal:\s*(\d+) kB", _read("/proc/meminfo"))
    return int(found[1]) / 1024**2 if found else 0


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""


def _peers() -> list[str]:
    """Those that take part."""
    try:
        manifest = json.loads((ROOT / ".peers" / "peers.json").read_text(encoding="utf-8"))
    except OSError:
        return []
    return [
        f"{name.rstrip('3')} {manifest['peers'][name]['version']}"
        for name in ("cosign3", "skopeo", "docker-registry")
        if name in manifest["peers"]
    ]
