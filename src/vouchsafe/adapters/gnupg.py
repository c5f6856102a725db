"""OpenPGP signatures (`signedBy`), checked by GnuPG's `gpgv`, or `gpg` where that is missing.

The program sees a folder of its own with nothing but the policy's keys and the signature in it, never the
user's keyring. Its exit code is not believed: what it says on its status channel must be one good
signature, one payload, and no word against it (GnuPG doc/DETAILS, "Format of the --status-fd output").
"""

from __future__ import annotations

import binascii
import os
import re
from typing import TYPE_CHECKING

from vouchsafe.adapters.files import SystemFiles
from vouchsafe.errors import MalformedError, Unavailable, VerificationError

if TYPE_CHECKING:
    from vouchsafe.adapters.process import Programs

LARGEST_PAYLOAD = 1024 * 1024  # bytes; a simple-signing payload has a few hundred
_ARMOR = re.compile(
    rb"-----BEGIN PGP PUBLIC KEY BLOCK-----[ \t\r]*\n(.*?)-----END PGP PUBLIC KEY BLOCK-----", re.DOTALL
)
_STATUS = "[GNUPG:] "
_HIGH_BIT = 0x80  # of the first byte of every OpenPGP packet: RFC 4880 §4.2
_EACH_ONCE = ("PLAINTEXT", "NEWSIG", "GOODSIG", "VALIDSIG")
_AGAINST = {
    "BADSIG": "a signature that does not fit its content",
    "EXPSIG": "a signature that has expired",
    "EXPKEYSIG": "a signature by a key that has expired",
    "REVKEYSIG": "a signature by a key that was revoked",
    "NO_PUBKEY": "a signature by a key that the policy does not name",
    "ERRSIG": "a signature that could not be checked",
    "NODATA": "no OpenPGP signature",
    "UNEXPECTED": "something else than one OpenPGP signature",
    "FAILURE": "a failure of the program",
}


class GnuPG:
    """Implements `ports.OpenPGP`."""

    def __init__(self, search_path: str) -> None:
        """`search_path` is PATH; nothing is looked for yet."""
        self._search_path = search_path

    def verify(self, blob: bytes, keyring: bytes) -> bytes:
        """The signed payload of `blob` if a key in `keyring` made it; VerificationError if not.

        `keyring` is one or more public keys, binary or armored. Unavailable when there is no such program.
        """
        from vouchsafe.adapters.process import Programs  # a pull without `signedBy` starts no program

        programs = Programs(self._search_path)
        program = programs.find("gpgv") or programs.find("gpg")
        if program is None:
            hint = "Install GnuPG: Debian's package gpgv, or gnupg2."
            raise Unavailable("no-openpgp", "expected gpgv or gpg on the search path, got neither", hint=hint)
        if not blob or not blob[0] & _HIGH_BIT:
            raise VerificationError("openpgp-format", "expected a binary OpenPGP signature, got text")
        import tempfile

        with tempfile.TemporaryDirectory(prefix="vouchsafe-openpgp-") as folder:  # mode 0700
            return _verify(programs, program, folder, blob, dearmored(keyring))


def dearmored(keyring: bytes) -> bytes:
    """Binary public keys out of what may be several files one after another, armored or not (RFC 4880 §6.2)."""
    found: list[bytes] = []
    end = 0
    for block in _ARMOR.finditer(keyring):
        found += _binary(keyring[end : block.start()])
        found.append(_decoded(block[1]))
        end = block.end()
    found += _binary(keyring[end:])
    if not found:
        raise MalformedError("openpgp-keyring", "expected an OpenPGP public key, got none")
    return b"".join(found)


def _binary(between: bytes) -> list[bytes]:
    """Packets; the text around armored blocks (comments, line ends) is dropped."""
    content = between.lstrip(b"\r\n\t ")
    return [content] if content and content[0] & _HIGH_BIT else []


def _decoded(armored: bytes) -> bytes:
    """The base64 alone: a header has a colon, which base64 lacks, and the checksum begins with `=`."""
    lines = [line.strip() for line in armored.split(b"\n")]
    data = b"".join(line for line in lines if b":" not in line and not line.startswith(b"="))
    try:
        found: bytes = binascii.a2b_base64(data, strict_mode=True)
    except ValueError as error:
        raise MalformedError("openpgp-keyring", "expected base64 inside an armored public key") from error
    return found


def _verify(programs: Programs, program: str, folder: str, blob: bytes, keyring: bytes) -> bytes:
    files = SystemFiles()
    ring, signature, payload = (os.path.join(folder, name) for name in ("keyring", "signature", "payload"))
    files.write(ring, keyring, mode=0o600)
    files.write(signature, blob, mode=0o600)
    command = [program, "--homedir", folder, "--status-fd", "1", "--keyring", ring, "--output", payload]
    if os.path.basename(program) == "gpg":
        command += ["--batch", "--no-tty", "--no-options", "--no-autostart", "--no-default-keyring"]
        command += ["--no-auto-key-retrieve", "--trust-model", "always", "--verify"]
    environment = {"PATH": os.path.dirname(program), "LC_ALL": "C", "GNUPGHOME": folder}
    finished = programs.run([*command, "--", signature], environment=environment)
    judge(finished.output.decode("ascii", "replace"), finished.status)
    return files.read(payload, largest=LARGEST_PAYLOAD)


def judge(status: str, exit_status: int) -> None:
    """Raise VerificationError unless the status channel says: one message, one signature, good."""
    words = [
        line.removeprefix(_STATUS).split(" ")[0] for line in status.splitlines() if line.startswith(_STATUS)
    ]
    for word, got in _AGAINST.items():
        if word in words:
            raise VerificationError("openpgp", f"expected a good OpenPGP signature, got {got}")
    counts = {word: words.count(word) for word in _EACH_ONCE}
    if exit_status != 0 or set(counts.values()) != {1}:
        got = ", ".join(f"{count} {word}" for word, count in counts.items())
        raise VerificationError(
            "openpgp", f"expected one good OpenPGP signature, got {got} (status {exit_status})"
        )
