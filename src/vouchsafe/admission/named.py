"""What is in the files that a policy names: whom they make believed, until when, and what is wrong with them."""

from __future__ import annotations

from datetime import datetime

from vouchsafe.admission.material import LARGEST_FILE, World
from vouchsafe.errors import VouchsafeError
from vouchsafe.policy.finding import Material
from vouchsafe.policy.lint import PUBLIC_GOOD_ROOT
from vouchsafe.verification.inventory import Believed, inventory
from vouchsafe.verification.trust import TrustRoot, from_pem, parse_trusted_root


def material_of(name: str, world: World) -> Material:
    """What a name of `named_files` stands for. Never raises: a problem is what lint asks about."""
    try:
        return _material(root_of(name, world))
    except VouchsafeError as error:
        return Material(problem=error.message)


def root_of(name: str, world: World) -> TrustRoot:
    """All that a name of `named_files` makes believed; of an OpenPGP keyring nothing, gpg knows. VouchsafeError."""
    if name == PUBLIC_GOOD_ROOT:
        return world.trust.public_good()
    return _root(world.files.read(name, largest=LARGEST_FILE), name)


def _root(blob: bytes, name: str) -> TrustRoot:
    """By its content, because a policy's keys do not say what kind of file they name."""
    if blob.lstrip().startswith(b"{"):
        return parse_trusted_root(blob, source=name)
    if b"-----BEGIN CERTIFICATE-----" in blob:
        return from_pem(authorities=(blob,), source=name)
    if b"-----BEGIN PUBLIC KEY-----" in blob:
        return from_pem(keys=(blob,), source=name)
    return TrustRoot()  # an OpenPGP keyring: gpg knows


def _material(root: TrustRoot) -> Material:
    """Of each kind the last that ends counts, and of these the first."""
    believed = inventory(root)
    ends = [
        _last_end([each for each in believed if each.kind == kind])
        for kind in {each.kind for each in believed}
    ]
    return Material(expires=min((end for end in ends if end is not None), default=None))


def _last_end(of_kind: list[Believed]) -> datetime | None:
    ends = [each.end for each in of_kind]
    return None if None in ends else max(end for end in ends if end is not None)
