"""What a signing run did, as text, as JSON (docs/sign.schema.json), and as files for later jobs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vouchsafe.ci.done import DocumentDone, FormDone, ImageDone, ManifestDone
from vouchsafe.ci.witness import Who
from vouchsafe.cli.amounts import amount
from vouchsafe.cli.console import Console
from vouchsafe.cli.render import line
from vouchsafe.errors import printable

Json = dict[str, object]


def text(done: ImageDone, console: Console, who: Who) -> str:
    """One image, the answer first."""
    word = _word(done)
    style = {"signed": "good", "signed already": "good", "would sign": "warn"}.get(word, "bad")
    head = f"{console.style(word, style)}  {console.style(printable(str(done.reference)), 'bold')}"
    return "\n".join((head, *(line(label, value) for label, value in _body(done, who))))


def digests(done: Sequence[ImageDone]) -> str:
    """The digest of each image, a line each."""
    return "".join(f"{each.digest}\n" for each in done)


def dotenv(done: Sequence[ImageDone]) -> str:
    """Variables for later jobs. The first image's have the plain names, the second's end in _2."""
    lines: list[str] = []
    for number, each in enumerate(done, 1):
        end = "" if number == 1 else f"_{number}"
        values = {"DIGEST": str(each.digest), "IMAGE": f"{each.reference.repository}@{each.digest}"}
        if each.log_indexes:
            values["REKOR_LOG_INDEX"] = str(each.log_indexes[-1])
        lines += [f"{name}{end}={value}\n" for name, value in values.items()]
    return "".join(lines)


def document(done: Sequence[ImageDone], who: Who, *, dry_run: bool) -> Json:
    """The JSON document."""
    return {
        "dryRun": dry_run,
        "signer": _signer(who),
        "images": [_image(each) for each in done],
    }


def _word(done: ImageDone) -> str:
    states = {form.state for manifest in done.manifests for form in manifest.forms}
    if done.error is not None:
        return "not signed"
    if done.is_unreadable:
        return "signed, not readable"
    if "would sign" in states:
        return "would sign"
    return "signed" if "signed" in states else "signed already"


def _body(done: ImageDone, who: Who) -> Iterator[tuple[str, str]]:
    if done.digest is not None:
        yield "digest", str(done.digest)
    if who.identity is not None:
        yield "as", f"{who.identity.subject} (issuer {who.identity.issuer})"
    for manifest in reversed(done.manifests):
        yield from _of_manifest(manifest)
    readers = dict.fromkeys(each.reader for each in done.seen if each.ok)
    if readers:
        yield "read by", ", ".join(readers)
    for each in done.seen:
        if not each.ok:
            yield ("not read" if each.required else "note"), f"by {each.reader}: {each.words} ({each.digest})"


def _of_manifest(manifest: ManifestDone) -> Iterator[tuple[str, str]]:
    if manifest.platform:
        what = ", ".join(f"{form.name} {_form(form)}" for form in manifest.forms)
        yield "platform", f"{manifest.platform} {manifest.digest}: {what}"
    else:
        for form in manifest.forms:
            yield form.name, _form(form) + (f" at {form.place}" if form.place else "")
    if manifest.document is not None:
        yield "refers to", _document(manifest.document)


def _document(kept: DocumentDone) -> str:
    place = f" at {kept.place}" if kept.place else ""
    return f"{kept.media_type}, {amount(kept.size)}, {kept.digest}{place}"


def _form(form: FormDone) -> str:
    places = ", ".join(f"{place.log} entry {place.index}" for place in form.logged)
    return f"{form.state} ({places})" if places else form.state


def _signer(who: Who) -> Json:
    if who.identity is None:
        return {"publicKey": who.key.decode("ascii")}
    return {
        "issuer": who.identity.issuer,
        "subject": who.identity.subject,
        "subjectKind": who.identity.subject_kind,
        "claims": dict(who.identity.claims),
    }


def _image(done: ImageDone) -> Json:
    error = done.error
    return {
        "reference": str(done.reference),
        "digest": None if done.digest is None else str(done.digest),
        "ok": error is None and not done.is_unreadable,
        "manifests": [_manifest(each) for each in done.manifests],
        "readBack": [
            {
                "reader": each.reader,
                "digest": str(each.digest),
                "ok": each.ok,
                "required": each.required,
                "words": each.words,
            }
            for each in done.seen
        ],
        "error": None
        if error is None
        else {"code": error.code, "message": error.message, "hint": error.hint},
    }


def _manifest(done: ManifestDone) -> Json:
    made: Json = {
        "digest": str(done.digest),
        "platform": done.platform,
        "forms": [
            {
                "form": form.form,
                "state": form.state,
                "place": form.place,
                "log": [{"log": place.log, "index": place.index} for place in form.logged],
            }
            for form in done.forms
        ],
    }
    if done.document is not None:
        made["document"] = {
            "digest": str(done.document.digest),
            "mediaType": done.document.media_type,
            "size": done.document.size,
            "place": done.document.place,
        }
    return made
