"""TUF metadata re-authenticated offline: every link of the chain, broken once."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]
from tuf.api.metadata import MetaFile  # type: ignore[attr-defined]

from tests.tuf_repository import FETCHED, TufRepository
from vouchsafe.errors import MalformedError, VerificationError, VouchsafeError
from vouchsafe.verification.tuf import Delivery, authenticate, canonical, newest_root

TARGET = b'{"what": "is believed"}'


def code(of: Callable[[], object]) -> str:
    """The code of the error that a call raises."""
    with pytest.raises(VouchsafeError) as caught:
        of()
    return caught.value.code


def edited(blob: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """The document with a change that nobody signed."""
    document = json.loads(blob)
    change(document)
    return json.dumps(document).encode()


def test_a_delivery_is_authenticated() -> None:
    """A right delivery says its versions and its freshness."""
    repository = TufRepository(TARGET)
    found = authenticate(repository.bootstrap, repository.delivery())
    assert (found.root_version, found.timestamp_version, found.targets_version) == (1, 1, 1)
    assert found.fresh_until == repository.timestamp.signed.expires


def test_roots_are_followed() -> None:
    """Each rotation is signed by the old and the new keys, and the newest root decides."""
    repository = TufRepository(TARGET)
    for role in ("root", "timestamp", "snapshot", "targets"):
        repository.rotate(role)
    repository.publish_target(b"{}")
    assert authenticate(repository.bootstrap, repository.delivery()).root_version == 5


def test_ed25519_keys_count() -> None:
    """A repository may sign with Ed25519."""
    repository = TufRepository(TARGET)
    repository.signers["timestamp"] = [CryptoSigner.generate_ed25519()]
    repository.root.signed.roles["timestamp"].keyids.clear()
    repository.root.signed.add_key(repository.signers["timestamp"][0].public_key, "timestamp")
    repository.publish_root()
    repository.publish_timestamp()
    assert authenticate(repository.files["/1.root.json"], repository.delivery()).timestamp_version == 2


def test_hashes_of_metadata_are_compared() -> None:
    """A timestamp may list length and hash of the snapshot; then they must hold."""
    repository = TufRepository(TARGET)
    blob = repository.delivery().snapshot
    listed = MetaFile(1, len(blob), {"sha256": hashlib.sha256(blob).hexdigest()})
    repository.timestamp.signed.snapshot_meta = listed
    repository.publish_timestamp()
    delivery = repository.delivery()
    assert authenticate(repository.bootstrap, delivery).timestamp_version == 2
    other = edited(blob, lambda document: None)  # the same content, laid out differently
    assert code(lambda: authenticate(repository.bootstrap, delivery.replace(snapshot=other))) == "tuf-target"


@pytest.mark.parametrize("name", ["snapshot", "targets"])
@pytest.mark.parametrize(
    "described, holds",
    [
        (lambda blob: {"length": len(blob)}, True),
        (lambda blob: {"length": len(blob) + 1}, False),
        (lambda blob: {"hashes": {"sha256": hashlib.sha256(blob).hexdigest()}}, True),
        (lambda blob: {"hashes": {"sha256": hashlib.sha256(b"another").hexdigest()}}, False),
        (lambda blob: {"hashes": {"sha512": hashlib.sha512(b"another").hexdigest()}}, False),
        (lambda blob: {"hashes": {"sha256": hashlib.sha256(blob).hexdigest(), "sha512": "00"}}, False),
        (lambda blob: {"hashes": {"sha256": hashlib.sha256(blob).hexdigest(), "other": "00"}}, True),
        (lambda blob: {"hashes": {"other": "00"}}, False),
    ],
)
def test_what_is_said_of_a_role_holds(
    name: str, described: Callable[[bytes], dict[str, Any]], holds: bool
) -> None:
    """A length, or hashes, by whoever lists it: each that is there, and one that we can compute."""
    repository = TufRepository(TARGET)
    delivery = repository.delivery()
    lister = {"snapshot": "timestamp", "targets": "snapshot"}[name]
    document = json.loads(getattr(delivery, lister))
    document["signed"]["meta"][f"{name}.json"].update(described(getattr(delivery, name)))
    resign(repository, document, lister)
    said = delivery.replace(**{lister: json.dumps(document).encode()})
    if holds:
        assert authenticate(repository.bootstrap, said).timestamp_version == 1
    else:
        assert code(lambda: authenticate(repository.bootstrap, said)) == "tuf-target"


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
def test_a_changed_role_is_refused(role: str) -> None:
    """Not one byte that is covered may differ."""
    repository = TufRepository(TARGET)
    delivery = repository.delivery()
    changed = edited(getattr(delivery, role), lambda document: document["signed"].update(extra=1))
    assert (
        code(lambda: authenticate(repository.bootstrap, delivery.replace(**{role: changed})))
        == "tuf-signature"
    )


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
def test_a_role_of_another_repository_is_refused(role: str) -> None:
    """A stranger's keys sign nothing here."""
    repository, stranger = TufRepository(TARGET), TufRepository(TARGET)
    foreign = getattr(stranger.delivery(), role)
    delivery = repository.delivery().replace(**{role: foreign})
    assert code(lambda: authenticate(repository.bootstrap, delivery)) == "tuf-signature"


def test_one_role_does_not_stand_in_for_another() -> None:
    """The type is signed, and compared."""
    repository = TufRepository(TARGET)
    delivery = repository.delivery()
    swapped = delivery.replace(snapshot=delivery.targets)
    assert code(lambda: authenticate(repository.bootstrap, swapped)) == "tuf-metadata"


@pytest.mark.parametrize(
    "target", [b"", TARGET + b" ", b'{"what": "is believeD"}'], ids=["none", "longer", "other"]
)
def test_another_target_is_refused(target: bytes) -> None:
    """The target is the signed one, by length and hash (cache poisoning, sigstore-rust#165)."""
    repository = TufRepository(TARGET)
    delivery = repository.delivery().replace(target=target)
    assert code(lambda: authenticate(repository.bootstrap, delivery)) == "tuf-target"


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: entry.pop("length"),
        lambda entry: entry.pop("hashes"),
        lambda entry: entry.update(hashes={"md5": "00"}),
    ],
    ids=["no length", "no hashes", "no SHA-2"],
)
def test_a_target_needs_length_and_hash(change: Callable[[dict[str, Any]], object]) -> None:
    """What targets.json does not describe is not signed, even by whoever holds the keys."""
    repository = TufRepository(TARGET)
    document = json.loads(repository.delivery().targets)
    change(document["signed"]["targets"]["trusted_root.json"])
    resign(repository, document, "targets")
    delivery = repository.delivery().replace(targets=json.dumps(document).encode(), target=TARGET)
    assert code(lambda: authenticate(repository.bootstrap, delivery)) == "tuf-target"


def resign(repository: TufRepository, document: dict[str, Any], role: str) -> None:
    """Sign what python-tuf would refuse to write."""
    signature = repository.signers[role][0].sign(canonical(document["signed"]))
    document["signatures"] = [{"keyid": signature.keyid, "sig": signature.signature}]


def test_another_name_is_not_asked_for() -> None:
    """Only trusted_root.json is a target (GHSA-fcv2-xgw5-pqxf: names that climb out of the folder)."""
    repository = TufRepository(TARGET)
    del repository.targets.signed.targets["trusted_root.json"]
    repository.publish_target(TARGET, "../trusted_root.json")
    delivery = repository.delivery().replace(target=TARGET)
    assert code(lambda: authenticate(repository.bootstrap, delivery)) == "tuf-target"


@pytest.mark.parametrize("role", ["snapshot", "targets"])
def test_an_older_role_is_refused(role: str) -> None:
    """Mix and match: an older file that was once signed does not go with the newer list."""
    repository = TufRepository(TARGET)
    older = getattr(repository.delivery(), role)
    repository.publish_target(TARGET)
    delivery = repository.delivery().replace(**{role: older})
    assert code(lambda: authenticate(repository.bootstrap, delivery)) == "tuf-version"


def test_roots_do_not_skip() -> None:
    """A missing root in the chain is refused, and so is one twice."""
    repository = TufRepository(TARGET)
    repository.rotate("timestamp")
    repository.rotate("timestamp")
    repository.publish_timestamp()
    delivery = repository.delivery()
    second, third = delivery.roots
    assert code(lambda: newest_root(repository.bootstrap, (third,))) == "tuf-version"
    assert code(lambda: newest_root(repository.bootstrap, (second, second))) == "tuf-version"


@pytest.mark.parametrize("signed_by", ["old", "new"])
def test_a_root_needs_both_signatures(signed_by: str) -> None:
    """A new root that only the old or only the new keys signed is refused (§5.3.4)."""
    repository = TufRepository(TARGET)
    old = repository.signers["root"][0].public_key.keyid
    repository.rotate("root")
    kept = old if signed_by == "old" else repository.signers["root"][0].public_key.keyid
    blob = edited(
        repository.files["/2.root.json"],
        lambda document: document.update(
            signatures=[s for s in document["signatures"] if s["keyid"] == kept]
        ),
    )
    assert code(lambda: newest_root(repository.bootstrap, (blob,))) == "tuf-signature"


def test_a_threshold_counts_different_keys() -> None:
    """One key under two ids is one key (the class of GHSA-9vcr-p3rj-q5q6)."""
    repository = TufRepository(TARGET)
    root = json.loads(repository.bootstrap)
    (key_id,) = root["signed"]["roles"]["timestamp"]["keyids"]
    root["signed"]["keys"]["again"] = root["signed"]["keys"][key_id]
    root["signed"]["roles"]["timestamp"] = {"keyids": [key_id, "again"], "threshold": 2}
    resign(repository, root, "root")
    twice = edited(
        repository.delivery().timestamp,
        lambda document: document["signatures"].append(
            {"keyid": "again", "sig": document["signatures"][0]["sig"]}
        ),
    )
    delivery = repository.delivery().replace(timestamp=twice)
    assert code(lambda: authenticate(json.dumps(root).encode(), delivery)) == "tuf-signature"


@pytest.mark.parametrize(
    "change",
    [
        lambda root: root["roles"]["timestamp"].update(threshold=0),
        lambda root: root["roles"]["timestamp"].update(keyids=["unknown", 7]),
        lambda root: [key.update(scheme="rsassa-pss-sha256") for key in root["keys"].values()],
    ],
    ids=["threshold 0", "unknown keys", "schemes that we do not check"],
)
def test_a_root_that_proves_nothing(change: Callable[[dict[str, Any]], object]) -> None:
    """No signature needed, or none that can be checked, is none."""
    repository = TufRepository(TARGET)
    root = json.loads(repository.bootstrap)
    change(root["signed"])
    resign(repository, root, "root")
    assert code(lambda: authenticate(json.dumps(root).encode(), repository.delivery())) == "tuf-signature"


def test_an_empty_signature_is_none() -> None:
    """tuf-on-ci writes an empty one where one is missing."""
    repository = TufRepository(TARGET)
    blob = edited(repository.bootstrap, lambda document: document["signatures"][0].update(sig=""))
    assert code(lambda: newest_root(blob)) == "tuf-signature"


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document["signatures"].append(document["signatures"][0]),
        lambda document: document["signatures"][0].update(sig="zz"),
        lambda document: document["signed"].update(version=1.5),
        lambda document: document["signed"].update(_type="targets"),
        lambda document: document["signed"].update(_type="\ud800"),
        lambda document: document["signed"].update(name="\ud800"),
    ],
    ids=["a key twice", "no hexadecimal", "a fraction", "another role", "a surrogate", "a surrogate covered"],
)
def test_malformed_metadata(change: Callable[[dict[str, Any]], object]) -> None:
    """Bytes that are no TUF metadata are malformed, never anything else."""
    repository = TufRepository(TARGET)
    with pytest.raises(MalformedError):
        newest_root(edited(repository.bootstrap, change))


def test_canonical_json() -> None:
    """Two escapes, sorted keys, no spaces: what OLPC's canonical JSON says."""
    value = {"b": [1, True, False, None, "ä\n"], "a": {"x": '"\\'}}
    assert canonical(value) == b'{"a":{"x":"\\"\\\\"},"b":[1,true,false,null,"' + "ä\n".encode() + b'"]}'


def test_a_delivery_survives_being_kept() -> None:
    """What is written is what is read."""
    repository = TufRepository(TARGET)
    repository.rotate("timestamp")
    repository.publish_timestamp()
    delivery = repository.delivery()
    assert Delivery.read(delivery.to_json()) == delivery
    assert delivery.fetched == FETCHED


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"[]",
        b'{"format": "other"}',
        b'{"format": "vouchsafe-tuf-1", "roots": [7]}',
        base64.b64encode(b"x" * 99),
    ],
    ids=["empty", "a list", "another format", "a root that is none", "no JSON"],
)
def test_a_damaged_cache_is_malformed(blob: bytes) -> None:
    """A cache that was cut off or overwritten is no delivery."""
    with pytest.raises(MalformedError):
        Delivery.read(blob)


def test_a_verified_signature_error_is_ours() -> None:
    """A signature of the wrong kind of bytes is a refusal, not a crash."""
    repository = TufRepository(TARGET)
    blob = edited(repository.bootstrap, lambda document: document["signatures"][0].update(sig="00"))
    with pytest.raises(VerificationError):
        newest_root(blob)
