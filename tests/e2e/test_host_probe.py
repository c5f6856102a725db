"""What real clients can do, by letting them pull: a table for each, as it was found by hand before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.whole_machine import WholeMachine

pytestmark = [pytest.mark.peers, pytest.mark.slow]

ABLE = {
    "evaluates-policy": "yes",
    "etc-policy": "yes",
    "usr-policy": "no",
    "home-outranks": "yes",
    "XDG_CONFIG_HOME": "no",
    "CONTAINERS_POLICY_JSON": "no",
    "sigstore-lookaside": "yes",
    "pki": "yes",
    "openpgp-lookaside": "yes",
    "says-why": "yes",
    "subjectEmail": "yes",
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
    "subjectEmail": "no",
}
# Its image proxy was made before policies were evaluated there (skopeo 1.13).
BLIND = dict.fromkeys(ABLE, "unknown") | {"evaluates-policy": "no"}


def probed(**programs: Path) -> tuple[dict[str, dict[str, str]], Any]:
    """Answers by client and question, of a host with these programs; and the whole document."""
    with WholeMachine(**programs) as machine:
        said = machine.said("vouchsafe", "host", "probe")
    answers: dict[str, dict[str, str]] = {}
    for finding in said["findings"]:
        assert finding["evidence"]
        answers.setdefault(finding["client"], {})[finding["question"]] = finding["answer"]
    return answers, said


def test_skopeo(skopeo: Path) -> None:
    """Newest: all that we need, and nothing of what would make us needless."""
    answers, said = probed(skopeo=skopeo)
    assert answers == {"skopeo copy": ABLE, "image proxy (bootc)": ABLE}
    assert said["form"] == "pki"


def test_skopeo_of_debian_13(skopeo_old: Path) -> None:
    """Refuses as it should and does not say why."""
    answers, said = probed(skopeo=skopeo_old)
    assert answers == {"skopeo copy": SILENT, "image proxy (bootc)": SILENT}
    assert said["form"] == "pki"


def test_skopeo_of_debian_12(skopeo_openpgp: Path) -> None:
    """OpenPGP only; and what bootc would use there does not look at the policy at all."""
    answers, said = probed(skopeo=skopeo_openpgp)
    assert answers == {"skopeo copy": OPENPGP_ONLY, "image proxy (bootc)": BLIND}
    assert said["form"] == "openpgp"


def test_podman(podman: Path) -> None:
    """As the newest skopeo."""
    assert probed(podman=podman)[0] == {"podman pull": ABLE}
