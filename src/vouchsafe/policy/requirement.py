"""What a scope demands: one Record for each requirement type and each kind of signedIdentity.

Plain data. Keys, CAs and trust roots are only named (`Source`); admission reads them through the Files
port. Types and defaults: containers-policy.json(5); `SigstoreAttested` and the keyless matchers of
`Fulcio` are vouchsafe's own (docs/policy-json.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from vouchsafe.policy.identity import IdentityPattern
from vouchsafe.record import Record

if TYPE_CHECKING:
    from vouchsafe.policy.predicate import PredicateField


class Source(Record):
    """Where key or certificate material comes from: files to read, or bytes that the policy holds.

    Every file must be readable, as containers/image demands: one missing file rejects, even if another
    key would match. Without paths and data (`keyPaths: []` of signedBy) it holds nothing and matches nothing.
    """

    paths: tuple[str, ...] = ()
    data: tuple[bytes, ...] = ()


class MatchExact(Record):
    """The signature names exactly the reference that was asked for, tag or digest included."""


class MatchRepoDigestOrExact(Record):
    """As MatchExact; for a reference by digest the repository suffices. What applies when none is written."""


class MatchRepository(Record):
    """The signature names the same repository."""


class ExactReference(Record):
    """The signature names this reference, whatever was asked for. `reference` as it was written."""

    reference: str


class ExactRepository(Record):
    """The signature names this repository; a tag or digest written here means nothing."""

    repository: str


class RemapIdentity(Record):
    """As MatchRepoDigestOrExact after `prefix` of what was asked for became `signed_prefix`."""

    prefix: str
    signed_prefix: str


SignedIdentity = (
    MatchExact | MatchRepoDigestOrExact | MatchRepository | ExactReference | ExactRepository | RemapIdentity
)


class InsecureAcceptAnything(Record):
    """Anything at all."""

    verifies_signatures: ClassVar[bool] = False


class Reject(Record):
    """Nothing at all."""

    verifies_signatures: ClassVar[bool] = False


class SignedBy(Record):
    """An OpenPGP simple signature. `key_type` other than GPGKeys parses and never accepts, as upstream."""

    verifies_signatures: ClassVar[bool] = True
    key_type: str
    keys: Source
    signed_identity: SignedIdentity | None = MatchRepoDigestOrExact()


class SignedBaseLayer(Record):
    """Parses and never accepts: containers/image does not implement it."""

    verifies_signatures: ClassVar[bool] = False
    base_layer_identity: SignedIdentity


class Fulcio(Record):
    """Keyless: certificates of a Fulcio for one of several identities.

    Trust comes from exactly one of: `ca` (PEM; with Rekor keys beside it in the requirement),
    `trusted_root` (path of a trusted_root.json), or neither: the embedded public-good root.
    """

    ca: Source | None = None
    trusted_root: str = ""
    identities: tuple[IdentityPattern, ...]

    @property
    def uses_public_good_root(self) -> bool:
        """Whether the root that vouchsafe ships is meant."""
        return self.ca is None and not self.trusted_root


class PKI(Record):
    """Certificates of an own CA (containers/image 5.33): every subject that is written must be in the leaf."""

    roots: Source
    intermediates: Source | None = None
    subject_email: str = ""
    subject_hostname: str = ""


class Signer(Record):
    """Whose signature counts: exactly one of `keys`, `fulcio`, `pki`; `rekor` are the logs' keys.

    `log_root`: a trusted_root.json whose logs must hold what a key signed (`--key` with `--trusted-root`).
    """

    keys: Source | None = None
    fulcio: Fulcio | None = None
    pki: PKI | None = None
    rekor: Source | None = None
    log_root: str = ""


class SigstoreSigned(Record):
    """A Sigstore signature of the image. `signed_identity` None: names are not compared (no policy says so)."""

    verifies_signatures: ClassVar[bool] = True
    signer: Signer
    signed_identity: SignedIdentity | None = MatchRepoDigestOrExact()


class SigstoreAttested(Record):
    """An attestation of `predicate_type` about the image. It does not make the image "signed".

    `predicate_fields`: all of them must hold of one attestation's predicate.
    """

    verifies_signatures: ClassVar[bool] = True
    predicate_type: str
    predicate_fields: tuple[PredicateField, ...] = ()
    signer: Signer
    signed_identity: SignedIdentity | None = MatchRepoDigestOrExact()


Requirement = InsecureAcceptAnything | Reject | SignedBy | SignedBaseLayer | SigstoreSigned | SigstoreAttested
