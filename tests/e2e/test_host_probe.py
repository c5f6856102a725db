"""What real clients can do, by letting them pull: a table for each, as it was found by hand before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.peers, pytest.mark.slow]

ABLE = {
    "evaluates-policy": "yes",
    "sigstore-lookaside": "yes",
    "pki": "yes",
    "openpgp-lookaside": "yes",
    "says-why": "yes",
    "home-outranks": "yes",
    "CONTAINERS_POLICY_JSON": "no",
    "subjectURI": "no",
    "buildSignerURI": "no",
    "plugin": "no",
    "bundle": "no",
}
# skopeo 1.18 shows "403 (Forbidden)" and not the reason phrase.
SILENT = {**ABLE, "says-why": "no"}
# Debian 12: sigstore is compiled out, `fulcio` and `pki` are unknown keys.
OPENPGP_ONLY = {
    **SILENT,
    "sigstore-lookaside": "no",
    "pki": "no",
}
# Its image proxy was made before policies were evaluated there (skopeo 1.13).
BLIND = dict.fromkeys(ABLE, "unknown") | {"evaluates-policy": "no"}


def probed(folder: Path, *programs: Path) -> dict[str, dict[str, str]]:
    """Answers by client and question, of a host with these programs."""
    for program in programs:
        name = "podman" if program.name == "podman" else "skopeo"
        (folder / name).symlink_to(program)
    done = subprocess.run(
        [sys.executable, "-m", "vouchsafe.cli", "host", "probe", "-o", "json"],
        env={"PATH": f"{folder}:/usr/bin:/bin", "HOME": os.environ["HOME"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers: dict[str, dict[str, str]] = {}
    for finding in json.loads(done.stdout)["findings"]:
        assert finding["evidence"]
        answers.setdefault(finding["client"], {})[finding["question"]] = finding["answer"]
    return answers


def test_skopeo(tmp_path: Path, skopeo: Path) -> None:
    """Newest: all that we need, and nothing of what would make us needless."""
    assert probed(tmp_path, skopeo) == {"skopeo copy": ABLE, "image proxy (bootc)": ABLE}


def test_skopeo_of_debian_13(tmp_path: Path, skopeo_old: Path) -> None:
    """Refuses as it should and does not say why."""
    assert probed(tmp_path, skopeo_old) == {"skopeo copy": SILENT, "image proxy (bootc)": SILENT}


def test_skopeo_of_debian_12(tmp_path: Path, skopeo_openpgp: Path) -> None:
    """OpenPGP only; and what bootc would use there does not look at the policy at all."""
    assert probed(tmp_path, skopeo_openpgp) == {"skopeo copy": OPENPGP_ONLY, "image proxy (bootc)": BLIND}


def test_podman(tmp_path: Path, podman: Path) -> None:
    """As the newest skopeo."""
    assert probed(tmp_path, podman) == {"podman pull": ABLE}
