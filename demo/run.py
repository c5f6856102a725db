"""The demo: a GitLab pipeline signs an image; what is accepted, what is refused, and why.

Everything runs on loopback and for real: a Sigstore (CA, CT log, Rekor, OIDC issuer) and a registry of
`vouchsafe.testing`, and the `vouchsafe` command itself, whose words are what you see.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from vouchsafe.image.digest import Digest
from vouchsafe.testing.clock import RealClock
from vouchsafe.testing.registry import (
    RegistryServer,
    RegistryStore,
    push_bundle,
    push_image,
    push_index,
)
from vouchsafe.testing.services import Services
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.testing.workload import Workload, gitlab

COMMAND = Path(sys.executable).with_name("vouchsafe")
REPOSITORY = "acme/router"
ISSUER = "https://gitlab.example"
SBOM = "https://cyclonedx.org/bom"
ACCEPTED, REJECTED = 0, 1
BOLD, DIM, PLAIN = ("\x1b[1m", "\x1b[2m", "\x1b[0m") if sys.stdout.isatty() else ("", "", "")


def main() -> int:
    """Run every scene; 0 when each ended as it should."""
    sigstore = VirtualSigstore(clock=RealClock())
    pipeline = gitlab(ISSUER, project_path=REPOSITORY)
    with tempfile.TemporaryDirectory() as folder, RegistryServer() as registry, sigstore.serve() as services:
        digest = stage(registry.store, sigstore, pipeline)
        policy = write_policy(Path(folder), sigstore, registry.address, pipeline)
        signed = sign(registry, services)
        say("\nThe policy, /etc/vouchsafe/policy.json on a real host:")
        print(f"{DIM}{policy.read_text(encoding='utf-8')}{PLAIN}")
        scenes = (
            ("the image that the pipeline signed", "v1", ACCEPTED),
            ("an image that nobody signed", "unsigned", REJECTED),
            ("one signed by the same pipeline on another branch", "feature", REJECTED),
            ("one signed by a fork's merge request, which may carry our name", "fork", REJECTED),
            ("one that was changed after it was signed", "tampered", REJECTED),
            ("one with an attested SBOM, but no signature", "attested", REJECTED),
        )
        wrong = [] if signed else ["the pipeline's signing"]
        wrong += [name for name, tag, expected in scenes if not play(registry, policy, name, tag, expected)]
    closing(digest)
    for name in wrong:
        print(f"unexpected: {name}", file=sys.stderr)
    return 1 if wrong else 0


def stage(store: RegistryStore, sigstore: VirtualSigstore, pipeline: Workload) -> Digest:
    """Fill the registry: one image to sign, and five that are not as they should be."""
    digest, _ = push_index(store, REPOSITORY, "v1")
    push_image(store, REPOSITORY, "unsigned", content=b"nobody signed this")
    feature = gitlab(ISSUER, project_path=REPOSITORY, ref="refs/heads/feature")
    # The fork's pipeline, its configuration named by the parent's path: the subject is ours to the letter.
    fork = gitlab(
        ISSUER,
        project_path="mallory/router",
        pipeline_source="merge_request_event",
        ci_config_ref_uri=pipeline.subject.removeprefix("https://"),
    )
    for tag, signer in (("feature", feature), ("fork", fork)):
        image = push_image(store, REPOSITORY, tag, content=tag.encode())
        push_bundle(store, REPOSITORY, image, sigstore.bundle(image, signer))
    tampered = push_image(store, REPOSITORY, "tampered", content=b"changed afterwards")
    push_bundle(store, REPOSITORY, tampered, sigstore.bundle(digest, pipeline))
    attested = push_image(store, REPOSITORY, "attested", content=b"only attested")
    statement = sigstore.bundle(attested, pipeline, predicate_type=SBOM, predicate={"bomFormat": "CycloneDX"})
    push_bundle(store, REPOSITORY, attested, statement, predicate_type=SBOM)
    return digest


def sign(registry: RegistryServer, services: Services) -> bool:
    """The pipeline signs, with its own token: index and platforms, as `.sig` and as bundle, and reads it back."""
    say(f"A pipeline of {ISSUER}/{REPOSITORY} built a multi-arch image, and signs it:")
    arguments = [
        *("sign", "--tls-verify=false", "--read-back", "own", "--trusted-root", str(services.trusted_root)),
        *("--signing-config", str(services.folder / "signing_config_v1_tsa.json")),
        registry.reference(REPOSITORY),
    ]
    print(f"{DIM}$ vouchsafe {' '.join(arguments)}{PLAIN}", flush=True)
    token = services.token(project_path=REPOSITORY)
    finished = subprocess.run(
        [COMMAND, *arguments], check=False, env=os.environ | {"SIGSTORE_ID_TOKEN": token}
    )
    return finished.returncode == 0


def write_policy(folder: Path, sigstore: VirtualSigstore, address: str, pipeline: Workload) -> Path:
    """The policy of the estate: this project's default branch, and nothing else."""
    root = folder / "trusted_root.json"
    root.write_bytes(sigstore.trusted_root())
    signed = {
        "type": "sigstoreSigned",
        "fulcio": {
            "trustedRootPath": str(root),
            "identities": [
                {
                    "gitlab": {
                        "instance": ISSUER,
                        "project": REPOSITORY,
                        "projectID": pipeline.claims["source-repository-identifier"],
                        "ref": "refs/heads/main",
                    }
                }
            ],
        },
        "signedIdentity": {"type": "matchRepository"},
    }
    scope = f"{address}/{REPOSITORY}"
    policy = {"default": [{"type": "reject"}], "transports": {"docker": {scope: [signed]}}}
    path = folder / "policy.json"
    path.write_text(json.dumps(policy, indent=2), encoding="utf-8")
    return path


def play(registry: RegistryServer, policy: Path, name: str, tag: str, expected: int) -> bool:
    """One scene: the command, its words, and whether it ended as it should."""
    arguments = ["verify", "--tls-verify=false", "--policy", str(policy), registry.reference(REPOSITORY, tag)]
    say(f"\n{name[0].upper()}{name[1:]}:")
    print(f"{DIM}$ vouchsafe {' '.join(arguments)}{PLAIN}", flush=True)
    finished = subprocess.run([COMMAND, *arguments], check=False)
    print(f"{DIM}exit {finished.returncode}{PLAIN}", flush=True)
    return finished.returncode == expected


def closing(digest: Digest) -> None:
    """What to type for an image of one's own."""
    say("\nAn image of your own, signed in GitLab CI by cosign 2 or 3, or by `vouchsafe sign`:")
    print(
        "  .venv/bin/vouchsafe verify \\\n"
        "    --certificate-identity https://gitlab.com/GROUP/PROJECT//.gitlab-ci.yml@refs/heads/main \\\n"
        "    --certificate-oidc-issuer https://gitlab.com REGISTRY/GROUP/PROJECT:TAG\n"
        "or let it write an anchored policy for you:\n"
        "  .venv/bin/vouchsafe identity from-gitlab GROUP/PROJECT"
    )
    print(f"{DIM}(the signed index was {digest}){PLAIN}")


def say(text: str) -> None:
    """A line of the story."""
    print(f"{BOLD}{text}{PLAIN}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
