"""What the rate control is to reach, on the simulator: a part of bench_rate_control."""

from collections.abc import Callable, Iterable

import pytest

from benchmarks import rate_goals
from benchmarks.rate_goals import Cell
from benchmarks.rate_sim.run import run


def chosen(
    cells: Iterable[Cell], seeds: int, wanted: Callable[[Cell], bool]
) -> list[object]:
    """Return those cells that are wanted, and how many seeds each takes."""
    return [pytest.param(cell, seeds, id=cell.name) for cell in cells if wanted(cell)]


CELLS = [
    *chosen(rate_goals.alone(), 10, lambda cell: cell.case.server.rate <= 100),
    *chosen(
        rate_goals.together(),
        6,
        lambda cell: cell.case.prior == 1 and cell.case.server.rate <= 100,
    ),
    *chosen(
        rate_goals.one_host(),
        2,
        lambda cell: cell.case.clients == 3 and cell.case.server.rate in {10, 30, 100},
    ),
    *chosen(rate_goals.changes(), 6, lambda cell: cell.case.server.rate <= 100),
    *chosen(rate_goals.concurrency(), 1, lambda cell: cell.case.clients == 1),
]


@pytest.mark.parametrize(("cell", "seeds"), CELLS)
def test_a_case_reaches_its_goals(cell: Cell, seeds: int) -> None:
    """The benchmark runs more seeds.

    What few may differ by chance is allowed for: half a percent of the quota, 0.2 % of
    429s, 0.05 of fairness, half a second.
    """
    runs = [run(cell.case, seed) for seed in range(seeds)]
    for goal in cell.goals:
        value = goal.measure.of(runs)
        if goal.limit is not None:
            missing = goal.worse(value, goal.limit)
            assert missing <= goal.measure.grain, (goal.measure.head, value, goal.words)
