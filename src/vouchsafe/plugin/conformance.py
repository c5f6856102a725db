"""The questions of `vouchsafe plugin conform`, as data: what is sent, in which surroundings, and what must come of it.

Each is the request of an image that the plugin accepts, with one thing wrong: a plugin that overlooks that one
thing allows, and is found out. Only what the protocol says is demanded (docs/plugin-protocol.md).
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Callable, Iterator
from typing import Any, Literal

from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference
from vouchsafe.protocol import LARGEST_REQUEST
from vouchsafe.protocol.request import Describe, Request
from vouchsafe.record import Record

# allow, deny; refused: deny or error; same: as the question that is named; described; silent: never exit 0
Outcome = Literal["allow", "deny", "error", "refused", "same", "answered", "described", "silent"]
ID = "conformance-1"
NOBODY = Digest.of(b"the manifest of no image")
NO_IMAGE = Reference.parse("conformance.invalid/no/image:v1")
PLAIN = "plain"
PROMISED_SECONDS = 20.0  # in each request
GRACE_SECONDS = 1.0  # as a host adds it
SECRET = "x-conformance-secret-x"  # a password that nobody has
LATER = 99  # a version of the protocol that nobody speaks
_MORE_THAN_A_PIPE = 256 * 1024  # bytes
_PIECES = '(head -c 20; sleep 0.1; head -c 20; sleep 0.1; cat) | "$1"'
# As a host hands on what it holds in memory: a file without a name. Its content is $2.
_DESCRIPTOR = 'f=$(mktemp) && printf %s "$2" >"$f" && exec 9<"$f" && rm -f "$f" && exec "$1" || exit 70'


class Subjects(Record):
    """Images that the plugin is known to judge, each as it is asked for and by digest; None: nobody named one."""

    accepted: tuple[Reference, Digest] | None = None
    refused: tuple[Reference, Digest] | None = None


class Case(Record):
    """One question. `through`: a shell script that runs the plugin, "$1", in odd surroundings.

    `like` is the question that a `same` answer is compared with; `secret` a file's content, "$2" of the script, of
    which SECRET must not be seen again.
    """

    name: str
    why: str
    sent: bytes
    expect: Outcome
    request: Request
    needs: str = ""
    through: str = ""
    seconds: float = PROMISED_SECONDS + GRACE_SECONDS
    like: str = PLAIN
    secret: str = ""


def cases(subjects: Subjects) -> tuple[Case, ...]:
    """All of them, the plain question first: others are compared with its answer."""
    reference, digest = subjects.accepted or (NO_IMAGE, NOBODY)
    asked = Request(id=ID, reference=reference, digest=digest, seconds=PROMISED_SECONDS)
    return (
        *_answers(asked, subjects),
        *_hints(asked),
        *_surroundings(asked),
        *_credentials(asked),
        *_versions(asked),
        *_malformed(asked),
    )


def _case(
    name: str, why: str, expect: Outcome, request: Request, *, sent: bytes | None = None, **more: Any
) -> Case:
    """A question: the request as it is, unless something else is `sent`."""
    sent = request.document() if sent is None else sent
    return Case(name=name, why=why, sent=sent, expect=expect, request=request, **more)


def _answers(asked: Request, subjects: Subjects) -> Iterator[Case]:
    yield _case(PLAIN, "one response to one request", "answered", asked)
    yield _case(
        "describe", "who it is, and what it can do", "described", asked, sent=Describe(id=ID).document()
    )
    needs = "" if subjects.accepted else "--accepted"
    yield _case("accepted", "an image that it accepts", "allow", asked, needs=needs)
    reference, digest = subjects.refused or (NO_IMAGE, NOBODY)
    refused = asked.replace(reference=reference, digest=digest)
    needs = "" if subjects.refused else "--refused"
    yield _case("refused", "an image that it refuses: judged, and no", "deny", refused, needs=needs)
    other = asked.replace(digest=NOBODY, reference=_by_tag(asked.reference))
    yield _case("other-digest", "the accepted name with a digest that is no image of it", "refused", other)
    again = asked.replace(id="conformance-2")
    yield _case("again", "the same question gets the same decision, under its own id", "same", again)


def _hints(asked: Request) -> Iterator[Case]:
    """Fields that say something about the image, and for which nothing may be allowed."""
    elsewhere = asked.replace(reference=NO_IMAGE)
    why = "the accepted digest by another name: what a policy says of that, here for comparison"
    yield _case("other-name", why, "answered", elsewhere)
    behind = elsewhere.replace(physical=str(asked.reference).removeprefix("docker://"))
    why = "that it comes from where the accepted one is changes nothing: the logical name is judged"
    yield _case("physical-hint", why, "same", behind, like="other-name")
    listed = asked.replace(digest=NOBODY, reference=_by_tag(asked.reference), through=asked.digest)
    why = "an accepted list says nothing of an image that it does not name"
    yield _case("list-hint", why, "refused", listed)


def _credentials(asked: Request) -> Iterator[Case]:
    """What a host holds in memory comes by a descriptor, and stays between it and the registry."""
    host = str(asked.reference).removeprefix("docker://").partition("/")[0]
    login = binascii.b2a_base64(f"conformance:{SECRET}".encode(), newline=False).decode()
    whole = json.dumps({"auths": {f"other.{host}": {"auth": login}}})
    for name, why, content in (
        ("secret-kept", "a password is on neither output", whole),
        ("secret-malformed", "nor is what is wrong in a file of passwords", f'{{"auths": "{SECRET}'),
    ):
        sent = _edited(asked, lambda said: said | {"credentials": {"authFile": "/dev/fd/9"}})
        yield _case(name, why, "answered", asked, sent=sent, through=_DESCRIPTOR, secret=content)


def _surroundings(asked: Request) -> Iterator[Case]:
    sent = asked.document()

    # More than a pipe holds, so that one read is not enough, however late a plugin comes to it.
    padded = sent[:-1] + b" " * _MORE_THAN_A_PIPE + sent[-1:]
    why = "a request that comes in pieces is read to its end"
    yield _case("slow", why, "same", asked, sent=padded, through=_PIECES)
    yield _case("errors-closed", "nobody listens on standard error", "same", asked, through='exec "$1" 2>&-')
    yield _case("output-closed", "nobody can hear an allow", "silent", asked, through='exec "$1" >&-')
    yield _case(
        "output-full", "an allow that could not be written", "silent", asked, through='exec "$1" >/dev/full'
    )
    yield _case("input-closed", "there is no request", "silent", asked, through='exec "$1" <&-')
    short = _edited(asked, lambda said: said | {"timeoutMs": 1})
    yield _case("no-time", "ends soon when it has no time", "answered", asked, sent=short, seconds=10.0)


def _versions(asked: Request) -> Iterator[Case]:
    def case(name: str, why: str, expect: Outcome, edit: Edit) -> Case:
        return _case(name, why, expect, asked, sent=_edited(asked, edit))

    yield case(
        "unknown-fields",
        "fields of later versions are ignored",
        "same",
        lambda said: said | {"x-later": [{}], "image": said["image"] | {"x-later": 1}},
    )
    yield case("version-2", "a version that it does not know", "error", lambda s: s | {"policyPlugin": 2})
    later = json.dumps({"policyPlugin": LATER, "operation": "describe", "id": ID}).encode()
    why = "a host of a later version finds out which ones there are"
    yield _case("describe-later", why, "described", asked, sent=later)
    yield case("version-0", "a version that never was", "error", lambda s: s | {"policyPlugin": 0})
    yield case("version-text", "a version that is no number", "refused", lambda s: s | {"policyPlugin": "1"})
    yield case("version-none", "no version", "refused", lambda s: _without(s, "policyPlugin"))
    yield case("operation", "an operation that nobody knows", "error", lambda s: s | {"operation": "bless"})
    yield case("operation-none", "no operation", "refused", lambda s: _without(s, "operation"))
    yield case(
        "required-capability",
        "a capability that is required and unknown could be a restriction",
        "error",
        lambda said: said | {"requires": ["x-nobody-has-this"]},
    )
    yield case(
        "settings",
        "a setting that is unknown could be a restriction",
        "error",
        lambda said: said | {"config": {"x-nobody-has-this": True}},
    )


def _malformed(asked: Request) -> Iterator[Case]:
    """Everything here is refused, by one well-formed response."""
    plain = asked.document()
    for name, why, blob in (
        ("empty", "nothing at all", b""),
        ("blank", "only white space", b" \n\t\n"),
        ("not-json", "no JSON", b"allow"),
        ("truncated", "the first half of a request", plain[: len(plain) // 2]),
        ("last-byte", "a request without its last byte", plain[:-1]),
        ("array", "a request in a list", b"[" + plain + b"]"),
        ("null", "null", b"null"),
        ("two-documents", "two requests", plain + b"\n" + plain),
        ("trailing", "something after the request", plain + b"}"),
        ("duplicate-key", "two digests", plain.replace(b'"digest":', b'"digest":"sha256:0","digest":', 1)),
        ("not-a-number", "NaN", plain[:-1] + b',"x":NaN}'),
        ("byte-order-mark", "a mark in front", b"\xef\xbb\xbf" + plain),
        ("utf-16", "another encoding", plain.decode().encode("utf-16")),
        ("not-unicode", "bytes that are no UTF-8", plain[:-1] + b',"x":"\xff"}'),
        ("deep", "lists in lists", plain[:-1] + b',"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        ("huge", "more than the protocol allows", plain + b" " * LARGEST_REQUEST),
    ):
        yield _case(name, why, "refused", asked, sent=blob)
    for name, why, edit in _EDITS:
        yield _case(name, why, "refused", asked, sent=_edited(asked, edit))


Edit = Callable[[dict[str, Any]], dict[str, Any]]


def _image(**changes: Any) -> Edit:
    return lambda said: said | {"image": {**said["image"], **changes}}


def _digest(spoil: Callable[[str], str]) -> Edit:
    return lambda said: said | {"image": {**said["image"], "digest": spoil(said["image"]["digest"])}}


def _logical(spoil: Callable[[str], str]) -> Edit:
    return lambda said: said | {"image": {**said["image"], "logical": spoil(said["image"]["logical"])}}


_OTHER = binascii.b2a_base64(b'{"schemaVersion":2}', newline=False).decode()
_EDITS: tuple[tuple[str, str, Edit], ...] = (
    ("image-none", "no image", lambda said: _without(said, "image")),
    ("image-text", "an image that is a word", lambda said: said | {"image": "busybox"}),
    ("digest-none", "no digest", lambda said: said | {"image": _without(said["image"], "digest")}),
    ("digest-number", "a digest that is a number", _image(digest=0)),
    ("digest-capitals", "a digest in capital letters", _digest(str.upper)),
    ("digest-short", "a digest without its end", _digest(lambda text: text[:-1])),
    ("digest-path", "a digest that climbs (CVE-2024-3727)", _digest(lambda _: "sha256:../../../etc/shadow")),
    ("digest-weak", "a hash that proves nothing", _digest(lambda _: "md5:d41d8cd98f00b204e9800998ecf8427e")),
    ("logical-none", "no name", lambda said: said | {"image": _without(said["image"], "logical")}),
    ("logical-empty", "an empty name", _logical(lambda _: "")),
    ("logical-line", "a name of two lines", _logical(lambda text: text + "\nX: y")),
    ("logical-nul", "a name with a NUL", _logical(lambda text: text + "\0")),
    ("logical-path", "a name that climbs", _logical(lambda text: f"{text.partition('/')[0]}/../../x:v1")),
    ("logical-query", "a name with a question", _logical(lambda text: text + "?digest=sha256:0")),
    ("logical-spaces", "a name and another", _logical(lambda text: f"{text} HTTP/1.1")),
    ("physical-line", "a place of two lines", _image(physical="mirror.example/app:v1\r\nHost: x")),
    ("transport", "a transport that nobody knows", _image(transport="carrier-pigeon")),
    ("path-relative", "a path from who knows where", _image(transport="dir", logical="images/app")),
    ("manifest-other", "the bytes of another manifest", _image(manifest=_OTHER)),
    ("manifest-text", "a manifest that is no base64", _image(manifest="{}")),
    (
        "list-other",
        "a list whose bytes are others",
        lambda said: _image(list={"digest": said["image"]["digest"], "manifest": _OTHER})(said),
    ),
    ("credentials", "a relative path", lambda said: said | {"credentials": {"authFile": "auth.json"}}),
    ("time-negative", "less than no time", lambda said: said | {"timeoutMs": -1}),
    ("id-number", "an id that is a number", lambda said: said | {"id": 7}),
    ("id-long", "an id without end", lambda said: said | {"id": "x" * 100_000}),
)


def _edited(asked: Request, edit: Edit) -> bytes:
    return json.dumps(edit(json.loads(asked.document())), separators=(",", ":")).encode()


def _without(said: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in said.items() if name != key}


def _by_tag(reference: Reference) -> Reference:
    """The name with a tag: with a digest it would contradict another one, which is another case."""
    return reference if reference.digest is None else reference.replace(digest=None, tag="latest")
