"""Real cosign against `vouchsafe.testing`: it signs with our services, and judges what we make in memory."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from vouchsafe.testing.clock import RealClock
from vouchsafe.testing.keys import public_pem
from vouchsafe.testing.registry import BasicAccess, RegistryServer, TokenAccess, push_image
from vouchsafe.testing.registry_access import Access
from vouchsafe.testing.services import Services, SignatureForm
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.testing.wrongs import RIGHTS, WRONGS, Form, Specimen, cases

pytestmark = pytest.mark.peers
FORMS_OF_3: list[SignatureForm] = [
    "bundle-rekor2",
    "bundle-rekor1",
    "bundle-rekor1-tsa",
    "legacy",
    "legacy-tsa",
]
FORMS_OF_2: list[SignatureForm] = ["legacy", "legacy-tsa"]

COSIGN_CANNOT: dict[str, str | set[Form]] = {
    "bundle-0.1": "reads bundles from v0.3 on as referrers",
    "bundle-0.1-without-proof": "reads bundles from v0.3 on as referrers",
    "bundle-0.2": "reads bundles from v0.3 on as referrers",
    "stamp-without-promise": "wants the integrated time of a Rekor v1 entry even beside a timestamp",
    "issuer-v2-only": {"legacy", "legacy-tsa", "attestation"},  # reads the old extension only
    "managed-key-p384": "verifies keys with SHA-256 only, and signs with SHA-384",
    "managed-key-p521": "verifies keys with SHA-256 only, and signs with SHA-512",
}
_LAYERS: set[Form] = {"legacy", "legacy-tsa", "attestation"}
COSIGN_ACCEPTS: dict[str, str | set[Form]] = {
    "no-eku": "takes a certificate without usages for one with all",
    "leaf-is-ca": "does not look",
    "key-usage-without-signing": "does not look",
    "issuer-extensions-disagree": _LAYERS,  # reads the old extension only
    "issuer-extensions-disagree-in-1": {"bundle-rekor1", "bundle-rekor2"},  # reads the new one only
    "issuer-v2-trailing-der": _LAYERS,
    "issuer-v2-raw": _LAYERS,
    "issuer-v2-long-form": _LAYERS,
    "two-sans": _LAYERS,  # wants any of the names
    "san-of-other-kind": _LAYERS,
    "fork-merge-request": "was not asked for project and trigger",
    "project-registered-again": "was not asked for the project",
    "merge-request": "was not asked for the trigger",
    "log-window-over": {"bundle-rekor2"},  # no integrated time to compare, and the stamp's is not
    "log-window-not-yet": {"bundle-rekor2"},
    "proof-wrong-root": {"bundle-rekor2"},  # goes by the checkpoint's root
    "proof-index-beyond-size": {"bundle-rekor2"},  # goes by the entry's index
    "proof-size-differs": {"bundle-rekor2"},  # goes by the checkpoint's size
    "critical-type-wrong": "does not look",
    "predicate-type-wrong": "an attestation is a signature to it",
    "managed-key-predicate-wrong": "an attestation is a signature to it",
    "predicate-type-absent": {"bundle-rekor1", "bundle-rekor2"},
    "statement-type-wrong": "does not look",
    "too-many-subjects": {"attestation"},
    "duplicate-json-key-last": {"legacy", "legacy-tsa"},
}


def run(program: Path, *arguments: str, environment: dict[str, str] | None = None) -> tuple[int, str]:
    """Exit code and what was said on stderr."""
    done = subprocess.run(
        [program, *arguments],
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.fixture(scope="module")
def registry() -> Iterator[RegistryServer]:
    """A registry without the referrers API."""
    with RegistryServer() as running:
        yield running


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    """A Sigstore on the machine's clock."""
    with VirtualSigstore("cosign", clock=RealClock()).serve() as running:
        yield running


@pytest.fixture
def programs(request: pytest.FixtureRequest) -> Any:
    """cosign by its major version, skipped where it is missing."""
    return lambda major: request.getfixturevalue(f"cosign{major}")


ROWS: list[tuple[Literal[2, 3], SignatureForm]] = [(3, form) for form in FORMS_OF_3] + [
    (2, form) for form in FORMS_OF_2
]


@pytest.mark.parametrize("major, form", ROWS)
def test_cosign_signs_and_verifies(
    major: Literal[2, 3], form: SignatureForm, programs: Any, services: Services, registry: RegistryServer
) -> None:
    """A signature in every form that this cosign writes, read back by it and by cosign 3."""
    repository = f"sign-{major}-{form}"
    image = registry.reference(repository, push_image(registry.store, repository, content=form.encode()))
    flags = services.sign_flags(form, services.token(), cosign=major)
    assert run(programs(major), "sign", *flags, image, environment=services.environment)[0] == 0
    for version in {major, 3}:
        known = services.verify_flags(cosign=3 if version == 3 else 2)
        said = run(programs(version), "verify", *known, image, environment=services.environment)
        assert said[0] == 0, said[1]


@pytest.mark.parametrize("major, form", ROWS)
def test_cosign_attests_and_verifies(
    major: Literal[2, 3],
    form: SignatureForm,
    programs: Any,
    services: Services,
    registry: RegistryServer,
    tmp_path: Path,
) -> None:
    """An attestation in every form that this cosign writes, read back by it."""
    sbom = tmp_path / "sbom.json"
    sbom.write_text('{"bomFormat":"CycloneDX","specVersion":"1.6","components":[]}')
    repository = f"attest-{major}-{form}"
    image = registry.reference(repository, push_image(registry.store, repository, content=form.encode()))
    flags = services.sign_flags(form, services.token(), cosign=major)
    what = ["--type", "cyclonedx"]
    attest = ["attest", *what, "--predicate", str(sbom), *flags, image]
    assert run(programs(major), *attest, environment=services.environment)[0] == 0
    verify = ["verify-attestation", *what, *services.verify_flags(cosign=major), image]
    assert run(programs(major), *verify, environment=services.environment)[0] == 0


@pytest.mark.parametrize(
    "referrers", ["absent", "absent-json", "empty", "api", "api-unfiltered", "api-unannounced"]
)
def test_cosign_signs_whatever_the_referrers_are(referrers: Any, cosign3: Path, services: Services) -> None:
    """With and without the API: cosign finds its own bundle again."""
    with RegistryServer(referrers=referrers) as registry:
        image = registry.reference("app", push_image(registry.store, "app"))
        sign = ["sign", *services.sign_flags("bundle-rekor2", services.token()), image]
        assert run(cosign3, *sign, environment=services.environment)[0] == 0
        found = run(cosign3, "verify", *services.verify_flags(), image, environment=services.environment)
        assert (found[0] == 0) == (referrers != "empty"), found[1]  # cosign believes an empty list


@pytest.mark.parametrize("access", [BasicAccess({"alice": "secret"}), TokenAccess({"alice": "secret"})])
def test_cosign_logs_in(access: Access, cosign3: Path, services: Services, tmp_path: Path) -> None:
    """With a password or a token of the registry's realm, cosign pushes and pulls; without it may not."""
    with RegistryServer(access=access) as registry:
        image = registry.reference("group/app", push_image(registry.store, "group/app"))
        secret = base64.b64encode(b"alice:secret").decode()
        (tmp_path / "config.json").write_text(json.dumps({"auths": {registry.address: {"auth": secret}}}))
        sign = ["sign", *services.sign_flags("bundle-rekor2", services.token()), image]
        known = {**services.environment, "DOCKER_CONFIG": str(tmp_path)}
        assert run(cosign3, *sign, environment=services.environment)[0] != 0
        assert run(cosign3, *sign, environment=known)[0] == 0
        assert run(cosign3, "verify", *services.verify_flags(), image, environment=known)[0] == 0


def test_cosign_is_refused_without_a_configuration(
    cosign3: Path, services: Services, registry: RegistryServer
) -> None:
    """Fulcio wants to know which CI configuration signs."""
    image = registry.reference("refused", push_image(registry.store, "refused"))
    token = services.token(ci_config_ref_uri=...)
    code, said = run(
        cosign3, "sign", *services.sign_flags("bundle-rekor2", token), image, environment=services.environment
    )
    assert code != 0
    assert "ci_config_ref_uri" in said


def judge(
    specimen: Specimen, program: Path, registry: RegistryServer, repository: str, folder: Path
) -> tuple[int, str]:
    """What cosign says of a specimen whose image is in the registry."""
    specimen.push(registry.store, repository)
    root, key = folder / "root.json", folder / "key.pub"
    root.write_bytes(specimen.trusted_root)
    who = [
        "--certificate-identity",
        specimen.workload.subject,
        "--certificate-oidc-issuer",
        specimen.workload.issuer,
    ]
    if specimen.key is not None:
        key.write_bytes(public_pem(specimen.key.public_key()))
        who = ["--key", str(key)]
    flags = ["--offline", "--trusted-root", str(root), *who]
    if "unlogged" in specimen.name:
        flags.append("--insecure-ignore-tlog")
    if specimen.form == "attestation":
        command = ["verify-attestation", "--type", "cyclonedx"]
    elif specimen.is_bundle:
        command = ["verify"]
    else:
        command = ["verify", "--new-bundle-format=false"]
    if specimen.form == "legacy-tsa":
        flags.append("--use-signed-timestamps")
    return run(program, *command, *flags, registry.reference(repository, specimen.digest))


def excepted(table: dict[str, str | set[Form]], name: str, form: Form) -> bool:
    """Whether a table names this row."""
    row = table.get(name, set())
    return isinstance(row, str) or form in row


@pytest.mark.parametrize("name, form", [*cases(RIGHTS), *cases(WRONGS)])
def test_cosign_judges_specimens(
    name: str, form: Form, cosign3: Path, registry: RegistryServer, tmp_path: Path
) -> None:
    """Right things are accepted and wrong ones refused, but for what the tables say of cosign."""
    repository = f"specimen/{name}/{form}"
    digest = push_image(registry.store, repository, content=repository.encode())
    kind = (RIGHTS | WRONGS)[name]
    specimen = kind.make(form, digest=digest, reference=f"{registry.address}/{repository}")
    code, said = judge(specimen, cosign3, registry, repository, tmp_path)
    if name in RIGHTS:
        assert (code == 0) != excepted(COSIGN_CANNOT, name, form), said
    else:
        assert (code == 0) == excepted(COSIGN_ACCEPTS, name, form), said
