"""docs/plugin-protocol.md says what the code does: its examples are read, answered, and valid by the schemas."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.unit.protocol.test_request import FULL, WRONG, edited
from tests.unit.protocol.test_response import ALLOWED, DENIED, written
from vouchsafe.plugin.program import respond
from vouchsafe.protocol import decision as decisions
from vouchsafe.protocol import description as descriptions
from vouchsafe.protocol.request import Describe, parse
from vouchsafe.testing import plugin_host

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs/plugin-protocol.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```json (\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
# What only a grammar or a hash can refuse: a schema that says less is not wrong.
BEYOND_THE_SCHEMA = {
    *(
        "logical",
        "logical-line",
        "physical",
        "digest-of-another",
        "digest-in-the-name",
        "list-of-another",
    ),
    "base64",
}


def schema(name: str) -> Any:
    """A schema that is one itself."""
    loaded = json.loads((ROOT / f"docs/plugin-{name}.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(loaded)
    return jsonschema.Draft202012Validator(loaded)


REQUESTS, RESPONSES, STANZAS = schema("request"), schema("response"), schema("stanza")


@pytest.mark.parametrize("kind, text", BLOCKS)
def test_an_example(kind: str, text: str) -> None:
    """Is what it is said to be."""
    said = json.loads(text)
    match kind:
        case "request":
            parse(text.encode())
            REQUESTS.validate(said)
        case "response" | "refusal":
            decisions.parse(text.encode())
            RESPONSES.validate(said)
        case "description":
            descriptions.parse(text.encode())
            RESPONSES.validate(said)
        case _:
            assert kind == "stanza"
            (requirement,) = said["transports"]["docker"]["registry.example/group"]
            STANZAS.validate(requirement)


def test_examples_are_what_ours_answers() -> None:
    """The description, and what becomes of a capability that nobody has."""
    requests = [text for kind, text in BLOCKS if kind == "request"]
    for kind, request in (("description", requests[1]), ("refusal", requests[2])):
        expected = json.loads(next(text for each, text in BLOCKS if each == kind))
        said = json.loads(respond(request.encode(), ("--root", "/nonexistent")).document)
        said["plugin"]["version"] = expected["plugin"]["version"]
        assert said == expected


@pytest.mark.parametrize(
    "more",
    [
        {"type": "Plugin"},
        {"name": "../evil"},
        {"name": ""},
        {"name": None},
        {"Name": "x"},
        {"config": []},
        {"requires": "fetch"},
        {"requires": [""]},
        {"timeoutSeconds": 0},
        {"timeoutSeconds": 1.5},
        {"insecureAcceptUnverified": "yes"},
    ],
)
def test_what_is_no_stanza(more: dict[str, Any]) -> None:
    """As strict as the rest of policy.json; nothing but the type is mandatory."""
    assert STANZAS.is_valid({"type": "plugin"})
    assert not STANZAS.is_valid({"type": "plugin"} | more)


def test_what_is_written_is_valid() -> None:
    """Both directions, with everything in them."""
    for request in (FULL.document(), Describe(id="1").document()):
        REQUESTS.validate(json.loads(request))
    for decision in (ALLOWED, DENIED, DENIED.replace(word="error", digest=None)):
        RESPONSES.validate(json.loads(written(decision)))


@pytest.mark.parametrize("name", WRONG)
def test_what_is_refused_is_not_valid(name: str) -> None:
    """As far as a schema can say it."""
    assert REQUESTS.is_valid(json.loads(edited(WRONG[name][1]))) == (name in BEYOND_THE_SCHEMA)


@pytest.mark.parametrize(
    "more",
    [{"decision": "yes"}, {"digest": None}, {"digest": "sha256:0"}, {"policyPlugin": 2}, {"reason": 1}],
)
def test_what_is_no_response_is_not_valid(more: dict[str, Any]) -> None:
    """An allow needs a digest, a deny a reason."""
    assert not RESPONSES.is_valid(json.loads(written(ALLOWED, **more)))
    assert not RESPONSES.is_valid({**json.loads(written(DENIED)), "reason": {"code": ""}})


def test_the_host_does_what_the_page_says() -> None:
    """Its constants are the page's."""
    for variable in plugin_host.PASSED.split():
        assert f"`{variable.upper()}`" in PAGE
    assert f"PATH={plugin_host.PATH}" in PAGE
    assert all(f"`{directory}`" in PAGE for directory in plugin_host.DIRECTORIES)
    assert plugin_host.NAME.pattern in PAGE
    assert f"More than {plugin_host.MOST_PLUGINS} plugins" in PAGE


def test_what_a_package_installs() -> None:
    """A program that can be run, and answers; by this interpreter, which is not the package's."""
    program = ROOT / "deploy/policy-plugins.d/vouchsafe"
    assert program.stat().st_mode & 0o777 == 0o755
    assert program.read_text(encoding="utf-8").startswith("#!/usr/bin/python3 -I\n")
    command = [sys.executable, "-I", str(program)]
    done = subprocess.run(command, input=Describe(id="7").document(), capture_output=True, check=True)
    assert descriptions.parse(done.stdout)[0] == "7"
    done = subprocess.run([*command, "--help"], input=b"", capture_output=True, check=False)
    assert (done.returncode, decisions.parse(done.stdout).decision.code) == (2, "usage")
