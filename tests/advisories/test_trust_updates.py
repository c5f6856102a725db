"""TUF metadata and caches of it: each advisory's mistake, made here and refused."""

from __future__ import annotations

import json

import pytest

from tests.judging import code
from tests.tuf_repository import TufRepository
from vouchsafe.verification.tuf import Delivery, authenticate, canonical

TARGET = b'{"what": "is believed"}'


def refusal(repository: TufRepository, delivery: Delivery) -> str:
    """Why a delivery is not what the bootstrap root's keys signed."""
    return code(lambda: authenticate(repository.bootstrap, delivery))


def test_ghsa_fcv2_xgw5_pqxf_target_names() -> None:
    """A target's name is ours, never the repository's: one that climbs out of the folder is not asked for."""
    repository = TufRepository(TARGET)
    del repository.targets.signed.targets["trusted_root.json"]
    repository.publish_target(TARGET, "../../trusted_root.json")
    assert refusal(repository, repository.delivery().replace(target=TARGET)) == "tuf-target"


def test_ghsa_fphv_w9fq_2525_thresholds() -> None:
    """A threshold counts different keys, and none is no threshold."""
    repository = TufRepository(TARGET)
    for threshold in (0, 2):
        root = json.loads(repository.bootstrap)
        root["signed"]["roles"]["timestamp"]["threshold"] = threshold
        signature = repository.signers["root"][0].sign(canonical(root["signed"]))
        root["signatures"] = [{"keyid": signature.keyid, "sig": signature.signature}]
        repository.bootstrap = json.dumps(root).encode()
        assert refusal(repository, repository.delivery()) == "tuf-signature"


@pytest.mark.parametrize(
    "blob", [b"", b"{}", b"[]", b"null", b'{"signed":{}}', b'{"signed":[],"signatures":{}}']
)
@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
def test_ghsa_846p_jg2w_w324_malformed_metadata(role: str, blob: bytes) -> None:
    """Whatever a mirror answers, it is an error of ours."""
    repository = TufRepository(TARGET)
    assert refusal(repository, repository.delivery().replace(**{role: blob})) in {
        "json-syntax",
        "json-type",
        "tuf-metadata",
    }


@pytest.mark.parametrize("role", ["snapshot", "targets"])
def test_ghsa_66x3_6cw3_v5gj_rollback(role: str) -> None:
    """An older file that was once signed does not go with a newer list."""
    repository = TufRepository(TARGET)
    older = getattr(repository.delivery(), role)
    repository.publish_target(b'{"what": "is believed now"}')
    assert refusal(repository, repository.delivery().replace(**{role: older})) == "tuf-version"


def test_sigstore_rust_165_a_cache_is_not_trusted() -> None:
    """Offline, the target is re-authenticated from the signed metadata: who can write the cache decides nothing."""
    repository = TufRepository(TARGET)
    for target in (b"", b"{}", TARGET + b" "):
        assert refusal(repository, repository.delivery().replace(target=target)) == "tuf-target"
