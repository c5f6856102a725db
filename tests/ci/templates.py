"""The templates as data: YAML read by the parser that gitlab-ci-local brings, GitLab's schema from its package."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.ci.pipeline import ROOT, Runner

NAMES = ("sign", "attest-sbom", "verify", "supply-chain")
WATCH = "upstream-watch"
EVERY = (*NAMES, WATCH)
_SCRIPT = """
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
const require = createRequire(process.argv[1] + "/");
const yaml = require("js-yaml");
const { schema } = await import(process.argv[1] + "/src/schema/schema.js");
const files = process.argv.slice(2).map((name) => yaml.loadAll(readFileSync(name, "utf8")));
console.log(JSON.stringify({ schema, files }));
"""

Json = dict[str, Any]


def read(runner: Runner, *files: Path) -> tuple[Json, list[list[Json]]]:
    """GitLab's schema of a CI configuration, and the documents of each file."""
    node, script = runner.argv
    package = Path(script).resolve().parents[1]
    ended = subprocess.run(
        [node, "--input-type=module", "--eval", _SCRIPT, str(package), *map(str, files)],
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(ended.stdout)
    return found["schema"], found["files"]


def path_of(name: str) -> Path:
    """A component's file."""
    return ROOT / "templates" / f"{name}.yml"
