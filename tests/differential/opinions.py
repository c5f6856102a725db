"""What three verifiers say of one bundle: we, sigstore-python, and the cosign program.

An opinion is "" for yes, or why not. All are asked the same: is this a statement about this digest, by this
subject, certified by this issuer, under this trust root? What a verifier leaves to its caller (sigstore-python
leaves the subject and the predicate) is asked here in its place, so that only cores are compared.
"""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier
from sigstore.verify.policy import AllOf, Identity, OIDCIssuer

from vouchsafe import evidence
from vouchsafe.errors import VouchsafeError
from vouchsafe.evidence.bundle import FAMILY
from vouchsafe.image.digest import Digest
from vouchsafe.record import Record
from vouchsafe.testing.specimens import Specimen
from vouchsafe.verification import verify
from vouchsafe.verification.trust import from_pem, parse_trusted_root

SECONDS = 60  # of one run of cosign
GITHUB = "https://token.actions.githubusercontent.com"


class Question(Record):
    """`artifact` is what a bundle of a bare signature is about; `key` a PEM in place of an identity."""

    blob: bytes
    root: bytes
    subject: str = ""
    issuer: str = ""
    digest: Digest
    predicate_type: str = ""
    artifact: bytes | None = None
    key: bytes = b""
    at: datetime = datetime(2026, 11, 22, tzinfo=UTC)

    @classmethod
    def of(cls, specimen: Specimen) -> Question:
        """Of a specimen that is a bundle of a statement."""
        return cls(
            blob=specimen.blob,
            root=specimen.trusted_root,
            subject=specimen.workload.subject,
            issuer=specimen.workload.issuer,
            digest=specimen.digest,
            predicate_type=specimen.predicate_type,
            at=specimen.at,
        )


def ours(asked: Question) -> str:
    """Our core, and the comparisons that a policy makes."""
    root = parse_trusted_root(asked.root)
    if asked.key:
        root = root.replace(authorities=(), keys=from_pem(keys=(asked.key,)).keys)
    try:
        found = evidence.parse(asked.blob, {}, f"{FAMILY}.v0.3+json")
        made = verify(found, root, at=asked.at, artifact=asked.artifact)
    except VouchsafeError as error:
        return error.code
    who = (made.identity.subject, made.identity.issuer) if made.identity else ("", "")
    if not asked.key and who != (asked.subject, asked.issuer):
        return "identity"
    if asked.digest not in made.digests:
        return "digest"
    return "" if made.claim.predicate_type == asked.predicate_type else "predicate"


def sigstore_python(asked: Question, folder: Path) -> str:
    """sigstore-python's Verifier; it raises whatever its libraries raise."""
    path = folder / "trusted_root.json"
    path.write_bytes(asked.root)
    wanted = AllOf([Identity(identity=asked.subject), OIDCIssuer(asked.issuer)])
    try:
        verifier = Verifier(trusted_root=TrustedRoot.from_file(str(path)))
        bundle = Bundle.from_json(asked.blob)
        if asked.artifact is not None:
            verifier.verify_artifact(asked.artifact, bundle, wanted)
            return ""
        _, payload = verifier.verify_dsse(bundle, wanted)
        said = json.loads(payload)
        subjects = [each["digest"].get(asked.digest.algorithm) for each in said["subject"]]
    except Exception as error:  # noqa: BLE001
        return repr(error)
    if asked.digest.hex not in subjects:
        return "digest"
    return "" if said["predicateType"] == asked.predicate_type else "predicate"


def cosign(asked: Question, folder: Path, program: Path) -> str:
    """The program, offline, with the trust root as its only file."""
    (folder / "trusted_root.json").write_bytes(asked.root)
    (folder / "bundle.json").write_bytes(asked.blob)
    is_statement = asked.artifact is None
    said = ["verify-blob-attestation" if is_statement else "verify-blob"]
    said += ["--bundle", "bundle.json", "--trusted-root", "trusted_root.json"]
    if asked.key:
        (folder / "key.pub").write_bytes(asked.key)
        said += ["--key", "key.pub"]
    else:
        said += ["--certificate-identity", asked.subject, "--certificate-oidc-issuer", asked.issuer]
    if b"signedTimestamp" in asked.blob:  # without the flag it does not look at them
        said.append("--use-signed-timestamps")
    if asked.artifact is None:
        said += ["--type", asked.predicate_type]
        said += ["--digest", asked.digest.hex, "--digestAlg", asked.digest.algorithm]
    else:
        (folder / "artifact").write_bytes(asked.artifact)
        said.append("artifact")
    ended = subprocess.run(
        [program, *said],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    return "" if ended.returncode == 0 else ended.stderr.strip() or f"exit {ended.returncode}"
