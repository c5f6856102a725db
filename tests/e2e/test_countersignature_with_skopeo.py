"""A real skopeo enforces a countersignature from a file lookaside: who accepted, under which policy, until when."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tests.pulls import Pulls, Skopeo
from vouchsafe.countersign.authority import Authority
from vouchsafe.countersign.signature import payload, sigstore_blob
from vouchsafe.image.digest import Digest
from vouchsafe.policy import document
from vouchsafe.policy.compile import Compiled, Host, compile_policy
from vouchsafe.testing.annotations import SIGNATURE, simple_signing
from vouchsafe.testing.keys import KeySource, public_pem
from vouchsafe.testing.registry import RegistryServer, push_image, push_signature

OURS = {
    "type": "sigstoreSigned",
    "fulcio": {
        "identities": [{"gitlab": {"project": "acme/app", "projectID": "1", "ref": "refs/heads/main"}}]
    },
    "signedIdentity": {"type": "matchRepository"},
}


class Machine:
    """A host below a folder: its policy compiled, its CA, its lookaside of files."""

    def __init__(self, folder: Path, registry: RegistryServer, client: Skopeo) -> None:
        self.folder = folder
        self.registry = registry
        self.client = client
        self.image = registry.reference("acme/app")
        self.authority = Authority.make("machine", at=datetime.now(UTC))
        self.digest = push_image(registry.store, "acme/app")
        (folder / "ca.crt").write_bytes(self.authority.certificate_pem)
        (folder / "registries.d").mkdir()
        self.compiled = self.apply("acme")

    def apply(self, path: str, **more: Any) -> Compiled:
        """Compile a policy for everything below `path`, and put it in force."""
        scopes = {f"{self.registry.address}/{path}": [OURS], **more}
        policy = {"default": [{"type": "reject"}], "transports": {"docker": scopes}}
        read = document.parse(json.dumps(policy).encode(), dialect="vouchsafe", source="policy.json")
        host = Host(ca_path=str(self.folder / "ca.crt"), lookaside=f"file://{self.folder}/lookaside")
        compiled = compile_policy(read, host)
        (self.folder / "policy.json").write_bytes(compiled.policy)
        (self.folder / "registries.d" / "vouchsafe.yaml").write_bytes(compiled.registries)
        return compiled

    def countersign(
        self,
        *,
        marker: str = "",
        digest: Digest | None = None,
        name: str = "",
        age: timedelta = timedelta(0),
        authority: Authority | None = None,
    ) -> None:
        """Put a countersignature where the client looks, right but for what is given."""
        made_at = datetime.now(UTC) - age
        signer = authority or self.authority
        leaf = signer.issue((marker or self.compiled.countersigned[0].marker,), at=made_at)
        said = payload(digest or self.digest, name or f"{self.registry.address}/acme/app", made_at)
        place = self.folder / "lookaside" / self.registry.address / f"acme/app@sha256={self.digest.hex}"
        place.mkdir(parents=True, exist_ok=True)
        (place / "signature-1").write_bytes(sigstore_blob(said, leaf, signer.certificate_pem))


@pytest.fixture
def machine(tmp_path: Path, skopeo: Path, pulls: Pulls) -> Iterator[Machine]:
    """A host that enforces."""
    client = Skopeo(skopeo, tmp_path, tmp_path / "clients", pulls)
    with RegistryServer() as registry:
        yield Machine(tmp_path, registry, client)


def test_an_image_without_countersignature_is_refused(machine: Machine) -> None:
    """Absent is refused; with one it is pulled: without that, every refusal below would prove nothing."""
    machine.client.refuses(machine.image, says="no signature exists")
    machine.countersign()
    machine.client.accepts(machine.image)


@pytest.mark.parametrize(
    "change, says",
    [
        ({"age": timedelta(minutes=11)}, "expired"),
        ({"age": timedelta(minutes=-3)}, "not yet valid"),
        ({"marker": "0000.0000@vouchsafe.invalid"}, "Required email"),
        ({"name": "registry.example/acme/other"}, "not accepted"),
        ({"digest": Digest.of(b"another")}, "digest"),
        ({"authority": Authority.make("another machine", at=datetime(2026, 1, 1, tzinfo=UTC))}, "authority"),
    ],
)
def test_a_countersignature_that_is_wrong_in_one_way_is_refused(
    machine: Machine, change: dict[str, object], says: str
) -> None:
    """Expired, too early, of another epoch or scope, for another repository or image, by another machine."""
    machine.countersign(**change)  # type: ignore[arg-type]
    machine.client.refuses(machine.image, says=says)
    machine.countersign()
    machine.client.accepts(machine.image)


def test_a_policy_change_voids_what_was_countersigned(machine: Machine) -> None:
    """A harvested countersignature never crosses an epoch: the same scope of another policy, or another scope."""
    machine.countersign()
    machine.client.accepts(machine.image)
    machine.apply("acme", **{"elsewhere.example": [OURS]})
    machine.client.refuses(machine.image, says="Required email")
    machine.apply("acme")
    machine.client.accepts(machine.image)
    machine.apply("acme/app")
    machine.client.refuses(machine.image, says="Required email")


def test_a_vendors_key_below_a_scope_of_ours(machine: Machine) -> None:
    """Judged by the client itself, by a signature in the registry, with nobody of ours there."""
    key = KeySource("vendor").ec("vendor")
    (machine.folder / "vendor.pub").write_bytes(public_pem(key.public_key()))
    vendor = f"{machine.registry.address}/acme/vendor"
    by_key = {
        "type": "sigstoreSigned",
        "keyPath": str(machine.folder / "vendor.pub"),
        "signedIdentity": {"type": "matchRepository"},
    }
    machine.apply("acme", **{vendor: [by_key]})
    signed = push_image(machine.registry.store, "acme/vendor", content=b"vendor")
    push_image(machine.registry.store, "acme/vendor", "unsigned", content=b"somebody")
    payload = simple_signing(str(signed), vendor)
    signature = base64.b64encode(key.sign(payload, ec.ECDSA(hashes.SHA256()))).decode()
    push_signature(machine.registry.store, "acme/vendor", signed, payload, {SIGNATURE: signature})
    machine.client.accepts(f"{vendor}:v1")
    machine.client.refuses(f"{vendor}:unsigned")
