"""Looks at an image as one of its consumers would: is there a signature of this form, by this signer?

The answer is `admission.admit`'s, under a policy that names exactly this signer, over a registry that shows
only one form. The same question is asked before signing (is it done already?) and after (can it be read?).
"""

from __future__ import annotations

from datetime import timedelta

from vouchsafe.admission import Question, admit
from vouchsafe.admission.material import World
from vouchsafe.errors import Unavailable
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import Descriptor, Manifest
from vouchsafe.image.reference import Reference
from vouchsafe.policy import flags
from vouchsafe.policy.identity import IdentityPattern
from vouchsafe.policy.scope import Policy
from vouchsafe.policy.verdict import Accepted, Reason, Undecided, Verdict
from vouchsafe.ports import Clock, Files, Registry
from vouchsafe.record import Record
from vouchsafe.signing import foretold
from vouchsafe.signing.make import Form, Statement
from vouchsafe.verification import Identity, VerifiedSignature

# Names of what is no file: the trust root and the key of this run.
_ROOT = "/dev/null/trusted-root-of-this-run"
_KEY = "/dev/null/key-of-this-run"


class Who(Record):
    """Whose signature is looked for: an identity, or the PEM of a public key."""

    identity: Identity | None = None
    key: bytes = b""

    def __str__(self) -> str:
        """For people."""
        return str(self.identity) if self.identity is not None else "the key"


class Witness:
    """Answers with what `vouchsafe verify` would say on a host. Thread-safe."""

    def __init__(self, world: World, clock: Clock, *, root: bytes, longest: timedelta) -> None:
        """`root` is a trusted_root.json, empty for the public-good one."""
        self._world = world
        self._clock = clock
        self._root = root
        self._longest = longest

    def find(
        self, registry: Registry, image: Reference, who: Who, form: Form, statement: Statement
    ) -> VerifiedSignature | None:
        """The signature, or the attestation that says the same, in this form; None when there is none.

        `image` is named by digest. Unavailable when it cannot be told.
        """
        files = _Files({_ROOT: self._root, _KEY: who.key}, self._world.files)
        question = Question(
            reference=image,
            policy=self._policy(who, statement),
            thorough=not statement.is_signature,
            longest=self._longest,
        )
        verdict = admit(
            question,
            registry=_OneForm(registry, form),
            clock=self._clock,
            world=World(files=files, trust=self._world.trust, openpgp=self._world.openpgp),
        )
        return _found(verdict, statement)

    def _policy(self, who: Who, statement: Statement) -> Policy:
        predicate_type = "" if statement.is_signature else statement.predicate_type
        if who.identity is None:
            return flags.by_key(_KEY, predicate_type=predicate_type)
        pattern = IdentityPattern(
            issuer=who.identity.issuer,
            subject=who.identity.subject,
            claims={name: (value,) for name, value in foretold.lasting(who.identity).items()},
        )
        return flags.by_identity(
            pattern, trusted_root=_ROOT if self._root else "", predicate_type=predicate_type
        )


def _found(verdict: Verdict, statement: Statement) -> VerifiedSignature | None:
    for looked in verdict.looked:
        if looked.signature is None or looked.against:
            continue
        if statement.is_signature or looked.signature.claim.predicate == statement.predicate:
            return looked.signature
    if isinstance(verdict, Undecided) and not isinstance(verdict, Accepted):
        first = verdict.reasons[0] if verdict.reasons else Reason(code="undecided", message="no answer")
        raise Unavailable(first.code, first.message, hint=first.hint, retryable=True)
    return None


class _OneForm:
    """A registry as those see it who read only one form."""

    def __init__(self, registry: Registry, form: Form) -> None:
        self._registry = registry
        self._form = form

    def manifest(self, reference: Reference, wanted: str | Digest | None) -> Manifest | None:
        if isinstance(wanted, str) and wanted.endswith((".sig", ".att")) != (self._form == "legacy"):
            return None
        return self._registry.manifest(reference, wanted)

    def blob(self, reference: Reference, descriptor: Descriptor, *, largest: int) -> bytes:
        return self._registry.blob(reference, descriptor, largest=largest)

    def referrers(self, reference: Reference, digest: Digest) -> tuple[Descriptor, ...]:
        return () if self._form == "legacy" else self._registry.referrers(reference, digest)

    def signatures(self, reference: Reference, digest: Digest) -> tuple[bytes, ...]:
        return ()


class _Files:
    """The files of this host, and the few that are only in memory."""

    def __init__(self, ours: dict[str, bytes], files: Files) -> None:
        self._ours = ours
        self._files = files

    def read(self, path: str, *, largest: int) -> bytes:
        found = self._ours.get(path)
        return self._files.read(path, largest=largest) if found is None else found
