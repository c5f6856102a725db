"""Fuzzes one target until libFuzzer's options end it: python -m tests.fuzz.one NAME FOLDER OPTION…

FOLDER keeps what was found interesting. Ends with another code than 0 when something else than our errors
came out, with the traceback, and the input in a file beside.
"""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

import atheris


def main() -> None:
    """Never returns: libFuzzer ends the process."""
    # What makes the right things is not what is tested.
    with atheris.instrument_imports(include=["vouchsafe"], exclude=["vouchsafe.testing"]):
        from tests.fuzz.mutate import inside
        from tests.fuzz.targets import TARGETS

    name, folder, *options = sys.argv[1:]
    target = TARGETS[name]
    for number, seed in enumerate(target.seeds):
        (Path(folder) / f"seed-{number}").write_bytes(seed)

    def check(blob: bytes) -> None:
        target.check(blob)

    def mutate(blob: bytes, largest: int, seed: int) -> bytes:
        chance = Random(seed)

        def edit(piece: bytes) -> bytes:
            return bytes(atheris.Mutate(piece, len(piece) + 64))

        made = inside(blob, chance, edit) if chance.random() < 0.8 else edit(blob)
        return made if len(made) <= largest else blob[:largest]

    atheris.Setup([sys.argv[0], folder, *options], check, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
