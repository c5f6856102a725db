"""What is a question to a lookaside, and what is none."""

from __future__ import annotations

import pytest

from vouchsafe.countersign.request import parse
from vouchsafe.errors import MalformedError

HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    "target, name, number",
    [
        (f"/registry.example/app@sha256={HEX}/signature-1", "registry.example/app", 1),
        (f"/127.0.0.1:5000/a/b_c/d@sha256={HEX}/signature-127", "127.0.0.1:5000/a/b_c/d", 127),
        (f"/docker.io/library/busybox@sha256={HEX}/signature-2", "docker.io/library/busybox", 2),
        # Not refused: no scope is written so, and that answer is 404.
        (f"/LOCALHOST:5000/app@sha256={HEX}/signature-1", "LOCALHOST:5000/app", 1),
    ],
)
def test_a_question_is_read(target: str, name: str, number: int) -> None:
    """Repository, digest and number."""
    asked = parse(target)
    assert (name, HEX, number) == (asked.repository.name, asked.digest.hex, asked.number)


@pytest.mark.parametrize(
    "target",
    [
        "",
        "/",
        "*",
        "http://127.0.0.1/x",
        f"//app@sha256={HEX}/signature-1",
        f"/registry.example/App@sha256={HEX}/signature-1",
        f"/registry.example/../app@sha256={HEX}/signature-1",
        f"/registry.example/%61pp@sha256={HEX}/signature-1",
        f"/registry.example/app@sha256={HEX}/signature-1?x",
        f"/registry.example/app@sha256={HEX}/signature-1#x",
        f"/registry.example/app@sha256={HEX}/signature-0",
        f"/registry.example/app@sha256={HEX}/signature-01",
        f"/registry.example/app@sha256={HEX}/signature-1000",
        f"/registry.example/app@sha256={HEX}/signature-",
        f"/registry.example/app@sha256={HEX[:-1]}/signature-1",
        f"/registry.example/app@sha256={HEX.upper()}/signature-1",
        f"/registry.example/app@sha512={HEX}{HEX}/signature-1",
        f"/registry.example/app:tag@sha256={HEX}/signature-1",
        f"/registry.example/app/@sha256={HEX}/signature-1",
        f"/registry.example/a//b@sha256={HEX}/signature-1",
        f"/registry.example/{'a' * 300}@sha256={HEX}/signature-1",
        f"/registry.example/{'a/' * 2000}b@sha256={HEX}/signature-1",
        f"/registry.example/app@sha256={HEX}/signature-1\n",
        f"/registry.exämple/app@sha256={HEX}/signature-1",
        f"/-registry/app@sha256={HEX}/signature-1",
    ],
)
def test_what_is_no_question_is_malformed(target: str) -> None:
    """Nothing of it becomes part of a path or a URL."""
    with pytest.raises(MalformedError):
        parse(target)
