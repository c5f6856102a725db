"""DER, written (X.690): just enough for SCT lists, Fulcio's extensions and RFC 3161 tokens.

Writing only: what reads DER is verified elsewhere, so that a fault here cannot hide there.

>>> sequence(integer(5), octet_string(b"")).hex()
'30050201050400'
"""

from __future__ import annotations

from datetime import UTC, datetime

_LONG_FORM = 0x80  # lengths from 128 bytes on are written with a length of their length
_BASE_128 = 7  # bits of an arc in one byte of an object identifier
_LAST_UTCTIME_YEAR = 2049  # RFC 5280 4.1.2.5: UTCTime through 2049, GeneralizedTime after


def tlv(tag: int, content: bytes) -> bytes:
    """One element: tag, definite length, content."""
    size = len(content)
    if size < _LONG_FORM:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, _LONG_FORM | len(length))) + length + content


def sequence(*parts: bytes) -> bytes:
    """SEQUENCE of elements that are already DER."""
    return tlv(0x30, b"".join(parts))


def set_of(*parts: bytes) -> bytes:
    """SET OF, sorted as DER demands."""
    return tlv(0x31, b"".join(sorted(parts)))


def integer(value: int) -> bytes:
    """A non-negative INTEGER."""
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def boolean(value: bool) -> bytes:
    """BOOLEAN."""
    return tlv(0x01, b"\xff" if value else b"\x00")


def octet_string(content: bytes) -> bytes:
    """OCTET STRING."""
    return tlv(0x04, content)


def utf8(text: str) -> bytes:
    """UTF8String, as Fulcio writes its extensions from .8 on."""
    return tlv(0x0C, text.encode())


def context(number: int, content: bytes, *, constructed: bool = True) -> bytes:
    """A context-specific tag, [number]."""
    return tlv((0xA0 if constructed else 0x80) | number, content)


def oid(dotted: str) -> bytes:
    """OBJECT IDENTIFIER."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    content = bytearray()
    for arc in (first * 40 + second, *rest):
        groups = [arc & 0x7F]
        while arc := arc >> _BASE_128:
            groups.append(arc & 0x7F | 0x80)
        content += bytes(reversed(groups))
    return tlv(0x06, bytes(content))


def generalized_time(moment: datetime) -> bytes:
    """GeneralizedTime in whole seconds, UTC."""
    return tlv(0x18, moment.astimezone(UTC).strftime("%Y%m%d%H%M%SZ").encode())


def time(moment: datetime) -> bytes:
    """UTCTime or GeneralizedTime, by the year (RFC 5280 4.1.2.5)."""
    if moment.year > _LAST_UTCTIME_YEAR:
        return generalized_time(moment)
    return tlv(0x17, moment.astimezone(UTC).strftime("%y%m%d%H%M%SZ").encode())
