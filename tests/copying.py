"""What tests of copying share: images with everything around them, and how two places are compared."""

from __future__ import annotations

from tests.cli_lab import Ended, run
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference
from vouchsafe.testing.memory_registry import MemoryRegistry
from vouchsafe.testing.push import push_attestation, push_bundle, push_index, push_signature
from vouchsafe.testing.registry_server import RegistryServer
from vouchsafe.testing.registry_store import RegistryStore
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.transfer.copy import missing_from
from vouchsafe.transfer.graph import Graph, explore

PLAIN = "--tls-verify=false"


def copy(*words: object) -> Ended:
    """`vouchsafe copy` between loopback registries."""
    return run("copy", PLAIN, *words)


def fill(server: RegistryServer, sigstore: VirtualSigstore, repository: str = "group/app") -> list[Digest]:
    """An index of two platforms; each of the three signed in both forms and attested. Index first."""
    api = server.referrers_mode.startswith("api")
    root, platforms = push_index(server.store, repository)
    everybody = [root, *platforms.values()]
    name = f"{server.address}/{repository}"
    for digest in everybody:
        push_signature(server.store, repository, digest, *sigstore.sign_legacy(digest, name))
        push_attestation(server.store, repository, digest, *sigstore.attest_legacy(digest, name))
        push_bundle(server.store, repository, digest, sigstore.bundle(digest), fallback=not api)
    return everybody


def graph_of(server: RegistryServer, repository: str, wanted: str = "v1") -> Graph:
    """Everything of an image, as a reader of that registry finds it."""
    registry = MemoryRegistry(server.store, referrers_api=server.referrers_mode.startswith("api"))
    reference = Reference.parse(f"registry.example/{repository}:{wanted}")
    root = registry.manifest(reference, None)
    assert root is not None
    return explore(registry, reference, root)


def differences(there: Graph, ours: Graph) -> list[str]:
    """What of ours is not there."""
    return missing_from(there, ours)


def contents(store: RegistryStore, repository: str) -> dict[str, str]:
    """A repository's tags and what they show."""
    return {tag: str(store.resolve(repository, tag)) for tag in store.tags(repository)}
