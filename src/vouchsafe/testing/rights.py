"""Everything that a verifier must accept, and that one or the other trips over."""

from __future__ import annotations

from typing import Any

from vouchsafe.testing.annotations import CHAIN, simple_signing
from vouchsafe.testing.authorities import FILLER
from vouchsafe.testing.ca import CertificateAuthority, Window
from vouchsafe.testing.canonical import pem
from vouchsafe.testing.material import LogEntry, Material
from vouchsafe.testing.note import signature_line
from vouchsafe.testing.rekor1 import Rekor1
from vouchsafe.testing.specimens import BUNDLES, LEGACY, PROMISED, STATEMENTS, Draft, right
from vouchsafe.testing.spoil import LONG_AGO
from vouchsafe.testing.statement import subject
from vouchsafe.testing.trust import TrustPlan
from vouchsafe.testing.tsa import StampPlan, TimestampAuthority


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
    draft.sigstore.rekor1 = Rekor1(old.key, draft.sigstore.clock, host=old.name, shard_offset=1000)
    draft.sigstore.rekor1.append("filler/0.0.1", FILLER)


@right("log-grown", BUNDLES)
def log_grown(draft: Draft) -> None:
    """The proof is against a tree that has grown since."""
    log = draft.sigstore.log(draft.order.log)

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


@right("log-signature-last", ("bundle-rekor2",))
def log_signature_last(draft: Draft) -> None:
    """Somebody else's signature stands before the log's on the checkpoint."""
    stranger = draft.sigstore.keys.ed25519("stranger")

    def later(entry: LogEntry) -> LogEntry:
        if entry.proof is None:
            raise ValueError("expected an entry with a proof, got one without")
        body, _, own = entry.proof.checkpoint.partition("\n\n")
        line = signature_line("stranger.example", stranger, body + "\n")
        return entry.replace(proof=entry.proof.replace(checkpoint=f"{body}\n\n{line}{own}"))

    draft.change_entry(later)


@right("logged-at-the-last-second")
def logged_at_the_last_second(draft: Draft) -> None:
    """The signature was logged and stamped in the second in which the certificate ends: both ends are inside."""

    def wait(material: Material) -> Material:
        draft.elapse(minutes=10)
        return material

    draft.on_signed.append(wait)


@right("windows-end-now")
def windows_end_now(draft: Draft) -> None:
    """Every authority's window ends in the second of the signature."""
    windows(draft, Window(start=draft.now - LONG_AGO, end=draft.now))


@right("windows-begin-now")
def windows_begin_now(draft: Draft) -> None:
    """Every authority's window begins in the second of the signature."""
    windows(draft, Window(start=draft.now, end=draft.now + LONG_AGO))


def windows(draft: Draft, window: Window) -> None:
    """Give everything in the trust root this window."""

    def edit(plan: TrustPlan) -> TrustPlan:
        def closed(listed: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple(each.replace(window=window, open_ended=False) for each in listed)

        return plan.replace(
            authorities=closed(plan.authorities),
            logs=closed(plan.logs),
            ct_logs=closed(plan.ct_logs),
            timestamp_authorities=closed(plan.timestamp_authorities),
        )

    draft.on_trust.append(edit)


@right("stamp-by-stranger-beside", ("bundle-rekor2",))
def stamp_by_stranger_beside(draft: Draft) -> None:
    """A timestamp by an authority that nobody knows stands before ours."""
    stranger = TimestampAuthority(draft.sigstore.keys, "tsa.other.example", draft.sigstore.window)

    def add(material: Material) -> Material:
        return material.replace(
            timestamps=(stranger.stamp(material.signature, draft.now), *material.timestamps)
        )

    draft.on_logged.append(add)


@right("chain-annotation-of-stranger", ("legacy", "legacy-tsa", "attestation"))
def chain_annotation_of_stranger(draft: Draft) -> None:
    """The chain annotation holds somebody else's CA: it is a hint, and nobody's trust."""
    other_ca = CertificateAuthority(draft.sigstore.keys, "other.example", draft.sigstore.window)
    draft.on_written.append(lambda annotations: annotations.update({CHAIN: pem(*other_ca.chain).decode()}))


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
