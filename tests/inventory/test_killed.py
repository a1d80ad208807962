"""A process that is killed with SIGKILL, whatever it was doing, and started again."""

from pathlib import Path

from benchmarks.bench_inventory import compare_all
from benchmarks.bench_kill import OPTIONS, inventory, killed
from benchmarks.common import simulated_fleet

KILLS = 4


def test_what_was_answered_is_not_asked_again(tmp_path: Path) -> None:
    """Only what was on its way is; no record is lost, none is there twice."""
    folder = tmp_path / "inventory"
    with simulated_fleet(*OPTIONS, "--scale", 0.4) as fleet:
        kills = killed(fleet, folder, KILLS, seed=3)
        process = inventory(fleet, folder)
        assert process.wait(timeout=60) == 0
        calls = fleet.ask("calls").values()
        assert kills.total() == KILLS
        assert sum(each["unheard"] for each in calls) > 0
        # What had come to a process that had no time to write it down.
        assert sum(each["repeated"] for each in calls) <= 10 * KILLS
        assert compare_all(fleet, folder).faults == 0
