"""What a trust root believes, one line each: who, by which fingerprint, from when until when.

For people and for alarms; verification itself reads the TrustRoot. Something ends when its window in the
trust root does, or when the first certificate of its chain expires, whichever comes first.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Literal

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from vouchsafe.errors import MalformedError
from vouchsafe.record import Record
from vouchsafe.verification import keys
from vouchsafe.verification.certificate import load
from vouchsafe.verification.trust import CertificateAuthority, LoadedRoot, Log, PublicKey, TrustRoot

Kind = Literal["certificate-authority", "log", "ct-log", "timestamp-authority", "key"]
State = Literal["future", "current", "ending", "ended"]
NAMES: dict[Kind, str] = {
    "certificate-authority": "certificate authority",
    "log": "transparency log",
    "ct-log": "certificate log",
    "timestamp-authority": "time-stamping authority",
    "key": "public key",
}
_NEEDED: tuple[Kind, ...] = ("certificate-authority", "log")  # what nothing new can be verified without
SOON = timedelta(days=30)
OLDEST_EMBEDDED = timedelta(days=180)  # Sigstore signs its root anew about as often
_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
_UNSUPPORTED = "of a kind that is not supported"


class Believed(Record):
    """One authority, log or key. `issuer` is the anchor's subject where another certificate issues the leaves.

    `fingerprint` is SHA-256 over the DER of the anchor, or of the key; a log's is its id as logs compute it.
    """

    kind: Kind
    subject: str
    issuer: str = ""
    uri: str = ""
    algorithm: str
    fingerprint: str
    start: datetime | None
    end: datetime | None

    def state(self, at: datetime) -> State:
        """Whether it counts at a time, and whether that will change soon."""
        if self.start is not None and at < self.start:
            return "future"
        if self.end is None or at + SOON < self.end:
            return "current"
        return "ending" if at <= self.end else "ended"


def inventory(root: TrustRoot) -> tuple[Believed, ...]:
    """Everything in the root, in its order; MalformedError when a certificate cannot be read."""
    return (
        *(_authority("certificate-authority", each) for each in root.authorities),
        *(_log("log", each) for each in root.logs),
        *(_log("ct-log", each) for each in root.ct_logs),
        *(_authority("timestamp-authority", each) for each in root.timestamp_authorities),
        *(_key(each) for each in root.keys),
    )


def warnings(believed: tuple[Believed, ...], at: datetime) -> tuple[str, ...]:
    """What a person should act on: what ends soon, and kinds of which nothing is left."""
    found = []
    for each in believed:
        if each.state(at) == "ending" and each.end is not None:
            days = (each.end - at).days
            found.append(f"the {NAMES[each.kind]} {each.subject} ends on {each.end:%Y-%m-%d}, in {days} days")
    found += [
        f"no {NAMES[kind]} counts now: nothing that is signed today can be verified"
        for kind in uncovered(believed, at)
    ]
    return tuple(found)


def uncovered(believed: tuple[Believed, ...], at: datetime) -> tuple[Kind, ...]:
    """The kinds that are needed, are believed in at all, and of which nothing counts at a time."""
    found: list[Kind] = []
    for kind in _NEEDED:
        states = {each.state(at) for each in believed if each.kind == kind}
        if states and not states & {"current", "ending"}:
            found.append(kind)
    return tuple(found)


def staleness(loaded: LoadedRoot, at: datetime) -> tuple[str, ...]:
    """Why a trust root may be older than it should be, and caches that were passed over."""
    found = [f"a refreshed root is not used: {reason}" for reason in loaded.passed_over]
    if loaded.source == "embedded" and loaded.as_of is not None and at - loaded.as_of > OLDEST_EMBEDDED:
        days = (at - loaded.as_of).days
        found.append(f"the embedded trust root is {days} days old: run `vouchsafe trust refresh`")
    if loaded.fresh_until is not None and at > loaded.fresh_until:
        day = f"{loaded.fresh_until:%Y-%m-%d}"
        found.append(f"the metadata of this trust root ended on {day}: run `vouchsafe trust refresh`")
    return tuple(found)


def _authority(kind: Kind, authority: CertificateAuthority) -> Believed:
    chain = [load(der) for der in authority.chain]
    anchor = authority.chain[-1]
    ends = [certificate.not_valid_after_utc for certificate in chain]
    starts = [certificate.not_valid_before_utc for certificate in chain]
    window = authority.window
    return Believed(
        kind=kind,
        subject=chain[0].subject.rfc4514_string(),
        issuer=chain[-1].subject.rfc4514_string() if len(chain) > 1 else "",
        uri=authority.uri,
        algorithm=_certificate_algorithm(chain[0]),
        fingerprint=hashlib.sha256(anchor).hexdigest(),
        start=max([*starts, *([window.start] if window.start else [])]),
        end=min([*ends, *([window.end] if window.end else [])]),
    )


def _log(kind: Kind, log: Log) -> Believed:
    return Believed(
        kind=kind,
        subject=log.host or "(no address)",
        uri=f"https://{log.host}" if log.host else "",
        algorithm=_key_algorithm(log.key),
        fingerprint=log.key_id.hex(),
        start=log.window.start,
        end=log.window.end,
    )


def _key(public: PublicKey) -> Believed:
    return Believed(
        kind="key",
        subject="managed key",
        algorithm=_key_algorithm(public.key),
        fingerprint=hashlib.sha256(public.key).hexdigest(),
        start=public.window.start,
        end=public.window.end,
    )


def _key_algorithm(der: bytes) -> str:
    try:
        return _algorithm(keys.load(der))
    except MalformedError:
        return _UNSUPPORTED


def _certificate_algorithm(certificate: x509.Certificate) -> str:
    try:
        return _algorithm(certificate.public_key())
    except (ValueError, UnsupportedAlgorithm):
        return _UNSUPPORTED


def _algorithm(key: object) -> str:
    curve = getattr(key, "curve", None)
    if curve is not None:
        return f"ECDSA {_CURVES.get(curve.name, curve.name)}"
    size = getattr(key, "key_size", None)
    return f"RSA {size}" if size else type(key).__name__.removesuffix("PublicKey").lstrip("_")
