"""Archives of evidence as files, and the trust root that goes with them."""

from __future__ import annotations

from vouchsafe.adapters import surroundings, trustroots
from vouchsafe.adapters.files import Missing, SystemFiles, read_regular
from vouchsafe.adapters.folders import make_folder
from vouchsafe.adapters.trustroots import (
    DELIVERY,
    LARGEST_TRUSTED_ROOT,
    PUBLIC_GOOD,
    TrustRoots,
    cache_directories,
    repository_directory,
)
from vouchsafe.errors import ConfigurationError, MalformedError, VouchsafeError
from vouchsafe.record import Record
from vouchsafe.verification.tuf import LARGEST_DELIVERY, Delivery, authenticate

_FOLDER = 0o755


class Trust(Record):
    """The public-good root that this host believes; `delivery` is what TUF signed of it, empty for the shipped one."""

    trusted_root: bytes
    delivery: bytes = b""


def trust_to_pack() -> Trust:
    """What this host believes now. ConfigurationError."""
    environ, uid = surroundings.environment(), surroundings.user()
    current = TrustRoots(cache_directories(environ, uid), uid=uid).current()
    if current.source != "tuf":
        return Trust(trusted_root=read(current.place, largest=LARGEST_TRUSTED_ROOT))
    delivery = read(current.place, largest=LARGEST_DELIVERY)
    return Trust(trusted_root=Delivery.read(delivery).target, delivery=delivery)


def install(untrusted_delivery: bytes, *, keep: bool) -> str:
    """Take over a trust root that came in an archive, if TUF's signatures hold and it is newer; what was done.

    Signatures are followed from the root that this version ships. VerificationError, MalformedError.
    """
    environ, uid = surroundings.environment(), surroundings.user()
    offered = authenticate(trustroots.bootstrap_root(), Delivery.read(untrusted_delivery))
    order = (offered.root_version, offered.timestamp_version)
    folder = repository_directory(cache_directories(environ, uid)[0], PUBLIC_GOOD)
    here = TrustRoots(cache_directories(environ, uid), uid=uid).current()
    if here.source == "tuf":
        mine = authenticate(
            trustroots.bootstrap_root(), Delivery.read(read(here.place, largest=LARGEST_DELIVERY))
        )
        if order <= (mine.root_version, mine.timestamp_version):
            return "the root of this host is as new as the one in the archive"
    if keep:
        make_folder(folder, _FOLDER, None)
        SystemFiles().write(f"{folder}/{DELIVERY}", untrusted_delivery)
    return f"the root of the archive, fresh until {offered.fresh_until:%Y-%m-%d}, is newer and is used from now on"


def read(path: str, *, largest: int) -> bytes:
    """A file that somebody named. ConfigurationError, MalformedError when it is too large."""
    try:
        return read_regular(path, largest=largest)
    except Missing as absent:
        raise ConfigurationError("file-missing", f"expected a file at {path}, got nothing") from absent
    except VouchsafeError as error:
        if error.code == "file-too-large":
            raise MalformedError("archive", error.message) from error
        raise


def write(path: str, content: bytes) -> None:
    """A file that somebody asked for. HostError."""
    SystemFiles().deliver(path, content)
