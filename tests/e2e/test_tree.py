"""`vouchsafe tree`: everything that is attached, who made it, and no claim that looks like a proof."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli_lab import Ended, run
from tests.copying import PLAIN, fill
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import OCI_IMAGE, OCI_INDEX
from vouchsafe.testing.canonical import compact
from vouchsafe.testing.clock import RealClock
from vouchsafe.testing.faults import Fault, always
from vouchsafe.testing.keys import public_pem
from vouchsafe.testing.layout import write_layout
from vouchsafe.testing.loopback import Response
from vouchsafe.testing.push import (
    push_attestation,
    push_bundle,
    push_image,
    push_junk,
    push_signature,
    push_signatures,
)
from vouchsafe.testing.registry import RegistryServer
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.testing.workload import gitlab

CYCLONEDX = "https://cyclonedx.org/bom"


class Lab:
    """A registry and a Sigstore that the tests trust."""

    def __init__(self, folder: Path, server: RegistryServer) -> None:
        self.folder = folder
        self.server = server
        self.store = server.store
        self.sigstore = VirtualSigstore("tree", clock=RealClock())
        self.root = folder / "root.json"
        self.root.write_bytes(self.sigstore.trusted_root())

    def tree(self, *words: object, image: str = "") -> Ended:
        """The command, with that Sigstore."""
        where = image or self.server.reference("app")
        return run("tree", PLAIN, "--trusted-root", self.root, *words, where)

    def document(self, *words: object, image: str = "") -> Any:
        """Its document, by the schema."""
        return self.tree("-o", "json", *words, image=image).json


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """Without the referrers API."""
    with RegistryServer() as server:
        yield Lab(tmp_path, server)


def summary(node: Any) -> list[tuple[str, str, bool]]:
    """Kind, place and whether it was verified, of what is attached to a node."""
    return [(each["kind"], each["place"], each["verified"]) for each in node["attached"]]


def test_an_index_with_its_platforms(lab: Lab) -> None:
    """Both forms, on the index and below."""
    digests = fill(lab.server, lab.sigstore, "app")
    document = lab.document()
    image = document["image"]
    expected = [
        ("signature", ".sig, layer 1", True),
        ("attestation", ".att, layer 1", True),
        ("signature", "referrer", True),
    ]
    assert [each["digest"] for each in (image, *image["manifests"])] == [str(digest) for digest in digests]
    assert [summary(each) for each in (image, *image["manifests"])] == [expected] * 3
    assert [each["platform"] for each in image["manifests"]] == ["linux/amd64", "linux/arm64"]
    assert image["attached"][1]["type"] == CYCLONEDX
    assert {each["signature"]["identity"]["subject"] for each in image["attached"]} == {gitlab().subject}
    assert (document["troubles"], lab.tree().code) == ([], 0)


def test_as_text(lab: Lab) -> None:
    """One tree, sizes and signers in it."""
    fill(lab.server, lab.sigstore, "app")
    lines = lab.tree().out.splitlines()
    assert lines[1].endswith("  an index of 2 manifests")
    assert lines[2].startswith("├─ signature  verified, 20")
    assert lines[3] == f"│     by {gitlab().subject}, {gitlab().issuer}"
    platforms = [line for line in lines if "linux/" in line]
    assert [line[:15] for line in platforms] == ["├─ linux/amd64 ", "└─ linux/arm64 "]
    assert [line.endswith("  5 B in 1 layer") for line in platforms] == [True, True]
    assert "unverified" not in lab.tree().out


def test_a_claim_is_told_as_one(lab: Lab) -> None:
    """Of a Sigstore that nobody named; of another image; of nothing that can be read."""
    root = push_image(lab.store, "app")
    stranger = VirtualSigstore("stranger", clock=RealClock())
    push_bundle(lab.store, "app", root, stranger.bundle(root))
    push_bundle(lab.store, "app", root, lab.sigstore.bundle(Digest.of(b"another image")))
    push_junk(lab.store, "app", root, 1)
    attached = lab.document()["image"]["attached"]
    assert [each["verified"] for each in attached] == [False] * 3
    assert [each["against"]["code"] for each in attached] == ["log-entry", "other-digest", "json-type"]
    assert [each["claimed"] and each["claimed"]["subject"] for each in attached] == [gitlab().subject] * 2 + [
        None
    ]
    out = lab.tree().out
    assert (out.count("unverified claim"), out.count("claims to be by"), out.count("  verified")) == (3, 2, 0)


def test_without_a_root_sigstores_own_is_meant(lab: Lab) -> None:
    """Nothing of a private one verifies then."""
    root = push_image(lab.store, "app")
    push_bundle(lab.store, "app", root, lab.sigstore.bundle(root))
    ended = run("tree", PLAIN, lab.server.reference("app"))
    assert (ended.code, "unverified claim" in ended.out) == (0, True)


def test_keys(lab: Lab) -> None:
    """A signature by a key is verified by the key that is named; it names nobody else."""
    root = push_image(lab.store, "app")
    key = lab.sigstore.keys.ec("team")
    push_signature(lab.store, "app", root, *lab.sigstore.sign_legacy(root, "x.example/app", key=key))
    path = lab.folder / "team.pub"
    path.write_bytes(public_pem(key.public_key()))
    (unknown,) = lab.document()["image"]["attached"]
    assert (unknown["verified"], unknown["against"]["code"]) == (False, "no-certificate")
    (known,) = lab.document("--key", path)["image"]["attached"]
    assert (known["verified"], "identity" in known["signature"]) == (True, False)
    assert "by the key sha256:" in lab.tree("--key", path).out


def test_the_signed_bytes_say_what_it_is(lab: Lab) -> None:
    """Not the annotation that anybody may write."""
    root = push_image(lab.store, "app")
    bundle = lab.sigstore.bundle(root, predicate_type=CYCLONEDX)
    push_bundle(lab.store, "app", root, bundle, predicate_type="https://sigstore.dev/cosign/sign/v1")
    (attached,) = lab.document()["image"]["attached"]
    assert (attached["kind"], attached["type"], attached["verified"]) == ("attestation", CYCLONEDX, True)


def test_what_is_no_evidence(lab: Lab) -> None:
    """An SBOM that is only attached is unsigned, until somebody signs it."""
    root = push_image(lab.store, "app")
    sbom = push_image(lab.store, "app", f"{root.tag_prefix}.sbom", content=b"{}")
    (attached,) = lab.document()["image"]["attached"]
    assert (attached["kind"], attached["place"], attached["verified"]) == ("artifact", ".sbom", False)
    assert "  unsigned  2 B  (.sbom)" in lab.tree().out
    push_signature(lab.store, "app", sbom, *lab.sigstore.sign_legacy(sbom, "x.example/app"))
    (attached,) = lab.document()["image"]["attached"]
    assert summary(attached) == [("signature", ".sig, layer 1", True)]


def test_a_platform_that_is_missing(lab: Lab) -> None:
    """Is shown as missing."""
    gone = {"mediaType": OCI_IMAGE, "digest": str(Digest.of(b"gone")), "size": 4}
    gone["platform"] = {"os": "linux", "architecture": "s390x"}
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [gone]}
    lab.store.put_manifest("app", compact(index), OCI_INDEX, "v1")
    assert [each["there"] for each in lab.document()["image"]["manifests"]] == [False]
    assert lab.tree().out.splitlines()[-1] == f"└─ linux/s390x  {Digest.of(b'gone')}  missing"


def test_one_thing_is_described_once(lab: Lab) -> None:
    """However often it is listed; a circle of tags ends."""
    platform = push_image(lab.store, "app", "")
    entry = {"mediaType": OCI_IMAGE, "digest": str(platform), "size": 1}
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry] * 3}
    root = lab.store.put_manifest("app", compact(index), OCI_INDEX, "v1")
    push_bundle(lab.store, "app", platform, lab.sigstore.bundle(platform))
    lab.store.tag("app", f"{platform.tag_prefix}.sbom", platform)
    out = lab.tree().out
    assert (out.count("  verified"), out.count("(see above)")) == (1, 2)
    assert ["attached" in each for each in lab.document()["image"]["manifests"]] == [True, False, False]
    assert str(root) in out


def test_what_a_registry_says_drives_no_terminal(lab: Lab) -> None:
    """Names are escaped."""
    root = push_image(lab.store, "app")
    push_attestation(lab.store, "app", root, b"{}", {"predicateType": "\x1b[2Jhttps://evil.example"})
    ended = lab.tree()
    assert ("\x1b" in ended.out, "\\x1b[2J" in ended.out) == (False, True)


def test_layouts(lab: Lab) -> None:
    """The same on disk."""
    fill(lab.server, lab.sigstore, "app")
    write_layout(lab.store, "app", lab.folder / "layout")
    on_disk = lab.document(image=f"oci:{lab.folder / 'layout'}:v1")["image"]
    assert summary(on_disk) == summary(lab.document()["image"])


def test_what_could_not_be_read(lab: Lab) -> None:
    """More may be attached: 2, and it is said."""
    root = push_image(lab.store, "app")
    push_signature(lab.store, "app", root, *lab.sigstore.sign_legacy(root, "x.example/app"))
    lab.server.faults.append(Fault(always(Response(status=500)), path=".att"))
    ended = lab.tree()
    assert (ended.code, "  verified" in ended.out) == (2, True)
    assert f"tag {root.tag_prefix}.att: " in ended.err
    assert lab.document()["troubles"][0]["origin"] == f"tag {root.tag_prefix}.att"


def test_a_blob_that_is_not_there(lab: Lab) -> None:
    """Is a claim of which nothing is known."""
    root = push_image(lab.store, "app")
    push_bundle(lab.store, "app", root, lab.sigstore.bundle(root))
    lab.server.faults.append(Fault(always(Response(status=404)), path="/blobs/"))
    (attached,) = lab.document()["image"]["attached"]
    assert (attached["verified"], attached["against"]["code"]) == (False, "blob-missing")


def test_many_signatures_are_not_all_verified(lab: Lab) -> None:
    """A registry does not choose how long we compute."""
    root = push_image(lab.store, "app")
    payload, annotations = lab.sigstore.sign_legacy(root, "x.example/app")
    signed = [(payload, {**annotations, "number": str(number)}) for number in range(260)]
    push_signatures(lab.store, "app", root, signed)
    attached = lab.document()["image"]["attached"]
    assert [sum(each["verified"] for each in attached), len(attached)] == [256, 260]
    assert attached[-1]["against"]["code"] == "limit-reached"


@pytest.mark.parametrize(
    "words, code", [(["registry.example/APP"], 64), ([], 64), (["--key", "/nowhere.pub", "oci:/nowhere"], 78)]
)
def test_what_makes_no_sense(words: list[str], code: int) -> None:
    """Found out before anything is asked."""
    assert run("tree", *words).code == code


def test_no_such_image(lab: Lab) -> None:
    """Undecided."""
    ended = lab.tree()
    assert (ended.code, "[no-such-image]" in ended.err) == (2, True)
