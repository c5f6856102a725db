"""PEM blocks (RFC 7468), strictly: labels, base64, nothing hidden between them."""

from __future__ import annotations

import binascii
import re

from vouchsafe.errors import MalformedError

MOST_BLOCKS = 64
LARGEST_PEM = 256 * 1024  # bytes
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,64})-----\s+([A-Za-z0-9+/=\s]+?)\s*-----END \1-----")


def blocks(text: bytes, what: str) -> tuple[tuple[str, bytes], ...]:
    """(label, DER) of every block; MalformedError when there is none. Text around blocks is ignored (§2)."""
    if len(text) > LARGEST_PEM:
        raise MalformedError("pem", f"expected at most {LARGEST_PEM} bytes of PEM in {what}, got {len(text)}")
    found: list[tuple[str, bytes]] = []
    for match in _BLOCK.finditer(text):
        if len(found) == MOST_BLOCKS:
            raise MalformedError("pem", f"expected at most {MOST_BLOCKS} PEM blocks in {what}, got more")
        try:
            content = binascii.a2b_base64(b"".join(match[2].split()), strict_mode=True)
        except ValueError as error:
            raise MalformedError("pem", f"expected base64 inside the PEM block of {what}") from error
        found.append((match[1].decode("ascii"), content))
    if not found:
        raise MalformedError("pem", f"expected a PEM block in {what}, got none")
    return tuple(found)


def single(text: bytes, what: str) -> tuple[str, bytes]:
    """The one block there is."""
    found = blocks(text, what)
    if len(found) != 1:
        raise MalformedError("pem", f"expected one PEM block in {what}, got {len(found)}")
    return found[0]


def certificates(text: bytes, what: str) -> tuple[bytes, ...]:
    """DER of every block, all of which must be certificates."""
    found = blocks(text, what)
    if any(label != "CERTIFICATE" for label, _ in found):
        raise MalformedError("pem", f"expected only certificates in {what}, got {found[0][0]}")
    return tuple(der for _, der in found)
