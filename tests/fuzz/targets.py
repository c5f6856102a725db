"""What is fuzzed: a check of any bytes, and right things to begin from.

Only our errors leave a check, and evidence that is accepted says what it said before it was changed. So a
target finds what crashes, what hangs (libFuzzer's own time limit) and what forges.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from datetime import UTC, datetime

from tests.properties.parsers import (
    BUNDLE,
    FOUND,
    LEAF,
    NOW,
    OLD_BUNDLE,
    OURS,
    PARSERS,
    REQUEST,
    ROOT,
    SPECIMENS,
    STORED,
    TOKEN,
    TRUSTED_ROOT,
)
from tests.unit.policy.policies import CASES, mutants
from vouchsafe import evidence
from vouchsafe.countersign import inquiry
from vouchsafe.errors import MalformedError
from vouchsafe.evidence.containers import SIGNATURE_BLOB
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference
from vouchsafe.plugin.program import respond
from vouchsafe.policy import document
from vouchsafe.policy.lint import lint
from vouchsafe.policy.reading import PolicyError
from vouchsafe.policy.scope import select
from vouchsafe.protocol import decision as decisions
from vouchsafe.protocol import description as descriptions
from vouchsafe.protocol.decision import Decision
from vouchsafe.record import Record
from vouchsafe.testing.canonical import compact
from vouchsafe.testing.specimens import Form
from vouchsafe.verification import VerifiedSignature, verify

BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SIGSTORE_JSON = b"\0sigstore-json\n"
SAID = {form: verify(found, ROOT, at=NOW) for form, found in FOUND.items()}
IMAGE = Reference.parse("registry.example/group/app:1")
RESPONSE = Decision(word="allow", digest=Digest.of(b""), signers=("x",)).document("7", name="x", version="1")
TARGET = f"/v1/verdict/registry.example/app:v1?digest={Digest.of(b'')}&list={Digest.of(b'x')}".encode()
PREDICATE = {"a": {"name": "x", "version": "1.2.3-rc.1+b"}, "b": [{"c": 1}, True, None, 1.5]}
FIELDS = {
    "/a/name": ["x", 1, True],
    "/a/version": {"version": ">=1.0.0 <2.0.0-0"},
    "/b/0/c": 1,
    "/b~1~0": "x",
}
ATTESTED = {
    "default": [
        {"type": "sigstoreAttested", "predicateType": "x", "predicateFields": FIELDS, "keyPath": "/k"}
    ]
}
DAY = datetime(2026, 1, 1, tzinfo=UTC)
REFERENCES = (
    "registry.example:5000/group/app:v1",
    "docker://alpine@sha256:" + "0" * 64,
    "oci:/srv/layout:v1",
    "oci:/srv/layout:@sha256:" + "a" * 64,
    "dir:/srv/image",
    "docker-daemon:alpine:1",
    "a__b--c.d/e_f:T-1.x",
)


class Target(Record):
    """`check` is given any bytes; `seeds` are what it accepts, or nearly."""

    check: Callable[[bytes], object]
    seeds: tuple[bytes, ...]


def check_bundle(blob: bytes) -> None:
    """Read and judged, as a file's bundle and as an image's."""
    for artifact in (None, b"file"):
        with contextlib.suppress(*OURS):
            made = verify(evidence.parse(blob, {}, BUNDLE_TYPE), ROOT, at=NOW, artifact=artifact)
            expect(made, "bundle-rekor1", "bundle-rekor2")


def check_simple_signing(blob: bytes) -> None:
    """As a layer with the right annotations, and as containers/image stores one with its own."""
    right = SPECIMENS["legacy-tsa"]
    with contextlib.suppress(*OURS):
        layer = evidence.parse(blob, right.annotations, right.media_type)
        expect(verify(layer, ROOT, at=NOW), "legacy-tsa")
    with contextlib.suppress(*OURS):
        stored = evidence.parse(SIGSTORE_JSON + blob, {}, SIGNATURE_BLOB)
        expect(verify(stored, ROOT, at=NOW), "legacy-tsa")


def expect(made: VerifiedSignature, *forms: Form) -> None:
    """What was accepted is what was signed, by whom, and not at other times or places."""
    for right in map(SAID.__getitem__, forms):
        same = made.claim == right.claim and made.identity == right.identity
        if same and set(made.times) <= set(right.times) and set(made.logged) <= set(right.logged):
            return
    raise AssertionError(f"expected what {forms} say, got {made!r}")


def check_policy(blob: bytes) -> None:
    """Read in both dialects; what is read can be asked and linted."""
    for dialect in ("containers", "vouchsafe"):
        with contextlib.suppress(PolicyError):
            policy = document.parse(blob, dialect=dialect, source="policy.json")
            select(policy, IMAGE)
            lint(policy, now=DAY)
            for requirement in policy.default.requirements:
                for field in getattr(requirement, "predicate_fields", ()):
                    field.mismatch(PREDICATE)


def check_reference(blob: bytes) -> None:
    """What is read is written as what is read the same."""
    with contextlib.suppress(MalformedError):
        read = Reference.parse(blob.decode(errors="surrogateescape"))
        if Reference.parse(str(read)) != read:
            raise AssertionError(f"expected {read!r} again, got {Reference.parse(str(read))!r}")


def check_plugin(blob: bytes) -> None:
    """As a request that a plugin answers, as a response that a host reads, and as a question of the verdict socket."""
    response = respond(blob, ("--root", "/nonexistent"))
    if response.exit_code == 0:
        descriptions.parse(response.document)
    elif decisions.parse(response.document).decision.exit_code != response.exit_code:
        raise AssertionError(f"expected exit code and response to agree, got {response!r}")
    with contextlib.suppress(MalformedError):
        decisions.parse(blob)
    with contextlib.suppress(MalformedError):
        inquiry.parse(blob.decode(errors="backslashreplace"))


def suppressed(name: str) -> Callable[[bytes], None]:
    """A parser of the properties, with our errors let be."""
    parser = PARSERS[name][0]

    def check(blob: bytes) -> None:
        with contextlib.suppress(*OURS):
            parser(blob)

    return check


def policies() -> tuple[bytes, ...]:
    """What skopeo is compared with, near things, and what a predicate must say."""
    return (*(policy for _, policy, _ in CASES), *mutants(50, 1), json.dumps(ATTESTED).encode())


TARGETS = {
    "bundle": Target(check=check_bundle, seeds=(compact(BUNDLE), compact(OLD_BUNDLE))),
    "simple-signing": Target(
        check=check_simple_signing, seeds=(compact(STORED), SPECIMENS["legacy-tsa"].blob)
    ),
    "certificate": Target(check=suppressed("certificate"), seeds=(LEAF,)),
    "time-stamp": Target(check=suppressed("time-stamp"), seeds=(TOKEN,)),
    "trusted-root": Target(check=suppressed("trusted-root"), seeds=(json.dumps(TRUSTED_ROOT).encode(),)),
    "policy": Target(check=check_policy, seeds=policies()),
    "plugin": Target(check=check_plugin, seeds=(REQUEST, RESPONSE, TARGET)),
    "reference": Target(check=check_reference, seeds=tuple(text.encode() for text in REFERENCES)),
}
