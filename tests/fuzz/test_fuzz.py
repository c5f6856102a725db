"""A short run of every target; `make fuzz` is the long one."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from tests.fuzz import run
from tests.fuzz.mutate import der_elements, der_written, inside
from tests.fuzz.targets import TARGETS
from tests.properties.parsers import LEAF

SECONDS = 1


def test_every_target_is_run() -> None:
    """The list that needs no import of what is fuzzed is whole."""
    assert tuple(TARGETS) == run.NAMES


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_pass(name: str) -> None:
    """What a run begins from, without a fuzzer."""
    for seed in TARGETS[name].seeds:
        TARGETS[name].check(seed)


def test_forged_evidence_would_be_found() -> None:
    """The target of bundles knows what the right thing says: as another form's it is refused."""
    from tests.fuzz.targets import SAID, expect

    expect(SAID["bundle-rekor1"], "bundle-rekor1")
    with pytest.raises(AssertionError):
        expect(SAID["bundle-rekor1"], "legacy-tsa")


def test_changed_inside() -> None:
    """The mutator reaches what base64 and DER wrap, and what it writes has the right lengths."""
    elements = der_elements(LEAF)
    assert elements is not None
    assert der_written(elements) == LEAF
    document = json.dumps({"a": [{"b": "MIIBCgKC"}], "c": "text"}).encode()
    changed = {inside(document, Random(seed), lambda piece: piece + b"!") for seed in range(200)}
    assert len(changed) > 5
    assert all(isinstance(json.loads(each), (dict, list, str, int, type(None))) for each in changed)
    parsed = [der_elements(inside(LEAF, Random(seed), lambda piece: piece + b"!")) for seed in range(200)]
    assert sum(each is not None for each in parsed) > 150


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is missing: no fuzzing here")
@pytest.mark.parametrize("name", TARGETS)
def test_a_short_run(name: str, tmp_path: Path) -> None:
    """Nothing but our errors escapes, and nothing changed is accepted as something else."""
    command = (
        *(sys.executable, str(Path(run.__file__)), "--seconds", str(SECONDS), "--corpus", str(tmp_path)),
        name,
    )
    ended = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "number_of_executed_units" in ended.stdout
