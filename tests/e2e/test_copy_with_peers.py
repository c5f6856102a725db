"""Images that real cosign signed, copied between real registries and layouts: cosign and skopeo read the copies."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.cli_lab import run
from tests.copying import PLAIN, copy
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import OCI_IMAGE
from vouchsafe.testing.canonical import compact
from vouchsafe.testing.clock import RealClock
from vouchsafe.testing.push import push_index
from vouchsafe.testing.registry import RegistryServer
from vouchsafe.testing.services import Services, SignatureForm
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.testing.workload import gitlab

pytestmark = pytest.mark.peers
COMMAND = Path(sys.executable).parent / "vouchsafe"
CYCLONEDX = b'{"bomFormat":"CycloneDX","specVersion":"1.6","components":[]}'
LARGE = 150 * 1024 * 1024  # bytes of a layer
MOST_MEMORY = 100 * 1024  # KiB; the interpreter and its libraries take about half


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    """A Sigstore on the machine's clock."""
    with VirtualSigstore("copying", clock=RealClock()).serve() as running:
        yield running


class Cosign:
    """One major version against the services."""

    def __init__(self, program: Path, major: Literal[2, 3], services: Services) -> None:
        self.program = program
        self.major = major
        self.services = services

    def run(self, *words: object) -> tuple[int, str]:
        """The exit code, and everything it said."""
        done = subprocess.run(
            [self.program, *(str(word) for word in words)],
            env={**os.environ, **self.services.environment},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def sign(self, form: SignatureForm, *words: object) -> None:
        """`cosign sign`."""
        flags = self.services.sign_flags(form, self.services.token(), cosign=self.major)
        code, said = self.run("sign", *flags, *words)
        assert code == 0, said

    def attest(self, form: SignatureForm, sbom: Path, *words: object) -> None:
        """`cosign attest`."""
        flags = self.services.sign_flags(form, self.services.token(), cosign=self.major)
        code, said = self.run("attest", *flags, "--type", "cyclonedx", "--predicate", sbom, *words)
        assert code == 0, said

    def verifies(self, *words: object) -> bool:
        """`cosign verify`."""
        return self.run("verify", *self.services.verify_flags(cosign=self.major), *words)[0] == 0

    def verifies_attestation(self, image: str) -> bool:
        """`cosign verify-attestation`."""
        flags = self.services.verify_flags(cosign=self.major)
        return self.run("verify-attestation", "--type", "cyclonedx", *flags, image)[0] == 0


@pytest.fixture
def three(cosign3: Path, services: Services) -> Cosign:
    """Cosign 3."""
    return Cosign(cosign3, 3, services)


@pytest.fixture
def two(cosign2: Path, services: Services) -> Cosign:
    """Cosign 2."""
    return Cosign(cosign2, 2, services)


def signed(registry: RegistryServer, three: Cosign, two: Cosign, folder: Path) -> list[Digest]:
    """An index and its platforms, each signed by both in their forms, each attested by both."""
    root, platforms = push_index(registry.store, "group/app")
    everybody = [root, *platforms.values()]
    sbom = folder / "sbom.json"
    sbom.write_bytes(CYCLONEDX)
    images = [registry.reference("group/app", digest) for digest in everybody]
    three.sign("bundle-rekor2", *images)
    two.sign("legacy", *images)
    for image in images:
        three.attest("bundle-rekor2", sbom, image)
        two.attest("legacy", sbom, image)
    return everybody


def trusted(services: Services) -> list[str]:
    """Our flags for the pipeline that signed."""
    who = gitlab()
    identity = ["--certificate-identity", who.subject, "--certificate-oidc-issuer", who.issuer]
    return [*identity, "--trusted-root", str(services.trusted_root)]


@pytest.mark.parametrize("source, target", [("absent", "api"), ("api", "absent"), ("absent", "docker")])
def test_cosign_verifies_the_copy(
    source: Any,
    target: Any,
    three: Cosign,
    two: Cosign,
    services: Services,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """Both versions, signatures and attestations, on the index and on every platform."""
    with (
        RegistryServer(referrers=source) as one,
        RegistryServer(referrers="absent" if target == "docker" else target) as other,
    ):
        digests = signed(one, three, two, tmp_path)
        address = request.getfixturevalue("docker_registry") if target == "docker" else other.address
        name = f"{address}/from-{source}/app"
        ended = copy(*trusted(services), one.reference("group/app"), f"{name}:v1")
        assert ended.code == 0, ended.out + ended.err
        images = [f"{name}:v1", *(f"{name}@{digest}" for digest in digests)]
        assert [three.verifies(image) for image in images] == [True] * 4
        assert [two.verifies(image) for image in images] == [True] * 4
        assert [each.verifies_attestation(image) for each in (three, two) for image in images] == [True] * 8
        assert [run("verify", PLAIN, *trusted(services), image).code for image in images] == [0] * 4


def test_from_a_real_registry_through_a_layout(
    three: Cosign, two: Cosign, services: Services, tmp_path: Path, docker_registry: str, skopeo: Path
) -> None:
    """cosign verifies the layout itself; skopeo copies the image out of it; the way back loses nothing."""
    with RegistryServer() as one, RegistryServer(referrers="api") as other:
        signed(one, three, two, tmp_path)
        assert copy(one.reference("group/app"), f"{docker_registry}/layout/app:v1").code == 0
        layout = tmp_path / "layout"
        ended = copy(*trusted(services), f"{docker_registry}/layout/app:v1", f"oci:{layout}")
        assert ended.code == 0, ended.out + ended.err
        assert (three.verifies("--local-image", layout), two.verifies("--local-image", layout)) == (
            True,
            True,
        )
        to = f"docker://{other.reference('skopeo/app')}"
        said = subprocess.run(
            [skopeo, "copy", "--all", "--insecure-policy", "--dest-tls-verify=false", f"oci:{layout}:v1", to],
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert said.returncode == 0, said.stderr
        assert copy(f"oci:{layout}:v1", other.reference("back/app")).code == 0
        image = other.reference("back/app")
        assert (three.verifies(image), two.verifies(image)) == (True, True)
        assert (three.verifies_attestation(image), two.verifies_attestation(image)) == (True, True)


def test_what_cosign_saved(three: Cosign, two: Cosign, services: Services, tmp_path: Path) -> None:
    """A layout of `cosign save`, which calls signatures by kind and not by tag."""
    with RegistryServer() as one, RegistryServer() as other:
        signed(one, three, two, tmp_path)
        code, said = two.run("save", "--dir", tmp_path / "saved", one.reference("group/app"))
        assert code == 0, said
        ended = copy(*trusted(services), f"oci:{tmp_path / 'saved'}", other.reference("saved/app"))
        assert ended.code == 0, ended.out + ended.err
        assert (two.verifies(other.reference("saved/app")), three.verifies(other.reference("saved/app"))) == (
            True,
            True,
        )


def test_a_copy_beside_signatures_that_cosign_adds(
    three: Cosign, two: Cosign, services: Services, tmp_path: Path
) -> None:
    """Copied, signed at the destination, copied again: both signers' signatures are there."""
    with RegistryServer() as one, RegistryServer() as other:
        signed(one, three, two, tmp_path)
        pair = (one.reference("group/app"), other.reference("mirror/app"))
        assert copy(*pair).code == 0
        three.sign("bundle-rekor1", pair[1])
        two.sign("legacy", pair[1])
        two.sign("legacy", pair[0])
        before = len(other.requests)
        assert copy(*pair).code == 0
        assert len(other.requests) > before
        count = two.run("verify", *services.verify_flags(cosign=2), "-o", "json", pair[1])[1].count(
            '"critical"'
        )
        assert count == 3
        found = three.run("verify", *services.verify_flags(), "-o", "json", pair[1])[1].count('"critical"')
        assert found >= 2


def test_a_large_layer_is_never_held(docker_registry: str, tmp_path: Path) -> None:
    """From disk to a real registry, from there to another repository and back to a disk."""
    layout = tmp_path / "layout"
    large_layout(layout)
    first, second = f"{docker_registry}/large/one:v1", f"{docker_registry}/large/two:v1"
    peaks = [
        peak("copy", PLAIN, f"oci:{layout}:v1", first),
        peak("copy", PLAIN, first, second),
        peak("copy", PLAIN, second, f"oci:{tmp_path / 'back'}:v1"),
    ]
    assert max(peaks) < MOST_MEMORY
    names = [
        sorted(path.name for path in (each / "blobs" / "sha256").iterdir())
        for each in (layout, tmp_path / "back")
    ]
    assert names[0] == names[1]


def large_layout(folder: Path) -> None:
    """An image of one layer of zeroes."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    piece = bytes(1024 * 1024)

    hashed = hashlib.sha256()
    with (blobs / "layer").open("wb") as file:
        for _ in range(LARGE // len(piece)):
            file.write(piece)
            hashed.update(piece)
    (blobs / "layer").rename(blobs / hashed.hexdigest())
    config = b'{"architecture":"amd64","os":"linux"}'
    described = {
        "mediaType": "application/vnd.oci.image.config.v1+json",
        "digest": str(Digest.of(config)),
        "size": len(config),
    }
    layer = {
        "mediaType": "application/vnd.oci.image.layer.v1.tar",
        "digest": f"sha256:{hashed.hexdigest()}",
        "size": LARGE,
    }
    manifest = compact({"schemaVersion": 2, "mediaType": OCI_IMAGE, "config": described, "layers": [layer]})
    for blob in (config, manifest):
        (blobs / Digest.of(blob).hex).write_bytes(blob)
    entry = {"mediaType": OCI_IMAGE, "digest": str(Digest.of(manifest)), "size": len(manifest)}
    entry["annotations"] = {"org.opencontainers.image.ref.name": "v1"}
    (folder / "index.json").write_bytes(compact({"schemaVersion": 2, "manifests": [entry]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')


# Between the tests and the command: Linux counts what the parent of a process had as the process's own.
MEASURE = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, used = os.wait4(process.pid, 0)
process.returncode = os.waitstatus_to_exitcode(status)
print(used.ru_maxrss)
sys.exit(process.returncode)
"""


def peak(*words: str) -> int:
    """The most memory, in KiB, that the command had while it ran well."""
    command = [sys.executable, "-c", MEASURE, str(COMMAND), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)
