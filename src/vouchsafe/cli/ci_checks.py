"""What a pipeline's JUnit report shows: one case for each thing that was checked, read from our own documents.

`sign -o json` and `attest -o json` become: who signed, each form of each manifest, each reader; `explain -o json`
becomes: is it signed at all, and each demand of the policy (an identity, an attested SBOM).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from vouchsafe.ci.consumers import READS
from vouchsafe.cli.junit import Case

Json = dict[str, Any]

_SIGNED = "signed"
_UNREADABLE = "not-readable"
_NOT_YET = "no-such-image"  # no harm to a dry run: a merge request may come before its image
_HELD = frozenset(("signed", "already"))


def of_document(
    document: Json, title: str, *, verb: str = _SIGNED, readers: Sequence[str] = ()
) -> tuple[Case, ...]:
    """The cases of a document. `title` begins their class; `verb` is what was done to the image.

    `readers` are consumers to name one by one.
    """
    if "verdicts" in document:
        return tuple(case for verdict in document["verdicts"] for case in _of_verdict(verdict, title))
    suite = title if verb == _SIGNED else f"{title} ({verb})"
    cases = [_signer(document, suite)]
    for image in document["images"]:
        cases += _of_image(image, suite, verb, readers, dry_run=document["dryRun"])
    return tuple(cases)


def of_silence(said: Iterable[str], title: str, *, verb: str = _SIGNED) -> Case:
    """Nothing was printed: what the command said on standard error is the reason."""
    lines = [line.strip() for line in said if line.strip()]
    errors = [line for line in lines if line.startswith("vouchsafe: error: ")]
    last = errors[-1] if errors else (lines[-1] if lines else "it printed nothing")
    message, _, code = last.removeprefix("vouchsafe: error: ").removesuffix("]").rpartition(" [")
    what = (code, message) if message and errors else ("no-document", last)
    return Case(suite=title, name=verb, error=(*what, "\n".join(lines)))


def _signer(document: Json, title: str) -> Case:
    signer = document["signer"]
    who = f"{signer['subject']} (issuer {signer['issuer']})" if "subject" in signer else "a key"
    lines = [f"{'would sign' if document['dryRun'] else 'signed'} as {who}"]
    lines += [f"{name}: {value}" for name, value in signer.get("claims", {}).items()]
    return Case(suite=title, name="identity", output="\n".join(lines))


def _of_image(image: Json, suite: str, verb: str, readers: Sequence[str], *, dry_run: bool) -> Iterator[Case]:
    suite = f"{suite} {image['reference']}"
    for manifest in image["manifests"]:
        for form in manifest["forms"]:
            yield _of_form(suite, manifest, form, f"would be {verb}" if dry_run else verb)
    for reader, seen in _by_reader(image["readBack"]).items():
        yield _of_reader(suite, reader, seen)
    for consumer in readers if image["manifests"] and not dry_run else ():
        yield _of_consumer(suite, consumer, image["manifests"])
    if image["error"] is not None:
        error = image["error"]
        what = (error["code"], error["message"], error["hint"])
        if error["code"] == _UNREADABLE:
            yield Case(suite=suite, name="readable", failure=what)
        elif dry_run and error["code"] == _NOT_YET:
            yield Case(suite=suite, name="image", output=f"there is none yet: {error['message']}")
        else:
            yield Case(suite=suite, name=verb, error=what)


def _of_form(suite: str, manifest: Json, form: Json, verb: str) -> Case:
    what = manifest["platform"] or "the image"
    places = [f"{place['log']} entry {place['index']}" for place in form["log"]]
    lines = (manifest["digest"], form["state"], form["place"], *places)
    return Case(suite=suite, name=f"{what}: {verb} ({form['form']})", output="\n".join(filter(None, lines)))


def _by_reader(seen: Sequence[Json]) -> dict[str, list[Json]]:
    readers: dict[str, list[Json]] = {}
    for each in seen:
        readers.setdefault(each["reader"], []).append(each)
    return readers


def _of_reader(suite: str, reader: str, seen: Sequence[Json]) -> Case:
    """One reader over all manifests: red only where it was required."""
    lines = [f"{each['digest']}: {each['words'] or ('read' if each['ok'] else 'not read')}" for each in seen]
    bad = [each for each in seen if not each["ok"] and each["required"]]
    failure = (_UNREADABLE, bad[0]["words"] or "not read", "\n".join(lines)) if bad else None
    return Case(
        suite=suite, name=f"read by {reader}", failure=failure, output="" if failure else "\n".join(lines)
    )


def _of_consumer(suite: str, consumer: str, manifests: Sequence[Json]) -> Case:
    """Whether each manifest is there in a form that this consumer reads."""
    reads: frozenset[str] = frozenset(next((forms for name, forms in READS.items() if name == consumer), ()))
    lacking = [
        manifest["digest"]
        for manifest in manifests
        if not any(form["form"] in reads and form["state"] in _HELD for form in manifest["forms"])
    ]
    failure = None
    if lacking:
        message = f"expected a form that {consumer} reads ({', '.join(sorted(reads)) or 'none'}), got none"
        failure = (_UNREADABLE, message, "\n".join(lacking))
    return Case(suite=suite, name=f"readable by {consumer}", failure=failure)


def _of_verdict(verdict: Json, title: str) -> Iterator[Case]:
    suite = f"{title} {verdict['reference']}"
    looked = verdict.get("looked", ())
    signed = [each for each in looked if (each["signature"] or {}).get("role") == "signature"]
    if verdict["ok"] or signed:
        lines = [f"digest {verdict['digest']}", *(each["origin"] for each in signed)]
        yield Case(suite=suite, name="signed", output="\n".join(dict.fromkeys(lines)))
    else:
        yield _refused(suite, "signed", verdict)
    for index, rule in enumerate(verdict["rules"]):
        name = f"{index + 1}. {rule}"
        good = [each for each in looked if each["requirement"] == index and each["satisfies"]]
        if verdict["ok"] or good:
            yield Case(suite=suite, name=name, output="\n".join(each["origin"] for each in good))
        else:
            yield _refused(suite, name, verdict, index)


def _refused(suite: str, name: str, verdict: Json, index: int | None = None) -> Case:
    """The nearest reason: of this demand where something was looked at for it, else of the verdict."""
    looked = verdict.get("looked", ())
    own = [reason for each in looked if each["requirement"] == index for reason in each["against"]]
    reasons = [
        *(reason for reason in verdict["reasons"] if not own or reason["code"] in {r["code"] for r in own}),
        *own,
        *verdict["reasons"],
    ]
    if not reasons:
        reasons = [{"code": "not-verified", "message": "accepted only because the policy accepts anything"}]
    details = [f"{reason['code']}: {reason['message']}" for reason in reasons]
    details += [reason["hint"] for reason in reasons if reason.get("hint")][:1]
    what = (reasons[0]["code"], reasons[0]["message"], "\n".join(dict.fromkeys(details)))
    if verdict["verdict"] == "undecided":
        return Case(suite=suite, name=name, error=what)
    return Case(suite=suite, name=name, failure=what)
