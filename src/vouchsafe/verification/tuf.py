"""TUF metadata, re-authenticated offline: is this file the one that the repository's key holders signed?

A refresh (`adapters.tuf`) leaves a Delivery in a cache. Whoever reads it later must not have to trust the
cache: from the embedded root the signatures lead to the target again (TUF specification §5.3 to §5.7).
Expiry is not judged here, because a refused pull is what a blocked refresh would be made for; rollback
is, by whoever compares two deliveries. The library `tuf` would cost 109 ms of a pull; this costs about two.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from vouchsafe.errors import MalformedError, VerificationError
from vouchsafe.evidence import pem
from vouchsafe.record import Record
from vouchsafe.strictjson import Fields, parse
from vouchsafe.verification import keys
from vouchsafe.verification.trust import parse_time

TARGET = "trusted_root.json"  # the only target that is ever asked for (GHSA-fcv2-xgw5-pqxf)
LARGEST_METADATA = 1024 * 1024  # bytes of one role; Sigstore's largest has 6 000
LARGEST_DELIVERY = 4 * 1024 * 1024  # bytes
MOST_ROOTS = 64  # rotations between the bootstrap root and the newest: 30 years of Sigstore's
MOST_SIGNATURES = 64
_FORMAT = "vouchsafe-tuf-1"
_ED25519 = bytes.fromhex("302a300506032b6570032100")  # SubjectPublicKeyInfo before the 32 bytes (RFC 8410 §4)
_SCHEMES = frozenset(("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ed25519"))
_HASHES = ("sha256", "sha512")


class Delivery(Record):
    """One refresh: the roots after the bootstrap root, oldest first, each role's signed bytes, the target.

    `url` and `fetched` are the fetcher's word; everything else is signed.
    """

    url: str
    fetched: datetime
    roots: tuple[bytes, ...]
    timestamp: bytes
    snapshot: bytes
    targets: bytes
    target: bytes

    def to_json(self) -> bytes:
        """For a cache."""
        import json

        roles = {
            name: getattr(self, name).decode() for name in ("timestamp", "snapshot", "targets", "target")
        }
        head = {"format": _FORMAT, "url": self.url, "fetched": self.fetched.strftime("%Y-%m-%dT%H:%M:%SZ")}
        return json.dumps(head | {"roots": [root.decode() for root in self.roots]} | roles, indent=1).encode()

    @classmethod
    def read(cls, blob: bytes) -> Delivery:
        """From a cache; MalformedError."""
        fields = Fields.parse(blob, what="delivery", largest=LARGEST_DELIVERY)
        if fields.text("format") != _FORMAT:
            raise MalformedError("tuf-delivery", f"expected format {_FORMAT}, got {fields.text('format')!r}")
        roots = fields.items("roots", MOST_ROOTS)
        return cls(
            url=fields.text("url"),
            fetched=parse_time(fields.text("fetched"), "delivery.fetched"),
            roots=tuple(Fields({"root": root}, "delivery.roots").text("root").encode() for root in roots),
            timestamp=fields.text("timestamp").encode(),
            snapshot=fields.text("snapshot").encode(),
            targets=fields.text("targets").encode(),
            target=fields.text("target").encode(),
        )


class Authenticated(Record):
    """What the signatures say of a delivery: versions, to compare, and until when each part counts as fresh.

    `fresh_until` is the earliest of all; a timestamp is signed anew every few days, so that its own end
    says when it was made.
    """

    root_version: int
    timestamp_version: int
    targets_version: int
    timestamp_expires: datetime
    fresh_until: datetime


class Refreshed(Record):
    """What asking a repository brought, and where it is kept; `before` is what was there, None for nothing."""

    delivery: Delivery
    signed: Authenticated
    place: str
    before: Delivery | None


class Role(Record):
    """One signed document. `signed` is its content, `covered` the bytes that signatures cover."""

    name: str
    signed: Fields
    covered: bytes
    signatures: Mapping[str, bytes]

    @property
    def version(self) -> int:
        """Counts up."""
        return self.signed.integer("version")

    @property
    def expires(self) -> datetime:
        """When it must have been replaced."""
        return parse_time(self.signed.text("expires"), self.signed.what)


def authenticate(bootstrap: bytes, delivery: Delivery) -> Authenticated:
    """Follow the signatures from `bootstrap` to the target; VerificationError or MalformedError."""
    root = newest_root(bootstrap, delivery.roots)
    timestamp = _role(delivery.timestamp, "timestamp", root)
    snapshot = _role(delivery.snapshot, "snapshot", root)
    _check_listed(timestamp, "snapshot.json", snapshot, delivery.snapshot)
    targets = _role(delivery.targets, "targets", root)
    _check_listed(snapshot, "targets.json", targets, delivery.targets)
    known = targets.signed.fields("targets")
    if TARGET not in known:
        raise VerificationError("tuf-target", f"expected {TARGET} among the targets, got none")
    listed = known.fields(TARGET)
    if "length" not in listed or "hashes" not in listed:
        raise VerificationError(
            "tuf-target", f"expected length and hash of {TARGET}, got one of them or none"
        )
    _check_content(listed, delivery.target, TARGET)
    return Authenticated(
        root_version=root.version,
        timestamp_version=timestamp.version,
        targets_version=targets.version,
        timestamp_expires=timestamp.expires,
        fresh_until=min(each.expires for each in (root, timestamp, snapshot, targets)),
    )


def newest_root(bootstrap: bytes, following: tuple[bytes, ...] = ()) -> Role:
    """The last of a chain of roots, each signed by the one before and by itself (§5.3)."""
    root = _read(bootstrap, "root")
    _check_signatures(root, root)
    for blob in following:
        successor = _read(blob, "root")
        if successor.version != root.version + 1:
            raise VerificationError(
                "tuf-version", f"expected root {root.version + 1} to follow, got {successor.version}"
            )
        _check_signatures(successor, root)
        _check_signatures(successor, successor)
        root = successor
    return root


def canonical(value: Any) -> bytes:
    """OLPC canonical JSON, which TUF signatures cover: sorted keys, no spaces, two escapes, no fractions."""
    return _canonical(value).encode()


def _canonical(value: Any) -> str:
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, dict):
        return "{" + ",".join(f"{_canonical(key)}:{_canonical(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_canonical(item) for item in value) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    raise MalformedError("tuf-metadata", f"expected whole numbers in TUF metadata, got {value!r}")


def _read(blob: bytes, name: str) -> Role:
    what = f"{name}.json"
    fields = Fields(parse(blob, what=what, largest=LARGEST_METADATA), what)
    signed = fields.fields("signed")
    if signed.text("_type") != name:
        raise MalformedError("tuf-metadata", f"expected the role {name}, got {signed.text('_type')!r}")
    signatures: dict[str, bytes] = {}
    for each in fields.objects("signatures", MOST_SIGNATURES):
        if each.text("keyid") in signatures:
            raise MalformedError("tuf-metadata", f"expected one signature of each key in {what}, got two")
        signatures[each.text("keyid")] = _hex(each.text("sig", ""))
    return Role(name=name, signed=signed, covered=canonical(fields.raw("signed")), signatures=signatures)


def _role(blob: bytes, name: str, root: Role) -> Role:
    role = _read(blob, name)
    _check_signatures(role, root)
    return role


def _check_signatures(role: Role, root: Role) -> None:
    """Enough different keys of `root` must have signed; one key under two ids is one key."""
    rule = root.signed.fields("roles").fields(role.name)
    threshold = rule.integer("threshold")
    known = root.signed.fields("keys")
    signers: set[bytes] = set()
    for key_id in rule.items("keyids", MOST_SIGNATURES):
        if (
            not isinstance(key_id, str)
            or key_id not in known
            or not (signature := role.signatures.get(key_id))
        ):
            continue  # tuf-on-ci writes an empty signature where one is still missing
        key = _key(known.fields(key_id))
        if key is not None and _holds(key, signature, role.covered):
            signers.add(key)
    if threshold < 1 or len(signers) < threshold:
        message = f"expected signatures by {max(threshold, 1)} keys of {role.name}.json, got {len(signers)}"
        raise VerificationError("tuf-signature", message)


def _key(fields: Fields) -> bytes | None:
    """DER of a key of a kind that we check, None for any other."""
    if fields.text("scheme") not in _SCHEMES:
        return None
    public = fields.fields("keyval").text("public")
    if fields.text("scheme") == "ed25519":
        return _ED25519 + _hex(public)
    return pem.single(public.encode(), "a TUF key")[1]


def _holds(key: bytes, signature: bytes, covered: bytes) -> bool:
    try:
        keys.verify(keys.load(key), signature, covered, "TUF metadata")
    except VerificationError:
        return False
    return True


def _check_listed(lister: Role, file: str, listed: Role, blob: bytes) -> None:
    entry = lister.signed.fields("meta").fields(file)
    if entry.integer("version") != listed.version:
        raise VerificationError(
            "tuf-version",
            f"expected {file} {entry.integer('version')} by {lister.name}.json, got {listed.version}",
        )
    if "length" in entry or "hashes" in entry:
        _check_content(entry, blob, file)


def _check_content(entry: Fields, blob: bytes, file: str) -> None:
    if "length" in entry and entry.integer("length") != len(blob):
        raise VerificationError(
            "tuf-target", f"expected {entry.integer('length')} bytes of {file}, got {len(blob)}"
        )
    hashes = {name: value for name, value in entry.texts("hashes").items() if name in _HASHES}
    if not hashes and "hashes" in entry:
        raise VerificationError("tuf-target", f"expected a SHA-2 hash of {file}, got none")
    if any(hashlib.new(name, blob).hexdigest() != value for name, value in hashes.items()):
        raise VerificationError("tuf-target", f"expected {file} as it was signed, got other content")


def _hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise MalformedError(
            "tuf-metadata", f"expected hexadecimal in TUF metadata, got {text[:40]!r}"
        ) from error
