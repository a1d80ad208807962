"""One listing in the spool: its units, how it stands, what waits to be written."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, get_args

from asyncdbx.inventory.rows import Row

__all__ = [
    "FAILED",
    "Failure",
    "Listing",
    "Outcome",
    "Sample",
    "State",
    "Summary",
    "Unit",
]

# Gone is what was listed a moment ago and had been deleted when its turn came.
State = Literal["pending", "done", "gone", "partial", "denied", "unavailable"]
FAILED: tuple[State, ...] = ("partial", "denied", "unavailable")


@dataclass(frozen=True, slots=True)
class Unit:
    """What can be fetched again alone.

    Attributes:
        workspace: The listing's workspace.
        resource: The listing's resource.
        step: Which of the resource's endpoints or fan-outs, e.g. ``"0:list"``.
        key: Its arguments, as JSON text; a step never does the same key twice.
        cursor: Where its page chain stands, as JSON text; None at the beginning.
    """

    workspace: str
    resource: str
    step: str
    key: str
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """A unit that did not give all it has.

    Attributes:
        step, key: Of the unit.
        state: Partial, denied or unavailable.
        pages: How many of its pages came before it failed.
        error: Why.
    """

    step: str
    key: str
    state: str
    pages: int
    error: str


@dataclass(frozen=True, slots=True)
class Summary:
    """How one listing stands.

    Attributes:
        workspace: Name of the workspace.
        resource: Name of the resource.
        units: How many units there are in each state; all six states are there.
        records: Records fetched; one that came again counts again until it is published.
        calls: Calls made, those sent again included.
        throttled: How many of them were answered 429.
        started_at: When its first unit was handed out, in ms since 1970; None if never.
        ended_at: When its last unit was finished; None while one is pending.
        published_at: When it was published; None if it was not.
        failures: The first few units that are partial, denied or unavailable.
    """

    workspace: str
    resource: str
    units: Mapping[str, int]
    records: int
    calls: int
    throttled: int
    started_at: int | None
    ended_at: int | None
    published_at: int | None
    failures: tuple[Failure, ...]


class Sample(NamedTuple):
    """What one lane did in some seconds.

    Attributes:
        workspace: Name of the workspace.
        lane: Name of the limit group.
        at: When they ended, in milliseconds since 1970 (UTC).
        seconds: How many.
        calls: Requests that left.
        throttled: 429s.
        rate: Calls per second allowed at the end; None if unlimited.
        waiting: Calls that waited for their turn at the end.
    """

    workspace: str
    lane: str
    at: int
    seconds: float
    calls: int
    throttled: int
    rate: float | None
    waiting: int


class Outcome(NamedTuple):
    """What became of a unit, in the order in which it is written."""

    state: State
    cursor: str | None
    pages: int
    error: str
    unit_id: int


@dataclass(slots=True, eq=False)
class Listing:
    """What the file says of one listing, and what waits to be written.

    The first nine attributes are the columns of its row.

    Attributes:
        states: Units in the file, by state.
        handed_out: Units up to this id are, or were, in the caller's hand.
        touched_at: When something was last committed to it.
        new_units: Units that wait: listing, step, key, cursor.
        new_records: Records that wait, by the unit whose they are; by None, those of units
            that have one page, together.
        settled: Units with staged records, and whether those become the listing's or are
            forgotten.
        outcomes: What became of units since the last flush, by their ids.
        finished: How many of the outcomes are an end, by state.
    """

    id: int
    workspace: str
    resource: str
    records: int = 0
    calls: int = 0
    throttled: int = 0
    started_at: int | None = None
    ended_at: int | None = None
    published_at: int | None = None
    states: Counter[str] = field(default_factory=Counter[str])
    handed_out: int = 0
    touched_at: int = 0
    new_units: list[tuple[object, ...]] = field(default_factory=list[tuple[object, ...]])
    new_records: dict[int | None, list[Row]] = field(
        default_factory=dict[int | None, list[Row]]
    )
    settled: list[tuple[int, bool]] = field(default_factory=list[tuple[int, bool]])
    outcomes: dict[int, Outcome] = field(default_factory=dict[int, Outcome])
    finished: Counter[str] = field(default_factory=Counter[str])

    def take(self, outcome: Outcome) -> None:
        """Note what became of a unit; of several of its pages the last one counts.

        A page that failed does not move the cursor.
        """
        if before := self.outcomes.get(outcome.unit_id):
            outcome = outcome._replace(
                pages=before.pages + outcome.pages, cursor=outcome.cursor or before.cursor
            )
        self.outcomes[outcome.unit_id] = outcome
        if outcome.state != "pending":
            self.finished[outcome.state] += 1

    def open_units(self) -> int:
        """Return how many units are pending, those that wait to be written left out."""
        return self.states["pending"] - self.finished.total()

    def row(self, units: int) -> tuple[object, ...]:
        """Return its row, given how many of the waiting units are new."""
        return (
            self.id,
            self.workspace,
            self.resource,
            self.records,
            self.calls,
            self.throttled,
            self.started_at,
            self._end(units),
            self.published_at,
        )

    def written(self, units: int) -> None:
        """Note that what waited is in the file."""
        self.ended_at = self._end(units)
        self.states["pending"] += units - self.finished.total()
        self.states.update(self.finished)
        for waiting in (
            self.new_units,
            self.new_records,
            self.settled,
            self.outcomes,
            self.finished,
        ):
            waiting.clear()

    def summary(self, failures: tuple[Failure, ...]) -> Summary:
        """Return how it stands, once nothing waits."""
        return Summary(
            workspace=self.workspace,
            resource=self.resource,
            units={state: self.states[state] for state in get_args(State)},
            records=self.records,
            calls=self.calls,
            throttled=self.throttled,
            started_at=self.started_at,
            ended_at=self.ended_at,
            published_at=self.published_at,
            failures=failures,
        )

    def _end(self, units: int) -> int | None:
        if self.open_units() + units:
            return None
        return self.touched_at if self.finished else self.ended_at
