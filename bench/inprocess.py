"""How much of a verification is arithmetic: `verification.verify` beside the bare ECDSA checks it consists of.

A keyless signature in Rekor v1 is five of them: the content, the log's promise, its checkpoint and the
SCT on P-256, and the certificate by its intermediate on P-384. The root's signature over the
intermediate is checked once for each trust root.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from vouchsafe import evidence
from vouchsafe.evidence import bundle
from vouchsafe.image.digest import Digest
from vouchsafe.record import Record
from vouchsafe.testing.clock import RealClock
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.verification import verify
from vouchsafe.verification.trust import parse_trusted_root

LARGEST_RATIO = 1.6
MESSAGE = b"m" * 2048  # bytes: about what a log entry or a certificate is
_CURVES = (ec.SECP384R1(), *[ec.SECP256R1()] * 4)


class InProcess(Record):
    """Seconds of one verification, of the bare checks, and the ratio in each round."""

    name: str
    verify_seconds: float
    floor_seconds: float
    ratios: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """The median of the paired ratios."""
        return median(self.ratios)


def measure(*, rounds: int, repeats: int) -> list[InProcess]:
    """In turns with the floor: a Rekor v1 bundle; for information, Rekor v2 + TSA, and reading it too."""
    sigstore = VirtualSigstore(clock=RealClock())
    root = parse_trusted_root(sigstore.trusted_root())
    digest = Digest.of(b"image")
    at = RealClock().now()
    floor = _floor()
    blobs = {"Rekor v1": sigstore.bundle(digest), "Rekor v2 + TSA": sigstore.bundle(digest, log="rekor2")}

    def parse(blob: bytes) -> evidence.Evidence:
        return evidence.parse(blob, {}, bundle.FAMILY, origin="bench")

    def one(read: evidence.Evidence) -> Callable[[], object]:
        return lambda: verify(read, root, at=at)

    measured = [
        _compare(f"verify, {name}", one(parse(blob)), floor, rounds, repeats) for name, blob in blobs.items()
    ]
    blob = blobs["Rekor v1"]
    both = _compare(
        "parse and verify, Rekor v1", lambda: verify(parse(blob), root, at=at), floor, rounds, repeats
    )
    return [*measured, both]


def _floor() -> Callable[[], object]:
    checks = []
    algorithm = ec.ECDSA(hashes.SHA256())
    for curve in _CURVES:
        key = ec.generate_private_key(curve)
        checks.append((key.public_key(), key.sign(MESSAGE, algorithm)))

    def run() -> None:
        for key, signature in checks:
            key.verify(signature, MESSAGE, algorithm)

    return run


def _compare(
    name: str, ours: Callable[[], object], floor: Callable[[], object], rounds: int, repeats: int
) -> InProcess:
    ours()  # the root's path, once
    pairs = [(_seconds(ours, repeats), _seconds(floor, repeats)) for _ in range(rounds)]
    return InProcess(
        name=name,
        verify_seconds=median(a for a, _ in pairs),
        floor_seconds=median(b for _, b in pairs),
        ratios=tuple(a / b for a, b in pairs),
    )


def _seconds(call: Callable[[], object], repeats: int) -> float:
    began = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - began) / repeats
