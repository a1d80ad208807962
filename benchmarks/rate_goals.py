"""What bench_rate_control asks of the client under test: cases, and goals for each.

Its tests and its ablation ask for the same.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from statistics import fmean
from typing import Literal

from benchmarks.rate_sim.demand import DemandSpec
from benchmarks.rate_sim.run import Case, Outcome
from benchmarks.rate_sim.server import Kind, ServerSpec

__all__ = [
    "KINDS",
    "PRIORS",
    "RATES",
    "Cell",
    "Goal",
    "Measure",
    "alone",
    "at_random",
    "changes",
    "concurrency",
    "odd",
    "one_host",
    "together",
]

KINDS: tuple[Kind, ...] = ("sliding", "bucket")
RATES = (2, 10, 30, 100, 1000)  # calls per second
PRIORS = {"right": 1.0, "/10": 0.1, "x10": 10.0}
CLIENTS = (2, 3, 4)


@dataclass(frozen=True, slots=True)
class Measure:
    """One number about the runs of a case, one run for each seed.

    Attributes:
        head: What it is called.
        unit: What it is counted in.
        digits: After the point.
        of: Makes it of the outcomes.
        grain: A difference that is more than the chance of a few seeds.
    """

    head: str
    unit: str
    digits: int
    of: Callable[[Sequence[Outcome]], float]
    grain: float

    def text(self, value: float) -> str:
        return f"{value:.{self.digits}f}{self.unit}"


def mean(of: Callable[[Outcome], float]) -> Callable[[Sequence[Outcome]], float]:
    return lambda runs: fmean(map(of, runs))


USED = Measure("used", " %", 1, mean(lambda run: 100 * run.used), 0.5)
REFUSED = Measure("429", " %", 2, mean(lambda run: 100 * run.refused), 0.2)
JAIN = Measure("Jain", "", 2, mean(lambda run: run.jain), 0.05)
SENDS = Measure("most sends", "", 0, lambda runs: max(run.most_sends for run in runs), 1)
BACK = Measure("back in", " s", 1, mean(lambda run: run.recovery), 0.5)
WORST = Measure("worst", " s", 1, lambda runs: max(run.recovery for run in runs), 2)
FLYING = Measure("in flight", " %", 1, mean(lambda run: 100 * run.in_flight), 1)
SERVED = Measure("in service", " %", 1, mean(lambda run: 100 * run.in_service), 1)


@dataclass(frozen=True, slots=True)
class Goal:
    """What a measure is to be.

    Attributes:
        measure: What is measured.
        limit: The target; None if it is only shown.
        side: On which side of the limit is good.
    """

    measure: Measure
    limit: float | None = None
    side: Literal["at least", "at most"] = "at least"

    def worse(self, value: float, other: float) -> float:
        """Return by how much a value is worse than another; negative if it is better."""
        return other - value if self.side == "at least" else value - other

    def is_missed(self, value: float) -> bool:
        return self.limit is not None and self.worse(value, self.limit) > 0

    @property
    def words(self) -> str:
        return "" if self.limit is None else f"; {self.side} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Cell:
    """One row of a table.

    Attributes:
        labels: What it is.
        case: What is run.
        goals: What comes of it, and ought to.
    """

    labels: tuple[str, ...]
    case: Case
    goals: tuple[Goal, ...]

    @property
    def name(self) -> str:
        return " ".join(self.labels)


SHOWN = Goal(USED), Goal(REFUSED, side="at most")


def at_least(measure: Measure, limit: float | None) -> Goal:
    return Goal(measure, limit, "at least")


def at_most(measure: Measure, limit: float | None) -> Goal:
    return Goal(measure, limit, "at most")


def alone() -> Iterable[Cell]:
    """One client from a cold start, whatever it believes the rate to be."""
    for kind in KINDS:
        for prior, factor in PRIORS.items():
            for rate in RATES:
                used, refused = _alone_limits(rate, right=factor == 1)
                goals = at_least(USED, used), at_most(REFUSED, refused), at_most(SENDS, 5)
                case = Case(ServerSpec(kind, rate), prior=factor)
                yield Cell((kind, f"prior {prior}", f"{rate}/s"), case, goals)


def _alone_limits(rate: float, *, right: bool) -> tuple[float | None, float | None]:
    """Return the least use and the most refusals, in percent."""
    if rate >= 30:
        return (97, 0.8) if right else (95, 1)
    if rate >= 10:
        return (95, 2) if right else (90, 2)
    return (93, 4) if right else (None, None)


def together() -> Iterable[Cell]:
    """Clients that share a limit and cannot talk; without goals if the prior is wrong."""
    limits = {"right": (94, 3, 0.9)}
    for kind in KINDS:
        for prior, factor in PRIORS.items():
            used, refused, jain = limits.get(prior, (None, None, None))
            goals = at_least(USED, used), at_most(REFUSED, refused), at_least(JAIN, jain)
            for clients in CLIENTS:
                for rate in (30, 100, 1000):
                    case = Case(ServerSpec(kind, rate), prior=factor, clients=clients)
                    labels = kind, f"prior {prior}", f"{clients} processes", f"{rate}/s"
                    yield Cell(labels, case, goals)


def one_host() -> Iterable[Cell]:
    """Clients that share what they have learned, and take turns; also in a later run."""
    goals = Goal(USED), at_most(REFUSED, 1), at_least(JAIN, 0.95)
    for kind, run in product(KINDS, ("first run", "later run")):
        for clients, rate in product(CLIENTS, RATES):
            case = Case(
                ServerSpec(kind, rate),
                policy="ours, one host",
                clients=clients,
                remembered=run == "later run",
            )
            labels = kind, run, f"{clients} on one host", f"{rate}/s"
            yield Cell(labels, case, goals)


def changes() -> Iterable[Cell]:
    """A limit that falls to a third, or triples."""
    drop = at_most(BACK, 2.5), at_most(WORST, None), *SHOWN
    rise = at_most(BACK, 5), at_most(WORST, None), *SHOWN
    for kind in KINDS:
        for change, factor, goals in (("to a third", 1 / 3, drop), ("x3", 3.0, rise)):
            for rate in (30, 100, 1000):
                server = ServerSpec(
                    kind, rate, changes=((60.0, float(round(rate * factor))),)
                )
                slots = 400 if rate * factor > 200 else 100
                case = Case(server, slots=slots, seconds=100.0, shift=4.0)
                yield Cell((kind, change, f"{rate}/s"), case, goals)


def concurrency() -> Iterable[Cell]:
    """A server that takes 20 calls at once, and mostly says so in its refusals."""
    sends = at_most(SENDS, None)
    goals = at_least(FLYING, 90), Goal(SERVED), at_most(REFUSED, 1), sends
    shown = Goal(FLYING), Goal(SERVED), at_most(REFUSED, None), sends
    for service in (0.1, 0.5, 2.0):
        server = ServerSpec("bucket", 1000, concurrency=20, service=service)
        case = Case(server, slots=200, at_once=20)
        labels = f"{service:g} s a call", "1 process"
        yield Cell((*labels, "20"), case, goals)
        yield Cell((*labels, "64"), replace(case, at_once=64), goals)
        silent = replace(case, at_once=64, server=replace(server, names_limit=False))
        yield Cell((*labels, "64, is not told"), silent, shown)
        two = replace(case, clients=2)
        yield Cell((f"{service:g} s a call", "2 processes", "20"), two, shown)


def odd() -> dict[str, Case]:
    """Other servers, and demand that comes and goes, at any rate; there are no goals."""
    slow = ServerSpec("sliding", 1, service=0.6, trip=0.08, jitter=0.02)
    asks = ServerSpec("sliding", 1, retry_after="int")
    return {
        "fixed window": Case(ServerSpec("fixed", 1)),
        "burst 1": Case(ServerSpec("strict", 1)),
        "burst 5": Case(ServerSpec("bucket", 1, burst=5)),
        "refusals count": Case(ServerSpec("sliding", 1, count_refusals=True)),
        "slow network": Case(slow, slots=150),
        "four nodes": Case(ServerSpec("shards", 1)),
        "Retry-After": Case(asks),
        "Retry-After, prior /10": Case(asks, prior=0.1),
        "Retry-After, prior x10": Case(asks, prior=10.0),
        "10 s on, 10 s off": Case(ServerSpec("sliding", 1), demand=DemandSpec("on/off")),
    }


def at_random(rate: float, share: float) -> Case:
    """Calls that come independently of each other, this share of the limit on average."""
    demand = DemandSpec("poisson", share * rate)
    return Case(ServerSpec("sliding", rate), demand=demand, slots=200)
