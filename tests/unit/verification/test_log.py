"""Was it logged? Promises, proofs, which log, which index, in which window."""

from __future__ import annotations

from base64 import b64decode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.judging import code, evidence_of, root_of
from vouchsafe.errors import VerificationError
from vouchsafe.evidence.dsse import pre_authentication_encoding
from vouchsafe.evidence.types import Envelope, Evidence, InclusionProof, LogEntry
from vouchsafe.testing.note import checkpoint_body, note, signature_line
from vouchsafe.testing.specimens import RIGHTS, Draft, Specimen
from vouchsafe.testing.wrongs import Form
from vouchsafe.verification import log
from vouchsafe.verification.entry import Signed
from vouchsafe.verification.merkle import leaf_hash, root_from_proof
from vouchsafe.verification.trust import Log, Window

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def specimen(form: Form, name: str = "usual") -> Specimen:
    """A right thing."""
    return RIGHTS[name].make(form)


def signed(found: Evidence) -> Signed:
    """What entries are compared with."""
    assert isinstance(found.content, Envelope)
    assert found.certificate is not None
    return Signed(
        evidence=found,
        signer=found.certificate,
        message=pre_authentication_encoding(found.content),
    )


OLD, NEW = specimen("bundle-rekor1"), specimen("bundle-rekor2")
LOGS = root_of(OLD).logs
OLD_FOUND, NEW_FOUND = evidence_of(OLD), evidence_of(NEW)
OLD_ENTRY, NEW_ENTRY = OLD_FOUND.entries[0], NEW_FOUND.entries[0]


def verified(*entries: LogEntry, logs: tuple[Log, ...] = LOGS) -> tuple[log.LoggedEntry, ...]:
    """The entries, judged for the evidence that the first of them came with."""
    found = NEW_FOUND if entries and entries[0].body == NEW_ENTRY.body else OLD_FOUND
    return log.verify(entries, signed(found), logs)


def proof_of(entry: LogEntry) -> InclusionProof:
    """The proof, which is there."""
    assert entry.proof is not None
    return entry.proof


def test_a_promise_gives_time_and_index() -> None:
    """What Rekor v1 signs."""
    (found,) = verified(OLD_ENTRY.replace(proof=None))
    assert (found.time, found.index, found.log.host) == (NOON, OLD_ENTRY.log_index, "rekor1.sigstore.example")


def test_a_proof_gives_an_index_and_no_time() -> None:
    """What Rekor v2 signs; the time that it does not is ignored."""
    (found,) = verified(NEW_ENTRY.replace(integrated_time=1))
    assert (found.time, found.index, found.log.host) == (None, 1, "rekor2.sigstore.example")


@pytest.mark.parametrize(
    "proven, signed_size, other_root, expected",
    [(4, 4, False, ""), (3, 4, False, "inclusion-proof"), (4, 4, True, "inclusion-proof")],
)
def test_a_checkpoint_of_another_tree_proves_nothing(
    proven: int, signed_size: int, other_root: bool, expected: str
) -> None:
    """Both must be what the log signed: a proof of the first of three leaves looks like one of the first of four."""
    hashes = (bytes(32), bytes(range(32)))
    root = root_from_proof(leaf_hash(NEW_ENTRY.body), index=0, size=4, hashes=hashes)
    rekor2 = Draft("bundle-rekor2").sigstore.rekor2
    body = checkpoint_body(rekor2.origin, signed_size, hashes[1] if other_root else root)
    made = NEW_ENTRY.replace(
        log_index=0,
        proof=InclusionProof(
            log_index=0,
            tree_size=proven,
            root_hash=root,
            hashes=hashes,
            checkpoint=note(body, signature_line(rekor2.origin, rekor2.key, body)),
        ),
    )
    if expected:
        assert code(lambda: verified(made)) == expected
    else:
        assert [each.index for each in verified(made)] == [0]


def test_the_index_is_what_was_signed() -> None:
    """The entry's own index is covered by a promise; without one it is anybody's word, and the proof's is shown."""
    assert code(lambda: verified(OLD_ENTRY.replace(log_index=999))) == "signature"
    assert code(lambda: verified(NEW_ENTRY.replace(log_index=999))) == "inclusion-proof"
    (bare,) = verified(OLD_ENTRY.replace(promise=None, log_index=999))
    assert (bare.index, bare.time) == (1, None)


def test_a_shard_counts_apart() -> None:
    """Promises count over all shards, proofs within one."""
    sharded = evidence_of(specimen("bundle-rekor1", "log-sharded"))
    (entry,) = sharded.entries
    (found,) = log.verify((entry,), signed(sharded), LOGS)
    assert (entry.log_index, proof_of(entry).log_index, found.index) == (1001, 1, 1001)


def test_unknown_logs_prove_nothing() -> None:
    """They are passed over, whatever they say; alone they are nothing."""
    stranger = OLD_ENTRY.replace(log_id=b"s" * 32, promise=b"junk", body=b"junk")
    assert len(verified(OLD_ENTRY, stranger)) == 1
    assert code(lambda: verified(stranger)) == "log-entry"
    assert code(verified) == "log-entry"


def test_of_unknown_logs_it_is_said_where_a_private_root_goes() -> None:
    """The commonest mistake with a Sigstore of one's own; where there is no entry at all it is none."""
    hints = []
    for entries in ((OLD_ENTRY.replace(log_id=b"s" * 32),), ()):
        with pytest.raises(VerificationError) as caught:
            verified(*entries)
        hints.append("--trusted-root" in caught.value.hint)
    assert hints == [True, False]


def test_one_entry_twice_is_one_entry() -> None:
    """GHSA-9vcr-p3rj-q5q6: also under another index, where that is signed by nobody."""
    for doubled in (OLD_ENTRY, OLD_ENTRY.replace(proof=None)):
        assert code(lambda second=doubled: verified(OLD_ENTRY, second)) == "log-entry-twice"  # type: ignore[misc]
    assert code(lambda: verified(NEW_ENTRY, NEW_ENTRY)) == "log-entry-twice"
    bare = OLD_ENTRY.replace(promise=None)
    assert code(lambda: verified(bare, bare.replace(log_index=5))) == "log-entry-twice"


def test_every_known_entry_counts() -> None:
    """A bad one beside a good one is refused: the evidence says something that is not so."""
    bad = OLD_ENTRY.replace(promise=b"junk")
    assert code(lambda: verified(OLD_ENTRY, bad)) == "signature"
    assert code(lambda: verified(bad, OLD_ENTRY)) == "signature"


def test_two_entries_of_one_log() -> None:
    """Logged twice is fine when both are about this signature."""
    draft = Draft("bundle-rekor1")
    made = draft.specimen("twice")
    found = evidence_of(made)
    again = draft.sigstore.rekor1.append("dsse/0.0.1", found.entries[0].body)
    second = found.entries[0].replace(
        log_index=again.index, integrated_time=again.integrated_time, promise=again.promise, proof=None
    )
    entries = (*found.entries, second)
    assert [each.index for each in log.verify(entries, signed(found), root_of(made).logs)] == [1, 2]


def test_neither_promise_nor_proof() -> None:
    """An entry alone is a claim."""
    assert code(lambda: verified(OLD_ENTRY.replace(promise=None, proof=None))) == "log-proof"
    bare = proof_of(OLD_ENTRY).replace(checkpoint=None)
    assert code(lambda: verified(OLD_ENTRY.replace(promise=None, proof=bare))) == "log-proof"


def test_a_proof_beside_a_promise_is_checked_too() -> None:
    """Both are checked where both are there, with a checkpoint (v0.2 on) or without (v0.1)."""
    for changes in ({"root_hash": bytes(32)}, {"hashes": ()}, {"tree_size": 1}, {"log_index": 0}):
        for checkpoint in (proof_of(OLD_ENTRY).checkpoint, None):
            wrong = proof_of(OLD_ENTRY).replace(checkpoint=checkpoint, **changes)
            entry = OLD_ENTRY.replace(proof=wrong)
            assert code(lambda made=entry: verified(made)) == "inclusion-proof"  # type: ignore[misc]
    right = proof_of(OLD_ENTRY).replace(checkpoint=None)
    assert verified(OLD_ENTRY.replace(proof=right))[0].time == NOON


def test_the_checkpoint_is_about_this_tree() -> None:
    """A proof that is right within itself, and a checkpoint of another size or root."""
    draft = Draft("bundle-rekor2")
    found = evidence_of(draft.specimen("grown"))
    draft.sigstore.rekor2.append("filler/0.0.1", b"more")
    later = proof_of(found.entries[0]).replace(checkpoint=draft.sigstore.rekor2.checkpoint())
    entry = found.entries[0].replace(proof=later)
    assert code(lambda: log.verify((entry,), signed(found), LOGS)) == "inclusion-proof"


PROMISED: dict[str, tuple[dict[str, Any], str]] = {
    "other-time": ({"integrated_time": 1}, "signature"),
    "other-body": ({"body": b"{}"}, "signature"),
    "junk": ({"promise": b"junk"}, "signature"),
    "empty": ({"promise": b""}, "signature"),
}


@pytest.mark.parametrize("name", PROMISED)
def test_the_promise_covers_everything(name: str) -> None:
    """Body, time, log and index (see above) in canonical JSON."""
    changes, expected = PROMISED[name]
    assert code(lambda: verified(OLD_ENTRY.replace(proof=None, **changes))) == expected


@pytest.mark.parametrize(
    "seconds, expected", [(0, "log-time"), (2**63, "log-time"), (10**11 * 3, "log-time"), (1, "log-window")]
)
def test_times_that_a_log_should_not_promise(seconds: int, expected: str) -> None:
    """Signed by the log all the same: zero is no time, and datetime ends with the year 9999."""
    draft = Draft("bundle-rekor1")
    found = evidence_of(draft.specimen("late"))
    entry = found.entries[0]
    promise = draft.sigstore.rekor1.promise(entry.body, seconds, entry.log_index)
    forged = entry.replace(integrated_time=seconds, promise=promise)
    logs = tuple(each.replace(window=Window(start=NOON - DAY)) for each in LOGS)
    assert code(lambda: log.verify((forged,), signed(found), logs)) == expected


@pytest.mark.parametrize(
    "window, inside",
    [
        (Window(start=NOON, end=NOON), True),
        (Window(start=NOON - DAY, end=NOON), True),
        (Window(start=NOON), True),
        (Window(), True),
        (Window(start=NOON + timedelta(seconds=1)), False),
        (Window(end=NOON - timedelta(seconds=1)), False),
    ],
)
def test_windows_of_promises(window: Window, inside: bool) -> None:
    """Both ends are inside."""
    logs = tuple(each.replace(window=window) for each in LOGS)
    if inside:
        assert verified(OLD_ENTRY, logs=logs)
    else:
        assert code(lambda: verified(OLD_ENTRY, logs=logs)) == "log-window"


def test_a_log_that_is_listed_for_each_window() -> None:
    """A trust root may say twice when one log was believed."""
    (old, new) = LOGS
    early = old.replace(window=Window(start=NOON - 9 * DAY, end=NOON - 8 * DAY))
    for logs in ((early, old, new), (old, early, new)):
        assert verified(OLD_ENTRY, logs=logs)[0].time == NOON
    assert code(lambda: verified(OLD_ENTRY, logs=(early, early))) == "log-window"


ORIGINS = {
    "same": ("rekor2.sigstore.example", True),
    "with-port": ("rekor2.sigstore.example:8080", True),
    "unknown": ("", True),
    "other": ("rekor9.sigstore.example", False),
    "longer": ("rekor2.sigstore.example.attacker.example", False),
    "port-only": (":8080", False),
    "not-a-port": ("rekor2.sigstore.example:x", False),
}


@pytest.mark.parametrize("name", ORIGINS)
def test_rekor2_signs_its_origin(name: str) -> None:
    """Its host, with or without the port; a PEM file does not say where a log is."""
    host, accepted = ORIGINS[name]
    logs = tuple(each.replace(host=host) for each in LOGS)
    if accepted:
        assert verified(NEW_ENTRY, logs=logs)
    else:
        assert code(lambda: verified(NEW_ENTRY, logs=logs)) == "checkpoint-origin"


def test_rekor2_origin_in_capitals() -> None:
    """Host names have no case."""
    draft = Draft("bundle-rekor2")
    found = evidence_of(draft.specimen("capitals"))
    proof = proof_of(found.entries[0])
    assert proof.checkpoint is not None
    text = proof.checkpoint.partition("\n\n")[0].replace("rekor2", "Rekor2") + "\n"
    line = signature_line("Rekor2.sigstore.example", draft.sigstore.rekor2.key, text)
    hinted = tuple(
        each.replace(checkpoint_key_id=_hint(line)) if each.host.startswith("rekor2") else each
        for each in LOGS
    )
    entry = found.entries[0].replace(proof=proof.replace(checkpoint=note(text, line)))
    assert log.verify((entry,), signed(found), hinted)


def _hint(line: str) -> bytes:
    """The key id in a signature line."""
    return b64decode(line.rpartition(" ")[2])[:4]


def test_rekor1_may_be_called_anything() -> None:
    """Its name is in the trust root's URL, behind whatever proxy; its key is what counts."""
    logs = tuple(each.replace(host="proxy.example") for each in LOGS)
    assert verified(OLD_ENTRY, logs=logs)[0].log.host == "proxy.example"


def test_entries_are_compared() -> None:
    """A genuine entry of something else proves nothing: here one that says nothing of any signature."""
    draft = Draft("bundle-rekor1")
    empty = draft.sigstore.rekor1.append("dsse/0.0.1", b'{"apiVersion":"0.0.1","kind":"dsse","spec":{}}')
    entry = OLD_ENTRY.replace(
        body=empty.body,
        log_index=empty.index,
        integrated_time=empty.integrated_time,
        promise=empty.promise,
        proof=None,
    )
    assert code(lambda: verified(entry)) == "json-type"


@pytest.mark.parametrize(
    "hashes",
    [(), (bytes(32),), (bytes(32),) * 3, (bytes(32), bytes(31)), (bytes(33), bytes(32)), (b"", bytes(32))],
)
def test_a_proof_has_as_many_hashes_as_the_tree_is_deep(hashes: tuple[bytes, ...]) -> None:
    """Each as long as a hash, or it says nothing of this tree."""
    with pytest.raises(VerificationError, match="expected 2 hashes"):
        root_from_proof(leaf_hash(b"leaf"), index=0, size=4, hashes=hashes)
