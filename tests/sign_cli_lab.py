"""What tests of `vouchsafe sign` and `attest` share: services and a registry on loopback, and a shell to run in."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli_lab import Ended, run
from vouchsafe.image.digest import Digest
from vouchsafe.testing.clock import RealClock
from vouchsafe.testing.registry import RegistryServer, push_image, push_index
from vouchsafe.testing.services import Services
from vouchsafe.testing.sigstore import VirtualSigstore

REPOSITORY = "group/app"
CYCLONEDX = {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": []}


class SignLab:
    """`image` is one manifest at v1, `index` two platforms at multi."""

    def __init__(self, services: Services, registry: RegistryServer, folder: Path) -> None:
        self.services = services
        self.sigstore = services.sigstore
        self.registry = registry
        self.folder = folder
        self.digest = push_image(registry.store, REPOSITORY)
        self.index, self.platforms = push_index(registry.store, REPOSITORY, "multi")
        self.image = registry.reference(REPOSITORY)
        self.multi = registry.reference(REPOSITORY, "multi")
        self.sbom = folder / "sbom.json"
        self.sbom.write_text(json.dumps(CYCLONEDX), encoding="utf-8")

    def flags(self, config: str = "v1_tsa") -> list[str]:
        """Services by signing config, and a registry without TLS."""
        named = str(self.services.folder / f"signing_config_{config}.json")
        root = ["--trusted-root", str(self.services.trusted_root)]
        return ["--signing-config", named, *root, "--tls-verify=false"]

    def sign(self, *words: object, config: str = "v1_tsa", command: str = "sign", **claims: Any) -> Ended:
        """Run it in this process with a new GitLab token; the image comes last where none is named."""
        os.environ["SIGSTORE_ID_TOKEN"] = self.services.token(**claims)
        try:
            return run(command, *self.flags(config), *words)
        finally:
            os.environ.pop("SIGSTORE_ID_TOKEN", None)

    def document(self, *words: object, **options: Any) -> dict[str, Any]:
        """The document that it prints."""
        ended = self.sign("-o", "json", *words, **options)
        assert ended.out, ended.err
        made: dict[str, Any] = ended.json
        return made

    def attached(self, suffix: str, digest: Digest | None = None) -> int:
        """How many signatures are at a tag of an image."""
        tag = (digest or self.digest).tag_prefix + suffix
        stored = self.registry.store.manifest(REPOSITORY, tag)
        return len(json.loads(stored.raw)["layers" if suffix else "manifests"]) if stored else 0


@contextmanager
def sign_lab(folder: Path, *, referrers: Any = "absent", delay_ms: float = 0) -> Iterator[SignLab]:
    """All servers, until the block ends."""
    sigstore = VirtualSigstore(clock=RealClock())
    with sigstore.serve(delay_ms=delay_ms) as services, RegistryServer(referrers=referrers) as registry:
        yield SignLab(services, registry, folder)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[SignLab]:
    """On a registry without the referrers API, as GitLab's is."""
    with sign_lab(tmp_path) as made:
        yield made


@pytest.fixture
def api_lab(tmp_path: Path) -> Iterator[SignLab]:
    """On a registry with it."""
    with sign_lab(tmp_path, referrers="api") as made:
        yield made


def with_programs(folder: Path, monkeypatch: pytest.MonkeyPatch, **programs: Path) -> None:
    """Programs under these names, and no others, in PATH."""
    place = folder / "bin"
    place.mkdir(exist_ok=True)
    for name, path in programs.items():
        (place / name).symlink_to(path)
    monkeypatch.setenv("PATH", str(place))
