"""Releasing the components: what is written into them, and what is refused."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tools import release_components

IMAGE = "registry.example/acme/vouchsafe/tool@sha256:" + "a" * 64
FACTS = ["--catalog", "gitlab.example/acme/vouchsafe", "--version", "1.2.3", "--image", IMAGE]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the templates as they were before any release."""
    copied = Path(shutil.copytree(release_components.TEMPLATES, tmp_path / "templates"))
    for file in copied.iterdir():
        text = re.sub(r'^      default: ".*@sha256:[0-9a-f]{64}"\n', "", file.read_text(), flags=re.MULTILINE)
        file.write_text(re.sub(r'CI_COMPONENT_VERSION="[^"]*"', 'CI_COMPONENT_VERSION="unreleased"', text))
    return copied


def test_what_is_not_released(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a release there is no image to run in, and no version to attest."""
    assert release_components.main(["--check"], folder=folder) == 1
    said = capsys.readouterr().out
    assert "sign.yml: expected tool-image to have an image by digest" in said
    assert "attest-sbom.yml: expected the component's version" in said


def test_a_release(folder: Path) -> None:
    """Each component has the image, the one that attests says its version; again is a newer release."""
    assert release_components.main(FACTS, folder=folder) == 0
    assert release_components.main(["--check"], folder=folder) == 0
    for name in ("sign", "attest-sbom", "verify", "supply-chain"):
        assert (folder / f"{name}.yml").read_text().count(f'      default: "{IMAGE}"\n') == 1
    said = 'CI_COMPONENT_NAME="gitlab.example/acme/vouchsafe/attest-sbom" CI_COMPONENT_VERSION="1.2.3"'
    assert said in (folder / "attest-sbom.yml").read_text()
    before = {file.name: file.read_text() for file in folder.iterdir()}
    assert release_components.main(FACTS, folder=folder) == 0
    assert {file.name: file.read_text() for file in folder.iterdir()} == before
    newer = [*FACTS[:3], "2.0.0", *FACTS[4:]]
    assert release_components.main(newer, folder=folder) == 0
    assert 'CI_COMPONENT_VERSION="2.0.0"' in (folder / "attest-sbom.yml").read_text()


@pytest.mark.parametrize(
    "place, value",
    [(1, "acme"), (3, "v1.2.3"), (3, "1.2"), (5, "registry.example/tool:1"), (5, 'a"b@sha256:' + "a" * 64)],
)
def test_facts_that_will_not_do(folder: Path, place: int, value: str) -> None:
    """Nothing is written."""
    wrong = [*FACTS[:place], value, *FACTS[place + 1 :]]
    assert release_components.main(wrong, folder=folder) == 64
    assert release_components.main(["--check"], folder=folder) == 1
