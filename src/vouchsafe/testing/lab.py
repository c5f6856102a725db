"""`python -m vouchsafe.testing lab FOLDER`: all that a host needs to prove itself without a network.

A Sigstore with random keys, a registry with images to pull and to refuse, and a lookaside that says why not.
Says in one line of JSON where everything is, then serves until its standard input ends, so that it never
outlives who started it. Nothing of it may enter a live policy: it is a process of its own for that reason.
"""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from vouchsafe.testing.clock import RealClock
from vouchsafe.testing.lookaside import EMAIL, Forms, blob
from vouchsafe.testing.loopback import LoopbackServer, Request, Response
from vouchsafe.testing.pull_cases import ELSEWHERE, OTHER_REF, PROJECT, Pull, Shelf, layer
from vouchsafe.testing.push import push_bundle, push_image
from vouchsafe.testing.registry_server import RegistryServer
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.testing.workload import Workload, email, gitlab

BUNDLED = f"{PROJECT}/bundled-by-key"
FULCIO, REKOR = "fulcio-root.pem", "rekor1.pub"
PHRASE = "vouchsafe: rejected: probe: this sentence is the answer"
PERSON = email("probe@person.example")


def serve(folder: Path, *, given: TextIO = sys.stdin, say: Callable[[str], object] = print) -> None:
    """Fill `folder`, say where everything is, and serve until `given` ends."""
    folder.mkdir(parents=True, exist_ok=True)
    sigstore = VirtualSigstore(secrets.token_hex(16), clock=RealClock())
    with RegistryServer() as registry, LoopbackServer(_refuse) as refusing:
        pulls = Shelf(registry, sigstore).fill()
        (folder / "trusted_root.json").write_bytes(sigstore.trusted_root())
        said = {
            "registry": registry.address,
            "trustedRoot": str(folder / "trusted_root.json"),
            "project": PROJECT,
            "elsewhere": ELSEWHERE,
            "main": _identity(gitlab()),
            "other": _identity(gitlab(ref=OTHER_REF)),
            "pulls": [_pull(each) for each in pulls],
            "probe": _probe(folder, registry, sigstore, pulls[0]) | {"refusing": refusing.url},
        }
        say(json.dumps(said))
        given.read()


def _refuse(_: Request) -> Response:
    """What a countersigner says that rejects: the sentence is in the status line."""
    return Response(status=403, reason=PHRASE)


def _identity(workload: Workload) -> dict[str, str]:
    return {
        "issuer": workload.issuer,
        "subject": workload.subject,
        "projectID": workload.claims["source-repository-identifier"],
    }


def _pull(case: Pull) -> dict[str, Any]:
    return {
        "name": case.name,
        "reference": case.reference,
        "digest": str(case.digest),
        "allowed": case.allowed,
        "why": case.why,
    }


def _probe(folder: Path, registry: RegistryServer, sigstore: VirtualSigstore, image: Pull) -> dict[str, str]:
    """Lookasides with one signature of one image in each form, and what checks it."""
    forms = Forms(secrets.token_hex(16), sigstore.clock.now())
    bundled = push_image(registry.store, BUNDLED, content=layer(b"bundled"))
    bundle = sigstore.bundle(bundled, key=forms.key, log=None, tsa=False)
    push_bundle(registry.store, BUNDLED, bundled, bundle)
    repository = image.reference.rpartition(":")[0]
    path = f"{repository.partition('/')[2]}@{image.digest.algorithm}={image.digest.hex}"
    for name, signature in (
        ("key", forms.by_key(image.digest, repository)),
        ("certificate", forms.by_certificate(image.digest, repository)),
        ("person", blob(*sigstore.sign_legacy(image.digest, repository, PERSON))),
        ("pipeline", blob(*sigstore.sign_legacy(image.digest, repository, gitlab()))),
    ):
        place = folder / "lookaside" / name / path
        place.mkdir(parents=True)
        (place / "signature-1").write_bytes(signature)
    (folder / "lookaside" / "none").mkdir()
    authorities = sigstore.pem_files()
    for name, content in (
        ("probe.pub", forms.key_pem),
        ("probe.crt", forms.ca_pem),
        *((name, authorities[name]) for name in (FULCIO, REKOR)),
    ):
        (folder / name).write_bytes(content)
    return {
        "image": image.reference,
        "bundled": registry.reference(BUNDLED),
        "path": path,
        "lookasides": str(folder / "lookaside"),
        "key": str(folder / "probe.pub"),
        "ca": str(folder / "probe.crt"),
        "email": EMAIL,
        "fulcio": str(folder / FULCIO),
        "rekor": str(folder / REKOR),
        "person": PERSON.subject,
        "voucher": PERSON.issuer,
        "phrase": PHRASE,
    }
