"""The chain from a suite's InRelease to a package, against a small archive on loopback."""

from __future__ import annotations

import hashlib
import lzma
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tools.debian_archive import ArchiveError, Suite, Trust, believe, fetch, open_suite

needs_dpkg = pytest.mark.skipif(not shutil.which("dpkg"), reason="dpkg is not installed")


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder and says nothing about it."""

    def log_message(self, format: str, *args: object) -> None:
        """Nobody listens."""


class Archive:
    """An archive in a folder, and apt's settings that name it."""

    def __init__(self, folder: Path, base: str) -> None:
        self.folder, self.base = folder, base
        self.apt = folder / "apt"
        self.cache = folder / "cache"
        self.suite = folder / "debian" / "dists" / "sid"
        for path in (self.apt, self.cache, self.suite / "main" / "binary-amd64", folder / "debian" / "pool"):
            path.mkdir(parents=True)
        (self.apt / "sources.list").write_text(
            f"deb {base}/gone bookworm main\ndeb {base}/debian bookworm main\n"
        )
        self.deb = folder / "debian" / "pool" / "x_2.deb"
        self.deb.write_bytes(b"the package")
        sha256 = hashlib.sha256(b"the package").hexdigest()
        self.publish(
            "".join(
                f"Package: {name}\nVersion: {version}\nDepends: libx (>= 1)\nFilename: pool/x_2.deb\n"
                f"Size: 11\nSHA256: {sha256}\n\n"
                for name, version in (("x", "1-9"), ("x", "1-10"), ("libx", "3"), ("xy", "9"))
            )
        )

    def publish(self, packages: str) -> None:
        """Writes the index and an unsigned InRelease that names it."""
        index = lzma.compress(packages.encode())
        path = "main/binary-amd64/Packages.xz"
        (self.suite / path).write_bytes(index)
        entry = f" {hashlib.sha256(index).hexdigest()} {len(index)} {path}"
        (self.suite / "InRelease").write_text(f"Origin: Test\nSHA256:\n{entry}\n")

    def open(self) -> Suite:
        """The suite as a reader of apt's settings finds it."""
        said: list[str] = []
        return open_suite("sid", architecture="amd64", cache=self.cache, say=said.append, apt=self.apt)


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Archive]:
    """A fresh archive, reached directly whatever apt's proxy is."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=partial(server.serve_forever, poll_interval=0.01), daemon=True).start()
    try:
        yield Archive(tmp_path, f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()


@needs_dpkg
def test_the_newest_version_is_found(archive: Archive) -> None:
    """By Debian's order of versions, from the first of apt's archives that has the suite."""
    package = archive.open().find("x")
    assert package is not None
    assert (package.version, package.depends, package.size) == ("1-10", "libx (>= 1)", 11)


def test_a_name_is_not_a_prefix(archive: Archive) -> None:
    """What is not in the index is not found, whatever it resembles."""
    assert archive.open().find("li") is None


@needs_dpkg
def test_a_package_is_downloaded_and_kept(archive: Archive, tmp_path: Path) -> None:
    """A second time it is not asked for again."""
    suite = archive.open()
    package = suite.find("libx")
    assert package is not None
    first = suite.download(package, archive.cache)
    archive.deb.unlink()
    assert (suite.download(package, archive.cache), first.read_bytes()) == (first, b"the package")


@needs_dpkg
@pytest.mark.parametrize("content", [b"tampered!!!", b"longer than it says"])
def test_another_content_is_refused(archive: Archive, content: bytes) -> None:
    """Only the bytes that the index names get the package's name."""
    suite = archive.open()
    package = suite.find("libx")
    assert package is not None
    archive.deb.write_bytes(content)
    with pytest.raises(ArchiveError, match="SHA-256"):
        suite.download(package, archive.cache)
    assert list(archive.cache.glob("*.deb*")) == []


def test_an_index_that_the_release_does_not_name_is_refused(archive: Archive) -> None:
    """The hash of Packages.xz comes from InRelease."""
    path = archive.suite / "main" / "binary-amd64" / "Packages.xz"
    path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(ArchiveError, match="SHA-256"):
        archive.open()


def test_a_suite_that_nobody_has(archive: Archive) -> None:
    """Every archive is asked; the reason names what was expected."""
    with pytest.raises(ArchiveError, match="expected suite none"):
        open_suite("none", architecture="amd64", cache=archive.cache, say=lambda _: None, apt=archive.apt)


def test_a_body_has_a_limit(archive: Archive) -> None:
    """More than the limit is an error, not a longer read."""
    with pytest.raises(ArchiveError, match="at most 10 bytes"):
        fetch(f"{archive.base}/debian/pool/x_2.deb", limit=10)


@needs_dpkg
def test_a_download_goes_on_where_it_stopped(archive: Archive) -> None:
    """What is there already is not asked for again, and the whole is compared."""
    suite = archive.open()
    package = suite.find("libx")
    assert package is not None
    (archive.cache / "x_2.deb.part").write_bytes(b"the pack")
    assert suite.download(package, archive.cache).read_bytes() == b"the package"


def gpg(home: Path, *words: str, text: bytes = b"") -> bytes:
    """Runs gpg with a home of its own."""
    environment = {"GNUPGHOME": str(home), "PATH": os.environ["PATH"]}
    ran = subprocess.run(
        ["gpg", "--batch", *words], input=text, env=environment, capture_output=True, check=True
    )
    return ran.stdout


@pytest.fixture(scope="session")
def signed(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Path, Path]:
    """A clear-signed Release, the keyring that verifies it and another keyring."""
    if not shutil.which("gpg") or not shutil.which("gpgv"):
        pytest.skip("gpg is not installed: it signs what gpgv verifies here")
    homes = [tmp_path_factory.mktemp("archive"), tmp_path_factory.mktemp("stranger")]
    for home in homes:
        home.chmod(0o700)
        gpg(home, "--passphrase", "", "--quick-generate-key", f"{home.name}@test.invalid", "ed25519", "sign")
        (home / "ring.gpg").write_bytes(gpg(home, "--export"))
    release = gpg(homes[0], "--clearsign", text=b"Suite: sid\n")
    for home in homes:
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=True)
    return release, homes[0] / "ring.gpg", homes[1] / "ring.gpg"


def test_a_signed_release_is_verified(signed: tuple[bytes, Path, Path]) -> None:
    """Only the signed text is read: what stands around it is not the archive's."""
    release, ring, _ = signed
    assert believe(release, [ring]) == Trust(verified=True, text="Suite: sid\n")


def test_a_changed_release_is_refused(signed: tuple[bytes, Path, Path]) -> None:
    """A wrong signature is never just unverified."""
    release, ring, _ = signed
    with pytest.raises(ArchiveError, match="good signature"):
        believe(release.replace(b"Suite: sid", b"Suite: bad"), [ring])


def test_a_release_by_an_unknown_key_is_unverified(signed: tuple[bytes, Path, Path]) -> None:
    """Without the key nothing can be said, and that is what is said."""
    release, _, other = signed
    assert not believe(release, [other]).verified
