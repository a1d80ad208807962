"""The state machines: time is an argument, so their whole life is a table."""

import pytest

from asyncdbx.simulator import machines
from asyncdbx.simulator.machines import IllegalState, Life, settled


def _states(life: Life, *moments: float) -> list[str]:
    return [life.state(moment) for moment in moments]


def test_a_created_cluster_is_pending_then_running() -> None:
    """Three minutes, to the second."""
    life = machines.cluster_created(100.0)
    assert _states(life, 100, 279.9, 280, 1e9) == [
        "PENDING",
        "PENDING",
        "RUNNING",
        "RUNNING",
    ]
    assert [life.settled(279.9), life.settled(280.0)] == [False, True]
    assert (life.entered("RUNNING"), life.entered("ERROR")) == (280.0, None)


@pytest.mark.parametrize(
    "state", ["PENDING", "RUNNING", "RESTARTING", "RESIZING", "TERMINATING"]
)
def test_only_a_terminated_cluster_can_be_started(state: str) -> None:
    """Any other state refuses and says which state it is."""
    with pytest.raises(IllegalState, match=state):
        machines.cluster_started(settled(state), 0.0)
    assert machines.cluster_started(settled("TERMINATED"), 0.0).state(0.0) == "PENDING"


def test_restart_touches_only_what_runs() -> None:
    """RUNNING goes through RESTARTING, the rest stays the very same life."""
    assert _states(machines.cluster_restarted(settled("RUNNING"), 0), 0, 120) == [
        "RESTARTING",
        "RUNNING",
    ]
    off = settled("TERMINATED")
    assert machines.cluster_restarted(off, 0) is off


def test_terminate_is_safe_to_repeat() -> None:
    """The second one changes nothing, on the way or at the end."""
    life = machines.cluster_terminated(settled("RUNNING"), 0.0)
    assert _states(life, 0, 29, 30) == ["TERMINATING", "TERMINATING", "TERMINATED"]
    assert machines.cluster_terminated(life, 10.0) is life
    assert machines.cluster_terminated(life, 99.0) is life


def test_resize_and_edit_want_a_settled_cluster() -> None:
    """Resize only runs on RUNNING; edit also takes what is off and leaves it off."""
    assert _states(machines.cluster_resized(settled("RUNNING"), 0), 0, 60) == [
        "RESIZING",
        "RUNNING",
    ]
    off = settled("TERMINATED")
    assert machines.cluster_edited(off, 0.0) is off
    for refused, state in (
        (machines.cluster_resized, "TERMINATED"),
        (machines.cluster_edited, "PENDING"),
    ):
        with pytest.raises(IllegalState, match=state):
            refused(settled(state), 0.0)


def test_a_run_works_and_ends() -> None:
    """PENDING, RUNNING, TERMINATING, TERMINATED."""
    life = machines.run_started(0.0, 100.0)
    assert _states(life, 0, 30, 130, 135) == [
        "PENDING",
        "RUNNING",
        "TERMINATING",
        "TERMINATED",
    ]


def test_a_cancelled_run_ends_sooner_and_a_finished_one_not_again() -> None:
    """Cancel is safe to repeat."""
    life = machines.run_started(0.0, 100.0)
    cancelled = machines.run_cancelled(life, 50.0)
    assert _states(cancelled, 50, 60) == ["TERMINATING", "TERMINATED"]
    assert machines.run_cancelled(cancelled, 55.0) is cancelled
    assert machines.run_cancelled(life, 1000.0) is life


def test_only_a_finished_run_can_be_repaired() -> None:
    """An active one refuses."""
    life = machines.run_started(0.0, 100.0)
    with pytest.raises(IllegalState, match="RUNNING"):
        machines.run_repaired(life, 50.0, 10.0)
    assert machines.run_repaired(life, 200.0, 10.0).state(200.0) == "PENDING"


def test_an_update_completes_or_is_stopped() -> None:
    """And the pipeline's state follows from it."""
    life = machines.update_started(0.0, 60.0)
    states = _states(life, 0, 5, 35, 45, 105)
    assert states == ["QUEUED", "INITIALIZING", "SETTING_UP_TABLES", "RUNNING", "COMPLETED"]
    assert [machines.pipeline_state(state) for state in states] == [
        "STARTING",
        "STARTING",
        "STARTING",
        "RUNNING",
        "IDLE",
    ]
    assert _states(machines.update_stopped(life, 50.0), 50, 60) == ["STOPPING", "CANCELED"]
    assert machines.update_stopped(life, 200.0) is life
    assert machines.pipeline_state("FAILED") == "FAILED"


def test_a_warehouse_starts_and_stops() -> None:
    """Both are safe to repeat."""
    started = machines.warehouse_started(settled("STOPPED"), 0.0)
    assert _states(started, 0, 20) == ["STARTING", "RUNNING"]
    assert machines.warehouse_started(started, 10.0) is started
    stopped = machines.warehouse_stopped(started, 30.0)
    assert _states(stopped, 30, 40) == ["STOPPING", "STOPPED"]
    assert machines.warehouse_stopped(stopped, 35.0) is stopped
