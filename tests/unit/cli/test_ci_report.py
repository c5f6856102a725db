"""`vouchsafe ci report`: cases and links out of what the commands printed."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from tests.cli_lab import FEATURE, MAIN, Ended, Lab, run, written
from vouchsafe.cli import ci_checks

DIGEST = "sha256:" + "1" * 64
SIGNER = {
    "issuer": "https://gitlab.example",
    "subject": MAIN,
    "subjectKind": "uri",
    "claims": {"build-trigger": "push"},
}


def form(
    name: str = "legacy", state: str = "signed", *indexes: int, log: str = "rekor.sigstore.dev"
) -> dict[str, Any]:
    """One form of a manifest."""
    return {
        "form": name,
        "state": state,
        "place": "",
        "log": [{"log": log, "index": each} for each in indexes],
    }


def document(*forms: dict[str, Any], dry_run: bool = False, **image: Any) -> dict[str, Any]:
    """What `sign -o json` prints of one image."""
    manifests = [{"digest": DIGEST, "platform": "", "forms": list(forms)}] if forms else []
    one = {
        "reference": "docker://r/i:v1",
        "digest": DIGEST,
        "ok": True,
        "manifests": manifests,
        "readBack": [],
        "error": None,
    }
    return {"schemaVersion": 1, "dryRun": dry_run, "signer": SIGNER, "images": [one | image]}


def report(folder: Path, *documents: object, flags: tuple[str, ...] = ()) -> tuple[Ended, ET.Element, Any]:
    """The command's end, the JUnit report and the annotations."""
    names = []
    for number, each in enumerate(documents):
        text = each if isinstance(each, str) else json.dumps(each)
        names.append(written(folder, f"{number}.json", text))
    links, junit = folder / "links.json", folder / "junit.xml"
    ended = run("ci", "report", "--junit", junit, "--annotations", links, *flags, *names)
    return ended, ET.parse(junit).getroot(), json.loads(links.read_text())


def results(root: ET.Element) -> dict[str, tuple[str, str]]:
    """Per case: failure, error or nothing, and its code."""
    return {
        str(case.get("name")): next(
            ((child.tag, str(child.get("type"))) for child in case if child.tag != "system-out"), ("", "")
        )
        for case in root.iter("testcase")
    }


def test_what_was_signed(tmp_path: Path) -> None:
    """A case for who, for each form, reader and consumer; links to the public log's page."""
    read_back = [
        {"reader": "vouchsafe (legacy)", "digest": DIGEST, "ok": True, "required": True, "words": ""}
    ]
    signed = document(form("legacy", "signed", 7), form("bundle", "already", 0), readBack=read_back)
    ended, root, links = report(tmp_path, signed, flags=("--require-readable-by", "podman, cosign"))
    assert ended.code == 0
    assert results(root) == dict.fromkeys(
        (
            "identity",
            "the image: signed (legacy)",
            "the image: signed (bundle)",
            "read by vouchsafe (legacy)",
            "readable by podman",
            "readable by cosign",
        ),
        ("", ""),
    )
    urls = [each["external_link"]["url"] for each in links["Transparency log"]]
    assert urls == [f"https://search.sigstore.dev/?logIndex={index}" for index in (7, 0)]
    assert f"ok      identity: signed as {MAIN}" in ended.out


def test_who_could_not_read_it(tmp_path: Path) -> None:
    """A reader that was required is a failure, another is only told; a consumer is one without its form."""
    read_back = [
        {
            "reader": "skopeo 1.22",
            "digest": DIGEST,
            "ok": False,
            "required": True,
            "words": "no signature exists",
        },
        {
            "reader": "cosign 2.5",
            "digest": DIGEST,
            "ok": False,
            "required": False,
            "words": "wrong media type",
        },
    ]
    signed = document(form("bundle", "signed", 7), readBack=read_back, ok=False)
    ended, root, _ = report(tmp_path, signed, flags=("--require-readable-by", "podman"))
    found = results(root)
    assert found["read by skopeo 1.22"] == found["readable by podman"] == ("failure", "not-readable")
    assert found["read by cosign 2.5"] == ("", "")
    assert "FAILED  read by skopeo 1.22: no signature exists [not-readable]" in ended.out


@pytest.mark.parametrize(
    "code, dry_run, name, expected",
    [
        ("no-such-image", False, "signed", ("error", "no-such-image")),
        ("no-such-image", True, "image", ("", "")),
        ("not-readable", False, "readable", ("failure", "not-readable")),
        ("registry-unauthorized", True, "signed", ("error", "registry-unauthorized")),
    ],
)
def test_what_went_wrong(
    tmp_path: Path, code: str, dry_run: bool, name: str, expected: tuple[str, str]
) -> None:
    """An error is one, a form that somebody cannot read is a failure, an image to come is neither."""
    broken = document(dry_run=dry_run, ok=False, error={"code": code, "message": "m", "hint": "h"})
    _, root, _ = report(tmp_path, broken)
    assert results(root)[name] == expected


def test_nothing_was_printed(tmp_path: Path) -> None:
    """What was said on standard error is the reason, by its code."""
    said = written(
        tmp_path, "said", "vouchsafe: error: expected a token, got none [token-absent]\nvouchsafe: hint: x\n"
    )
    _, root, links = report(tmp_path, "", flags=("--said", str(said), "--verb", "SBOM attested"))
    assert (results(root), links) == ({"SBOM attested": ("error", "token-absent")}, {})
    _, root, _ = report(tmp_path, "", flags=("--said", str(tmp_path / "none")))
    assert results(root) == {"signed": ("error", "no-document")}
    _, root, _ = report(tmp_path, "")
    assert results(root) == {"signed": ("error", "no-document")}


def test_two_documents(tmp_path: Path) -> None:
    """Each with its own verb; no two cases are called the same, or GitLab would show one of them."""
    verbs = ("--verb", "SBOM attested", "--verb", "provenance attested")
    same = document(form("legacy", "signed", 1))
    _, root, _ = report(tmp_path, same, same, flags=verbs)
    names = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert (len(names), len(set(names))) == (4, 4)
    assert "the image: provenance attested (legacy)" in results(root)


def test_another_log(tmp_path: Path) -> None:
    """A private log's entries are linked where somebody says how."""
    signed = document(form("legacy", "signed", 5, log="rekor.corp.example"))
    assert report(tmp_path, signed)[2] == {}
    template = "https://rekor.corp.example/api/v1/log/entries?logIndex={index}"
    (link,) = report(tmp_path, signed, flags=("--log-url", template))[2]["Transparency log"]
    assert link["external_link"]["url"] == template.replace("{index}", "5")
    assert run("ci", "report", "--log-url", "https://x", tmp_path / "0.json").code == 64


@pytest.mark.parametrize(
    "image, identity, verdict",
    [
        ("signed", MAIN, {"signed": "", "1.": ""}),
        ("signed", FEATURE, {"signed": "", "1.": "identity"}),
        ("unsigned", MAIN, {"signed": "unsigned", "1.": "unsigned"}),
        ("attested", MAIN, {"signed": "not-a-signature", "1.": "not-a-signature"}),
    ],
)
def test_verdicts(lab: Lab, tmp_path: Path, image: str, identity: str, verdict: dict[str, str]) -> None:
    """Is it signed at all, and each demand; red with the code that `verify` shows."""
    explained = run("explain", "-o", "json", *lab.flags(identity), lab.docker(image))
    _, root, _ = report(tmp_path, explained.out)
    found = {name.partition(" ")[0]: code for name, (_, code) in results(root).items()}
    assert found == verdict


def test_a_verdict_that_could_not_be_reached(lab: Lab, tmp_path: Path) -> None:
    """An error, not a failure."""
    explained = run("explain", "-o", "json", *lab.flags(), f"{lab.server.address}/group/nothing:v1")
    _, root, _ = report(tmp_path, explained.out)
    assert results(root)["signed"] == ("error", "no-such-image")


def test_accepted_without_a_signature() -> None:
    """What accepts anything was not verified: red, for the exit code is not 0 either."""
    verdict = {
        "reference": "r",
        "verdict": "accepted",
        "ok": False,
        "digest": DIGEST,
        "rules": ["accept anything (insecure)"],
        "reasons": [],
        "looked": [],
        "signatures": [],
    }
    cases = ci_checks.of_document({"verdicts": [verdict]}, "t")
    assert [case.failure and case.failure[0] for case in cases] == ["not-verified", "not-verified"]


@pytest.mark.parametrize("text", ["[]", "{}", "nonsense"])
def test_what_is_no_document(tmp_path: Path, text: str) -> None:
    """A mistake in the command."""
    assert run("ci", "report", written(tmp_path, "x.json", text)).code == 64
    assert run("ci", "report", tmp_path / "absent.json").code == 78
