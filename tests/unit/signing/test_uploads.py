"""Each blob is sent once in a run, whoever comes first; what failed is tried by the next."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.signing_lab import IMAGE, Lab
from vouchsafe.errors import Unavailable
from vouchsafe.signing import der
from vouchsafe.signing.uploads import Uploads


def test_once() -> None:
    """Also by many at the same time; and it is there when anybody returns."""
    lab = Lab()
    uploads = Uploads(lab.registry, IMAGE)
    asked: list[bool] = []
    threads = [threading.Thread(target=lambda: asked.append(uploads.push(b"blob"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (sorted(asked), len(lab.registry.writes)) == ([False] * 7 + [True], 1)


def test_what_failed_is_tried_again() -> None:
    """By whoever needs it next."""
    lab = Lab()
    failures = [Unavailable("push-refused", "busy")]

    class Failing:
        def push_blob(self, reference: Any, content: bytes) -> Any:
            if failures:
                raise failures.pop()
            return lab.registry.push_blob(reference, content)

    registry: Any = Failing()
    uploads = Uploads(registry, IMAGE)
    with pytest.raises(Unavailable):
        uploads.push(b"blob")
    assert (uploads.push(b"blob"), uploads.push(b"blob")) == (True, False)


@pytest.mark.parametrize("size", [0, 127, 128, 255, 256, 65535, 65536])
def test_lengths(size: int) -> None:
    """The shortest definite form, as X.690 wants it in DER."""
    made = der.element(der.OCTETS, bytes(size))
    head = made[: len(made) - size]
    assert head[0] == der.OCTETS
    length = int.from_bytes(head[2:], "big") if head[1] & 0x80 else head[1]
    assert (length, head[1] == (size if size < 128 else 0x80 | len(head[2:])), head[2:3] != b"\0") == (
        size,
        True,
        True,
    )


@pytest.mark.parametrize("size", [0, 1, 127, 128, 300, 70_000])
def test_one_sequence(size: int) -> None:
    """Exactly one, of the length that it says, in the shortest form; nothing else is."""
    made = der.element(der.SEQUENCE, bytes(size))
    assert der.is_sequence(made)
    longer = made[:1] + bytes((0x84,)) + size.to_bytes(4, "big") + bytes(size)
    wrong = [
        b"",
        b"0",
        made[:-1] if size else b"\x30\x01",
        made + b"\0",
        b"\x31" + made[1:],
        b"\x30\x80" + bytes(size),
    ]
    assert [each for each in (*wrong, longer) if der.is_sequence(each)] == []
