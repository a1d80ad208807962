"""The life of clusters, runs, pipelines and warehouses. Pure: time is an argument.

A thing lives through phases; each has a state and a duration. An operation asks in which
state the thing is now, and gives it new phases or refuses. Times are in simulated seconds;
the durations are typical of the platform, none is promised by it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from math import inf


class IllegalState(Exception):
    """The operation is not possible in this state."""

    def __init__(self, state: str) -> None:
        super().__init__(state)
        self.state = state


@dataclass(frozen=True, slots=True)
class Phase:
    """A state and how long it lasts."""

    state: str
    seconds: float = inf


@dataclass(frozen=True, slots=True)
class Life:
    """Phases one after the other, from a moment on."""

    phases: tuple[Phase, ...]
    since: float

    def state(self, now: float) -> str:
        """Return the state at ``now``; before ``since`` it is the first one."""
        ends = accumulate(phase.seconds for phase in self.phases)
        age = now - self.since
        return next(p.state for p, end in zip(self.phases, ends, strict=True) if age < end)

    def settled(self, now: float) -> bool:
        """Tell whether the last phase has begun: nothing will change by itself."""
        return now - self.since >= sum(phase.seconds for phase in self.phases[:-1])

    def entered(self, state: str) -> float | None:
        """Return the moment at which ``state`` begins, or None if it never does."""
        begin = self.since
        for phase in self.phases:
            if phase.state == state:
                return begin
            begin += phase.seconds
        return None


def settled(state: str, since: float = 0.0) -> Life:
    """Return the life of what stays as it is."""
    return Life((Phase(state),), since)


def _through(*steps: tuple[str, float], then: str) -> tuple[Phase, ...]:
    return (*(Phase(*step) for step in steps), Phase(then))


def _only_in(states: Iterable[str], life: Life, now: float) -> None:
    state = life.state(now)
    if state not in states:
        raise IllegalState(state)


# Clusters: start takes three minutes.


def cluster_created(now: float) -> Life:
    """PENDING, then RUNNING."""
    return Life(_through(("PENDING", 180), then="RUNNING"), now)


def cluster_started(life: Life, now: float) -> Life:
    """Start: only what is TERMINATED (or in ERROR) can be started.

    Raises:
        IllegalState: In any other state, as the platform really answers.
    """
    _only_in(("TERMINATED", "ERROR"), life, now)
    return cluster_created(now)


def cluster_restarted(life: Life, now: float) -> Life:
    """Restart: RUNNING goes through RESTARTING; anything else is left as it is."""
    if life.state(now) != "RUNNING":
        return life
    return Life(_through(("RESTARTING", 120), then="RUNNING"), now)


def cluster_resized(life: Life, now: float) -> Life:
    """Resize: only while RUNNING.

    Raises:
        IllegalState: In any other state.
    """
    _only_in(("RUNNING",), life, now)
    return Life(_through(("RESIZING", 60), then="RUNNING"), now)


def cluster_terminated(life: Life, now: float) -> Life:
    """Terminate: through TERMINATING, unless it is on its way already."""
    if life.state(now) in ("TERMINATED", "TERMINATING", "ERROR"):
        return life
    return Life(_through(("TERMINATING", 30), then="TERMINATED"), now)


def cluster_edited(life: Life, now: float) -> Life:
    """Edit: what runs restarts, what is off stays off.

    Raises:
        IllegalState: In every other state.
    """
    _only_in(("RUNNING", "TERMINATED", "ERROR"), life, now)
    return cluster_restarted(life, now)


# Runs: half a minute to get a cluster, then the work.

RUN_OVER = ("TERMINATED", "SKIPPED", "INTERNAL_ERROR")


def run_started(now: float, work_seconds: float) -> Life:
    """PENDING, RUNNING, TERMINATING, TERMINATED."""
    steps = (("PENDING", 30.0), ("RUNNING", work_seconds), ("TERMINATING", 5.0))
    return Life(_through(*steps, then="TERMINATED"), now)


def run_cancelled(life: Life, now: float) -> Life:
    """Cancel: what is over stays as it is."""
    if life.state(now) in (*RUN_OVER, "TERMINATING"):
        return life
    return Life(_through(("TERMINATING", 10), then="TERMINATED"), now)


def run_repaired(life: Life, now: float, work_seconds: float) -> Life:
    """Repair: the run must be over.

    Raises:
        IllegalState: It is still going.
    """
    _only_in(RUN_OVER, life, now)
    return run_started(now, work_seconds)


# Pipelines and their updates


UPDATE_OVER = ("COMPLETED", "FAILED", "CANCELED")


def update_started(now: float, work_seconds: float) -> Life:
    """An update of a pipeline, from QUEUED to COMPLETED."""
    steps = (
        ("QUEUED", 5.0),
        ("INITIALIZING", 30.0),
        ("SETTING_UP_TABLES", 10.0),
        ("RUNNING", work_seconds),
    )
    return Life(_through(*steps, then="COMPLETED"), now)


def update_stopped(life: Life, now: float) -> Life:
    """Stop: what is over stays as it is."""
    if life.state(now) in (*UPDATE_OVER, "STOPPING"):
        return life
    return Life(_through(("STOPPING", 10), then="CANCELED"), now)


def pipeline_state(update: str) -> str:
    """Return the state of a pipeline from that of its latest update."""
    if update == "FAILED":
        return "FAILED"
    if update in UPDATE_OVER:
        return "IDLE"
    return update if update in ("RUNNING", "STOPPING") else "STARTING"


# Warehouses


def warehouse_started(life: Life, now: float) -> Life:
    """Start: through STARTING; what runs or starts is left as it is."""
    if life.state(now) in ("RUNNING", "STARTING"):
        return life
    return Life(_through(("STARTING", 20), then="RUNNING"), now)


def warehouse_stopped(life: Life, now: float) -> Life:
    """Stop: through STOPPING; what is off or stops is left as it is."""
    if life.state(now) in ("STOPPED", "STOPPING"):
        return life
    return Life(_through(("STOPPING", 10), then="STOPPED"), now)
