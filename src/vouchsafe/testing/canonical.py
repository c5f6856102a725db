"""The encodings that logs and bundles share: canonical JSON (RFC 8785 for our values), base64, PAE, PEM.

>>> canonical({"b": 1, "a": "<nil>"})
b'{"a":"<nil>","b":1}'
>>> pae("application/vnd.in-toto+json", b"{}")
b'DSSEv1 28 application/vnd.in-toto+json 2 {}'
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and no space; right for strings, integers, lists and objects."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def compact(value: Any) -> bytes:
    """JSON with no space, keys as written."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def b64(data: bytes) -> str:
    """Standard base64 with padding."""
    return base64.b64encode(data).decode()


def pae(payload_type: str, payload: bytes) -> bytes:
    """What a DSSE signature signs: the pre-authentication encoding."""
    return b"DSSEv1 %d %s %d %s" % (len(payload_type.encode()), payload_type.encode(), len(payload), payload)


def der(certificate: x509.Certificate) -> bytes:
    """A certificate's DER."""
    return certificate.public_bytes(Encoding.DER)


def pem(*certificates: x509.Certificate) -> bytes:
    """Certificates as concatenated PEM."""
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


def rfc3339(moment: datetime) -> str:
    """A time as protobuf JSON writes it, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
