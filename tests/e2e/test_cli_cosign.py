"""Images that real cosign signed, through the installed command: accepted, and the rest refused with a reason."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from vouchsafe.testing.clock import RealClock
from vouchsafe.testing.registry import RegistryServer, push_image, push_index
from vouchsafe.testing.services import Services, SignatureForm
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.testing.workload import gitlab

pytestmark = pytest.mark.peers
COMMAND = Path(sys.executable).parent / "vouchsafe"
FORMS: list[tuple[Literal[2, 3], SignatureForm]] = [
    (3, "bundle-rekor2"),
    (3, "bundle-rekor1"),
    (3, "bundle-rekor1-tsa"),
    (3, "legacy"),
    (3, "legacy-tsa"),
    (2, "legacy"),
    (2, "legacy-tsa"),
]


def vouchsafe(*words: object) -> tuple[int, str, str]:
    """The installed command in a process of its own."""
    done = subprocess.run(
        [COMMAND, *(str(word) for word in words)], capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    """A Sigstore on the machine's clock."""
    with VirtualSigstore("command", clock=RealClock()).serve() as running:
        yield running


class Signer:
    """Cosign of one major version against the services."""

    def __init__(self, program: Path, major: Literal[2, 3], services: Services) -> None:
        self.program = program
        self.major = major
        self.services = services

    def run(self, verb: str, form: SignatureForm, *words: str, **claims: Any) -> None:
        """`cosign sign …`, as a pipeline with these claims."""
        flags = self.services.sign_flags(form, self.services.token(**claims), cosign=self.major)
        command = [str(self.program), verb, *flags, *words]
        environment = {**os.environ, **self.services.environment}
        subprocess.run(command, env=environment, capture_output=True, timeout=120, check=True)


@pytest.fixture
def signer(request: pytest.FixtureRequest, services: Services) -> Any:
    """By major version; skipped where that cosign is missing."""
    return lambda major: Signer(request.getfixturevalue(f"cosign{major}"), major, services)


def flags(services: Services, **claims: Any) -> list[str]:
    """Whom to accept, as the issue's last line has it."""
    who = gitlab(**claims)
    return [
        "--tls-verify=false",
        "--trusted-root",
        str(services.trusted_root),
        "--certificate-identity",
        who.subject,
        "--certificate-oidc-issuer",
        who.issuer,
    ]


@pytest.mark.parametrize("major, form", FORMS)
def test_accepts_what_cosign_signed(
    major: Literal[2, 3], form: SignatureForm, signer: Any, services: Services
) -> None:
    """Every form of both versions; another branch and another issuer are refused, with the reason."""
    with RegistryServer() as registry:
        digest = push_image(registry.store, "group/app")
        image = registry.reference("group/app")
        code, out, _ = vouchsafe("verify", *flags(services), image)
        assert (code, "[unsigned]" in out) == (1, True)
        signer(major).run("sign", form, registry.reference("group/app", digest))
        code, out, err = vouchsafe("verify", "-o", "json", *flags(services), image)
        assert (code, err) == (0, "")
        (verdict,) = json.loads(out)["verdicts"]
        assert (verdict["verdict"], verdict["digest"]) == ("accepted", str(digest))
        code, out, _ = vouchsafe("verify", *flags(services, ref="refs/heads/other"), image)
        assert (code, "@refs/heads/main, expected" in out, "[identity]" in out) == (1, True, True)
        code, out, _ = vouchsafe("verify", *flags(services), "--claim", "build-trigger=schedule", image)
        assert (code, "build-trigger push, expected schedule" in out) == (1, True)


@pytest.mark.parametrize("major, form", [(3, "bundle-rekor2"), (3, "legacy"), (2, "legacy")])
def test_an_attestation_is_asked_for_by_type(
    major: Literal[2, 3], form: SignatureForm, signer: Any, services: Services, tmp_path: Path
) -> None:
    """It is no signature, and a signature is no attestation."""
    sbom = tmp_path / "sbom.json"
    sbom.write_text('{"bomFormat":"CycloneDX","specVersion":"1.6","components":[]}')
    with RegistryServer() as registry:
        image = registry.reference("group/app", push_image(registry.store, "group/app"))
        signer(major).run("attest", form, "--type", "cyclonedx", "--predicate", str(sbom), image)
        assert vouchsafe("verify", *flags(services), "--type", "cyclonedx", image)[0] == 0
        assert vouchsafe("verify", *flags(services), "--type", "spdxjson", image)[0] == 1
        code, out, _ = vouchsafe("verify", *flags(services), image)
        assert (code, "accepted" in out.split()[0]) == (1, False)


def test_a_forks_merge_request_is_refused(signer: Any, services: Services) -> None:
    """The parent's subject, but not the parent's project: claims tell them apart."""
    fork = {"project_id": "666", "project_path": "fork/project", "pipeline_source": "merge_request_event"}
    parent = gitlab()
    with RegistryServer() as registry:
        image = registry.reference("group/app", push_image(registry.store, "group/app"))
        config = parent.subject.removeprefix("https://")
        signer(3).run("sign", "bundle-rekor2", image, ci_config_ref_uri=config, **fork)
        pinned = ["--claim", f"source-repository-identifier={parent.claims['source-repository-identifier']}"]
        assert vouchsafe("verify", *flags(services), image)[0] == 0  # the subject alone is no identity
        code, out, _ = vouchsafe("verify", *flags(services), *pinned, image)
        assert (code, "source-repository-identifier 666" in out) == (1, True)


def test_many_images_in_one_call(signer: Any, services: Services) -> None:
    """In their order, from one process; one index among them, signed with all its instances."""
    with RegistryServer(referrers="api") as registry:
        names = [f"group/app{number}" for number in range(8)]
        for name in names:
            push_image(registry.store, name, content=name.encode())
        push_index(registry.store, "group/index")
        signer(3).run("sign", "bundle-rekor2", *(registry.reference(name) for name in names))
        signer(3).run("sign", "bundle-rekor2", "--recursive", registry.reference("group/index"))
        images = [registry.reference(name) for name in (*names, "group/index")] * 6
        code, out, err = vouchsafe("verify", "-o", "json", *flags(services), *images)
        verdicts = json.loads(out)["verdicts"]
        assert (code, err) == (0, "")
        assert [verdict["reference"] for verdict in verdicts] == [f"docker://{image}" for image in images]


def test_a_bundle_from_a_file(signer: Any, services: Services, tmp_path: Path) -> None:
    """`cosign sign --bundle` writes it; with a digest, no registry is needed any more."""
    path = tmp_path / "app.sigstore.json"
    with RegistryServer() as registry:
        digest = push_image(registry.store, "group/app")
        image = registry.reference("group/app", digest)
        signer(3).run("sign", "bundle-rekor2", "--bundle", str(path), "--upload=false", image)
    assert vouchsafe("verify", *flags(services), "--bundle", path, image)[0] == 0
    code, out, _ = vouchsafe(
        "verify", *flags(services), "--bundle", path, image.replace("group/app", "group/b")
    )
    assert (code, str(digest) in out) == (0, True)
