"""A case, and what becomes of it."""

import multiprocessing
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from benchmarks.rate_sim.client import Client
from benchmarks.rate_sim.demand import DemandSpec
from benchmarks.rate_sim.measures import (
    Watch,
    between,
    jain,
    offered,
    quantile,
    recovery,
)
from benchmarks.rate_sim.policies import (
    Aimd,
    Backoff,
    BotocoreCubic,
    LeakyBucket,
    Policy,
    SdkRetry,
)
from benchmarks.rate_sim.server import Server, ServerSpec
from benchmarks.rate_sim.world import World

__all__ = ["Case", "Job", "Outcome", "PolicyName", "Scene", "run", "run_all"]

PolicyName = Literal[
    "ours", "ours, one host", "aiolimiter", "backoff", "SDK retry", "CUBIC", "AIMD"
]

APART = 5.0  # seconds between the starts of two clients
SETTLED = 20.0  # seconds after which calls at once are counted
LATE = 30.0  # seconds after which shares are compared
ENDLESS = DemandSpec()


@dataclass(frozen=True, slots=True)
class Case:
    """Who calls whom, and for how long.

    Attributes:
        server: The server.
        policy: How its clients deal with limits.
        prior: The rate they expect, as a multiple of the true one at the start.
        remembered: They begin with what an earlier run has learned: the true limit, and
            whether there is a bucket.
        clients: How many there are; they start five seconds apart.
        slots: Of each; as many as the rate needs if not given.
        seconds: How long it is watched.
        demand: What each wants to do.
        at_once: How many calls they expect the server to take at once, if it counts them.
        shift: Changes of the rate come later by up to so many seconds, by the seed.
    """

    server: ServerSpec
    policy: PolicyName = "ours"
    prior: float = 1.0
    remembered: bool = False
    clients: int = 1
    slots: int | None = None
    seconds: float = 60.0
    demand: DemandSpec = ENDLESS
    at_once: int | None = None
    shift: float = 0.0

    def at(self, rate: float) -> "Case":
        """Return the same case at another rate."""
        return replace(self, server=replace(self.server, rate=rate))

    @property
    def fastest(self) -> float:
        """Return the highest rate there is, calls per second."""
        return max([self.server.rate, *(rate for _, rate in self.server.changes)])


Job = tuple[Case, int]  # and a seed


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one run.

    Attributes:
        used: Accepted calls, as a share of what the server would have let through.
        refused: Refused calls, as a share of all that were sent.
        jain: How equal the clients' shares were from 30 seconds on.
        most_sends: How often the unluckiest call was sent.
        recovery: Seconds from the first change of the rate to its use; the rest of the run
            if it was never used.
        in_flight: Calls on their way, on average, as a share of the server's limit.
        in_service: Those at the server, likewise.
        p50: Seconds from a call's birth to its acceptance: the median.
        p99: Likewise; 1 % took longer.
    """

    used: float
    refused: float
    jain: float
    most_sends: int
    recovery: float
    in_flight: float
    in_service: float
    p50: float
    p99: float


class Scene:
    """All that takes part in one run.

    Attributes:
        case: What it is.
        world: Its time.
        server: Its server, with the changes as they will come.
        policies: One for each client.
        clients: Its clients.
    """

    __slots__ = ("_watch", "case", "clients", "policies", "server", "spec", "world")

    def __init__(self, case: Case, seed: int) -> None:
        self.case = case
        self.world = World(seed)
        shift = self.world.random.uniform(0, case.shift)
        changes = tuple((time + shift, rate) for time, rate in case.server.changes)
        self.spec = replace(case.server, changes=changes)
        self.server = Server(self.world, self.spec)
        self.policies = _policies(case, self.world)
        slots = case.slots or (50 if case.fastest <= 100 else 200)
        self.clients = [
            Client(self.server, policy, case.demand.make(), slots, APART * number)
            for number, policy in enumerate(self.policies)
        ]
        self._watch: Watch | None = None
        if limit := case.server.concurrency:
            self._watch = Watch(self.server, self.clients, SETTLED, limit)

    def play(self) -> Outcome:
        """Run to the end, and measure."""
        self.world.run(self.case.seconds)
        accepted, refused = len(self.server.accepted_at), len(self.server.refused_at)
        latencies = [each for client in self.clients for each in client.latencies]
        end = self.case.seconds
        shares = [between(client.answered_at, LATE, end) for client in self.clients]
        return Outcome(
            used=accepted / self._most(),
            refused=refused / max(1, accepted + refused),
            jain=jain(shares),
            most_sends=max(client.most_sends for client in self.clients),
            recovery=self._recovery(),
            in_flight=self._watch.in_flight() if self._watch else 0.0,
            in_service=self._watch.in_service() if self._watch else 0.0,
            p50=quantile(latencies, 0.5),
            p99=quantile(latencies, 0.99),
        )

    def _most(self) -> float:
        """Return how many calls the server would have let through."""
        steps = [(0.0, self.spec.rate), *self.spec.changes]
        calls = offered(steps, self.case.seconds) * self.case.demand.share_of_time
        return calls + self.server.burst

    def _recovery(self) -> float:
        if not self.spec.changes:
            return 0.0
        (time, rate), *_ = self.spec.changes
        seconds = recovery(self.server, time, rate, self.case.seconds)
        return self.case.seconds - time if seconds is None else seconds


def _policies(case: Case, world: World) -> list[Policy]:
    """Return a policy for each client."""
    prior = case.prior * case.server.rate
    if case.policy == "ours, one host":
        from benchmarks.rate_sim.learned import Host, Learned, Seat

        host = Host(Learned(world, prior, **_remembered(case)))
        return [Seat(host) for _ in range(case.clients)]
    return [_policy(case, prior, world) for _ in range(case.clients)]


def _policy(case: Case, prior: float, world: World) -> Policy:
    match case.policy:
        case "aiolimiter":
            return LeakyBucket(prior, world.random)
        case "backoff":
            return Backoff(world.random)
        case "SDK retry":
            return SdkRetry(world.random)
        case "CUBIC":
            return BotocoreCubic(world.random)
        case "AIMD":
            return Aimd(prior)
        case _:
            # Imported late, so that an ablation can load it anew.
            from benchmarks.rate_sim.learned import Learned

            return Learned(world, prior, at_once=case.at_once, **_remembered(case))


def _remembered(case: Case) -> dict[str, Any]:
    if not case.remembered:
        return {}
    return {"limit": case.server.rate, "bursty": case.server.kind == "bucket"}


def run(case: Case, seed: int) -> Outcome:
    """Play a case once."""
    return Scene(case, seed).play()


def run_all(jobs: Iterable[Job]) -> dict[Job, Outcome]:
    """Play all of them, on all cores, the longest ones first."""
    ordered = sorted(set(jobs), key=_cost, reverse=True)
    with multiprocessing.Pool() as pool:
        return dict(zip(ordered, pool.starmap(run, ordered, chunksize=1), strict=True))


def _cost(job: Job) -> tuple[float, int]:
    case, seed = job
    return case.fastest * case.seconds * case.clients, seed
