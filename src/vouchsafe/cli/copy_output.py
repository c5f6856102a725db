"""What a copy did, for people and as one JSON document by docs/copy.schema.json."""

from __future__ import annotations

from collections.abc import Iterator

from vouchsafe.cli.amounts import amount, count
from vouchsafe.cli.console import Console
from vouchsafe.cli.copying import Done
from vouchsafe.cli.json_output import Json, reason, signature
from vouchsafe.cli.render import line
from vouchsafe.cli.render import text as verdict_text
from vouchsafe.errors import printable
from vouchsafe.image.digest import Digest
from vouchsafe.policy.verdict import Accepted, Verdict
from vouchsafe.transfer.plan import Plan, Tagged

_TAGS = {"copy": "copied", "present": "there already", "add to": "added to", "replace": "replaced"}
_WOULD = {
    "copy": "would be copied",
    "present": "there already",
    "add to": "would be added to",
    "replace": "would be replaced",
}


def show(done: Done, console: Console) -> None:
    """One screen; a refusal as `verify` shows it."""
    for verdict in done.verdicts.values():
        if not isinstance(verdict, Accepted) or not verdict.verified:
            console.print(verdict_text(verdict, console))
    if done.plan is None:
        console.note(f"vouchsafe: nothing was written to {printable(done.ends.destination)}")
        return
    word, style = _word(done)
    console.print(f"{console.style(word, style)}  {console.style(printable(done.ends.source), 'bold')}")
    for label, value in _lines(done, done.plan):
        console.print(line(label, value))
    for trouble in done.plan.left_behind:
        console.note(
            f"vouchsafe: {console.style('warning', 'warn')}: left behind, because nobody can read it:"
            f" {printable(trouble.origin)}: {trouble.error.message} [{trouble.error.code}]"
        )
    if not done.verdicts:
        console.note("vouchsafe: not verified: neither a policy, nor an identity, nor a key was given")


def document(done: Done) -> Json:
    """All of it."""
    written: Json = {
        "source": str(done.ends.source),
        "destination": str(done.ends.destination),
        "digest": None if done.digest is None else str(done.digest),
        "dryRun": done.dry_run,
        "verdicts": [_verdict(place, verdict) for place, verdict in done.verdicts.items()],
        "manifests": [],
        "tags": [],
        "lists": [],
        "blobs": {"copied": 0, "mounted": 0, "present": 0, "missing": 0, "bytes": 0},
        "leftBehind": [],
    }
    if done.plan is not None:
        written |= _planned(done, done.plan)
    return written


def _word(done: Done) -> tuple[str, str]:
    if done.plan is not None and done.plan.is_done:
        return "there already", "good"
    return ("would copy", "bold") if done.dry_run else ("copied", "good")


def _lines(done: Done, plan: Plan) -> Iterator[tuple[str, str]]:
    yield "to", str(done.ends.destination)
    yield "digest", str(done.digest)
    verdict = done.verdicts.get("destination", done.verdicts.get("source"))
    if isinstance(verdict, Accepted) and verdict.verified:
        yield "verified", "; ".join(_who(verdict)) or "accepted"
    present = len(plan.present)
    missing = len(plan.manifests) - present
    yield "manifests", _halves(missing, present, done)
    if done.copied is not None:
        size = amount(sum(each.size for each in done.copied.copied))
        parts = [f"{len(done.copied.copied)} copied ({size})"] if done.copied.copied else []
        parts += [f"{len(done.copied.mounted)} mounted"] if done.copied.mounted else []
        parts += [f"{len(plan.blobs_present)} there already"] if plan.blobs_present else []
        yield "blobs", ", ".join(parts) or "none missing"
    else:
        wanted = len(plan.blobs) - len(plan.blobs_present)
        yield "blobs", f"{_halves(wanted, len(plan.blobs_present), done)} ({amount(plan.size)})"
    words = _WOULD if done.dry_run else _TAGS
    names = _names(plan)
    for number, tagged in enumerate(plan.companions):
        of = names.get(tagged.subject or tagged.manifest, str(tagged.subject))
        yield ("beside" if number == 0 else ""), f"{tagged.suffix} of {of}: {words[tagged.action]}"
    referrers = sum(len(around.referrers) for around in plan.graph.around.values())
    if referrers:
        listed = (
            f", listed at {count(len(done.copied.listed), 'tag')}"
            if done.copied and done.copied.listed
            else ""
        )
        yield "referrers", f"{referrers}{listed}"
    if plan.image.tag:
        yield "tag", f"{plan.image.tag}: {words[plan.image.action]}"


def _halves(missing: int, present: int, done: Done) -> str:
    does = "to copy" if done.dry_run else "copied"
    parts = [f"{missing} {does}"] if missing else []
    parts += [f"{present} there already"] if present else []
    return ", ".join(parts) or "none"


def _who(verdict: Accepted) -> Iterator[str]:
    for each in verdict.signatures:
        if each.identity is not None:
            yield f"signed by {each.identity.subject}"
        elif each.key_id:
            yield f"signed by the key sha256:{each.key_id}"


def _planned(done: Done, plan: Plan) -> Json:
    copied = done.copied
    names = _names(plan)
    return {
        "manifests": [
            {
                "digest": str(digest),
                "mediaType": plan.graph.manifests[digest].media_type,
                "what": names.get(digest, "referrer"),
                "action": "present" if digest in plan.present else "copy",
            }
            for digest in plan.manifests
        ],
        "tags": [_tag(each) for each in (plan.image, *plan.companions) if each.tag],
        "lists": list(copied.listed) if copied is not None else [],
        "blobs": {
            "copied": len(copied.copied) if copied is not None else 0,
            "mounted": len(copied.mounted) if copied is not None else 0,
            "present": len(plan.blobs_present),
            "missing": len(plan.blobs) - len(plan.blobs_present) if copied is None else 0,
            "bytes": sum(each.size for each in copied.copied) if copied is not None else plan.size,
        },
        "leftBehind": [
            {"origin": each.origin, "code": each.error.code, "message": each.error.message}
            for each in plan.left_behind
        ],
    }


def _names(plan: Plan) -> dict[Digest, str]:
    """What each manifest is within the image; referrers have no name."""
    names: dict[Digest, str] = {plan.graph.root: "image"}
    for manifest in plan.graph.manifests.values():
        for entry in manifest.entries:
            names.setdefault(entry.digest, f"platform {entry.platform}".rstrip())
    for around in plan.graph.around.values():
        for suffix, companion in around.companions.items():
            names.setdefault(companion, suffix)
    return names


def _tag(tagged: Tagged) -> Json:
    return {"tag": tagged.tag, "manifest": str(tagged.manifest), "action": tagged.action}


def _verdict(place: str, verdict: Verdict) -> Json:
    signatures = verdict.signatures if isinstance(verdict, Accepted) else ()
    return {
        "place": place,
        "verdict": verdict.word,
        "verified": isinstance(verdict, Accepted) and verdict.verified,
        "digest": None if verdict.digest is None else str(verdict.digest),
        "reasons": [reason(each) for each in verdict.reasons],
        "signatures": [signature(each) for each in signatures],
    }
