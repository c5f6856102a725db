"""The journal: written and read back, of this machine only, and its log for a ticket."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.hosts import Host
from vouchsafe.errors import HostError
from vouchsafe.host.objection import Objection
from vouchsafe.host.state import ABSENT, file, link
from vouchsafe.runbook import log
from vouchsafe.runbook.journal import MOST_ENTRIES, PATH, Book, Entry, Journal, read
from vouchsafe.runbook.re_enable import RUNBOOK
from vouchsafe.runbook.step import MOST_LINES, Result
from vouchsafe.testing.clock import VIRTUAL_NOON

REFUSES = Objection(code="runbook-proof", message="expected a, got b", fix="do c")
ENTRY = Entry(
    step="smoke",
    mark="rejected",
    basis="b",
    began=VIRTUAL_NOON,
    ended=VIRTUAL_NOON,
    command="vouchsafe host smoke",
    result=Result(
        said=("one", "two"),
        objections=(REFUSES, REFUSES.replace(severity="warns")),
        facts={"trust": "00ff"},
        text="Subject: x\n",
        changed=True,
    ),
)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """Empty."""
    return Host(tmp_path)


def test_what_is_written_is_read(host: Host) -> None:
    """All of it, for root alone."""
    book = Book(host.files, machine="m")
    book.add(ENTRY)
    before = {"/a": file(b"\x00secret", 0o600), "/b": ABSENT, "/c": link("/d")}
    book.replace(before=before, proven=True, epochs=("a", "b"), about={"host": "h"})
    found = read(host.files, "m")
    assert (found, found.before) == (book.journal, before)
    assert host.files.look(PATH).mode == 0o600
    assert not found.is_unproven


def test_an_end_takes_the_place_of_its_beginning(host: Host) -> None:
    """And of no other's: that one was killed."""
    book = Book(host.files, machine="m")
    book.add(ENTRY.beginning)
    later = ENTRY.replace(began=VIRTUAL_NOON.replace(hour=13))
    book.add(later.beginning)
    book.add(later)
    assert [each.mark for each in book.journal.entries] == ["begun", "rejected"]


def test_it_does_not_grow_for_ever(host: Host) -> None:
    """The oldest go; of one step a person reads so many lines."""
    book = Book(host.files, machine="m", writes=False)
    for number in range(MOST_ENTRIES + 10):
        book.add(ENTRY.replace(basis=str(number)))
    assert (len(book.journal.entries), book.journal.entries[0].basis) == (MOST_ENTRIES, "10")
    long = Result(said=("x",) * 1000, objections=(REFUSES,) * 1000)
    book = Book(host.files, machine="m")
    book.add(ENTRY.replace(result=long))
    kept = read(host.files, "m").entries[0].result
    assert (len(kept.said), kept.said[-1]) == (MOST_LINES + 1, "… and 800 more")
    assert len(kept.objections) == MOST_LINES


def test_another_machine(host: Host) -> None:
    """Wrote about itself: an image that was built with it, a disk that was cloned."""
    Book(host.files, machine="m").add(ENTRY)
    assert read(host.files, "n") == Journal()


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"schemaVersion": 1, "machine": "m"}', '{"schemaVersion": 1}', ""]
)
def test_damaged(host: Host, content: str) -> None:
    """It is said, and never read as if nothing had been changed."""
    host.write(PATH, content)
    with pytest.raises(HostError) as damaged:
        read(host.files, "m")
    assert damaged.value.code == "runbook-journal"


@pytest.mark.parametrize(
    "key, value", [("mark", "fine"), ("began", "yesterday"), ("said", [1] * 1000), ("changed", "no")]
)
def test_damaged_entries(host: Host, key: str, value: object) -> None:
    """The same."""
    Book(host.files, machine="m").add(ENTRY)
    document = json.loads(host.read(PATH))
    document["entries"][0][key] = value
    host.write(PATH, json.dumps(document))
    with pytest.raises(HostError):
        read(host.files, "m")


def test_another_release_wrote_it(host: Host) -> None:
    """What it means is not known here: every step is made again."""
    host.write(PATH, '{"schemaVersion": 2}')
    assert read(host.files, "m") == Journal()


HOSTILE = "# a heading\x1b[2J [link](http://x) `code` <b>"


def test_the_log() -> None:
    """Times, commands, findings; what others said is a block of text and can be nothing else."""
    said = ENTRY.replace(
        result=ENTRY.result.replace(said=(HOSTILE,), objections=(REFUSES.replace(message=HOSTILE),))
    )
    text = log.markdown(RUNBOOK, Journal(entries=(said,), about={"host": HOSTILE, "vouchsafe": "0.1"}))
    assert "## 2026-11-02 12:00:00 UTC, smoke: rejected" in text
    assert "    $ vouchsafe host smoke\n" in text
    assert "    refuses [runbook-proof]: " in text
    assert "      fix: do c" in text
    outside = [line for line in text.splitlines() if line and not line.startswith("    ")]
    assert not [line for line in outside if "heading" in line or "\x1b" in line]
    assert "\x1b" not in text


@pytest.mark.parametrize(
    "journal, last",
    [
        (Journal(), "No change"),
        (Journal(before={}, proven=True), "The change stands and is proven"),
        (Journal(before={}), "The change stands and is NOT proven"),
    ],
)
def test_how_the_host_stands(journal: Journal, last: str) -> None:
    """The log ends with it, and holds no content of a file."""
    assert log.markdown(RUNBOOK, journal).splitlines()[-1].startswith(last)


def test_contents_of_files_are_not_in_the_log() -> None:
    """A policy may name what is nobody's business."""
    journal = Journal(before={"/etc/containers/policy.json": file(b"hidden", 0o644)})
    assert "hidden" not in log.markdown(RUNBOOK, journal)
