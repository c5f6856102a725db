"""Multi-arch images and real clients: skopeo and podman ask for the instance, bootc's proxy for the list.

What each client does with an index that somebody else put together is written down here, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.countersigning import Machine, Running, Shifted
from tests.pulls import Fleet, Skopeo
from vouchsafe.countersign.lists import MOST_LOOKED
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import OCI_INDEX
from vouchsafe.policy.revocation import Tombstone
from vouchsafe.testing.workload import gitlab

pytestmark = pytest.mark.peers

DEV = "https://gitlab.example/acme/app//.gitlab-ci.yml@refs/heads/dev"
DEVELOPER = gitlab(project_path="acme/app", ref="refs/heads/dev")
HERE, THERE = "amd64", "arm64"


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A host that accepts acme/app's main branch in acme/app."""
    with Machine.of_acme(tmp_path, clock=Shifted()) as made:
        yield made


def put_index(machine: Machine, tag: str, *entries: tuple[Digest, str], **more: Any) -> Digest:
    """An index of somebody's own making: which digest for which architecture."""
    listed = []
    for digest, architecture in entries:
        stored = machine.registry.store.manifest("acme/app", str(digest))
        assert stored is not None
        platform = {"os": "linux", "architecture": architecture}
        listed.append(
            {
                "mediaType": stored.media_type,
                "digest": str(digest),
                "size": len(stored.raw),
                "platform": platform,
            }
        )
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": listed, **more}
    return machine.registry.store.put_manifest("acme/app", json.dumps(document).encode(), OCI_INDEX, tag)


def test_only_the_index_is_signed(machine: Machine, everyone: Fleet) -> None:
    """By tag, by the list's digest, by an instance's own, and all of them; of another list, none in any way."""
    (index, instances), (other, others) = machine.index(), machine.index(tag="v2", salt=b"unsigned")
    machine.sign(index)
    with Running(machine):
        for good in (":v1", f"@{index}", f"@{instances[HERE]}", f"@{instances[THERE]}"):
            everyone.accepts(machine.name() + good)
        for bad in (":v2", f"@{other}", f"@{others[HERE]}"):
            everyone.refuses(machine.name() + bad)
        everything = ("--multi-arch", "all")
        everyone["skopeo"].accepts(f"{machine.name()}:v1", *everything)
        everyone["skopeo_old"].accepts(f"{machine.name()}@{index}", *everything)
        everyone["skopeo"].refuses(f"{machine.name()}:v2", *everything)
        everyone["skopeo_old"].refuses(f"{machine.name()}@{other}", *everything)
        everyone["podman"].accepts(f"{machine.name()}:v1", "--arch", THERE)
        everyone["podman"].refuses(f"{machine.name()}:v2", "--arch", THERE)


def test_only_the_index_is_signed_on_debian_12(machine: Machine, openpgp_client: Skopeo) -> None:
    """The same, with the only form that it reads."""
    machine.form = "openpgp"
    machine.apply()
    (index, instances), (other, others) = machine.index(), machine.index(tag="v2", salt=b"unsigned")
    machine.bundle(index)
    with Running(machine):
        for good in (":v1", f"@{index}", f"@{instances[THERE]}"):
            openpgp_client.accepts(machine.name() + good)
        openpgp_client.accepts(f"{machine.name()}:v1", "--multi-arch", "all")
        for bad in (":v2", f"@{other}", f"@{others[THERE]}"):
            openpgp_client.refuses(machine.name() + bad)
        openpgp_client.refuses(f"{machine.name()}:v2", "--multi-arch", "all")


def test_only_one_instance_is_signed(machine: Machine, everyone: Fleet) -> None:
    """A list is never accepted because an instance is: bootc's proxy asks for the list, and is refused."""
    index, instances = machine.index()
    machine.sign(instances[HERE])
    with Running(machine):
        for image in (":v1", f"@{index}"):
            everyone.accepts(machine.name() + image, but=("proxy",))
            everyone["proxy"].refuses(machine.name() + image, says="rejected: unsigned")
        everyone.accepts(f"{machine.name()}@{instances[HERE]}")
        everyone.refuses(f"{machine.name()}@{instances[THERE]}")
        everyone["skopeo"].refuses(f"{machine.name()}:v1", "--multi-arch", "all")


def test_a_list_with_swapped_platforms(machine: Machine, everyone: Fleet) -> None:
    """Somebody else's list says that the signed arm64 image is for amd64: skopeo and podman take what is signed.

    The instance is what the policy accepts, so no pull is wrong; that it is for another machine nobody's
    signature denies. bootc's proxy refuses the list.
    """
    index, instances = machine.index()
    machine.sign(index)
    unsigned = machine.image(tag="", content=b"unsigned")
    put_index(machine, "swapped", (instances[THERE], HERE), (instances[HERE], THERE))
    put_index(machine, "mixed", (unsigned, HERE), (instances[HERE], THERE))
    with Running(machine):
        everyone.accepts(f"{machine.name()}:v1")
        everyone.accepts(f"{machine.name()}:swapped", but=("proxy",))
        everyone["proxy"].refuses(f"{machine.name()}:swapped")
        everyone.refuses(f"{machine.name()}:mixed")


def test_a_list_with_an_old_instance(machine: Machine, fleet: Fleet) -> None:
    """Signed once, and too old by now: no list brings it back."""
    machine.clock.by = -timedelta(hours=2)  # type: ignore[attr-defined]
    old = machine.image(tag="", content=b"old")
    machine.sign(old)
    machine.clock.by = timedelta(0)  # type: ignore[attr-defined]
    index, instances = machine.index()
    machine.sign(index)
    put_index(machine, "old", (old, HERE), (instances[THERE], THERE))
    machine.apply({machine.name(): {"requirements": [machine.keyless()], "maxAge": "1h"}})
    with Running(machine):
        fleet.accepts(f"{machine.name()}:v1")
        fleet.refuses(f"{machine.name()}:old")
        fleet.refuses(f"{machine.name()}@{old}")


def test_a_list_in_a_list(machine: Machine, everyone: Fleet) -> None:
    """A signed index of indexes speaks neither for the inner one nor for its instances: one level is judged."""
    inner, instances = machine.index(tag="inner")
    outer = put_index(machine, "outer", (inner, HERE))
    machine.sign(outer)
    good, _ = machine.index(tag="good", salt=b"good")
    machine.sign(good)
    with Running(machine):
        everyone.accepts(f"{machine.name()}:good")
        everyone.refuses(f"{machine.name()}:inner")
        everyone.refuses(f"{machine.name()}@{instances[HERE]}")
        for name, client in everyone.clients.items():
            pulled, said = client.pull(f"{machine.name()}:outer")
            # The proxy opens the list itself, which is signed; nobody gets at what is inside.
            client.pulls.note(client.name, "outer", said, pulled=pulled, allowed=name == "proxy")


def test_a_document_that_is_both(machine: Machine, everyone: Fleet) -> None:
    """Index and image at once, and signed as it is (CVE-2021-41190): it names no instance.

    skopeo and podman refuse to read it; the proxy opens the digest that was signed, and reads it as they do.
    """
    index, instances = machine.index(tag="")
    listing, image = (
        machine.registry.store.manifest("acme/app", str(each)) for each in (index, instances[HERE])
    )
    assert listing is not None
    assert image is not None
    # Each half is sound, so that nothing but there being two can be held against it.
    halves = json.loads(listing.raw) | {key: json.loads(image.raw)[key] for key in ("config", "layers")}
    both = machine.registry.store.put_manifest("acme/app", json.dumps(halves).encode(), OCI_INDEX, "both")
    machine.sign(both)
    machine.sign(machine.image(content=b"good"))
    with Running(machine):
        everyone.accepts(f"{machine.name()}:v1")
        everyone.refuses(f"{machine.name()}@{instances[HERE]}")
        for name, client in everyone.clients.items():
            pulled, said = client.pull(f"{machine.name()}:both")
            client.pulls.note(client.name, "both", said, pulled=pulled, allowed=name == "proxy")


def test_an_index_of_a_sibling(machine: Machine, fleet: Fleet) -> None:
    """Signed in another repository, under the same scope: it speaks for nothing here."""
    machine.apply({machine.name("acme"): [machine.keyless()]})
    index, _ = machine.index("acme/sibling")
    machine.sign(index, "acme/sibling")
    machine.index()
    with Running(machine):
        fleet.accepts(f"{machine.name('acme/sibling')}:v1")
        fleet.refuses(f"{machine.name()}:v1")


def test_an_index_of_another_scope(machine: Machine, fleet: Fleet) -> None:
    """What a tag's scope accepts is pulled by that tag alone."""
    machine.apply({machine.name(): [machine.keyless()], f"{machine.name()}:dev": [machine.keyless(DEV)]})
    index, _ = machine.index(tag="dev")
    machine.registry.store.tag("acme/app", "v1", index)
    machine.sign(index, identity=DEVELOPER)
    with Running(machine):
        fleet.accepts(f"{machine.name()}:dev")
        fleet.refuses(f"{machine.name()}:v1")


def test_a_revoked_index(machine: Machine, fleet: Fleet) -> None:
    """Takes its instances along, by whatever name, also those that are signed themselves (F7).

    The tombstone is as `countersign revoke` writes it.
    """
    index, instances = machine.index()
    for digest in (index, *instances.values()):
        machine.sign(digest)
    stone = Tombstone(at=machine.clock.now(), digest=index, covers=frozenset(instances.values()))
    names = [machine.name() + end for end in (":v1", f"@{index}", f"@{instances[HERE]}")]
    with Running(machine):
        for name in names:
            fleet.accepts(name)
        machine.write("state/revoked", stone.line())
        for name in names:
            fleet.refuses(name, says="rejected: revoked")


def test_a_list_without_a_tag(machine: Machine, fleet: Fleet) -> None:
    """The known miss: nobody finds the list by its instance, until somebody has asked for the list itself."""
    index, instances = machine.index()
    machine.sign(index)
    machine.registry.store.delete("acme/app", "v1")
    with Running(machine):
        fleet.refuses(f"{machine.name()}@{instances[HERE]}")
        fleet["proxy"].accepts(f"{machine.name()}@{index}")
    with Running(machine):
        fleet.accepts(f"{machine.name()}@{instances[HERE]}")


def test_more_tags_than_are_looked_at(machine: Machine, fleet: Fleet) -> None:
    """A registry that buries the index under tags is refused with the reason; who names the tag finds it."""
    index, _ = machine.index(tag="aa")
    machine.sign(index)
    buried = machine.image(tag="", content=b"buried")
    for number in range(MOST_LOOKED + 8):
        machine.registry.store.tag("acme/app", f"zz-{number}", buried)
    with Running(machine):
        fleet["skopeo"].refuses(f"{machine.name()}:aa", says="undecided: limit-lists")
    with Running(machine, tracked=[f"{machine.name()}:aa"]):
        fleet.accepts(f"{machine.name()}:aa")
