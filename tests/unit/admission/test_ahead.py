"""Reading ahead: order, width, errors in their place, and an end that nobody waits for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import islice

import pytest

from tests.unit.admission.test_admission import NAME, REPOSITORY, Estate
from vouchsafe.admission.ahead import MOST_AHEAD, ahead
from vouchsafe.errors import Unavailable
from vouchsafe.testing.registry import push_signature

SECONDS = 30  # a test that waits longer has failed


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 50])
def test_answers_come_in_order(count: int) -> None:
    """Each item once, in its order, whatever the count."""
    assert list(range(count)) == list(ahead(lambda item: item, range(count)))


def test_the_first_is_fetched_alone() -> None:
    """One answer costs one request: the most frequent image has one signature."""
    asked: list[int] = []
    answers = ahead(_noting(asked), range(50))
    assert (next(answers), asked) == (0, [0])


def _noting(asked: list[int]) -> Callable[[int], int]:
    def fetch(item: int) -> int:
        asked.append(item)
        return item

    return fetch


def test_as_many_at_once_as_allowed_and_no_more() -> None:
    """Once there were many, MOST_AHEAD are under way together: each waits here for the others."""
    together = threading.Barrier(MOST_AHEAD)
    under_way: list[int] = []
    most: list[int] = []

    def fetch(item: int) -> int:
        if item < 16:
            return item
        under_way.append(item)
        most.append(len(under_way))
        together.wait(SECONDS)
        under_way.remove(item)
        return item

    assert list(range(16 + 3 * MOST_AHEAD)) == list(ahead(fetch, range(16 + 3 * MOST_AHEAD)))
    assert max(most) <= MOST_AHEAD


def test_an_error_comes_in_its_turn() -> None:
    """What was fetched before it is delivered; the error itself is the one that was raised."""
    error = Unavailable("timeout", "expected an answer, got none")

    def fetch(item: int) -> int:
        if item == 5:
            raise error
        return item

    answers = ahead(fetch, range(10))
    assert list(islice(answers, 5)) == [0, 1, 2, 3, 4]
    with pytest.raises(Unavailable) as caught:
        next(answers)
    assert error is caught.value


def test_closing_ends_the_threads() -> None:
    """Whoever has a verdict closes the iterator; nothing new is begun, and the threads go home."""
    before = set(threading.enumerate())
    asked: list[int] = []
    answers = ahead(_noting(asked), range(1000))
    assert list(islice(answers, 3)) == [0, 1, 2]
    begun = set(threading.enumerate()) - before
    answers.close()
    for thread in begun:
        thread.join(SECONDS)
    assert [thread for thread in begun if thread.is_alive()] == []
    assert len(asked) <= 3 + MOST_AHEAD


def test_a_payload_that_is_named_again_is_fetched_once() -> None:
    """Each time an image is signed anew the payload is the same, byte for byte."""
    estate = Estate()
    payload, annotations = estate.sigstore.sign_legacy(estate.digest, NAME)
    for number in range(20):
        named = annotations | {"number": str(number)}
        push_signature(estate.registry.store, REPOSITORY, estate.digest, payload, named)
    estate.ask(thorough=True)
    assert sum(kind == "blob" for kind, _ in estate.registry.asked) == 1
