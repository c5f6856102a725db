"""Whatever is changed in sound evidence, it is refused, or it says exactly what it said before.

Some bytes of evidence are nobody's word: spaces in JSON, the spelling of base64, key hints, times that no
log signed, the certificates that a time-stamp carries along. They may change, because nothing that
comes out depends on them: a mutation that is accepted must lead to an equal VerifiedSignature, but for the
digest of the blob and its media type.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.judging import evidence_of, judge, root_of
from vouchsafe import evidence
from vouchsafe.errors import VouchsafeError
from vouchsafe.image.digest import Digest
from vouchsafe.testing.specimens import FORMS, Draft, Form, Specimen
from vouchsafe.testing.tsa import StampPlan
from vouchsafe.verification import VerifiedSignature, certificate, timestamp, verify

SPECIMENS: dict[Form, Specimen] = {form: Draft(form).specimen("usual") for form in FORMS}
RIGHT: dict[Form, VerifiedSignature] = {form: judge(specimen) for form, specimen in SPECIMENS.items()}
ROOTS = {form: root_of(specimen) for form, specimen in SPECIMENS.items()}
BUNDLES: tuple[Form, ...] = ("bundle-rekor1", "bundle-rekor2")
SAID = tuple(
    name for name in VerifiedSignature._fields if name not in {"blob_digest", "media_type", "made_here"}
)
STRIDE = 7  # of the bytes that are flipped one by one


def accepted(form: Form, blob: bytes, annotations: dict[str, str] | None = None) -> VerifiedSignature | None:
    """What comes out of changed evidence, if anything."""
    specimen = SPECIMENS[form]
    try:
        found = evidence.parse(
            blob, specimen.annotations if annotations is None else annotations, specimen.media_type
        )
        return verify(found, ROOTS[form], at=specimen.at)
    except VouchsafeError:
        return None


def says(made: VerifiedSignature) -> dict[str, Any]:
    """Everything but where it was."""
    return {name: getattr(made, name) for name in SAID}


def check(form: Form, made: VerifiedSignature | None) -> None:
    """Refused, or the same as ever."""
    if made is not None:
        assert says(made) == says(RIGHT[form])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("bit", [0, 5])
def test_every_seventh_byte_flipped(form: Form, bit: int) -> None:
    """One bit, all along the blob."""
    blob = SPECIMENS[form].blob
    for place in range(bit, len(blob), STRIDE):
        changed = blob[:place] + bytes((blob[place] ^ (1 << bit),)) + blob[place + 1 :]
        check(form, accepted(form, changed))


@pytest.mark.parametrize("form", ["legacy", "legacy-tsa"])
def test_no_byte_of_a_payload_may_change(form: Form) -> None:
    """All of it is signed."""
    blob = SPECIMENS[form].blob
    for place in range(len(blob)):
        assert accepted(form, blob[:place] + bytes((blob[place] ^ 1,)) + blob[place + 1 :]) is None
        assert accepted(form, blob[:place] + b" " + blob[place:]) is None


@pytest.mark.parametrize("form", ["legacy-tsa", "attestation"])
@given(data=st.data())
@settings(max_examples=150)
def test_annotations_changed(form: Form, data: st.DataObject) -> None:
    """A character of what stands beside a layer; or one annotation for another's."""
    annotations = dict(SPECIMENS[form].annotations)
    name = data.draw(st.sampled_from(sorted(annotations)))
    text = annotations[name]
    place = data.draw(st.integers(0, max(0, len(text) - 1)))
    annotations[name] = (
        text[:place] + data.draw(st.characters()) + text[place + data.draw(st.integers(0, 2)) :]
    )
    check(form, accepted(form, SPECIMENS[form].blob, annotations))


def values(made: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every scalar."""
    if isinstance(made, (dict, list)):
        for key, child in made.items() if isinstance(made, dict) else enumerate(made):
            yield from values(child, (*way, key))
    else:
        yield way


def placed(made: Any, way: tuple[Any, ...], value: Any) -> bytes:
    """The document with one scalar replaced; `...` removes it."""
    changed = copy.deepcopy(made)
    *steps, last = way
    place = changed
    for step in steps:
        place = place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return json.dumps(changed).encode()


@pytest.mark.parametrize("form", BUNDLES)
def test_every_field_of_a_bundle_is_somebodys_word(form: Form) -> None:
    """Removed, emptied, or another bundle's: there is no field that does not matter."""
    document = json.loads(SPECIMENS[form].blob)
    draft = Draft(form, digest=Digest.of(b"another image"))
    draft.sigstore.keys.fresh("leaf")
    other = json.loads(draft.specimen("other").blob)
    free = []
    for way in values(document):
        foreign = other
        for step in way:
            foreign = foreign[step]
        for value in (..., "", foreign, None):
            made = accepted(form, placed(document, way, value))
            check(form, made)
            same = document
            for step in way:
                same = same[step]
            if made is not None and value != same:
                free.append(way)
    assert free == []


@given(data=st.data())
@settings(max_examples=300)
def test_a_changed_time_stamp(data: st.DataObject) -> None:
    """What it carries along may change; when, and over what, may not."""
    specimen = SPECIMENS["bundle-rekor2"]
    found = evidence_of(specimen)
    sigstore = Draft("bundle-rekor2").sigstore
    token = sigstore.tsa.stamp(
        found.signature, sigstore.clock.now(), StampPlan(embed=data.draw(st.booleans()))
    )
    authorities = ROOTS["bundle-rekor2"].timestamp_authorities
    right = timestamp.verify(token, found.signature, authorities)
    place = data.draw(st.integers(0, len(token) - 1))
    changed = token[:place] + bytes((data.draw(st.integers(0, 255)),)) + token[place + 1 :]
    try:
        made = timestamp.verify(changed, found.signature, authorities)
    except VouchsafeError:
        return
    assert made == right


@given(data=st.data())
@settings(max_examples=300)
def test_a_changed_certificate(data: st.DataObject) -> None:
    """It is issued by nobody we trust, or it names the same."""
    found = evidence_of(SPECIMENS["legacy"])
    assert found.certificate is not None
    whole = found.certificate
    place = data.draw(st.integers(0, len(whole) - 1))
    changed = whole[:place] + bytes((data.draw(st.integers(0, 255)),)) + whole[place + 1 :]
    times = [RIGHT["legacy"].times[0].time]
    try:
        leaf = certificate.Leaf(changed)
        certificate.path(leaf, (), ROOTS["legacy"].authorities, times)
    except VouchsafeError:
        return
    assert leaf.certificate.tbs_certificate_bytes == certificate.Leaf(whole).certificate.tbs_certificate_bytes
