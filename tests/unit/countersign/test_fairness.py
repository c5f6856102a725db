"""Connections and judgements by uid: nobody keeps root waiting, and nobody spends for others."""

from __future__ import annotations

from vouchsafe.countersign.fairness import MOST_UIDS, Budgets, Gate, Limits

LIMITS = Limits(most_connections=10, most_of_others=6, most_of_one=4, burst=3, each_seconds=2)


def test_one_user_holds_so_many_connections() -> None:
    """And gets another when one ends."""
    gate = Gate(LIMITS)
    assert [gate.enter(1000) for _ in range(5)] == [True, True, True, True, False]
    gate.leave(1000)
    assert (gate.enter(1000), gate.connections) == (True, 4)


def test_others_leave_room_for_root() -> None:
    """Many users together, and callers whom nobody knows, hold no more than their part."""
    gate = Gate(LIMITS)
    held = [gate.enter(uid) for uid in (1, 2, 3, None, None, 6, 7, 8)]
    assert held == [True] * 6 + [False] * 2
    assert [gate.enter(0) for _ in range(5)] == [True] * 4 + [False]


def test_root_takes_nobodys_part() -> None:
    """Root's own connections are not counted against the others'."""
    gate = Gate(LIMITS)
    assert all(gate.enter(0) for _ in range(8))
    assert [gate.enter(1000) for _ in range(3)] == [True, True, False]


def test_a_budget_is_spent_and_refills() -> None:
    """One more after each interval, never more than the burst; each uid has its own."""
    now = [0.0]
    budgets = Budgets(LIMITS, lambda: now[0])
    assert [budgets.spend(1000) for _ in range(4)] == [True, True, True, False]
    assert budgets.spend(1001)
    now[0] = 1.9
    assert not budgets.spend(1000)
    now[0] = 4.1
    assert [budgets.spend(1000) for _ in range(3)] == [True, True, False]
    now[0] = 1e6
    assert [budgets.spend(1000) for _ in range(4)] == [True, True, True, False]


def test_root_has_no_budget() -> None:
    """An update of many images is no attack."""
    budgets = Budgets(LIMITS, lambda: 0.0)
    assert all(budgets.spend(0) for _ in range(1_000))


def test_unknown_callers_share_one_budget() -> None:
    """Hanging up before we look is no way to get another."""
    budgets = Budgets(LIMITS, lambda: 0.0)
    assert [budgets.spend(None) for _ in range(4)] == [True, True, True, False]


def test_budgets_are_bounded() -> None:
    """A user namespace has many uids."""
    budgets = Budgets(LIMITS, lambda: 0.0)
    for uid in range(1, 3 * MOST_UIDS):
        budgets.spend(uid)
    assert len(budgets._of) == MOST_UIDS


def test_a_user_of_many_names_has_no_more() -> None:
    """Who may be sixty-five thousand users has a budget with everybody else; root has its own."""
    now = [0.0]
    limits = Limits(burst=60, burst_of_others=100, others_each_seconds=1)
    budgets = Budgets(limits, lambda: now[0])
    assert sum(budgets.spend(100_000 + number) for number in range(5_000)) == 100
    assert budgets.spend(0)
    now[0] = 7
    assert sum(budgets.spend(200_000 + number) for number in range(100)) == 7
