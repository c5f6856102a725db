"""What a requirement names, read: keys, CAs and trust roots become something that judges evidence.

A file that cannot be read makes its requirement impossible to meet, and says so; it never shrinks the
demand (containers/image: one missing file in `keyPaths` rejects, even if another key would match).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from vouchsafe.errors import ConfigurationError, MalformedError, VerificationError
from vouchsafe.evidence import pem
from vouchsafe.evidence.types import Evidence, OpenPGP
from vouchsafe.policy.requirement import (
    PKI,
    Requirement,
    SignedBy,
    Signer,
    SigstoreAttested,
    SigstoreSigned,
    Source,
)
from vouchsafe.ports import Files, TrustSource
from vouchsafe.ports import OpenPGP as OpenPGPProgram
from vouchsafe.record import Record
from vouchsafe.verification import VerifiedSignature, verify
from vouchsafe.verification.claim import SIGN_PREDICATE
from vouchsafe.verification.trust import TrustRoot, from_pem, parse_trusted_root

LARGEST_FILE = 4 * 1024 * 1024  # bytes of one key, CA or trust root file

Check = Callable[[Evidence, datetime], VerifiedSignature]


class Judge(Record):
    """One requirement, ready to judge. `wants` are byte strings one of which an acceptable leaf must contain.

    `root` is set where a TrustRoot decides, so that two requirements with the same root verify once.
    """

    requirement: Requirement
    check: Check
    wants: tuple[bytes, ...] = ()
    keyless: bool = False
    root: TrustRoot | None = None

    @property
    def predicate_type(self) -> str:
        """What kind of statement could meet it."""
        wanted = self.requirement
        return wanted.predicate_type if isinstance(wanted, SigstoreAttested) else SIGN_PREDICATE


class World(Record):
    """Where material is read from."""

    files: Files
    trust: TrustSource
    openpgp: OpenPGPProgram


def prepare(requirement: Requirement, world: World) -> Judge | None:
    """The judge of a requirement; None for those that look at no signature. ConfigurationError."""
    try:
        return _prepare(requirement, world)
    except MalformedError as error:  # the operator's own file, not somebody's evidence
        message = f"{error.message}{_where(requirement)}"
        raise ConfigurationError(error.code, message, hint=error.hint) from error


def _where(requirement: Requirement) -> str:
    """The files that may be meant."""
    from vouchsafe.policy.lint_requirement import PUBLIC_GOOD_ROOT, named_in  # late: only what fails needs it

    names = dict.fromkeys(name for _, name in named_in(requirement) if name != PUBLIC_GOOD_ROOT)
    return f" ({', '.join(names)})" if names else ""


def _prepare(requirement: Requirement, world: World) -> Judge | None:
    match requirement:
        case SignedBy():
            return _openpgp_judge(requirement, world)
        case SigstoreSigned(signer=signer) | SigstoreAttested(signer=signer):
            if signer.pki is not None:
                return _pki_judge(requirement, signer.pki, world)
            return _root_judge(requirement, signer, world)
        case _:
            return None


def _root_judge(requirement: Requirement, signer: Signer, world: World) -> Judge:
    root = root_of(signer, world)

    def check(evidence: Evidence, at: datetime) -> VerifiedSignature:
        return verify(evidence, root, at=at)

    wants: list[bytes] = []
    if signer.fulcio is not None:
        for pattern in signer.fulcio.identities:
            exact = pattern.subject or pattern.subject_uri or pattern.subject_email
            wants.append((exact or pattern.issuer).encode())
    return Judge(
        requirement=requirement, check=check, wants=tuple(wants), keyless=signer.fulcio is not None, root=root
    )


def root_of(signer: Signer, world: World) -> TrustRoot:
    """Whom a requirement believes. ConfigurationError, MalformedError."""
    rekor = _read(signer.rekor, world.files) if signer.rekor is not None else ()
    if signer.fulcio is None:
        keys = _read(signer.keys, world.files) if signer.keys is not None else ()
        root = from_pem(keys=keys, log_keys=rekor, source="keys of the policy")
        if signer.log_root:
            logs = parse_trusted_root(
                world.files.read(signer.log_root, largest=LARGEST_FILE), source=signer.log_root
            )
            root = logs.replace(authorities=(), ct_logs=(), keys=root.keys)
        return root
    if signer.fulcio.ca is not None:
        authorities = _read(signer.fulcio.ca, world.files)
        return from_pem(authorities=authorities, log_keys=rekor, source="certificate authority of the policy")
    if signer.fulcio.trusted_root:
        path = signer.fulcio.trusted_root
        return parse_trusted_root(world.files.read(path, largest=LARGEST_FILE), source=path)
    root = world.trust.public_good()
    return root.replace(logs=from_pem(log_keys=rekor).logs) if rekor else root


def _pki_judge(requirement: Requirement, wanted: PKI, world: World) -> Judge:
    roots = _certificates(wanted.roots, world.files)
    intermediates = _certificates(wanted.intermediates, world.files) if wanted.intermediates else ()

    def check(evidence: Evidence, at: datetime) -> VerifiedSignature:
        from vouchsafe.verification import pki  # X.509: late, as in `verify`

        return pki.verify(evidence, roots=roots, intermediates=intermediates, at=at)

    return Judge(requirement=requirement, check=check)


def _openpgp_judge(requirement: SignedBy, world: World) -> Judge:
    if requirement.key_type != "GPGKeys":
        raise MalformedError(
            "key-type", f"expected keys of type GPGKeys, got {requirement.key_type} (as upstream)"
        )
    keyring = b"".join(_read(requirement.keys, world.files))

    def check(evidence: Evidence, at: datetime) -> VerifiedSignature:  # noqa: ARG001  # the program has its own clock
        if not isinstance(evidence.content, OpenPGP):
            raise VerificationError("not-openpgp", "expected an OpenPGP signature, got a Sigstore one")
        from vouchsafe.verification import pki

        return pki.openpgp(evidence, world.openpgp.verify(evidence.content.blob, keyring))

    return Judge(requirement=requirement, check=check)


def _read(source: Source, files: Files) -> tuple[bytes, ...]:
    return (*(files.read(path, largest=LARGEST_FILE) for path in source.paths), *source.data)


def _certificates(source: Source, files: Files) -> tuple[bytes, ...]:
    return tuple(der for text in _read(source, files) for der in pem.certificates(text, "the CA file"))
