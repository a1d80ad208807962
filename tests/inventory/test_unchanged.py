"""An inventory of a fleet in which nothing has changed."""

from pathlib import Path

import pytest
from inventoried import fleet_of, taken

from asyncdbx.catalog.limits import Limits
from asyncdbx.inventory.resources import RESOURCES
from asyncdbx.look import compare
from asyncdbx.look.changing import Changing
from asyncdbx.simulator import Simulator


@pytest.mark.wire
async def test_a_second_one_costs_the_same_and_finds_nothing(
    tmp_path: Path, unlimited: Limits
) -> None:
    """No call more than the first took, and not a field of any record is another one."""
    calls: list[int] = []
    async with Simulator(2, scale=0.03, speed=0, limits=False) as simulator:
        for _ in range(2):
            before = sum(each.requests for each in simulator.everyone)
            fleet = fleet_of(simulator, limits=unlimited)
            assert (await taken(fleet, tmp_path, *RESOURCES)).exit_code == 0
            calls.append(sum(each.requests for each in simulator.everyone) - before)
    with compare(tmp_path, changing=Changing()) as found:
        assert [*found.changes()] == []
        assert sum(count.unchanged for count in found.counts()) > 1000
        assert found.notes == []
    assert calls[0] == calls[1]
