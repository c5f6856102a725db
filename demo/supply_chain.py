"""The first half: a GitLab pipeline signs an image; what is accepted, what is refused, and why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from demo.words import aside, say, vouchsafe
from vouchsafe.image.digest import Digest
from vouchsafe.testing.pull_cases import layer
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

REPOSITORY = "acme/router"
ISSUER = "https://gitlab.example"
SBOM = "https://cyclonedx.org/bom"
ACCEPTED, REJECTED = 0, 1
MEANS = {ACCEPTED: "accepted", REJECTED: "rejected"}
SCENES = (
    ("the image that the pipeline signed", "v1", ACCEPTED),
    ("an image that nobody signed", "unsigned", REJECTED),
    ("one signed by the same pipeline on another branch", "feature", REJECTED),
    ("one signed by a fork's merge request, which may carry our name", "fork", REJECTED),
    ("one that was changed after it was signed", "tampered", REJECTED),
    ("one with an attested SBOM, but no signature", "attested", REJECTED),
)


def play(
    registry: RegistryServer, sigstore: VirtualSigstore, services: Services, folder: Path
) -> Iterator[str]:
    """Every scene; the names of those that did not end as they should."""
    pipeline = gitlab(ISSUER, project_path=REPOSITORY)
    digest = stage(registry.store, sigstore, pipeline)
    if not sign(registry, services):
        yield "the pipeline's signing"
    (folder / "trusted_root.json").write_bytes(sigstore.trusted_root())
    written = json.dumps(policy(registry.address, pipeline, str(folder / "trusted_root.json")), indent=2)
    say("\nThe policy, /etc/vouchsafe/policy.json on a real host:")
    aside(written)
    path = folder / "policy.json"
    path.write_text(written, encoding="utf-8")
    for name, tag, expected in SCENES:
        say(f"\n{name[0].upper()}{name[1:]}:")
        image = registry.reference(REPOSITORY, tag)
        ended = vouchsafe("verify", "--tls-verify=false", "--policy", str(path), image)
        aside(f"exit {ended}: {MEANS.get(ended, 'undecided, or not run at all')}")
        if ended != expected:
            yield name
    refused = sum(expected == REJECTED for _, _, expected in SCENES)
    say(f"\nOf {len(SCENES)} images {len(SCENES) - refused} is what the policy wants: {digest}.")
    print(
        f"It should be accepted, and the other {refused} refused; `because` says why, `do` what to do about it."
    )


def stage(store: RegistryStore, sigstore: VirtualSigstore, pipeline: Workload) -> Digest:
    """Fill the registry: one image to sign, and five that are not as they should be."""
    digest, _ = push_index(store, REPOSITORY, "v1", contents=layer)
    push_image(store, REPOSITORY, "unsigned", content=layer(b"nobody signed this"))
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
    token = services.token(project_path=REPOSITORY)
    return vouchsafe(*arguments, variables={"SIGSTORE_ID_TOKEN": token}) == ACCEPTED


def policy(address: str, pipeline: Workload, trusted_root: str) -> dict[str, Any]:
    """The policy of the estate: this project's default branch, and nothing else."""
    identity = {
        "instance": ISSUER,
        "project": REPOSITORY,
        "projectID": pipeline.claims["source-repository-identifier"],
        "ref": "refs/heads/main",
    }
    signed = {
        "type": "sigstoreSigned",
        "fulcio": {"trustedRootPath": trusted_root, "identities": [{"gitlab": identity}]},
        "signedIdentity": {"type": "matchRepository"},
    }
    scopes = {f"{address}/{REPOSITORY}": [signed]}
    return {"default": [{"type": "reject"}], "transports": {"docker": scopes}}
