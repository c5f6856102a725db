"""The sum of all books of pulls is printed, and a pull that a policy refuses fails the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pulls import Pulls
from tools import run_tests

ALL = run_tests.Counts(passed=3, failed=0, skipped=0)


def test_a_book_without_both_kinds_proves_nothing() -> None:
    """Refusals alone are worth nothing, nor are acceptances."""
    book = Pulls()
    with pytest.raises(AssertionError, match="accepted, got none"):
        book.settle()
    book.note("skopeo", "image", "", pulled=True, allowed=True)
    with pytest.raises(AssertionError, match="refused, got none"):
        book.settle()
    book.note("skopeo", "image", "", pulled=False, allowed=False)
    book.settle()


def test_a_pull_that_should_not_be_is_written_down_first() -> None:
    """Its test fails, and the count has it all the same."""
    book = Pulls()
    with pytest.raises(AssertionError, match="to be refused"):
        book.note("skopeo", "image", "", pulled=True, allowed=False)
    with pytest.raises(AssertionError, match="to pull"):
        book.note("skopeo", "image", "why", pulled=False, allowed=True)
    assert book.properties() == [("pulls-accepted", 0), ("pulls-refused", 0), ("pulls-wrongly-accepted", 1)]


def test_all_books_are_added_up(tmp_path: Path, pytester: pytest.Pytester) -> None:
    """As pytest writes them, through workers too."""
    pytester.makeconftest("from tests.conftest import pulls, pytest_runtest_makereport")
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("wrong", [False, False, True])
        def test_pull(pulls, wrong):
            pulls.note("skopeo", "image", "", pulled=True, allowed=True)
            pulls.note("skopeo", "image", "", pulled=wrong, allowed=False)

        def test_skipped(pulls):
            pytest.skip("no client")

        def test_nothing(pulls):
            pass
        """
    )
    report = tmp_path / "junit.xml"
    ended = pytester.runpytest(f"--junitxml={report}", "-p", "no:cacheprovider")
    ended.assert_outcomes(passed=3, failed=1, skipped=1, errors=1)
    assert run_tests.pulls([report]) == run_tests.Pulls(accepted=3, refused=2, wrongly_accepted=1)
    assert run_tests.pulls([tmp_path / "none"]).sentence.endswith("the peers are missing")


def test_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """The count, before the last line; one wrong pull fails a run in which every test passed."""
    good = run_tests.Pulls(accepted=5, refused=7, wrongly_accepted=0)
    assert run_tests.summarise([], ALL, good) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[-2] == ("pulls by real clients: 5 accepted, 7 refused, 0 accepted that the policy refuses")
    bad = run_tests.Pulls(accepted=5, refused=7, wrongly_accepted=1)
    assert run_tests.summarise([], ALL, bad) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "3 passed, 1 failed, 0 skipped"
