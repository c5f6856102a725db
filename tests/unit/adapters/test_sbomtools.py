"""How syft and trivy are found and run: one manifest by its digest, our settings in their words, no secrets."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.judging import code
from vouchsafe.adapters.sbomtools import SbomTools
from vouchsafe.adapters.settings import Settings
from vouchsafe.errors import Unavailable
from vouchsafe.image.manifest import OCI_IMAGE, Manifest
from vouchsafe.image.reference import Reference
from vouchsafe.testing.canonical import compact

MANIFEST = Manifest.parse(compact({"schemaVersion": 2, "mediaType": OCI_IMAGE, "layers": []}))
REMOTE = Reference.parse("registry.example/group/app:v1")
# Writes an SBOM of what it was told, where it was told to.
STAND_IN = """#!PYTHON
import json, os, sys
words = sys.argv[1:]
output = words[words.index("--output") + 1].rpartition("=")[2]
path = next((w.removeprefix("oci-dir:") for w in words if w.startswith("oci-dir:")), "")
path = path or (words[words.index("--input") + 1] if "--input" in words else "")
seen = {name: open(os.path.join(path, name)).read() for name in ("index.json", "oci-layout")} if path else {}
config = os.path.join(os.environ.get("DOCKER_CONFIG", "/nowhere"), "config.json")
seen["config"] = open(config).read() if os.path.exists(config) else ""
seen["blobs"] = sorted(os.listdir(os.path.join(path, "blobs"))) if path else []
json.dump({"words": words, "environment": dict(os.environ), "seen": seen}, open(output, "w"))
""".replace("PYTHON", sys.executable)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the programs are."""
    made = tmp_path / "bin"
    made.mkdir()
    return made


def install(folder: Path, name: str, script: str = STAND_IN) -> str:
    """A program."""
    path = folder / name
    path.write_text(script)
    path.chmod(0o755)
    return str(path)


def tools(folder: Path, environ: dict[str, str] | None = None, **settings: Any) -> SbomTools:
    """With nothing else on the PATH."""
    return SbomTools(Settings(search_path=str(folder), **settings), environ or {})


def made(
    tools: SbomTools, reference: Reference = REMOTE, form: str = "cyclonedx-json", name: str = ""
) -> Any:
    """What the stand-in saw."""
    found = tools.make(tools.find(name), reference, MANIFEST, form, largest=1_000_000, seconds=30)
    return json.loads(found)


def test_the_first_that_is_installed(folder: Path) -> None:
    """syft before trivy, unless one is named."""
    trivy = install(folder, "trivy")
    assert tools(folder).find("").path == trivy
    syft = install(folder, "syft")
    assert [tools(folder).find(name).path for name in ("", "syft", "trivy")] == [syft, syft, trivy]


@pytest.mark.parametrize("name", ["", "syft", "trivy"])
def test_none_is_installed(name: str, folder: Path) -> None:
    """Is the operator's business, with a way out; nothing is downloaded."""
    assert code(lambda: tools(folder).find(name)) == "sbom-tool"


@pytest.mark.parametrize(
    "name, form, expected",
    [
        ("syft", "cyclonedx-json", ["scan", "registry:NAME", "--output", "cyclonedx-json=FILE"]),
        ("syft", "spdx-json", ["scan", "registry:NAME", "--output", "spdx-json=FILE"]),
        (
            "trivy",
            "cyclonedx-json",
            ["image", "--quiet", "--format", "cyclonedx", "--output", "FILE", "NAME"],
        ),
        ("trivy", "spdx-json", ["image", "--quiet", "--format", "spdx-json", "--output", "FILE", "NAME"]),
    ],
)
def test_by_digest(name: str, form: str, expected: list[str], folder: Path) -> None:
    """Never by a tag, which may show another image by now."""
    install(folder, name)
    words = made(tools(folder), form=form, name=name)["words"]
    by_digest = f"registry.example/group/app@{MANIFEST.digest}"
    file = next(word for word in words if word.endswith("sbom.json")).rpartition("=")[2]
    assert [word.replace(by_digest, "NAME").replace(file, "FILE") for word in words] == expected


@pytest.mark.parametrize("name", ["syft", "trivy"])
def test_a_layout_of_several_images(name: str, folder: Path, tmp_path: Path) -> None:
    """The tool sees one with this image alone, and its blobs."""
    install(folder, name)
    layout = tmp_path / "layout"
    (layout / "blobs" / "sha256").mkdir(parents=True)
    seen = made(tools(folder), Reference.parse(f"oci:{layout}:v1"), name=name)["seen"]
    (entry,) = json.loads(seen["index.json"])["manifests"]
    assert (entry["digest"], seen["blobs"]) == (str(MANIFEST.digest), ["sha256"])


def test_a_folder_is_no_layout(folder: Path) -> None:
    """`dir:` is what neither tool reads."""
    install(folder, "syft")
    assert code(lambda: made(tools(folder), Reference.parse("dir:/nowhere"))) == "sbom-transport"


def test_the_environment_is_what_is_needed(folder: Path) -> None:
    """Proxies, settings of the tools, credential helpers; no token of ours."""
    install(folder, "syft")
    kept = {"HTTPS_PROXY": "http://proxy.example", "SYFT_PARALLELISM": "2", "AWS_REGION": "eu"}
    secret = dict.fromkeys(
        ("SIGSTORE_ID_TOKEN", "COSIGN_PASSWORD", "VOUCHSAFE_KEY_PASSWORD", "CI_JOB_TOKEN"), "secret"
    )
    environment = made(tools(folder, {**kept, **secret}))["environment"]
    assert {name: environment.get(name) for name in kept} == kept
    assert [name for name in secret if name in environment] == []
    assert environment["SYFT_CHECK_FOR_APP_UPDATE"] == "false"


def test_registry_settings(folder: Path, tmp_path: Path) -> None:
    """Ours, in the tools' words; the credentials are gone afterwards."""
    install(folder, "syft")
    install(folder, "trivy")
    authfile = tmp_path / "auth.json"
    authfile.write_text('{"auths": {}}')
    made_tools = tools(folder, tls_verify=False, cert_dir="/etc/certs", authfile=str(authfile))
    found = made(made_tools)
    environment = found["environment"]
    assert environment["SYFT_REGISTRY_INSECURE_USE_HTTP"] == "true"
    assert environment["SYFT_REGISTRY_INSECURE_SKIP_TLS_VERIFY"] == "true"
    assert environment["SYFT_REGISTRY_CA_CERT"] == "/etc/certs"
    assert (found["seen"]["config"], Path(environment["DOCKER_CONFIG"]).exists()) == ('{"auths": {}}', False)
    assert "--insecure" in made(made_tools, name="trivy")["words"]


@pytest.mark.parametrize(
    "script, words",
    [
        ("#!/bin/sh\necho 'could not determine source' >&2\nexit 1\n", "could not determine source"),
        ("#!/bin/sh\nexit 3\n", ""),
        ("#!/bin/sh\nexit 0\n", ""),
    ],
)
def test_a_tool_that_fails(script: str, words: str, folder: Path) -> None:
    """Its own words are the hint; one that writes nothing has failed, too."""
    install(folder, "syft", script)
    with pytest.raises(Unavailable) as caught:
        made(tools(folder))
    assert (caught.value.code, words in caught.value.hint) == ("sbom-tool-failed", True)


def test_an_sbom_beyond_the_limit(folder: Path) -> None:
    """Is not read."""
    install(folder, "syft")
    there = tools(folder)
    attempt = lambda: there.make(there.find(""), REMOTE, MANIFEST, "spdx-json", largest=10, seconds=30)
    assert code(attempt) == "file-too-large"
