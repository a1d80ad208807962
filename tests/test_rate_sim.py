"""The simulator that measures the rate control: it counts, and its peers are real."""

import ast
import asyncio
import math
from pathlib import Path
from typing import Any

import pytest
from aiolimiter import AsyncLimiter
from botocore.retries import adaptive, bucket, throttling

import benchmarks.rate_sim
from benchmarks.rate_ablation import Sources
from benchmarks.rate_sim.calls import Call, Caller, Refusal
from benchmarks.rate_sim.client import Client
from benchmarks.rate_sim.demand import DemandSpec, Endless
from benchmarks.rate_sim.learned import Learned
from benchmarks.rate_sim.limits import Bucket, FixedWindow, Sliding
from benchmarks.rate_sim.measures import jain, offered, quantile, recovery
from benchmarks.rate_sim.policies import BotocoreCubic, LeakyBucket, Policy
from benchmarks.rate_sim.run import Case, Scene, run
from benchmarks.rate_sim.server import Server, ServerSpec
from benchmarks.rate_sim.world import World

SLIDING = ServerSpec("sliding", 20)


def most_within_a_second(times: list[float]) -> int:
    return max(sum(start <= time < start + 1 - 1e-9 for time in times) for start in times)


# --- the server -------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["ours", "backoff", "AIMD"])
@pytest.mark.parametrize("count_refusals", [False, True])
def test_a_sliding_server_never_lets_more_than_its_quota_through(
    policy: Any,
    count_refusals: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    server = ServerSpec("sliding", 20, count_refusals=count_refusals)
    scene = Scene(Case(server, policy, prior=5, seconds=20), seed=1)
    scene.play()
    assert scene.server.refused_at
    assert most_within_a_second(scene.server.accepted_at) <= 20


def test_it_keeps_to_a_quota_that_falls() -> None:
    server = ServerSpec("sliding", 30, changes=((10.0, 10.0),))
    scene = Scene(Case(server, "backoff", seconds=20), seed=1)
    scene.play()
    late = [time for time in scene.server.accepted_at if time >= 10]
    assert most_within_a_second(late) <= 10


def test_it_says_so_if_it_does_not_keep_its_own_limit() -> None:
    class Generous(Sliding):
        def ask(self, now: float) -> float:
            return 0.0

    assert not Generous(2).is_kept([0.0, 0.1, 0.2])
    assert Generous(2).is_kept([0.0, 0.1, 1.0])


@pytest.mark.parametrize(
    ("rate", "burst", "expected"), [(10, None, 110), (10, 5, 105), (8, 1, 81)]
)
def test_a_bucket_lets_through_its_burst_and_what_it_refills(
    rate: float, burst: float | None, expected: int
) -> None:
    bucket = Bucket(rate, burst)
    assert sum(not bucket.ask(tick / 1000) for tick in range(10_001)) == expected


def test_a_bucket_says_when_there_is_room() -> None:
    bucket = Bucket(4, burst=1)
    assert bucket.ask(0) == 0
    assert bucket.ask(0.1) == pytest.approx(0.15)
    assert bucket.ask(0.25) == 0


def test_a_sliding_second_says_when_there_is_room() -> None:
    sliding = Sliding(2)
    assert [sliding.ask(0.0), sliding.ask(0.5)] == [0, 0]
    assert sliding.ask(0.75) == pytest.approx(0.25)
    assert sliding.ask(1.0) == 0
    assert sliding.ask(1.25) == pytest.approx(0.25)


def test_a_fixed_window_begins_anew_with_each_second_of_the_clock() -> None:
    window = FixedWindow(3)
    let_through = [tick / 10 for tick in range(30) if not window.ask(tick / 10)]
    assert let_through == [0.0, 0.1, 0.2, 1.0, 1.1, 1.2, 2.0, 2.1, 2.2]


def test_no_more_calls_are_served_at_once_than_the_limit() -> None:
    server = ServerSpec("bucket", 1000, concurrency=5, service=0.5)
    scene = Scene(Case(server, "backoff", seconds=20), seed=1)
    served = []

    def look() -> None:
        served.append(scene.server.in_service)
        scene.world.at(scene.world.now + 0.01, look)

    look()
    outcome = scene.play()
    assert max(served) == 5
    assert outcome.refused > 0.1


class Notes:
    """Hears what becomes of calls."""

    def __init__(self) -> None:
        self.refusals: list[Refusal] = []
        self.times: list[float] = []

    def accepted(self, call: Call) -> None:
        self.times.append(call.born_at)

    def refused(self, call: Call, refusal: Refusal) -> None:
        self.refusals.append(refusal)


@pytest.mark.parametrize(
    ("asked", "expected"), [(None, [None]), (7.5, [7.5]), ("int", [1.0])]
)
def test_a_refusal_says_when_to_come_back(asked: Any, expected: list[float | None]) -> None:
    notes, world = Notes(), World(1)
    server = Server(world, ServerSpec("strict", 1, retry_after=asked))
    for _ in range(2):
        server.send(Call(0.0), notes)
    world.run(1)
    assert [refusal.retry_after for refusal in notes.refusals] == expected


def test_a_refusal_for_concurrency_names_the_limit_and_is_none_for_the_rate() -> None:
    notes, world = Notes(), World(1)
    server = Server(world, ServerSpec("bucket", 100, concurrency=3))
    for _ in range(4):
        server.send(Call(0.0), notes)
    world.run(1)
    assert notes.refusals == [Refusal(is_rate=False, named=3)]


def test_calls_take_the_time_they_should() -> None:
    """A mean of 60 ms at the server and 15 ms each way; a median below that."""
    scene = Scene(Case(ServerSpec("bucket", 100), demand=DemandSpec("poisson", 20)), seed=1)
    scene.play()
    (client,) = scene.clients
    mean = sum(client.latencies) / len(client.latencies)
    assert mean == pytest.approx(0.090, abs=0.004)
    assert quantile(client.latencies, 0.5) < mean


# --- clients ----------------------------------------------------------------------------


class Scripted(Server):
    """Refuses the calls that it is told to, by the order in which they come."""

    def __init__(self, world: World, refused: set[int]) -> None:
        super().__init__(world, SLIDING)
        self.refused = refused
        self.seen: list[Call] = []

    def send(self, call: Call, caller: Caller) -> None:
        self.seen.append(call)
        if len(self.seen) - 1 in self.refused:
            self.world.at(self.world.now + 1, caller.refused, call, Refusal())
        else:
            self.world.at(self.world.now + 1, caller.accepted, call)


class OneByOne(Policy):
    """Waits for each answer."""

    def earliest(self, now: float, in_flight: int) -> float:
        return math.inf if in_flight else now


def order_of(calls: list[Call]) -> list[int]:
    """Return which call was sent when, the calls numbered as they first appeared."""
    numbers: dict[int, int] = {}
    return [numbers.setdefault(id(call), len(numbers)) for call in calls]


def test_refused_calls_go_ahead_of_fresh_ones() -> None:
    world = World(1)
    server = Scripted(world, {1})
    Client(server, OneByOne(), Endless(), slots=5)
    world.run(4)
    assert order_of(server.seen) == [0, 1, 1, 2, 3]


def test_nobody_is_the_canary_for_ever() -> None:
    """After four refusals a fresh call goes first."""
    world = World(1)
    server = Scripted(world, set(range(100)))
    Client(server, OneByOne(), Endless(), slots=5)
    world.run(8)
    assert order_of(server.seen) == [0, 0, 0, 0, 1, 0, 1, 2, 0]


def test_a_call_that_is_refused_keeps_its_slot() -> None:
    world = World(1)
    server = Scripted(world, set(range(1000)))
    Client(server, Policy(), Endless(), slots=3)
    world.run(10)
    assert set(order_of(server.seen)) == {0, 1, 2}


def test_on_and_off() -> None:
    case = Case(ServerSpec("bucket", 50), demand=DemandSpec("on/off"), seconds=40)
    scene = Scene(case, seed=1)
    scene.play()
    times = scene.server.accepted_at
    assert not [time for time in times if 11 < time < 20 or time > 31]
    assert len(times) > 0.9 * 20 * 50


def test_poisson() -> None:
    case = Case(ServerSpec("bucket", 100), demand=DemandSpec("poisson", 20), seconds=100)
    scene = Scene(case, seed=1)
    scene.play()
    assert len(scene.server.accepted_at) == pytest.approx(2000, abs=4 * math.sqrt(2000))


def test_clients_on_one_host_take_turns_at_one_pace() -> None:
    case = Case(SLIDING, "ours, one host", clients=3, seconds=60)
    outcome = run(case, seed=1)
    assert outcome.jain == pytest.approx(1, abs=0.001)
    alone = run(Case(SLIDING), seed=1)
    assert outcome.used == pytest.approx(alone.used, abs=0.05)


def test_our_pace_is_even_and_keeps_what_it_gains_early() -> None:
    """Ten milliseconds early is in time, and the next call is due as if it had not been."""
    policy = Learned(World(1), prior=20)
    policy.control.rate = 10
    policy.sent(0.0)
    assert policy.earliest(0.0, 1) == pytest.approx(0.09)
    policy.sent(0.09)
    assert policy.earliest(0.09, 2) == pytest.approx(0.19)
    policy.sent(5.0)
    assert policy.earliest(5.0, 3) == pytest.approx(5.09)


def test_seeds_reproduce() -> None:
    case = Case(ServerSpec("bucket", 30), clients=2, seconds=30)
    first, again, other = run(case, 1), run(case, 1), run(case, 2)
    assert first == again
    assert first != other


# --- peers ------------------------------------------------------------------------------


async def test_the_leaky_bucket_is_that_of_aiolimiter() -> None:
    loop = asyncio.get_running_loop()
    limiter, start = AsyncLimiter(10, 1), loop.time()
    real = []
    for number in range(200):
        if number % 50 == 0:
            await asyncio.sleep(1.7)
        await limiter.acquire()
        real.append(loop.time() - start)

    ours: list[float] = []
    policy, now = LeakyBucket(10, World(1).random), 0.0
    for number in range(200):
        now = policy.earliest(now + 1.7 if number % 50 == 0 else now, 0)
        policy.sent(now)
        ours.append(now)
    assert ours == pytest.approx(real, abs=1e-5)


def test_cubic_is_that_of_botocore() -> None:
    """Both hear the same 20,000 answers, and agree on every rate and every wait."""
    real, random, now = RealCubic(), World(3).random, 0.0
    policy, call = BotocoreCubic(World(1).random), Call(0.0)
    for _ in range(20_000):
        now = real.clock.now = now + random.expovariate(40)
        wait = real.wait()
        assert policy.earliest(now, 0) - now == pytest.approx(wait, abs=1e-6)
        if wait <= 0:
            real.send()
            policy.sent(now)
        throttled = random.random() < (0.3 if now % 20 < 2 else 0.001)
        real.limiter.on_receiving_response(throttled=throttled)
        if throttled:
            policy.refused(call, Refusal(), now)
        else:
            policy.accepted(call, 1, now)
        assert policy.rate == pytest.approx(real.bucket.max_rate, abs=1e-6)
    assert now > 400


class SetClock(bucket.Clock):  # type: ignore[misc]
    """A clock that stands until it is set."""

    now = 0.0

    def current_time(self) -> float:
        return self.now


class ToldDetector:
    """Takes the test's word for it."""

    def is_throttling_error(self, *, throttled: bool) -> bool:
        return throttled


class RealCubic:
    """botocore's limiter, on a clock that stands until it is set."""

    def __init__(self) -> None:
        self.clock = SetClock()
        self.bucket = bucket.TokenBucket(max_rate=1, clock=self.clock)
        self.limiter = adaptive.ClientRateLimiter(
            throttling.CubicCalculator(starting_max_rate=0, start_time=0.0),
            adaptive.RateClocker(self.clock),
            self.bucket,
            ToldDetector(),
            self.clock,
        )

    def wait(self) -> float:
        """Return the seconds until a call may leave."""
        if not self.limiter._enabled:
            return 0.0
        self.bucket._refill()
        return max(0.0, float(self.bucket._sleep_amount(1)))

    def send(self) -> None:
        if self.limiter._enabled:
            self.bucket.acquire(1)


# --- measures ---------------------------------------------------------------------------


def test_what_is_offered_follows_the_changes() -> None:
    assert offered([(0, 10)], 60) == 600
    assert offered([(0, 10), (20, 30)], 60) == 200 + 1200
    assert offered([(0, 10), (20, 30)], 10) == 100


def test_jain() -> None:
    assert jain([5, 5, 5]) == pytest.approx(1)
    assert jain([9, 0, 0]) == pytest.approx(1 / 3)
    assert jain([0, 0]) == 0


def recovered(accepted: list[float], refused: list[float]) -> float | None:
    server = Server(World(1), SLIDING)
    server.accepted_at, server.refused_at = accepted, refused
    return recovery(server, 10.0, 10.0, 30.0)


def test_recovery_is_when_the_new_rate_is_used_and_little_is_refused() -> None:
    """It is used from 2 s on, and a stretch that begins earlier has 90 % of it, too."""
    used = [12 + number / 10 for number in range(150)]
    assert recovered(used, []) == 1.75
    assert recovered(used, [12 + number / 20 for number in range(60)]) == 5.0
    assert recovered(used[::2], []) is None


# --- its place --------------------------------------------------------------------------


def test_only_the_adapter_knows_the_client_under_test() -> None:
    folder = Path(benchmarks.rate_sim.__file__).parent
    knowing = {path.name for path in folder.glob("*.py") if imports(path, "asyncdbx")}
    assert knowing == {"learned.py"}


def imports(path: Path, package: str) -> bool:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    for node in nodes:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return any(name.split(".")[0] == package for name in names)


def test_an_ablation_changes_one_constant_and_nothing_else() -> None:
    sources = Sources.read()
    constants = dict(sources.constants())
    constant = next(iter(constants))
    changed = dict(sources.with_constant(constant, math.inf).constants())
    assert changed == {**constants, constant: math.inf}
