"""The locked requirements agree with each other, and with what pyproject.toml asks for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def pins(name: str) -> dict[str, str]:
    """Each distribution of a lock file, with its version and hashes."""
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    found = (block.split("    # via")[0] for block in re.split(r"(?m)^(?=[a-z])", text) if block)
    return {block.split("==")[0].partition("[")[0]: block for block in found}


def test_each_has_its_line() -> None:
    """Why it is here is said in ADR 5."""
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras, groups = asked["project"]["optional-dependencies"], asked["dependency-groups"]
    lists = [
        asked["build-system"]["requires"],
        asked["project"]["dependencies"],
        *extras.values(),
        *groups.values(),
    ]
    names = {re.split(r"[^\w-]", line)[0] for listed in lists for line in listed}
    page = (ROOT / "docs" / "adr" / "0005-dependencies.md").read_text(encoding="utf-8")
    assert [name for name in sorted(names) if not re.search(rf"(?<![\w-]){name}(?![\w-])", page)] == []


def test_what_a_host_installs_is_what_was_tested() -> None:
    """`serve.txt` is `run.txt` and the extra, each as `dev.txt` has it: README.md and docs/host.md install them."""
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extra = {line.split(">=")[0] for line in asked["optional-dependencies"]["serve"]}
    run, serve, dev = pins("run.txt"), pins("serve.txt"), pins("dev.txt")
    assert set(serve) == set(run) | extra
    assert {name: serve[name] for name in run} == run
    assert {name: dev[name] for name in serve} == serve
