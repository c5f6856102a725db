"""The pipelines that docs/gitlab.md and docs/upstream.md show are ones that GitLab takes: each is expanded here."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest

from tests.ci import templates
from tests.ci.pipeline import PROJECT, ROOT, TOOL_IMAGE, Estate

pytestmark = pytest.mark.peers

PAGE = ROOT / "docs" / "gitlab.md"
WATCH_PAGE = ROOT / "docs" / "upstream.md"
YAML = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLES = [
    text
    for page in (PAGE, WATCH_PAGE)
    for text in YAML.findall(page.read_text(encoding="utf-8"))
    if "component:" in text
]


@pytest.mark.parametrize("example", EXAMPLES, ids=map(str, range(len(EXAMPLES))))
def test_the_examples_are_pipelines(loopback: Estate, tmp_path: Path, example: str) -> None:
    """Inputs exist and have the right type, jobs that are needed are there, and GitLab's schema holds."""
    of_this_commit = re.sub(r"/acme/vouchsafe/([a-z-]+)@v[0-9.]+", rf"/{PROJECT}/\1@$CI_COMMIT_SHA", example)
    with_image = of_this_commit.replace("    inputs:\n", f"    inputs:\n      tool-image: {TOOL_IMAGE}\n")
    project = loopback.project(tmp_path, {}, {".gitlab-ci.yml": with_image})
    ended = loopback.runner(project, "--preview", home=tmp_path)
    assert ended.returncode == 0, ended.stderr
    written = tmp_path / "preview.yml"
    written.write_text(ended.stdout[ended.stdout.index("---") :], encoding="utf-8")
    schema, ((pipeline,),) = templates.read(loopback.runner, written)
    assert list(jsonschema.Draft7Validator(schema).iter_errors(pipeline)) == []


def test_every_input_is_in_the_table(loopback: Estate) -> None:
    """And nothing else; each by the components that have it."""
    _, files = templates.read(loopback.runner, *map(templates.path_of, templates.NAMES))
    has = {name: set(file[0]["spec"]["inputs"]) for name, file in zip(templates.NAMES, files, strict=True)}
    rows = re.findall(r"^\| (`[^|]*) \| ([•| ]*) \|[^|]*\|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    listed: dict[str, set[str]] = {name: set() for name in templates.NAMES}
    for names, marks in rows:
        bare = re.sub(r"\([^)]*\)", "", names)
        for name, mark in zip(templates.NAMES, marks.split("|"), strict=True):
            if mark.strip():
                listed[name] |= set(re.findall(r"`([a-z-]+)`", bare))
    assert json.dumps({name: sorted(each) for name, each in listed.items()}, indent=1) == json.dumps(
        {name: sorted(each) for name, each in has.items()}, indent=1
    )


def test_every_input_of_the_watch_is_in_its_table(loopback: Estate) -> None:
    """And nothing else."""
    _, ((header, _),) = templates.read(loopback.runner, templates.path_of(templates.WATCH))
    rows = re.findall(r"^\| (`[^|]*) \| [^|]* \|$", WATCH_PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    listed = {name for row in rows for name in re.findall(r"`([a-z-]+)`", row)}
    assert listed == set(header["spec"]["inputs"])
