"""PEM blocks (RFC 7468), strictly: labels, base64, nothing hidden inside or between them."""

from __future__ import annotations

import binascii

from vouchsafe.errors import MalformedError

MOST_BLOCKS = 64
LARGEST_PEM = 256 * 1024  # bytes
LONGEST_LABEL = 64  # bytes
_LINE = 64  # characters of base64
_BEGIN = b"-----BEGIN "
_DASHES = b"-----"
_LABEL = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ")


def written(label: str, *ders: bytes) -> bytes:
    r"""Blocks, in lines of 64 characters (RFC 7468 §2).

    >>> written("X", b"y")
    b'-----BEGIN X-----\neQ==\n-----END X-----\n'
    """
    lines: list[bytes] = []
    for der in ders:
        text = binascii.b2a_base64(der, newline=False)
        lines.append(_BEGIN + label.encode() + _DASHES)
        lines += [text[start : start + _LINE] for start in range(0, len(text), _LINE)]
        lines.append(b"-----END " + label.encode() + _DASHES)
    return b"".join(line + b"\n" for line in lines)


def blocks(text: bytes, what: str) -> tuple[tuple[str, bytes], ...]:
    """(label, DER) of every block; MalformedError when there is none, or when one that begins is broken.

    Text around blocks is ignored (§2). Every step is a search for fixed bytes: an expression that
    backtracks takes minutes over a block of blank lines, which any registry can send.
    """
    if len(text) > LARGEST_PEM:
        raise MalformedError("pem", f"expected at most {LARGEST_PEM} bytes of PEM in {what}, got {len(text)}")
    found: list[tuple[str, bytes]] = []
    begin = text.find(_BEGIN)
    while begin >= 0:
        if len(found) == MOST_BLOCKS:
            raise MalformedError("pem", f"expected at most {MOST_BLOCKS} PEM blocks in {what}, got more")
        block, end = _block(text, begin + len(_BEGIN), what)
        found.append(block)
        begin = text.find(_BEGIN, end)
    if not found:
        raise MalformedError("pem", f"expected a PEM block in {what}, got none")
    return tuple(found)


def _block(text: bytes, start: int, what: str) -> tuple[tuple[str, bytes], int]:
    """The block whose label starts at `start`, and where it ends."""
    label, dashes, _ = text[start : start + LONGEST_LABEL + len(_DASHES)].partition(_DASHES)
    closing = b"-----END %s-----" % label
    body = start + len(label) + len(_DASHES)
    end = text.find(closing, body)
    if not dashes or not label or not _LABEL.issuperset(label) or end < 0:
        raise MalformedError("pem", f"expected a whole PEM block in {what}, got {text[start : start + 40]!r}")
    encoded = b"".join(text[body:end].split())
    try:
        content = binascii.a2b_base64(encoded, strict_mode=True)
    except ValueError as error:
        raise MalformedError("pem", f"expected base64 inside the PEM block of {what}") from error
    if not content or not text[body : body + 1].isspace():
        raise MalformedError("pem", f"expected base64 on lines of its own in the PEM block of {what}")
    return (label.decode("ascii"), content), end + len(closing)


def single(text: bytes, what: str) -> tuple[str, bytes]:
    """The one block there is."""
    found = blocks(text, what)
    if len(found) != 1:
        raise MalformedError("pem", f"expected one PEM block in {what}, got {len(found)}")
    return found[0]


def certificates(text: bytes, what: str) -> tuple[bytes, ...]:
    """DER of every block, all of which must be certificates."""
    found = blocks(text, what)
    for label, _ in found:
        if label != "CERTIFICATE":
            raise MalformedError("pem", f"expected only certificates in {what}, got {label}")
    return tuple(der for _, der in found)
