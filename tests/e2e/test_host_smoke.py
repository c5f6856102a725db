"""`vouchsafe host smoke` with real clients, and that it fails where a client would let something through.

The newest clients have theirs in tests/e2e/test_whole_machine.py, with an image of the machine's own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from tests import documents
from tests.pulls import Pulls

pytestmark = [pytest.mark.peers, pytest.mark.slow]

ALLOWED = {"legacy", "bundle", "index", "tagged-dev", "in advance", "changed"}
REFUSED = {
    *("unsigned", "mutant", "stranger", "moved", "tampered", "elsewhere", "tagged-prod"),
    *("capitals", "expired", "replayed", "stopped"),
}


def rehearsed(folder: Path, output: str, *words: str, **programs: Path) -> subprocess.CompletedProcess[str]:
    """The command on a host with these programs."""
    for name, program in programs.items():
        (folder / name).symlink_to(program)
    return subprocess.run(
        [sys.executable, "-P", "-m", "vouchsafe.cli", "host", "smoke", "-o", output, *words],
        cwd=folder,
        env={"PATH": f"{folder}:/usr/bin:/bin", "HOME": os.environ["HOME"]},
        capture_output=True,
        text=True,
        check=False,
    )


def legs(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    """By client and name."""
    found: dict[str, dict[str, Any]] = {}
    for leg in documents.document(("host", "smoke"), done.stdout)["legs"]:
        found.setdefault(leg["client"], {})[leg["leg"]] = leg
    return found


def test_a_host_with_debian_13s_skopeo(tmp_path: Path, skopeo_old: Path) -> None:
    """As JUnit: no failures; and nothing is imported from the working directory, where anybody may write (/tmp)."""
    planted = 'import os\nraise SystemExit("imported from " + os.getcwd())\n'
    (tmp_path / "json.py").write_text(planted)
    done = rehearsed(tmp_path, "junit", skopeo=skopeo_old)
    suite = ET.fromstring(done.stdout)
    assert (done.returncode, suite.get("failures")) == (0, "0")
    assert len(suite.findall("testcase")) == 2 * len(ALLOWED | REFUSED)


def test_bare_keys(tmp_path: Path, skopeo: Path, pulls: Pulls) -> None:
    """For clients that cannot read certificates; a bare key's signature has no end of its own."""
    done = rehearsed(tmp_path, "json", "--form", "key", skopeo=skopeo)
    assert done.returncode == 0, json.loads(done.stdout)["problem"]
    pulls.rehearsed(json.loads(done.stdout)["legs"])
    for client in legs(done).values():
        refused = {name for name, leg in client.items() if leg["got"] == "refused"}
        assert refused == REFUSED - {"expired"}


def test_debian_12(tmp_path: Path, skopeo_openpgp: Path, pulls: Pulls) -> None:
    """OpenPGP is what its skopeo reads; its image proxy looks at nothing, and nothing there uses it."""
    done = rehearsed(tmp_path, "json", "--form", "openpgp", skopeo=skopeo_openpgp)
    assert done.returncode == 0, json.loads(done.stdout)["problem"]
    pulls.rehearsed(json.loads(done.stdout)["legs"])
    assert set(legs(done)) == {"skopeo copy"}


def test_a_client_that_does_not_look(tmp_path: Path, skopeo_openpgp: Path) -> None:
    """With bootc there, Debian 12's proxy pulls everything; its skopeo reads no certificates: both fail."""
    done = rehearsed(tmp_path, "json", skopeo=skopeo_openpgp, bootc=Path("/bin/true"))
    assert (done.returncode, json.loads(done.stdout)["proven"]) == (1, False)
    found = legs(done)
    pulled = {name for name, leg in found["image proxy (bootc)"].items() if leg["got"] == "pulled"}
    assert pulled == ALLOWED | REFUSED
    assert not any(leg["behaved"] for name, leg in found["skopeo copy"].items() if name in ALLOWED)


def test_a_host_without_clients(tmp_path: Path) -> None:
    """Proves nothing."""
    done = rehearsed(tmp_path, "text")
    assert (done.returncode, "there is no client to try" in done.stdout) == (2, True)
