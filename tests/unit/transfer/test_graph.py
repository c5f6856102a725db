"""What belongs to an image is found, wherever registries keep it; what cannot be read is told."""

from __future__ import annotations

from typing import Any

import pytest

from vouchsafe.errors import Unavailable
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import OCI_IMAGE, OCI_INDEX, Manifest
from vouchsafe.image.reference import Reference
from vouchsafe.testing.canonical import compact
from vouchsafe.testing.memory_registry import MemoryRegistry
from vouchsafe.testing.push import (
    add_fallback,
    push_attestation,
    push_bundle,
    push_image,
    push_index,
    push_signature,
)
from vouchsafe.testing.registry_store import RegistryStore
from vouchsafe.transfer import graph as graphs
from vouchsafe.transfer.graph import DEEPEST, Graph, explore

HERE = Reference.parse("registry.example/app:v1")


def explored(registry: MemoryRegistry) -> Graph:
    """All of the image `app:v1`."""
    root = registry.manifest(HERE, None)
    assert root is not None
    return explore(registry, HERE, root)


def refer(store: RegistryStore, subject: Digest, content: bytes, **more: Any) -> Digest:
    """A manifest that refers to another."""
    blob = store.put_blob("app", content)
    described = {"mediaType": "a/b", "digest": str(blob), "size": len(content)}
    raw = compact(
        {
            "schemaVersion": 2,
            "mediaType": OCI_IMAGE,
            "artifactType": "x/y",
            "config": described,
            "layers": [described],
            "subject": {"mediaType": OCI_IMAGE, "digest": str(subject), "size": 1},
            **more,
        }
    )
    return store.put_manifest("app", raw, OCI_IMAGE)


def entry(digest: Digest) -> dict[str, Any]:
    """An entry of an index."""
    return {"mediaType": OCI_IMAGE, "digest": str(digest), "size": 1}


def test_an_image_alone() -> None:
    """One manifest, nothing around it."""
    registry = MemoryRegistry()
    digest = push_image(registry.store, "app")
    found = explored(registry)
    assert (found.root, list(found.manifests), found.troubles) == (digest, [digest], ())
    around = found.around[digest]
    assert (around.companions, around.referrers, around.fallback, around.absent) == ({}, (), None, ())


@pytest.mark.parametrize("api", [True, False])
def test_an_index_with_everything(api: bool) -> None:
    """Signatures of both forms on the index and each platform, with and without the API."""
    registry = MemoryRegistry(referrers_api=api)
    root, platforms = push_index(registry.store, "app")
    everybody = (root, *platforms.values())
    bundles = {
        digest: push_bundle(registry.store, "app", digest, str(digest).encode(), fallback=not api)
        for digest in everybody
    }
    signatures = {d: push_signature(registry.store, "app", d, str(d).encode(), {}) for d in everybody}
    attestation = push_attestation(registry.store, "app", root, b"{}", {})
    found = explored(registry)
    assert set(found.manifests) == {*everybody, *bundles.values(), *signatures.values(), attestation}
    assert {digest: found.around[digest].referrers for digest in everybody} == {
        d: (b,) for d, b in bundles.items()
    }
    assert found.around[root].companions == {".sig": signatures[root], ".att": attestation}
    assert (found.around[root].fallback is None) == api


def test_both_ways_are_read_and_named_once() -> None:
    """A registry that got the API later."""
    registry = MemoryRegistry(referrers_api=True)
    root = push_image(registry.store, "app")
    old = push_bundle(registry.store, "app", root, b"old")
    new = refer(registry.store, root, b"new")
    assert explored(registry).around[root].referrers == (old, new)


def test_what_is_attached_to_attachments() -> None:
    """An SBOM that is signed itself."""
    registry = MemoryRegistry(referrers_api=True)
    root = push_image(registry.store, "app")
    sbom = refer(registry.store, root, b"sbom")
    signature = push_signature(registry.store, "app", sbom, b"payload", {})
    found = explored(registry)
    assert found.around[sbom].companions == {".sig": signature}
    assert signature in found.manifests


def test_what_is_listed_and_not_there() -> None:
    """Is absent; an index's missing platform is only not among the manifests."""
    registry = MemoryRegistry()
    platform = push_image(registry.store, "app", "")
    gone = Digest.of(b"gone")
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry(platform), entry(gone)]}
    root = registry.store.put_manifest("app", compact(index), OCI_INDEX, "v1")
    add_fallback(registry.store, "app", root, entry(gone))
    found = explored(registry)
    assert found.around[root].absent == (gone,)
    assert [each.digest in found.manifests for each in found.children(root)] == [True, False]
    assert found.children(gone) == ()


def test_what_cannot_be_asked_is_a_trouble() -> None:
    """By where it was looked for; the rest is found nevertheless."""
    bad = Digest.of(b"bad")

    def outage(method: str, what: str) -> None:
        if what.endswith(".att") or method == "referrers" or what == str(bad):
            raise Unavailable("timeout", "expected an answer, got none", retryable=True)

    registry = MemoryRegistry(before=outage)
    root = push_image(registry.store, "app")
    signature = push_signature(registry.store, "app", root, b"payload", {})
    add_fallback(registry.store, "app", root, entry(bad))
    found = explored(registry)
    assert signature in found.manifests
    origins = {trouble.origin for trouble in found.troubles}
    assert {f"tag {root.tag_prefix}.att", f"referrers of {root}", str(bad)} <= origins
    assert found.around[root].absent == ()


def test_a_list_that_is_none() -> None:
    """Somebody tagged an image as the list of referrers."""
    registry = MemoryRegistry()
    root = push_image(registry.store, "app")
    other = push_image(registry.store, "app", root.tag_prefix, content=b"other")
    found = explored(registry)
    assert (found.around[root].fallback, other in found.manifests) == (None, False)
    assert [trouble.error.code for trouble in found.troubles] == ["foreign-tag"]


def test_a_circle_of_tags_ends() -> None:
    """A tag may point back at the image."""
    registry = MemoryRegistry()
    root = push_image(registry.store, "app")
    registry.store.tag("app", f"{root.tag_prefix}.sig", root)
    found = explored(registry)
    assert (list(found.manifests), found.around[root].companions) == ([root], {".sig": root})


def test_a_chain_without_end_is_cut() -> None:
    """Attachments of attachments of attachments."""
    registry = MemoryRegistry(referrers_api=True)
    subject = push_image(registry.store, "app")
    for number in range(DEEPEST + 2):
        subject = refer(registry.store, subject, b"%d" % number)
    found = explored(registry)
    assert len(found.around) == DEEPEST
    assert [trouble.error.code for trouble in found.troubles] == ["limit-referrers"]


def test_junk_does_not_fill_the_memory() -> None:
    """Bytes of manifests are counted."""
    registry = MemoryRegistry(referrers_api=True)
    root = push_image(registry.store, "app")
    size = 3_900_000
    many = graphs.MOST_BYTES // size + 100
    image = registry.manifest(HERE, None)
    assert image is not None
    known: Manifest = image
    listed = [entry(Digest.of(b"%d" % number)) for number in range(many)]
    add_fallback(registry.store, "app", root, *listed)

    class Endless(MemoryRegistry):
        """Has every manifest there is, each of nearly four megabytes."""

        def manifest(self, reference: Reference, wanted: Any) -> Any:
            found = super().manifest(reference, wanted)
            if found is None and isinstance(wanted, Digest):
                return known.replace(digest=wanted, raw=bytes(size))
            return found

    endless = Endless(registry.store)
    found = explored(endless)
    assert sum(len(each.raw) for each in found.manifests.values()) <= graphs.MOST_BYTES
    assert "limit-referrers" in {trouble.error.code for trouble in found.troubles}
