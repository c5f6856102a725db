"""Several files make one policy: scopes add up, and nothing replaces anything."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vouchsafe.policy.layers import File, load
from vouchsafe.policy.reading import PolicyError

REJECT = [{"type": "reject"}]
ACCEPT = [{"type": "insecureAcceptAnything"}]
MAIN = File(
    source="policy.json",
    blob=json.dumps({"default": REJECT, "transports": {"docker": {"a.b": REJECT}}}).encode(),
)


def drop_in(name: str, value: Any) -> File:
    """A drop-in, indented, so that its values stand on lines of their own."""
    return File(source=name, blob=json.dumps(value, indent=1).encode())


def test_scopes_add_up() -> None:
    """Scopes of all files apply, each known by its file."""
    policy = load(
        MAIN,
        [
            drop_in("10.json", {"transports": {"docker": {"c.d": ACCEPT}, "oci": {"/x": ACCEPT}}}),
            drop_in("20.json", {}),
        ],
    )
    assert list(policy.transports["docker"]) == ["a.b", "c.d"]
    assert str(policy.transports["docker"]["c.d"].place) == "10.json:4"
    assert [each.source for each in policy.documents] == ["policy.json", "10.json", "20.json"]
    assert policy.default == load(MAIN).default


@pytest.mark.parametrize(
    "files, code, file, said",
    [
        (
            [drop_in("10.json", {"transports": {"docker": {"a.b": ACCEPT}}})],
            "policy-duplicate-scope",
            "10.json",
            "'a.b' in policy.json:1 and 10.json:4",
        ),
        (
            [
                drop_in("10.json", {"transports": {"oci": {"/x": ACCEPT}}}),
                drop_in("20.json", {"transports": {"oci": {"/x": ACCEPT}}}),
            ],
            "policy-duplicate-scope",
            "20.json",
            "'/x' in 10.json:4 and 20.json:4",
        ),
        ([drop_in("10.json", {"default": ACCEPT})], "policy-default", "10.json", "main file only"),
        ([drop_in("10.json", {"x": 1})], "policy-unknown-key", "10.json", "'x'"),
    ],
)
def test_refused(files: list[File], code: str, file: str, said: str) -> None:
    """A scope in two files names both; a default in a drop-in and a broken drop-in are named."""
    with pytest.raises(PolicyError) as caught:
        load(MAIN, files)
    assert (code, file) == (caught.value.code, caught.value.file)
    assert said in caught.value.message


def test_main_needs_a_default() -> None:
    """Only drop-ins may lack a default."""
    with pytest.raises(PolicyError, match="'default'"):
        load(File(source="policy.json", blob=b"{}"))


def test_dialect() -> None:
    """Drop-ins are read in the dialect of the main file."""
    scope = {"requirements": REJECT}
    with pytest.raises(PolicyError, match="expected an array"):
        load(MAIN, [drop_in("10.json", {"transports": {"docker": {"c.d": scope}}})], dialect="containers")
