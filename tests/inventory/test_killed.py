"""A process that is killed with SIGKILL in the middle of its work, and started again."""

import time
from pathlib import Path

from benchmarks.bench_inventory import compare_all
from benchmarks.bench_kill import OPTIONS, inventory
from benchmarks.common import SimulatedFleet, simulated_fleet

KILLS = 4
CALLS = 60  # that a process may make before it is killed
PATIENCE = 60  # seconds


def kill_in_the_middle(fleet: SimulatedFleet, folder: Path) -> None:
    """Start an inventory, and kill it when it has made some calls."""
    enough = fleet.accepted() + CALLS
    process = inventory(fleet, folder)
    until = time.monotonic() + PATIENCE
    while fleet.accepted() < enough:
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.01)
    process.kill()
    process.wait()


def test_what_was_answered_is_not_asked_again(tmp_path: Path) -> None:
    """Only what was on its way is; no record is lost, none is there twice."""
    folder = tmp_path / "inventory"
    with simulated_fleet(*OPTIONS, "--scale", 0.3) as fleet:
        for _ in range(KILLS):
            kill_in_the_middle(fleet, folder)
        assert inventory(fleet, folder).wait(timeout=PATIENCE) == 0
        calls = fleet.ask("calls").values()
        assert sum(each["unheard"] for each in calls) > 0
        # What had come to a process that had no time to write it down.
        assert sum(each["repeated"] for each in calls) < KILLS * CALLS / 2
        assert compare_all(fleet, folder).faults == 0
