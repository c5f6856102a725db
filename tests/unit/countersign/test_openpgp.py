"""OpenPGP packets of our own making, read by GnuPG; keys of single scopes, and when they are others."""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.countersigning import Machine
from vouchsafe.adapters.gnupg import GnuPG
from vouchsafe.countersign.authority import Authority
from vouchsafe.countersign.derived import Rotation
from vouchsafe.errors import HostError, VerificationError
from vouchsafe.evidence import containers
from vouchsafe.evidence.types import OpenPGP

NOW = datetime.now(UTC).replace(microsecond=0)  # GnuPG has the machine's clock
MARKER = "0123456789abcdef.0123456789abcdef@vouchsafe.invalid"
ROTATION = Rotation(epoch="0123456789abcdef", salt="5" * 64)
MINUTES = timedelta(minutes=10)
KEY_PACKET = 87  # bytes
needs_gnupg = pytest.mark.skipif(shutil.which("gpgv") is None, reason="gpgv is missing")


@pytest.fixture
def authority() -> Authority:
    """A CA of an hour ago."""
    return Authority.make("0" * 32, at=NOW - timedelta(hours=1))


@needs_gnupg
@pytest.mark.parametrize("size", [0, 1, 255, 256, 70_000])
def test_gnupg_reads_what_we_sign(authority: Authority, size: int) -> None:
    """Any length; the payload comes back as it was."""
    key = authority.openpgp_key(ROTATION, MARKER)
    message = key.sign(bytes(size), NOW, MINUTES)
    assert GnuPG(os.environ["PATH"]).verify(message, key.public()) == bytes(size)


@needs_gnupg
def test_a_signature_ends(authority: Authority) -> None:
    """After its lifetime; a lifetime of nothing is a second, not for ever."""
    key = authority.openpgp_key(ROTATION, MARKER)
    for lifetime in (MINUTES, timedelta(0)):
        message = key.sign(b"payload", NOW - timedelta(minutes=11), lifetime)
        with pytest.raises(VerificationError, match="expired"):
            GnuPG(os.environ["PATH"]).verify(message, key.public())


@needs_gnupg
def test_every_byte_counts(authority: Authority) -> None:
    """A changed payload, end or number is no good signature; nor is another key's."""
    key = authority.openpgp_key(ROTATION, MARKER)
    message = key.sign(b"payload", NOW, MINUTES)
    program = GnuPG(os.environ["PATH"])
    expires = message.index(b"\x05\x03" + int(MINUTES.total_seconds()).to_bytes(4, "big"))
    for position in (message.index(b"payload"), expires + 4, len(message) - 40, len(message) - 1):
        changed = bytearray(message)
        changed[position] ^= 1
        with pytest.raises(VerificationError):
            program.verify(bytes(changed), key.public())
    with pytest.raises(VerificationError):
        program.verify(message, authority.openpgp_key(ROTATION, "another@vouchsafe.invalid").public())


@pytest.mark.skipif(shutil.which("gpg") is None, reason="gpg is missing")
def test_gnupg_believes_the_keys_own_signature(authority: Authority, tmp_path: Path) -> None:
    """Imported without a complaint, with the scope's marker as its name."""
    (tmp_path / "key.gpg").write_bytes(authority.openpgp_key(ROTATION, MARKER).public())
    shown = subprocess.run(
        ["gpg", "--batch", "--homedir", tmp_path, "--import-options", "show-only", "--import", "key.gpg"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"vouchsafe <{MARKER}>" in shown.stdout


def test_containers_image_knows_it_by_its_first_byte(authority: Authority) -> None:
    """What is no OpenPGP packet to it is a fatal error of the whole pull."""
    message = authority.openpgp_key(ROTATION, MARKER).sign(b"payload", NOW, MINUTES)
    assert isinstance(containers.parse(message, "signature-1").content, OpenPGP)


def test_keys_are_the_same_for_the_same_and_others_for_all_else(authority: Authority) -> None:
    """By CA, salt, form and scope."""
    key = authority.bare_key(ROTATION, MARKER).private_numbers()
    others = [
        Authority.make("0" * 32, at=NOW).bare_key(ROTATION, MARKER),
        authority.bare_key(ROTATION.replace(salt="6" * 64), MARKER),
        authority.bare_key(ROTATION, "another@vouchsafe.invalid"),
    ]
    assert (
        key
        == Authority.load(authority.certificate_pem, authority.key_pem)
        .bare_key(ROTATION, MARKER)
        .private_numbers()
    )
    assert all(key != other.private_numbers() for other in others)
    fingerprint = authority.openpgp_key(ROTATION, MARKER).fingerprint
    assert fingerprint == authority.openpgp_key(ROTATION, MARKER).fingerprint


@pytest.mark.parametrize("content", [b"", b"epoch", b"epoch short", b"\xff" * 80, b" " + b"5" * 64])
def test_a_rotation_that_is_none(content: bytes) -> None:
    """Nothing is signed with a salt of nothing."""
    with pytest.raises(HostError) as refused:
        Rotation.parse(content)
    assert refused.value.code == "rotation"


def test_keys_are_published_for_the_policy_in_force_alone(machine: Machine) -> None:
    """One file for each scope; gone with the policy; other bytes when the same policy comes back, or on demand."""
    folder = machine.folder / "run/vouchsafe/keys"

    def published() -> dict[str, bytes]:
        # The key itself; what it signs about itself is another each time.
        return {each.name: each.read_bytes()[:KEY_PACKET] for each in folder.iterdir()}

    machine.form = "openpgp"
    first = machine.apply()
    one = published()
    assert set(one) == {f"{first.countersigned[0].marker.partition('@')[0]}.gpg"}
    machine.publish_keys()
    assert published() == one
    machine.publish_keys(rotate=True)
    two = published()
    assert (set(two), two == one) == (set(one), False)
    machine.apply({machine.name("acme"): [machine.keyless()]})
    assert not set(published()) & set(one)
    machine.apply({machine.name(): [machine.keyless()]})
    three = published()
    assert (set(three), three in (one, two)) == (set(one), False)
    machine.form = "pki"
    machine.apply()
    assert published() == {}
