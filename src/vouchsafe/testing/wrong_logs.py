"""Log entries that prove nothing about this signature (rule 5)."""

from __future__ import annotations

from collections.abc import Callable

from vouchsafe.testing.ca import Window
from vouchsafe.testing.entries import body
from vouchsafe.testing.material import LogEntry, Material
from vouchsafe.testing.rekor1 import Rekor1
from vouchsafe.testing.rekor2 import Rekor2
from vouchsafe.testing.signer import prepare, usual_kind
from vouchsafe.testing.specimens import FORMS, PROMISED, Draft, Form, wrong
from vouchsafe.testing.spoil import ahead, flipped, over
from vouchsafe.testing.trust import TrustPlan

ABOUT_ANOTHER = "GHSA-whqx-f9j3-ch6m (CVE-2026-22703), GHSA-8gw7-4j42-w388 (CVE-2022-36056)"
_SET: tuple[Form, ...] = (*PROMISED, "legacy-tsa")


def log_about(draft: Draft, change: Callable[[Material], Material]) -> None:
    """Log an entry about a changed material, and carry the answer over to the unchanged one."""

    def relog(material: Material) -> Material:
        kind = draft.order.entry_kind or usual_kind(draft.order)
        log = draft.sigstore.log(draft.order.log)
        return material.replace(entry=log.append(kind, body(kind, change(material))))

    draft.on_logged.append(relog)


@wrong("entry-of-other-signature", 5, advisory=ABOUT_ANOTHER)
def entry_of_other_signature(draft: Draft) -> None:
    """The log entry is about another signature by the same certificate."""
    log_about(
        draft, lambda material: material.replace(signatures=(flipped(material.signature),), envelope=None)
    )


@wrong("entry-of-other-certificate", 5, advisory="GHSA-ccxc-vr6p-4858 (CVE-2022-23649)")
def entry_of_other_certificate(draft: Draft) -> None:
    """The log entry is about the same signature under another certificate."""

    def other(material: Material) -> Material:
        return material.replace(certificate=prepare(draft.sigstore, draft.order).certificate)

    log_about(draft, other)


@wrong("entry-of-other-payload", 5, advisory=ABOUT_ANOTHER)
def entry_of_other_payload(draft: Draft) -> None:
    """The log entry is about another payload."""
    log_about(draft, lambda material: material.replace(payload=material.payload + b" "))


@wrong("entry-of-other-kind", 5)
def entry_of_other_kind(draft: Draft) -> None:
    """The entry's body is of a kind that says nothing about signatures."""

    def relog(material: Material) -> Material:
        log = draft.sigstore.log(draft.order.log)
        return material.replace(
            entry=log.append("alpine/0.0.1", b'{"apiVersion":"0.0.1","kind":"alpine","spec":{}}')
        )

    draft.on_logged.append(relog)


@wrong("entry-by-unknown-log", 5, advisory="GHSA-xvrc-2wvh-49vc (CVE-2023-47122)")
def entry_by_unknown_log(draft: Draft) -> None:
    """The entry is in a log of the attacker's own."""
    trusted = draft.sigstore.trust_plan().logs
    sigstore, clock = draft.sigstore, draft.sigstore.clock
    sigstore.rekor1 = Rekor1(sigstore.keys.ec("other-rekor1"), clock, host=sigstore.rekor1.name)
    sigstore.rekor2 = Rekor2(sigstore.keys.ed25519("other-rekor2"), clock, origin=sigstore.rekor2.origin)
    draft.on_trust.append(lambda plan: plan.replace(logs=trusted))


@wrong("entry-names-known-log", 5)
def entry_names_known_log(draft: Draft) -> None:
    """The entry is in a log of the attacker's own, but says it is in ours."""
    known = {"rekor1": draft.sigstore.rekor1.id, "rekor2": draft.sigstore.rekor2.id}
    entry_by_unknown_log(draft)
    draft.change_entry(lambda entry: entry.replace(log_id=known[draft.order.log or "rekor1"]))


@wrong("log-window-over", 5)
def log_window_over(draft: Draft) -> None:
    """The trust root stopped believing the log the day before."""
    _log_window(draft, over(draft.now))


@wrong("log-window-not-yet", 5)
def log_window_not_yet(draft: Draft) -> None:
    """The trust root believes the log from the day after."""
    _log_window(draft, ahead(draft.now))


@wrong("no-log-entry", 5, FORMS)
def no_log_entry(draft: Draft) -> None:
    """A keyless signature without any log entry."""
    draft.order = draft.order.replace(log=None, stamp=True)


@wrong("set-flipped", 5, _SET)
def set_flipped(draft: Draft) -> None:
    """One bit of the log's promise is changed."""
    draft.change_entry(lambda entry: entry.replace(promise=flipped(entry.promise or b"")))


@wrong("set-by-other-key", 5, _SET)
def set_by_other_key(draft: Draft) -> None:
    """The promise is signed by somebody else's key."""
    stranger = draft.sigstore.keys.ec("stranger")

    def resign(entry: LogEntry) -> LogEntry:
        own, draft.sigstore.rekor1.key = draft.sigstore.rekor1.key, stranger
        promise = draft.sigstore.rekor1.promise(entry.body, entry.integrated_time or 0, entry.index)
        draft.sigstore.rekor1.key = own
        return entry.replace(promise=promise)

    draft.change_entry(resign)


@wrong("set-of-other-index", 5, _SET)
def set_of_other_index(draft: Draft) -> None:
    """The promise was given for another index."""
    log = draft.sigstore.rekor1
    _promise(draft, lambda entry: log.promise(entry.body, entry.integrated_time or 0, entry.index + 1))


@wrong("set-of-other-time", 5, _SET)
def set_of_other_time(draft: Draft) -> None:
    """The promise was given for another time."""
    log = draft.sigstore.rekor1
    _promise(draft, lambda entry: log.promise(entry.body, (entry.integrated_time or 0) + 1, entry.index))


@wrong("set-of-other-entry", 5, _SET)
def set_of_other_entry(draft: Draft) -> None:
    """The promise was given for another entry."""
    log = draft.sigstore.rekor1
    _promise(draft, lambda entry: log.promise(entry.body + b" ", entry.integrated_time or 0, entry.index))


def _promise(draft: Draft, make: Callable[[LogEntry], bytes]) -> None:
    draft.change_entry(lambda entry: entry.replace(promise=make(entry)))


def _log_window(draft: Draft, window: Window) -> None:
    def edit(plan: TrustPlan) -> TrustPlan:
        return plan.replace(logs=tuple(log.replace(window=window, open_ended=False) for log in plan.logs))

    draft.on_trust.append(edit)
