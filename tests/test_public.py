"""The public surface of the library: its names, its calls, and that naming it costs nothing."""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import Any

import pytest

import vouchsafe
from tests.cli_lab import ISSUER, MAIN, Lab, lab

__all__ = ["lab"]

# What users may rely on. A name that goes or a call that changes is a new major version.
NAMES = """
    Accepted ConfigurationError Digest Evidence Host Identity IdentityPattern Looked MalformedError Outcome Policy
    Question Reason Reference Refused Rejected Sources TrustRoot Unavailable Undecided Verdict VerificationError
    VerifiedSignature VouchsafeError World __version__ admission admit by_identity by_key consider evaluate evidence
    located parse_policy parse_trusted_root require select this_host verification verify_image
"""
CALLS = {
    "Reference.parse": ["untrusted_text"],
    "admit": ["question", "registry", "clock", "world", "report"],
    "by_identity": ["patterns", "trusted_root", "predicate_type"],
    "by_key": ["paths", "trusted_root", "predicate_type"],
    "consider": ["requirement", "signature", "reference", "digest", "selected", "at"],
    "evaluate": ["selected", "reference", "digest", "outcome"],
    "evidence.parse": ["blob", "annotations", "media_type", "origin"],
    "parse_policy": ["blob", "dialect", "source"],
    "parse_trusted_root": ["blob", "source", "expires"],
    "require": ["verdict", "allow_unverified"],
    "select": ["policy", "reference"],
    "this_host": ["authfile", "cert_dir", "registries_conf", "tls_verify", "timeout"],
    "verification.verify": ["evidence", "root", "at", "artifact"],
    "verify_image": ["image", "policy", "on"],
}
FIELDS = {
    "Accepted": "reference digest scope rules reasons looked notes signatures verified",
    "Rejected": "reference digest scope rules reasons looked notes",
    "Undecided": "reference digest scope rules reasons looked notes",
    "Reason": "code message hint about configuration",
    "Identity": "issuer subject subject_kind claims",
    "IdentityPattern": ("issuer subject subject_uri subject_email subject_regexp claims claim_regexps"),
    "Question": "reference policy named supplied thorough newest_seen longest",
}


def test_names() -> None:
    """Exactly these, and each can be had."""
    assert vouchsafe.__all__ == NAMES.split()
    assert [name for name in NAMES.split() if getattr(vouchsafe, name) is None] == []
    assert dir(vouchsafe) == sorted(NAMES.split())


@pytest.mark.parametrize("call", sorted(CALLS))
def test_calls(call: str) -> None:
    """What each call takes, by name; the docstring says what it raises."""
    found: Any = vouchsafe
    for name in call.split("."):
        found = getattr(found, name)
    assert CALLS[call] == list(inspect.signature(found).parameters)
    assert inspect.getdoc(found)


@pytest.mark.parametrize("record", sorted(FIELDS))
def test_fields(record: str) -> None:
    """What each record holds."""
    assert FIELDS[record].split() == list(getattr(vouchsafe, record)._fields)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="has no attribute 'verify'"):
        vouchsafe.verify  # noqa: B018


def test_importing_it_imports_nothing() -> None:
    """A program that only asks for the version pays for nothing."""
    code = "import sys, vouchsafe; print([m for m in sys.modules if m.startswith('vouchsafe.')])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_it_is_typed() -> None:
    """PEP 561."""
    from importlib import resources

    assert resources.files("vouchsafe").joinpath("py.typed").is_file()


def test_one_call_for_one_image(lab: Lab) -> None:
    """From disk or a registry, with this process's settings or others; not an image is an error."""
    pattern = vouchsafe.IdentityPattern(issuer=ISSUER, subject=MAIN)
    policy = vouchsafe.by_identity(pattern, trusted_root=str(lab.root))
    accepted = vouchsafe.verify_image(lab.oci("signed"), policy)
    assert vouchsafe.require(accepted) == lab.digests["signed"]
    insecure = vouchsafe.this_host(tls_verify=False)
    assert isinstance(vouchsafe.verify_image(lab.docker("bundled"), policy, on=insecure), vouchsafe.Accepted)
    refused = vouchsafe.verify_image(lab.oci("feature"), policy)
    with pytest.raises(vouchsafe.Refused) as caught:
        vouchsafe.require(refused)
    assert (caught.value.code, caught.value.verdict) == ("identity", refused)
    with pytest.raises(vouchsafe.MalformedError):
        vouchsafe.verify_image("UPPER", policy)
