"""Signed notes (C2SP signed-note) and checkpoints (C2SP tlog-checkpoint), as both Rekors write them.

The four-byte key hint is where implementations differ: an ECDSA key is named by the SHA-256 of its
SPKI, an Ed25519 key by the SHA-256 of name, newline, algorithm byte and raw key.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from vouchsafe.testing.canonical import b64
from vouchsafe.testing.keys import PrivateKey, PublicKey, log_id, sign

_ED25519 = b"\x01"  # algorithm byte of a note signature
_COSIGNATURE_V1 = b"\x04"  # algorithm byte of a witness's timestamped signature
_HINT = 4  # bytes of a key id in a signature line


def note_key_id(name: str, key: PublicKey) -> bytes:
    """The full 32 bytes whose first four are the hint; Rekor v2's trusted-root log id too."""
    if isinstance(key, ed25519.Ed25519PublicKey):
        return _named_id(name, _ED25519, key)
    return log_id(key)


def _named_id(name: str, algorithm: bytes, key: ed25519.Ed25519PublicKey) -> bytes:
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return hashlib.sha256(name.encode() + b"\n" + algorithm + raw).digest()


def checkpoint_body(origin: str, size: int, root: bytes) -> str:
    """The three lines that are signed."""
    return f"{origin}\n{size}\n{b64(root)}\n"


def signature_line(name: str, key: PrivateKey, body: str) -> str:
    """One signature over a note's body."""
    hint = note_key_id(name, key.public_key())[:_HINT]
    return f"— {name} {b64(hint + sign(key, body.encode()))}\n"


def cosignature_line(name: str, key: ed25519.Ed25519PrivateKey, body: str, at: datetime) -> str:
    """A witness's cosignature/v1 (C2SP tlog-cosignature): it saw this checkpoint at `at`."""
    seconds = int(at.timestamp())
    hint = _named_id(name, _COSIGNATURE_V1, key.public_key())[:_HINT]
    message = f"cosignature/v1\ntime {seconds}\n{body}".encode()
    return f"— {name} {b64(hint + seconds.to_bytes(8, 'big') + key.sign(message))}\n"


def note(body: str, *lines: str) -> str:
    """Body, an empty line, signatures."""
    return body + "\n" + "".join(lines)
