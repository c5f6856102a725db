"""The composite action: its steps are run as a runner would, with a token of a loopback GitHub."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.ci import templates
from tests.ci.pipeline import PIPELINE_SECONDS, ROOT, Estate, Runner
from vouchsafe.testing.loopback import LoopbackServer, Request, Response
from vouchsafe.testing.registry import push_image

pytestmark = pytest.mark.peers

REPOSITORY = "group/action"
ISSUER = "https://token.actions.githubusercontent.com"
MAIN = f"https://github.com/{REPOSITORY}/.github/workflows/release.yml@refs/heads/main"
SECRET = "what the runner gives the job to ask for tokens with"
SBOM = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": []}
VALUE = re.compile(r"\$\{\{ (inputs\.|github\.action_path|steps\.run\.outputs\.)([a-z-]*) \}\}")


@pytest.fixture(scope="session")
def action() -> dict[str, Any]:
    """action.yml."""
    _, ((read,),) = templates.read(Runner.found(), ROOT / "action.yml")
    return dict(read)


class Ran(NamedTuple):
    """How the step ended, what it said, and the files that it left."""

    code: int
    log: str
    outputs: str
    summary: str
    folder: Path


class Hub:
    """Where a job gets its token: `ACTIONS_ID_TOKEN_REQUEST_URL`."""

    def __init__(self, loopback: Estate) -> None:
        self.loopback = loopback
        self.claims: dict[str, Any] = {}

    def answer(self, request: Request) -> Response:
        """A token for whoever knows the secret."""
        if request.headers.get("authorization") != f"bearer {SECRET}":
            return Response(status=401)
        token = self.loopback.services.sigstore.oidc.github_token(
            repository=REPOSITORY, aud=dict(request.query)["audience"], **self.claims
        )
        return Response(body=json.dumps({"value": token}).encode())

    def run(self, action: dict[str, Any], folder: Path, url: str, event: str = "push", **inputs: str) -> Ran:
        """Run the step that does it all; the one before it only installs."""
        given = {name: str(spec.get("default", "")) for name, spec in action["inputs"].items()}
        given |= {name.replace("_", "-"): value for name, value in inputs.items()}
        step = action["runs"]["steps"][1]
        environment = {
            key: VALUE.sub(lambda m: given[m[2]] if m[1] == "inputs." else str(ROOT), value)
            for key, value in step["env"].items()
        }
        python = folder / "vouchsafe" / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
        python.chmod(0o755)
        runner = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "RUNNER_TEMP": str(folder),
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": event,
            "GITHUB_OUTPUT": str(folder / "output"),
            "GITHUB_STEP_SUMMARY": str(folder / "summary"),
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": SECRET,
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{url}/token?api-version=2.0",
        }
        ended = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=folder,
            env=runner | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PIPELINE_SECONDS,
        )
        left = [path.read_text() if path.exists() else "" for path in (folder / "output", folder / "summary")]
        return Ran(ended.returncode, ended.stdout + ended.stderr, left[0], left[1], folder / given["reports"])


@pytest.fixture
def hub(loopback: Estate) -> Iterator[tuple[Hub, str]]:
    """One that answers."""
    made = Hub(loopback)
    with LoopbackServer(made.answer) as server:
        yield made, server.url


def inputs(loopback: Estate, image: str) -> dict[str, str]:
    """Those that every test gives."""
    private = {key: str(value).lower() for key, value in loopback.private.items() if key.endswith("-url")}
    return private | {
        "image": f"{loopback.registry.address}/{image}:v1",
        "trusted-root": str(loopback.services.trusted_root),
        "tls-verify": "false",
        "certificate-identity": MAIN,
    }


def test_every_input_reaches_the_script_through_the_environment(action: dict[str, Any]) -> None:
    """Never as text of a script, where a branch's name would be a command."""
    assert action["runs"]["using"] == "composite"
    steps = action["runs"]["steps"]
    assert [step["run"] for step in steps if "${{" in step["run"]] == []
    used = {m[2] for value in steps[1]["env"].values() for m in VALUE.finditer(value) if m[1] == "inputs."}
    assert used == set(action["inputs"])
    script = (ROOT / "github" / "supply-chain.sh").read_text()
    assert [name for name in steps[1]["env"] if f"${name}" not in script and f"${{{name}" not in script] == []
    assert "--require-hashes" in steps[0]["run"]


def test_a_push(loopback: Estate, hub: tuple[Hub, str], action: dict[str, Any], tmp_path: Path) -> None:
    """Signed, attested, verified; outputs, reports and a summary."""
    digest = push_image(loopback.registry.store, "group/action/push")
    (tmp_path / "sbom.json").write_text(json.dumps(SBOM))
    given = inputs(loopback, "group/action/push") | {"sbom-file": "sbom.json", "digest": str(digest)}
    ran = hub[0].run(action, tmp_path, hub[1], **given)
    assert (ran.code, f"digest={digest}\n" in ran.outputs) == (0, True), ran.log
    assert re.search(r"^rekor-log-index=\d+$", ran.outputs, re.MULTILINE)
    assert {path.name for path in ran.folder.glob("*.xml")} == {"sign.xml", "attest.xml", "verify.xml"}
    assert f"ok      identity: signed as {MAIN}" in ran.summary
    assert {f"{digest.tag_prefix}{end}" for end in (".sig", ".att", "")} <= set(
        loopback.registry.store.tags("group/action/push")
    )
    assert SECRET not in ran.log + ran.summary + "".join(path.read_text() for path in ran.folder.iterdir())


@pytest.mark.parametrize(
    "event, changed, code, said",
    [
        ("push", {"require-readable-by": "podman", "format": "bundle"}, 1, "[not-readable]"),
        ("push", {"certificate-identity": MAIN.replace("main", "other")}, 1, "[identity]"),
        ("push", {"audience": "vault"}, 2, "vouchsafe: error: "),
        ("pull_request", {}, 0, f"would sign as {MAIN}"),
        ("pull_request", {"digest": "sha256:" + "0" * 64}, 0, f"would sign as {MAIN}"),
    ],
)
def test_other_ends(
    loopback: Estate,
    hub: tuple[Hub, str],
    action: dict[str, Any],
    tmp_path: Path,
    event: str,
    changed: dict[str, str],
    code: int,
    said: str,
) -> None:
    """Red with the reason; a pull request publishes nothing and says who would sign."""
    name = f"group/action/{tmp_path.name}".lower().replace("_", "-")
    digest = push_image(loopback.registry.store, name, content=name.encode())
    hub[0].claims = {"event_name": event}
    ran = hub[0].run(action, tmp_path, hub[1], event, **(inputs(loopback, name) | changed))
    assert (ran.code, said in ran.log) == (code, True), ran.log
    published = f"{digest.tag_prefix}.sig" in loopback.registry.store.tags(name)
    assert published is (said == "[identity]")


def test_what_lies_in_the_repository_is_not_run(
    loopback: Estate,
    hub: tuple[Hub, str],
    action: dict[str, Any],
    tmp_path: Path,
) -> None:
    """Neither a module of a name that we import, nor a report of an earlier run or of whoever wrote the change.

    The job has a token to sign with, and what it checked out may be a stranger's.
    """
    name = f"group/action/{tmp_path.name}".lower().replace("_", "-")
    push_image(loopback.registry.store, name, content=name.encode())
    (tmp_path / "json.py").write_text("open('pwned', 'w'); raise SystemExit(0)\n")
    (tmp_path / "vouchsafe-reports").mkdir()
    (tmp_path / "vouchsafe-reports" / "sign.env").write_text(
        f"DIGEST=sha256:{64 * 'e'}\nIMAGE=evil.example/app\ntouch pwned\n"
    )
    ran = hub[0].run(action, tmp_path, hub[1], **(inputs(loopback, name) | {"audience": "vault"}))
    assert (ran.code, ran.outputs, (tmp_path / "pwned").exists()) == (2, "", False), ran.log
    assert "vouchsafe: error: " in ran.log
