"""The images of an estate, signed by one pipeline: what hosts ask about all day, and what they ask about once.

Half of what is signed has a `.sig`, half a bundle. What is not pulled is not tagged: an unsigned image makes
the countersigner look through its repository's tags for an index, and these have none to look through.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.delay import delayed
from bench.host import Host
from bench.registry import fill, running
from bench.stage import DELAY_MS, LOOPBACK, Stage, peers
from bench.stage import Sizes as StageSizes
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import OCI_IMAGE
from vouchsafe.record import Record
from vouchsafe.testing.canonical import compact
from vouchsafe.testing.clock import RealClock
from vouchsafe.testing.push import OCI_CONFIG, OCI_LAYER
from vouchsafe.testing.registry import RegistryStore, push_bundle, push_image, push_signature
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.testing.workload import Workload, gitlab

DELAYED = f"{DELAY_MS} ms"
GROUP = "group/project"  # whose pipeline signs
SMALL, LARGE = "64 KiB", "64 MiB"  # layers of images that are pulled
LAYER_BYTES = {SMALL: 64 * 1024, LARGE: 64 * 1024 * 1024}
LEGACY, BUNDLE = "`.sig`", "bundle"
FORMS = (LEGACY, BUNDLE)
WARM_PLACES, MANY_PLACES = 20, 250  # repositories: of one, 32 tags or manifests are looked at in a minute


class Sizes(Record):
    """How many of everything; `rounds` of what is measured in pairs, besides one that is not counted."""

    warm: int = 200
    new: int = 400
    rounds: int = 21
    many: int = 10_000
    large_bytes: int = LAYER_BYTES[LARGE]


class Image(Record):
    """`repository` without its registry."""

    repository: str
    digest: str
    signed: bool = True


class Images(Record):
    """`cold` by network and form, `pulled` by layer: the first again and again, the others once."""

    warm: tuple[Image, ...]
    new: tuple[Image, ...]
    cold: dict[tuple[str, str], tuple[Image, ...]]
    pulled: dict[str, tuple[Image, ...]]
    many: tuple[Image, ...]


class Estate(Record):
    """The host that judges, the programs beside it, and what there is to judge."""

    host: Host
    stage: Stage
    skopeo: str | None
    images: Images


@contextmanager
def estate(sizes: Sizes) -> Iterator[Estate]:
    """A filled registry, reachable at once and with a delay, and an enabled host."""
    programs = peers()
    sigstore, signer = VirtualSigstore(clock=RealClock()), gitlab()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="vouchsafe-bench-")))
        registry = Path(programs["docker-registry"]) if "docker-registry" in programs else None
        address = stack.enter_context(running(registry, folder))
        addresses = {LOOPBACK: address, DELAYED: stack.enter_context(delayed(address, DELAY_MS))}
        filler = _Filler(sigstore, signer, addresses)
        images = filler.images(sizes)
        fill(address, filler.store, filler.untagged)
        host = Host(folder / "host", tuple(addresses.values()), sigstore.trusted_root(), signer)
        stack.callback(host.stop)
        yield Estate(
            host=host,
            stage=Stage(
                sizes=StageSizes(),
                addresses=addresses,
                trusted_root=str(host.folder / "etc/trusted_root.json"),
                signer=signer,
                cosign=programs.get("cosign3"),
            ),
            skopeo=programs.get("skopeo"),
            images=images,
        )


class _Filler:
    def __init__(self, sigstore: VirtualSigstore, signer: Workload, addresses: dict[str, str]) -> None:
        self.store = RegistryStore()
        self.untagged: dict[str, list[Digest]] = {}
        self._sigstore = sigstore
        self._signer = signer
        self._addresses = addresses

    def images(self, sizes: Sizes) -> Images:
        """All of them."""
        layers = LAYER_BYTES | {LARGE: sizes.large_bytes}
        return Images(
            warm=tuple(
                self._untagged(f"warm-{n % WARM_PLACES}", n, FORMS[n % len(FORMS)]) for n in range(sizes.warm)
            ),
            new=tuple(
                self._untagged(f"new-{n % WARM_PLACES}", n, FORMS[n % len(FORMS)]) for n in range(sizes.new)
            ),
            cold={
                (network, form): tuple(
                    self._untagged(f"cold-{network.split()[0]}-{number}", n, form, network)
                    for n in range(sizes.rounds + 1)
                )
                for network in self._addresses
                for number, form in enumerate(FORMS)
            },
            pulled={
                kind: tuple(
                    self._tagged(f"pulled-{size}-{n}", os.urandom(size), FORMS[n % len(FORMS)])
                    for n in range(1 + 2 * (sizes.rounds + 1) if kind == SMALL else 1)
                )
                for kind, size in layers.items()
            },
            many=tuple(
                self._untagged(
                    f"many-{n % MANY_PLACES}", n, (*FORMS, "", "")[n // MANY_PLACES % (2 * len(FORMS))]
                )
                for n in range(sizes.many)
            ),
        )

    def _tagged(self, name: str, layer: bytes, form: str) -> Image:
        repository = f"{GROUP}/{name}"
        digest = push_image(self.store, repository, "v1", content=layer)
        self._sign(repository, digest, form, LOOPBACK)
        return Image(repository=repository, digest=str(digest))

    def _untagged(self, name: str, number: int, form: str, network: str = LOOPBACK) -> Image:
        """Told from others by an annotation, so that all of a repository share their blobs."""
        repository = f"{GROUP}/{name}"
        manifest = {
            "schemaVersion": 2,
            "mediaType": OCI_IMAGE,
            "config": self._blob(repository, OCI_CONFIG, b"{}"),
            "layers": [self._blob(repository, OCI_LAYER, b"layer")],
            "annotations": {"org.example.number": str(number)},
        }
        digest = self.store.put_manifest(repository, compact(manifest), OCI_IMAGE)
        self.untagged.setdefault(repository, []).append(digest)
        if form:
            self._sign(repository, digest, form, network)
        return Image(repository=repository, digest=str(digest), signed=bool(form))

    def _sign(self, repository: str, digest: Digest, form: str, network: str) -> None:
        if form == LEGACY:
            name = f"{self._addresses[network]}/{repository}"
            push_signature(
                self.store, repository, digest, *self._sigstore.sign_legacy(digest, name, self._signer)
            )
        else:
            push_bundle(self.store, repository, digest, self._sigstore.bundle(digest, self._signer))

    def _blob(self, repository: str, media_type: str, content: bytes) -> dict[str, object]:
        digest = self.store.put_blob(repository, content)
        return {"mediaType": media_type, "digest": str(digest), "size": len(content)}
