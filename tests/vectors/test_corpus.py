"""The corpus: images signed by the real cosign 2.5.0 and 3.1.1, each judged as cases.json says.

Every case is read as an OCI layout and through a registry on loopback; the identity, the trust root
and nothing else decide.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from vouchsafe.admission import Question, admit
from vouchsafe.image.reference import Reference
from vouchsafe.policy import flags
from vouchsafe.policy.identity import IdentityPattern
from vouchsafe.policy.verdict import Accepted, Rejected, Verdict
from vouchsafe.testing.registry import RegistryServer
from vouchsafe.testing.registry_store import RegistryStore
from vouchsafe.wiring import Sources, host

CASES = Path(__file__).resolve().parents[3] / "shared" / "vectors" / "corpus" / "cases.json"
REPOSITORY = "group/project"
TAG = "org.opencontainers.image.ref.name"


def cases() -> list[dict[str, Any]]:
    """What is expected of each; one that skips where the corpus is missing."""
    if not CASES.exists():
        return [{"case": "corpus missing"}]
    told = json.loads(CASES.read_text(encoding="utf-8"))
    return [{"issuer": told["issuer"], **case} for case in told["cases"]]


def judge(case: dict[str, Any], reference: str, corpus: Path) -> Verdict:
    """Admit by the case's identity."""
    pattern = IdentityPattern(issuer=case["issuer"], subject=case["expect_identity"])
    policy = flags.by_identity(pattern, trusted_root=str(corpus / "trusted_root.json"))
    world = host({}, uid=1, tls_verify=False)
    question = Question(reference=Reference.parse(reference), policy=policy)
    with Sources(world) as sources:
        return admit(question, registry=sources.for_one(), clock=world.clock, world=world.world)


def store_of(layout: Path) -> RegistryStore:
    """A layout's content as a registry holds it."""
    store = RegistryStore()
    for blob in sorted((layout / "blobs" / "sha256").iterdir()):
        store.put_blob(REPOSITORY, blob.read_bytes())
    index = json.loads((layout / "index.json").read_bytes())
    api = layout / "referrers-api.json"
    listed = index["manifests"] + (json.loads(api.read_bytes()).get("manifests", []) if api.exists() else [])
    for entry in listed:
        path = layout / "blobs" / "sha256" / entry["digest"].partition(":")[2]
        tag = entry.get("annotations", {}).get(TAG, "")
        store.put_manifest(REPOSITORY, path.read_bytes(), entry["mediaType"], tag)
        if entry["mediaType"].endswith("index.v1+json"):
            for child in json.loads(path.read_bytes())["manifests"]:
                content = (path.parent / child["digest"].partition(":")[2]).read_bytes()
                store.put_manifest(REPOSITORY, content, child["mediaType"], "")
    return store


@pytest.mark.parametrize("case", cases(), ids=lambda case: str(case["case"]))
@pytest.mark.parametrize("through", ["oci", "registry"])
def test_corpus(case: dict[str, Any], through: str, vectors: Path) -> None:
    """Accepted or rejected as the case says, never undecided, about the digest it names."""
    corpus = vectors / "corpus"
    layout = corpus / case["case"]
    if through == "oci":
        verdict = judge(case, f"oci:{layout}:v1", corpus)
    else:
        referrers = "api" if case["referrers_api"] else "absent"
        with RegistryServer(store_of(layout), referrers=referrers) as server:  # type: ignore[arg-type]
            verdict = judge(case, server.reference(REPOSITORY), corpus)
    expected = Accepted if case["expect"] == "accept" else Rejected
    assert (expected, case["image_digest"]) == (type(verdict), str(verdict.digest)), verdict.reasons


def test_the_corpus_is_not_from_the_future() -> None:
    """The clock of the machine that runs this can judge it at all."""
    assert datetime.now(UTC) > datetime(2026, 11, 22, tzinfo=UTC)
