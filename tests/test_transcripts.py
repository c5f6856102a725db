"""The transcripts in tests/transcripts: what a person types, and all that the command answers.

A block is a line `$ vouchsafe …`, perhaps `[exit N]`, and the answer, standard output before standard error.
`{name}` is filled in, `<word>` stands for anything within a line, a line `...` for any number of lines;
`#` between blocks is a comment.
"""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.cli_lab import ISSUER, MAIN, Lab, lab, need_no_policy_here, plain_terminal, run, written

__all__ = ["lab", "plain_terminal"]
FOLDER = Path(__file__).resolve().parent / "transcripts"
_FILLED = re.compile(r"\{([a-z]+)(?::([a-z]+))?\}")


class Block(NamedTuple):
    """One command with its answer; `place` is where it is written."""

    place: str
    command: str
    code: int
    answer: list[str]


def blocks() -> list[Block]:
    """Every block of every transcript."""
    found: list[Block] = []
    for path in sorted(FOLDER.glob("*.txt")):
        current: Block | None = None
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if line.startswith("$ "):
                current = Block(f"{path.name}:{number}", line[2:], 0, [])
                found.append(current)
            elif line.startswith("# "):
                current = None
            elif current is not None and (code := re.fullmatch(r"\[exit (\d+)\]", line)):
                current = current._replace(code=int(code[1]))
                found[-1] = current
            elif current is not None:
                current.answer.append(line)
    return found


def filled(text: str, lab: Lab) -> str:
    """With the lab's names in place of `{…}`."""

    def value(match: re.Match[str]) -> str:
        kind, name = match[1], match[2]
        if kind == "who":
            flags = ["--certificate-identity", MAIN, "--certificate-oidc-issuer", ISSUER]
            return shlex.join([*flags, "--trusted-root", str(lab.root), "--tls-verify=false"])
        known = {
            "folder": lambda: str(lab.folder),
            "address": lambda: lab.server.address,
            "oci": lambda: lab.oci(name),
            "docker": lambda: lab.docker(name),
            "digest": lambda: str(lab.digests[name]),
        }
        return known[kind]()

    return _FILLED.sub(value, text)


def pattern(answer: list[str], lab: Lab) -> str:
    """The answer as a regular expression."""
    lines = []
    for line in answer:
        if line == "...":
            lines.append(r"(?:.*\n)*?")
            continue
        parts = re.split(r"<[a-z]+>", filled(line, lab))
        lines.append(".+?".join(re.escape(part) for part in parts) + r"\n")
    return "".join(lines)


@pytest.fixture(scope="module")
def files(lab: Lab) -> None:
    """The policies and tables that transcripts name."""
    fulcio = {"trustedRootPath": str(lab.root), "oidcIssuer": ISSUER, "subjectURI": MAIN}
    name = {"type": "exactRepository", "dockerRepository": f"{lab.server.address}/group/signed"}
    demand = {"type": "sigstoreSigned", "fulcio": fulcio, "signedIdentity": name}
    strict = {"default": [{"type": "reject"}], "transports": {"oci": {str(lab.folder): [demand]}}}
    written(lab.folder, "strict.json", json.dumps(strict, indent=1))
    loose = {"default": [{"type": "insecureAcceptAnything"}]}
    written(lab.folder, "loose.json", json.dumps(loose, indent=1))
    table = [
        {"image": lab.oci("signed"), "expect": "accepted"},
        {"name": "the branch", "image": lab.oci("feature"), "expect": "accepted"},
    ]
    written(lab.folder, "cases.json", json.dumps(table))


@pytest.mark.parametrize("block", blocks(), ids=lambda block: block.place)
@pytest.mark.usefixtures("files")
def test_transcript(block: Block, lab: Lab) -> None:
    """The answer, to the letter, and the exit code."""
    if "/etc/vouchsafe/policy.json" in "".join(block.answer):
        need_no_policy_here()
    ended = run(*shlex.split(filled(block.command, lab))[1:])
    said = (ended.out + ended.err).rstrip("\n") + "\n"
    while block.answer and not block.answer[-1]:
        block.answer.pop()
    assert re.fullmatch(pattern(block.answer, lab), said), f"{block.place}\n{said}"
    assert ended.code == block.code
