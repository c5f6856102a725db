"""Checkpoints: the log's own signature counts, under its own name; witnesses may stand anywhere."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.judging import code
from vouchsafe.testing.canonical import b64
from vouchsafe.testing.keys import KeySource, PrivateKey, log_id, spki
from vouchsafe.testing.note import cosignature_line, note, note_key_id, signature_line
from vouchsafe.verification import checkpoint
from vouchsafe.verification.checkpoint import LONGEST_CHECKPOINT, MOST_SIGNATURES
from vouchsafe.verification.trust import Log, Window

SOURCE = KeySource("checkpoints")
OLD_KEY, NEW_KEY, WITNESS = SOURCE.ec("rekor1"), SOURCE.ed25519("rekor2"), SOURCE.ed25519("witness")
OLD_NAME, NEW_NAME = "rekor1.example", "rekor2.example"
ROOT = b64(b"r" * 32)
OLD_TEXT = f"{OLD_NAME} - 1193050959916656506\n42\n{ROOT}\n"
NEW_TEXT = f"{NEW_NAME}\n42\n{ROOT}\n"
NOW = datetime(2026, 11, 2, tzinfo=UTC)


def log(name: str, key: PrivateKey, **changes: bytes) -> Log:
    """A log that the trust root names."""
    key_id = note_key_id(name, key.public_key())
    made = Log(key_id=key_id, key=spki(key.public_key()), window=Window(), host=name)
    return made.replace(**changes)


OLD, NEW = log(OLD_NAME, OLD_KEY), log(NEW_NAME, NEW_KEY)
OLD_LINE = signature_line(OLD_NAME, OLD_KEY, OLD_TEXT)
NEW_LINE = signature_line(NEW_NAME, NEW_KEY, NEW_TEXT)
COSIGNED = cosignature_line("witness.example/w", WITNESS, NEW_TEXT, NOW)
STRANGER = signature_line(NEW_NAME, SOURCE.ed25519("stranger"), NEW_TEXT)

ACCEPTED: dict[str, tuple[str, Log]] = {
    "rekor1": (note(OLD_TEXT, OLD_LINE), OLD),
    "rekor2": (note(NEW_TEXT, NEW_LINE), NEW),
    "extension-lines": (
        note(
            OLD_TEXT + "Timestamp: 1675209600000000000\n",
            signature_line(OLD_NAME, OLD_KEY, OLD_TEXT + "Timestamp: 1675209600000000000\n"),
        ),
        OLD,
    ),
    "witness-last": (note(NEW_TEXT, NEW_LINE, COSIGNED), NEW),
    "witness-first": (note(NEW_TEXT, COSIGNED, NEW_LINE), NEW),
    "other-algorithm-first": (note(NEW_TEXT, signature_line(NEW_NAME, OLD_KEY, NEW_TEXT), NEW_LINE), NEW),
    "blank-lines-after": (note(NEW_TEXT, NEW_LINE) + "\n\n", NEW),
    "no-newline-after": (note(NEW_TEXT, NEW_LINE).rstrip("\n"), NEW),
    "broken-one-of-same-name-and-hint-first": (
        note(NEW_TEXT, NEW_LINE.replace(NEW_LINE[-20:-6], "A" * 14), NEW_LINE),
        NEW,
    ),
    "own-checkpoint-key-id": (
        note(NEW_TEXT, NEW_LINE),
        NEW.replace(key_id=b"k" * 32, checkpoint_key_id=NEW.key_id),
    ),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(name: str) -> None:
    """What both Rekors write, cosigned or not."""
    text, by = ACCEPTED[name]
    found = checkpoint.parse(text)
    checkpoint.verify(found, by)
    assert (found.size, found.root, found.name) == (42, b"r" * 32, by.host)


UNSIGNED = {
    "only-a-witness": (note(NEW_TEXT, COSIGNED), NEW, "checkpoint-signature"),
    "stranger-in-its-name": (note(NEW_TEXT, STRANGER), NEW, "checkpoint-signature"),
    "other-log": (note(NEW_TEXT, NEW_LINE), OLD, "checkpoint-signature"),
    "other-name-of-same-key": (
        note(NEW_TEXT, signature_line("other.example", NEW_KEY, NEW_TEXT)),
        NEW,
        "checkpoint-signature",
    ),
    "other-text": (note(NEW_TEXT.replace("42", "43"), NEW_LINE), NEW, "signature"),
    "other-root": (note(NEW_TEXT.replace(ROOT, b64(b"s" * 32)), NEW_LINE), NEW, "signature"),
    "line-added": (note(NEW_TEXT + "more\n", NEW_LINE), NEW, "signature"),
    "hint-of-the-log-signature-of-another": (
        note(NEW_TEXT, f"— {NEW_NAME} {b64(NEW.key_id[:4] + b'x' * 64)}\n"),
        NEW,
        "signature",
    ),
    "tree-number-in-the-signers-name": (
        note(OLD_TEXT, signature_line(f"{OLD_NAME}-1", OLD_KEY, OLD_TEXT)),
        OLD,
        "checkpoint-signature",
    ),
    "hint-elsewhere": (
        note(NEW_TEXT, NEW_LINE),
        NEW.replace(checkpoint_key_id=b"k" * 32),
        "checkpoint-signature",
    ),
}


@pytest.mark.parametrize("name", UNSIGNED)
def test_refused(name: str) -> None:
    """Somebody signed something; the log did not sign this."""
    text, by, expected = UNSIGNED[name]
    assert code(lambda: checkpoint.verify(checkpoint.parse(text), by)) == expected


MALFORMED = {
    "empty": "",
    "newlines": "\n\n\n",
    "no-signature-part": NEW_TEXT,
    "no-signature": NEW_TEXT + "\n",
    "no-dash": NEW_TEXT + "\n" + NEW_LINE.removeprefix("\N{EM DASH} "),
    "no-blank-line": NEW_TEXT + NEW_LINE,
    "no-origin": NEW_TEXT.partition("\n")[2] + "\n" + NEW_LINE,
    "empty-origin": "\n" + NEW_TEXT.partition("\n")[2] + "\n" + NEW_LINE,
    "no-size": f"{NEW_NAME}\n{ROOT}\n\n{NEW_LINE}",
    "no-root": f"{NEW_NAME}\n42\n\n{NEW_LINE}",
    "negative-size": note(NEW_TEXT.replace("42", "-1"), NEW_LINE),
    "signed-size": note(NEW_TEXT.replace("42", "+42"), NEW_LINE),
    "arabic-size": note(NEW_TEXT.replace("42", "٤٢"), NEW_LINE),
    "hexadecimal-size": note(NEW_TEXT.replace("42", "0x2a"), NEW_LINE),
    "huge-size": note(NEW_TEXT.replace("42", "9" * 21), NEW_LINE),
    "root-words": note(NEW_TEXT.replace(ROOT, "no base64"), NEW_LINE),
    "root-not-ascii": note(NEW_TEXT.replace(ROOT, "ä"), NEW_LINE),
    "hyphen-for-dash": note(NEW_TEXT, NEW_LINE.replace("—", "-")),
    "no-name": note(NEW_TEXT, "—  " + NEW_LINE.split(" ")[2]),
    "no-value": note(NEW_TEXT, f"— {NEW_NAME}\n"),
    "value-words": note(NEW_TEXT, f"— {NEW_NAME} !!\n"),
    "value-is-hint-only": note(NEW_TEXT, f"— {NEW_NAME} {b64(b'1234')}\n"),
    "junk-line": note(NEW_TEXT, NEW_LINE, "junk\n"),
    "too-many": note(NEW_TEXT, *[COSIGNED] * (MOST_SIGNATURES + 1)),
    "too-long": note(NEW_TEXT + "x" * LONGEST_CHECKPOINT + "\n", NEW_LINE),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed(name: str) -> None:
    """Three lines, a blank one, signatures; nothing else is a checkpoint."""
    assert code(lambda: checkpoint.parse(MALFORMED[name])) == "checkpoint"


def test_ids_are_what_the_trust_root_says() -> None:
    """An ECDSA log is known by its key alone, an Ed25519 log by name and key."""
    assert OLD.key_id == log_id(OLD_KEY.public_key())
    assert NEW.key_id != log_id(NEW_KEY.public_key())
