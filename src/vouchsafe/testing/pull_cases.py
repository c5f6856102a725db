"""Images that a host must pull and images that it must refuse, each wrong in one way, by name.

They have real layers, so that podman unpacks them. All lie in the project's own part of the registry but for
the one whose point is that it does not.
"""

from __future__ import annotations

import io
import tarfile

from vouchsafe.image.digest import Digest
from vouchsafe.record import Record
from vouchsafe.testing.push import push_bundle, push_image, push_index, push_signature
from vouchsafe.testing.registry_server import RegistryServer
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.testing.workload import Workload, gitlab

PROJECT = "group/project"
ELSEWHERE = "other/project"
OTHER_REF = "refs/heads/feature"


class Pull(Record):
    """An image by its tag, and whether a host may pull it under the project's policy."""

    name: str
    reference: str
    digest: Digest
    allowed: bool
    why: str


def layer(content: bytes) -> bytes:
    """A layer that unpacks: a tar archive of one file."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        entry = tarfile.TarInfo("content")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return written.getvalue()


class Shelf:
    """Puts images into a registry and signatures beside them."""

    def __init__(self, registry: RegistryServer, sigstore: VirtualSigstore) -> None:
        self._registry = registry
        self._store = registry.store
        self._sigstore = sigstore

    def fill(self) -> tuple[Pull, ...]:
        """Every case."""
        return (*self._allowed(), *self._refused(), *self._by_tag())

    def _allowed(self) -> tuple[Pull, ...]:
        legacy = self._image("legacy")
        self._sign("legacy", legacy)
        bundled = self._image("bundle")
        push_bundle(self._store, f"{PROJECT}/bundle", bundled, self._sigstore.bundle(bundled))
        index, _ = push_index(self._store, f"{PROJECT}/index", contents=layer)
        self._sign("index", index)
        return (
            self._pull("legacy", legacy, allowed=True, why="signed, as .sig"),
            self._pull("bundle", bundled, allowed=True, why="signed, as a bundle"),
            self._pull("index", index, allowed=True, why="a signed index, whose instances are not signed"),
        )

    def _refused(self) -> tuple[Pull, ...]:
        unsigned = self._image("unsigned")
        self._sign("mutant", self._image("mutant"))
        mutant = self._image("mutant", content=b"mutated")
        stranger = self._image("stranger")
        self._sign("stranger", stranger, gitlab(ref=OTHER_REF))
        moved = self._image("moved", content=b"legacy")
        self._sign("moved", moved, named="legacy")
        tampered = self._image("tampered")
        self._sign("tampered", tampered, spoiled=True)
        elsewhere = push_image(self._store, f"{ELSEWHERE}/copied", content=layer(b"bundle"))
        push_bundle(self._store, f"{ELSEWHERE}/copied", elsewhere, self._sigstore.bundle(elsewhere))
        return (
            self._pull("unsigned", unsigned, allowed=False, why="not signed"),
            self._pull("mutant", mutant, allowed=False, why="not signed, under the tag of one that was"),
            self._pull("stranger", stranger, allowed=False, why="signed by another pipeline"),
            self._pull("moved", moved, allowed=False, why="signed as another repository"),
            self._pull("tampered", tampered, allowed=False, why="the signature was tampered with"),
            Pull(
                name="elsewhere",
                reference=self._registry.reference(f"{ELSEWHERE}/copied"),
                digest=elsewhere,
                allowed=False,
                why="copied with its bundle beside another project's images",
            ),
        )

    def _by_tag(self) -> tuple[Pull, ...]:
        """One digest under a tag whose scope accepts its signer, and re-tagged where it does not."""
        digest = self._image("tagged", tag="dev")
        self._image("tagged", tag="prod")
        self._sign("tagged", digest, gitlab(ref=OTHER_REF))
        return tuple(
            Pull(
                name=f"tagged-{tag}",
                reference=self._registry.reference(f"{PROJECT}/tagged", tag),
                digest=digest,
                allowed=tag == "dev",
                why=why,
            )
            for tag, why in (
                ("dev", "its scope accepts its signer"),
                ("prod", "re-tagged under a stricter scope"),
            )
        )

    def _image(self, name: str, *, content: bytes = b"", tag: str = "v1") -> Digest:
        return push_image(self._store, f"{PROJECT}/{name}", tag, content=layer(content or name.encode()))

    def _sign(
        self,
        name: str,
        digest: Digest,
        identity: Workload | None = None,
        *,
        named: str = "",
        spoiled: bool = False,
    ) -> None:
        reference = f"{self._registry.address}/{PROJECT}/{named or name}"
        payload, annotations = self._sigstore.sign_legacy(digest, reference, identity)
        if spoiled:
            payload = payload.replace(b'"optional":null', b'"optional":{}')
        push_signature(self._store, f"{PROJECT}/{name}", digest, payload, annotations)

    def _pull(self, name: str, digest: Digest, *, allowed: bool, why: str) -> Pull:
        reference = self._registry.reference(f"{PROJECT}/{name}")
        return Pull(name=name, reference=reference, digest=digest, allowed=allowed, why=why)
