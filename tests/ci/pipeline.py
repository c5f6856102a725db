"""Runs pipelines: gitlab-ci-local, the components of this project, a registry and a Sigstore on loopback.

A project is a git repository with our templates/ and a `.gitlab-ci.yml` that includes them as
`$CI_SERVER_FQDN/$CI_PROJECT_PATH/<name>@$CI_COMMIT_SHA`, as a catalog tests itself. Tokens come from the
variables file, because gitlab-ci-local mints none and a command line is readable by everybody.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from vouchsafe.testing.clock import RealClock
from vouchsafe.testing.registry import RegistryServer
from vouchsafe.testing.services import Services
from vouchsafe.testing.sigstore import VirtualSigstore

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / ".peers"
ISSUER = "https://gitlab.example"
PROJECT = "group/project"
TOOL_IMAGE = (
    "registry.example/vouchsafe@sha256:" + "0" * 64
)  # never pulled: the jobs run in this machine's shell
PIPELINE_SECONDS = 600  # a busy machine takes a minute for what takes five seconds

Variables = dict[str, str]


class Ended(NamedTuple):
    """How a pipeline ended, and what its jobs left behind."""

    code: int
    log: str
    artifacts: Path

    def text(self, name: str) -> str:
        """An artifact."""
        return (self.artifacts / name).read_text(encoding="utf-8")

    def json(self, name: str) -> Any:
        """An artifact that is JSON."""
        return json.loads(self.text(name))


class Runner:
    """gitlab-ci-local, and what it calls."""

    def __init__(self, argv: list[str], path: list[str]) -> None:
        self.argv = argv
        self.path = os.pathsep.join((*path, str(Path(sys.executable).parent), "/usr/bin", "/bin"))

    @classmethod
    def found(cls) -> Runner:
        """Skips, with the reason, where one of its programs is missing."""
        argv = _fetched("gitlab-ci-local")
        folders = [str(Path(argv[0]).parent)]
        for name in ("git", "rsync"):
            program = shutil.which(name) or _fetched(name)[0]
            folders.append(str(Path(program).parent))
        if shutil.which("bash") is None:
            pytest.skip("gitlab-ci-local needs bash, and there is none")
        return cls(argv, folders)

    def __call__(self, folder: Path, *words: str, home: Path) -> subprocess.CompletedProcess[str]:
        """Run it on a project."""
        return subprocess.run(
            [*self.argv, "--home", str(home), "--force-shell-executor", *words],
            cwd=folder,
            env={"PATH": self.path, "HOME": str(home), "LC_ALL": "C.UTF-8", "TMPDIR": str(home)},
            capture_output=True,
            text=True,
            check=False,
            timeout=PIPELINE_SECONDS,
        )

    def git(self, folder: Path, *words: str) -> None:
        """Run git on a project."""
        who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.com")
        subprocess.run(
            ["git", "-C", str(folder), *who, *words],
            env={"PATH": self.path, "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"},
            check=True,
            capture_output=True,
        )


def _fetched(name: str) -> list[str]:
    try:
        manifest = json.loads((PEERS / "peers.json").read_text(encoding="utf-8"))
    except OSError:
        pytest.skip(f"peer {name} is missing: `make peers` has not run")
    if name not in manifest["peers"]:
        pytest.skip(f"peer {name} is missing: {manifest['missing'].get(name, 'not fetched')}")
    argv: list[str] = manifest["peers"][name]["argv"]
    return argv


class Estate:
    """A registry and a Sigstore, and projects whose pipelines use them."""

    def __init__(self, runner: Runner, registry: RegistryServer, services: Services) -> None:
        self.runner = runner
        self.registry = registry
        self.services = services

    @property
    def private(self) -> dict[str, object]:
        """The inputs that name this Sigstore and registry."""
        return {
            "tool-image": TOOL_IMAGE,
            "fulcio-url": self.services.urls["fulcio"],
            "rekor-url": self.services.urls["rekor1"],
            "trusted-root": str(self.services.trusted_root),
            "tls-verify": False,
            "retries": 0,
        }

    def token(self, **claims: object) -> str:
        """An id token of the project's pipeline on main, or whatever else `claims` say."""
        return self.services.token(**claims)

    def project(self, folder: Path, pipeline: dict[str, Any], files: dict[str, str] | None = None) -> Path:
        """A committed repository; JSON is YAML."""
        project = folder / "project"
        shutil.copytree(ROOT / "templates", project / "templates")
        files = {".gitlab-ci.yml": json.dumps(pipeline, indent=1), **(files or {})}
        files[".gitignore"] = ".gitlab-ci-local*\n"
        for name, text in files.items():
            (project / name).parent.mkdir(exist_ok=True)
            (project / name).write_text(text, encoding="utf-8")
        for words in (
            ("init", "--quiet", "--initial-branch", "main"),
            ("remote", "add", "origin", f"git@gitlab.example:{PROJECT}.git"),
            ("add", "."),
            ("commit", "--quiet", "--message", "first"),
        ):
            self.runner.git(project, *words)
        return project

    def run(
        self, project: Path, variables: Variables | None = None, *, token: str = "", by_schema: bool = False
    ) -> Ended:
        """Run the whole pipeline, on a protected main unless `variables` say otherwise.

        `by_schema`: also have it compared with GitLab's schema, which takes longer than many a pipeline.
        """
        written = {"CI_COMMIT_REF_PROTECTED": "true", **(variables or {})}
        if token:
            written["SIGSTORE_ID_TOKEN"] = token
        home = project.parent / "home"
        home.mkdir(exist_ok=True)
        # In full: the short form takes a value that begins with a slash for a file's name.
        full = {name: {"type": "variable", "values": {"*": value}} for name, value in written.items()}
        (project / ".gitlab-ci-local-variables.yml").write_text(json.dumps(full), encoding="utf-8")
        ended = self.runner(project, f"--json-schema-validation={str(by_schema).lower()}", home=home)
        return Ended(
            ended.returncode, ended.stdout + ended.stderr, project / ".gitlab-ci-local" / "artifacts"
        )


def component(name: str, **inputs: object) -> dict[str, Any]:
    """An include of one of our components; `_` in names of inputs stands for `-`."""
    return {
        "component": f"$CI_SERVER_FQDN/$CI_PROJECT_PATH/{name}@$CI_COMMIT_SHA",
        "inputs": {key.replace("_", "-"): value for key, value in inputs.items()},
    }


@contextmanager
def estate() -> Iterator[Estate]:
    """Everything, until the block ends."""
    runner = Runner.found()
    sigstore = VirtualSigstore("pipelines", clock=RealClock())
    with RegistryServer() as registry, sigstore.serve() as services:
        yield Estate(runner, registry, services)
