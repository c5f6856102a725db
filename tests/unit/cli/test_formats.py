"""Verdicts as text, JSON and JUnit: by the schema, well-formed, and nothing from outside drives a terminal."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli_lab import MAIN, Lab, run, written
from tests.documents import document
from vouchsafe.cli import json_output, junit, render
from vouchsafe.cli.console import Console
from vouchsafe.cli.verify import exit_code
from vouchsafe.errors import ConfigurationError, Unavailable
from vouchsafe.image.digest import Digest
from vouchsafe.policy.verdict import Accepted, Reason, Rejected, Undecided, Verdict
from vouchsafe.verification import VerifiedSignature
from vouchsafe.verification.claim import Claim
from vouchsafe.verification.signature import MADE_HERE

ROOT = Path(__file__).resolve().parents[3]
DIGEST = Digest.of(b"image")
HOSTILE = "\x1b[2J\x07\u202e<b>&\"'\n\x00\ud800"


def console() -> Console:
    """One that nobody sees."""
    return Console(out=io.StringIO(), err=io.StringIO(), colour=False)


def printed(verdict: Verdict) -> str:
    """Its document."""
    out = io.StringIO()
    Console(out=out, err=out).document(json_output.document([verdict]))
    return out.getvalue()


def rejected(text: str = "x") -> Rejected:
    """A refusal with a text from outside everywhere."""
    reason = Reason(code="identity", message=text, hint=text, about=text)
    return Rejected(
        reference=text, digest=DIGEST, scope=text, rules=(text,), reasons=(reason,), notes=(reason,)
    )


@pytest.mark.parametrize(
    "image", ["signed", "bundled", "unsigned", "feature", "attested", "keyed", "nothing"]
)
@pytest.mark.parametrize("command", ["verify", "explain"])
def test_one_document(lab: Lab, command: str, image: str) -> None:
    """One document, whatever came out."""
    ended = run(command, "-o", "json", *lab.flags(), lab.docker(image))
    (verdict,) = ended.json["verdicts"]
    assert (ended.code == 0, ended.err) == (verdict["ok"], "")
    assert ("looked" in verdict) == (command == "explain")


def test_json_of_a_key_and_of_nothing_verified(lab: Lab, tmp_path: Path) -> None:
    """The other two ways to be accepted."""
    ended = run("verify", "-o", "json", "--key", lab.key, "--tls-verify=false", lab.docker("keyed"))
    assert ended.json["verdicts"][0]["signatures"][0]["keyId"].startswith("sha256:")
    path = written(tmp_path, "policy.json", '{"default": [{"type": "insecureAcceptAnything"}]}')
    for words, ok in ((["--allow-unverified"], True), ([], False)):
        ended = run(
            "verify", "-o", "json", "--policy", path, *words, "--tls-verify=false", lab.docker("signed")
        )
        said = ended.json["verdicts"][0]
        assert (said["verdict"], said["verified"], said["ok"]) == ("accepted", False, ok)


def test_json_says_who_when_and_where(lab: Lab) -> None:
    """What a program wants of an acceptance."""
    ended = run("verify", "-o", "json", *lab.flags(), lab.docker("signed"))
    verdict = ended.json["verdicts"][0]
    (signature,) = verdict["signatures"]
    assert verdict["digest"] == str(lab.digests["signed"])
    assert signature["identity"]["subject"] == MAIN
    assert signature["identity"]["claims"]["build-trigger"] == "push"
    assert [place["log"] for place in signature["log"]] == ["rekor1.sigstore.example"]
    assert [each["source"] for each in signature["times"]] == ["log"]
    assert signature["sct"] == "verified"


def test_junit_has_one_case_an_image(lab: Lab) -> None:
    """A refusal is a failure, a doubt an error."""
    names = ["signed", "feature", "nothing"]
    ended = run("verify", "-o", "junit", *lab.flags(), *(lab.docker(name) for name in names))
    root = ET.fromstring(ended.out)
    cases = root.findall("./testsuite/testcase")
    assert ended.code == 2
    assert [case.get("name") for case in cases] == [f"docker://{lab.docker(name)}" for name in names]
    assert [[child.tag for child in case] for case in cases] == [["system-out"], ["failure"], ["error"]]
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("3", "1", "1")
    failure = cases[1].find("failure")
    assert failure is not None
    assert (failure.get("type"), MAIN in str(failure.get("message"))) == ("identity", True)
    assert "None" not in ended.out


def test_junit_of_an_unverified_acceptance() -> None:
    """Fails, unless that was asked for."""
    accepted = Accepted(reference="docker://x", digest=DIGEST, verified=False)
    strict = ET.fromstring(junit.report([accepted]))
    lenient = ET.fromstring(junit.report([accepted], allow_unverified=True))
    assert (strict.get("failures"), lenient.get("failures")) == ("1", "0")


@given(st.text())
def test_junit_is_well_formed_whatever_is_said(text: str) -> None:
    """Control characters, half pairs and quotes in every place."""
    ET.fromstring(junit.report([rejected(text + HOSTILE), Undecided(reference=text, reasons=())]))


@given(st.text())
def test_text_drives_no_terminal(text: str) -> None:
    """Nothing but printable characters and line ends, and no line that was not ours."""
    plain = render.text(rejected("x"), console(), everything=True)
    said = render.text(rejected(text + HOSTILE), console(), everything=True)
    assert said.replace("\n", "").isprintable()
    assert len(said.splitlines()) == len(plain.splitlines())


@given(st.text())
def test_json_is_ascii(text: str) -> None:
    """Escapes are JSON's own."""
    assert printed(rejected(text + HOSTILE)).isascii()


def signature(**fields: Any) -> VerifiedSignature:
    """One that nobody signed: only its shape is looked at."""
    common: dict[str, Any] = {
        "claim": Claim(role="signature", digests=frozenset((DIGEST,)), annotations={}),
        "identity": None,
        "key_id": "",
        "times": (),
        "logged": (),
        "sct": "no certificate",
        "origin": "signature-1",
        "media_type": "x/y",
        "blob_digest": DIGEST,
        "made_here": MADE_HERE,
    }
    return VerifiedSignature(**(common | fields))


@pytest.mark.parametrize(
    "fields, says",
    [
        ({}, "signed by  an OpenPGP key of the policy"),
        ({"key_id": DIGEST.hex}, f"signed by  the key {DIGEST}"),
        ({"subjects": ("a@b", "host.example")}, "signed by  a@b, host.example"),
        ({"sct": "not checked"}, "the certificate's SCT was not checked"),
    ],
)
def test_every_signer_has_words(fields: dict[str, Any], says: str) -> None:
    """OpenPGP, a key, an own CA; and a log of certificates that nobody named."""
    accepted = Accepted(reference="x", digest=DIGEST, signatures=(signature(**fields),))
    assert says in render.text(accepted, console())
    assert document(("verify",), printed(accepted))["verdicts"][0]["ok"]


VERDICTS: list[tuple[Verdict, int, int]] = [
    (Accepted(reference="x", digest=DIGEST), 0, 0),
    (Accepted(reference="x", digest=DIGEST, verified=False), 1, 0),
    (Rejected(reference="x"), 1, 1),
    (Undecided(reference="x"), 2, 2),
    (Undecided(reference="x", reasons=(Reason.of(Unavailable("dns", "m")),)), 2, 2),
    (Undecided(reference="x", reasons=(Reason.of(ConfigurationError("file-missing", "m")),)), 78, 78),
]


@pytest.mark.parametrize("verdict, strict, lenient", VERDICTS, ids=lambda part: getattr(part, "word", part))
def test_exit_codes(verdict: Verdict, strict: int, lenient: int) -> None:
    """Design §6; what only insecureAcceptAnything let through is no 0."""
    assert (exit_code(verdict), exit_code(verdict, allow_unverified=True)) == (strict, lenient)


def test_many_reasons_fit_a_screen() -> None:
    """The nearest few, then how many more."""
    reasons = tuple(Reason(code="identity", message=f"signed by {n}", hint=f"do {n}") for n in range(100))
    verdict = Rejected(reference="x", digest=DIGEST, reasons=reasons)
    short, long = (render.text(verdict, console(), everything=everything) for everything in (False, True))
    assert [line.split()[0] for line in short.splitlines()[2:]] == [
        "because",
        "also",
        "also",
        "also",
        "…",
        "do",
    ]
    assert "and 96 more" in short
    assert long.count("signed by") == 100


def test_the_same_reason_is_said_once() -> None:
    """Two hundred copies of a bad signature are one line."""
    reason = Reason(code="signature", message="expected a valid signature")
    said = render.text(Rejected(reference="x", reasons=(reason,) * 200), console())
    assert said.count("expected a valid signature") == 1


def test_colour_where_it_is_wanted() -> None:
    """The verdict's word."""
    coloured = Console(out=io.StringIO(), err=io.StringIO(), colour=True)
    assert render.text(rejected(), coloured).startswith("\x1b[31mrejected\x1b[0m")
