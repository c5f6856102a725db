"""Verdicts as data, by docs/verdict.schema.json."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from vouchsafe.cli.witness import Place
from vouchsafe.policy.verdict import Accepted, Looked, Reason, Verdict
from vouchsafe.verification import VerifiedSignature

Json = dict[str, object]


def document(verdicts: Sequence[Verdict], *, allow_unverified: bool = False) -> Json:
    """What `verify` prints."""
    found = [_verdict(verdict, allow_unverified=allow_unverified, thorough=False) for verdict in verdicts]
    return {"verdicts": found}


def explanation(verdict: Verdict, selection: Json, places: Sequence[Place]) -> Json:
    """The same of one verdict, with everything that was looked at, where, and by which scope."""
    written = _verdict(verdict, allow_unverified=False, thorough=True)
    written["selection"] = selection
    written["places"] = [{"what": place.what, "answer": place.answer} for place in places]
    return {"verdicts": [written]}


def reason(value: Reason) -> Json:
    """A reason; `hint` and `about` are there when they say something."""
    written: Json = {"code": value.code, "message": value.message}
    if value.hint:
        written["hint"] = value.hint
    if value.about:
        written["about"] = value.about
    return written


def signature(value: VerifiedSignature) -> Json:
    """What was verified."""
    written: Json = {
        "role": value.role,
        "digests": sorted(str(digest) for digest in value.digests),
        "times": [
            {"time": _time(each.time), "source": each.source, "authority": each.authority}
            for each in value.times
        ],
        "log": [{"log": place.log, "index": place.index} for place in value.logged],
        "sct": value.sct,
        "origin": value.origin,
        "mediaType": value.media_type,
        "blobDigest": str(value.blob_digest),
    }
    if value.identity is not None:
        written["identity"] = {
            "issuer": value.identity.issuer,
            "subject": value.identity.subject,
            "subjectKind": value.identity.subject_kind,
            "claims": dict(value.identity.claims),
        }
    if value.key_id:
        written["keyId"] = f"sha256:{value.key_id}"
    if value.subjects:
        written["subjects"] = list(value.subjects)
    if value.claim.predicate_type:
        written["predicateType"] = value.claim.predicate_type
    if value.claim.docker_reference is not None:
        written["dockerReference"] = value.claim.docker_reference
    return written


def _verdict(verdict: Verdict, *, allow_unverified: bool, thorough: bool) -> Json:
    verified = isinstance(verdict, Accepted) and verdict.verified
    written: Json = {
        "reference": verdict.reference,
        "verdict": verdict.word,
        "verified": verified,
        "ok": verified or (isinstance(verdict, Accepted) and allow_unverified),
        "digest": None if verdict.digest is None else str(verdict.digest),
        "scope": verdict.scope,
        "rules": list(verdict.rules),
        "reasons": [reason(each) for each in verdict.reasons],
        "notes": [reason(each) for each in verdict.notes],
        "signatures": [],
    }
    if isinstance(verdict, Accepted):
        written["signatures"] = [signature(each) for each in verdict.signatures]
    if thorough:
        written["looked"] = [_looked(each) for each in verdict.looked]
    return written


def _looked(look: Looked) -> Json:
    return {
        "requirement": look.requirement,
        "origin": look.origin,
        "mediaType": look.media_type,
        "satisfies": not look.against,
        "against": [reason(each) for each in look.against],
        "signature": None if look.signature is None else signature(look.signature),
    }


def _time(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"
