"""`make demo`: a pipeline signs an image, a policy judges it, and a host's stock client enforces that.

Everything runs on loopback and for real: a Sigstore (CA, CT log, Rekor, OIDC issuer) and a registry of
`vouchsafe.testing`, the `vouchsafe` command itself, whose words are what you see, and a skopeo that nobody changed.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from demo import host, supply_chain
from demo.words import say
from vouchsafe.testing.clock import RealClock
from vouchsafe.testing.registry import RegistryServer
from vouchsafe.testing.sigstore import VirtualSigstore


def main() -> int:
    """Play both halves; 0 when every scene ended as it should."""
    sigstore = VirtualSigstore(clock=RealClock())
    with tempfile.TemporaryDirectory() as folder, RegistryServer() as registry, sigstore.serve() as services:
        wrong = list(supply_chain.play(registry, sigstore, services, Path(folder)))
        wrong += host.play(registry, sigstore, Path(folder))
    closing()
    for name in wrong:
        print(f"unexpected: {name}", file=sys.stderr)
    say("\nSomething ended otherwise than it should." if wrong else "\nEverything above ended as it should.")
    return 1 if wrong else 0


def closing() -> None:
    """What to type for an image, and a host, of one's own."""
    say("\nAn image of your own, signed in GitLab CI by cosign 2 or 3, or by `vouchsafe sign`:")
    print(
        "  .venv/bin/vouchsafe verify \\\n"
        "    --certificate-identity https://gitlab.com/GROUP/PROJECT//.gitlab-ci.yml@refs/heads/main \\\n"
        "    --certificate-oidc-issuer https://gitlab.com REGISTRY/GROUP/PROJECT:TAG\n"
        "or let it write an anchored policy for you:\n"
        "  .venv/bin/vouchsafe identity from-gitlab GROUP/PROJECT"
    )
    say("A host of your own:")
    print("  vouchsafe host probe && vouchsafe host plan      # docs/host.md")


if __name__ == "__main__":
    sys.exit(main())
