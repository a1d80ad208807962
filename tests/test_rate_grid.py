"""What the rate control is to reach, on the simulator: a part of bench_rate_control."""

from collections.abc import Callable, Iterable

import pytest

from benchmarks import rate_goals
from benchmarks.rate_goals import Cell
from benchmarks.rate_sim.run import run


def chosen(cells: Iterable[Cell], wanted: Callable[[Cell], bool]) -> list[object]:
    """Return those cells that are wanted, as parameters of a test."""
    return [pytest.param(cell, id=cell.name) for cell in cells if wanted(cell)]


def check(cell: Cell, seeds: int) -> None:
    """Run a case with so many seeds; all its goals are reached.

    The benchmark runs more of them. What few may differ by chance is allowed for: half a
    percent of the quota, 0.2 % of 429s, 0.05 of fairness, half a second.
    """
    runs = [run(cell.case, seed) for seed in range(seeds)]
    for goal in cell.goals:
        value = goal.measure.of(runs)
        if goal.limit is not None:
            missing = goal.worse(value, goal.limit)
            assert missing <= goal.measure.grain, (goal.measure.head, value, goal.words)


ALONE = chosen(rate_goals.alone(), lambda cell: cell.case.server.rate <= 100)
TOGETHER = chosen(
    rate_goals.together(),
    lambda cell: cell.case.prior == 1 and cell.case.server.rate <= 100,
)
ONE_HOST = chosen(
    rate_goals.one_host(),
    lambda cell: cell.case.clients == 3 and cell.case.server.rate in {10, 30, 100},
)
CHANGES = chosen(rate_goals.changes(), lambda cell: cell.case.server.rate <= 100)
CONCURRENCY = chosen(rate_goals.concurrency(), lambda cell: cell.case.clients == 1)


@pytest.mark.parametrize("cell", ALONE)
def test_alone(cell: Cell) -> None:
    check(cell, seeds=10)


@pytest.mark.parametrize("cell", TOGETHER)
def test_processes_that_cannot_talk(cell: Cell) -> None:
    check(cell, seeds=6)


@pytest.mark.parametrize("cell", ONE_HOST)
def test_processes_on_one_host(cell: Cell) -> None:
    check(cell, seeds=2)


@pytest.mark.parametrize("cell", CHANGES)
def test_the_limit_changes(cell: Cell) -> None:
    check(cell, seeds=6)


@pytest.mark.parametrize("cell", CONCURRENCY)
def test_calls_at_once(cell: Cell) -> None:
    check(cell, seeds=1)
