"""What tests of the command line share: signed and unsigned images in a registry and on disk, and how to run it.

One VirtualSigstore on the machine's clock, because the command has no other; every image in its own
repository, and each also as an OCI layout.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests import documents
from vouchsafe.cli import main
from vouchsafe.image.digest import Digest
from vouchsafe.testing.clock import RealClock
from vouchsafe.testing.keys import public_pem
from vouchsafe.testing.layout import write_layout
from vouchsafe.testing.registry import (
    RegistryServer,
    push_attestation,
    push_bundle,
    push_image,
    push_index,
    push_signature,
)
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.testing.workload import gitlab

ISSUER = "https://gitlab.example"
MAIN = "https://gitlab.example/group/project//.gitlab-ci.yml@refs/heads/main"
FEATURE = "https://gitlab.example/group/project//.gitlab-ci.yml@refs/heads/feature"
CYCLONEDX = "https://cyclonedx.org/bom"


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The document that it printed."""
        return json.loads(self.out)


class Lab:
    """`folder/<image>` is the layout of `group/<image>`; `root.json` and `cosign.pub` lie beside them."""

    def __init__(self, folder: Path, server: RegistryServer) -> None:
        self.folder = folder
        self.server = server
        self.sigstore = VirtualSigstore(clock=RealClock())
        self.digests: dict[str, Digest] = {}
        self.root = folder / "root.json"
        self.root.write_bytes(self.sigstore.trusted_root())
        self.key = folder / "cosign.pub"
        signer = self.sigstore.keys.ec("somebody")
        self.key.write_bytes(public_pem(signer.public_key()))
        self._fill(signer)
        for image in self.digests:
            write_layout(server.store, f"group/{image}", folder / image)

    def _fill(self, signer: object) -> None:
        self.image("signed", lambda digest, name: self.sign(name, digest))
        self.image("bundled", lambda digest, name: self.bundle(name, self.sigstore.bundle(digest)))
        self.image("unsigned")
        feature = gitlab(ref="refs/heads/feature")
        self.image("feature", lambda digest, name: self.bundle(name, self.sigstore.bundle(digest, feature)))
        borrowed = gitlab(
            project_path="mallory/project",
            pipeline_source="merge_request_event",
            ci_config_ref_uri="gitlab.example/group/project//.gitlab-ci.yml@refs/heads/main",
        )
        self.image("borrowed", lambda digest, name: self.bundle(name, self.sigstore.bundle(digest, borrowed)))
        self.image("attested", self._attest)
        self.image("keyed", lambda digest, name: self.sign(name, digest, key=signer, log=None))
        digest, _ = push_index(self.server.store, "group/index")
        self.digests["index"] = digest
        self.sign("index", digest)

    def image(self, name: str, attach: Callable[[Digest, str], object] | None = None) -> None:
        """One image, and what is attached to it."""
        digest = push_image(self.server.store, f"group/{name}", content=name.encode())
        self.digests[name] = digest
        if attach is not None:
            attach(digest, name)

    def sign(self, name: str, digest: Digest, **options: object) -> None:
        """A `.sig` layer."""
        reference = f"{self.server.address}/group/{name}"
        made = self.sigstore.sign_legacy(digest, reference, **options)  # type: ignore[arg-type]
        push_signature(self.server.store, f"group/{name}", digest, *made)

    def bundle(self, name: str, bundle: bytes) -> None:
        """A referrer, with its fallback tag."""
        push_bundle(self.server.store, f"group/{name}", self.digests[name], bundle)

    def _attest(self, digest: Digest, name: str) -> None:
        reference = f"{self.server.address}/group/{name}"
        push_attestation(
            self.server.store, f"group/{name}", digest, *self.sigstore.attest_legacy(digest, reference)
        )

    def docker(self, name: str) -> str:
        """The image's reference in the registry."""
        return self.server.reference(f"group/{name}")

    def oci(self, name: str) -> str:
        """The image's reference on disk."""
        return f"oci:{self.folder / name}:v1"

    def flags(self, identity: str = MAIN) -> list[str]:
        """Whom most tests accept, and how the registry is reached."""
        who = ["--certificate-identity", identity, "--certificate-oidc-issuer", ISSUER]
        return [*who, "--trusted-root", str(self.root), "--tls-verify=false"]


def run(*words: object) -> Ended:
    """Run the command in this process; a document that it prints is by its schema."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main([str(word) for word in words])
        except SystemExit as left:
            code = int(left.code or 0)
    documents.check(words, out.getvalue())
    return Ended(code, out.getvalue(), err.getvalue())


def written(folder: Path, name: str, text: str) -> Path:
    """A file."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def need_no_policy_here() -> None:
    """Skip where this machine has a policy, which a command without flags would go by."""
    if os.path.exists("/etc/vouchsafe"):
        pytest.skip("this machine has a policy of its own in /etc/vouchsafe")


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> object:
    """The images; made once, and changed by nobody."""
    with RegistryServer() as server:
        yield Lab(tmp_path_factory.mktemp("lab"), server)


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Help is as wide for everybody."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "COLUMNS" in os.environ
