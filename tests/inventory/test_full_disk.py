"""A real disk that is full: what was published is kept, and with room it goes on."""

import pytest

from benchmarks import bench_full_disk

pytestmark = pytest.mark.skipif(
    not bench_full_disk.can_mount(), reason="this system lets us mount no tmpfs"
)


def test_an_inventory_that_does_not_fit_stops_and_goes_on() -> None:
    """Exit code 1 and a sentence; the tables are untouched; then all of it, exit code 0."""
    rows = bench_full_disk.measure(6000, 2)
    stopped = [row for row in rows if row["code"] != 0]
    assert {row["code"] for row in stopped} == {1}
    assert all("disk is full; make room and run the same" in row["said"] for row in stopped)
    assert [row["changed"] for row in rows] == [0] * len(rows)
    assert [(row["then"], row["wrong"]) for row in rows] == [(0, 0)] * len(rows)
