"""Attaching: nobody's entries get lost, nothing points at what is not there, and strangers' tags are left alone.

Two writers are played in one thread: one writes just before the other's write arrives.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from tests.signing_lab import IMAGE, NAME, REPOSITORY, Lab
from vouchsafe.errors import SigningError, Unavailable
from vouchsafe.image.manifest import OCI_IMAGE, OCI_INDEX
from vouchsafe.signing import artifact, attach
from vouchsafe.signing import make as making
from vouchsafe.signing.attach import Attachment, Pace, Tag
from vouchsafe.signing.make import FORMS, Made, Statement, make
from vouchsafe.testing.canonical import compact
from vouchsafe.testing.registry import push_bundle, push_image, push_signature

BOTH = frozenset(FORMS)


def made(lab: Lab, **claims: Any) -> tuple[Made, ...]:
    """A signature in both forms."""
    return make(lab.ceremony(lab.signer(**claims)), Statement(), lab.digest, NAME, BOTH)


def attachment(lab: Lab) -> Attachment:
    """To the lab's image."""
    return Attachment(lab.registry, IMAGE, lab.subject(), lab.pace())


def attach_made(here: Attachment, piece: Made, at: datetime) -> str:
    """Attach one piece; where."""
    (place,) = making.attach(here, (piece,), at).values()
    return place


def publish(lab: Lab, everything: tuple[Made, ...]) -> list[str]:
    """Attach and settle; where."""
    here = attachment(lab)
    places = [attach_made(here, each, lab.clock.now()) for each in everything]
    here.settle()
    return places


def listed(lab: Lab, suffix: str) -> list[dict[str, Any]]:
    """The layers or entries at a tag of the image."""
    stored = lab.registry.store.manifest(REPOSITORY, lab.digest.tag_prefix + suffix)
    if stored is None:
        return []
    found: list[dict[str, Any]] = json.loads(stored.raw)["layers" if suffix else "manifests"]
    return found


def test_on_a_registry_without_the_api() -> None:
    """A tag for `.sig`, a manifest by digest, and the fallback index that lists it."""
    lab = Lab()
    tag, digest = publish(lab, made(lab))
    assert tag == f"{lab.digest.tag_prefix}.sig"
    assert [each["mediaType"] for each in listed(lab, ".sig")] == [
        "application/vnd.dev.cosign.simplesigning.v1+json"
    ]
    (entry,) = listed(lab, "")
    assert (entry["digest"], entry["mediaType"]) == (digest, OCI_IMAGE)
    assert entry["artifactType"] == "application/vnd.dev.sigstore.bundle.v0.3+json"
    assert entry["annotations"]["dev.sigstore.bundle.predicateType"] == "https://sigstore.dev/cosign/sign/v1"


@pytest.mark.parametrize("announces", [True, False])
def test_on_a_registry_with_the_api(announces: bool) -> None:
    """No fallback index, whether the registry says so or is asked."""
    lab = Lab(referrers_api=True)
    lab.registry.announces = announces
    _, digest = publish(lab, made(lab))
    assert listed(lab, "") == []
    assert [str(each.digest) for each in lab.registry.referrers(IMAGE, lab.digest)] == [digest]
    assert ("referrers", str(lab.digest)) in lab.registry.asked


def test_the_bundle_manifest() -> None:
    """As BUNDLE_SPEC.md has it, about the manifest that was signed."""
    lab = Lab()
    _, digest = publish(lab, made(lab))
    stored = lab.registry.store.manifest(REPOSITORY, digest)
    assert stored is not None
    content = json.loads(stored.raw)
    subject = lab.subject()
    assert content["subject"] == {
        "mediaType": OCI_IMAGE,
        "size": subject.size,
        "digest": str(lab.digest),
    }
    assert content["config"]["digest"].startswith("sha256:44136fa3")
    assert content["annotations"]["org.opencontainers.image.created"] == "2026-11-02T12:00:00Z"


def test_what_is_there_stays_to_the_letter() -> None:
    """Others' layers, entries and fields, also those that nobody here knows."""
    lab = Lab()
    payload, annotations = lab.sigstore.sign_legacy(lab.digest, NAME)
    push_signature(lab.registry.store, REPOSITORY, lab.digest, payload, annotations)
    push_bundle(lab.registry.store, REPOSITORY, lab.digest, lab.sigstore.bundle(lab.digest))
    before = {suffix: listed(lab, suffix) for suffix in ("", ".sig")}
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": before[""], "annotations": {"x": "y"}}
    lab.registry.store.put_manifest(REPOSITORY, compact(index), OCI_INDEX, lab.digest.tag_prefix)
    publish(lab, made(lab))
    assert [listed(lab, suffix)[0] for suffix in ("", ".sig")] == [before[""][0], before[".sig"][0]]
    assert [len(listed(lab, suffix)) for suffix in ("", ".sig")] == [2, 2]
    stored = lab.registry.store.manifest(REPOSITORY, lab.digest.tag_prefix)
    assert stored is not None
    assert json.loads(stored.raw)["annotations"] == {"x": "y"}


def test_the_same_once_more_changes_nothing() -> None:
    """Attaching what is there already writes no manifest."""
    lab = Lab()
    everything = made(lab)
    publish(lab, everything[:1])
    lab.registry.writes.clear()
    publish(lab, everything[:1])
    assert [write for write in lab.registry.writes if write.startswith("manifest")] == []


def test_one_payload_signed_by_two() -> None:
    """The payload is the same blob; the layers differ by their annotations, and both stay."""
    lab = Lab()
    publish(lab, made(lab))
    publish(lab, made(lab, ref="refs/heads/feature"))
    layers = listed(lab, ".sig")
    assert (len(layers), len({layer["digest"] for layer in layers})) == (2, 1)


@pytest.mark.parametrize("suffix", ["", ".sig"])
def test_two_at_once(suffix: str) -> None:
    """Both read nothing and write; the one that was overwritten notices, and adds itself again."""
    lab = Lab()
    first, second = made(lab), made(lab, ref="refs/heads/feature")
    mine, theirs = attachment(lab), attachment(lab)
    number = 0 if suffix else 1

    def write_before_me(tag: str, content: bytes) -> None:
        if tag == lab.digest.tag_prefix + suffix:
            lab.registry.on_write.clear()
            attach_made(theirs, second[number], lab.clock.now())

    lab.registry.on_write.append(write_before_me)
    attach_made(mine, first[number], lab.clock.now())
    assert len(listed(lab, suffix)) == 1
    theirs.settle()
    mine.settle()
    assert len(listed(lab, suffix)) == 2


def test_a_stale_write_after_ours() -> None:
    """Somebody who read before us writes after us: settling puts ours back, and keeps theirs."""
    lab = Lab()
    here = attachment(lab)
    for each in made(lab):
        attach_made(here, each, lab.clock.now())
    empty = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}
    lab.registry.store.put_manifest(REPOSITORY, compact(empty), OCI_INDEX, lab.digest.tag_prefix)
    here.settle()
    assert len(listed(lab, "")) == 1


def test_what_was_seen_is_put_back() -> None:
    """An entry that we saw and that a stale write took away is written again with ours."""
    lab = Lab()
    publish(lab, made(lab))
    here = attachment(lab)
    second = made(lab, ref="refs/heads/feature")
    attach_made(here, second[0], lab.clock.now())
    ours = listed(lab, ".sig")[1]
    manifest, config = artifact.with_layers(None, [ours])
    lab.registry.push_blob(IMAGE, config)
    lab.registry.store.put_manifest(REPOSITORY, manifest, OCI_IMAGE, f"{lab.digest.tag_prefix}.sig")
    here.settle()
    assert len(listed(lab, ".sig")) == 2


def test_a_change_while_the_config_is_pushed() -> None:
    """The tag is read again right before it is written."""
    lab = Lab()
    second = made(lab, ref="refs/heads/feature")
    layer = second[0]
    pushes: list[bytes] = []

    class Watched:
        """Another writer is done while our config is on its way."""

        def __getattr__(self, name: str) -> Any:
            return getattr(lab.registry, name)

        def push_blob(self, reference: Any, content: bytes) -> Any:
            pushes.append(content)
            if len(pushes) == 1:
                publish(lab, second[:1])
            return lab.registry.push_blob(reference, content)

    watched: Any = Watched()
    tag = Tag(watched, IMAGE, f"{lab.digest.tag_prefix}.sig", lab.pace(), is_index=False)
    (mine, _) = made(lab)
    lab.registry.push_blob(IMAGE, mine.blob)
    tag.add(
        [
            artifact.layer(
                "application/vnd.dev.cosign.simplesigning.v1+json", mine.blob, dict(mine.annotations)
            )
        ]
    )
    assert (len(listed(lab, ".sig")), len(pushes), layer.form) == (2, 2, "legacy")


def test_endless_contention() -> None:
    """Whoever is overwritten every time gives up, and says what to do."""
    lab = Lab()
    tag = lab.digest.tag_prefix
    empty = compact({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []})
    registry = lab.registry
    written = registry.push_manifest

    class Overwritten:
        """Every write of the index is undone at once."""

        def __getattr__(self, name: str) -> Any:
            return getattr(registry, name)

        def push_manifest(self, reference: Any, content: bytes, **more: Any) -> Any:
            answer = written(reference, content, **more)
            if more.get("tag") == tag:
                registry.store.put_manifest(REPOSITORY, empty, OCI_INDEX, tag)
            return answer

    overwritten: Any = Overwritten()
    here = Attachment(overwritten, IMAGE, lab.subject(), lab.pace())
    attach_made(here, made(lab)[1], lab.clock.now())
    with pytest.raises(SigningError) as raised:
        here.settle()
    assert raised.value.code == "contention"
    assert "resource_group" in raised.value.hint
    assert len(lab.slept) >= attach.MOST_ROUNDS


@pytest.mark.parametrize("refusals, ends_well", [(1, True), (5, True), (6, False)])
def test_a_write_that_is_refused_for_now(refusals: int, ends_well: bool) -> None:
    """Is read for anew before it is written again."""
    lab = Lab()
    left = [Unavailable("push-refused", "busy", retryable=True)] * refusals
    theirs = made(lab, ref="refs/heads/feature")

    def busy(tag: str, _content: bytes) -> None:
        if tag.endswith(".sig") and left:
            error = left.pop()
            lab.registry.on_write.clear()
            publish(lab, theirs[:1])
            lab.registry.on_write.append(busy)
            raise error

    lab.registry.on_write.append(busy)
    here = attachment(lab)
    (ours, _) = made(lab)
    if ends_well:
        attach_made(here, ours, lab.clock.now())
        assert len(listed(lab, ".sig")) == 2
    else:
        with pytest.raises(Unavailable):
            attach_made(here, ours, lab.clock.now())


def test_a_write_that_is_refused_for_good() -> None:
    """Is not tried again."""
    lab = Lab()

    def no(_tag: str, _content: bytes) -> None:
        raise Unavailable("push-refused", "immutable tag")

    lab.registry.on_write.append(no)
    with pytest.raises(Unavailable):
        attach_made(attachment(lab), made(lab)[0], lab.clock.now())
    assert lab.slept == []


def test_a_crowd_is_waited_for() -> None:
    """Where others were seen to write, the tag must be quiet for a while."""
    lab = Lab()
    here = attachment(lab)
    attach_made(here, made(lab)[0], lab.clock.now())
    publish(lab, made(lab, ref="refs/heads/feature")[:1])
    lab.slept.clear()
    here.settle()
    assert len(lab.slept) == 1 + attach.QUIET_LOOKS
    assert min(lab.slept[1:]) >= attach.SHORTEST_CROWDED


def test_alone_nobody_waits() -> None:
    """One look, a moment later."""
    lab = Lab()
    here = attachment(lab)
    attach_made(here, made(lab)[0], lab.clock.now())
    lab.slept.clear()
    here.settle()
    assert lab.slept == [attach.SHORTEST_SETTLING]


def test_settling_waits_for_slow_writers() -> None:
    """As long as three of our own read-to-write times, between the limits."""
    lab = Lab()
    moments = iter([0.0, 0.0, 0.4])
    slept: list[float] = []
    pace = Pace(monotonic=lambda: next(moments), sleep=slept.append, jitter=lambda: 0.0)
    (layer, _) = made(lab)
    tag = Tag(lab.registry, IMAGE, f"{lab.digest.tag_prefix}.sig", pace, is_index=False)
    lab.registry.push_blob(IMAGE, layer.blob)
    tag.add([artifact.layer("application/vnd.dev.cosign.simplesigning.v1+json", layer.blob, {"a": "b"})])
    assert tag.settling == pytest.approx(1.2)


@pytest.mark.parametrize("suffix", ["", ".sig"])
def test_a_strangers_tag(suffix: str) -> None:
    """What is no index, or no image, is not ours to rewrite."""
    lab = Lab()
    tag = lab.digest.tag_prefix + suffix
    if suffix:
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}
        lab.registry.store.put_manifest(REPOSITORY, compact(index), OCI_INDEX, tag)
    else:
        push_image(lab.registry.store, REPOSITORY, tag, content=b"stranger")
    before = lab.registry.store.manifest(REPOSITORY, tag)
    with pytest.raises(SigningError) as raised:
        publish(lab, made(lab))
    assert raised.value.code == "foreign-tag"
    assert lab.registry.store.manifest(REPOSITORY, tag) == before


@pytest.mark.parametrize(
    "build, code",
    [
        (
            lambda: artifact.with_layers(None, [{"digest": str(n)} for n in range(1001)]),
            "too-many-signatures",
        ),
        (lambda: artifact.with_entries(None, [{"digest": "x" * 5_000_000}]), "manifest-too-large"),
    ],
)
def test_limits(build: Callable[[], object], code: str) -> None:
    """What readers would refuse is not written."""
    with pytest.raises(SigningError) as raised:
        build()
    assert raised.value.code == code
