"""TrustRoot: whose signatures, logs and clocks are believed, each with its validity window. Plain data.

Read from a Sigstore trusted_root.json (protobuf-specs sigstore_trustroot.proto, v0.1 and v0.2) or from
PEM files as containers/image uses them. Windows are inclusive at both ends (the proto says so), and
they are enforced, also for certificate authorities and logs, where other clients forget it.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import Literal

from vouchsafe.errors import MalformedError
from vouchsafe.evidence import pem
from vouchsafe.record import Record
from vouchsafe.strictjson import Fields

MOST_AUTHORITIES = 64
_MEDIA_TYPES = (
    "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    "application/vnd.dev.sigstore.trustedroot.v0.1+json",
    "application/vnd.dev.sigstore.trustedroot.v0.2+json",
)
_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


class Window(Record):
    """When something is believed; None is open. Both ends belong to it."""

    start: datetime | None = None
    end: datetime | None = None

    def __contains__(self, at: datetime) -> bool:
        """Whether `at` lies inside."""
        return (self.start is None or self.start <= at) and (self.end is None or at <= self.end)

    def __str__(self) -> str:
        """For people."""
        return f"{_day(self.start)} to {_day(self.end)}"


class CertificateAuthority(Record):
    """DER certificates, the one that issues leaves first, the anchor last.

    `open_path`: other intermediates, which came with the evidence, may stand between leaf and anchor
    (PEM files name only anchors); a trusted_root.json names every certificate, and is closed.
    """

    chain: tuple[bytes, ...]
    window: Window
    uri: str = ""
    open_path: bool = False


class Log(Record):
    """A transparency or CT log: its key (DER SubjectPublicKeyInfo), key id, and host where known.

    `checkpoint_key_id` where checkpoints name the key otherwise than entries do.
    """

    key_id: bytes
    key: bytes
    window: Window
    host: str = ""
    checkpoint_key_id: bytes = b""


class PublicKey(Record):
    """A managed key: DER SubjectPublicKeyInfo."""

    key: bytes
    window: Window = Window()


class TrustRoot(Record):
    """All that is believed. `expires`: when the root itself must have been refreshed, if it says so."""

    authorities: tuple[CertificateAuthority, ...] = ()
    logs: tuple[Log, ...] = ()
    ct_logs: tuple[Log, ...] = ()
    timestamp_authorities: tuple[CertificateAuthority, ...] = ()
    keys: tuple[PublicKey, ...] = ()
    expires: datetime | None = None
    source: str = ""

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all that is believed, wherever it came from: the key of every cache."""
        return hashlib.sha256(repr(self.replace(source="")).encode()).hexdigest()


class LoadedRoot(Record):
    """A trust root and where it came from. `as_of`: when it was current; None where nobody says.

    `sha256` is of the file. `fresh_until` is when its signed metadata ends, `passed_over` says which caches
    were not used and why.
    """

    root: TrustRoot
    source: Literal["embedded", "tuf", "file"]
    place: str
    sha256: str
    as_of: datetime | None = None
    fresh_until: datetime | None = None
    url: str = ""
    passed_over: tuple[str, ...] = ()


def parse_time(text: str, what: str) -> datetime:
    """An RFC 3339 time; fractions beyond microseconds are dropped."""
    match = _RFC3339.fullmatch(text)
    if match:
        fraction = (match[3] or ".0")[:7]
        zone = "+00:00" if match[4] in "Zz" else match[4]
        try:
            return datetime.fromisoformat(f"{match[1]}T{match[2]}{fraction}{zone}").astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise MalformedError("time", f"expected an RFC 3339 time in {what}, got {text!r}")


def parse_trusted_root(blob: bytes, *, source: str = "", expires: datetime | None = None) -> TrustRoot:
    """Read a trusted_root.json; MalformedError when it is none or names nobody to believe."""
    fields = Fields.parse(blob, what="trusted root")
    media_type = fields.text("mediaType", "")
    if media_type not in _MEDIA_TYPES:
        raise MalformedError(
            "trusted-root", f"expected a Sigstore trusted root, got mediaType {media_type!r}"
        )
    root = TrustRoot(
        authorities=_authorities(fields, "certificateAuthorities"),
        logs=_logs(fields, "tlogs"),
        ct_logs=_logs(fields, "ctlogs"),
        timestamp_authorities=_authorities(fields, "timestampAuthorities"),
        expires=expires,
        source=source,
    )
    if not (root.authorities or root.logs or root.timestamp_authorities):
        raise MalformedError("trusted-root", "expected somebody to believe in the trusted root, got nobody")
    return root


def from_pem(
    *,
    authorities: tuple[bytes, ...] = (),
    log_keys: tuple[bytes, ...] = (),
    keys: tuple[bytes, ...] = (),
    source: str = "",
) -> TrustRoot:
    """A root from PEM files: `caPath` (every certificate in it an anchor), `rekorPublicKeyPath`, `keyPath`.

    There is no CT log in it, so that the SCT is not checked, as in containers/image.
    """
    anchors = [der for text in authorities for der in pem.certificates(text, "the CA file")]
    return TrustRoot(
        authorities=tuple(
            CertificateAuthority(chain=(der,), window=Window(), open_path=True) for der in anchors
        ),
        logs=tuple(_pem_log(text) for text in log_keys),
        keys=tuple(PublicKey(key=public_key_der(text, "the public key file")) for text in keys),
        source=source,
    )


def public_key_der(text: bytes, what: str) -> bytes:
    """DER of the first PEM block, which must be a public key (containers/image reads only the first)."""
    label, der = pem.blocks(text, what)[0]
    if label != "PUBLIC KEY":
        raise MalformedError("pem", f"expected a PUBLIC KEY in {what}, got {label}")
    return der


def _pem_log(text: bytes) -> Log:
    der = public_key_der(text, "the Rekor public key file")
    return Log(key_id=hashlib.sha256(der).digest(), key=der, window=Window())


def _window(fields: Fields) -> Window:
    """The start must be there (protobuf-specs TimeRange): what is missing is not what is unbounded."""
    valid = fields.fields("validFor")
    return Window(
        start=parse_time(valid.text("start"), f"{valid.what}.start"),
        end=parse_time(valid.text("end"), f"{valid.what}.end") if "end" in valid else None,
    )


def _authorities(fields: Fields, key: str) -> tuple[CertificateAuthority, ...]:
    made = []
    for authority in fields.objects(key, MOST_AUTHORITIES, ()):
        chain = authority.fields("certChain").objects("certificates", MOST_AUTHORITIES)
        if not chain:
            raise MalformedError("trusted-root", f"expected certificates in {authority.what}, got none")
        made.append(
            CertificateAuthority(
                chain=tuple(certificate.data("rawBytes") for certificate in chain),
                window=_window(authority),
                uri=authority.text("uri", ""),
            )
        )
    return tuple(made)


def _logs(fields: Fields, key: str) -> tuple[Log, ...]:
    made = []
    for log in fields.objects(key, MOST_AUTHORITIES, ()):
        public = log.fields("publicKey")
        url = log.text("baseUrl", "")
        key_der = public.data("rawBytes")
        key_id = log.fields("logId").data("keyId") if "logId" in log else hashlib.sha256(key_der).digest()
        of_notes = log.fields("checkpointKeyId").data("keyId") if "checkpointKeyId" in log else b""
        host = url.partition("://")[2].partition("/")[0].lower()
        made.append(
            Log(key_id=key_id, key=key_der, window=_window(public), host=host, checkpoint_key_id=of_notes)
        )
    return tuple(made)


def _day(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d") if moment else "open"
