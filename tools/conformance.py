"""sigstore-conformance's two commands, answered by this checkout: `tools/conformance-client` calls it.

Decides nothing about signatures: it reads arguments and files, asks `vouchsafe.verification`, compares the
artifact and the signer with what was asked for, and turns every other outcome into exit 1 and a sentence.
Protocol: sigstore-conformance docs/cli_protocol.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from vouchsafe import evidence, wiring
from vouchsafe.adapters import trustroots
from vouchsafe.errors import VouchsafeError
from vouchsafe.image.digest import SHA2, Digest
from vouchsafe.signing import formats
from vouchsafe.signing.ceremony import keyless
from vouchsafe.signing.services import PUBLIC_GOOD, from_json
from vouchsafe.signing.token import IdentityToken, check_life
from vouchsafe.verification import TrustRoot, VerifiedSignature, verify
from vouchsafe.verification.trust import from_pem, parse_trusted_root
from vouchsafe.wiring.signing import Workshop

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"  # any: the bundle says itself which it is


class Wrong(Exception):
    """The arguments or the answer are not what was asked for."""


def sign_bundle(asked: argparse.Namespace) -> None:
    """Writes a bundle about the artifact, signed as the token's identity; --in-toto: the file is the statement."""
    if not asked.identity_token:
        raise Wrong("expected --identity-token, got none")
    host, root = wiring.this_host(), trust_root(asked)
    services = PUBLIC_GOOD
    if asked.signing_config:
        blob = Path(asked.signing_config).read_bytes()
        services = from_json(blob, at=host.clock.now(), source=asked.signing_config)
    elif asked.staging:
        raise Wrong("expected --signing-config for the staging instance, whose services are not embedded")
    token = IdentityToken.parse(asked.identity_token)
    check_life(token, at=host.clock.now())
    workshop = Workshop(host, services)
    try:
        signer = keyless(token, workshop.issuer(), host.clock)
        ceremony = workshop.bench(signer, root).ceremony
        artifact = Path(asked.artifact).read_bytes()
        made, _ = ceremony.bundle(artifact) if asked.in_toto else ceremony.artifact_bundle(artifact)
    finally:
        workshop.close()
    Path(asked.bundle).write_bytes(formats.bundle(made))


def verify_bundle(asked: argparse.Namespace) -> None:
    """Returns when the bundle is about the artifact and by the signer that was asked for."""
    by_key, by_identity = bool(asked.key), bool(asked.certificate_identity or asked.certificate_oidc_issuer)
    if by_key == by_identity:
        raise Wrong("expected either --key or --certificate-identity, got both or neither")
    if by_identity and not (asked.certificate_identity and asked.certificate_oidc_issuer):
        raise Wrong("expected --certificate-identity and --certificate-oidc-issuer, got one of them")
    root = trust_root(asked)
    if by_key:
        pem = Path(asked.key).read_bytes()
        root = root.replace(authorities=(), keys=from_pem(keys=(pem,)).keys)
    artifact = read_artifact(asked.artifact)
    found = evidence.parse(Path(asked.bundle).read_bytes(), {}, BUNDLE)
    signature = verify(found, root, at=datetime.now(UTC), artifact=artifact)
    if not is_about(signature, artifact):
        raise Wrong(f"expected a signature of {asked.artifact}, got one of another artifact")
    if by_identity:
        check_identity(signature, asked.certificate_identity, asked.certificate_oidc_issuer)


def trust_root(asked: argparse.Namespace) -> TrustRoot:
    """The file's, or the embedded root of the public-good instance."""
    if asked.trusted_root:
        return parse_trusted_root(Path(asked.trusted_root).read_bytes(), source=asked.trusted_root)
    if asked.staging:
        raise Wrong("expected --trusted-root for the staging instance, whose root is not embedded")
    return trustroots.embedded().root


def read_artifact(text: str) -> bytes | Digest:
    """A digest when it is written as one, else the content of the file."""
    if text.startswith("sha256:"):
        return Digest.parse(text)
    return Path(text).read_bytes()


def is_about(signature: VerifiedSignature, artifact: bytes | Digest) -> bool:
    """Whether what was signed is the artifact, under any hash that the signature names."""
    if isinstance(artifact, Digest):
        return artifact in signature.digests
    return any(Digest.of(artifact, algorithm) in signature.digests for algorithm in SHA2)


def check_identity(signature: VerifiedSignature, subject: str, issuer: str) -> None:
    """Exactly this subject, certified by exactly this issuer."""
    identity = signature.identity
    if identity is None or (identity.subject, identity.issuer) != (subject, issuer):
        raise Wrong(f"expected a signature by {subject} (issuer {issuer}), got one by {identity}")


def build_parser() -> argparse.ArgumentParser:
    """The protocol's arguments."""
    parser = argparse.ArgumentParser(prog="conformance-client", description="the suite's two commands")
    commands = parser.add_subparsers(required=True)
    made: dict[str, Callable[[argparse.Namespace], None]] = {
        "sign-bundle": sign_bundle,
        "verify-bundle": verify_bundle,
    }
    for name, run in made.items():
        command = commands.add_parser(name, allow_abbrev=False, help=run.__doc__)
        command.set_defaults(run=run)
        command.add_argument("--staging", action="store_true")
        command.add_argument("--bundle", required=True)
        command.add_argument("--trusted-root")
        command.add_argument("artifact")
        options = ["--identity-token", "--signing-config"]
        if run is verify_bundle:
            options = ["--certificate-identity", "--certificate-oidc-issuer", "--key"]
        else:
            command.add_argument("--in-toto", action="store_true")
        for option in options:
            command.add_argument(option)
    return parser


def main(arguments: Sequence[str]) -> int:
    """0 when verified or signed; 1 with a sentence on stderr when not; 2 for arguments that nobody understands."""
    asked = build_parser().parse_args(arguments)
    try:
        asked.run(asked)
    except (VouchsafeError, Wrong, OSError) as error:
        code = f"{error.code}: " if isinstance(error, VouchsafeError) else ""
        print(f"refused: {code}{error}", file=sys.stderr)
        return 1
    print("signed" if asked.run is sign_bundle else "verified")
    return 0
