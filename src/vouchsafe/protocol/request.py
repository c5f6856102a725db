"""The question: may this image, by this name, with this digest, be used?

What is unknown is ignored, unless it stands in `requires`; what is known is read strictly. The manifest's
bytes, where they are sent, must hash to the digest: a host that sends others has lost its way.

>>> blob = b'{"policyPlugin":1,"operation":"judge","image":{"transport":"docker","logical":"busybox:1",'
>>> blob += b'"digest":"sha256:' + 64 * b"0" + b'"}}'
>>> str(parse(blob).reference)
'docker://docker.io/library/busybox:1'
"""

from __future__ import annotations

import binascii
import json
from typing import Any

from vouchsafe.errors import MalformedError
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference
from vouchsafe.protocol import LARGEST_REQUEST, VERSION
from vouchsafe.record import Record
from vouchsafe.strictjson import Fields

LARGEST_MANIFEST = 4 * 1024 * 1024  # bytes, as containers/image
LONGEST_ID = 128  # characters
LONGEST_TEXT = 4096  # characters of a path or a name
MOST_CAPABILITIES = 64
SECONDS = 60.0  # what a host that says nothing gives
MOST_SECONDS = 3600.0
JUDGE, DESCRIBE = "judge", "describe"
_TRANSPORTS = {"docker": "docker://", "oci": "oci:", "dir": "dir:"}


class Credentials(Record):
    """Where credentials are; never what they are. `tls_verify` None: as this machine's settings say."""

    auth_file: str = ""
    cert_dir: str = ""
    tls_verify: bool | None = None


class Request(Record):
    """One image. `reference` is the name that somebody asked for, which policies speak of (the logical one).

    `digest` is of the manifest that is about to be used, and `manifest` its bytes if they were sent; `through`
    is the list that it was chosen from. `physical` is where the bytes come from, behind mirrors; a hint.
    """

    id: str = ""
    reference: Reference
    digest: Digest
    manifest: bytes | None = None
    through: Digest | None = None
    physical: str = ""
    credentials: Credentials = Credentials()
    seconds: float = SECONDS
    requires: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()

    @property
    def resolved(self) -> Reference:
        """The image by digest, where it is fetched from."""
        return self.reference.with_digest(self.digest)

    def document(self) -> bytes:
        """As a host sends it."""
        transport = self.reference.transport
        image: dict[str, Any] = {
            "transport": transport,
            "logical": str(self.reference).removeprefix(_TRANSPORTS[transport]),
            "digest": str(self.digest),
        }
        if self.physical:
            image["physical"] = self.physical
        if self.manifest is not None:
            image["manifest"] = binascii.b2a_base64(self.manifest, newline=False).decode()
        if self.through is not None:
            image["list"] = {"digest": str(self.through)}
        said = head(self.id, JUDGE) | {"image": image, "timeoutMs": max(1, round(self.seconds * 1000))}
        if self.requires:
            said["requires"] = list(self.requires)
        if credentials := _credentials_json(self.credentials):
            said["credentials"] = credentials
        return json.dumps(said, separators=(",", ":")).encode()


class Describe(Record):
    """The question who a plugin is and what it can do."""

    id: str = ""

    def document(self) -> bytes:
        """As a host sends it."""
        return json.dumps(head(self.id, DESCRIBE), separators=(",", ":")).encode()


def head(identifier: str, operation: str) -> dict[str, Any]:
    """What every request begins with."""
    return {"policyPlugin": VERSION, "operation": operation, "id": identifier}


def identifier(blob: bytes) -> str:
    """The id of a request that may be wrong in any other way; "" where none can be read."""
    try:
        found = Fields.parse(blob, what="request", largest=LARGEST_REQUEST).raw("id")
    except MalformedError:
        return ""
    return found if isinstance(found, str) and len(found) <= LONGEST_ID and found.isprintable() else ""


def parse(blob: bytes) -> Request | Describe:
    """Read a request. MalformedError: `plugin-version` for a version nobody knows, else what is wrong."""
    fields = Fields.parse(blob, what="request", largest=LARGEST_REQUEST)
    version = fields.raw("policyPlugin")
    if type(version) is not int:
        raise MalformedError("json-type", "expected a number in request.policyPlugin, got something else")
    said_id = _text(fields, "id", LONGEST_ID)
    operation = fields.text("operation")
    if operation == DESCRIBE:  # of any version: it is how a host finds out which ones there are
        return Describe(id=said_id)
    if version != VERSION:
        raise MalformedError(
            "plugin-version", f"expected version {VERSION} of the plugin protocol, got {version}"
        )
    if operation != JUDGE:
        raise MalformedError(
            "plugin-operation", f"expected the operation {JUDGE} or {DESCRIBE}, got {operation[:80]!r}"
        )
    return _judge(fields, said_id)


def _judge(fields: Fields, said_id: str) -> Request:
    image = fields.fields("image")
    digest = Digest.parse(image.text("digest"))
    through = image.fields("list") if "list" in image else None
    found = Request(
        id=said_id,
        reference=_reference(image),
        digest=digest,
        manifest=_manifest(image, digest),
        through=None if through is None else Digest.parse(through.text("digest")),
        physical=_physical(image),
        credentials=_credentials(fields),
        seconds=_seconds(fields),
        requires=_names(fields, "requires"),
        settings=tuple(sorted(fields.fields("config").keys())) if "config" in fields else (),
    )
    if through is not None and found.through is not None:
        _manifest(through, found.through)
    fit(found.reference, digest, found.through)
    return found


def fit(reference: Reference, digest: Digest, through: Digest | None) -> None:
    """A name that holds a digest is of this image or of its list; MalformedError `plugin-digest` if not."""
    if reference.digest is not None and reference.digest not in (digest, through):
        raise MalformedError(
            "plugin-digest", f"expected the digest in {reference} or its list's, got {digest}"
        )


def _reference(image: Fields) -> Reference:
    transport = image.text("transport")
    start = _TRANSPORTS.get(transport)
    if start is None:
        raise MalformedError(
            "reference-transport", f"expected one of {', '.join(_TRANSPORTS)}, got {transport[:80]!r}"
        )
    logical = _required(image, "logical")
    if transport != "docker" and not logical.startswith(
        "/"
    ):  # a plugin's working directory is not the host's
        raise MalformedError("plugin-path", f"expected an absolute path in image.logical, got {logical!r}")
    return Reference.parse(start + logical)


def _physical(image: Fields) -> str:
    """Checked by its grammar, so that nobody prints or requests something else."""
    written = _text(image, "physical", LONGEST_TEXT)
    if written and image.text("transport") == "docker":
        Reference.parse(f"docker://{written}")
    return written


def _manifest(image: Fields, digest: Digest) -> bytes | None:
    if "manifest" not in image:
        return None
    raw = image.data("manifest")
    if len(raw) > LARGEST_MANIFEST:
        raise MalformedError(
            "json-too-large", f"expected a manifest of at most {LARGEST_MANIFEST} bytes, got {len(raw)}"
        )
    if not digest.matches(raw):
        got = Digest.of(raw, digest.algorithm)
        raise MalformedError("plugin-digest", f"expected a manifest with the digest {digest}, got {got}")
    return raw


def _credentials(fields: Fields) -> Credentials:
    if "credentials" not in fields:
        return Credentials()
    written = fields.fields("credentials")
    paths = {name: _text(written, name, LONGEST_TEXT) for name in ("authFile", "certDir")}
    for name, path in paths.items():
        if path and not path.startswith("/"):
            raise MalformedError("plugin-credentials", f"expected an absolute path in {name}, got {path!r}")
    verify = written.boolean("tlsVerify") if "tlsVerify" in written else None
    return Credentials(auth_file=paths["authFile"], cert_dir=paths["certDir"], tls_verify=verify)


def _credentials_json(credentials: Credentials) -> dict[str, Any]:
    said = {
        "authFile": credentials.auth_file or None,
        "certDir": credentials.cert_dir or None,
        "tlsVerify": credentials.tls_verify,
    }
    return {name: value for name, value in said.items() if value is not None}


def _seconds(fields: Fields) -> float:
    milliseconds = fields.integer("timeoutMs", int(SECONDS * 1000))
    if not 0 < milliseconds <= MOST_SECONDS * 1000:
        raise MalformedError(
            "plugin-timeout", f"expected a timeoutMs of 1 to {MOST_SECONDS * 1000:.0f}, got {milliseconds}"
        )
    return milliseconds / 1000


def _names(fields: Fields, key: str) -> tuple[str, ...]:
    names = fields.words(key, MOST_CAPABILITIES, ())
    if any(len(each) > LONGEST_ID for each in names):
        raise MalformedError(
            "json-type", f"expected short strings in {fields.what}.{key}, got something else"
        )
    return names


def _required(fields: Fields, key: str) -> str:
    found = fields.text(key)
    return _bounded(found, fields, key, LONGEST_TEXT)


def _text(fields: Fields, key: str, longest: int) -> str:
    return _bounded(fields.text(key, ""), fields, key, longest)


def _bounded(found: str, fields: Fields, key: str, longest: int) -> str:
    if len(found) > longest or not found.isprintable():
        raise MalformedError(
            "plugin-text",
            f"expected at most {longest} printable characters in {fields.what}.{key}, got others",
        )
    return found
