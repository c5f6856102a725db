"""Writes the state of upstream into docs/upstream.md, out of the answers in docs/upstream-recorded: nothing is typed.

`python -m tools.upstream_page` renews the page; with `--record` the answers too, from the dated notes in
tests/upstream/history.py, because no network was asked for them. What stands before the heading `## As of` is
written by people and stays. tests/upstream/test_page.py compares both.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from tests.upstream.forges import Forges
from tests.upstream.history import HISTORY, STANDING
from tests.upstream.watching import AS_THEN, Watch, watching
from vouchsafe.cli import main as vouchsafe
from vouchsafe.upstream.memory import Memory
from vouchsafe.upstream.others import HostAbility
from vouchsafe.upstream.questions import QUESTIONS

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = DOCS / "upstream.md"
RECORDED = DOCS / "upstream-recorded"
HEADING = "## As of the last recorded check\n"
DAYS = ("2026-05-31", "2026-06-30", "2026-07-31", "2026-08-31", "2026-09-22")
ASKED = tuple(question for question in QUESTIONS if not isinstance(question, HostAbility))


def recorded() -> bytes:
    """What a month's checks would have kept, marked as an example."""
    with (
        tempfile.TemporaryDirectory() as folder,
        watching(Forges((*STANDING, *HISTORY)), Path(folder)) as watch,
    ):
        watch.repositories = AS_THEN
        for day in DAYS:
            watch.check(day, questions=ASKED)
        return _marked(watch, Path(folder))


def _marked(watch: Watch, folder: Path) -> bytes:
    memory = Memory.load(watch.files)
    memory.is_example = True
    memory.save(watch.files)
    return (folder / "upstream.json").read_bytes()


def rewritten(page: str) -> str:
    """The page with the state as the recorded answers have it."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        vouchsafe(["upstream", "check", "--offline", "--cache-dir", str(RECORDED), "-o", "markdown"])
    return f"{page.partition(HEADING)[0]}{HEADING}\n{said.getvalue()}"


def main() -> int:
    """0 when written."""
    parser = argparse.ArgumentParser(description="write the state of upstream into its page")
    parser.add_argument("--record", action="store_true", help="make the recorded answers anew, too")
    options = parser.parse_args()
    if options.record:
        RECORDED.mkdir(exist_ok=True)
        (RECORDED / "upstream.json").write_bytes(recorded())
    PAGE.write_text(rewritten(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"written on {datetime.now(UTC):%F}: {PAGE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
