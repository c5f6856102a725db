"""Bundles with one field changed, judged by three: where we differ, the table says why we are right.

Every scalar of a bundle is removed, emptied, and replaced by that of another bundle of the same signer's.
None of the three may accept what the other two refuse, but for what is listed.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.differential.opinions import Question, cosign, ours, sigstore_python
from vouchsafe.image.digest import Digest
from vouchsafe.testing.specimens import Draft, Form

FORMS: tuple[Form, ...] = ("bundle-rekor1", "bundle-rekor2")
Way = tuple[Any, ...]
ENTRY = "verificationMaterial.tlogEntries.0"
PROOF = f"{ENTRY}.inclusionProof"

KIND = "it reads the kind in the body only; what the bundle says of its entry must be so, or be refused"
OWN_BODY = "it makes the body anew from the bundle and never looks at the one that is there; we compare both"
CHECKPOINT = "it goes by the signed checkpoint alone; a proof that contradicts itself is not sound evidence"
# Form, path and how it was changed -> why cosign accepts what both others refuse.
COSIGN_ACCEPTS: dict[tuple[Form, str], dict[str, str]] = {
    ("bundle-rekor1", f"{ENTRY}.kindVersion.kind"): {"removed": KIND, "emptied": KIND},
    ("bundle-rekor1", f"{ENTRY}.kindVersion.version"): {"removed": KIND, "emptied": KIND},
    ("bundle-rekor2", f"{ENTRY}.kindVersion.kind"): {"removed": KIND, "emptied": KIND},
    ("bundle-rekor2", f"{ENTRY}.kindVersion.version"): {"removed": KIND, "emptied": KIND},
    ("bundle-rekor2", f"{ENTRY}.canonicalizedBody"): {"foreign": OWN_BODY},
    ("bundle-rekor2", f"{PROOF}.logIndex"): {"removed": CHECKPOINT},
    ("bundle-rekor2", f"{PROOF}.treeSize"): {"removed": CHECKPOINT},
    ("bundle-rekor2", f"{PROOF}.rootHash"): dict.fromkeys(("removed", "emptied", "foreign"), CHECKPOINT),
}


def ways(made: Any, way: Way = ()) -> Iterator[Way]:
    """To every scalar."""
    if isinstance(made, (dict, list)):
        for key, child in made.items() if isinstance(made, dict) else enumerate(made):
            yield from ways(child, (*way, key))
    else:
        yield way


def at(made: Any, way: Way) -> Any:
    """The value at the end of the way."""
    for step in way:
        made = made[step]
    return made


def mutations(form: Form) -> Iterator[tuple[str, str, bytes]]:
    """(path, how, bundle), each with one scalar changed."""
    document = json.loads(Draft(form).specimen("right").blob)
    draft = Draft(form, digest=Digest.of(b"another image"))
    draft.sigstore.keys.fresh("leaf")  # so that its certificate is another
    foreign = json.loads(draft.specimen("another").blob)
    for way in ways(document):
        for how, value in (("removed", ...), ("emptied", ""), ("foreign", at(foreign, way))):
            if value == at(document, way):
                continue
            changed = copy.deepcopy(document)
            place = at(changed, way[:-1])
            if value is ...:
                del place[way[-1]]
            else:
                place[way[-1]] = value
            yield ".".join(map(str, way)), how, json.dumps(changed).encode()


ROWS = [(form, path, how, blob) for form in FORMS for path, how, blob in mutations(form)]
IDS = [f"{form}-{path.rpartition('.')[2]}-{how}-{number}" for number, (form, path, how, _) in enumerate(ROWS)]


def question(form: Form, blob: bytes) -> Question:
    """About the bundle, of the specimen that it was made from."""
    return Question.of(Draft(form).specimen("right")).replace(blob=blob)


@pytest.mark.parametrize("form", FORMS)
def test_all_accept_the_right_one(form: Form, tmp_path: Path, cosign3: Path) -> None:
    """Or the rest proves nothing."""
    asked = Question.of(Draft(form).specimen("right"))
    assert (ours(asked), sigstore_python(asked, tmp_path), cosign(asked, tmp_path, cosign3)) == ("", "", "")


@pytest.mark.parametrize("form, path, how, blob", ROWS, ids=IDS)
def test_we_and_sigstore_python_agree(form: Form, path: str, how: str, blob: bytes, tmp_path: Path) -> None:
    """Every change is refused by both."""
    asked = question(form, blob)
    refused = ours(asked), sigstore_python(asked, tmp_path)
    assert all(refused), f"{path} {how}: we say {refused[0]!r}, sigstore-python {refused[1]!r}"


@pytest.mark.peers
@pytest.mark.parametrize("form, path, how, blob", ROWS, ids=IDS)
def test_cosign_agrees_but_for_the_table(
    form: Form, path: str, how: str, blob: bytes, tmp_path: Path, cosign3: Path
) -> None:
    """What cosign accepts although it was changed has its reason here."""
    listed = COSIGN_ACCEPTS.get((form, path), {})
    said = cosign(question(form, blob), tmp_path, cosign3)
    assert (said == "") == (how in listed), f"{path} {how}: cosign says {said!r}"
