"""Inclusion proofs and checkpoints that do not lead from the entry to a tree that the log signed (rule 5)."""

from __future__ import annotations

from collections.abc import Callable

from vouchsafe.testing.material import InclusionProof, LogEntry
from vouchsafe.testing.note import checkpoint_body, cosignature_line, note, signature_line
from vouchsafe.testing.specimens import BUNDLES, Draft, wrong
from vouchsafe.testing.spoil import flipped


def _change(draft: Draft, change: Callable[[InclusionProof], InclusionProof]) -> None:
    def apply(entry: LogEntry) -> LogEntry:
        if entry.proof is None:
            raise ValueError("expected an entry with a proof, got one without")
        return entry.replace(proof=change(entry.proof))

    draft.change_entry(apply)


def _checkpoint(draft: Draft, make: Callable[[InclusionProof], str]) -> None:
    _change(draft, lambda proof: proof.replace(checkpoint=make(proof)))


@wrong("no-proof", 5, BUNDLES)
def no_proof(draft: Draft) -> None:
    """The entry has no inclusion proof, which bundles from v0.2 on must have."""
    draft.order = draft.order.replace(proof=False)


@wrong("proof-without-checkpoint", 5, BUNDLES)
def proof_without_checkpoint(draft: Draft) -> None:
    """The inclusion proof leads to a root that nobody signed."""

    def drop(bundle: dict[str, object]) -> None:
        material = bundle["verificationMaterial"]
        if isinstance(material, dict):
            del material["tlogEntries"][0]["inclusionProof"]["checkpoint"]

    draft.on_written.append(drop)


@wrong("proof-wrong-root", 5, BUNDLES)
def proof_wrong_root(draft: Draft) -> None:
    """The proof states another root than it leads to and the checkpoint signs."""
    _change(draft, lambda proof: proof.replace(root=flipped(proof.root)))


@wrong("proof-truncated", 5, BUNDLES)
def proof_truncated(draft: Draft) -> None:
    """The proof lacks its last hash."""
    _change(draft, lambda proof: proof.replace(hashes=proof.hashes[:-1]))


@wrong("proof-padded", 5, BUNDLES)
def proof_padded(draft: Draft) -> None:
    """The proof has one hash too many."""
    _change(draft, lambda proof: proof.replace(hashes=(*proof.hashes, bytes(32))))


@wrong("proof-hash-flipped", 5, BUNDLES)
def proof_hash_flipped(draft: Draft) -> None:
    """One bit of the proof's first hash is changed."""
    _change(draft, lambda proof: proof.replace(hashes=(flipped(proof.hashes[0]), *proof.hashes[1:])))


@wrong("proof-index-beyond-size", 5, BUNDLES)
def proof_index_beyond_size(draft: Draft) -> None:
    """The proof is for an index that the tree does not have."""
    _change(draft, lambda proof: proof.replace(index=proof.size))


@wrong("proof-of-other-index", 5, BUNDLES)
def proof_of_other_index(draft: Draft) -> None:
    """The proof is for another index of the same tree."""
    log = draft.sigstore.log(draft.order.log)
    _change(draft, lambda proof: log.proof(proof.index - 1))


@wrong("proof-size-differs", 5, BUNDLES)
def proof_size_differs(draft: Draft) -> None:
    """The proof states another tree size than the checkpoint."""
    _change(draft, lambda proof: proof.replace(size=proof.size + 1))


@wrong("checkpoint-other-origin", 5, ("bundle-rekor2",))
def checkpoint_other_origin(draft: Draft) -> None:
    """The log's key signed this root under another log's origin; Rekor v1's origins are nowhere written down."""

    def make(proof: InclusionProof) -> str:
        log = draft.sigstore.log(draft.order.log)
        body = checkpoint_body("other.sigstore.example - 1", proof.size, proof.root)
        return note(body, signature_line(log.name, log.key, body))

    _checkpoint(draft, make)


@wrong("checkpoint-other-key", 5, BUNDLES)
def checkpoint_other_key(draft: Draft) -> None:
    """The checkpoint is signed by somebody else's key under the log's name."""
    stranger = draft.sigstore.keys.ec("stranger")

    def make(proof: InclusionProof) -> str:
        log = draft.sigstore.log(draft.order.log)
        body = checkpoint_body(log.origin, proof.size, proof.root)
        return note(body, signature_line(log.name, stranger, body))

    _checkpoint(draft, make)


@wrong("checkpoint-root-differs", 5, BUNDLES)
def checkpoint_root_differs(draft: Draft) -> None:
    """The checkpoint is the log's, of the tree before this entry was in it."""
    log = draft.sigstore.log(draft.order.log)
    _checkpoint(draft, lambda proof: log.checkpoint(proof.size - 1))


@wrong("checkpoint-body-changed", 5, BUNDLES)
def checkpoint_body_changed(draft: Draft) -> None:
    """The checkpoint's size was changed under its signature."""
    _checkpoint(draft, lambda proof: proof.checkpoint.replace(f"\n{proof.size}\n", f"\n{proof.size}0\n"))


@wrong("checkpoint-unsigned", 5, BUNDLES)
def checkpoint_unsigned(draft: Draft) -> None:
    """The checkpoint has no signature."""
    _checkpoint(draft, lambda proof: proof.checkpoint.partition("\n\n")[0] + "\n\n")


@wrong("checkpoint-by-witness-only", 5, BUNDLES)
def checkpoint_by_witness_only(draft: Draft) -> None:
    """A witness cosigned the checkpoint, the log did not."""
    witness = draft.sigstore.keys.ed25519("witness")

    def make(proof: InclusionProof) -> str:
        log = draft.sigstore.log(draft.order.log)
        body = checkpoint_body(log.origin, proof.size, proof.root)
        return note(body, cosignature_line("witness.example", witness, body, draft.now))

    _checkpoint(draft, make)
