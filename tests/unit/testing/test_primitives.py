"""DER, Merkle trees, notes, keys and encodings, against other implementations of the same specification."""

from __future__ import annotations

import doctest
import hashlib
import importlib
import pkgutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519

import vouchsafe.testing
from vouchsafe.testing import der
from vouchsafe.testing.canonical import canonical, pae
from vouchsafe.testing.clock import VIRTUAL_NOON, RealClock, VirtualClock
from vouchsafe.testing.der_read import elements
from vouchsafe.testing.keys import KEY_KINDS, KeySource, key_details, private_pem, public_pem, sign
from vouchsafe.testing.merkle import MerkleTree, leaf_hash, node_hash
from vouchsafe.testing.note import checkpoint_body, cosignature_line, note, signature_line
from vouchsafe.testing.proof import holds, read_public_key

MODULES = [
    name
    for _, name, _ in pkgutil.iter_modules(vouchsafe.testing.__path__, "vouchsafe.testing.")
    if not name.endswith("__main__")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    """The examples in docstrings are true."""
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_examples_in_the_documentation() -> None:
    """The examples in docs/testing.md are true."""
    page = Path(__file__).parents[3] / "docs" / "testing.md"
    assert doctest.testfile(str(page), module_relative=False).failed == 0


def test_der_oid_is_what_others_write() -> None:
    """An object identifier with long arcs is written as cryptography writes it."""
    dotted = "1.3.6.1.4.1.57264.1.18"
    extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(dotted), b"")
    assert der.oid(dotted) == bytes.fromhex("060a2b0601040183bf300112")
    assert extension.oid.dotted_string == dotted


@pytest.mark.parametrize("size", [0, 1, 127, 128, 255, 256, 70_000])
def test_der_lengths_are_read_back(size: int) -> None:
    """Short and long lengths come back as they were written."""
    assert elements(der.octet_string(bytes(size))) == [(4, bytes(size))]


def test_der_times_change_form_in_2050() -> None:
    """UTCTime through 2049, GeneralizedTime after (RFC 5280)."""
    assert der.time(datetime(2049, 12, 31, tzinfo=UTC)) == b"\x17\x0d491231000000Z"
    assert der.time(datetime(2050, 1, 1, tzinfo=UTC)) == b"\x18\x0f20500101000000Z"


def _climb(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """RFC 9162 2.1.3.2: another way to compute a root than the tree's own."""
    node, last, here = index, size - 1, leaf
    for sibling in path:
        if node & 1 or node == last:
            here = node_hash(sibling, here)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            here = node_hash(here, sibling)
        node, last = node >> 1, last >> 1
    assert last == 0
    return here


def test_merkle_paths_lead_to_the_root() -> None:
    """For every tree up to 33 leaves, every path leads to the root by the algorithm of RFC 9162."""
    tree = MerkleTree()
    assert tree.root() == hashlib.sha256().digest()
    for size in range(1, 34):
        tree.append(b"%d" % size)
        for index in range(size):
            path = tree.inclusion(index, size)
            assert _climb(leaf_hash(b"%d" % (index + 1)), index, size, path) == tree.root(size)


def test_merkle_consistency_of_a_power_of_two() -> None:
    """Between 4 and 7 leaves the proof is the known three nodes of RFC 6962's example."""
    tree = MerkleTree()
    for number in range(7):
        tree.append(b"%d" % number)
    four, seven = tree.root(4), tree.root(7)
    (right,) = tree.consistency(4, 7)
    assert node_hash(four, right) == seven
    assert tree.consistency(7, 7) == []
    assert len(tree.consistency(3, 7)) == 4


def test_same_seed_same_bytes() -> None:
    """Keys and ECDSA signatures follow from the seed."""
    one, two, other = KeySource("a"), KeySource("a"), KeySource("b")
    for kind in ("p256", "p384", "p521", "ed25519"):
        assert sign(one.key("x", kind), b"data") == sign(two.key("x", kind), b"data")
        assert public_pem(one.key("x", kind).public_key()) != public_pem(other.key("x", kind).public_key())
    assert one.fresh("leaf") == "leaf-1"
    assert one.fresh("leaf") == "leaf-2"


@pytest.mark.parametrize("kind", KEY_KINDS)
def test_signatures_hold(kind: str) -> None:
    """Every kind of key signs what its public half accepts, and nothing else."""
    key = KeySource("a").key("x", kind)
    public = read_public_key(public_pem(key.public_key()))
    assert holds(public, sign(key, b"data"), b"data")
    assert not holds(public, sign(key, b"data"), b"other")
    assert private_pem(key).startswith(b"-----BEGIN PRIVATE KEY-----")


def test_key_details_are_sigstores_names() -> None:
    """As the protobuf's PublicKeyDetails spells them."""
    keys = KeySource("a")
    expected = [
        "PKIX_ECDSA_P256_SHA_256",
        "PKIX_ECDSA_P384_SHA_384",
        "PKIX_ECDSA_P521_SHA_512",
        "PKIX_RSA_PKCS1V15_2048_SHA256",
        "PKIX_ED25519",
    ]
    assert [key_details(keys.key("x", kind).public_key()) for kind in KEY_KINDS] == expected


def test_note_has_body_and_signatures() -> None:
    """Three lines, an empty one, and a line for each signer whose hint is the key's."""
    key = KeySource("a").ed25519("log")
    body = checkpoint_body("log.example", 3, bytes(32))
    text = note(
        body, signature_line("log.example", key, body), cosignature_line("w", key, body, VIRTUAL_NOON)
    )
    head, _, signatures = text.partition("\n\n")
    assert head == "log.example\n3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    assert [line[:4] for line in signatures.splitlines()] == ["— lo", "— w "]


def test_cosignature_signs_the_time() -> None:
    """A cosignature is over the time and the body (C2SP tlog-cosignature)."""
    import base64

    key = KeySource("a").ed25519("log")
    line = cosignature_line("w", key, "body\n", VIRTUAL_NOON)
    blob = base64.b64decode(line.split(" ")[2])
    seconds = int.from_bytes(blob[4:12], "big")
    public: ed25519.Ed25519PublicKey = key.public_key()
    public.verify(blob[12:], b"cosignature/v1\ntime %d\nbody\n" % seconds)
    assert seconds == int(VIRTUAL_NOON.timestamp())


def test_encodings() -> None:
    """Canonical JSON sorts and does not escape; PAE counts bytes, not characters."""
    assert canonical({"b": "é", "a": [1]}) == '{"a":[1],"b":"é"}'.encode()
    assert pae("é", b"x") == b"DSSEv1 2 \xc3\xa9 1 x"


def test_clocks() -> None:
    """One stands still, one does not, both are aware."""
    clock = VirtualClock()
    clock.advance(seconds=1, minutes=1, days=1)
    assert (clock.now() - VIRTUAL_NOON).total_seconds() == 86_461
    clock.set(VIRTUAL_NOON)
    assert clock.now() == VIRTUAL_NOON
    assert RealClock().now().tzinfo is UTC
