"""Who reads images and which form each of them can: what `--require-readable-by` means.

A consumer's answer is our own reader's in its form; where the program itself is installed, also its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from vouchsafe.ci.done import Seen
from vouchsafe.errors import HostError, SigningError, Unavailable
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import INDEX_TYPES
from vouchsafe.image.reference import Reference
from vouchsafe.ports import ImageReader, Signature
from vouchsafe.signing.artifact import Subject
from vouchsafe.signing.make import Form

Consumer = Literal["podman", "bootc", "skopeo", "cri-o", "cosign", "cosign2"]
READS: dict[Consumer, frozenset[Form]] = {
    "podman": frozenset(("legacy",)),
    "bootc": frozenset(("legacy",)),
    "skopeo": frozenset(("legacy",)),
    "cri-o": frozenset(("legacy",)),
    "cosign": frozenset(("legacy", "bundle")),
    "cosign2": frozenset(("legacy",)),
}


# Of an index these ask for the platform's manifest only: a signature on the index says nothing to them.
INSTANCES: frozenset[Consumer] = frozenset(("podman", "skopeo", "cri-o"))
# Whose answer a program's is: podman, bootc and CRI-O read as skopeo does, by the same library.
_SPEAKS_FOR: dict[str, tuple[Consumer, ...]] = {
    "skopeo": ("podman", "bootc", "skopeo", "cri-o"),
    "cosign 2": ("cosign2",),
    "cosign": ("cosign",),
}


class Reader:
    """An installed program, for the consumers whose answer its answer is."""

    def __init__(self, program: ImageReader, required: Iterable[Consumer]) -> None:
        """`required`: the consumers without whom the run fails."""
        self._program = program
        kind = next((kind for kind in _SPEAKS_FOR if program.name.startswith(kind)), "cosign")
        self.asks_for_instances = bool(INSTANCES & set(_SPEAKS_FOR[kind]))
        self._reads = READS[_SPEAKS_FOR[kind][0]]
        self._required = bool(set(required) & set(_SPEAKS_FOR[kind]))

    def read(
        self, image: Reference, digest: Digest, signature: Signature, forms: frozenset[Form]
    ) -> Seen | None:
        """What it makes of the image; None when nothing there is in a form that it reads."""
        if not forms & self._reads:
            return None
        try:
            words = self._program.read(image, signature)
        except (Unavailable, HostError) as error:
            words = error.message
        return Seen(
            reader=self._program.name, digest=digest, ok=not words, words=words, required=self._required
        )


def demand(required: Iterable[Consumer], forms: frozenset[Form], subject: Subject, *, alone: bool) -> None:
    """Raise SigningError when a required consumer could not read these forms. `alone`: its platforms go unsigned."""
    for consumer in required:
        if not READS[consumer] & forms:
            raise SigningError(
                "not-readable",
                f"expected {subject.digest} in a form that {consumer} reads "
                f"({', '.join(sorted(READS[consumer]))}), got {', '.join(sorted(forms)) or 'none'}",
                hint="Use --format both.",
            )
        if alone and consumer in INSTANCES and subject.media_type in INDEX_TYPES:
            raise SigningError(
                "not-readable",
                f"expected every platform of {subject.digest} signed, for {consumer} asks for nothing else, "
                "got --no-recursive",
                hint="Leave --no-recursive away.",
            )
