"""Finds signers for `identity explain`: in a file, on standard input, or beside an image. Verifies what can be."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime

from vouchsafe import wiring
from vouchsafe.admission import discovery
from vouchsafe.admission.discovery import LARGEST_BLOB, Trouble, candidates
from vouchsafe.cli.usage import UsageError
from vouchsafe.errors import MalformedError, VouchsafeError
from vouchsafe.evidence import Evidence, MessageSignature, parse, pem, saved
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference, absent
from vouchsafe.policy.verdict import Reason
from vouchsafe.record import Record
from vouchsafe.verification import Identity, VerifiedSignature, verify
from vouchsafe.verification.bare_certificate import Issued, look
from vouchsafe.verification.trust import TrustRoot

MOST_SIGNERS = 256  # cryptographic verifications for one explanation
_SEQUENCE = b"\x30"  # how every certificate in DER begins
_GIVE = "Give a certificate (PEM or DER), a Sigstore bundle, or what `cosign download signature` printed."
_SUFFIXES = (".pem", ".crt", ".cer", ".der", ".json", ".jsonl", ".sigstore", ".bundle")
_NOT_A_FILE = ("docker://", "oci:", "dir:")


class Found(Record):
    """One piece of evidence. `signature` is there when it was verified, `against` says why it was not.

    `certificate` is None for keys, and for certificates that name nobody.
    """

    origin: str
    certificate: Issued | None = None
    signature: VerifiedSignature | None = None
    against: Reason | None = None

    @property
    def identity(self) -> Identity | None:
        """Whom it names."""
        return self.certificate.identity if self.certificate else None


class Gathered(Record):
    """Everything found, and what could not be read. `image` is the digest that was asked about, if one was."""

    found: tuple[Found, ...]
    troubles: tuple[Reason, ...] = ()
    image: Digest | None = None


def is_file(thing: str) -> bool:
    """Whether a word means a file: it is there, or it is standard input.

    UsageError for one that looks like a file and is none: a mistyped name must not be asked of a registry.
    """
    if thing == "-" or thing.startswith(_NOT_A_FILE):
        return thing == "-"
    if os.path.isfile(thing):
        return True
    if thing.startswith((".", "/", "~")) or thing.endswith(_SUFFIXES):
        raise UsageError(f"expected a file at {thing}, got nothing")
    return False


def of_file(thing: str, root: TrustRoot, at: datetime) -> Gathered:
    """Whoever a file names. UsageError when it is of no kind that names anybody."""
    blob = _content(thing)
    origin = "standard input" if thing == "-" else thing
    if not blob.lstrip().startswith(b"{"):
        return Gathered(found=(_bare(blob, origin, root),))
    try:
        evidence = saved.read(blob, origin)
    except MalformedError as error:
        raise UsageError(f"{error.message} ({origin})", hint=_GIVE) from error
    return Gathered(found=tuple(_of_evidence(each, root, at) for each in evidence[:MOST_SIGNERS]))


def of_image(reference: Reference, host: wiring.Host, root: TrustRoot) -> Gathered:
    """Everybody who signed or attested an image. Unavailable when there is no such image."""
    at = host.clock.now()
    found: list[Found] = []
    troubles: list[Reason] = []
    with wiring.Sources(host) as sources:
        registry = sources.for_one()
        manifest = registry.manifest(reference, reference.digest)
        if manifest is None:
            raise absent(reference)
        listed = candidates(registry, reference, manifest.digest, attestations=True, likely=lambda _: True)
        for each in _read(listed, troubles):
            if len(found) == MOST_SIGNERS:
                message = f"expected at most {MOST_SIGNERS} signatures, got more: the rest was not looked at"
                troubles.append(Reason(code="limit-reached", message=message))
                break
            found.append(_of_evidence(each, root, at, manifest.digest))
    return Gathered(found=tuple(found), troubles=tuple(troubles), image=manifest.digest)


def _content(thing: str) -> bytes:
    if thing != "-":
        return wiring.read_file(os.path.abspath(thing), largest=LARGEST_BLOB)
    blob = sys.stdin.buffer.read(LARGEST_BLOB + 1)
    if len(blob) > LARGEST_BLOB:
        raise UsageError(f"expected at most {LARGEST_BLOB} bytes on standard input, got more")
    return blob


def _bare(blob: bytes, origin: str, root: TrustRoot) -> Found:
    if b"-----BEGIN" not in blob and not blob.startswith(_SEQUENCE):
        raise UsageError(f"expected a certificate, got something else ({origin})", hint=_GIVE)
    try:
        chain = pem.certificates(blob, origin) if b"-----BEGIN" in blob else (blob,)
        issued = look(chain[0], chain[1:], root)
    except VouchsafeError as error:
        hint = "Fulcio's certificates name an issuer and a subject; other kinds cannot be explained."
        raise UsageError(f"{error.message} ({origin})", hint=hint) from error
    return Found(origin=origin, certificate=issued)


def _read(listed: Iterable[discovery.Found], troubles: list[Reason]) -> Iterator[Evidence]:
    for each in listed:
        if isinstance(each, Trouble):
            troubles.append(Reason.of(each.error, about=each.origin))
            continue
        try:
            yield parse(each.read(), each.annotations, each.media_type, origin=each.origin)
        except VouchsafeError as error:
            troubles.append(Reason.of(error, about=each.origin))


def _of_evidence(evidence: Evidence, root: TrustRoot, at: datetime, image: Digest | None = None) -> Found:
    content = evidence.content
    artifact = content.digest if isinstance(content, MessageSignature) else None
    signature: VerifiedSignature | None = None
    against: Reason | None = None
    try:
        signature = verify(evidence, root, at=at, artifact=artifact)
        if image is not None and image not in signature.digests:
            got = ", ".join(sorted(map(str, signature.digests)))
            against = Reason(
                code="other-digest", message=f"expected a signature of {image}, got one of {got}"
            )
            signature = None
    except VouchsafeError as error:
        against = Reason.of(error)
    return Found(
        origin=evidence.origin, certificate=_issued(evidence, root), signature=signature, against=against
    )


def _issued(evidence: Evidence, root: TrustRoot) -> Issued | None:
    if evidence.certificate is None:
        return None
    try:
        return look(evidence.certificate, evidence.chain, root)
    except VouchsafeError:
        return None
