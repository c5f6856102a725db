"""Which trust root a host believes: embedded, refreshed, or named; and which caches are passed over."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.tuf_repository import TufRepository
from vouchsafe.adapters import trustroots
from vouchsafe.adapters.trustroots import (
    DELIVERY,
    EMBEDDED,
    SYSTEM_CACHE,
    TrustRoots,
    cache_directories,
    embedded,
    from_file,
    repository_directory,
)
from vouchsafe.errors import ConfigurationError
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.verification.tuf import Delivery, newest_root

SHIPPED = VirtualSigstore("shipped", name="shipped.example").trusted_root()
FRESH = VirtualSigstore("fresh", name="fresh.example").trusted_root()
STALE = VirtualSigstore("stale", name="stale.example").trusted_root()
UID = os.getuid()


class Host:
    """An installation that ships one root, and caches that others wrote."""

    def __init__(self, folder: Path) -> None:
        self.repository = TufRepository(FRESH)
        self.shipped = folder / "shipped"
        self.shipped.mkdir()
        (self.shipped / "trusted_root.json").write_bytes(SHIPPED)
        (self.shipped / "root.json").write_bytes(self.repository.bootstrap)
        self.ship_as_of(datetime.now(UTC) - timedelta(days=10))
        self.own = folder / "own"
        self.system = folder / "system"

    def ship_as_of(self, day: datetime) -> None:
        """When this version's root was current."""
        (self.shipped / "provenance.json").write_text(json.dumps({"asOf": f"{day:%FT%TZ}"}))

    def keep(self, cache: Path, delivery: Delivery | None = None, *, mode: int = 0o644) -> Path:
        """A delivery in a cache."""
        place = Path(repository_directory(str(cache), "public-good")) / DELIVERY
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes((delivery or self.repository.delivery()).to_json())
        place.chmod(mode)
        return place

    def roots(self, uid: int = UID) -> TrustRoots:
        """What this host believes."""
        return TrustRoots((str(self.own), str(self.system)), uid=uid, shipped=str(self.shipped))

    def passed_over(self) -> str:
        """Why a cache was not used; the embedded root then stands."""
        found = self.roots().current()
        assert found.source == "embedded"
        (reason,) = found.passed_over
        return reason.partition(": ")[2]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host without caches."""
    return Host(tmp_path)


def test_what_is_embedded() -> None:
    """The public-good root, exactly as its provenance says."""
    found = embedded()
    provenance = json.loads(Path(EMBEDDED, "provenance.json").read_text())
    bootstrap = Path(EMBEDDED, "root.json").read_bytes()
    assert found.sha256 == provenance["sha256"]["trusted_root.json"]
    assert hashlib.sha256(bootstrap).hexdigest() == provenance["sha256"]["root.json"]
    assert newest_root(bootstrap).version == provenance["rootVersion"]
    assert [log.host for log in found.root.logs] == ["rekor.sigstore.dev", "log2025-1.rekor.sigstore.dev"]


def test_what_is_embedded_is_what_others_have(vectors: Path) -> None:
    """Byte for byte the root that the shared vectors verify with."""
    assert (vectors / "real" / "trusted_root.json").read_bytes() == Path(
        EMBEDDED, "trusted_root.json"
    ).read_bytes()


def test_without_a_cache(host: Host) -> None:
    """The embedded root, and nothing to say about caches."""
    found = host.roots().current()
    assert (found.source, found.passed_over) == ("embedded", ())
    assert host.roots().public_good() == found.root


def test_a_refreshed_root_wins(host: Host) -> None:
    """What a refresh left is believed in place of the embedded root, and says until when it is fresh."""
    place = host.keep(host.own)
    found = host.roots().current()
    assert (found.source, found.place, found.sha256) == ("tuf", str(place), hashlib.sha256(FRESH).hexdigest())
    assert found.fresh_until == host.repository.timestamp.signed.expires


@pytest.mark.parametrize("newer", ["own", "system"])
def test_the_newest_cache_wins(host: Host, newer: str) -> None:
    """A timer that refreshes for all and a person who refreshed by hand: the later one."""
    older = host.repository.delivery()
    host.repository.publish_target(STALE)
    later = host.repository.delivery()
    host.keep(host.own, later if newer == "own" else older)
    host.keep(host.system, later if newer == "system" else older)
    assert host.roots().current().sha256 == hashlib.sha256(STALE).hexdigest()


def test_a_cache_that_was_signed_before_this_version(host: Host) -> None:
    """An older root, once right, does not come back: neither by an upgrade of ours nor by a thief."""
    host.keep(host.own)
    host.ship_as_of(datetime.now(UTC) + timedelta(days=31))
    assert host.passed_over().startswith("expected metadata from after")


@pytest.mark.parametrize(
    "change, complaint",
    [
        (lambda d: d.replace(target=STALE), "of trusted_root.json"),
        (lambda d: d.replace(targets=d.targets.replace(b'"version"', b'"Version"')), "targets.json"),
        (lambda d: d.replace(timestamp=d.targets), "expected the role timestamp"),
        (lambda d: d.replace(roots=(d.timestamp,)), "expected the role root"),
    ],
    ids=["another root", "changed metadata", "another role", "no root"],
)
def test_a_cache_that_was_tampered_with(
    host: Host, change: Callable[[Delivery], Delivery], complaint: str
) -> None:
    """Who can write to the cache decides nothing: it is re-authenticated (sigstore-rust#165)."""
    host.keep(host.own, change(host.repository.delivery()))
    assert complaint in host.passed_over()


def test_a_cache_of_another_repository(host: Host) -> None:
    """Signed, but not by those whom the embedded root names."""
    host.keep(host.own, TufRepository(STALE).delivery())
    assert "expected signatures by 1 keys" in host.passed_over()


@pytest.mark.parametrize("mode", [0o666, 0o664, 0o646])
def test_a_cache_that_others_can_write(host: Host, mode: int) -> None:
    """A file for everybody's pen is nobody's word."""
    host.keep(host.own, mode=mode)
    assert "others can" in host.passed_over()


@pytest.mark.skipif(UID != 0, reason="only root can give files away")
def test_a_cache_of_another_user(host: Host) -> None:
    """Ours or root's, nobody else's."""
    place = host.keep(host.own)
    os.chown(place, 12345, 12345)
    assert "others can" in host.passed_over()
    assert host.roots(uid=12345).current().source == "tuf"


def test_a_signed_root_that_cannot_be_read(host: Host) -> None:
    """A format of tomorrow in the cache leaves us with the embedded root, not with nothing."""
    host.repository.publish_target(b'{"mediaType": "application/vnd.dev.sigstore.tomorrow"}')
    host.keep(host.own)
    assert "expected a Sigstore trusted root" in host.passed_over()


@pytest.mark.parametrize("blob", [b"", b"{", b"\xff" * 9, b"{}"])
def test_a_damaged_cache(host: Host, blob: bytes) -> None:
    """Half a file is passed over."""
    host.keep(host.own).write_bytes(blob)
    assert host.passed_over() != ""


@pytest.mark.parametrize("kind", ["directory", "fifo", "dangling link"])
def test_a_cache_that_is_no_file(host: Host, kind: str) -> None:
    """Nothing in a cache can hang a pull or crash it."""
    place = host.keep(host.own)
    place.unlink()
    match kind:
        case "directory":
            place.mkdir()
        case "fifo":
            os.mkfifo(place, 0o600)
        case _:
            place.symlink_to("nowhere")
    assert host.roots().current().source == "embedded"


def test_a_damaged_installation(host: Host) -> None:
    """Without its own root there is nothing to believe, and it says so."""
    (host.shipped / "trusted_root.json").unlink()
    with pytest.raises(ConfigurationError) as caught:
        host.roots().public_good()
    assert caught.value.code == "installation"


def test_a_file(tmp_path: Path) -> None:
    """A private Sigstore's root, named by its path."""
    path = tmp_path / "trusted_root.json"
    path.write_bytes(FRESH)
    found = from_file(str(path))
    assert (found.source, found.place, found.root.source) == ("file", str(path), str(path))


@pytest.mark.parametrize(
    "blob, code", [(None, "file-missing"), (b"{", "json-syntax"), (b"{}", "trusted-root")]
)
def test_a_file_that_is_none(tmp_path: Path, blob: bytes | None, code: str) -> None:
    """What the operator named and cannot be used is a configuration error, never the embedded root."""
    path = tmp_path / "trusted_root.json"
    if blob is not None:
        path.write_bytes(blob)
    with pytest.raises(ConfigurationError) as caught:
        from_file(str(path))
    assert caught.value.code == code


@pytest.mark.parametrize(
    "environ, uid, found",
    [
        ({"XDG_CACHE_HOME": "/c", "HOME": "/h"}, 7, ("/c/vouchsafe", SYSTEM_CACHE)),
        ({"HOME": "/h"}, 7, ("/h/.cache/vouchsafe", SYSTEM_CACHE)),
        ({"HOME": "/root"}, 0, (SYSTEM_CACHE,)),
        ({"HOME": "/root", "XDG_CACHE_HOME": "/c"}, 0, ("/c/vouchsafe", SYSTEM_CACHE)),
        ({"HOME": "/h", "XDG_CACHE_HOME": "relative"}, 7, ("/h/.cache/vouchsafe", SYSTEM_CACHE)),
        ({"HOME": "relative"}, 7, (SYSTEM_CACHE,)),
        ({}, 7, (SYSTEM_CACHE,)),
    ],
)
def test_where_caches_are(environ: dict[str, str], uid: int, found: tuple[str, ...]) -> None:
    """By the XDG base directories; root refreshes for the whole host."""
    assert cache_directories(environ, uid) == found


def test_no_tuf_in_a_pull() -> None:
    """Reading a trust root never imports the library that refreshes it."""
    assert "adapters.tuf" not in Path(trustroots.__file__).read_text().replace("verification.tuf", "")
