"""Where images come from: a real registry with real cosign's signatures, one with a password, mirrors, broken ones."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from tests.countersigning import Machine, Running
from tests.pulls import Fleet, Skopeo
from vouchsafe.testing.clock import RealClock
from vouchsafe.testing.faults import Fault, always
from vouchsafe.testing.loopback import Response
from vouchsafe.testing.registry import BasicAccess, TokenAccess
from vouchsafe.testing.registry_access import Access
from vouchsafe.testing.services import Services, SignatureForm
from vouchsafe.testing.sigstore import VirtualSigstore

pytestmark = pytest.mark.peers

PASSWORD = base64.b64encode(b"root:secret").decode()


@pytest.fixture(scope="module")
def sigstore() -> VirtualSigstore:
    """What real cosign signs with."""
    return VirtualSigstore("origins", clock=RealClock())


@pytest.fixture(scope="module")
def services(sigstore: VirtualSigstore) -> Iterator[Services]:
    """It, running."""
    with sigstore.serve() as running:
        yield running


@pytest.fixture
def machine(tmp_path: Path, sigstore: VirtualSigstore) -> Iterator[Machine]:
    """A host that accepts acme/app's main branch in acme/app."""
    with Machine.of_acme(tmp_path, sigstore=sigstore) as made:
        yield made


def sign(
    program: Path, major: Literal[2, 3], form: SignatureForm, services: Services, image: str, project: str
) -> None:
    """What a pipeline of that project does."""
    flags = services.sign_flags(form, services.token(project_path=project), cosign=major)
    done = subprocess.run(
        [program, "sign", *flags, image],
        env={**os.environ, **services.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_signed_by_cosign_in_a_real_registry(
    machine: Machine,
    services: Services,
    docker_registry: str,
    cosign2: Path,
    cosign3: Path,
    everyone: Fleet,
    openpgp_client: Skopeo,
) -> None:
    """distribution 2.8, `.sig` by cosign 2.5, bundles by cosign 3.1, of an image and of an index.

    Refused: unsigned, another pipeline's, unsigned under the tag of one that was signed, all in the same place.
    """
    skopeo = everyone["skopeo"]
    assert isinstance(skopeo, Skopeo)
    name = f"{docker_registry}/cosign/app"
    digests = {
        tag: machine.image("cosign/app", tag, content=tag.encode())
        for tag in ("two", "three", "unsigned", "foreign", "mutant")
    }
    digests["index"], instances = machine.index("cosign/app", "index")
    for tag in digests:
        source = f"docker://{machine.name('cosign/app')}:{tag}"
        skopeo.copy(source, f"docker://{name}:{tag}", "--all")
    for program, major, form, tag, project in (
        (cosign2, 2, "legacy", "two", "acme/app"),
        (cosign3, 3, "bundle-rekor2", "three", "acme/app"),
        (cosign3, 3, "bundle-rekor1", "index", "acme/app"),
        (cosign3, 3, "bundle-rekor2", "foreign", "evil/app"),
        (cosign2, 2, "legacy", "mutant", "acme/app"),
    ):
        sign(program, major, form, services, f"{name}@{digests[tag]}", project)  # type: ignore[arg-type]
    skopeo.copy(f"docker://{name}:unsigned", f"docker://{name}:mutant")
    machine.locations(f'[[registry]]\nlocation = "{docker_registry}"\ninsecure = true\n')
    good = (":two", ":three", ":index", f"@{digests['index']}", f"@{instances['arm64']}")
    bad = (":unsigned", ":foreign", ":mutant", f"@{digests['unsigned']}")
    machine.apply({name: [machine.keyless()]})
    with Running(machine):
        for image in good:
            everyone.accepts(name + image)
        for image in bad:
            everyone.only("skopeo", "podman").refuses(name + image, says="vouchsafe: rejected: ")
        everyone.accepts(f"{name}@{digests['mutant']}")
    machine.form = "openpgp"
    machine.apply()
    with Running(machine):
        for image in good:
            openpgp_client.accepts(name + image)
        for image in bad:
            openpgp_client.refuses(name + image)


@pytest.mark.parametrize("access", [BasicAccess({"root": "secret"}), TokenAccess({"root": "secret"})])
def test_a_private_registry(machine: Machine, fleet: Fleet, access: Access) -> None:
    """The client with its password and the service with root's: unsigned is refused, and all while one is missing."""
    machine.sign(machine.image())
    machine.image(tag="v2", content=b"unsigned")
    machine.registry.access = access
    auth = json.dumps({"auths": {machine.registry.address: {"auth": PASSWORD}}})
    mine = machine.write("auth.json", auth)
    for client in fleet.clients.values():
        client.variables["REGISTRY_AUTH_FILE"] = str(mine)
    with Running(machine):
        fleet.refuses(f"{machine.name()}:v1", says="undecided: registry-unauthorized")
    roots = machine.write("run/containers/0/auth.json", auth)
    roots.chmod(0o600)
    with Running(machine):
        fleet.accepts(f"{machine.name()}:v1")
        fleet.refuses(f"{machine.name()}:v2", says="rejected: unsigned")
        assert not [
            entry for entry in Path(machine.places.state).iterdir() if b"secret" in entry.read_bytes()
        ]


def test_through_a_mirror(machine: Machine, fleet: Fleet) -> None:
    """The policy speaks of the logical name, the client asks under the mirror's; each name has its own scope.

    One place under two names: each is accepted by what its own scope says.
    """
    far, near = "far.example/acme", f"{machine.registry.address}/mirror"
    machine.locations(
        f'[[registry]]\nprefix = "far.example"\nlocation = "far.example"\n'
        f'[[registry.mirror]]\nlocation = "{near}"\ninsecure = true\n'
        f'[[registry]]\nlocation = "{machine.registry.address}"\ninsecure = true\n'
    )
    machine.physical = {far: (f"{near}/acme",)}
    machine.apply({far: [machine.keyless()]})
    digest = machine.image("mirror/acme/app")
    machine.sign(digest, "mirror/acme/app", reference=f"{far}/app:v1")
    index, _ = machine.index("mirror/acme/multi")
    machine.sign(index, "mirror/acme/multi", reference=f"{far}/multi:v1")
    machine.image("mirror/acme/unsigned", content=b"unsigned")
    with Running(machine):
        fleet.accepts(f"{far}/app:v1")
        fleet.accepts(f"{far}/multi:v1")
        fleet.accepts(f"{far}/app@{digest}")
        fleet.refuses(f"{far}/unsigned:v1", says="rejected: unsigned")
        fleet.refuses(f"{near}/acme/app:v1")
        machine.apply({far: [machine.keyless()], f"{near}/acme": [machine.keyless()]})
        fleet.refuses(f"{near}/acme/app:v1")
        machine.sign(digest, "mirror/acme/app", reference=f"{near}/acme/app:v1")
    with Running(machine):
        fleet.accepts(f"{near}/acme/app:v1")
        fleet.accepts(f"{far}/app:v1")
        fleet.refuses(f"{near}/acme/unsigned:v1", says="rejected: unsigned")


@pytest.mark.parametrize("fault", ["evidence", "everything but the image"])
def test_a_registry_that_hides_evidence(machine: Machine, fleet: Fleet, fault: str) -> None:
    """It serves the image and not its signatures: nobody could tell, so nothing is pulled until somebody can."""
    digest = machine.image()
    machine.sign(digest)
    path = f"{digest.tag_prefix}.sig" if fault == "evidence" else digest.tag_prefix
    machine.registry.faults.append(Fault(always(Response(status=403)), path=path))
    with Running(machine):
        fleet.refuses(f"{machine.name()}:v1", says="undecided: ")
        machine.registry.faults.clear()
    with Running(machine):
        fleet.accepts(f"{machine.name()}:v1")


def test_a_registry_that_is_gone(machine: Machine, fleet: Fleet) -> None:
    """For the service alone: what was accepted stands, also after a restart. For the client: nothing is pulled."""
    digest = machine.image()
    machine.sign(digest)
    client = fleet["skopeo"]
    with Running(machine):
        fleet.accepts(f"{machine.name()}:v1")
        machine.registry.faults.append(Fault(always(Response(reset=True)), path=digest.tag_prefix))
    with Running(machine):
        fleet.accepts(f"{machine.name()}:v1")
        machine.registry.close()
        pulled, said = client.pull(f"{machine.name()}:v1")
        client.pulls.note(client.name, "v1", said, pulled=pulled, allowed=False)


def test_a_bundle_copied_between_two_projects(machine: Machine, everyone: Fleet) -> None:
    """The same group and the same pattern: a bundle names no repository, so it stays with its project (F3)."""
    pattern = r"https://gitlab\.example/acme/[a-z]+//\.gitlab-ci\.yml@refs/heads/main"
    rule = machine.keyless()
    rule["fulcio"]["identities"] = [{"oidcIssuer": "https://gitlab.example", "subjectRegexp": pattern}]
    machine.apply({machine.name("acme"): [rule]})
    for repository in ("acme/app", "acme/router"):
        machine.bundle(machine.image(repository), repository)
    with Running(machine):
        everyone.accepts(f"{machine.name()}:v1")
        everyone.refuses(f"{machine.name('acme/router')}:v1", says="rejected: repository-unbound")
