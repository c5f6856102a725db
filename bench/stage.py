"""The images that are verified, and what surrounds them: registry, network, trust root, both programs.

Everything is signed by a GitLab pipeline of a virtual Sigstore, in the forms that cosign 2 and 3 write.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.delay import delayed
from bench.registry import serving
from vouchsafe.image.digest import Digest
from vouchsafe.record import Record
from vouchsafe.testing.authorities import LogName
from vouchsafe.testing.clock import RealClock
from vouchsafe.testing.registry import RegistryStore, push_bundle, push_image, push_signatures
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.testing.workload import Workload, gitlab

ROOT = Path(__file__).resolve().parent.parent
COMMAND = Path(sys.executable).with_name("vouchsafe")
LOOPBACK = "loopback"
DELAY_MS = 20


class Sizes(Record):
    """How many of everything."""

    bundles: int = 100
    legacy: int = 200
    images: int = 50


class Stage(Record):
    """`addresses` of the one registry by the name of the network on the way to it."""

    sizes: Sizes
    addresses: dict[str, str]
    trusted_root: str
    signer: Workload
    cosign: str | None

    def ours(self, command: str, network: str, *images: str) -> list[str]:
        """`vouchsafe verify` or `explain`."""
        flags = ["--tls-verify=false", *self._flags()]
        return [str(COMMAND), command, *flags, *(f"{self.addresses[network]}/{each}" for each in images)]

    def theirs(self, network: str, image: str) -> list[str]:
        """`cosign verify` of the same."""
        assert self.cosign is not None
        return [self.cosign, "verify", *self._flags(), f"{self.addresses[network]}/{image}"]

    def _flags(self) -> list[str]:
        return [
            f"--trusted-root={self.trusted_root}",
            f"--certificate-identity={self.signer.subject}",
            f"--certificate-oidc-issuer={self.signer.issuer}",
        ]


@contextmanager
def staged(sizes: Sizes) -> Iterator[Stage]:
    """A filled registry, reachable at once and with a delay."""
    programs = peers()
    sigstore = VirtualSigstore(clock=RealClock())
    signer = gitlab()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="vouchsafe-bench-")))
        root = folder / "trusted_root.json"
        root.write_bytes(sigstore.trusted_root())
        registry = Path(programs["docker-registry"]) if "docker-registry" in programs else None
        address = stack.enter_context(serving(_filled(sigstore, signer, sizes), registry, folder))
        yield Stage(
            sizes=sizes,
            addresses={
                LOOPBACK: address,
                f"{DELAY_MS} ms": stack.enter_context(delayed(address, DELAY_MS)),
            },
            trusted_root=str(root),
            signer=signer,
            cosign=programs.get("cosign3"),
        )


def peers() -> dict[str, str]:
    """Paths of what `make peers` fetched, by name."""
    try:
        manifest = json.loads((ROOT / ".peers" / "peers.json").read_text(encoding="utf-8"))
    except OSError:
        return {}
    return {name: entry["argv"][0] for name, entry in manifest["peers"].items()}


def _filled(sigstore: VirtualSigstore, signer: Workload, sizes: Sizes) -> RegistryStore:
    store = RegistryStore()
    filler = _Filler(store, sigstore, signer)
    filler.legacy("one/legacy", [signer])
    filler.bundles("one/rekor1", [signer])
    filler.bundles("one/rekor2", [signer], tsa=True)
    # Signed again and again, as a nightly job does; then once by us, after many others.
    filler.bundles("many/bundles", [signer] * sizes.bundles)
    filler.bundles("many/bundles-last", [*_others(sizes.bundles - 1), signer])
    filler.legacy("many/legacy", [signer] * sizes.legacy)
    filler.legacy("many/legacy-last", [*_others(sizes.legacy - 1), signer])
    for number in range(sizes.images):
        make = filler.bundles if number % 2 else filler.legacy
        make(f"fleet/app-{number}", [signer])
    return store


def fleet_of(sizes: Sizes) -> list[str]:
    """The images of an estate, half of them with bundles."""
    return [f"fleet/app-{number}:v1" for number in range(sizes.images)]


def _others(count: int) -> list[Workload]:
    return [gitlab(project_path=f"others/project-{number}") for number in range(count)]


class _Filler:
    def __init__(self, store: RegistryStore, sigstore: VirtualSigstore, signer: Workload) -> None:
        self._store = store
        self._sigstore = sigstore

    def legacy(self, repository: str, signers: list[Workload]) -> None:
        digest = self._image(repository)
        name = f"registry.example/{repository}"
        signed = [self._sigstore.sign_legacy(digest, name, each) for each in signers]
        push_signatures(self._store, repository, digest, signed)

    def bundles(self, repository: str, signers: list[Workload], *, tsa: bool = False) -> None:
        digest = self._image(repository)
        log: LogName = "rekor2" if tsa else "rekor1"
        for each in signers:
            push_bundle(self._store, repository, digest, self._sigstore.bundle(digest, each, log=log))

    def _image(self, repository: str) -> Digest:
        return push_image(self._store, repository, content=repository.encode())
