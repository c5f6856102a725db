"""TUF metadata of any shape leads to an answer or to one of our errors, and what is changed is never believed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from tests.tuf_repository import TufRepository
from vouchsafe.errors import MalformedError, VerificationError
from vouchsafe.verification.tuf import Delivery, authenticate, canonical, newest_root

REPOSITORY = TufRepository(b'{"what": "is believed"}')
DELIVERY = REPOSITORY.delivery()
OURS = (MalformedError, VerificationError)
PARTS = ("timestamp", "snapshot", "targets", "target")
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value in a document."""
    if isinstance(value, dict):
        return [path, *(found for key, item in value.items() for found in places(item, (*path, key)))]
    if isinstance(value, list):
        return [
            path,
            *(found for number, item in enumerate(value) for found in places(item, (*path, number))),
        ]
    return [path]


def replaced(blob: bytes, place: tuple[Any, ...], value: Any) -> bytes:
    """The document with one value replaced."""
    document = json.loads(blob)
    if not place:
        return json.dumps(value).encode()
    inner = document
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    return json.dumps(document).encode()


@given(st.data(), VALUES)
def test_one_value_is_another(data: st.DataObject, value: Any) -> None:
    """Any value anywhere: refused, or what is covered means the same as before."""
    part = data.draw(st.sampled_from(("timestamp", "snapshot", "targets")))
    blob = getattr(DELIVERY, part)
    place = data.draw(st.sampled_from(places(json.loads(blob))))
    changed = replaced(blob, place, value)
    try:
        authenticate(REPOSITORY.bootstrap, DELIVERY.replace(**{part: changed}))
    except OURS:
        return
    assert canonical(json.loads(changed)["signed"]) == canonical(json.loads(blob)["signed"])


@given(st.data(), VALUES)
def test_any_root(data: st.DataObject, value: Any) -> None:
    """A root with any value anywhere is refused or means the same."""
    place = data.draw(st.sampled_from(places(json.loads(REPOSITORY.bootstrap))))
    changed = replaced(REPOSITORY.bootstrap, place, value)
    try:
        newest_root(changed)
    except OURS:
        return
    assert canonical(json.loads(changed)["signed"]) == canonical(json.loads(REPOSITORY.bootstrap)["signed"])


@given(st.sampled_from(PARTS), st.binary(max_size=64))
def test_any_bytes_for_a_part(part: str, blob: bytes) -> None:
    """No part can be other bytes."""
    with pytest.raises(OURS):
        authenticate(REPOSITORY.bootstrap, DELIVERY.replace(**{part: blob}))


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_for_a_cache(blob: bytes) -> None:
    """A cache of any bytes is malformed."""
    with pytest.raises(MalformedError):
        Delivery.read(blob)


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP256K1()),
        ec.generate_private_key(ec.SECP521R1()),
        rsa.generate_private_key(65537, 1024),
        ed448.Ed448PrivateKey.generate(),
        dsa.generate_private_key(1024),
    ],
    ids=["secp256k1", "P-521", "RSA 1024", "Ed448", "DSA"],
)
def test_keys_of_other_kinds(key: Any) -> None:
    """A key that is not what its scheme says is refused, whatever it is."""
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    document = json.loads(REPOSITORY.bootstrap)
    for each in document["signed"]["keys"].values():
        each["keyval"]["public"] = pem
    with pytest.raises(OURS):
        newest_root(json.dumps(document).encode())
