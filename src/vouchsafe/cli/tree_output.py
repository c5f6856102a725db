"""An image's attachments as a tree for people, and as one JSON document by docs/tree.schema.json.

Whatever a registry or a certificate said is escaped, and what was not verified never looks like what was.
"""

from __future__ import annotations

from collections.abc import Iterator

from vouchsafe.cli.amounts import amount, count
from vouchsafe.cli.console import Console
from vouchsafe.cli.json_output import Json, reason, signature
from vouchsafe.cli.render import moment
from vouchsafe.errors import printable
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference
from vouchsafe.transfer.attached import Attached, size_of
from vouchsafe.transfer.graph import Graph
from vouchsafe.verification import Identity

_BRANCH, _LAST = ("├─ ", "│  "), ("└─ ", "   ")

Found = dict[Digest, tuple[Attached, ...]]


def show(reference: Reference, graph: Graph, attached: Found, console: Console) -> None:
    """The tree."""
    printer = _Printer(graph, attached, console)
    console.print(console.style(printable(reference), "bold"))
    for line in printer.node(graph.root, "", ""):
        console.print(line)


def document(reference: Reference, graph: Graph, attached: Found) -> Json:
    """The same as data."""
    written: Json = {
        "reference": str(reference),
        "image": _Document(graph, attached).node(graph.root, ""),
        "troubles": [
            {"origin": each.origin, "code": each.error.code, "message": each.error.message}
            for each in graph.troubles
        ],
    }
    return written


class _Printer:
    """Writes what hangs at a manifest once: registries may point in circles, and at one thing a thousand times."""

    def __init__(self, graph: Graph, attached: Found, console: Console) -> None:
        self._graph = graph
        self._attached = attached
        self._console = console
        self._shown: set[Digest] = set()

    def node(self, digest: Digest, platform: str, indent: str) -> Iterator[str]:
        """A manifest, what is attached to it, and what it lists."""
        above = "  (see above)" if digest in self._shown else ""
        yield f"{self._head(digest, platform)}{above}"
        yield from self.below(digest, indent)

    def below(self, digest: Digest, indent: str) -> Iterator[str]:
        """What hangs at a manifest."""
        if digest in self._shown or digest not in self._graph.manifests:
            return
        self._shown.add(digest)
        hanging: list[Attached | tuple[Digest, str]] = list(self._attached.get(digest, ()))
        hanging += [(entry.digest, entry.platform) for entry in self._graph.children(digest)]
        for number, each in enumerate(hanging, 1):
            joint, further = _LAST if number == len(hanging) else _BRANCH
            if isinstance(each, Attached):
                first, *more = self._lines(each)
                yield f"{indent}{joint}{first}"
                yield from (f"{indent}{further}   {line}" for line in more)
                yield from self.below(each.manifest, f"{indent}{further}")
            else:
                first, *more = self.node(*each, f"{indent}{further}")
                yield f"{indent}{joint}{first}"
                yield from more

    def _head(self, digest: Digest, platform: str) -> str:
        name = f"{self._console.style(printable(platform), 'bold')}  " if platform else ""
        manifest = self._graph.manifests.get(digest)
        if manifest is None:
            return f"{name}{digest}  {self._console.style('missing', 'bad')}"
        if manifest.is_index:
            return f"{name}{digest}  an index of {count(len(manifest.entries), 'manifest')}"
        held = count(len(manifest.layers), "layer")
        return f"{name}{digest}  {amount(size_of(manifest))} in {held}"

    def _lines(self, each: Attached) -> Iterator[str]:
        where = self._console.style(f"({_where(each)})", "dim")
        what = f"{each.kind} {printable(each.type)}".rstrip()
        if each.kind == "artifact" and each.signature is None and each.against is None:
            yield f"{what}  {self._console.style('unsigned', 'warn')}  {amount(each.size)}  {where}"
            return
        if each.signature is None:
            yield f"{what}  {self._console.style('unverified claim', 'warn')}  {where}"
            if each.claimed is not None:
                yield f"claims to be by {printable(each.claimed.subject)}, {printable(each.claimed.issuer)}"
            if each.against is not None:
                yield f"because {printable(each.against.message)} [{each.against.code}]"
            return
        made = each.signature
        times = "".join(f", {moment(time.time)}" for time in made.times[:1])
        yield f"{what}  {self._console.style('verified', 'good')}{times}  {where}"
        if made.identity is not None:
            yield f"by {printable(made.identity.subject)}, {printable(made.identity.issuer)}"
        else:
            yield f"by the key sha256:{made.key_id}"


def _where(each: Attached) -> str:
    return f"{each.place} {str(each.manifest)[:19]}…" if each.place == "referrer" else each.place


class _Document:
    """The same in data: a manifest that was described already has only its digest."""

    def __init__(self, graph: Graph, attached: Found) -> None:
        self._graph = graph
        self._found = attached
        self._shown: set[Digest] = set()

    def node(self, digest: Digest, platform: str) -> Json:
        manifest = self._graph.manifests.get(digest)
        made: Json = {"digest": str(digest), "there": manifest is not None}
        if platform:
            made["platform"] = platform
        if manifest is None or digest in self._shown:
            return made
        made["mediaType"] = manifest.media_type
        made["size"] = size_of(manifest)
        made["attached"] = self._attached(digest)
        if manifest.is_index:
            made["manifests"] = [self.node(entry.digest, entry.platform) for entry in manifest.entries]
        return made

    def _attached(self, digest: Digest) -> list[Json]:
        if digest in self._shown:
            return []
        self._shown.add(digest)
        return [_attached(each, self._attached(each.manifest)) for each in self._found.get(digest, ())]


def _attached(each: Attached, inner: list[Json]) -> Json:
    claimed = each.claimed if each.signature is None else None
    return {
        "kind": each.kind,
        "place": each.place,
        "manifest": str(each.manifest),
        "type": each.type,
        "size": each.size,
        "verified": each.signature is not None,
        "signature": None if each.signature is None else signature(each.signature),
        "claimed": None if claimed is None else _identity(claimed),
        "against": None if each.against is None else reason(each.against),
        "attached": inner,
    }


def _identity(identity: Identity) -> Json:
    return {
        "issuer": identity.issuer,
        "subject": identity.subject,
        "subjectKind": identity.subject_kind,
    }
