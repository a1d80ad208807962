"""How much of its quota every lane gets with limits on, and how often it hears 429.

    python benchmarks/bench_limits.py [--seconds 40] [--learn 20] [--limiter sliding|bucket]
                                      [--workspaces 1]

A simulated fleet in a process of its own enforces the published limits with 50 ms of
latency. One client has more calls than it can make for one endpoint of every group that
the fleet limits, on every workspace and the account at once (some 800 calls a second for
each workspace: three of them keep two cores so busy that calls leave late). The numbers
are the server's: accepted calls over what its limit allows between the first and the last
one. What a cold start costs, with a stop of a second for each 429, is shown apart from what
follows it.
"""

import argparse
import asyncio
import contextlib
import itertools
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import uvloop

from asyncdbx.config import resolve
from asyncdbx.errors import NotFound
from asyncdbx.fleet import Call, Fleet
from benchmarks.common import (
    Cpu,
    SimulatedFleet,
    Targets,
    percent,
    print_table,
    simulated_fleet,
)

FLEET = ("--scale", 0.05, "--latency", 0.05)
# Calls that each lane has ready: more than may be in flight, and all lanes together about
# as many as one map holds. Each lane has a map of its own, because in a common one the
# calls of the slow lanes would fill the window.
WINDOW = 25
LATE = 0.015  # seconds; from about twice that on, a lane at its limit hears 429
Lanes = Mapping[str, tuple[str, dict[str, Any]]]
Stats = Mapping[str, Mapping[str, dict[str, Any]]]  # of each workspace's lanes


@dataclass(frozen=True, slots=True)
class Outcome:
    """One lane as the server saw it when it had learned; ``learning``: used until then."""

    workspace: str
    group: str
    rate: float
    accepted: int
    refused: int
    used: float
    learning: float

    @property
    def refused_share(self) -> float:
        return self.refused / (self.accepted + self.refused)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--learn", type=float, default=20, help="seconds before these")
    parser.add_argument("--limiter", choices=["sliding", "bucket"], help="default: both")
    parser.add_argument("--workspaces", type=int, default=1)
    options = parser.parse_args()
    targets = Targets()
    for kind in [options.limiter] if options.limiter else ["sliding", "bucket"]:
        measure(kind, options.workspaces, (options.learn, options.seconds), targets)
    return targets.exit_code


def measure(
    kind: str, workspaces: int, seconds: tuple[float, float], targets: Targets
) -> None:
    """Run the fleet with one kind of limiter, keep it busy, and show what came of it.

    Args:
        kind: Of limiter.
        workspaces: How many.
        seconds: To learn in, and to be measured in.
        targets: Judges the numbers.
    """
    started = Cpu.now()
    with simulated_fleet(*FLEET, "--workspaces", workspaces, "--limiter", kind) as fleet:
        before, odd, late = uvloop.run(busy_and_watched(fleet, *seconds))
        lanes = outcomes(fleet, before)
    took = Cpu.now().since(started)
    show(kind, lanes, targets)
    print(
        f"CPU seconds: client {took.own:.0f}, server {took.children:.0f}, others on this"
        f" machine {took.others:.0f}. The client woke more than {LATE * 1000:.0f} ms late"
        f" {len(late)} times, at most {1000 * max(late, default=0):.0f} ms."
        " (Calls that leave late arrive too close together, and are refused.)"
    )
    if odd:
        print(f"calls that failed: {dict(odd)}")
        targets.missed.append("failures")


async def busy_and_watched(
    simulated: SimulatedFleet, learn: float, seconds: float
) -> tuple[Stats, Counter[str], list[float]]:
    """Return what the server had counted when all had been learned, what failed, and by how
    many seconds this process woke too late."""
    watch = asyncio.create_task(lateness())
    work = asyncio.create_task(keep_busy(simulated, learn + seconds))
    await asyncio.sleep(learn)
    before = await asyncio.to_thread(simulated.ask, "stats")
    odd = await work
    watch.cancel()
    return before, odd, await watch


async def lateness() -> list[float]:
    """Sleep again and again until cancelled; return what was too much by ``LATE``."""
    late: list[float] = []
    loop = asyncio.get_running_loop()
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            due = loop.time() + 0.005
            await asyncio.sleep(0.005)
            if loop.time() - due > LATE:
                late.append(loop.time() - due)
    return late


async def keep_busy(simulated: SimulatedFleet, seconds: float) -> Counter[str]:
    """Keep every lane of every workspace busy, and return what failed."""
    odd: Counter[str] = Counter()
    configs = resolve(
        simulated.workspaces,
        environ={"DATABRICKS_CONFIG_FILE": str(simulated.config)},
        home=simulated.config.parent,
    )
    async with Fleet(configs) as fleet:
        warm_up(simulated)
        calls = [
            Call(name, endpoint, arguments)
            for name in simulated.workspaces
            for endpoint, arguments in lanes_of(simulated, name).values()
        ]
        await asyncio.gather(*(repeat(fleet, call, seconds, odd) for call in calls))
    return odd


def warm_up(simulated: SimulatedFleet) -> None:
    """Let the server make its state, which would hold up the first calls."""
    for name, facts in simulated.ask("fleet").items():
        for each in facts["resources"]:
            simulated.truth(name, each)


async def repeat(fleet: Fleet, call: Call, seconds: float, odd: Counter[str]) -> None:
    """Make a call again and again; what is on its way at the end is forgotten."""
    calls = itertools.repeat(call)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds), fleet.map(calls, window=WINDOW) as made:
            async for outcome in made:
                # What is deleted does not exist, on purpose: it can be repeated for ever.
                if outcome.error and not isinstance(outcome.error, NotFound):
                    odd[f"{call.endpoint}: {outcome.error}"] += 1


def lanes_of(simulated: SimulatedFleet, name: str) -> Lanes:
    """Return an endpoint and its arguments for every group the server limits there."""
    if name == "account":
        return account_lanes(simulated.truth(name, "account_users")[0]["id"])
    first = {
        resource: simulated.truth(name, resource)[0]
        for resource in ("clusters", "jobs", "job_runs", "secret_scopes", "groups", "users")
    }
    objects = simulated.truth(name, "workspace_objects")
    notebook = next(o["path"] for o in objects if o["object_type"] == "NOTEBOOK")
    experiment = simulated.truth(name, "experiments")[0]["experiment_id"]
    cluster = first["clusters"]["cluster_id"]
    of_cluster = {"request_object_type": "clusters", "request_object_id": cluster}
    grant = {"user_name": "ada.0000@example.com", "permission_level": "CAN_RESTART"}
    job, group = first["jobs"]["job_id"], first["groups"]["id"]
    imported = {"path": notebook, "content": "MQ==", "overwrite": True}
    return {
        "GET /api/2.1/clusters/get": ("clusters.get", {"cluster_id": cluster}),
        "GET /api/2.0/sql/queries": ("queries.list", {"page_size": 1}),
        "GET /api/2.0/preview/scim/v2/Users/{id}": (
            "users.get",
            {"id": first["users"]["id"]},
        ),
        "dbfs": ("dbfs.get_status", {"path": "/"}),
        "jobs.create": ("jobs.create", {"name": "one more"}),
        "jobs.run_now": ("jobs.run_now", {"job_id": job}),
        "jobs.submit": ("jobs.submit", {"run_name": "once", "tasks": []}),
        "jobs.get_run": ("jobs.get_run", {"run_id": first["job_runs"]["run_id"]}),
        "permissions.read": ("permissions.get", of_cluster),
        "permissions.write": (
            "permissions.update",
            {**of_cluster, "access_control_list": [grant]},
        ),
        "secrets.acls": ("secrets.list_acls", {"scope": first["secret_scopes"]["name"]}),
        "groups.read": ("groups.get", {"id": group}),
        "groups.patch": ("groups.patch", {"id": group, "operations": []}),
        "groups.delete": ("groups.delete", {"id": "0"}),
        "token_management": ("token_management.list", {}),
        "workspace.export": ("workspace.export", {"path": notebook}),
        "workspace.import": ("workspace.import_", imported),
        "mlflow.experiments": ("experiments.get_experiment", {"experiment_id": experiment}),
        "mlflow.registry": ("model_registry.list_models", {"max_results": 1}),
        "serving": ("serving_endpoints.list", {}),
    }


def account_lanes(user: str) -> Lanes:
    return {
        "account_scim.list": ("users.list", {"count": 1}),
        "account_scim.get": ("users.get", {"id": user}),
        "account_scim.patch": ("users.patch", {"id": user, "operations": []}),
        "account_scim.write": ("users.delete", {"id": "0"}),
    }


def outcomes(simulated: SimulatedFleet, before: Stats) -> list[Outcome]:
    """Return what the server has counted since, the least used lane of each group first."""
    stats: Stats = simulated.ask("stats")
    for name, lanes in stats.items():
        assert set(lanes) == set(lanes_of(simulated, name)), f"lanes of {name}"
    end = max(lane["last"] for lanes in stats.values() for lane in lanes.values())
    found = [
        outcome(name, group, before[name][group], lane, end)
        for name, lanes in stats.items()
        for group, lane in lanes.items()
    ]
    return sorted(found, key=lambda lane: (lane.group, lane.used))


def outcome(
    workspace: str, group: str, before: dict[str, Any], after: dict[str, Any], end: float
) -> Outcome:
    """Compare two counts of a lane; one that stops before the end has lost the rest."""
    rate, accepted = after["per_second"], after["accepted"] - before["accepted"]
    seconds = max(after["last"], end - 2 / rate) - before["last"]
    return Outcome(
        workspace,
        group,
        rate,
        accepted,
        after["refused"] - before["refused"],
        accepted / (rate * seconds),
        before["utilisation"],
    )


def show(kind: str, lanes: Sequence[Outcome], targets: Targets) -> None:
    """Print the worst workspace of every group, then the worst of all."""
    by_group = itertools.groupby(lanes, key=lambda lane: lane.group)
    rows = [row(group, [*members]) for group, members in by_group]
    print_table(
        f"Quota used, limiter {kind}: {len(lanes)} lanes at once (each group's worst one)",
        ("group", "limit/s", "lanes", "accepted", "429", "429 share", "used", "learning"),
        rows,
    )
    worst = min(lanes, key=lambda lane: lane.used)
    accepted, refused = sum(x.accepted for x in lanes), sum(x.refused for x in lanes)
    share = refused / (accepted + refused)
    loudest = max(lane.refused_share for lane in lanes)
    print_table(
        f"All lanes, limiter {kind}",
        ("what", "value", "target"),
        [
            (
                f"quota used on the worst lane ({worst.workspace} {worst.group})",
                percent(worst.used),
                targets.at_least(100 * worst.used, 95, " %"),
            ),
            (
                f"429 of {accepted + refused:,} requests",
                percent(share),
                targets.at_most(100 * share, 2, " %"),
            ),
            ("429 on the worst lane", percent(loudest), ""),
        ],
    )


def row(group: str, lanes: Sequence[Outcome]) -> tuple[str, ...]:
    return (
        group,
        f"{lanes[0].rate:.4g}",
        str(len(lanes)),
        f"{min(lane.accepted for lane in lanes):,}",
        f"{max(lane.refused for lane in lanes):,}",
        percent(max(lane.refused_share for lane in lanes)),
        percent(min(lane.used for lane in lanes)),
        percent(min(lane.learning for lane in lanes)),
    )


if __name__ == "__main__":
    sys.exit(main())
