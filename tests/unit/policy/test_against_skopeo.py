"""What loads here loads in real skopeo, and the other way round: our table and policies mutated near it."""

from __future__ import annotations

import hashlib
import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.unit.policy.policies import CASES, mutants
from vouchsafe.policy.document import parse
from vouchsafe.policy.reading import PolicyError

MUTANTS = 150
SEED = 2
WORKERS = 2
SECONDS = 30

pytestmark = pytest.mark.peers


def loads_here(blob: bytes) -> bool:
    """Whether our reader takes it."""
    try:
        parse(blob, dialect="containers", source="policy.json")
    except PolicyError:
        return False
    return True


def image(folder: Path) -> Path:
    """The smallest image that skopeo copies, as `dir:`."""
    config = b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]},"config":{}}'
    digest = hashlib.sha256(config).hexdigest()
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": f"sha256:{digest}",
            "size": len(config),
        },
        "layers": [],
    }
    folder.mkdir()
    (folder / digest).write_bytes(config)
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (folder / "version").write_text("Directory Transport Version: 1.1\n", encoding="utf-8")
    return folder


def copied(
    skopeo: Path, source: Path, folder: Path, policy: bytes, *options: str
) -> subprocess.CompletedProcess[str]:
    """`skopeo copy` of a `dir:` under a policy, into `folder`, where the policy is written too."""
    (folder / "policy.json").write_bytes(policy)
    command: list[str | Path] = [skopeo, "--policy", folder / "policy.json", "copy", "-q", *options]
    command += [f"dir:{source}", f"dir:{folder}/out"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)


def loads_there(skopeo: Path, source: Path, folder: Path, blob: bytes) -> bool:
    """Whether skopeo takes it; a policy that loads may still refuse the image."""
    folder.mkdir()
    done = copied(skopeo, source, folder, blob)
    assert done.returncode in {0, 1, 2}, done.stderr
    refused = "Error loading trust policy" in done.stderr
    assert refused or done.returncode == 0 or "Source image rejected" in done.stderr, done.stderr
    return not refused


def differences(skopeo: Path, folder: Path, blobs: list[bytes]) -> list[tuple[bytes, bool]]:
    """The policies that we and skopeo see differently, with what skopeo says."""
    source = image(folder / "image")
    with ThreadPoolExecutor(WORKERS) as pool:
        said = pool.map(
            lambda numbered: loads_there(skopeo, source, folder / str(numbered[0]), numbered[1]),
            enumerate(blobs),
        )
        there = list(said)
    return [(blob, loaded) for blob, loaded in zip(blobs, there, strict=True) if loaded != loads_here(blob)]


def test_our_table(skopeo: Path, tmp_path: Path) -> None:
    """Each line of our table says what real skopeo does."""
    expected: list[tuple[bytes, bool]] = []
    assert expected == differences(skopeo, tmp_path, [blob for _, blob, _ in CASES])


def test_mutated_policies(skopeo: Path, tmp_path: Path) -> None:
    """Policies one step from valid ones load in both or in neither; both kinds are among them."""
    blobs = mutants(MUTANTS, SEED)
    expected: list[tuple[bytes, bool]] = []
    assert expected == differences(skopeo, tmp_path, blobs)
    assert MUTANTS // 10 < sum(map(loads_here, blobs)) < MUTANTS * 9 // 10
