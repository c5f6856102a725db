"""`vouchsafe sbom`: made by the real syft (or a stand-in for trivy), checked, written, and attested."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli_lab import Ended, run
from tests.copying import PLAIN
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import OCI_IMAGE, OCI_INDEX
from vouchsafe.testing.canonical import compact
from vouchsafe.testing.clock import RealClock
from vouchsafe.testing.keys import private_pem
from vouchsafe.testing.layout import write_layout
from vouchsafe.testing.registry import RegistryServer
from vouchsafe.testing.registry_store import RegistryStore
from vouchsafe.testing.services import Services
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.testing.workload import gitlab

COMMAND = Path(sys.executable).parent / "vouchsafe"
OS_RELEASE = b'ID=debian\nVERSION_ID="13"\nPRETTY_NAME="Debian"\n'
STATUS = b"Package: bash\nStatus: install ok installed\nVersion: %s\nArchitecture: %s\nMaintainer: x\n\n"
# Writes what it is told to, as trivy would: an SBOM that names the digest that was asked for.
TRIVY = """#!PYTHON
import json, sys
words = sys.argv[1:]
image = words[-1]
digest = image.rpartition("@")[2]
subject = {"type": "container", "name": image, "purl": "pkg:oci/app@" + digest.replace(":", "%3A")}
subject |= json.loads("""
_WRITE = """
made = {"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {"component": subject}, "components": []}
json.dump(made, open(words[words.index("--output") + 1], "w"))
"""


def push_system(
    store: RegistryStore, name: str, tag: str, *, arch: str = "amd64", version: bytes = b"5.2"
) -> Digest:
    """An image with one Debian package in it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, content in (
            ("etc/os-release", OS_RELEASE),
            ("var/lib/dpkg/status", STATUS % (version, arch.encode())),
        ):
            member = tarfile.TarInfo(path)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    layer = gzip.compress(buffer.getvalue(), mtime=0)
    unpacked = f"sha256:{hashlib.sha256(buffer.getvalue()).hexdigest()}"
    config = compact(
        {"architecture": arch, "os": "linux", "rootfs": {"type": "layers", "diff_ids": [unpacked]}}
    )
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_IMAGE,
        "config": described("application/vnd.oci.image.config.v1+json", store.put_blob(name, config), config),
        "layers": [
            described("application/vnd.oci.image.layer.v1.tar+gzip", store.put_blob(name, layer), layer)
        ],
    }
    return store.put_manifest(name, compact(manifest), OCI_IMAGE, tag)


def described(media_type: str, digest: Digest, content: bytes) -> dict[str, Any]:
    """A descriptor."""
    return {"mediaType": media_type, "digest": str(digest), "size": len(content)}


def push_systems(store: RegistryStore, name: str) -> dict[str, Digest]:
    """An index of two platforms and, as builders leave it, one entry that is no platform."""
    made = {arch: push_system(store, name, "", arch=arch) for arch in ("amd64", "arm64")}
    entries = [
        {
            "mediaType": OCI_IMAGE,
            "digest": str(digest),
            "size": 1,
            "platform": {"os": "linux", "architecture": arch},
        }
        for arch, digest in (*made.items(), ("unknown", Digest.of(b"provenance")))
    ]
    entries[2]["platform"] = {"os": "unknown", "architecture": "unknown"}
    index = compact({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})
    return {**made, "index": store.put_manifest(name, index, OCI_INDEX, "v1")}


class Lab:
    """A registry, and a folder of programs that is the whole PATH but for what they need themselves."""

    def __init__(self, folder: Path, server: RegistryServer) -> None:
        self.folder = folder
        self.server = server
        self.store = server.store
        self.programs = folder / "bin"
        self.programs.mkdir()

    def install(self, name: str, script: str) -> None:
        """A stand-in."""
        path = self.programs / name
        path.write_text(script)
        path.chmod(0o755)

    def trivy(self, **subject: str) -> None:
        """A stand-in for trivy; `subject` is what it says of the image instead."""
        said = json.dumps(json.dumps(subject))
        self.install("trivy", f"{TRIVY.replace('PYTHON', sys.executable)}{said})\n{_WRITE}")

    def sbom(self, *words: object) -> Ended:
        """The command."""
        return run("sbom", PLAIN, *words)


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """With an empty folder of programs first on the PATH, and no real tool behind it."""
    with RegistryServer() as server:
        made = Lab(tmp_path, server)
        monkeypatch.setenv("PATH", str(made.programs))
        yield made


@pytest.fixture
def syft(lab: Lab, request: pytest.FixtureRequest) -> Lab:
    """With the real syft."""
    (lab.programs / "syft").symlink_to(request.getfixturevalue("syft_program"))
    return lab


@pytest.mark.peers
@pytest.mark.parametrize("form, parts", [("cyclonedx-json", "components"), ("spdx-json", "packages")])
def test_syft(form: str, parts: str, syft: Lab) -> None:
    """The SBOM on standard output, what it is on standard error."""
    digest = push_system(syft.store, "group/app", "v1")
    ended = syft.sbom("--format", form, syft.server.reference("group/app"))
    assert ended.code == 0, ended.err
    assert "bash" in {each["name"] for each in json.loads(ended.out)[parts]}
    assert (f" by syft, of {digest}" in ended.err, parts in ended.err) == (True, True)


@pytest.mark.peers
def test_syft_and_an_index(syft: Lab) -> None:
    """A platform has to be named: syft would take one and call it the index."""
    made = push_systems(syft.store, "group/app")
    image = syft.server.reference("group/app")
    refused = syft.sbom(image)
    assert (refused.code, "one of linux/amd64, linux/arm64, or all; got an index" in refused.err) == (
        64,
        True,
    )
    one = syft.sbom("--platform", "linux/arm64", image)
    assert json.loads(one.out)["metadata"]["component"]["version"] == str(made["arm64"])
    ended = syft.sbom("--platform", "all", "--output", syft.folder / "sbom-{platform}.json", image)
    assert ended.code == 0, ended.err
    versions = {
        path.name: json.loads(path.read_text())["metadata"]["component"]["version"]
        for path in syft.folder.glob("sbom-*.json")
    }
    assert versions == {f"sbom-linux-{arch}.json": str(made[arch]) for arch in ("amd64", "arm64")}


@pytest.mark.peers
def test_syft_and_a_layout(syft: Lab) -> None:
    """One of several images in it, by its tag."""
    digests = {tag: push_system(syft.store, "app", tag, version=tag.encode()) for tag in ("1.0", "2.0")}
    write_layout(syft.store, "app", syft.folder / "layout")
    ended = syft.sbom(f"oci:{syft.folder / 'layout'}:2.0")
    assert ended.code == 0, ended.err
    document = json.loads(ended.out)
    assert document["metadata"]["component"]["version"] == str(digests["2.0"])
    assert [each["version"] for each in document["components"] if each["name"] == "bash"] == ["2.0"]


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    """A Sigstore on the machine's clock."""
    with VirtualSigstore("sbom", clock=RealClock()).serve() as running:
        yield running


def config_of(services: Services) -> list[str]:
    """Flags that sign with it."""
    urls = services.urls
    return [
        *("--fulcio-url", urls["fulcio"], "--rekor-url", urls["rekor1"]),
        *("--trusted-root", str(services.trusted_root)),
    ]


def who(services: Services) -> list[str]:
    """Flags that accept what was attested."""
    pipeline = gitlab()
    identity = ["--certificate-identity", pipeline.subject, "--certificate-oidc-issuer", pipeline.issuer]
    return [PLAIN, *identity, "--trusted-root", str(services.trusted_root)]


@pytest.mark.peers
def test_syft_attested(syft: Lab, services: Services, cosign3: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each platform's to its own digest, in both forms; cosign verifies them, and the token never reached syft."""
    made = push_systems(syft.store, "group/app")
    image = syft.server.reference("group/app")
    monkeypatch.setenv("SIGSTORE_ID_TOKEN", services.token())
    ended = syft.sbom("--platform", "all", "--attest", *config_of(services), image)
    assert ended.code == 0, ended.out + ended.err
    for arch in ("amd64", "arm64"):
        pinned = syft.server.reference("group/app", made[arch])
        assert run("verify", *who(services), "--type", "cyclonedx", pinned).code == 0
        said = subprocess.run(
            [cosign3, "verify-attestation", "--type", "cyclonedx", *services.verify_flags(), pinned],
            env={**os.environ, **services.environment},
            capture_output=True,
            timeout=600,
            check=False,
        )
        assert said.returncode == 0, said.stderr
    assert run("verify", *who(services), "--type", "cyclonedx", image).code == 1


def test_trivy_attested_with_a_key(lab: Lab, services: Services) -> None:
    """Without a log; a dry run publishes nothing."""
    lab.trivy()
    digest = push_system(lab.store, "group/app", "v1")
    key = lab.folder / "key.pem"
    key.write_bytes(private_pem(services.sigstore.keys.ec("sbom")))
    image = lab.server.reference("group/app")
    flags = ["--attest", "--key", key, "--trusted-root", services.trusted_root, "--attest-format", "legacy"]
    assert lab.sbom(*flags, "--dry-run", image).code == 0
    assert lab.store.tags("group/app") == ["v1"]
    ended = lab.sbom(*flags, "--output", lab.folder / "sbom.json", image)
    assert ended.code == 0, ended.out + ended.err
    assert lab.store.tags("group/app") == [f"{digest.tag_prefix}.att", "v1"]
    assert json.loads((lab.folder / "sbom.json").read_text())["bomFormat"] == "CycloneDX"


def test_the_first_tool_is_taken(lab: Lab) -> None:
    """trivy where there is no syft; a tool that is named must be there."""
    image = lab.server.reference("group/app")
    push_system(lab.store, "group/app", "v1")
    none = lab.sbom(image)
    assert (none.code, "nothing is downloaded here" in none.err) == (78, True)
    lab.trivy()
    assert (lab.sbom(image).code, lab.sbom("--tool", "syft", image).code) == (0, 78)


def test_an_sbom_of_another_image_is_refused(lab: Lab) -> None:
    """Before anybody writes or attests it."""
    lab.trivy(purl=f"pkg:oci/app@sha256%3A{Digest.of(b'other').hex}")
    push_system(lab.store, "group/app", "v1")
    ended = lab.sbom("--output", lab.folder / "sbom.json", lab.server.reference("group/app"))
    assert (ended.code, "[sbom-subject]" in ended.err, (lab.folder / "sbom.json").exists()) == (
        2,
        True,
        False,
    )


def test_one_that_names_no_image_is_told(lab: Lab) -> None:
    """Only an attestation ties it to one."""
    lab.trivy(purl="", name="app")
    push_system(lab.store, "group/app", "v1")
    ended = lab.sbom(lab.server.reference("group/app"))
    assert (ended.code, "does not say which image it is of" in ended.err) == (0, True)


def test_a_tool_that_fails(lab: Lab) -> None:
    """Says why; nothing is printed that looks like an SBOM."""
    lab.install("syft", "#!/bin/sh\necho no space left on device >&2\nexit 1\n")
    push_system(lab.store, "group/app", "v1")
    ended = lab.sbom(lab.server.reference("group/app"))
    assert (ended.code, ended.out, "syft says: no space left on device" in ended.err) == (2, "", True)


@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_job_that_is_cancelled(lab: Lab, number: int, code: int) -> None:
    """The tool has a session of its own and ends all the same; credentials that it was given are gone."""
    born, scratch, account = lab.folder / "born", lab.folder / "scratch", lab.folder / "auth.json"
    scratch.mkdir()
    account.write_text("{}")
    lab.install(
        "syft", f"#!/bin/sh\nPATH=/usr/bin:/bin\necho $$ > {born}.new\nmv {born}.new {born}\nsleep 300\n"
    )
    push_system(lab.store, "group/app", "v1")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # one that is ignored is handed down
    try:
        process = subprocess.Popen(
            [COMMAND, "sbom", PLAIN, "--authfile", account, lab.server.reference("group/app")],
            env={**os.environ, "TMPDIR": str(scratch)},
            stderr=subprocess.PIPE,
            text=True,
        )
    finally:
        signal.signal(signal.SIGINT, before)
    while not born.exists():
        assert process.poll() is None
        time.sleep(0.01)
    assert list(scratch.rglob("config.json")) != []
    process.send_signal(number)
    _, said = process.communicate(timeout=600)
    assert (process.returncode, said.strip()) == (code, "")
    assert list(scratch.iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.kill(int(born.read_text()), 0)


@pytest.mark.parametrize(
    "words",
    [
        ["dir:/tmp/image"],
        ["--attest", "oci:/tmp/layout"],
        ["--key", "key.pem", "registry.example/app"],
        ["--dry-run", "registry.example/app"],
        ["--require-readable-by", "cosign", "registry.example/app"],
        ["--platform", "all", "registry.example/app"],
        ["--platform", "all", "--output", "sbom.json", "registry.example/app"],
        ["--format", "xml", "registry.example/app"],
    ],
)
def test_what_makes_no_sense(words: list[str], lab: Lab) -> None:
    """64, before any tool runs."""
    assert lab.sbom(*words).code == 64


def test_platforms(lab: Lab) -> None:
    """One that the index does not have, and one of an image that is no index."""
    lab.trivy()
    push_systems(lab.store, "group/app")
    push_system(lab.store, "single/app", "v1")
    assert lab.sbom("--platform", "linux/s390x", lab.server.reference("group/app")).code == 64
    assert lab.sbom("--platform", "linux/amd64", lab.server.reference("single/app")).code == 64
    assert lab.sbom(lab.server.reference("no/app")).code == 2


def test_variants_of_a_platform(lab: Lab) -> None:
    """linux/arm means its variant where there is one; of two, one has to be named."""
    lab.trivy()
    digests = [push_system(lab.store, "arm/app", "", arch=f"arm{number}") for number in (6, 7)]
    entries = [
        {
            "mediaType": OCI_IMAGE,
            "digest": str(digest),
            "size": 1,
            "platform": {"os": "linux", "architecture": "arm", "variant": f"v{number}"},
        }
        for number, digest in zip((6, 7), digests, strict=True)
    ]
    for tag, listed in (("one", entries[:1]), ("two", entries)):
        index = compact({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": listed})
        lab.store.put_manifest("arm/app", index, OCI_INDEX, tag)
    image = [lab.server.reference("arm/app", tag) for tag in ("one", "two")]
    assert [lab.sbom("--platform", "linux/arm", each).code for each in image] == [0, 64]
    assert [lab.sbom("--platform", "linux/arm/v7", each).code for each in image] == [64, 0]


@pytest.mark.parametrize(
    "systems",
    [["..", "linux"], ["a\x1b[2J"], ["-f"], ["a\0b"], ["a/b", "a-b"], ["linux", "linux"]],
)
def test_a_platform_is_what_a_registry_says(systems: list[str], lab: Lab) -> None:
    """No file of another folder, none that drives a terminal or reads like a flag, none over another."""
    lab.trivy()
    entries = [
        {
            "mediaType": OCI_IMAGE,
            "digest": str(push_system(lab.store, "odd/app", "", arch=f"a{number}")),
            "size": 1,
            "platform": {"os": system},
        }
        for number, system in enumerate(systems)
    ]
    index = compact({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})
    lab.store.put_manifest("odd/app", index, OCI_INDEX, "v1")
    before = set(lab.folder.rglob("*"))
    image = lab.server.reference("odd/app")
    ended = lab.sbom("--platform", "all", "--output", f"{lab.folder}/{{platform}}", image)
    assert (ended.code, "[sbom-platform]" in ended.err, "\x1b" in ended.err) == (2, True, False), ended.err
    assert set(lab.folder.rglob("*")) == before
