"""The key of one scope, where clients cannot read certificates: derived from the CA's, another after every rotation.

Nothing has to be kept for it, and it cannot be another scope's. The salt is renewed at every policy change,
also at one that takes the last one back: what was countersigned before is then worth nothing.
"""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from vouchsafe.countersign.openpgp import SigningKey
from vouchsafe.errors import HostError
from vouchsafe.policy.compile import Form, Host, key_path
from vouchsafe.record import Record

_ORDER = int("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", 16)  # of P-256 (FIPS 186-5)
_EXTRA_BYTES = 8  # so that the remainder is as good as uniform (FIPS 186-5 A.2.1)
_SCALAR_BYTES = 32


class Rotation(Record):
    """Which policy epoch the keys are for, and the salt that they are derived with."""

    epoch: str
    salt: str

    @classmethod
    def parse(cls, content: bytes) -> Rotation:
        """Read the file. HostError `rotation`."""
        epoch, _, salt = content.decode("ascii", "replace").strip().partition(" ")
        if not epoch or len(salt) < _SCALAR_BYTES:
            raise HostError(
                "rotation",
                "expected the keys of this policy to be published, got none",
                hint="`vouchsafe countersign init` publishes them; `vouchsafe host enable` runs it.",
            )
        return cls(epoch=epoch, salt=salt)

    def line(self) -> bytes:
        """The file."""
        return f"{self.epoch} {self.salt}\n".encode()


def scope_key(
    authority: ec.EllipticCurvePrivateKey, rotation: Rotation, form: Form, marker: str
) -> ec.EllipticCurvePrivateKey:
    """The key of a scope's marker."""
    secret = authority.private_numbers().private_value.to_bytes(_SCALAR_BYTES, "big")
    stream = HKDF(
        algorithm=hashes.SHA256(),
        length=_SCALAR_BYTES + _EXTRA_BYTES,
        salt=rotation.salt.encode(),
        info=f"vouchsafe {form} {marker}".encode(),
    ).derive(secret)
    return ec.derive_private_key(int.from_bytes(stream, "big") % (_ORDER - 1) + 1, ec.SECP256R1())


def public_files(keys: dict[str, ec.EllipticCurvePrivateKey | SigningKey], host: Host) -> dict[str, bytes]:
    """What is published, by path: PEM, or an OpenPGP key."""
    return {
        key_path(marker, host): key.public()
        if isinstance(key, SigningKey)
        else key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        for marker, key in keys.items()
    }
