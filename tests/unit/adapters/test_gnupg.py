"""OpenPGP by gpgv and gpg: what they must say to be believed, and every way in which they say no."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.gpg_agents import end_agents
from vouchsafe.adapters.gnupg import GnuPG, dearmored, judge
from vouchsafe.errors import MalformedError, Unavailable, VerificationError

PAYLOAD = b'{"critical":{}}'


class Keys:
    """A GnuPG home with a few keys that nobody uses elsewhere."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.program = shutil.which("gpg") or ""

    def gpg(self, *arguments: str, given: bytes = b"") -> bytes:
        """Run gpg there; its output."""
        command = [self.program, "--homedir", str(self.home), "--batch", "--yes", "--quiet"]
        passphrase = ["--pinentry-mode", "loopback", "--passphrase", ""]
        done = subprocess.run(
            [*command, *passphrase, *arguments], input=given, capture_output=True, check=True, timeout=60
        )
        return done.stdout

    def make(self, name: str, *, expire: str = "never", at: str = "") -> None:
        """A signing key; `at` (20200101T000000) pretends another time."""
        faked = ["--faked-system-time", at] if at else []
        self.gpg(*faked, "--quick-gen-key", f"{name} <{name}@example.invalid>", "ed25519", "sign", expire)

    def export(self, *names: str, armor: bool = False) -> bytes:
        """Public keys."""
        return self.gpg(*(["--armor"] if armor else []), "--export", *names)

    def sign(self, name: str, payload: bytes = PAYLOAD, *options: str) -> bytes:
        """One signed message, as containers/image makes it."""
        return self.gpg(*options, "--local-user", name, "--sign", "--output", "-", given=payload)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keys]:
    """alice, bob and dave (an old one) are good, carol's key has expired."""
    if shutil.which("gpg") is None or shutil.which("gpgv") is None:
        pytest.skip("gpg or gpgv is missing")
    home = tmp_path_factory.mktemp("gnupg")
    home.chmod(0o700)
    made = Keys(home)
    made.make("alice")
    made.make("bob")
    made.make("carol", expire="1d", at="20200101T000000")
    made.make("dave", at="20200101T000000")
    yield made
    end_agents(home)


@pytest.fixture(params=["gpgv", "gpg"])
def gnupg(request: pytest.FixtureRequest, tmp_path: Path) -> GnuPG:
    """By each of both programs: a search path that has only this one."""
    found = shutil.which(request.param)
    if found is None:
        pytest.skip(f"{request.param} is missing")
    (tmp_path / request.param).symlink_to(found)
    return GnuPG(str(tmp_path))


@pytest.mark.parametrize("armor", [True, False])
def test_a_good_signature_gives_its_payload(gnupg: GnuPG, keys: Keys, armor: bool) -> None:
    """By the one key, or by one of several."""
    for ring in (keys.export("alice", armor=armor), keys.export("bob", "alice", armor=armor)):
        assert gnupg.verify(keys.sign("alice"), ring) == PAYLOAD


def test_several_files_are_one_keyring(gnupg: GnuPG, keys: Keys) -> None:
    """Binary and armored, one after another, as `keyPaths` gives them."""
    bob, armored = keys.export("bob"), keys.export("alice", armor=True)
    for ring in (bob + armored, armored + bob, armored + armored + bob):
        assert gnupg.verify(keys.sign("alice"), ring) == PAYLOAD


def test_another_key_is_refused(gnupg: GnuPG, keys: Keys) -> None:
    """Only what the policy names counts, whatever the user's own keyring holds."""
    with pytest.raises(VerificationError, match="a key that the policy does not name"):
        gnupg.verify(keys.sign("alice"), keys.export("bob"))


def test_changed_content_is_refused(gnupg: GnuPG, keys: Keys) -> None:
    """Every single byte of it, uncompressed so that the payload is really there."""
    signed = keys.sign("alice", PAYLOAD, "--compress-level", "0")
    where = signed.index(PAYLOAD)
    changed = signed[:where] + b"[" + signed[where + 1 :]
    with pytest.raises(VerificationError, match="does not fit its content"):
        gnupg.verify(changed, keys.export("alice"))


def test_an_expired_key_is_refused(gnupg: GnuPG, keys: Keys) -> None:
    """Also for a signature from when it was good, as upstream."""
    signed = keys.sign("carol", PAYLOAD, "--faked-system-time", "20200101T120000")
    with pytest.raises(VerificationError, match="expired"):
        gnupg.verify(signed, keys.export("carol"))


def test_an_expired_signature_is_refused(gnupg: GnuPG, keys: Keys) -> None:
    """A countersignature's own end."""
    past = ["--faked-system-time", "20200102T000000"]
    signed = keys.sign("dave", PAYLOAD, "--default-sig-expire", "1d", *past)
    with pytest.raises(VerificationError, match="a signature that has expired"):
        gnupg.verify(signed, keys.export("dave"))
    assert gnupg.verify(keys.sign("dave", PAYLOAD, *past), keys.export("dave")) == PAYLOAD


@pytest.mark.parametrize(
    "make",
    [
        lambda keys: keys.gpg("--local-user", "alice", "--detach-sign", given=PAYLOAD),
        lambda keys: keys.gpg("--store", given=PAYLOAD),
        lambda keys: keys.sign("alice", PAYLOAD, "--local-user", "bob"),
        lambda keys: keys.sign("alice")[:40],
        lambda keys: b"\x90\x00\x00",
    ],
    ids=["detached", "unsigned", "two signatures", "cut short", "junk"],
)
def test_anything_else_is_refused(gnupg: GnuPG, keys: Keys, make: Callable[[Keys], bytes]) -> None:
    """One message with one signature and its payload inside, nothing else."""
    with pytest.raises(VerificationError):
        gnupg.verify(make(keys), keys.export("alice") + keys.export("bob"))


def test_text_is_refused(keys: Keys) -> None:
    """A clear-signed text is another format, with other rules about line ends."""
    text = keys.gpg("--local-user", "alice", "--clear-sign", given=PAYLOAD)
    for blob in (text, b""):
        with pytest.raises(VerificationError) as caught:
            GnuPG(os.environ["PATH"]).verify(blob, keys.export("alice"))
        assert caught.value.code == "openpgp-format"


def test_no_program_is_unavailable(tmp_path: Path) -> None:
    """Undecided, with what to install."""
    with pytest.raises(Unavailable) as caught:
        GnuPG(str(tmp_path)).verify(b"\x90", b"\x99")
    assert (caught.value.code, "gpgv" in caught.value.hint) == ("no-openpgp", True)


def test_the_users_home_is_not_looked_at(gnupg: GnuPG, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    """GNUPGHOME with the key in it makes no difference."""
    monkeypatch.setenv("GNUPGHOME", str(keys.home))
    with pytest.raises(VerificationError):
        gnupg.verify(keys.sign("alice"), keys.export("bob"))


ALL = "[GNUPG:] PLAINTEXT 62 0 \n[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG A x\n[GNUPG:] VALIDSIG A\n"
WORDS = [
    "BADSIG",
    "ERRSIG",
    "EXPSIG",
    "EXPKEYSIG",
    "REVKEYSIG",
    "NO_PUBKEY",
    "NODATA",
    "UNEXPECTED",
    "FAILURE",
]


def test_what_must_be_said() -> None:
    """All four words, each once, and status 0."""
    judge(ALL, 0)
    for status in (1, 2, -9):
        with pytest.raises(VerificationError):
            judge(ALL, status)
    for line in ALL.splitlines(keepends=True):
        for said in (ALL.replace(line, ""), ALL + line, ALL.replace("[GNUPG:] ", "")):
            with pytest.raises(VerificationError):
                judge(said, 0)


@pytest.mark.parametrize("word", WORDS)
def test_what_must_not_be_said(word: str) -> None:
    """One word against it outweighs everything, the exit code too."""
    with pytest.raises(VerificationError):
        judge(f"{ALL}[GNUPG:] {word} A\n", 0)


def test_dearmoring() -> None:
    """Headers, line ends, checksums and text around are dropped."""
    content = bytes(range(128, 250))
    body = base64.encodebytes(content).decode()
    plain = f"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n{body}=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n"
    headed = plain.replace("\n\n", "\nVersion: 1\nComment: x y\n\n", 1)
    for text in (plain, headed, plain.replace("\n", "\r\n"), f"a comment\n{plain}another\n"):
        assert dearmored(text.encode()) == content
    assert dearmored(content + plain.encode()) == content + content


@pytest.mark.parametrize(
    "ring",
    [
        b"",
        b"not a key",
        b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n!!!\n-----END PGP PUBLIC KEY BLOCK-----",
        b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA",
    ],
)
def test_a_keyring_without_keys_is_malformed(ring: bytes) -> None:
    """Never an empty keyring that nothing is checked against."""
    with pytest.raises(MalformedError) as caught:
        dearmored(ring)
    assert caught.value.code == "openpgp-keyring"
