"""A trust root in the PEM files that other programs take."""

from __future__ import annotations

from vouchsafe.signing.content import pem
from vouchsafe.verification.trust import TrustRoot

# How a P-256 key begins in DER (RFC 5480): the only kind of log key that containers/image reads.
_P256 = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")


def certificates(root: TrustRoot) -> bytes:
    """Every certificate of every authority."""
    ders = dict.fromkeys(der for authority in root.authorities for der in authority.chain)
    return pem("CERTIFICATE", *ders).encode()


def rekor_keys(root: TrustRoot) -> list[bytes]:
    """The keys of the logs that a Rekor v1 may have, each in PEM."""
    ders = dict.fromkeys(log.key for log in root.logs if log.key.startswith(_P256))
    return [pem("PUBLIC KEY", der).encode() for der in ders]


def ct_key(root: TrustRoot) -> bytes:
    """The key of the newest certificate log in PEM; empty where there is none."""
    newest = [log.key for log in root.ct_logs][-1:]
    return pem("PUBLIC KEY", *newest).encode()
