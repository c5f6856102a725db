"""Every right thing is accepted and every wrong one refused by sigstore-python, as far as it looks.

Where it does not, the table says why; a row that is no longer true fails.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier
from sigstore.verify.policy import AllOf, Identity, OIDCIssuerV2

from vouchsafe.testing.specimens import FORMS, Draft, right, wrong
from vouchsafe.testing.wrongs import RIGHTS, WRONGS, Form, Specimen, cases

SIGSTORE_PYTHON_CANNOT: dict[str, str | set[Form]] = {
    "windows-end-now": {"bundle-rekor2"},  # takes a TSA's end for outside
    "scts-two": "wants exactly one",
    "log-index-zero": "protobuf JSON leaves 0 out, and it wants the field",
    "bundle-0.1-without-proof": "wants an inclusion proof in every version",
    "intoto-0.0.2": "does not know the entry",
    "issuer-v1-only": "asked for the new extension here",
    "key-p384": "knows SHA-256 only",
    "key-p521": "knows SHA-256 only",
    "key-rsa": "TypeError",
    "key-ed25519": "TypeError",
    "other-name": "compares the DER, not the string in it",
}
SIGSTORE_PYTHON_ACCEPTS = {
    "ca-window-over": "does not look at a CA's window",
    "ca-window-not-yet": "does not look at a CA's window",
    "ctlog-window-over": "does not look at a CT log's window",
    "ctlog-window-not-yet": "does not look at a CT log's window",
    "log-window-over": "does not look at a log's window",
    "log-window-not-yet": "does not look at a log's window",
    "checkpoint-other-origin": "does not compare origins",
    "chain-root-expired": "takes the intermediate for a trust anchor",
    "issuer-extensions-disagree-in-1": "asked for the new extension, it does not look at the old",
    "two-sans": "wants any of the names",
    "fork-merge-request": "was not asked for project and trigger",
    "project-registered-again": "was not asked for the project",
    "merge-request": "was not asked for the trigger",
    "predicate-type-wrong": "leaves the predicate to the caller",
    "predicate-type-absent": "leaves the predicate to the caller",
    "statement-type-wrong": "leaves the statement to the caller",
    "payload-type-wrong": "leaves the payload to the caller",
    "payload-not-json": "leaves the payload to the caller",
    "payload-trailing-json": "leaves the payload to the caller",
    "duplicate-json-key": "leaves the payload to the caller",
    "duplicate-json-key-last": "leaves the payload to the caller",
    "other-digest": "leaves the subject to the caller",
    "digest-under-other-algorithm": "leaves the subject to the caller",
    "digest-upper-case": "leaves the subject to the caller",
    "no-subject": "leaves the subject to the caller",
    "subject-without-digest": "leaves the subject to the caller",
    "too-many-subjects": "leaves the subject to the caller",
}


def refusal(specimen: Specimen, folder: Path) -> str:
    """Why sigstore-python refuses a bundle; "" when it does not."""
    path = folder / "trusted_root.json"
    path.write_bytes(specimen.trusted_root)
    wanted = AllOf([Identity(identity=specimen.workload.subject), OIDCIssuerV2(specimen.workload.issuer)])
    try:
        verifier = Verifier(trusted_root=TrustedRoot.from_file(str(path)))
        verifier.verify_dsse(Bundle.from_json(specimen.blob), wanted)
    except Exception as error:  # noqa: BLE001 - it raises what its libraries raise
        return repr(error)
    return ""


def bundles(kinds: str) -> list[tuple[str, Form]]:
    """The rows that are bundles of a workload."""
    rows = cases(RIGHTS if kinds == "right" else WRONGS)
    return [
        (name, form) for name, form in rows if form.startswith("bundle") and not name.startswith("managed")
    ]


@pytest.mark.parametrize("name, form", bundles("right"))
def test_right_bundles(name: str, form: Form, tmp_path: Path) -> None:
    """Accepted, but for what sigstore-python cannot do."""
    refused = refusal(RIGHTS[name].make(form), tmp_path)
    row = SIGSTORE_PYTHON_CANNOT.get(name, set())
    assert bool(refused) == (isinstance(row, str) or form in row), refused


@pytest.mark.parametrize("name, form", bundles("wrong"))
def test_wrong_bundles(name: str, form: Form, tmp_path: Path) -> None:
    """Refused, but for what sigstore-python does not look at."""
    refused = refusal(WRONGS[name].make(form), tmp_path)
    assert bool(refused) == (name not in SIGSTORE_PYTHON_ACCEPTS), refused


@pytest.mark.parametrize("name, form", [*cases(RIGHTS), *cases(WRONGS)])
def test_every_specimen_is_made(name: str, form: Form) -> None:
    """Evidence, a trust root that parses, and a sentence why."""
    kind = (RIGHTS | WRONGS)[name]
    specimen = kind.make(form)
    assert (specimen.name, specimen.form, specimen.is_bundle) == (name, form, form.startswith("bundle"))
    assert json.loads(specimen.trusted_root)["certificateAuthorities"]
    assert specimen.blob
    assert kind.reason.endswith(".")
    assert (kind.rule > 0) == (name in WRONGS)


def test_wrong_is_made_again_the_same() -> None:
    """The same name and form make the same bytes."""
    assert WRONGS["no-sct"].make("legacy") == WRONGS["no-sct"].make("legacy")
    assert WRONGS["no-sct"].make("legacy").blob == RIGHTS["usual"].make("legacy").blob


def test_names_are_unique_and_forms_known() -> None:
    """A name is taken once, over both tables; a form that a thing does not have is refused."""
    assert not RIGHTS.keys() & WRONGS.keys()
    assert {form for _, form in cases(RIGHTS)} == set(FORMS)
    with pytest.raises(ValueError, match="expected each name once"):
        wrong("no-sct", 7)(WRONGS["no-sct"].apply)
    with pytest.raises(ValueError, match="expected each name once"):
        right("usual")(RIGHTS["usual"].apply)
    with pytest.raises(ValueError, match="expected one of"):
        WRONGS["no-critical"].make("bundle-rekor1")


def test_draft_refuses_what_cannot_be() -> None:
    """Changing an entry that is not there is a mistake in a test, and says so."""
    draft = Draft("legacy")
    draft.order = draft.order.replace(log=None)
    draft.change_entry(lambda entry: entry)
    with pytest.raises(ValueError, match="with a log entry"):
        draft.specimen("mine")
