"""Everything that a verifier must accept, and that one or the other trips over."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes

from vouchsafe.testing.annotations import CHAIN, simple_signing
from vouchsafe.testing.material import LogEntry
from vouchsafe.testing.rekor1 import Rekor1
from vouchsafe.testing.sigstore import FILLER
from vouchsafe.testing.specimens import BUNDLES, LEGACY, PROMISED, STATEMENTS, Draft, right
from vouchsafe.testing.statement import subject
from vouchsafe.testing.tsa import StampPlan
from vouchsafe.testing.workload import Workload, email, github, gitlab, other


@right("usual")
def usual(draft: Draft) -> None:
    """As cosign makes it."""


@right("log-index-zero", empty=True)
def log_index_zero(draft: Draft) -> None:
    """The first entry of a log: index 0 is legal, and left out of protobuf JSON."""


@right("log-sharded", PROMISED)
def log_sharded(draft: Draft) -> None:
    """The log was sharded: the promise counts over all shards, the proof within its own."""
    old = draft.sigstore.rekor1
    draft.sigstore.rekor1 = Rekor1(old.key, draft.sigstore.clock, host=old.host, shard_offset=1000)
    draft.sigstore.rekor1.append("filler/0.0.1", FILLER)


@right("log-grown", BUNDLES)
def log_grown(draft: Draft) -> None:
    """The proof is against a tree that has grown since."""
    log = draft.sigstore.rekor2 if draft.order.log == "rekor2" else draft.sigstore.rekor1

    def later(entry: LogEntry) -> LogEntry:
        for number in range(20):
            log.append("filler/0.0.1", b"%d" % number)
        return entry.replace(proof=log.proof(1))

    draft.change_entry(later)


@right("log-witnessed", ("bundle-rekor2",))
def log_witnessed(draft: Draft) -> None:
    """Two witnesses cosigned the checkpoint."""
    for name in ("witness.example/1", "witness.example/2"):
        draft.sigstore.rekor2.witnesses[name] = draft.sigstore.keys.ed25519(name)


@right("bundle-0.1", ("bundle-rekor1",))
def bundle_01(draft: Draft) -> None:
    """A v0.1 bundle: a chain in place of the certificate."""
    draft.version = "0.1"


@right("bundle-0.1-without-proof", ("bundle-rekor1",))
def bundle_01_without_proof(draft: Draft) -> None:
    """A v0.1 bundle with a promise and no inclusion proof, which only that version may lack."""
    draft.version = "0.1"
    draft.order = draft.order.replace(proof=False)


@right("bundle-0.2", BUNDLES)
def bundle_02(draft: Draft) -> None:
    """A v0.2 bundle."""
    draft.version = "0.2"


@right("bundle-0.3-old", BUNDLES)
def bundle_03_old(draft: Draft) -> None:
    """A v0.3 bundle under its first media type."""
    draft.version = "0.3-old"


@right("promise-and-stamp", ("bundle-rekor1",))
def promise_and_stamp(draft: Draft) -> None:
    """Rekor v1 and a timestamp authority both say when."""
    draft.order = draft.order.replace(stamp=True)


@right("stamp-without-promise", ("bundle-rekor1",))
def stamp_without_promise(draft: Draft) -> None:
    """Rekor v1 proves inclusion without a promise, a timestamp authority says when."""
    draft.order = draft.order.replace(stamp=True, promise=False)


@right("stamp-with-certificates", ("bundle-rekor2", "legacy-tsa"))
def stamp_with_certificates(draft: Draft) -> None:
    """The timestamp brings its certificates along."""
    draft.order = draft.order.replace(stamp_plan=StampPlan(embed=True))


@right("stamp-sha512", ("bundle-rekor2",))
def stamp_sha512(draft: Draft) -> None:
    """The timestamp's imprint is SHA-512."""
    draft.order = draft.order.replace(stamp_plan=StampPlan(algorithm="sha512"))


@right("intoto-0.0.1", ("attestation",))
def intoto_001(draft: Draft) -> None:
    """Logged as cosign 1 and the SLSA generators did."""
    draft.order = draft.order.replace(entry_kind="intoto/0.0.1")


@right("intoto-0.0.2", ("attestation", "bundle-rekor1"))
def intoto_002(draft: Draft) -> None:
    """Logged as npm and sigstore-java do."""
    draft.order = draft.order.replace(entry_kind="intoto/0.0.2")


@right("chain-annotation-empty", ("legacy", "legacy-tsa", "attestation"))
def chain_annotation_empty(draft: Draft) -> None:
    """The chain annotation is the empty string, as cosign 3 writes it."""
    draft.on_written.append(lambda annotations: annotations.update({CHAIN: ""}))


@right("predicate-absent", BUNDLES)
def predicate_absent(draft: Draft) -> None:
    """The statement has no predicate, as cosign 3.0.0 to 3.0.4 wrote it."""
    draft.say(predicate=...)


@right("subjects-several", STATEMENTS)
def subjects_several(draft: Draft) -> None:
    """The statement is about several things; ours is the last."""
    draft.say(subject(draft.digest.of(b"other"), name="other"), subject(draft.digest, name=draft.reference))


@right("annotated", (*LEGACY, "legacy-tsa"))
def annotated(draft: Draft) -> None:
    """The payload carries annotations of the signer (`cosign sign -a`)."""
    said = simple_signing(str(draft.digest), draft.reference, optional={"env": "prod"})
    draft.order = draft.order.replace(payload=said)


@right("issuer-v1-only")
def issuer_v1_only(draft: Draft) -> None:
    """The certificate has the old issuer extension only, as before 2023."""
    draft.plan_leaf(values={"issuer-v2": None})


@right("issuer-v2-only")
def issuer_v2_only(draft: Draft) -> None:
    """The certificate has the new issuer extension only."""
    draft.plan_leaf(values={"issuer": None})


@right("key-p384", BUNDLES)
def key_p384(draft: Draft) -> None:
    """The certified key is P-384, the hash SHA-384."""
    draft.order = draft.order.replace(leaf_kind="p384")


@right("key-p521", BUNDLES)
def key_p521(draft: Draft) -> None:
    """The certified key is P-521, the hash SHA-512."""
    draft.order = draft.order.replace(leaf_kind="p521")


@right("key-p384-sha256", ("legacy", "legacy-tsa", "attestation"))
def key_p384_sha256(draft: Draft) -> None:
    """The certified key is P-384, the hash SHA-256: cosign knows no other in its old formats."""
    draft.order = draft.order.replace(leaf_kind="p384", hash=hashes.SHA256())


@right("key-rsa")
def key_rsa(draft: Draft) -> None:
    """The certified key is RSA."""
    draft.order = draft.order.replace(leaf_kind="rsa")


@right("key-ed25519", ("attestation", "bundle-rekor1"))
def key_ed25519(draft: Draft) -> None:
    """The certified key is Ed25519, which signs no hash but the envelope."""
    draft.order = draft.order.replace(leaf_kind="ed25519")


@right("github")
def of_github(draft: Draft) -> None:
    """A GitHub workflow."""
    _as(draft, github())


@right("email")
def of_person(draft: Draft) -> None:
    """A person, by e-mail."""
    _as(draft, email("somebody@example.com"))


@right("other-name")
def of_other_name(draft: Draft) -> None:
    """A subject that is neither URI nor e-mail."""
    _as(draft, other("somebody!example.com"))


@right("environment")
def of_environment(draft: Draft) -> None:
    """A GitLab deployment job."""
    _as(draft, gitlab(environment="production"))


def _as(draft: Draft, workload: Workload) -> None:
    draft.order = draft.order.replace(workload=workload)
    draft.asked = workload
