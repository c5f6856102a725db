"""A verdict as a person reads it: one screen, the answer first, then who, when and by which rule.

Whatever came from a certificate, a registry or a file is escaped here once more: a name may hold anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from vouchsafe.cli.console import Console
from vouchsafe.errors import printable
from vouchsafe.policy.verdict import Accepted, Reason, Verdict
from vouchsafe.verification import VerifiedSignature

MOST_REASONS = 4  # shown without --verbose: the nearest misses
_LABEL = 10  # columns
_STYLES = {"accepted": "good", "rejected": "bad", "undecided": "warn", "not verified": "warn"}
_CLAIMS = (  # shown without --verbose, as far as they are there
    ("source-repository-ref", "ref"),
    ("source-repository-digest", "commit"),
    ("build-trigger", "trigger"),
    ("run-invocation-uri", "run"),
)


def word(verdict: Verdict) -> str:
    """What is said first."""
    return "not verified" if isinstance(verdict, Accepted) and not verdict.verified else verdict.word


def text(
    verdict: Verdict,
    console: Console,
    *,
    everything: bool = False,
    advice: tuple[str, ...] = (),
    allowed: bool = False,
) -> str:
    """All of it. `everything`: more reasons than fit a screen, as --verbose does. `advice` comes last.

    `allowed`: --allow-unverified was given, and need not be recommended.
    """
    said = word(verdict)
    head = f"{console.style(said, _STYLES[said])}  {console.style(printable(verdict.reference), 'bold')}"
    body = _body(verdict, everything=everything or console.verbose, allowed=allowed)
    lines = [line(label, value) for label, value in body]
    lines += [line("note", note) for note in advice]
    return "\n".join((head, *lines))


def summary(verdicts: Sequence[Verdict]) -> str:
    """How many of each, where there are several: the first of fifty has left the screen."""
    said = [word(verdict) for verdict in verdicts]
    return f"{len(said)} images: " + ", ".join(
        f"{said.count(each)} {each}" for each in _STYLES if each in said
    )


def line(label: str, value: str) -> str:
    """One labelled line; a label that is empty continues the one above."""
    return f"  {label:{_LABEL}} {printable(value)}".rstrip()


def moment(time: datetime) -> str:
    """A time as it is shown everywhere: UTC."""
    return f"{time:%F %T} UTC"


def signature_lines(signature: VerifiedSignature, *, everything: bool = False) -> Iterator[tuple[str, str]]:
    """Who signed what, when, and where it was logged."""
    identity = signature.identity
    if identity is not None:
        yield "signed by", identity.subject
        yield "issuer", identity.issuer
        shown = [(name, name) for name in identity.claims] if everything else _CLAIMS
        for name, label in shown:
            if name in identity.claims:
                yield (
                    ("", f"{name}: {identity.claims[name]}") if everything else (label, identity.claims[name])
                )
    elif signature.subjects:
        yield "signed by", ", ".join(signature.subjects)
    elif signature.key_id:
        yield "signed by", f"the key sha256:{signature.key_id}"
    else:
        yield "signed by", "an OpenPGP key of the policy"
    if signature.claim.role == "attestation":
        yield "attested", signature.claim.predicate_type
    for time in signature.times:
        yield "when", f"{moment(time.time)} ({time.source}: {time.authority})"
    for place in signature.logged:
        yield "logged", f"{place.log}, entry {place.index}"
    if signature.sct == "not checked":
        yield "note", "the certificate's SCT was not checked: no CT log is known"
    yield "found in", signature.origin


def reason_lines(reasons: tuple[Reason, ...], *, everything: bool = False) -> Iterator[tuple[str, str]]:
    """The nearest miss first; what to do last."""
    unique = tuple(dict.fromkeys((reason.code, reason.message) for reason in reasons))
    shown = unique if everything else unique[:MOST_REASONS]
    for number, (code, message) in enumerate(shown):
        yield ("because" if number == 0 else "also"), f"{message} [{code}]"
    if len(shown) < len(unique):
        yield "", f"… and {len(unique) - len(shown)} more: see `vouchsafe explain`"
    for hint in dict.fromkeys(reason.hint for reason in reasons if reason.hint):
        yield "do", hint
        if not everything:
            return


def _body(verdict: Verdict, *, everything: bool, allowed: bool) -> Iterator[tuple[str, str]]:
    if verdict.digest is not None:
        yield "digest", str(verdict.digest)
    if isinstance(verdict, Accepted):
        for signature in verdict.signatures:
            yield from signature_lines(signature, everything=everything)
        if not verdict.verified:
            yield "because", "the policy accepts anything here; no signature was looked at [not-verified]"
            otherwise = "" if allowed else ", or pass --allow-unverified"
            yield "do", f"name a signer for this image in the policy{otherwise}"
    yield from reason_lines(verdict.reasons, everything=everything)
    for number, rule in enumerate(verdict.rules):
        yield ("rule" if number == 0 else ""), f"{verdict.scope}: {rule}"
    if everything:
        for note in verdict.notes:
            yield "note", f"{note.about}: {note.message} [{note.code}]"
