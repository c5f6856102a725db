r"""DER taken apart one level at a time: for requests that services get, and to splice certificates.

>>> from vouchsafe.testing.der import integer, octet_string
>>> elements(integer(5) + octet_string(b""))
[(2, b'\x05'), (4, b'')]
"""

from __future__ import annotations


def elements(content: bytes) -> list[tuple[int, bytes]]:
    """Tag and content of each element in a row; ValueError or IndexError when they do not fit."""
    made: list[tuple[int, bytes]] = []
    while content:
        length, start = content[1], 2
        if length & 0x80:
            start += length & 0x7F
            length = int.from_bytes(content[2:start], "big")
        if start + length > len(content):
            raise ValueError("expected an element within its container, got a longer one")
        made.append((content[0], content[start : start + length]))
        content = content[start + length :]
    return made
